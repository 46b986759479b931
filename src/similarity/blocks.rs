//! Keys by which near SimHashes are found.

use crate::DISTANCE_MAX;
use crate::sketch::Sketch;

/// Blocks of eight bits.
const BLOCKS: usize = 8;

/// Blocks of a key.
const EQUAL: usize = 3;

// Each bit that differs is in one block, so so many blocks are equal.
const _: () = assert!(BLOCKS - DISTANCE_MAX as usize >= EQUAL);

/// Pushes the keys of a SimHash: two hashes that differ in at most [`DISTANCE_MAX`] bits have at least
/// one key in common, by which they are found among others.
///
/// A key stands for three of the eight bytes of a hash, and for their places: of eight bytes, at least
/// three are equal. There are 56. The package `simhash`, which RedPajama uses for books, has six keys of 10
/// to 14 bits, which one in two hundred hashes share; these are shared by one in 300,000. That is Manku,
/// Jain, Das Sarma: Detecting Near-Duplicates for Web Crawling, WWW 2007, with other numbers.
///
/// ```
/// use similarity::blocks;
///
/// let (mut one, mut other) = (Vec::new(), Vec::new());
/// blocks(0x0123_4567_89ab_cdef, &mut one);
/// blocks(0x0123_4567_89ab_cdef ^ 0x8000_0101_0100_0100, &mut other);
/// assert_eq!(one.iter().filter(|key| other.contains(key)).count(), 1);
/// ```
pub fn blocks(hash: u64, keys: &mut Vec<u64>) {
    let bytes = hash.to_le_bytes().map(u64::from);
    let mut place = 0;
    for a in 0..BLOCKS {
        for b in a + 1..BLOCKS {
            for c in b + 1..BLOCKS {
                keys.push(mixed(place << 24 | bytes[a] << 16 | bytes[b] << 8 | bytes[c]));
                place += 1;
            }
        }
    }
}

/// Returns a uniform number, another one for each (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

/// Returns a hash as a signature, never zeros.
pub fn signature(hash: u64) -> Sketch {
    let mut signature = Sketch::default();
    (signature[0], signature[1]) = (hash, 1);
    signature
}

/// Returns the share of bits that are equal in the hashes of two [signatures](signature()), 0 to 1.
pub fn equal_bits(one: &Sketch, two: &Sketch) -> f64 {
    share((one[0] ^ two[0]).count_ones())
}

/// Returns the least share of equal bits of hashes that differ in at most `distance` bits.
pub fn equal_within(distance: u32) -> f64 {
    share(distance)
}

/// Exact: a number of sixty-fourths.
fn share(different: u32) -> f64 {
    1.0 - f64::from(different) / f64::from(u64::BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn keys(hash: u64) -> BTreeSet<u64> {
        let mut keys = Vec::new();
        blocks(hash, &mut keys);
        keys.into_iter().collect()
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn near_hashes_share_a_key_and_their_distance_is_exact(
            hash: u64, flips in prop::collection::btree_set(0u32..64, 0..9),
        ) {
            let other = flips.iter().fold(hash, |hash, bit| hash ^ 1 << bit);
            let distance = flips.len() as u32;
            if distance <= DISTANCE_MAX {
                prop_assert!(!keys(hash).is_disjoint(&keys(other)));
            }
            let found = equal_bits(&signature(hash), &signature(other));
            for most in 0..=DISTANCE_MAX {
                prop_assert_eq!(found >= equal_within(most), distance <= most);
            }
        }
    }

    #[test]
    fn keys_of_different_places_differ() {
        assert_eq!(keys(0).len(), 56);
        assert!(keys(0).is_disjoint(&keys(u64::MAX)));
        // Keys are spread over all workers.
        assert!(keys(0).iter().any(|key| *key < u64::MAX / 4));
        assert!(keys(0).iter().any(|key| *key > u64::MAX / 4 * 3));
    }
}
