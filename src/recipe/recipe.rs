//! The recipe: the settings and inputs of a corpus.

use crate::input::Input;
use crate::settings::{AnySettings, FilePath, Preset};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A recipe with every default filled in.
pub struct Recipe {
    /// Folder of the corpus, if the recipe names it.
    pub corpus: Option<PathBuf>,
    /// The preset that the defaults follow.
    pub preset: Preset,
    /// Tokenizer that counts the tokens of all slices.
    pub tokenizer: Option<FilePath>,
    /// Model that identifies the languages of all slices. `None` for the built-in one.
    pub lid: Option<FilePath>,
    /// Whether only the first of equal texts is kept, across all slices.
    pub global_dedup: bool,
    /// Settings of every slice, by name.
    pub slices: BTreeMap<&'static str, Box<dyn AnySettings>>,
    /// The inputs, in the order in which they are added.
    pub inputs: Vec<Input>,
    /// Digest of everything that determines the corpus: settings, and the bytes of models.
    pub fingerprint: String,
}

impl Recipe {
    /// Returns the settings of a slice.
    ///
    /// # Panics
    /// If there is no such slice.
    pub fn settings(&self, slice: &str) -> &dyn AnySettings {
        &**self.slices.get(slice).expect("a recipe has every slice")
    }
}
