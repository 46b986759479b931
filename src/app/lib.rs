//! What does a user type and see? The command line, progress, and the files of models.
//!
//! * [`cli`]: one file a subcommand: flags, help, what is printed.
//! * [`ingest`]: adding labels to a corpus.
//! * [`calibrate`]: the threshold that keeps a number of tokens.
//! * [`score`]: scores for the documents of other pipelines.
//! * [`model_files`]: which model files there are, fetching and checking them.
//! * [`inputs`]: from what a user names to files. [`texts`]: from files to texts.
//! * [`launch`]: several processes of one run.
//! * [`terminal`]: progress, tables, plots, units.

mod calibrate;
mod cli;
mod ingest;
mod inputs;
mod launch;
mod model_files;
mod score;
mod terminal;
mod texts;

pub use cli::main;
