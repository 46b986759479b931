//! Charts as SVG, in the colours of the page.

use super::duplicates::Groups;
use super::histogram::{Histogram, Scale};
use anyhow::{Result, anyhow};
use plotters::chart::ChartBuilder;
use plotters::prelude::*;
use std::fmt::Display;

/// Size of a chart. On a narrow screen it is scaled.
const SIZE: (u32, u32) = (560, 260);

const FONT: &str = "sans-serif";

/// Stand-ins: no chart has these colours otherwise. They are replaced by variables of the page's style,
/// which follow light and dark.
const INK: RGBColor = RGBColor(1, 2, 3);
const GRID: RGBColor = RGBColor(1, 2, 4);
const KEPT: RGBColor = RGBColor(1, 2, 5);
const DROPPED: RGBColor = RGBColor(1, 2, 6);

const VARIABLES: [(RGBColor, &str); 4] = [
    (INK, "var(--ink)"),
    (GRID, "var(--grid)"),
    (KEPT, "var(--kept)"),
    (DROPPED, "var(--dropped)"),
];

/// A bar: where it begins and ends, and its parts from below.
struct Bar {
    from: f64,
    to: f64,
    parts: [f64; 2],
}

/// What is written at an axis.
struct Axes<'a> {
    across: &'a str,
    up: &'a str,
    label_across: &'a dyn Fn(f64) -> String,
    label_up: &'a dyn Fn(f64) -> String,
}

/// Draws how many documents were kept and dropped over their values.
///
/// # Errors
/// If it cannot be drawn.
pub(super) fn histogram(values: &Histogram, name: &str) -> Result<String> {
    let scale = values.scale;
    let used = match scale {
        Scale::Unit => 0..values.kept.len(),
        Scale::Octaves => values.used(),
    };
    let at = |bin: usize| match scale {
        Scale::Unit => scale.low(bin),
        Scale::Octaves => scale.low(bin).log2(),
    };
    let bar = |bin: usize| Bar {
        from: at(bin),
        to: at(bin + 1),
        parts: [values.kept[bin] as f64, values.dropped[bin] as f64],
    };
    let bars: Vec<Bar> = used.map(bar).collect();
    let label_across = |value: f64| match scale {
        Scale::Unit => format!("{value:.2}"),
        Scale::Octaves => short(2f64.powf(value)),
    };
    let axes =
        Axes { across: name, up: "documents", label_across: &label_across, label_up: &short };
    draw(&bars, &axes)
}

/// Draws how many groups of copies have which size.
///
/// # Errors
/// If it cannot be drawn.
pub(super) fn groups(groups: &[Groups]) -> Result<String> {
    let bar = |of_size: &Groups| {
        let from = (of_size.from as f64).log2();
        // Of one group too, a bar is seen.
        Bar { from, to: from + 1.0, parts: [(of_size.groups as f64 * 2.0).log10(), 0.0] }
    };
    let bars: Vec<Bar> = groups.iter().map(bar).collect();
    let axes = Axes {
        across: "copies in a group",
        up: "groups",
        label_across: &|value| short(2f64.powf(value)),
        label_up: &|value| short(10f64.powf(value) / 2.0),
    };
    draw(&bars, &axes)
}

fn draw(bars: &[Bar], axes: &Axes<'_>) -> Result<String> {
    let mut svg = String::new();
    drawn(&mut svg, bars, axes).map_err(|what| anyhow!("cannot draw: {what}"))?;
    for (colour, variable) in VARIABLES {
        let RGBColor(red, green, blue) = colour;
        svg = svg.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), variable);
    }
    Ok(svg)
}

fn drawn(svg: &mut String, bars: &[Bar], axes: &Axes<'_>) -> Result<(), String> {
    let first = bars.first().map_or(0.0, |bar| bar.from);
    let last = bars.last().map_or(1.0, |bar| bar.to);
    let highest = bars.iter().map(|bar| bar.parts.iter().sum()).fold(0.0, f64::max);
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(first..last, 0.0..highest.max(1e-9) * 1.05)
        .map_err(shown)?;
    let text = |size: u32| (FONT, size).into_font().color(&INK);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(8)
        .y_labels(5)
        .x_desc(axes.across)
        .y_desc(axes.up)
        .x_label_formatter(&|value| (axes.label_across)(*value))
        .y_label_formatter(&|value| (axes.label_up)(*value))
        .label_style(text(13))
        .axis_desc_style(text(14))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .draw()
        .map_err(shown)?;
    for (part, colour) in [KEPT, DROPPED].into_iter().enumerate() {
        let rectangles = bars.iter().filter(|bar| bar.parts[part] > 0.0).map(|bar| {
            let below: f64 = bar.parts[..part].iter().sum();
            // With a gap between bars.
            let gap = 0.06 * (bar.to - bar.from);
            let corners = [(bar.from + gap, below), (bar.to - gap, below + bar.parts[part])];
            Rectangle::new(corners, colour.filled())
        });
        chart.draw_series(rectangles).map_err(shown)?;
    }
    drop(chart);
    root.present().map_err(shown)
}

fn shown(error: impl Display) -> String {
    error.to_string()
}

/// A number of an axis: `950`, `1.5 k`, `20 M`.
fn short(number: f64) -> String {
    let (mut number, mut suffix) = (number, "");
    for next in [" k", " M", " G", " T"] {
        if number < 999.5 {
            break;
        }
        (number, suffix) = (number / 1000.0, next);
    }
    let places = usize::from(number < 9.95 && (number - number.round()).abs() > 0.05);
    format!("{number:.places$}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_have_the_colours_of_the_page_only() {
        let mut values = Histogram::new(Scale::Octaves);
        [2.0, 300.0, 300.0, 7e5].into_iter().for_each(|value| values.add(value, value < 1e3));
        let svg = histogram(&values, "perplexity").unwrap();
        for word in ["var(--ink)", "var(--grid)", "var(--kept)", "var(--dropped)", "perplexity"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
        assert!(!svg.contains("#0102"), "{svg}");
        let some = [
            Groups { from: 2, groups: 1, members: 2 },
            Groups { from: 8, groups: 90, members: 900 },
        ];
        assert!(groups(&some).unwrap().contains("copies in a group"));
        assert!(groups(&[]).is_ok() && histogram(&Histogram::new(Scale::Unit), "q").is_ok());
    }

    #[test]
    fn numbers_of_an_axis_are_short() {
        for (number, expected) in
            [(0.0, "0"), (2.5, "2.5"), (950.0, "950"), (1500.0, "1.5 k"), (2e7, "20 M")]
        {
            assert_eq!(short(number), expected);
        }
    }
}
