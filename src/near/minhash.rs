//! MinHash signatures in bands, as FineWeb compares pages.

use crate::permutations::{PRIME, permutations};
use crate::simplify::simplify;
use sha1::{Digest, Sha1};

/// Words of a shingle (datatrove `minhash.py`: `n_grams`).
const SHINGLE_WORDS: usize = 5;

/// Bands, and hashes of each (`num_buckets`, `hashes_per_bucket`).
const BANDS: usize = 14;
const ROWS: usize = 8;

/// What the permutations are drawn from (`seed`).
const SEED: u32 = 1;

/// The permutations by which signatures are made, and from them the keys of a text's bands.
///
/// Two texts that share a share `j` of all their shingles have a key in common with a probability
/// of `1 - (1 - j^8)^14`: 0.77 at 0.7, 0.92 at 0.8, 0.988 at 0.85, 0.9997 at 0.9.
pub struct MinHash {
    factors: [u64; BANDS * ROWS],
    summands: [u64; BANDS * ROWS],
}

/// Room to work in, for one text after another.
#[derive(Default)]
pub struct Room {
    simplified: String,
    /// Where its words begin.
    starts: Vec<usize>,
    shingles: Vec<u64>,
}

impl Default for MinHash {
    fn default() -> Self {
        let (factors, summands) = permutations(SEED, BANDS * ROWS);
        let array = |numbers: Vec<u64>| numbers.try_into().expect("as many as were asked for");
        MinHash { factors: array(factors), summands: array(summands) }
    }
}

impl MinHash {
    /// Puts the keys of a text's bands into `keys`: 64 bits of the SHA-1 of the band's number and
    /// its hashes. A text of fewer than five words has none.
    pub fn bands(&self, text: &str, room: &mut Room, keys: &mut Vec<u64>) {
        shingles(text, room);
        if room.shingles.is_empty() {
            return;
        }
        let signature = self.signature(&room.shingles);
        for (band, hashes) in signature.chunks_exact(ROWS).enumerate() {
            let mut bytes = [0; 8 * (ROWS + 1)];
            let numbers = [band as u64].into_iter().chain(hashes.iter().copied());
            for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            keys.push(first_half(&bytes));
        }
    }

    /// Factors and summands.
    #[cfg(test)]
    pub(crate) fn permutations(&self) -> (&[u64], &[u64]) {
        (&self.factors, &self.summands)
    }

    /// The smallest value of each permutation over all shingles (`minhash.py`: `get_signature`).
    /// The product wraps around at 64 bits before it is reduced, as numpy's does.
    pub(crate) fn signature(&self, shingles: &[u64]) -> [u64; BANDS * ROWS] {
        let mut smallest = [u64::MAX; BANDS * ROWS];
        for &shingle in shingles {
            let permutations = self.factors.iter().zip(&self.summands);
            for (smallest, (factor, summand)) in smallest.iter_mut().zip(permutations) {
                let value = shingle.wrapping_mul(*factor).wrapping_add(*summand);
                // The remainder by 2^61 - 1: 2^61 is one. What is left is less than the prime, or
                // up to eight more; then the difference is the smaller of the two.
                let folded = (value & PRIME) + (value >> 61);
                *smallest = (*smallest).min(folded).min(folded.wrapping_sub(PRIME));
            }
        }
        smallest
    }
}

/// Puts the hashes of a text's shingles into the room: runs of five words of its simplified text,
/// joined by a blank (`minhash.py`: `get_shingles`). Words are what stands between blanks.
fn shingles(text: &str, room: &mut Room) {
    let Room { simplified, starts, shingles } = room;
    simplify(text, simplified);
    // A word of marks alone is gone, and two blanks are left.
    if simplified.contains("  ") {
        *simplified = simplified.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    }
    starts.clear();
    if !simplified.is_empty() {
        let blanks = simplified.bytes().enumerate().filter(|(_, byte)| *byte == b' ');
        starts.extend([0].into_iter().chain(blanks.map(|(place, _)| place + 1)));
    }
    let ends = starts.iter().skip(SHINGLE_WORDS).map(|start| start - 1).chain([simplified.len()]);
    let enough = (starts.len() + 1).saturating_sub(SHINGLE_WORDS);
    let shingle = |(start, end): (&usize, usize)| first_half(&simplified.as_bytes()[*start..end]);
    shingles.clear();
    shingles.extend(starts.iter().take(enough).zip(ends).map(shingle));
}

/// The first eight bytes of the SHA-1, as a little-endian number (datatrove `sha1_hash64`).
fn first_half(bytes: &[u8]) -> u64 {
    let digest = Sha1::digest(bytes);
    u64::from_le_bytes(digest[..8].try_into().expect("20 bytes"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn simplified_shingles(text: &str) -> Vec<u64> {
        let mut room = Room::default();
        shingles(text, &mut room);
        room.shingles
    }

    fn keys(text: &str) -> Vec<u64> {
        let (mut room, mut keys) = (Room::default(), Vec::new());
        MinHash::default().bands(text, &mut room, &mut keys);
        keys
    }

    #[test]
    fn a_text_of_four_words_has_no_keys() {
        assert!(keys("one, two, three, four!").is_empty());
        assert!(keys("").is_empty());
        assert_eq!(keys("one two three four five").len(), BANDS);
    }

    #[test]
    fn words_of_marks_alone_are_none() {
        assert_eq!(keys("a b \u{301} c d e"), keys("a b c d e"));
    }

    proptest! {
        #![proptest_config(crate::property())]

        #[test]
        fn the_signature_is_that_of_the_definition(shingles in prop::collection::vec(any::<u64>(), 1..20)) {
            let minhash = MinHash::default();
            let value = |shingle: &u64, place: usize| {
                shingle.wrapping_mul(minhash.factors[place]).wrapping_add(minhash.summands[place]) % PRIME
            };
            let expected = std::array::from_fn(|place| {
                shingles.iter().map(|shingle| value(shingle, place)).min().unwrap()
            });
            prop_assert_eq!(minhash.signature(&shingles), expected);
        }
    }
}
