//! Which documents are in each shard?
//!
//! A shuffled export has a power of two of shards, each an equal range of positions: so a document that
//! comes or goes changes its own shard only, until there are twice as many tokens. An export in the
//! order of the corpus has its own shards for each label: one ends before the document with which it
//! would have more tokens than wanted.

use crate::input::Source;
use crate::{Error, Shuffle};
use corpus::export::{Watch, parallel};
use std::collections::BTreeMap;

/// Most shards of a shuffled export, as a power of two.
pub(crate) const BITS_MAX: u32 = 16;

/// The order of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By position, in two to the power of `bits` shards.
    Shuffled { shuffle: Shuffle, bits: u32 },
    /// As in the corpus. `None` if no label has more than one shard.
    Stored { shard_tokens: Option<u64> },
}

/// The documents of a shard, whatever their order: the sum of their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub documents: u64,
    pub digest: u128,
}

impl Sum {
    /// Adds a copy of a document.
    fn add(&mut self, digest: u128, copy: u32) {
        self.documents += 1;
        // Odd factors are different permutations of digests: a copy is not another document.
        self.digest = self.digest.wrapping_add(digest.wrapping_mul(2 * u128::from(copy) + 1));
    }

    fn append(&mut self, other: Sum) {
        self.documents += other.documents;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

/// A shard that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Name of its files, without folder and extension.
    pub name: String,
    /// Its label, if it has the documents of one.
    pub label: Option<usize>,
    /// The number of its first document in the label.
    pub first: u64,
    pub sum: Sum,
}

/// A place of a document in the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub shard: u32,
    /// Order of the documents of a shard.
    pub key: u64,
    pub copy: u32,
}

/// The shards of an export.
pub(crate) struct Shards {
    pub order: Order,
    /// In their order. A shuffled export has those without documents too.
    pub all: Vec<Shard>,
    /// For each label, the first documents of its shards and the first shard.
    starts: Vec<(Vec<u64>, u32)>,
}

impl Shards {
    /// Calls `each` with the places of a document.
    pub fn places(
        &self,
        (label, epochs): (usize, f64),
        number: u64,
        id: &str,
        mut each: impl FnMut(Place),
    ) {
        match self.order {
            Order::Shuffled { shuffle, bits } => shuffled(shuffle, bits, epochs, id, each),
            Order::Stored { .. } => {
                let (starts, first) = &self.starts[label];
                let within = starts.partition_point(|start| *start <= number);
                if let Some(within) = within.checked_sub(1) {
                    each(Place { shard: first + within as u32, key: number, copy: 0 });
                }
            }
        }
    }
}

fn shuffled(shuffle: Shuffle, bits: u32, epochs: f64, id: &str, mut each: impl FnMut(Place)) {
    for copy in 0..shuffle.copies(id, epochs) {
        let key = shuffle.position(id, copy);
        let shard = key.checked_shr(u64::BITS - bits).unwrap_or(0) as u32;
        each(Place { shard, key, copy });
    }
}

/// What a worker finds in a segment.
enum Found {
    ByShard(BTreeMap<u32, Sum>),
    /// Tokens and digest of each document.
    InOrder(Vec<(u64, u128)>),
}

/// Reads all documents, and cuts them into shards.
pub(crate) fn scan(source: &Source<'_>, order: Order, watch: &dyn Watch) -> Result<Shards, Error> {
    let all = source.segments();
    let total: u64 = all.iter().map(|(_, _, bytes)| bytes).sum();
    let work = |at: usize| {
        let (label, segment, _) = all[at];
        segment_of(source, order, (label, segment), &|bytes| watch.scanned(bytes, total))
    };
    let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
    let mut cutters: Vec<Cutter> = source.inputs.iter().map(|_| Cutter::new(order)).collect();
    parallel::in_order(source.workers, all.len(), work, |at, found| {
        match found {
            Found::ByShard(found) => {
                found
                    .into_iter()
                    .for_each(|(shard, sum)| sums.entry(shard).or_default().append(sum));
            }
            Found::InOrder(found) => {
                let cutter = &mut cutters[all[at].0];
                found.into_iter().for_each(|(tokens, digest)| cutter.add(tokens, digest));
            }
        }
        Ok::<(), Error>(())
    })?;
    Ok(match order {
        Order::Shuffled { bits, .. } => {
            let count = 1u32 << bits;
            let shard = |number: u32| Shard {
                name: format!("{number:05}-of-{count:05}"),
                label: None,
                first: 0,
                sum: sums.get(&number).copied().unwrap_or_default(),
            };
            Shards { order, all: (0..count).map(shard).collect(), starts: Vec::new() }
        }
        Order::Stored { .. } => stored(source, order, cutters),
    })
}

