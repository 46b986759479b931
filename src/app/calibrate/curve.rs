//! What each threshold keeps.

use super::score::{LastSteps, Score};
use anyhow::Result;
use corpus::{Corpus, Label, rows_as_built};
use std::collections::BTreeMap;

/// Digits of a threshold: those after the point below 1, significant ones above. They bound the
/// memory of a curve: it does not depend on the number of documents.
const DIGITS: i32 = 6;

/// What a threshold keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub documents: u64,
    /// Tokens of those documents whose tokens are counted.
    pub tokens: u64,
    /// Bytes of text, as read.
    pub bytes: u64,
}

impl Kept {
    fn add(&mut self, other: Kept) {
        self.documents += other.documents;
        self.tokens += other.tokens;
        self.bytes += other.bytes;
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Documents,
    Tokens,
    Bytes,
}

impl Unit {
    pub fn of(self, kept: Kept) -> u64 {
        match self {
            Unit::Documents => kept.documents,
            Unit::Tokens => kept.tokens,
            Unit::Bytes => kept.bytes,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Unit::Documents => "documents",
            Unit::Tokens => "tokens",
            Unit::Bytes => "bytes",
        }
    }
}

/// What each threshold on a score keeps, of the documents that no other step drops.
pub(crate) struct Curve {
    /// Whether documents at or below a threshold are kept.
    is_at_most: bool,
    /// Thresholds, the one that keeps least first, and what each keeps.
    points: Vec<(f64, Kept)>,
    /// Documents whose tokens are not counted.
    pub without_tokens: u64,
    /// Documents that have no score: no threshold keeps them.
    pub without_score: u64,
}

impl Curve {
    /// Computes the curve from the ledger of labels, each with its steps.
    pub fn of<'l>(
        corpus: &Corpus,
        score: Score,
        labels: impl Iterator<Item = (&'l Label, LastSteps)>,
    ) -> Result<Curve> {
        let mut cells = Cells::new(score.is_at_most());
        let (mut without_tokens, mut without_score) = (0, 0);
        for (label, steps) in labels {
            for row in rows_as_built(corpus, label) {
                let row = row?;
                if !steps.keep_but_for(score, &row) {
                    continue;
                }
                let Some(value) = score.of(&row.built).filter(|value| value.is_finite()) else {
                    // A step that saw the score, or has no model, is no obstacle.
                    without_score += u64::from(row.built.reason.is_none());
                    continue;
                };
                let tokens = row.built.scores.tokens;
                without_tokens += u64::from(tokens.is_none());
                let (tokens, bytes) = (tokens.unwrap_or(0), row.built.bytes_read());
                cells.add(value, Kept { documents: 1, tokens, bytes });
            }
        }
        Ok(Curve { without_tokens, without_score, ..cells.curve() })
    }

    /// Returns the threshold that keeps the amount nearest to `wanted`, the strictest of several.
    pub fn threshold_for(&self, unit: Unit, wanted: u64) -> f64 {
        let distance = |(_, kept): &&(f64, Kept)| unit.of(*kept).abs_diff(wanted);
        self.points.iter().min_by_key(distance).expect("a curve has a point").0
    }

    /// Returns what `threshold` keeps. This is exact for thresholds of six digits; others are
    /// rounded to the next stricter one.
    pub fn kept(&self, threshold: f64) -> Kept {
        let is_kept = |(at, _): &(f64, Kept)| {
            if self.is_at_most { *at <= threshold } else { *at >= threshold }
        };
        let count = self.points.partition_point(is_kept);
        count.checked_sub(1).map(|last| self.points[last].1).unwrap_or_default()
    }

    /// Returns everything that has a score.
    pub fn all(&self) -> Kept {
        self.points.last().map(|(_, kept)| *kept).unwrap_or_default()
    }

    /// Returns thresholds in ascending order: those at which each of `count` equal shares of
    /// `unit` is kept, and the two ends.
    pub fn thresholds(&self, unit: Unit, count: u64) -> Vec<f64> {
        let all = unit.of(self.all());
        let share = |number: u64| (u128::from(all) * u128::from(number) / u128::from(count)) as u64;
        let mut found: Vec<f64> =
            (0..=count).map(|number| self.threshold_for(unit, share(number))).collect();
        found.extend([self.points.first(), self.points.last()].into_iter().flatten().map(|p| p.0));
        found.sort_by(f64::total_cmp);
        found.dedup();
        found
    }

    /// Returns every threshold with what it keeps, in ascending order of thresholds, at most
    /// `most` of them.
    pub fn points(&self, most: usize) -> Vec<(f64, Kept)> {
        let step = self.points.len().div_ceil(most.max(1)).max(1);
        let last = self.points.last().into_iter().copied();
        let mut points: Vec<_> = self.points.iter().copied().step_by(step).chain(last).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by_key(|point| point.0);
        points
    }
}

/// Documents by the strictest threshold that keeps them.
struct Cells {
    is_at_most: bool,
    /// By the sortable bits of the threshold, negated if it is an upper one.
    cells: BTreeMap<i64, (f64, Kept)>,
}

impl Cells {
    fn new(is_at_most: bool) -> Cells {
        Cells { is_at_most, cells: BTreeMap::new() }
    }

