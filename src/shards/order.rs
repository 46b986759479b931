//! The order of a shuffle, and which documents a fraction of them is.
//!
//! Both depend on a seed and the id of a document, and on nothing else: the first 64 bits, as a
//! big-endian number, of the SHA-256 of `SEED:COPY:ID` are the position of a copy (copies are
//! numbered from 0), and those of `SEED:share:ID` decide whether a document is in a fraction. So
//! other documents never move a document, and a fraction only grows into a larger one.

use sha2::{Digest, Sha256};

/// A shuffle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffle {
    /// The key of the hash.
    pub seed: u64,
}

impl Shuffle {
    /// Returns the position of a copy of a document among all.
    ///
    /// ```
    /// // int.from_bytes(hashlib.sha256(b"7:0:c4/en/a.json#5").digest()[:8])
    /// let position = shards::Shuffle { seed: 7 }.position("c4/en/a.json#5", 0);
    /// assert_eq!(position, 1_620_829_683_379_474_421);
    /// ```
    pub fn position(self, id: &str, copy: u32) -> u64 {
        hash(&format!("{}:{copy}:{id}", self.seed))
    }

    /// Returns how many copies of a document there are if documents are read `epochs` times: the
    /// whole part for each, and one more for a fraction of them.
    pub fn copies(self, id: &str, epochs: f64) -> u32 {
        let whole = epochs.floor();
        let fraction = epochs - whole;
        // Without a fraction, no hash is needed.
        let has_more =
            fraction > 0.0 && hash(&format!("{}:share:{id}", self.seed)) < share(fraction);
        whole as u32 + u32::from(has_more)
    }
}

/// The number of hashes that are a fraction of all.
fn share(fraction: f64) -> u64 {
    (fraction * 2f64.powi(64)) as u64
}

fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("8 of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SHUFFLE: Shuffle = Shuffle { seed: 3 };

    fn ids() -> impl Iterator<Item = String> {
        (0..20_000).map(|n| format!("c4/en/a.json#{n}"))
    }

    #[test]
    fn positions_are_even_and_differ_by_seed_and_copy() {
        let mut counts = [0i32; 16];
        let mut all = BTreeSet::new();
        for id in ids() {
            counts[(SHUFFLE.position(&id, 0) >> 60) as usize] += 1;
            all.insert(SHUFFLE.position(&id, 0));
            all.insert(SHUFFLE.position(&id, 1));
            all.insert(Shuffle { seed: 4 }.position(&id, 0));
        }
        assert!(counts.iter().all(|count| (count - 1250).abs() < 150), "{counts:?}");
        assert_eq!(all.len(), 3 * 20_000);
    }

    #[test]
    fn a_fraction_has_its_share_and_is_part_of_larger_ones() {
        for (epochs, expected) in [(0.25, 5_000), (0.5, 10_000), (2.1, 42_000), (3.0, 60_000)] {
            let count: u32 = ids().map(|id| SHUFFLE.copies(&id, epochs)).sum();
            assert!(count.abs_diff(expected) < 300, "{epochs}: {count}");
        }
        for id in ids() {
            let copies: Vec<u32> =
                [0.0, 0.1, 0.4, 1.0, 1.3, 1.9].map(|epochs| SHUFFLE.copies(&id, epochs)).into();
            assert!(copies.is_sorted() && copies[0] == 0 && copies[3] == 1, "{copies:?}");
        }
    }

    #[test]
    fn the_choice_says_nothing_about_the_position() {
        let chosen: Vec<u64> = ids()
            .filter(|id| SHUFFLE.copies(id, 0.5) == 1)
            .map(|id| SHUFFLE.position(&id, 0))
            .collect();
        let early = chosen.iter().filter(|position| **position < 1 << 63).count();
        assert!((early as f64 / chosen.len() as f64 - 0.5).abs() < 0.02, "{early}");
    }
}
