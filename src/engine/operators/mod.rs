//! The words slices are written in, in the order in which a recipe uses them.
//!
//! | word | what becomes of the documents | state |
//! |---|---|---|
//! | `reject` | those for which a test holds are turned away with a reason | none |
//! | `tag` | something is written into each | none |
//! | `cut_repeated_paragraphs` | paragraphs seen before are cut | the index it names |
//! | `cut_repeated_spans` | stretches of text seen before are cut | the index it names |
//! | `reject_repeats` | those seen before are turned away | the index it names |
//! | `reject_repeated_bands` | those with a band seen before are turned away | the index it names |
//! | `reject_near_repeats` | those near to one seen before are turned away | the index it names, also in memory |
//!
//! Closures are boxed in the first line of an operator, so that the dataflow is compiled once,
//! here, and not again in every slice.

mod blocks;
mod each;
mod facts;
mod hold;
pub mod join;
mod keyed;
mod near;
#[cfg(test)]
mod oracle;
mod paragraphs;
mod repeats;
mod spans;
mod spill;

pub use spans::Span;
