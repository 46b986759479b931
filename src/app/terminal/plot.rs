//! Plots of shares over a threshold, as SVG.

use std::path::Path;

/// Side of the plotted square, and the margin around it.
const SIDE: f64 = 400.0;
const MARGIN: f64 = 50.0;

const COLOURS: [&str; 2] = ["#1b6ca8", "#b5502a"];

/// Returns the extension of a curve's file, which names its format.
pub(crate) fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// A line: its name, and points with coordinates from 0 to 1.
pub(crate) type Series<'a> = (&'a str, Vec<(f64, f64)>);

/// A plot whose axes both go from 0 to 1.
pub(crate) struct Plot<'a> {
    pub title: &'a str,
    /// Label of the horizontal axis.
    pub across: &'a str,
    /// Positions of vertical lines.
    pub marks: &'a [f64],
    /// One or two lines.
    pub series: &'a [Series<'a>],
}

impl Plot<'_> {
    pub fn svg(&self) -> String {
        let x = |share: f64| MARGIN + share * SIDE;
        let y = |share: f64| MARGIN + (1.0 - share) * SIDE;
        let (whole, low) = (SIDE + 2.0 * MARGIN, MARGIN + SIDE);
        let mut file = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{whole}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            self.title
        );
        let mut line = |text: String| file += &(text + "\n");
        for tenths in (0..=10).step_by(2) {
            let share = f64::from(tenths) / 10.0;
            let (across, down) = (x(share), y(share));
            line(format!(
                "<path d=\"M{MARGIN} {down}H{low}M{across} {MARGIN}V{low}\" stroke=\"#ddd\"/>\
                 <text x=\"{across}\" y=\"{}\" text-anchor=\"middle\">{share}</text>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{share}</text>",
                low + 18.0,
                MARGIN - 8.0,
                down + 4.0,
            ));
        }
        for mark in self.marks {
            let across = x(*mark);
            line(format!(
                "<path d=\"M{across} {MARGIN}V{low}\" stroke=\"#888\" stroke-dasharray=\"4\"/>"
            ));
        }
        line(format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(0.5),
            low + 38.0,
            self.across
        ));
        for (number, (name, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points: Vec<String> = points
                .iter()
                .map(|(at, share)| format!("{:.1},{:.1}", x(*at), y(*share)))
                .collect();
            let (points, across) = (points.join(" "), x(0.1 + 0.25 * number as f64));
            line(format!(
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
                 stroke-width=\"2\"/>\
                 <text x=\"{across}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
                MARGIN - 14.0
            ));
        }
        file + "</svg>\n"
    }
}
