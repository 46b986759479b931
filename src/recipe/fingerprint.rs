//! The fingerprint of a recipe: one digest of everything that determines a corpus.

use crate::decontamination::{Decontamination, EvaluationFiles};
use crate::recipe::Recipe;
use crate::settings::{AnySettings, SettingValue, Settings};
use crate::slice::Slices;
use anyhow::Result;
use corpus::Evaluation;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The keys that are always in the digest, by slice: those that there were when digests were first
/// written to corpora. A later key, or one of a later slice, is in it only if its value is not the
/// default, so that corpora from before stay usable. This list never changes, and neither do the
/// defaults of later keys.
const ALWAYS: [(&str, &[&str]); 7] = [
    ("arxiv", &["clean", "dedup"]),
    ("books", &["dedup"]),
    ("c4", &["source", "dedup", "repeats", "languages", "min_language_score", "bad_words"]),
    (
        "common_crawl",
        &[
            "min_chars",
            "dedup",
            "copies",
            "scope",
            "shards",
            "hash_in_mem",
            "min_language_score",
            "languages",
            "lm",
            "buckets",
            "classifier",
            "min_score",
            "keep",
            "signals",
            "stop_words",
            "bad_words",
            "signal_models",
        ],
    ),
    (
        "github",
        &[
            "licenses",
            "clean",
            "max_line_length",
            "max_avg_line_length",
            "min_alnum_prop",
            "min_letters_per_token",
            "dedup",
        ],
    ),
    ("stack_exchange", &["sites_max", "answers", "timestamp", "dedup"]),
    ("wikipedia", &["languages", "timestamp", "dedup"]),
];

fn is_always_hashed(slice: &str, key: &str) -> bool {
    ALWAYS.iter().any(|(name, keys)| *name == slice && keys.contains(&key))
}

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
        let defaults = slice.defaults(recipe.preset);
        let mut values: BTreeMap<&str, &dyn SettingValue> = BTreeMap::new();
        for key in slice.keys().iter().map(|key| key.name) {
            let value = settings.value(key);
            if is_always_hashed(slice.name(), key) || value.print() != defaults.value(key).print() {
                values.insert(key, value);
            }
        }
        if slice.has_lid() {
            values.insert("lid", &recipe.lid);
        }
        for (name, value) in values {
            hasher.update(format!("{}.{name}=", slice.name()).as_bytes());
            value.digest(&mut hasher)?;
            hasher.update(b"\n");
        }
    }
    if !recipe.evaluations.is_empty() {
        for key in Decontamination::KEYS.iter().filter(|key| key.name != "sets") {
            let value = Settings::value(&recipe.decontamination, key.name).print();
            hasher.update(format!("decontaminate.{}={value}\n", key.name).as_bytes());
        }
        for set in &recipe.evaluations {
            hasher.update(format!("decontaminate.set={:?} {}\n", set.name, set.digest).as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

impl Recipe {
    /// Sets the evaluation sets and updates the fingerprint.
    ///
    /// # Errors
    /// If a model cannot be read for the new fingerprint.
    pub fn set_evaluations(&mut self, slices: Slices, sets: Vec<Evaluation>) -> Result<()> {
        let files = sets.iter().map(|set| PathBuf::from(&set.path));
        self.decontamination.sets = EvaluationFiles(files.collect());
        self.evaluations = sets;
        self.fingerprint = fingerprint(slices, self)?;
        Ok(())
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use std::path::Path;

    settings! {
        /// Settings of a slice that a later version adds.
        pub struct New {
            /// a number
            least: u64 = 3;
        }
    }

    struct Later;

    impl Slice for Later {
        const NAME: &'static str = "later";
        const ABOUT: &'static str = "A slice of a later version";
        const FIXTURES: &'static [Fixture] = &[];
        type Settings = New;

        fn forms(_: &New) -> Forms {
            Forms { read: &[], called: "a text" }
        }

        fn read(_: &Path, _: &New) -> Result<Documents, ReadError> {
            Ok(Box::new(std::iter::empty()))
        }

        fn graph<'scope>(docs: Docs<'scope>, _: &Setup<New>) -> Docs<'scope> {
            docs
        }
    }

    static BEFORE: Slices = &[];
    static AFTER: Slices = &[&Later];

    #[test]
    fn a_later_slice_changes_the_digest_only_if_its_settings_are_not_the_defaults() {
        let of = |slices, text| Recipe::parse(slices, text).unwrap().fingerprint;
        assert_eq!(of(BEFORE, ""), of(AFTER, ""));
        assert_eq!(of(BEFORE, ""), of(AFTER, "[later]\nleast = 3\n"));
        assert_ne!(of(BEFORE, ""), of(AFTER, "[later]\nleast = 4\n"));
    }
}
