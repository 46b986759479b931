//! The durable arrangement: `(key, ref, diff)` updates on disk, and the duplicate facts that follow
//! from them. This crate does not depend on documents, text or timely.
//!
//! In reading order: [`Key`] and [`Update`], what is stored; `column`, `page` and `filter`, its
//! encoding; [`Run`], a sorted file; `cursor`, lookups and scans; [`Batch`], the updates of an epoch;
//! `merge`, several runs into one; [`duplicates`] and `earlier`, the relations; [`Arrangement`], all runs of one
//! worker, epoch after epoch; [`Search`], the copies of single keys, outside of an epoch.

mod arrangement;
mod batch;
mod column;
mod cursor;
pub mod duplicates;
mod earlier;
mod error;
mod filter;
mod key;
mod merge;
mod page;
mod run;
mod search;
mod spill;

pub use arrangement::{Arrangement, STORED_PER_UPDATE, Updates};
pub use batch::Batch;
pub use cursor::{Depth, Reader, check};
pub use duplicates::{Copies, Rule, Scope};
pub use earlier::Pairs;
pub use error::Error;
pub use key::{Key, KeyRange, Signature, Signed, Update, consolidate, owner};
pub use run::{Run, RunMeta, RunWriter, disk_bytes};
pub use search::{Refs, Search};
