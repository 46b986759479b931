//! What does a user type and see? The command line, progress, and the files of models.
//!
//! * `cli`: one file per subcommand: flags, help, output.
//! * `ingest`: adding labels to a corpus.
//! * `exclude`: taking documents out of a corpus, and putting them back.
//! * `calibrate`: the threshold that keeps a given number of tokens.
//! * `score`: scores for the documents of other pipelines.
//! * `estimate`: what a build will take, from a sample of its inputs.
//! * `dataset_card`: the card of an export.
//! * `mixture`: mixtures of slices that a user names.
//! * `model_files`: the catalogue of model files, fetching and checking them.
//! * `addresses`: the files at addresses that a process reads.
//! * `inputs`: finding the files that a user names. `texts`: reading texts from files.
//! * `launch`: several processes of one run. `interrupt`: ending it. `machine`: its memory.
//! * `scratch`: temporary folders.
//! * `look`: looking at the documents of a corpus, kept or dropped.
//! * `explain`: why a document is as it is.
//! * `copies`: how many documents hold each text.
//! * `guard`: deduplication that took most of a label.
//! * `report`: what is in a corpus, as a page.
//! * `terminal`: printing, progress, tables, plots, units.

mod addresses;
mod calibrate;
mod cli;
mod copies;
mod dashboard;
mod dataset_card;
mod decontaminate;
mod estimate;
mod exclude;
mod explain;
mod guard;
mod ingest;
mod inputs;
mod interrupt;
mod launch;
mod look;
mod machine;
mod mixture;
mod model_files;
mod report;
mod score;
mod scratch;
mod terminal;
mod texts;

pub use cli::main;
