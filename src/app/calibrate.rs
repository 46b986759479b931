//! The quality threshold that keeps a wanted number of tokens, from the ledger alone.
//!
//! RedPajama chose 0.25 so that what is left of CommonCrawl has as many tokens as LLaMA's table says
//! (paper, table 10). The ledger has the quality and the tokens of every page that came to the
//! classifier, kept or not, so the choice can be made again without reading any page.

use anyhow::{Result, bail};
use corpus::{Corpus, LedgerRow, Manifest, ledger_rows, revise};
use models::wikiref::is_below;
use recipe::usage::usage;
use recipe::{AnySlice, Calibration, Recipe, Slices};

/// Thresholds looked at, all steps of a millionth: memory does not depend on the number of pages.
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
    /// The reason of documents below it.
    pub reason: &'static str,
    /// What the threshold of that number of millionths keeps.
    kept: Vec<Kept>,
}

impl Curve {
    /// The curve of a slice: of its documents that have a quality, and are kept or turned away for
    /// that alone.
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

    /// The threshold that keeps the number of tokens nearest to `tokens`; of several the highest.
    pub fn threshold_for(&self, tokens: u64) -> f64 {
        let distance = |step: &usize| self.kept[*step].tokens.abs_diff(tokens);
        threshold((0..=STEPS).rev().min_by_key(distance).expect("there are steps"))
    }

    /// What `threshold` keeps: exactly so for a multiple of a millionth, else what the next one
    /// above does.
    pub fn kept(&self, threshold: f64) -> Kept {
        let below = highest_step(threshold);
        let step = if self::threshold(below) < threshold { below + 1 } else { below };
        self.kept.get(step).copied().unwrap_or_default()
    }

    /// Everything that has a quality.
    pub fn all(&self) -> Kept {
        self.kept[0]
    }
}

/// The threshold of a step: the number that is written with six digits.
fn threshold(step: usize) -> f64 {
    step as f64 / STEPS as f64
}

/// The highest step whose threshold keeps this quality.
fn highest_step(quality: f64) -> usize {
    let near = (quality * STEPS as f64).clamp(0.0, STEPS as f64) as usize;
    // Rounding may have carried it to a neighbour.
    (near.saturating_sub(1)..=(near + 1).min(STEPS))
        .rev()
        .find(|step| threshold(*step) <= quality)
        .unwrap_or(0)
}

/// Commits the corpus that the recipe with `threshold` in the place of its own gives. The caller
/// holds the lock. Documents are turned away, their texts are not read again.
///
/// # Errors
/// Where documents would have to come back: their texts are not in the corpus.
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
            "the corpus was built with {setting} = {old}, and the texts below are not in it; to go \
             down to {threshold}, build it again with {setting} = {threshold} (a corpus built with \
             {setting} = 0 can be calibrated to any threshold)"
        )));
    }
    if is_global {
        bail!(usage(format!(
            "[global] dedup compares what is left of {name} with other slices: with another \
             threshold other documents of these would stay; build the corpus again with {setting} = \
             {threshold}"
        )));
    }
    if let Some(label) = manifest.labels.iter().find(|label| !label.is_complete()) {
        bail!(
            "{} is not complete: give the command that added it again, then this",
            label.full_name()
        );
    }
    let mut next = manifest.clone();
    next.commit += 1;
    next.recipe = recipe.fingerprint.clone();
    let mark = format!("r{}", next.commit);
    // What a later step turned away would not have come so far.
    let falls = |row: &LedgerRow| {
        let came_so_far = row.reason.as_ref().is_none_or(|reason| Some(&**reason) == filter);
        came_so_far && row.scores.quality.is_some_and(|quality| is_below(quality, threshold))
    };
    corpus.begin_writing(&manifest)?;
    for label in next.labels.iter_mut().filter(|label| label.slice == name) {
        *label = revise(corpus, label, &mark, |row| falls(row).then(|| own.into()))?;
    }
    let text = recipe.print(slices);
    next.recipe_toml = Some(text.clone());
    // The manifest has the recipe too: `Recipe::settle` writes the file if this process ends between.
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
