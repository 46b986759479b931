//! KenLM's trie forms: for each order, an array of bit-packed records sorted by the reversed
//! n-grams, each with the index of its first child in the next array (`lm/search_trie.hh`,
//! `lm/trie.cc`, `lm/quantize.hh`, `lm/bhiksha.cc`).
//!
//! ```text
//! u64 number of words without <unk>       number of words times: u64 hash, in order
//! quantized: u8 version, prob bits, backoff bits, 5 free bytes
//!            for each order but the first and last: f32 of each prob code, of each backoff code
//!            for the last: f32 of each prob code
//! number of words + 2 times: f32 prob, f32 backoff, u64 first child
//! for each order but the first and last:
//!     array-compressed: u8 version, u8 bits, 6 free bytes, from a multiple of 8 on u64 offsets,
//!                       and free bytes up to 7 more than without alignment
//!     records, and one for the end: word, weights, index of the first child
//! for the last: records, and one for the end: word, prob
//! ```
//!
//! Weights are 31 bits of probability, whose sign is known, and 32 of backoff; or, quantized, a
//! code for the backoff and one for the probability. In the array-compressed form, a record has
//! only the low bits of its child's index; the high bits are the number of offsets up to the
//! record.

use super::header::Header;
use super::model::Model;
use super::table::{Gram, NO_EXTENSION, Table, longer_key};
use super::vocabulary::Vocabulary;
use crate::ModelError;
use crate::reader::{ModelReader, f32_at, u64_at};
use std::io::Read;

const QUANTIZATION_VERSION: u8 = 2;
const ARRAY_VERSION: u8 = 0;
const QUANTIZED_BITS_MAX: u8 = 25;
const SIGN: u32 = 1 << 31;

const REBUILD: &str = "make it again from the ARPA file with KenLM's build_binary";

pub(super) fn read<R: Read>(
    source: &mut ModelReader<'_, R>,
    header: &Header,
    quantized: bool,
    array: bool,
) -> Result<Model, ModelError> {
    let counts = &header.counts;
    let order = counts.len();
    let vocabulary = read_vocabulary(source, counts[0])?;
    let weights = read_weights(source, order, quantized)?;
    let (unigrams, mut parents) = read_unigrams(source, counts)?;

    let mut middle = Vec::new();
    let mut array_bits = None;
    for (at, weights) in weights[..order - 2].iter().enumerate() {
        let (count, children) = (counts[at + 1], counts[at + 2]);
        let pointers = if array {
            Pointers::read_array(source, count, children, &mut array_bits)?
        } else {
            Pointers { low_bits: bits_for(children), offsets: Vec::new() }
        };
        let level = Level::read(source, count, counts[0], weights, Some(pointers))?;
        let (table, next) = level.enter(source, &parents, Some(children))?;
        middle.push(table);
        parents = next;
    }
    let level = Level::read(source, counts[order - 1], counts[0], &weights[order - 2], None)?;
    let (longest, _) = level.enter(source, &parents, None)?;
    Ok(Model::new(vocabulary, unigrams, middle, longest))
}

fn read_vocabulary<R: Read>(
    source: &mut ModelReader<'_, R>,
    words: u64,
) -> Result<Vocabulary, ModelError> {
    const PART: &str = "vocabulary";
    let used = u64_at(&source.bytes(8, PART)?, 0);
    if used >= words {
        return Err(
            source.damaged(format!("{used} words besides <unk> do not match {words} words"))
        );
    }
    let hashes = source.items(words, 8, PART)?;
    let hashes = hashes.chunks_exact(8).take(used as usize).map(|hash| u64_at(hash, 0));
    // <unk> is word 0 and has no hash.
    Ok(Vocabulary::new(hashes.zip(1..).collect()))
}

/// The encoding of weights in the records of one order.
enum Weights {
    Plain,
    Quantised { probs: Vec<f32>, backoffs: Vec<f32> },
}

/// Reads the weights' encoding of each order from the second.
fn read_weights<R: Read>(
    source: &mut ModelReader<'_, R>,
    order: usize,
    quantized: bool,
) -> Result<Vec<Weights>, ModelError> {
    const PART: &str = "table of quantized weights";
    if !quantized {
        return Ok((1..order).map(|_| Weights::Plain).collect());
    }
    let head = source.bytes(8, PART)?;
    let (version, prob_bits, backoff_bits) = (head[0], head[1], head[2]);
    if version != QUANTIZATION_VERSION {
        let known = QUANTIZATION_VERSION;
        let problem =
            format!("has version {version} of quantized weights, but only {known} is supported");
        return Err(source.unsupported(problem, REBUILD));
    }
    let is_possible = |bits: u8| (1..=QUANTIZED_BITS_MAX).contains(&bits);
    if !is_possible(prob_bits) || !is_possible(backoff_bits) {
        return Err(source.damaged(format!("its weights have {prob_bits} and {backoff_bits} bits")));
    }
    let mut codes = |bits: u8| -> Result<Vec<f32>, ModelError> {
        let codes = source.items(1 << bits, 4, PART)?;
        Ok(codes.chunks_exact(4).map(|code| f32_at(code, 0)).collect())
    };
    let mut weights = Vec::new();
    for _ in 2..order {
        weights
            .push(Weights::Quantised { probs: codes(prob_bits)?, backoffs: codes(backoff_bits)? });
    }
    weights.push(Weights::Quantised { probs: codes(prob_bits)?, backoffs: Vec::new() });
    Ok(weights)
}

