//! The corpus on disk: what is committed, how it is written, read, checked and exported.
//!
//! ```text
//! corpus/
//!   recipe.toml      the recipe it was made with, every default filled in
//!   lock             who writes; held by the operating system while they do
//!   commits/         000042.json: the newest is the corpus, see `manifest`
//!   data/            <slice>/<label>/*.jsonl.zst: the documents, see `segment`
//!   ledger/          <slice>/<label>/*.parquet: one row for each record read, see `ledger`
//!   state/           *.run: what deduplication remembers, see the crate `arrangement`
//!   tmp/             what does not fit in memory for now; empty between runs
//! ```
//!
//! Files are written once under names that no manifest names yet, fsynced, and named by the next
//! manifest. The two newest manifests and all they name are kept, see `sweep`.
//!
//! Knows nothing of dataflows or of what the slices do.

pub mod crash;
mod error;
pub mod export;
mod ledger;
mod lock;
mod manifest;
mod names;
mod part;
mod repair;
mod revise;
mod schema;
mod segment;
mod store;
mod sweep;
mod verify;

pub use arrangement::Depth;
pub use error::Error;
pub use ledger::LedgerRow;
pub use lock::Lock;
pub use manifest::{
    Counts, DEFECTS_LISTED_MAX, DefectRow, File, Label, Manifest, ParagraphCounts, Position, Source,
};
pub use part::{EpochReport, PartWriter};
pub use repair::{Lost, Repair, repair};
pub use revise::{ledger_rows, revise};
pub use store::{Corpus, sync_dir};
pub use verify::{Finding, verify};
