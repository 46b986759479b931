//! The program around the slices: what a slice is to it, the recipe, the command line.

mod calibrate;
mod catalogue;
mod checksums;
mod cli;
mod dedup;
mod display;
mod fetch;
mod fingerprint;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod ingest;
mod inputs;
mod keys;
mod meter;
mod models;
mod plot;
mod recipe;
mod score;
mod settings;
pub mod slice;
mod summary;
mod supervise;
mod texts;
mod units;
mod usage;

pub use cli::main;
pub use dedup::{Deduplicate, dedup_setting};
pub use models::Models;
pub use settings::{Initial, Setting, Settings};
pub use slice::{Fixture, FixtureModel, Inputs, Setup, Slice};

/// What a slice file needs.
pub mod prelude {
    pub use crate::{
        Deduplicate, Fixture, FixtureModel, Initial, Inputs, Models, Setting, Settings, Setup,
        Slice, dedup_setting,
    };
    pub use document::{Document, Value};
    pub use engine::{Docs, Documents};
    pub use formats::ReadError;
}
