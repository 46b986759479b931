//! Plots of shares over a threshold, as SVG.

use anyhow::{Result, anyhow};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

/// Size of a panel.
const PANEL: (u32, u32) = (560, 400);
/// Height of the title and the line below it.
const HEAD: u32 = 56;
/// Part of a panel's height above its highest value, for the names of marks.
const HEADROOM: f64 = 0.16;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Colours that people with colour blindness can distinguish; lines also differ in width.
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

/// Returns the extension of a curve's file, which names its format.
pub(crate) fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// A line: its name, and points in ascending order, with shares from 0 to 1.
pub(crate) struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// A threshold with a name.
pub(crate) struct Mark {
    pub name: String,
    pub at: f64,
}

/// A plot of shares over a threshold.
pub(crate) struct Plot<'a> {
    pub title: &'a str,
    /// The line below the title: what the shares are of.
    pub about: &'a str,
    /// Names of the axes.
    pub across: &'a str,
    pub up: &'a str,
    /// The range of thresholds.
    pub range: Range<f64>,
    pub marks: &'a [Mark],
    /// Up to three lines; the first decides what is enlarged.
    pub series: &'a [Series],
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
struct Panel {
    title: &'static str,
    x: Range<f64>,
    y: Range<f64>,
}

impl Plot<'_> {
    /// Draws the plot. If most of it happens within a small range of thresholds, a second panel
    /// enlarges that.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        let panels = self.panels();
        let size = (PANEL.0 * panels.len() as u32, PANEL.1 + HEAD);
        let mut file = String::new();
        self.draw(&mut file, size, &panels).map_err(|what| anyhow!("cannot draw: {what}"))?;
        Ok(file)
    }

    fn panels(&self) -> Vec<Panel> {
        let mut panels = vec![Panel { title: "", x: widened(&self.range), y: 0.0..1.0 }];
        if let Some((x, y)) = self.enlarged() {
            panels.push(Panel { title: "enlarged", x, y });
        }
        panels
    }

    /// Returns the ranges that are worth enlarging: those of the middle nine tenths of the first
    /// line's change or, if that is spread out, those near the last mark.
    fn enlarged(&self) -> Option<(Range<f64>, Range<f64>)> {
        let points = &self.series.first()?.points;
        let (first, last) = (points.first()?.1, points.last()?.1);
        // With the points before and after.
        let between = |low: f64, high: f64| {
            let is_within = |(_, share): &(f64, f64)| (low..=high).contains(share);
            let first = points.iter().position(is_within)?.saturating_sub(1);
            let last = (points.iter().rposition(is_within)? + 1).min(points.len() - 1);
            Some(points[first].0..points[last].0)
        };
        let is_small = |x: &Range<f64>| {
            let width = x.end - x.start;
            width > 0.0 && width < 0.4 * (self.range.end - self.range.start)
        };
        let (low, high) = (first.min(last), first.max(last));
        let edge = 0.05 * (high - low);
        if let Some(x) = between(low + edge, high - edge).filter(is_small) {
            return Some((widened(&x), 0.0..1.0));
        }
        let mark = self.marks.last()?;
        let share =
            points.iter().min_by(|a, b| (a.0 - mark.at).abs().total_cmp(&(b.0 - mark.at).abs()))?;
        let y = (share.1 - 0.1).max(0.0)..(share.1 + 0.1).min(1.0);
        let x = between(y.start, y.end)?;
        let x = x.start.min(mark.at)..x.end.max(mark.at);
        is_small(&x).then(|| (widened(&x), y))
    }

    fn draw(&self, file: &mut String, size: (u32, u32), panels: &[Panel]) -> Drawn {
        let root = SVGBackend::with_string(file, size).into_drawing_area();
        root.fill(&WHITE).map_err(shown)?;
        let title = TextStyle::from((FONT, 18).into_font()).color(&INK);
        root.draw(&Text::new(self.title, (16, 12), title)).map_err(shown)?;
        let about = TextStyle::from((FONT, 13).into_font()).color(&INK);
        root.draw(&Text::new(self.about, (16, 36), about)).map_err(shown)?;
        let below = root.margin(HEAD, 0, 0, 0);
        for (panel, area) in panels.iter().zip(below.split_evenly((1, panels.len()))) {
            self.panel(panel, &area)?;
        }
        root.present().map_err(shown)
    }

    fn panel(&self, panel: &Panel, area: &Area<'_>) -> Drawn {
        let Panel { title, x, y } = panel;
        let height = y.end - y.start;
        let top = y.end + HEADROOM * height;
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(x.clone(), y.start..top)
            .map_err(shown)?;
        let across = if title.is_empty() {
            self.across.to_owned()
        } else {
            format!("{}, {title}", self.across)
        };
        let step = (x.end - x.start) / 8.0;
        chart
            .configure_mesh()
            .x_labels(7)
            .y_labels(6)
            .x_desc(across)
            .y_desc(self.up)
            .x_label_formatter(&|at| number(*at, step))
            .y_label_formatter(&|share| {
                let is_shown = *share <= y.end + 1e-9;
                if is_shown { format!("{:.0} %", 100.0 * share) } else { String::new() }
            })
            .label_style((FONT, 13).into_font().color(&INK))
            .axis_desc_style((FONT, 14).into_font().color(&INK))
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .draw()
            .map_err(shown)?;
        for (number, Series { name, points }) in self.series.iter().enumerate() {
            let style = COLOURS[number % COLOURS.len()].stroke_width(3 - (number as u32).min(1));
            let lines = clipped(points, x, y).into_iter().map(|part| PathElement::new(part, style));
            chart
                .draw_series(lines)
                .map_err(shown)?
                .label(name)
                .legend(move |(left, y)| PathElement::new([(left, y), (left + 22, y)], style));
        }
        self.draw_marks(panel, &mut chart)?;
        chart
            .configure_series_labels()
            .position(free_corner(self.series, panel))
            .margin(12)
            .legend_area_size(30)
            .background_style(WHITE.mix(0.85))
            .border_style(GRID)
            .label_font((FONT, 13).into_font().color(&INK))
            .draw()
            .map_err(shown)
    }

    /// Draws each mark as a dashed line with its name beside its top. Names are in rows of their
    /// own, so that they cannot overlap.
    fn draw_marks(&self, Panel { x, y, .. }: &Panel, chart: &mut Chart<'_, '_>) -> Drawn {
        let height = y.end - y.start;
        for (row, Mark { name, at }) in self.marks.iter().enumerate() {
            if !x.contains(at) {
                continue;
            }
            let level = y.end + height * HEADROOM * (0.95 - 0.45 * (row % 2) as f64);
            let line = [(*at, y.start), (*at, y.end + HEADROOM * height)];
            chart
                .draw_series(DashedLineSeries::new(line, 5, 4, INK.stroke_width(1)))
                .map_err(shown)?;
            let is_right = *at > (x.start + x.end) / 2.0;
            let (text, side) = if is_right {
                (format!("{name} "), plotters::style::text_anchor::HPos::Right)
            } else {
                (format!(" {name}"), plotters::style::text_anchor::HPos::Left)
            };
            let anchor = plotters::style::text_anchor::Pos::new(
                side,
                plotters::style::text_anchor::VPos::Top,
            );
            let style = TextStyle::from((FONT, 13).into_font()).color(&INK).pos(anchor);
            // A little beside the line.
            let gap = if is_right { -6 } else { 6 };
            let name =
                EmptyElement::at((*at, level)) + Text::new(text.trim().to_owned(), (gap, 0), style);
            chart.draw_series([name]).map_err(shown)?;
        }
        Ok(())
    }
}

