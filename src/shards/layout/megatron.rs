//! Megatron-LM's indexed dataset: `megatron/core/datasets/indexed_dataset.py`; GPT-NeoX's
//! `megatron/data/indexed_dataset.py` reads the same.
//!
//! ```text
//! X.bin   the tokens of all documents
//! X.idx   "MMIDIDX\0\0"  9 bytes
//!         u64            version, 1
//!         u8             type of a token: 8 u16, 4 i32
//!         u64            number of sequences n: each document is one
//!         u64            number of documents + 1
//!         i32[n]         tokens of each sequence
//!         i64[n]         offset of each sequence in X.bin, in bytes
//!         i64[n + 1]     the first sequence of each document, and n
//! ```
//!
//! All numbers are little-endian.

use super::file::{Output, Spool};
use super::{Form, Sequence, Writer, Written};
use crate::Error;
use crate::encoder::Width;
use corpus::export::Destination;

const MAGIC: &[u8] = b"MMIDIDX\0\0";
const VERSION: u64 = 1;

pub(super) struct Megatron {
    bin: Output,
    idx: Output,
    width: Width,
    /// Tokens of each document, `u32`.
    lengths: Spool,
    documents: u64,
    tokens: u64,
}

impl Megatron {
    pub fn create(
        out: &dyn Destination,
        files: &[String],
        form: Form<'_>,
    ) -> Result<Megatron, Error> {
        Ok(Megatron {
            bin: Output::create(out, &files[0])?,
            idx: Output::create(out, &files[1])?,
            width: form.encoder.width(),
            lengths: Spool::new()?,
            documents: 0,
            tokens: 0,
        })
    }
}

impl Writer for Megatron {
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error> {
        let tokens = document.end - document.begin;
        let length = i32::try_from(tokens).map_err(|_| {
            let Sequence { source, record, .. } = document;
            Error::Usage(format!(
                "{source}#{record} has {tokens} tokens; Megatron's index allows 2,147,483,647: \
                 choose another --layout"
            ))
        })?;
        self.lengths.write(&(length as u32).to_ne_bytes())?;
        self.documents += 1;
        self.tokens = document.end;
        self.bin.write(document.tokens)
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, Error> {
        let Megatron { bin, mut idx, width, lengths, documents, tokens } = *self;
        idx.write(MAGIC)?;
        idx.write(&VERSION.to_le_bytes())?;
        idx.write(&[match width {
            Width::Two => 8,
            Width::Four => 4,
        }])?;
        idx.write(&documents.to_le_bytes())?;
        idx.write(&(documents + 1).to_le_bytes())?;
        let mut lengths = lengths.finish()?;
        lengths.numbers(|length| idx.write(&length.to_le_bytes()))?;
        let mut offset = 0u64;
        lengths.numbers(|length| {
            idx.write(&offset.to_le_bytes())?;
            offset += u64::from(length) * width.bytes();
            Ok(())
        })?;
        (0..=documents).try_for_each(|document| idx.write(&document.to_le_bytes()))?;
        Ok(vec![bin.publish(tokens)?, idx.publish(tokens)?])
    }
}