/// The n-grams of one order as parents of the next order.
struct Parents {
    keys: Vec<u64>,
    /// The end of each parent's children.
    ends: Vec<u64>,
}

fn read_unigrams<R: Read>(
    source: &mut ModelReader<'_, R>,
    counts: &[u64],
) -> Result<(Vec<Gram>, Parents), ModelError> {
    let bytes = source.items(counts[0].saturating_add(2), 16, "1-grams")?;
    let records: Vec<&[u8]> = bytes.chunks_exact(16).collect();
    let mut parents = Parents { keys: Vec::new(), ends: Vec::new() };
    let mut unigrams = Vec::with_capacity(counts[0] as usize);
    let mut last = 0;
    for (word, pair) in records.windows(2).take(counts[0] as usize).enumerate() {
        let (begin, end) = (u64_at(pair[0], 8), u64_at(pair[1], 8));
        check_range(source, begin, end, last, counts[1])?;
        last = end;
        unigrams.push(gram(f32_at(pair[0], 0), f32_at(pair[0], 4), begin < end));
        parents.keys.push(word as u64);
        parents.ends.push(end);
    }
    Ok((unigrams, parents))
}

/// Checks that children follow each other without gaps.
fn check_range<R: Read>(
    source: &ModelReader<'_, R>,
    begin: u64,
    end: u64,
    last: u64,
    children: u64,
) -> Result<(), ModelError> {
    if begin == last && begin <= end && end <= children {
        return Ok(());
    }
    let problem = format!("n-grams {begin} to {end} of {children} follow n-gram {last}");
    Err(source.damaged(problem))
}

fn gram(prob: f32, backoff: f32, extends_left: bool) -> Gram {
    let magnitude = prob.to_bits() & !SIGN;
    let sign = if extends_left { 0 } else { SIGN };
    Gram { prob: f32::from_bits(magnitude | sign), backoff }
}

/// The encoding of first children's indexes.
struct Pointers {
    /// Number of their bits in the records.
    low_bits: u32,
    /// The records at which the high bits increase by one; empty if there are no high bits.
    offsets: Vec<u64>,
}

impl Pointers {
    fn read_array<R: Read>(
        source: &mut ModelReader<'_, R>,
        count: u64,
        children: u64,
        bits: &mut Option<u8>,
    ) -> Result<Self, ModelError> {
        const PART: &str = "compressed array of indexes";
        let start = source.offset();
        let padding = start.next_multiple_of(8) - start;
        let head = source.bytes(padding + 8, PART)?;
        // Only the first of these arrays has a header.
        let bits = match *bits {
            Some(bits) => bits,
            None if head[0] != ARRAY_VERSION => {
                let (version, known) = (head[0], ARRAY_VERSION);
                let problem = format!(
                    "has version {version} of array compression, but only {known} is supported"
                );
                return Err(source.unsupported(problem, REBUILD));
            }
            None => *bits.insert(head[1]),
        };
        let required = bits_for(children);
        let high_bits = high_bits(count.saturating_add(1), children, u32::from(bits));
        let low_bits = required - high_bits;
        let offsets = source.items((children >> low_bits) + 1, 8, PART)?;
        source.bytes(7 - padding, PART)?;
        let offsets: Vec<u64> = offsets.chunks_exact(8).map(|offset| u64_at(offset, 0)).collect();
        if !offsets.is_sorted() || offsets.first() != Some(&0) {
            return Err(source.damaged("the offsets of its indexes are not in order"));
        }
        Ok(Self { low_bits, offsets })
    }
}

/// Returns the number of an index's bits that KenLM moves from the records to the array: it saves
/// the most space, with 64 bits per offset.
fn high_bits(records: u64, children: u64, most: u32) -> u32 {
    let required = bits_for(children);
    let cost = |moved: u32| {
        i128::from(children >> (required - moved)) * 64 - i128::from(records) * i128::from(moved)
    };
    (0..=required.min(most)).min_by_key(|moved| cost(*moved)).unwrap_or(0)
}

fn bits_for(most: u64) -> u32 {
    u64::BITS - most.leading_zeros()
}

