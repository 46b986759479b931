//! What is a slice, and what does its recipe say? The contract between a slice's file in
//! `dataflows/` and the program that runs it.
//!
//! * [`Slice`]: settings, reader and graph of one slice.
//! * [`settings!`] and [`choice!`]: its settings, typed.
//! * [`Recipe`]: reading, printing and fingerprinting a recipe file.
//! * [`Comparison`]: what a slice compares with its settings.
//! * [`Models`]: the trained models that a recipe names, loaded once.
//! * [`Deduplicate`]: the setting `dedup`.
//! * [`Versions`]: the setting `versions`.
//! * [`Decontamination`]: evaluations that are kept out of the corpus.

mod comparison;
mod decontamination;
mod dedup;
mod difference;
mod digest;
mod expand;
mod fingerprint;
mod input;
mod models;
mod print;
mod read;
mod recipe;
mod record;
mod replay;
mod settings;
mod slice;
mod store;
mod summed;
mod tokenizer;
pub mod usage;
mod versions;

pub use comparison::{Bound, Comparison, language_of, language_score_of};
pub use decontamination::{
    Action, Decontamination, Decontaminator, EvaluationFiles, PRESETS, decontaminate, evaluations,
};
pub use dedup::{
    Dedup, Deduplicate, Lines, LinesAction, Methods, Minhash, Passages, Simhash, Verify,
    first_of_a_label, global_dedup,
};
pub use expand::{expand, pattern_below, unexpanded};
pub use input::{Input, check_label};
pub use models::{CommonModels, FactsOf, MissingModel, ModelFiles, Models};
pub use recipe::Recipe;
pub use record::{Record, documents};
pub use settings::{
    AnySettings, Choice, FilePath, FolderPath, Key, NumberRange, Preset, SettingType, SettingValue,
    Settings, Unusable, WrongValue, language_codes, list,
};
pub use slice::{
    AnySlice, Calibration, EarlierScore, Fixture, FixtureModel, Forms, Prepared, Setup, SetupLabel,
    Slice, Slices, Terms, find_slice,
};
pub use summed::{defects_of, kind_of};
pub use tokenizer::{is_counted_with, tokenizer_of};
/// For [`settings!`].
#[doc(hidden)]
pub use toml;
pub use versions::Versions;

/// The names that the file of a slice uses.
pub mod prelude {
    pub use crate::{
        Bound, Calibration, Comparison, Dedup, Deduplicate, EarlierScore, FilePath, Fixture,
        FixtureModel, FolderPath, Forms, Methods, ModelFiles, Record, Setup, Simhash, Slice, Terms,
        Unusable, Versions, choice, documents, first_of_a_label, fixtures, language_codes, list,
        settings,
    };
    pub use corpus::Newest;
    pub use document::{Document, Value};
    pub use engine::{Counts, Docs, Documents};
    pub use formats::ReadError;
}
