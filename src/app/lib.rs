//! What does a user type and see? The command line, progress, and the files of models.

mod beside;
mod calibrate;
mod catalogue;
mod checksums;
mod cli;
mod display;
mod fetch;
mod ingest;
mod inputs;
mod keys;
mod labels;
mod meter;
mod plot;
mod readable;
mod score;
mod source_state;
mod summary;
mod supervise;
mod texts;
mod units;

pub use cli::main;
