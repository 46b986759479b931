//! KenLM's n-gram models, read in every form that its programs write and scored as its library
//! scores: ARPA text, plain or gzip, and the binary forms probing, trie, quantised trie, and tries
//! with array-compressed pointers.
//!
//! Upstream: kpu/kenlm. Scores agree to the last digit or nearly: they are sums of the same
//! single-precision numbers in the same order.
//!
//! Whatever the form, the model becomes one hash table for each order. That takes about two thirds of
//! the memory of KenLM's probing form, and three times that of a trie that is quantised and
//! array-compressed. It is looked up in for many words at a time, so that the processor does not wait
//! for each miss of its cache: that makes it faster than KenLM on both.
//!
//! * `header`, `probing`, `trie`, `arpa`: the forms of files, checked as they are read.
//! * `vocabulary`, `table`: words and n-grams in memory.
//! * `model`: from words to a score.

mod arpa;
mod header;
mod model;
mod probing;
mod table;
#[cfg(test)]
mod tests;
mod trie;
mod vocabulary;

pub use model::{Model, Scratch};

use crate::ModelError;
use crate::reader::ModelReader;
use flate2::bufread::MultiGzDecoder;
use header::{Header, Kind, MAGIC};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest n-grams of a model that is read; KenLM stops at 6 unless it is compiled anew.
const ORDER_MAX: usize = 10;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// How much text a compressed file may hold for each of its bytes. ARPA files have about 4; more than
/// this is made to fill the memory.
const EXPANSION_MAX: u64 = 100;

impl Model {
    /// Reads a model of whatever form. The file may be damaged or hostile; it is held to its size.
    pub fn open(path: &Path) -> Result<Model, ModelError> {
        let open = || {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        let (file, len) =
            open().map_err(|source| ModelError::Open { path: path.to_owned(), source })?;
        Self::read(BufReader::with_capacity(1 << 18, file), len, path)
    }

    /// Reads a model of `len` bytes; `path` is named in errors.
    fn read(mut inner: impl BufRead, len: u64, path: &Path) -> Result<Model, ModelError> {
        let failed = |source| ModelError::Read { path: path.to_owned(), offset: 0, source };
        let head = inner.fill_buf().map_err(failed)?;
        if head.starts_with(GZIP_MAGIC) {
            let text = MultiGzDecoder::new(inner).take(len.saturating_mul(EXPANSION_MAX));
            return arpa::read(BufReader::with_capacity(1 << 18, text), path);
        }
        if !head.starts_with(MAGIC) {
            return arpa::read(inner, path);
        }
        let source = &mut ModelReader::new(inner, len, path);
        let header = Header::read(source)?;
        match header.kind {
            Kind::Probing => probing::read(source, &header),
            Kind::Trie { quantised, array } => trie::read(source, &header, quantised, array),
        }
    }
}
