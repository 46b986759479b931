//! Operators on streams of documents, and the run that executes them. This crate has no rules about
//! text: rules are passed in as functions.
//!
//! In reading order: [`Docs`] and its `operators`, from which slices are built; [`Plan`], which
//! assigns sources to workers and epochs; `source`, which feeds documents into the dataflow under
//! flow control; `sink`, which writes them to files; `commits`; [`run`](run()), which puts these
//! together; [`cluster`], the processes of a run; [`funnel`](funnel()), a graph over a list of
//! documents in memory, for tests and examples; [`replay`](replay()), a graph over records that are in a
//! corpus already, to see what decided about them.

pub mod bench;
pub mod cluster;
mod commits;
mod docs;
mod failure;
mod figures;
mod funnel;
mod index;
mod notes;
mod operators;
mod plan;
mod progress;
mod replay;
mod revision;
mod run;
mod selection;
mod sink;
mod source;
mod stored;
mod timing;
mod watch;
mod worker;

pub use commits::{CommitEvery, Commits};
pub use docs::Docs;
pub use failure::{LOST_PEER, fail, on_ending_peer, on_failure, on_lost_peer};
pub use figures::{
    CommitFigures, EpochFigures, LabelFigures, LabelProgress, OperatorFigures, ProcessFigures,
    RunFigures, WorkerFigures,
};
pub use funnel::funnel;
pub use operators::{CANDIDATES_MAX, Counts, Exact, Likeness, Near, Repeated, Similar, Span};
pub use plan::{EpochSizes, Plan, Work};
pub use progress::{Progress, Share};
pub use replay::{GraphStep, Keyed, Part, Replayed, Verdicts, replay};
pub use revision::{Revised, Revision, compact, revise};
pub use run::{Graph, Job, Options, run};
pub use selection::Selection;
pub use source::{Documents, Exclude, Offsets, Reader, ReaderAt};
pub use stored::{Compares, Effect, IndexUse, Sharing, StoredIndex};
pub use worker::Engine;