/// The records of one order.
struct Level<'w> {
    bytes: Vec<u8>,
    count: u64,
    words: u64,
    word_bits: u32,
    record_bits: u32,
    weights: &'w Weights,
    pointers: Option<Pointers>,
}

impl<'w> Level<'w> {
    fn read<R: Read>(
        source: &mut ModelReader<'_, R>,
        count: u64,
        words: u64,
        weights: &'w Weights,
        pointers: Option<Pointers>,
    ) -> Result<Self, ModelError> {
        let word_bits = bits_for(words);
        let weight_bits = match weights {
            Weights::Plain if pointers.is_some() => 63,
            Weights::Plain => 31,
            Weights::Quantised { probs, backoffs } => {
                // The empty table of the last order has no bits.
                probs.len().ilog2() + backoffs.len().checked_ilog2().unwrap_or(0)
            }
        };
        let low_bits = pointers.as_ref().map_or(0, |pointers| pointers.low_bits);
        let record_bits = word_bits + weight_bits + low_bits;
        let bits = u128::from(count.saturating_add(1)) * u128::from(record_bits);
        // KenLM reads 8 bytes at a time, so it leaves 8 after the last record.
        let bytes = u64::try_from(bits.div_ceil(8) + 8).unwrap_or(u64::MAX);
        let bytes = source.bytes(bytes, "array of n-grams")?;
        Ok(Self { bytes, count, words, word_bits, record_bits, weights, pointers })
    }

    /// Builds a table of the n-grams below `parents`, and returns them as parents of the next
    /// `children` n-grams, if there are any.
    fn enter<const WAYS: usize, R: Read>(
        &self,
        source: &ModelReader<'_, R>,
        parents: &Parents,
        children: Option<u64>,
    ) -> Result<(Table<WAYS>, Parents), ModelError> {
        let mut table =
            Table::with_capacity(self.count).map_err(|problem| source.damaged(problem))?;
        let mut next = Parents { keys: Vec::new(), ends: Vec::new() };
        let (mut record, mut last, mut offsets) = (0, 0, 0);
        let mut begin = self.first_child(0, &mut offsets);
        for (parent, end) in parents.keys.iter().zip(&parents.ends) {
            while record < *end {
                let word = self.bits(record, 0, self.word_bits);
                if word >= self.words {
                    return Err(source.damaged(format!("an n-gram has word {word}")));
                }
                let key = longer_key(*parent, word as u32);
                let mut extends_left = false;
                if let Some(children) = children {
                    let end = self.first_child(record + 1, &mut offsets);
                    check_range(source, begin, end, last, children)?;
                    extends_left = begin < end;
                    next.keys.push(key);
                    next.ends.push(end);
                    (begin, last) = (end, end);
                }
                let (prob, backoff) = self.weights(record, children.is_some());
                table.insert(key, gram(prob, backoff, extends_left));
                record += 1;
            }
        }
        Ok((table, next))
    }

    fn weights(&self, record: u64, has_backoff: bool) -> (f32, f32) {
        match self.weights {
            Weights::Plain => {
                let prob = f32::from_bits(self.bits(record, self.word_bits, 31) as u32);
                let backoff = if has_backoff {
                    f32::from_bits(self.bits(record, self.word_bits + 31, 32) as u32)
                } else {
                    NO_EXTENSION
                };
                (prob, backoff)
            }
            Weights::Quantised { probs, backoffs } => {
                let backoff_bits = backoffs.len().checked_ilog2().unwrap_or(0);
                let backoff = self.bits(record, self.word_bits, backoff_bits);
                let prob = self.bits(record, self.word_bits + backoff_bits, probs.len().ilog2());
                let backoff = backoffs.get(backoff as usize).copied().unwrap_or(NO_EXTENSION);
                (probs[prob as usize], backoff)
            }
        }
    }

    /// Returns the beginning of the children of `record`. Must be called in order of the records;
    /// `offsets` counts the offsets passed.
    fn first_child(&self, record: u64, offsets: &mut usize) -> u64 {
        let Some(pointers) = &self.pointers else { return 0 };
        let low_bits = pointers.low_bits;
        let low = self.bits(record, self.record_bits - low_bits, low_bits);
        while pointers.offsets.get(*offsets).is_some_and(|offset| *offset <= record) {
            *offsets += 1;
        }
        // The first offset is 0, for high bits of 0.
        (offsets.saturating_sub(1) as u64) << low_bits | low
    }

    /// Returns `count` bits of a record, at most 57, from `at` on.
    fn bits(&self, record: u64, at: u32, count: u32) -> u64 {
        let bit = record * u64::from(self.record_bits) + u64::from(at);
        // There are 8 bytes after the last record.
        let word = u64_at(&self.bytes, (bit / 8) as usize);
        word >> (bit % 8) & ((1 << count) - 1)
    }
}
