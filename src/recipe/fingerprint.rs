//! The fingerprint of a recipe: one digest of everything that determines a corpus.

use crate::recipe::Recipe;
use crate::settings::{AnySettings, SettingValue};
use crate::slice::Slices;
use anyhow::Result;
use std::collections::BTreeMap;

/// Returns the digest of all settings and of the bytes of model files.
///
/// # Errors
/// If a model cannot be read.
pub(crate) fn fingerprint(slices: Slices, recipe: &Recipe) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    if recipe.tokenizer.is_some() {
        hasher.update(b"tokenizer=");
        recipe.tokenizer.digest(&mut hasher)?;
        hasher.update(b"\n");
    }
    hasher.update(format!("global.dedup={}\n", recipe.global_dedup).as_bytes());
    // Sorted by name, and with `lid` where earlier versions had it: digests must not change.
    let mut in_order: Vec<_> = slices.iter().collect();
    in_order.sort_by_key(|slice| slice.name());
    for slice in in_order {
        let settings = recipe.settings(slice.name());
        let mut values: BTreeMap<&str, &dyn SettingValue> =
            slice.keys().iter().map(|key| (key.name, settings.value(key.name))).collect();
        if slice.has_lid() {
            values.insert("lid", &recipe.lid);
        }
        for (name, value) in values {
            hasher.update(format!("{}.{name}=", slice.name()).as_bytes());
            value.digest(&mut hasher)?;
            hasher.update(b"\n");
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

impl Recipe {
    /// Changes settings of a slice and updates the fingerprint.
    ///
    /// # Errors
    /// If a model cannot be read for the new fingerprint.
    ///
    /// # Panics
    /// If there is no such slice.
    pub fn change(
        &mut self,
        slices: Slices,
        slice: &str,
        change: impl FnOnce(&mut dyn AnySettings),
    ) -> Result<()> {
        change(&mut **self.slices.get_mut(slice).expect("a recipe has every slice"));
        self.fingerprint = fingerprint(slices, self)?;
        Ok(())
    }
}
