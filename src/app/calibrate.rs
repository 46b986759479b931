//! The quality threshold that keeps a given number of tokens, from the ledger alone.
//!
//! RedPajama chose 0.25 so that CommonCrawl has as many tokens as in LLaMA's table (paper, table
//! 10). The ledger has the quality and the tokens of every page that reached the classifier, kept
//! or not, so the threshold can be chosen without reading any page.

use anyhow::{Result, bail};
use corpus::{Corpus, LedgerRow, Manifest, ledger_rows, revise};
use models::wikiref::is_below;
use recipe::usage::usage;
use recipe::{AnySlice, Calibration, Recipe, Slices};

/// Thresholds considered, in steps of a millionth: memory does not depend on the number of pages.
const STEPS: usize = 1_000_000;

/// Documents and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub documents: u64,
    pub tokens: u64,
}

/// What each threshold keeps.
pub(crate) struct Curve {
    /// The key of the threshold in a recipe.
    pub setting: &'static str,
    /// The reason with which documents below it are rejected.
    pub reason: &'static str,
    /// What each step of a millionth keeps.
    kept: Vec<Kept>,
}

impl Curve {
    /// Computes the curve of a slice from its documents that have a quality and are kept, or
    /// rejected for their quality alone.
    pub fn of_slice(
        corpus: &Corpus,
        manifest: &Manifest,
        slice: &str,
        calibration: &Calibration<'_>,
    ) -> Result<Curve> {
        let Calibration { setting, reason: own, .. } = *calibration;
        let mut kept = vec![Kept::default(); STEPS + 1];
        let mut without_tokens = 0;
        for file in manifest.labels.iter().filter(|l| l.slice == slice).flat_map(|l| &l.ledger) {
            for row in ledger_rows(corpus, file)? {
                let row = row?;
                let Some(quality) = row.scores.quality else { continue };
                if row.reason.as_ref().is_some_and(|reason| reason != own) {
                    continue;
                }
                let Some(tokens) = row.scores.tokens else {
                    without_tokens += 1;
                    continue;
                };
                let kept = &mut kept[highest_step(quality)];
                kept.documents += 1;
                kept.tokens += tokens;
            }
        }
        if without_tokens > 0 {
            bail!(
                "{without_tokens} documents of {slice} have a quality and no count of tokens: the \
                 recipe of this corpus names no tokenizer, or it was built by an older version; \
                 build it again with tokenizer = \"...\" in the recipe"
            );
        }
        for step in (0..STEPS).rev() {
            let above = kept[step + 1];
            kept[step].documents += above.documents;
            kept[step].tokens += above.tokens;
        }
        if kept[0].documents == 0 {
            bail!(usage(format!(
                "no document of {slice} has a quality: the recipe of this corpus names no classifier"
            )));
        }
        Ok(Curve { setting, reason: own, kept })
    }

    /// Returns the threshold that keeps the number of tokens nearest to `tokens`, the highest of
    /// several.
    pub fn threshold_for(&self, tokens: u64) -> f64 {
        let distance = |step: &usize| self.kept[*step].tokens.abs_diff(tokens);
        threshold((0..=STEPS).rev().min_by_key(distance).expect("there are steps"))
    }

    /// Returns what `threshold` keeps. This is exact for a multiple of a millionth; other
    /// thresholds are rounded up to the next one.
    pub fn kept(&self, threshold: f64) -> Kept {
        let below = highest_step(threshold);
        let step = if self::threshold(below) < threshold { below + 1 } else { below };
        self.kept.get(step).copied().unwrap_or_default()
    }

    /// Returns everything that has a quality.
    pub fn all(&self) -> Kept {
        self.kept[0]
    }
}

/// Returns the threshold of a step, a number with at most six decimal places.
fn threshold(step: usize) -> f64 {
    step as f64 / STEPS as f64
}

/// Returns the highest step whose threshold keeps this quality.
fn highest_step(quality: f64) -> usize {
    let near = (quality * STEPS as f64).clamp(0.0, STEPS as f64) as usize;
    // Rounding may have moved it to a neighbour.
    (near.saturating_sub(1)..=(near + 1).min(STEPS))
        .rev()
        .find(|step| threshold(*step) <= quality)
        .unwrap_or(0)
}

