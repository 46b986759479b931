//! The corpus on disk: commits, and how they are written, read, verified and exported.
//!
//! ```text
//! corpus/
//!   recipe.toml      the recipe of the corpus, with all defaults
//!   lock             the writing process; locked while it runs
//!   commits/         000042.json: the newest defines the corpus, see `manifest`
//!   data/            <slice>/<label>/*.jsonl.zst: the documents, see `segment`
//!   ledger/          <slice>/<label>/*.parquet: one row for each record read, see `ledger`
//!   exclusions/      000042.jsonl: what is excluded from the corpus, see `exclusions`
//!   aside/           <slice>/<label>/*: documents and rows that decontamination or a later recipe changed, see `revise`
//!   state/           *.run: the indexes of deduplication, see the crate `arrangement`
//!   scans/           *.json: what updates of exports found in labels, see `export`; may be removed
//!   tmp/             data that does not fit in memory; empty between runs
//! ```
//!
//! Other files are written once, under names that no manifest has yet, and fsynced; then the next manifest
//! names them. The two newest manifests and all their files are kept, see `sweep`.
//!
//! This crate does not depend on dataflows or slices.

mod contamination;
pub mod crash;
mod error;
mod exclusions;
pub mod export;
mod ledger;
mod lock;
mod lookup;
mod manifest;
mod names;
mod part;
mod prune;
mod repair;
mod revise;
mod segment;
mod store;
mod sweep;
mod verify;
mod versions;

pub use arrangement::Depth;
pub use contamination::{ContaminationCounts, MatchedSet, Matches};
pub use error::Error;
pub use exclusions::{Excluded, Exclusions, Match, Matcher, Request, Selector, ref_of_id};
pub use ledger::{
    EXCLUDED, Fate, LedgerColumns, LedgerRow, Mark, Rejection, SUPERSEDED, Urls, Words, fates,
    offsets,
};
pub use lock::{Holder, Lock};
pub use lookup::{Documents, DocumentsAside, Lookup, Verdicts};
pub use manifest::{
    Aside, Counts, DEFECTS_LISTED_MAX, DefectRow, Evaluation, File, Label, Manifest,
    ParagraphCounts, Position, Source,
};
pub use part::{EpochReport, PartFiles, PartWriter};
pub use repair::{Lost, Repair, repair};
pub use revise::{
    BuiltRow, Changes, Comparison, Difference, Exchange, Judge, Rounds, exchange, join_parts,
    revise, rows_as_built,
};
pub use store::{Corpus, sync_dir};
pub use verify::{Finding, verify};
pub use versions::{Newest, Superseded};