fn segment_of(
    source: &Source<'_>,
    order: Order,
    place: (usize, usize),
    read: &dyn Fn(u64),
) -> Result<Found, Error> {
    let epochs = source.inputs[place.0].epochs;
    match order {
        Order::Shuffled { shuffle, bits } => {
            let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
            source.documents(place, read, |document| {
                let digest = digest(document.bytes);
                shuffled(shuffle, bits, epochs, &document.id, |place| {
                    sums.entry(place.shard).or_default().add(digest, place.copy);
                });
                Ok(())
            })?;
            Ok(Found::ByShard(sums))
        }
        Order::Stored { shard_tokens } => {
            let (mut found, mut scratch) = (Vec::new(), Vec::new());
            source.documents(place, read, |document| {
                let tokens = match shard_tokens {
                    Some(_) => source.count(document, &mut scratch)?,
                    None => 0,
                };
                found.push((tokens, digest(document.bytes)));
                Ok(())
            })?;
            Ok(Found::InOrder(found))
        }
    }
}

fn digest(line: &[u8]) -> u128 {
    let digest = blake3::hash(line);
    u128::from_be_bytes(digest.as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}

fn stored(source: &Source<'_>, order: Order, cutters: Vec<Cutter>) -> Shards {
    let (mut all, mut starts) = (Vec::new(), Vec::new());
    for (label, cutter) in cutters.into_iter().enumerate() {
        let of = source.inputs[label].label;
        let first = all.len() as u32;
        starts.push((cutter.cuts.iter().map(|(start, _)| *start).collect(), first));
        all.extend(cutter.cuts.into_iter().enumerate().map(|(number, (first, sum))| Shard {
            name: format!("{}-{}-{number:05}", of.slice, of.name),
            label: Some(label),
            first,
            sum,
        }));
    }
    Shards { order, all, starts }
}

/// Cuts the documents of a label into shards.
struct Cutter {
    shard_tokens: u64,
    /// The number of the next document.
    number: u64,
    /// Tokens of the last shard.
    tokens: u64,
    /// The first document of each shard, and its documents.
    cuts: Vec<(u64, Sum)>,
}

impl Cutter {
    fn new(order: Order) -> Cutter {
        let shard_tokens = match order {
            Order::Stored { shard_tokens: Some(tokens) } => tokens,
            _ => u64::MAX,
        };
        Cutter { shard_tokens, number: 0, tokens: 0, cuts: Vec::new() }
    }

    fn add(&mut self, tokens: u64, digest: u128) {
        let is_full = tokens > 0 && self.tokens > 0 && self.tokens + tokens > self.shard_tokens;
        if self.cuts.is_empty() || is_full {
            self.cuts.push((self.number, Sum::default()));
            self.tokens = 0;
        }
        let (_, sum) = self.cuts.last_mut().expect("pushed above");
        sum.add(digest, 0);
        self.tokens += tokens;
        self.number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_ends_before_the_document_that_is_too_much() {
        let cut = |shard_tokens: Option<u64>, tokens: &[u64]| {
            let mut cutter = Cutter::new(Order::Stored { shard_tokens });
            tokens.iter().for_each(|count| cutter.add(*count, u128::from(*count)));
            let documents = cutter.cuts.iter().map(|(first, sum)| (*first, sum.documents));
            documents.collect::<Vec<_>>()
        };
        assert_eq!(cut(Some(10), &[4, 6, 1, 30, 0, 2, 8]), [(0, 2), (2, 1), (3, 2), (5, 2)]);
        assert_eq!(cut(None, &[4, 6, 30]), [(0, 3)]);
        assert_eq!(cut(Some(10), &[]), []);
        assert_eq!(cut(Some(10), &[0, 0, 11, 0]), [(0, 4)], "nothing is cut off before tokens");
    }

    #[test]
    fn sums_do_not_depend_on_the_order_and_know_copies() {
        let sum = |copies: &[(u128, u32)]| {
            let mut sum = Sum::default();
            copies.iter().for_each(|(digest, copy)| sum.add(*digest, *copy));
            sum
        };
        let digests = [1u128 << 100, 77, u128::MAX - 5];
        let one = sum(&[(digests[0], 0), (digests[1], 0), (digests[2], 1)]);
        assert_eq!(one, sum(&[(digests[2], 1), (digests[1], 0), (digests[0], 0)]));
        assert_ne!(one, sum(&[(digests[0], 0), (digests[1], 0), (digests[2], 0)]));
        let mut parts = sum(&[(digests[0], 0)]);
        parts.append(sum(&[(digests[1], 0), (digests[2], 1)]));
        assert_eq!(parts, one);
    }

    #[test]
    fn shards_of_a_shuffle_are_ranges_of_positions() {
        let shuffle = Shuffle { seed: 1 };
        for id in ["a#0", "a#1", "a#2", "b#0"] {
            let places = |bits| {
                let mut places = Vec::new();
                shuffled(shuffle, bits, 2.0, id, |place| places.push(place));
                places
            };
            let (one, two, many) = (places(0), places(1), places(BITS_MAX));
            assert_eq!(one.len(), 2);
            for copy in 0..2 {
                assert_eq!((one[copy].shard, one[copy].key), (0, many[copy].key));
                assert_eq!(two[copy].shard, u32::from(one[copy].key >= 1 << 63));
                assert_eq!(many[copy].shard >> (BITS_MAX - 1), two[copy].shard);
            }
        }
    }
}
