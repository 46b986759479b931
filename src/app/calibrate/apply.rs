//! The corpus with another threshold, without reading an input.
//!
//! Only the last two steps of a slice can be moved: the quality threshold, and the filter after it.
//! What they drop counts for no other document, so what they keep can be decided for each document
//! alone, from the ledger.

use super::score::{LastSteps, Score};
use crate::decontaminate::commit_revision;
use crate::terminal::units::cores;
use anyhow::{Result, bail};
use corpus::{Changes, Comparison, Corpus, Label, LedgerRow, Manifest, revise};
use recipe::usage::usage;
use recipe::{AnySlice, Calibration, CommonModels, Decontaminator, Recipe, Slices};
use signals::{Bound, Bounds, tightened};

/// The settings of the last steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// The key of the quality threshold.
    pub setting: &'static str,
    pub min_score: f64,
    pub keep: String,
}

/// The key of the filter, as in [`corpus::Aside::built`].
const KEEP: &str = "keep";

impl Settings {
    pub fn of(calibration: &Calibration<'_>) -> Settings {
        Settings {
            setting: calibration.setting,
            min_score: *calibration.threshold,
            keep: calibration.keep.clone(),
        }
    }

    /// Returns the settings with another threshold on `score`; `None` is none.
    pub fn with(&self, score: Score, threshold: Option<f64>) -> Result<Settings> {
        let mut settings = self.clone();
        match score {
            Score::Quality(setting) => {
                let threshold = threshold.unwrap_or(0.0);
                if !(0.0..=1.0).contains(&threshold) {
                    bail!(usage(format!("{setting} must be from 0 to 1, not {threshold}")));
                }
                settings.min_score = threshold;
            }
            Score::Signal { signal, is_at_most } => {
                let mut bounds = Bounds::split(&self.keep)?;
                match threshold {
                    Some(threshold) => bounds.set(Bound { signal, is_at_most, threshold }),
                    None => bounds.remove(signal, is_at_most),
                }
                settings.keep = bounds.expression();
            }
            Score::Earlier(score) => {
                let remedy = match threshold {
                    Some(threshold) => format!(
                        ": build the corpus again with {}, or use --score {}, which drops documents \
                         after they are compared",
                        (score.line)(threshold),
                        score.signal
                    ),
                    None => String::new(),
                };
                bail!(usage(format!(
                    "{} decides before documents are compared with each other: with another \
                     threshold other copies would be the first, and the corpus would not be what its \
                     recipe builds{remedy}",
                    score.name
                )));
            }
        }
        Ok(settings)
    }

    /// Returns the settings with which a label was built.
    pub fn as_built(&self, label: &Label) -> Settings {
        let built = &label.aside.built;
        Settings {
            setting: self.setting,
            min_score: built
                .get(self.setting)
                .and_then(|number| number.parse().ok())
                .unwrap_or(self.min_score),
            keep: built.get(KEEP).unwrap_or(&self.keep).clone(),
        }
    }

    /// Returns the settings as lines of a recipe.
    pub fn lines(&self) -> String {
        format!("{} = {:?} and keep = {:?}", self.setting, self.min_score, self.keep)
    }
}

/// Returns the last steps of a label, now that its slice has `settings`. `steps` are the reasons with
/// which the quality threshold and the filter reject.
pub(crate) fn last_steps(
    label: &Label,
    settings: &Settings,
    steps: (&'static str, &'static str),
) -> Result<LastSteps> {
    let built = settings.as_built(label);
    // A corpus never has settings that its texts cannot meet.
    let bounds = tightened(&built.keep, &settings.keep)?.unwrap_or_default();
    let (quality, filter) = steps;
    Ok(LastSteps { quality, filter, min_score: settings.min_score, bounds })
}

/// A change of the last steps of a slice.
pub(crate) struct Change {
    slice: &'static str,
    quality: &'static str,
    filter: &'static str,
    before: Settings,
    after: Settings,
}

