//! What can be done to a stream of documents, and how it is run. No rule about text lives here:
//! rules come in as functions.
//!
//! In reading order: [`Docs`] and its `operators`, the words slices are written in; [`Plan`], which
//! worker reads what in which epoch; `source`, documents into the dataflow under flow control;
//! `sink`, out of it into files and commits; [`run`], one run of it all; [`cluster`], the processes
//! of a run.

pub mod bench;
pub mod cluster;
mod docs;
mod notes;
pub mod operators;
mod plan;
mod progress;
mod run;
mod sink;
mod source;

pub use docs::{Docs, Engine};
pub use operators::Span;
pub use plan::{Plan, Work};
pub use progress::{LabelProgress, Progress};
pub use run::{Graph, Job, Options, run};
pub use sink::CommitEvery;
pub use source::{Documents, Reader};

use std::fmt::Display;
use std::sync::OnceLock;

static LAST_WORDS: OnceLock<fn(&dyn Display)> = OnceLock::new();

/// How an error inside a worker is told; set once, by the program.
pub fn on_failure(tell: fn(&dyn Display)) {
    let _ = LAST_WORDS.set(tell);
}

/// Ends the process: the corpus stays at its last commit.
///
/// An operator cannot return an error, and a worker that stops alone leaves the others waiting for
/// ever; so the first error ends the process, and the peers notice.
pub fn fail(error: impl Display) -> ! {
    match LAST_WORDS.get() {
        Some(tell) => tell(&error),
        None => eprintln!("{error}"),
    }
    std::process::exit(1)
}

/// The value, or the end of the process.
pub(crate) fn or_fail<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fail(error))
}
