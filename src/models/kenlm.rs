//! Reads KenLM's n-gram models in every form that its programs write, and scores as its library
//! does: ARPA text, plain or gzip, and the binary forms probing, trie, quantized trie, and tries
//! with array-compressed pointers.
//!
//! Upstream: kpu/kenlm. Scores agree to the last digit or nearly: they are sums of the same
//! single-precision numbers in the same order.
//!
//! Every form becomes one hash table per order. It takes about two thirds of the memory of KenLM's
//! probing form, and three times that of a trie that is quantized and array-compressed. Look-ups
//! for many words overlap, so that the processor does not wait for each cache miss. This is faster
//! than KenLM on both forms.
//!
//! * `header`, `probing`, `trie`, `arpa`: the file formats, checked as they are read.
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

/// Highest supported order; KenLM's default limit is 6.
const ORDER_MAX: usize = 10;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// Most bytes of text per byte of a compressed file. ARPA files have about 4; more than this limit
/// is made to fill the memory.
const EXPANSION_MAX: u64 = 100;

impl Model {
    /// Reads a model of any form. The file is not trusted: memory is bounded by its size.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is damaged, or has an unsupported form, version or order.
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("kenlm-example-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("toy.arpa");
    /// # let arpa = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t0\n\
    /// #     -1\t</s>\n-0.5\thello\t0\n\n\\2-grams:\n-0.25\t<s> hello\n\n\\end\\\n";
    /// # std::fs::write(&path, arpa).unwrap();
    /// let model = models::kenlm::Model::open(&path)?;
    /// // log10 of the probabilities of "hello" after the sentence's begin, and of its end.
    /// assert_eq!(model.score(&[model.word(b"hello")]), -0.25 - 1.0);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), models::ModelError>(())
    /// ```
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

    /// Reads a model of `len` bytes; `path` is for errors.
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
            Kind::Trie { quantized, array } => trie::read(source, &header, quantized, array),
        }
    }
}