type Drawn = Result<(), String>;
type Area<'f> = DrawingArea<SVGBackend<'f>, plotters::coord::Shift>;
type Chart<'c, 'f> = ChartContext<'c, SVGBackend<'f>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn shown(error: impl Display) -> String {
    error.to_string()
}

/// Returns a range with a margin on both sides.
fn widened(range: &Range<f64>) -> Range<f64> {
    let width = range.end - range.start;
    let margin = if width > 0.0 { 0.04 * width } else { 0.5 * range.start.abs().max(1.0) };
    range.start - margin..range.end + margin
}

type Point = (f64, f64);

/// Returns the parts of a line that are within a panel.
fn clipped(points: &[Point], x: &Range<f64>, y: &Range<f64>) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = clipped_segment(pair[0], pair[1], x, y) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&from) => part.push(to),
            _ => parts.push(vec![from, to]),
        }
    }
    parts
}

/// Returns the part of a segment that is within a panel (Liang and Barsky's algorithm).
fn clipped_segment(a: Point, b: Point, x: &Range<f64>, y: &Range<f64>) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0, 1.0);
    let edges = [(-dx, a.0 - x.start), (dx, x.end - a.0), (-dy, a.1 - y.start), (dy, y.end - a.1)];
    for (direction, distance) in edges {
        if direction < 0.0 {
            from = f64::max(from, distance / direction);
        } else if direction > 0.0 {
            to = f64::min(to, distance / direction);
        } else if distance < 0.0 {
            return None;
        }
    }
    let at = |part: f64| match part {
        0.0 => a,
        1.0 => b,
        _ => (a.0 + part * dx, a.1 + part * dy),
    };
    (from <= to).then(|| (at(from), at(to)))
}

