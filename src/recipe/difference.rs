//! How a recipe differs from the one that a corpus was built with.

use crate::recipe::Recipe;
use crate::settings::SettingValue;
use crate::slice::Slices;
use anyhow::Result;
use std::collections::BTreeMap;

/// A setting of a recipe: its full name and its value.
type Entry<'r> = (String, &'r dyn SettingValue);

impl Recipe {
    /// Returns the digest of every model file and folder that the recipe names, by setting.
    ///
    /// # Errors
    /// If a model cannot be read.
    pub fn model_digests(&self, slices: Slices) -> Result<BTreeMap<String, String>> {
        let named = self.entries(slices).into_iter();
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
        let pairs = built.entries(slices).into_iter().zip(self.entries(slices));
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

    /// Returns the settings that determine a corpus, always in the same order.
    fn entries(&self, slices: Slices) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = vec![
            ("tokenizer".to_owned(), &self.tokenizer),
            ("lid".to_owned(), &self.lid),
            ("global.dedup".to_owned(), &self.global_dedup),
        ];
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
