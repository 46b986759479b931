//! The recipe: what a corpus is made with, and from what.

use crate::input::Input;
use crate::settings::{AnySettings, FilePath, Preset};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A recipe with every default filled in.
pub struct Recipe {
    /// Where the corpus is kept, if the recipe says so.
    pub corpus: Option<PathBuf>,
    /// The rules that defaults follow.
    pub preset: Preset,
    /// Counts the tokens of all slices.
    pub tokenizer: Option<FilePath>,
    /// Identifies the languages of all slices. Without one, a built-in identifier does.
    pub lid: Option<FilePath>,
    /// Of texts that are equal, in whatever slices, the first stays.
    pub global_dedup: bool,
    /// Settings of every slice, by name.
    pub slices: BTreeMap<&'static str, Box<dyn AnySettings>>,
    /// What is added, in order.
    pub inputs: Vec<Input>,
    /// Digest of everything that decides what the corpus is: settings, and the bytes of models.
    pub fingerprint: String,
}

impl Recipe {
    /// The settings of a slice.
    pub fn settings(&self, slice: &str) -> &dyn AnySettings {
        &**self.slices.get(slice).expect("a recipe has every slice")
    }
}
