//! The operators from which slices are built, in the order in which recipes use them.
//!
//! | operator | effect on the documents | state |
//! |---|---|---|
//! | `reject` | rejects those for which a test holds, with a reason | none |
//! | `reject_empty` | rejects those of whose text nothing is left | none |
//! | `tag` | writes something into each | none |
//! | `cut_repeated_paragraphs` | cuts paragraphs seen before | the index that it names |
//! | `cut_repeated_lines` | cuts or counts lines seen before | the index that it names |
//! | `cut_repeated_spans` | cuts spans of text seen before | the index that it names |
//! | `reject_repeats` | rejects those seen before | the index that it names |
//! | `reject_near` | rejects those near to an earlier one | three indexes, or four, after the name of the first |
//!
//! Those with an index have three stages: `keyed` sends an update for each key of a document, the
//! dedup-join (`join`) finds the duplicates among the keys, and `hold` holds the document until the
//! duplicates of its epoch are known, then applies them.
//!
//! Closures are boxed in the first line of an operator, so that the dataflow is compiled once, in
//! this crate, and not again in every slice.

mod each;
mod facts;
mod hold;
pub(crate) mod join;
mod keyed;
pub(crate) mod near;
#[cfg(test)]
mod oracle;
mod paragraphs;
mod repeats;
mod retract;
mod spans;
mod spill;
pub(crate) mod steps;

pub use near::{CANDIDATES_MAX, Counts, Exact, Likeness, Near, Similar};
pub use paragraphs::Repeated;
pub use spans::Span;