impl Change {
    /// Plans a change to `after`, and checks that the corpus has the texts for it.
    ///
    /// # Errors
    /// If it lacks texts, if documents are compared after these steps, or if a label is not complete.
    pub fn plan(
        manifest: &Manifest,
        is_global: bool,
        slice: &'static dyn AnySlice,
        calibration: &Calibration<'_>,
        after: Settings,
    ) -> Result<Change> {
        let name = slice.name();
        let (quality, filter) = (calibration.reason, calibration.filter);
        let change =
            Change { slice: name, quality, filter, before: Settings::of(calibration), after };
        if change.is_none() {
            return Ok(change);
        }
        for label in change.labels(manifest) {
            change.check(label)?;
        }
        if is_global {
            bail!(usage(format!(
                "[global] dedup compares {name} with other slices after these steps: with other \
                 thresholds they would keep other documents; build the corpus again with {}",
                change.after.lines()
            )));
        }
        if let Some(label) = manifest.labels.iter().find(|label| !label.is_complete()) {
            bail!(
                "{} is not complete: run the command that added it again, then this one",
                label.full_name()
            );
        }
        Ok(change)
    }

    /// Whether nothing changes.
    pub fn is_none(&self) -> bool {
        self.before == self.after
    }

    fn labels<'m>(&self, manifest: &'m Manifest) -> impl Iterator<Item = &'m Label> {
        let slice = self.slice;
        manifest.labels.iter().filter(move |label| label.slice == slice)
    }

    /// Fails if a label lacks texts that the new settings keep. Returns the bounds that decide for
    /// its documents.
    fn check(&self, label: &Label) -> Result<Vec<Bound>> {
        let built = self.before.as_built(label);
        let Settings { setting, min_score, keep } = &self.after;
        let bounds = tightened(&built.keep, keep)?;
        let (name, slice) = (label.full_name(), self.slice);
        if *min_score < built.min_score {
            let floor = built.min_score;
            bail!(usage(format!(
                "{name} was built with {setting} = {floor}, or what was below is pruned: the texts \
                 below are not in the corpus; to lower it to {min_score}, build it again with \
                 {setting} = {min_score} (a corpus built with {setting} = 0 can be calibrated to any \
                 threshold)"
            )));
        }
        bounds.ok_or_else(|| {
            let floor = &built.keep;
            usage(format!(
                "{name} was built with keep = {floor:?}, or what it drops is pruned: the texts that \
                 it drops are not in the corpus; build it again with keep = {keep:?} in [{slice}]"
            ))
        })
    }

    /// Commits the corpus that the recipe with the new settings builds. The caller holds the lock.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn commit(
        &self,
        slices: Slices,
        corpus: &Corpus,
        manifest: &Manifest,
        mut recipe: Recipe,
        slice: &'static dyn AnySlice,
    ) -> Result<Manifest> {
        recipe.change(slices, self.slice, |settings| {
            let calibration = slice.calibration(settings).expect("it was planned with one");
            *calibration.threshold = self.after.min_score;
            calibration.keep.clone_from(&self.after.keep);
        })?;
        let models = CommonModels::load(recipe.tokenizer.as_deref(), None)?;
        let decontaminator = Decontaminator::load(&recipe, &models)?;
        commit_revision(slices, corpus, manifest, &recipe, |label, mark| {
            if label.slice != self.slice {
                return Ok(label.clone());
            }
            self.revised(corpus, label, mark, decontaminator.as_ref())
        })
    }

    /// Returns the label with what the new settings keep of it.
    fn revised(
        &self,
        corpus: &Corpus,
        label: &Label,
        mark: &str,
        decontaminator: Option<&Decontaminator>,
    ) -> Result<Label> {
        let bounds = self.check(label)?;
        let built = self.before.as_built(label);
        let Settings { setting, min_score, .. } = self.after;
        let last = LastSteps { quality: self.quality, filter: self.filter, min_score, bounds };
        let verdict = |row: &LedgerRow| last.rejection(row);
        let judge = decontaminator.map(|with| |text: &str| with.judge(text));
        let comparison = Comparison::OfReturning(judge.as_ref().map(|judge| judge as _));
        let changes = Changes { comparison, workers: cores(), ..Changes::of_verdict(&verdict) };
        let (mut revised, _) = revise(corpus, label, mark, &changes)?;
        revised.aside.built.clear();
        if built != self.after {
            revised.aside.built.insert(setting.into(), format!("{:?}", built.min_score));
            revised.aside.built.insert(KEEP.into(), built.keep);
        }
        Ok(revised)
    }
}
