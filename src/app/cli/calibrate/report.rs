//! What `calibrate` found: as a table, JSON, CSV, SVG and HTML.

use crate::calibrate::curve::{Curve, Kept, Unit};
use crate::calibrate::score::Score;
use crate::terminal::outln;
use crate::terminal::plot::{Mark, Plot, Series, extension};
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Equal shares that the rows of the table keep.
const TABLE_SHARES: u64 = 20;
/// Equal shares that the points of CSV and JSON keep.
const CURVE_SHARES: u64 = 100;
/// Points of a plotted line.
const PLOT_POINTS: usize = 2000;

/// The thresholds of a corpus, and what they keep.
pub(super) struct Report {
    pub slice: String,
    pub score: Score,
    pub curve: Curve,
    /// The threshold of the recipe, if it has one.
    pub now: Option<f64>,
    /// The threshold wanted, if one is; `Some(None)` is none.
    pub found: Option<Option<f64>>,
    /// The amount wanted.
    pub wanted: Option<(Unit, u64)>,
    /// What the shares are of.
    pub unit: Unit,
    /// Whether the recipe has a filter.
    pub has_filter: bool,
    /// The reason of documents that a threshold drops.
    pub reason: &'static str,
    pub is_applied: bool,
    /// Why the threshold cannot be applied.
    pub obstacle: Option<String>,
    /// The newest commit.
    pub commit: u64,
}

impl Curve {
    /// Returns the unit of shares: tokens if all are counted.
    pub(super) fn unit(&self) -> Unit {
        if self.without_tokens == 0 { Unit::Tokens } else { Unit::Documents }
    }
}

impl Report {
    fn kept(&self, threshold: Option<f64>) -> Kept {
        threshold.map_or(self.curve.all(), |threshold| self.curve.kept(threshold))
    }

    fn has_tokens(&self) -> bool {
        self.curve.without_tokens == 0
    }

    /// The condition of a recipe: `min_score = 0.5`, `rps_doc_word_count >= 50`.
    fn condition(&self, threshold: Option<f64>) -> String {
        let setting = self.score.setting();
        match (self.score, threshold) {
            (Score::Signal { .. }, None) => format!("no bound on {setting}"),
            (Score::Quality(_), threshold) => {
                format!("{setting} = {:?}", threshold.unwrap_or_default())
            }
            (_, Some(threshold)) => format!("{setting} {} {threshold}", self.score.operator()),
            (_, None) => format!("any {setting}"),
        }
    }

    pub fn json(&self) -> Value {
        let point = |threshold: Option<f64>| {
            let Kept { documents, tokens, bytes } = self.kept(threshold);
            let tokens = self.has_tokens().then_some(tokens);
            json!({
                "threshold": threshold,
                self.score.setting(): threshold,
                "documents": documents,
                "tokens": tokens,
                "bytes": bytes,
            })
        };
        let wanted = |unit: Unit| {
            self.wanted.filter(|(wanted, _)| *wanted == unit).map(|(_, amount)| amount)
        };
        let curve = self.curve.thresholds(self.unit, CURVE_SHARES).into_iter();
        json!({
            "slice": self.slice,
            "score": self.score.name(),
            "at_most": self.score.is_at_most(),
            "tokens_wanted": wanted(Unit::Tokens),
            "documents_wanted": wanted(Unit::Documents),
            "bytes_wanted": wanted(Unit::Bytes),
            "found": self.found.map(point),
            "now": self.now.map(|threshold| point(Some(threshold))),
            "all": point(None),
            "without_score": self.curve.without_score,
            "curve": curve.map(|threshold| point(Some(threshold))).collect::<Vec<_>>(),
            "obstacle": self.obstacle,
            "applied": self.is_applied,
            "commit": self.commit,
        })
    }