/// Commits the corpus that the recipe with `threshold` instead of its own builds. Rejects documents
/// without reading their texts again. The caller holds the lock.
///
/// # Errors
/// If the threshold is lower: the texts of the documents below the old one are not in the corpus.
pub(crate) fn apply(
    slices: Slices,
    corpus: &Corpus,
    mut recipe: Recipe,
    slice: &'static dyn AnySlice,
    threshold: f64,
) -> Result<Manifest> {
    let manifest = corpus.manifest()?.expect("the caller has read it");
    let name = slice.name();
    let mut found = None;
    let is_global = recipe.global_dedup;
    recipe.change(slices, name, |settings| {
        found = slice.calibration(settings).map(
            |Calibration { setting, reason, filter, threshold: value }| {
                (setting, reason, filter, std::mem::replace(value, threshold))
            },
        );
    })?;
    let (setting, own, filter, old) = found.expect("the caller has calibrated it");
    if threshold < old {
        bail!(usage(format!(
            "the corpus was built with {setting} = {old}, and the texts below are not in it; to \
             lower it to {threshold}, build it again with {setting} = {threshold} (a corpus built \
             with {setting} = 0 can be calibrated to any threshold)"
        )));
    }
    if is_global {
        bail!(usage(format!(
            "[global] dedup compares {name} with other slices after the threshold: with another \
             threshold they would keep other documents; build the corpus again with {setting} = \
             {threshold}"
        )));
    }
    if let Some(label) = manifest.labels.iter().find(|label| !label.is_complete()) {
        bail!(
            "{} is not complete: run the command that added it again, then this one",
            label.full_name()
        );
    }
    let mut next = manifest.clone();
    next.commit += 1;
    next.recipe = recipe.fingerprint.clone();
    let mark = format!("r{}", next.commit);
    // Documents rejected by earlier steps never reached the threshold.
    let is_below_threshold = |row: &LedgerRow| {
        let has_passed = row.reason.as_ref().is_none_or(|reason| Some(&**reason) == filter);
        has_passed && row.scores.quality.is_some_and(|quality| is_below(quality, threshold))
    };
    corpus.begin_writing(&manifest)?;
    for label in next.labels.iter_mut().filter(|label| label.slice == name) {
        *label = revise(corpus, label, &mark, |row| is_below_threshold(row).then(|| own.into()))?;
    }
    let text = recipe.print(slices);
    next.recipe_toml = Some(text.clone());
    // The manifest has the recipe too: if this process ends before it writes the file,
    // `Recipe::settle` does.
    corpus.commit(&next)?;
    corpus.write_recipe(&text)?;
    corpus.end_writing()?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(rows: &[(f64, u64)]) -> Curve {
        let mut kept = vec![Kept::default(); STEPS + 1];
        for (step, kept) in kept.iter_mut().enumerate() {
            for (_, tokens) in rows.iter().filter(|row| row.0 >= threshold(step)) {
                kept.documents += 1;
                kept.tokens += tokens;
            }
        }
        Curve { setting: "min_score", reason: "quality", kept }
    }

    #[test]
    fn the_nearest_number_of_tokens_is_found() {
        let curve = curve(&[(0.1, 100), (0.5, 10), (0.5, 20), (1.0, 1)]);
        for (wanted, found) in [(0, 1.0), (1, 1.0), (30, 0.5), (31, 0.5), (80, 0.5), (82, 0.1)] {
            assert_eq!(curve.threshold_for(wanted), found, "{wanted}");
        }
        assert_eq!(curve.kept(0.5), Kept { documents: 3, tokens: 31 });
        assert_eq!(curve.kept(0.500_000_5), Kept { documents: 1, tokens: 1 });
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn a_step_keeps_exactly_what_its_threshold_keeps(quality in 0.0..=1.0) {
            let step = highest_step(quality);
            prop_assert!(threshold(step) <= quality);
            prop_assert!(step == STEPS || quality < threshold(step + 1));
        }

        #[test]
        fn a_step_keeps_its_own_threshold(step in 0..=STEPS) {
            prop_assert_eq!(highest_step(threshold(step)), step);
        }
    }
}
