//! How a recipe differs from the one that a corpus was built with.

use crate::decontamination::Decontamination;
use crate::recipe::Recipe;
use crate::settings::{SettingValue, Settings};
use crate::slice::Slices;
use anyhow::Result;
use corpus::Evaluation;
use std::collections::BTreeMap;

/// A setting of a recipe: its full name and its value.
type Entry<'r> = (String, &'r dyn SettingValue);

impl Recipe {
    /// Returns the digest of every model file and folder that the recipe names, by setting.
    ///
    /// # Errors
    /// If a model cannot be read.
    pub fn model_digests(&self, slices: Slices) -> Result<BTreeMap<String, String>> {
        let named = self.entries(slices, false).into_iter();
        let named = named.filter(|(_, value)| value.is_path() && !value.is_unset());
        named.map(|(name, value)| Ok((name, digest(value)?))).collect()
    }

    /// Describes each setting in which this recipe differs from `built`, with both values. `models`
    /// are the digests of the models that `built` named then; without one, a model is compared by
    /// its path.
    pub fn differences(
        &self,
        slices: Slices,
        built: &Recipe,
        models: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let both = !self.evaluations.is_empty() && !built.evaluations.is_empty();
        let pairs = built.entries(slices, both).into_iter().zip(self.entries(slices, both));
        let differences = pairs.filter_map(|((name, old), (_, new))| {
            let (was, is) = (old.print(), new.print());
            let known = models.get(&name).filter(|_| !new.is_unset());
            let is_same = match known {
                // A model that cannot be read is another one.
                Some(known) => digest(new).is_ok_and(|now| now == *known),
                None => was == is,
            };
            if is_same {
                return None;
            }
            Some(if was == is {
                format!("{name}: {is} has changed since")
            } else {
                format!("{name}: {was} -> {is}")
            })
        });
        differences.collect()
    }

    /// Describes each evaluation set in which this recipe differs from the sets `built`.
    pub fn differences_of_sets(&self, built: &[Evaluation]) -> Vec<String> {
        const KEY: &str = "decontaminate.sets";
        let find = |sets: &[Evaluation], wanted: &Evaluation| {
            sets.iter().find(|set| set.name == wanted.name).cloned()
        };
        let of_built = built.iter().filter_map(|set| match find(&self.evaluations, set) {
            None => Some(format!("{KEY}: {} is missing", set.path)),
            Some(now) if now.digest != set.digest => {
                Some(format!("{KEY}: {} has changed since", now.path))
            }
            Some(_) => None,
        });
        let new = self.evaluations.iter().filter(|set| find(built, set).is_none());
        of_built.chain(new.map(|set| format!("{KEY}: {} is new", set.path))).collect()
    }

    /// Returns the settings that determine a corpus, always in the same order.
    fn entries(&self, slices: Slices, with_decontamination: bool) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = vec![
            ("tokenizer".to_owned(), &self.tokenizer),
            ("lid".to_owned(), &self.lid),
            ("global.dedup".to_owned(), &self.global_dedup),
        ];
        if with_decontamination {
            // The sets themselves are compared by their contents.
            let keys =
                Decontamination::KEYS.iter().map(|key| key.name).filter(|key| *key != "sets");
            entries.extend(keys.map(|key| {
                (format!("decontaminate.{key}"), Settings::value(&self.decontamination, key))
            }));
        }
        for slice in slices {
            let settings = self.settings(slice.name());
            let keys = slice.keys().iter().map(|key| key.name);
            entries
                .extend(keys.map(|key| (format!("{}.{key}", slice.name()), settings.value(key))));
        }
        entries
    }
}

impl SettingValue for bool {
    fn print(&self) -> String {
        self.to_string()
    }
}

fn digest(value: &dyn SettingValue) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    value.digest(&mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}