/// Corners for the legend, and the middle of each as shares of a panel.
const CORNERS: [(SeriesLabelPosition, Point); 4] = [
    (SeriesLabelPosition::LowerLeft, (0.15, 0.12)),
    (SeriesLabelPosition::LowerRight, (0.85, 0.12)),
    (SeriesLabelPosition::MiddleRight, (0.85, 0.5)),
    (SeriesLabelPosition::MiddleLeft, (0.15, 0.5)),
];

/// Returns the corner of a panel with the fewest points of lines in it.
fn free_corner(series: &[Series], Panel { x, y, .. }: &Panel) -> SeriesLabelPosition {
    let top = y.end + HEADROOM * (y.end - y.start);
    let parts = series.iter().flat_map(|series| clipped(&series.points, x, y));
    let segments =
        parts.flat_map(|part| part.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>());
    let between = segments.flat_map(|(a, b)| {
        [0.0, 0.25, 0.5, 0.75].map(|part| (a.0 + part * (b.0 - a.0), a.1 + part * (b.1 - a.1)))
    });
    let places: Vec<Point> = between
        .map(|(a, b)| ((a - x.start) / (x.end - x.start), (b - y.start) / (top - y.start)))
        .collect();
    let in_corner = |middle: Point| {
        let is_near =
            |at: &&Point| (at.0 - middle.0).abs() < 0.16 && (at.1 - middle.1).abs() < 0.13;
        places.iter().filter(is_near).count()
    };
    let free = CORNERS.into_iter().min_by_key(|(_, middle)| in_corner(*middle));
    free.expect("there are corners").0
}

/// Returns a number with the decimal places that tell it from one `step` away.
fn number(number: f64, step: f64) -> String {
    let places = (1.0 - step.abs().max(1e-9).log10()).ceil().clamp(0.0, 9.0) as usize;
    let text = format!("{number:.places$}");
    let text = if places > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(series: &[Series], marks: &[Mark]) -> (Vec<Panel>, String) {
        let plot = Plot {
            title: "a < b & c",
            about: "of 3",
            across: "threshold",
            up: "share",
            range: 0.0..1.0,
            marks,
            series,
        };
        (plot.panels(), plot.svg().unwrap())
    }

    fn line(share: impl Fn(f64) -> f64) -> Vec<Series> {
        let points = (0..=1000).map(|step| f64::from(step) / 1000.0);
        vec![Series { name: "tokens".into(), points: points.map(|x| (x, share(x))).collect() }]
    }

    #[test]
    fn what_changes_within_a_small_range_is_enlarged() {
        let (panels, svg) = plot(&line(|x| if x < 0.95 { 1.0 } else { 20.0 * (1.0 - x) }), &[]);
        assert_eq!(panels.len(), 2);
        assert!(panels[1].x.start > 0.94 && panels[1].x.end < 1.01, "{panels:?}");
        for word in ["a &lt; b &amp; c", "of 3", "threshold, enlarged", "share", "tokens"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
    }

    #[test]
    fn if_it_changes_at_both_ends_the_last_mark_is_enlarged() {
        let share = |x: f64| {
            if x < 0.02 {
                1.0 - 25.0 * x
            } else if x < 0.98 {
                0.5
            } else {
                25.0 * (1.0 - x)
            }
        };
        let marks = ["now", "found"].map(|name| Mark { name: name.into(), at: 0.99 });
        let (panels, svg) = plot(&line(share), &marks);
        assert!(panels[1].x.start > 0.95 && panels[1].x.contains(&0.99), "{panels:?}");
        assert!(svg.contains("now") && svg.contains("found"));
    }

    #[test]
    fn an_even_line_is_one_panel_and_no_points_are_no_error() {
        assert_eq!(plot(&line(|x| 1.0 - x), &[]).0.len(), 1);
        assert_eq!(plot(&[Series { name: "none".into(), points: Vec::new() }], &[]).0.len(), 1);
        assert_eq!(plot(&line(|_| 0.5), &[Mark { name: "m".into(), at: 0.5 }]).0.len(), 1);
    }

    #[test]
    fn a_line_that_leaves_a_panel_ends_at_its_edge() {
        let line = [(0.0, 0.0), (1.0, 1.0), (2.0, 1.0), (2.0, 0.0), (3.0, 0.5)];
        let parts = clipped(&line, &(0.5..3.0), &(0.0..0.75));
        let expected =
            vec![vec![(0.5, 0.5), (0.75, 0.75)], vec![(2.0, 0.75), (2.0, 0.0), (3.0, 0.5)]];
        assert_eq!(parts, expected);
    }

    #[test]
    fn numbers_have_the_places_that_distinguish_them() {
        assert_eq!(number(0.25, 0.1), "0.25");
        assert_eq!(number(0.999_5, 0.000_1), "0.9995");
        assert_eq!(number(1500.0, 500.0), "1500");
        assert_eq!(number(-0.0, 0.5), "0");
    }
}
