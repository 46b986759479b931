//! KenLM's probing form: open-addressing hash tables (`lm/search_hashed.hh`,
//! `lm/vocab.cc: ProbingVocabulary`).
//!
//! ```text
//! u32 version, u32 number of words        buckets: u64 hash, u32 word
//! number of words + 1 times:              f32 prob, f32 backoff
//! for each order but the first and last   buckets: u64 key, f32 prob, f32 backoff
//! for the last                            buckets: u64 key, f32 prob
//! ```

use super::header::Header;
use super::model::Model;
use super::table::{Gram, NO_EXTENSION, Table};
use super::vocabulary::Vocabulary;
use crate::ModelError;
use crate::reader::{ModelReader, f32_at, u32_at, u64_at};
use std::io::Read;

const VOCABULARY_VERSION: u32 = 0;

pub(super) fn read<R: Read>(
    source: &mut ModelReader<'_, R>,
    header: &Header,
) -> Result<Model, ModelError> {
    let vocabulary = read_vocabulary(source, header)?;
    let unigrams = read_unigrams(source, header, &vocabulary)?;
    let order = header.counts.len();
    let mut middle = Vec::new();
    for count in &header.counts[1..order - 1] {
        middle.push(read_table(source, header.buckets(*count), 16)?);
    }
    let longest = read_table(source, header.buckets(header.counts[order - 1]), 12)?;
    Ok(Model::new(vocabulary, unigrams, middle, longest))
}

fn read_vocabulary<R: Read>(
    source: &mut ModelReader<'_, R>,
    header: &Header,
) -> Result<Vocabulary, ModelError> {
    const PART: &str = "vocabulary";
    let version = u32_at(&source.bytes(8, PART)?, 0);
    if version != VOCABULARY_VERSION {
        return Err(source.unsupported(
            format!("has vocabulary version {version}, but only {VOCABULARY_VERSION} is supported"),
            "make it again from the ARPA file with KenLM's build_binary",
        ));
    }
    let buckets = source.items(header.buckets(header.counts[0]), 12, PART)?;
    let words = buckets.chunks_exact(12).map(|bucket| (u64_at(bucket, 0), u32_at(bucket, 8)));
    Ok(Vocabulary::new(words.filter(|(hash, _)| *hash != 0).collect()))
}

fn read_unigrams<R: Read>(
    source: &mut ModelReader<'_, R>,
    header: &Header,
    vocabulary: &Vocabulary,
) -> Result<Vec<Gram>, ModelError> {
    let bytes = source.items(header.counts[0].saturating_add(1), 8, "1-grams")?;
    let unigrams: Vec<Gram> = bytes
        .chunks_exact(8)
        .map(|gram| Gram { prob: f32_at(gram, 0), backoff: f32_at(gram, 4) })
        .collect();
    let highest = vocabulary.highest();
    if unigrams.len() > highest as usize {
        Ok(unigrams)
    } else {
        Err(source.damaged(format!("word {highest} of {}", unigrams.len())))
    }
}

/// Reads a table. Buckets of 12 bytes have no backoff.
fn read_table<const WAYS: usize, R: Read>(
    source: &mut ModelReader<'_, R>,
    buckets: u64,
    bucket_bytes: usize,
) -> Result<Table<WAYS>, ModelError> {
    let bytes = source.items(buckets, bucket_bytes as u64, "table of n-grams")?;
    let taken = || {
        let buckets = bytes.chunks_exact(bucket_bytes);
        buckets.map(|bucket| (u64_at(bucket, 0), bucket)).filter(|(key, _)| *key != 0)
    };
    // The header's count lacks n-grams that KenLM added while building.
    let count = taken().count() as u64;
    let mut table = Table::with_capacity(count).map_err(|problem| source.damaged(problem))?;
    for (key, bucket) in taken() {
        let backoff = if bucket_bytes == 16 { f32_at(bucket, 12) } else { NO_EXTENSION };
        table.insert(key, Gram { prob: f32_at(bucket, 8), backoff });
    }
    Ok(table)
}
