//! The settings with which a label was built, where its thresholds were moved since.

use crate::calibrate::apply::{Settings, last_steps};
use crate::calibrate::score::LastSteps;
use anyhow::Result;
use corpus::{Corpus, Label, Manifest};
use recipe::{Recipe, Slices, find_slice};
use std::collections::BTreeMap;

/// A slice and the settings with which some of its labels were built; `None` for the settings of the
/// recipe.
pub(super) type Group = Option<(String, BTreeMap<String, String>)>;

/// The recipe of the corpus, and those with which its labels were built.
pub(super) struct Built {
    recipes: BTreeMap<Group, Recipe>,
    last_steps: BTreeMap<Group, LastSteps>,
}

impl Built {
    pub fn of(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<Built> {
        let mut recipes = BTreeMap::from([(None, Recipe::of_corpus(slices, corpus)?)]);
        let mut of_groups = BTreeMap::new();
        for label in manifest.present() {
            let group = group(label);
            if recipes.contains_key(&group) {
                continue;
            }
            let mut recipe = Recipe::of_corpus(slices, corpus)?;
            let settings = &mut **recipe.slices.get_mut(&*label.slice).expect("every slice");
            if let Some(calibration) = find_slice(slices, &label.slice)?.calibration(settings) {
                let now = Settings::of(&calibration);
                let steps = (calibration.reason, calibration.filter);
                of_groups.insert(group.clone(), last_steps(label, &now, steps)?);
                let built = now.as_built(label);
                *calibration.threshold = built.min_score;
                *calibration.keep = built.keep;
            }
            recipes.insert(group, recipe);
        }
        Ok(Built { recipes, last_steps: of_groups })
    }

    /// The recipe with which the labels of a group were built.
    pub fn recipe(&self, group: &Group) -> &Recipe {
        &self.recipes[group]
    }

    /// Returns what the thresholds that hold now reject of a label, if they are other ones than when
    /// it was built.
    pub fn last_steps(&self, label: &Label) -> Option<&LastSteps> {
        self.last_steps.get(&group(label))
    }
}

/// The group of a label.
pub(super) fn group(label: &Label) -> Group {
    let built = &label.aside.built;
    (!built.is_empty()).then(|| (label.slice.clone(), built.clone()))
}
