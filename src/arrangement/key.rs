//! Keys, their owners, and the updates that an arrangement stores.

use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A uniformly distributed hash: `u64` for paragraphs (as CCNet), `u128` for documents; [`Signed`] has
/// more to it than is searched for.
pub trait Key: Copy + Ord + Debug + Default + Send + Sync + 'static {
    /// Size on disk before packing. No two types of keys have the same.
    const BYTES: u32;
    /// Words of [`Key::words`].
    const WORDS: usize = 0;
    /// Size of the bits that are searched for, before packing: 8 or 16.
    const SEARCHED_BYTES: u32 = Self::BYTES - 8 * Self::WORDS as u32;
    /// The most significant 64 bits.
    fn high(self) -> u64;
    /// The next 64 bits; zero for a `u64`.
    fn low(self) -> u64;
    /// The key with these bits, and no other.
    fn from_parts(high: u64, low: u64) -> Self;
    /// What the key has besides; it decides the order of keys that are otherwise equal.
    fn words(&self) -> &[u64] {
        &[]
    }
    /// The same, to be set.
    fn words_mut(&mut self) -> &mut [u64] {
        &mut []
    }
    /// Whether a search for one of the keys finds the other.
    fn is_found_by(&self, other: &Self) -> bool {
        (self.high(), self.low()) == (other.high(), other.low())
    }
    /// What is searched for, as a number of 128 bits.
    fn widened(self) -> u128;
    /// The key that [`Key::widened`] made this number of, without words.
    fn narrowed(wide: u128) -> Self;
}

impl Key for u64 {
    const BYTES: u32 = 8;
    fn high(self) -> u64 {
        self
    }
    fn low(self) -> u64 {
        0
    }
    fn from_parts(high: u64, _low: u64) -> u64 {
        high
    }
    fn widened(self) -> u128 {
        self.into()
    }
    fn narrowed(wide: u128) -> u64 {
        wide as u64
    }
}

impl Key for u128 {
    const BYTES: u32 = 16;
    fn high(self) -> u64 {
        (self >> 64) as u64
    }
    fn low(self) -> u64 {
        self as u64
    }
    fn from_parts(high: u64, low: u64) -> u128 {
        u128::from(high) << 64 | u128::from(low)
    }
    fn widened(self) -> u128 {
        self
    }
    fn narrowed(wide: u128) -> u128 {
        wide
    }
}

/// A key of 64 bits with a signature: what is known of the document of that key. It is found by the key
/// alone.
///
/// ```
/// use arrangement::{Key, Signed};
///
/// let signed = Signed { key: 7, signature: [3; 16] };
/// assert!(signed.is_found_by(&Signed::from_parts(7, 0)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signed {
    /// The key.
    pub key: u64,
    /// The signature.
    pub signature: Signature,
}

/// 128 bytes that stand for a text.
pub type Signature = [u64; 16];

impl Key for Signed {
    const BYTES: u32 = 8 + size_of::<Signature>() as u32;
    const WORDS: usize = 16;
    fn high(self) -> u64 {
        self.key
    }
    fn low(self) -> u64 {
        0
    }
    fn from_parts(high: u64, _low: u64) -> Signed {
        Signed { key: high, signature: Signature::default() }
    }
    fn words(&self) -> &[u64] {
        &self.signature
    }
    fn words_mut(&mut self) -> &mut [u64] {
        &mut self.signature
    }
    fn widened(self) -> u128 {
        self.key.into()
    }
    fn narrowed(wide: u128) -> Signed {
        Signed::from_parts(wide as u64, 0)
    }
}

/// `(key, at, diff)`: adds `diff` copies of `key` at the ref `at`, or removes copies if negative.
pub type Update<K> = (K, u64, i64);

/// Returns the worker that owns keys with these high bits. Workers own ranges of equal size, in
/// order.
///
/// Ranges rather than remainders: the keys of a worker are then adjacent in every run, and nothing is
/// rewritten when the number of workers changes.
pub fn owner(high: u64, workers: usize) -> usize {
    ((u128::from(high) * workers as u128) >> 64) as usize
}

/// The keys whose high bits are between `first` and `last`, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRange {
    /// Smallest high bits.
    pub first: u64,
    /// Largest high bits.
    pub last: u64,
}

impl KeyRange {
    /// Every key.
    pub const ALL: KeyRange = KeyRange { first: 0, last: u64::MAX };

    /// The keys that [`owner`] assigns to `worker` of `workers`.
    pub fn of(worker: usize, workers: usize) -> KeyRange {
        assert!(worker < workers, "worker {worker} of {workers}");
        let bound = |w: usize| ((w as u128) << 64).div_ceil(workers as u128);
        KeyRange { first: bound(worker) as u64, last: (bound(worker + 1) - 1) as u64 }
    }

    /// The keys in both ranges; `None` if there are none.
    pub fn intersection(self, other: KeyRange) -> Option<KeyRange> {
        let range =
            KeyRange { first: self.first.max(other.first), last: self.last.min(other.last) };
        (range.first <= range.last).then_some(range)
    }
}

/// Sorts by key and ref, adds up the diffs of equal pairs, and drops pairs with a sum of zero.
pub fn consolidate<K: Key>(updates: &mut Vec<Update<K>>) {
    updates.sort_unstable_by_key(|&(key, at, _)| (key, at));
    let mut kept = 0;
    let mut next = 0;
    while next < updates.len() {
        let (key, at, mut diff) = updates[next];
        next += 1;
        while next < updates.len() && (updates[next].0, updates[next].1) == (key, at) {
            diff += updates[next].2;
            next += 1;
        }
        if diff != 0 {
            updates[kept] = (key, at, diff);
            kept += 1;
        }
    }
    updates.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_workers_agree_with_owner() {
        for workers in 1..9 {
            for worker in 0..workers {
                let range = KeyRange::of(worker, workers);
                assert_eq!(owner(range.first, workers), worker);
                assert_eq!(owner(range.last, workers), worker);
            }
            assert_eq!(KeyRange::of(0, workers).first, 0);
            assert_eq!(KeyRange::of(workers - 1, workers).last, u64::MAX);
        }
    }

    #[test]
    fn consolidate_adds_up_and_drops_zeros() {
        let mut updates = vec![(2u64, 1, 1), (1, 5, 1), (2, 1, -1), (1, 5, 2), (1, 4, 1)];
        consolidate(&mut updates);
        assert_eq!(updates, [(1, 4, 1), (1, 5, 3)]);
    }
}