    pub fn print(&self) -> Result<()> {
        let Report { slice, reason, .. } = self;
        outln!(
            "{slice}: {} have a {} and are kept or dropped for `{reason}`",
            self.totals(),
            self.score.name()
        )?;
        if self.curve.without_score > 0 {
            let count = HumanCount(self.curve.without_score);
            let which = if let Score::Signal { .. } = self.score { "no" } else { "every" };
            outln!("{count} documents have none: {which} threshold keeps them")?;
        }
        outln!("{}", self.table())?;
        if self.has_filter && matches!(self.score, Score::Quality(_)) {
            outln!(
                "the recipe's `keep` may drop some of the documents that a lower threshold keeps"
            )?;
        }
        if let Score::Earlier(_) = self.score {
            outln!("later steps may drop some of the documents that a wider threshold keeps")?;
        }
        let Some(found) = self.found else {
            return outln!("to find a threshold, add --tokens N, --documents N or --bytes SIZE");
        };
        let (condition, kept) = (self.condition(found), self.kept(found));
        match self.wanted {
            Some((unit, amount)) => outln!(
                "{condition} keeps {} of the {} wanted",
                HumanCount(unit.of(kept)),
                amount_of(unit, amount)
            )?,
            None => outln!("{condition} keeps {}", self.amounts(kept))?,
        }
        match (&self.obstacle, self.is_applied) {
            (_, true) => outln!(
                "commit {}: the corpus has {condition} now; put it into your recipe too",
                self.commit
            ),
            (None, false) => outln!("to change the corpus, run the same command with --apply"),
            (Some(obstacle), false) => outln!("it cannot be applied: {obstacle}"),
        }
    }

    /// Everything that has the score.
    fn totals(&self) -> String {
        self.amounts(self.curve.all())
    }

    fn amounts(&self, kept: Kept) -> String {
        let documents = HumanCount(kept.documents);
        if self.has_tokens() {
            format!("{documents} documents with {} tokens", HumanCount(kept.tokens))
        } else {
            format!("{documents} documents, {} of text,", HumanBytes(kept.bytes))
        }
    }

    /// Returns the thresholds of a table in order, each with a remark.
    fn rows(&self) -> Vec<(&'static str, f64)> {
        let steps = self.curve.thresholds(self.unit, TABLE_SHARES).into_iter();
        let mut rows: Vec<(&str, f64)> = steps.map(|threshold| ("", threshold)).collect();
        let marked = [("now", self.now), ("found", self.found.flatten())];
        for (name, threshold) in marked {
            let Some(threshold) = threshold else { continue };
            rows.retain(|row| row.1 != threshold || !row.0.is_empty());
            rows.push((name, threshold));
        }
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        rows
    }

