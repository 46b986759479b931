//! The recipe: the settings and inputs of a corpus.

use crate::decontamination::Decontamination;
use crate::input::Input;
use crate::settings::{AnySettings, FilePath, Preset};
use crate::usage::{Setting, Usage, usage};
use corpus::Evaluation;
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
    /// The share of what deduplication compared of a label beyond which a run says what it dropped. Has no
    /// effect on the corpus.
    pub warn_removed: f64,
    /// Which evaluations are kept out of the corpus, and how.
    pub decontamination: Decontamination,
    /// The evaluation sets, in the order of their names.
    pub evaluations: Vec<Evaluation>,
    /// Settings of every slice, by name.
    pub slices: BTreeMap<&'static str, Box<dyn AnySettings>>,
    /// The inputs, in the order in which they are added.
    pub inputs: Vec<Input>,
    /// The file that it was read from.
    pub path: PathBuf,
    /// The lines of the file that set keys of slices, by `SLICE.KEY`.
    pub lines: BTreeMap<String, usize>,
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

    /// Whether an error is about a setting of a slice that its file has.
    pub fn has_setting_of(&self, slice: &str, error: &anyhow::Error) -> bool {
        let key = error.downcast_ref();
        key.is_some_and(|Setting(key)| self.lines.contains_key(&format!("{slice}.{key}")))
    }

    /// Adds file and line to an error about the value of a setting of a slice
    /// ([`crate::usage::Setting`]). Other errors stay what they are.
    pub fn locate(&self, slice: &str, error: anyhow::Error) -> anyhow::Error {
        let (Some(Setting(key)), Some(Usage(what))) = (error.downcast_ref(), error.downcast_ref())
        else {
            return error;
        };
        let name = format!("{slice}.{key}");
        let line = self.lines.get(&name).map_or(String::new(), |line| format!(":{line}"));
        usage(format!("{}{line}: {name}: {what}", self.path.display()))
    }
}
