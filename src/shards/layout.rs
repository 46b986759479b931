//! The layouts of a shard: which files it is, and how they are written.
//!
//! In all of them the tokens of a shard are one sequence, of which a document is a range. `bin`, `npy`
//! and `ds` have the same bytes: `u16` or `u32`, little-endian, without a header.

mod ds;
mod file;
mod mds;
mod megatron;
mod npy;
mod provenance;
mod sft;
mod table;

pub(crate) use mds::index as mds_index;

use crate::{Encoder, Error};
use corpus::export::Destination;
use ds::Ds;
use mds::Mds;
use megatron::Megatron;
use npy::Npy;
use provenance::Provenance;
use serde::{Deserialize, Serialize};
use sft::Sft;

/// What reads the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Megatron-LM, GPT-NeoX and NeMo: `.bin` and `.idx`.
    Megatron,
    /// OLMo-core: `.npy` without a header, and `.csv.gz`.
    Npy,
    /// datatrove and nanotron: `.ds`, `.ds.index` and `.ds.metadata`.
    Ds,
    /// MosaicML's streaming, LLM Foundry: `.mds`, and one `index.json`.
    Mds,
    /// Samples for supervised fine-tuning, with a mask of the tokens that are learned: `.parquet`.
    Sft,
    /// The table of where tokens are from, which every export has: `.parquet`.
    Provenance,
}

/// A document in a shard.
pub(crate) struct Sequence<'a> {
    /// Its tokens, as bytes.
    pub tokens: &'a [u8],
    /// The number of the first of them in the shard.
    pub begin: u64,
    /// The number after the last of them.
    pub end: u64,
    /// Its id without the record.
    pub source: &'a str,
    /// Number of its record in the source.
    pub record: &'a str,
    /// Byte of the source where the record begins, if it is known.
    pub offset: Option<u64>,
    /// Number of the copy, from 0.
    pub copy: u32,
    /// Numbers of the tokens of its answers, first and after the last, counted from its first token; `None`
    /// if all are learned.
    pub answers: Option<&'a [(u32, u32)]>,
}

/// A file that is whole.
pub(crate) struct Written {
    /// Its name in the export.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
    pub tokens: u64,
    /// What was cut off, if its samples have a length that cuts documents off.
    pub cut: Option<Cut>,
}

/// Documents that are longer than a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    pub documents: u64,
    /// Their tokens that are in no sample.
    pub tokens: u64,
}

/// The files of a shard while they are written.
pub(crate) trait Writer {
    /// Adds a document. Documents come in their order.
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error>;

    /// Gives the files their names.
    fn finish(self: Box<Self>) -> Result<Vec<Written>, Error>;
}

/// What the files of all shards have in common.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    pub encoder: &'a Encoder,
    /// Tokens of a sample of [`Layout::Mds`], which is a document if there is none; most tokens of a
    /// sample of [`Layout::Sft`].
    pub sequence_length: Option<u32>,
}

impl Layout {
    /// Returns the name of the layout, which is that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Megatron => "megatron",
            Layout::Npy => "npy",
            Layout::Ds => "ds",
            Layout::Mds => "mds",
            Layout::Sft => "sft",
            Layout::Provenance => "provenance",
        }
    }

    fn extensions(self) -> &'static [&'static str] {
        match self {
            Layout::Megatron => &["bin", "idx"],
            Layout::Npy => &["npy", "csv.gz"],
            Layout::Ds => &["ds", "ds.index", "ds.metadata"],
            Layout::Mds => &["mds"],
            Layout::Sft | Layout::Provenance => &["parquet"],
        }
    }

    /// Returns the names of the files of a shard.
    pub(crate) fn files(self, shard: &str) -> Vec<String> {
        let name = |extension: &&str| format!("{}/{shard}.{extension}", self.name());
        self.extensions().iter().map(name).collect()
    }

    /// Begins the files of a shard.
    pub(crate) fn create<'a>(
        self,
        out: &dyn Destination,
        shard: &str,
        form: Form<'a>,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let files = self.files(shard);
        Ok(match self {
            Layout::Megatron => Box::new(Megatron::create(out, &files, form)?),
            Layout::Npy => Box::new(Npy::create(out, &files)?),
            Layout::Ds => Box::new(Ds::create(out, &files, form)?),
            Layout::Mds => Box::new(Mds::create(out, &files, form)?),
            Layout::Sft => Box::new(Sft::create(out, &files, form)?),
            Layout::Provenance => Box::new(Provenance::create(out, &files)?),
        })
    }
}