    fn share(&self, kept: Kept) -> f64 {
        self.unit.of(kept) as f64 / self.unit.of(self.curve.all()).max(1) as f64
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        let amount = if self.has_tokens() { "tokens" } else { "text read" };
        let of_all = format!("of all {}", self.unit.name());
        table.load_style(UTF8_BORDERS_ONLY).set_header([
            self.score.setting(),
            "documents",
            amount,
            &of_all,
            "",
        ]);
        for (name, threshold) in self.rows() {
            let kept = self.curve.kept(threshold);
            let amount = if self.has_tokens() {
                HumanCount(kept.tokens).to_string()
            } else {
                HumanBytes(kept.bytes).to_string()
            };
            table.add_row([
                threshold.to_string(),
                HumanCount(kept.documents).to_string(),
                amount,
                format!("{:.1} %", 100.0 * self.share(kept)),
                name.to_owned(),
            ]);
        }
        for column in table.column_iter_mut().take(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    pub fn write_curves(&self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            let file = match extension(path) {
                "csv" => self.csv(),
                "svg" => self.svg()?,
                _ => self.html()?,
            };
            durable::write(path, file.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The tokens of a threshold, empty if they are not counted.
    fn tokens(&self, kept: Kept) -> String {
        if self.has_tokens() { kept.tokens.to_string() } else { String::new() }
    }

    fn csv(&self) -> String {
        let mut file = format!("{},documents,tokens,bytes\n", self.score.setting());
        for threshold in self.curve.thresholds(self.unit, CURVE_SHARES) {
            let kept = self.curve.kept(threshold);
            let (documents, tokens, bytes) = (kept.documents, self.tokens(kept), kept.bytes);
            writeln!(file, "{threshold},{documents},{tokens},{bytes}")
                .expect("a string can be written to");
        }
        file
    }

    fn svg(&self) -> Result<String> {
        let (score, all) = (self.score.name(), self.curve.all());
        let points = self.curve.points(PLOT_POINTS);
        // A few documents with extreme values would press all others to one side.
        let cut = (all.documents / 200) as usize;
        let is_within = |(_, kept): &&(f64, Kept)| {
            kept.documents as usize >= cut && (all.documents - kept.documents) as usize >= cut
        };
        let mut within = points.iter().filter(is_within).map(|point| point.0);
        let first = within.next().unwrap_or(points[0].0);
        let last = within.next_back().unwrap_or(first);
        let marked = [("now", self.now), ("found", self.found.flatten())];
        let marks: Vec<Mark> = marked
            .into_iter()
            .filter_map(|(name, at)| Some(Mark { name: format!("{name}: {}", at?), at: at? }))
            .collect();
        let ends = marks.iter().map(|mark| mark.at);
        let range = if let Score::Quality(_) = self.score {
            0.0..1.0
        } else {
            ends.clone().fold(first, f64::min)..ends.fold(last, f64::max)
        };
        let series = |name: &str, of: fn(Kept) -> u64| Series {
            name: name.to_owned(),
            points: self.stairs(&points, range.clone(), of),
        };
        let documents = series("documents", |kept| kept.documents);
        let series = if self.has_tokens() {
            vec![series("tokens", |kept| kept.tokens), documents]
        } else {
            vec![documents, series("text read", |kept| kept.bytes)]
        };
        let plot = Plot {
            title: &format!("{}: what a threshold on {score} keeps", self.slice),
            about: &format!("of {} that have a {score}", self.totals().trim_end_matches(',')),
            across: &format!(
                "{} (documents {} it are kept)",
                self.score.setting(),
                self.score.operator()
            ),
            up: "share kept",
            range: range.clone(),
            marks: &marks,
            series: &series,
        };
        plot.svg()
    }

    /// The shares kept over the thresholds of a range, in stairs: the value of a document is the last
    /// threshold that keeps it.
    fn stairs(
        &self,
        points: &[(f64, Kept)],
        range: std::ops::Range<f64>,
        of: fn(Kept) -> u64,
    ) -> Vec<(f64, f64)> {
        let share = |kept: Kept| of(kept) as f64 / of(self.curve.all()).max(1) as f64;
        let mut line = vec![(range.start, share(self.curve.kept(range.start)))];
        for (at, kept) in points.iter().filter(|point| range.contains(&point.0)) {
            let (before, now) = (*line.last().expect("it has a first point"), share(*kept));
            line.push(if self.score.is_at_most() { (*at, before.1) } else { (before.0, now) });
            line.push((*at, now));
        }
        let last = line.last().expect("it has a first point").0;
        let end = share(self.curve.kept(range.end));
        line.push(if self.score.is_at_most() { (range.end, end) } else { (last, end) });
        line.push((range.end, end));
        line
    }

    /// The plot and the table, in one self-contained file.
    fn html(&self) -> Result<String> {
        let mut rows = String::new();
        for (name, threshold) in self.rows() {
            let kept = self.curve.kept(threshold);
            let (documents, tokens, bytes) = (kept.documents, self.tokens(kept), kept.bytes);
            let share = 100.0 * self.share(kept);
            writeln!(
                rows,
                "<tr><td>{threshold}<td>{documents}<td>{tokens}<td>{bytes}<td>{share:.1} %<td>{name}</tr>"
            )
            .expect("a string can be written to");
        }
        let (setting, slice, score) = (self.score.setting(), &self.slice, self.score.name());
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{slice}: {setting}</title>\n\
             <style>body{{font-family:sans-serif}}td,th{{text-align:right;padding:0 1em}}\
             svg{{max-width:100%;height:auto}}</style>\n\
             <h1>{slice}: what a threshold on {score} keeps</h1>\n{}\n\
             <table>\n<tr><th>{setting}<th>documents<th>tokens<th>bytes read<th>of all {}<th></tr>\n\
             {rows}</table>\n</html>\n",
            self.svg()?,
            self.unit.name()
        ))
    }
}

fn amount_of(unit: Unit, amount: u64) -> String {
    match unit {
        Unit::Bytes => HumanBytes(amount).to_string(),
        Unit::Documents | Unit::Tokens => format!("{} {}", HumanCount(amount), unit.name()),
    }
}