    fn add(&mut self, value: f64, kept: Kept) {
        let sign = if self.is_at_most { -1.0 } else { 1.0 };
        // Adding 0 turns -0 into 0.
        let at = floor(sign * value) + 0.0;
        self.cells.entry(sortable(at)).or_insert((sign * at + 0.0, Kept::default())).1.add(kept);
    }

    fn curve(self) -> Curve {
        let mut sum = Kept::default();
        let points = self.cells.into_values().rev().map(|(threshold, kept)| {
            sum.add(kept);
            (threshold, sum)
        });
        let points = points.collect();
        Curve { is_at_most: self.is_at_most, points, without_tokens: 0, without_score: 0 }
    }
}

/// Returns an integer that is ordered as the number is.
fn sortable(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// Returns the highest number of [`DIGITS`] digits that is not above `value`.
fn floor(value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let whole_digits = (value.abs().log10().floor() as i32 + 1).max(0);
    let decimals = DIGITS - whole_digits;
    let power = 10_f64.powi(decimals.abs());
    // A quotient of whole numbers is the float nearest to the decimal number, as it is printed.
    let number = |whole: f64| if decimals >= 0 { whole / power } else { whole * power };
    let near = if decimals >= 0 { value * power } else { value / power }.floor();
    // Rounding may have moved it to a neighbour.
    [near + 1.0, near, near - 1.0]
        .into_iter()
        .map(number)
        .find(|number| *number <= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(is_at_most: bool, rows: &[(f64, u64)]) -> Curve {
        let mut cells = Cells::new(is_at_most);
        for (value, tokens) in rows {
            cells.add(*value, Kept { documents: 1, tokens: *tokens, bytes: 3 });
        }
        cells.curve()
    }

    #[test]
    fn the_nearest_number_of_tokens_is_found() {
        let curve = curve(false, &[(0.1, 100), (0.5, 10), (0.5, 20), (1.0, 1)]);
        for (wanted, found) in [(0, 1.0), (1, 1.0), (30, 0.5), (31, 0.5), (80, 0.5), (82, 0.1)] {
            assert_eq!(curve.threshold_for(Unit::Tokens, wanted), found, "{wanted}");
        }
        assert_eq!(curve.threshold_for(Unit::Documents, 3), 0.5);
        assert_eq!(curve.threshold_for(Unit::Bytes, 12), 0.1);
        assert_eq!(curve.kept(0.5), Kept { documents: 3, tokens: 31, bytes: 9 });
        assert_eq!(curve.kept(0.500_000_5), Kept { documents: 1, tokens: 1, bytes: 3 });
        assert_eq!(curve.kept(1.1), Kept::default());
        assert_eq!(curve.all().tokens, 131);
        assert_eq!(curve.thresholds(Unit::Tokens, 4), [0.1, 0.5, 1.0]);
    }

    #[test]
    fn an_upper_threshold_keeps_what_is_below() {
        let curve = curve(true, &[(-3.0, 1), (0.0, 2), (250.5, 4), (1_234_567.8, 8)]);
        assert_eq!(curve.kept(0.0).tokens, 3);
        assert_eq!(curve.kept(-0.0).tokens, 3);
        assert_eq!(curve.threshold_for(Unit::Tokens, 7), 250.5);
        // Six digits, rounded so that the document is kept.
        assert_eq!(curve.threshold_for(Unit::Tokens, 15), 1_234_570.0);
        let points: Vec<f64> = curve.points(10).iter().map(|point| point.0).collect();
        assert_eq!(points, [-3.0, 0.0, 250.5, 1_234_570.0]);
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![0.0..=1.0, -1e4..1e4, -1e12..1e12, Just(0.0), Just(-1e-9)]
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn a_threshold_of_a_curve_keeps_exactly_the_documents_that_it_says(
            values in prop::collection::vec(value(), 1..40),
            is_at_most: bool,
        ) {
            let rows: Vec<(f64, u64)> = values.iter().map(|value| (*value, 1)).collect();
            for (threshold, kept) in curve(is_at_most, &rows).points {
                let holds = |v: &&f64| if is_at_most { **v <= threshold } else { **v >= threshold };
                let count = values.iter().filter(holds).count() as u64;
                prop_assert_eq!(kept.documents, count, "{}", threshold);
                // As it is in a recipe.
                let printed: f64 = threshold.to_string().parse().unwrap();
                prop_assert_eq!(printed, threshold);
            }
        }

        #[test]
        fn a_number_of_six_digits_is_its_own_floor(whole in 0..1_000_000_i64, digits in 0..6) {
            let number = whole as f64 / 10_f64.powi(digits);
            prop_assert_eq!(floor(number), number);
            prop_assert_eq!(floor(-number), -number);
        }
    }
}
