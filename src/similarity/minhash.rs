//! MinHash signatures in bands, as FineWeb compares pages.

use crate::permutations::{PRIME, permutations};
use crate::simplify::simplify;
use crate::sketch::{Sketch, sketch};
use multiversion::multiversion;
use sha1::{Digest, Sha1};

/// The shape of MinHash signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bands of a signature.
    pub bands: usize,
    /// Hashes of a band.
    pub rows: usize,
    /// Words of a shingle.
    pub ngram: usize,
}

impl Default for Shape {
    /// FineWeb's (datatrove `minhash.py`: `num_buckets`, `hashes_per_bucket`, `n_grams`).
    fn default() -> Self {
        Shape { bands: 14, rows: 8, ngram: 5 }
    }
}

/// Shingles per block: a block stays in the processor's first-level cache while all permutations
/// read it.
const SHINGLES_AT_ONCE: usize = 1024;

/// Seed of the permutations (`seed`).
const SEED: u32 = 1;

/// The permutations that turn a text's shingles into a signature and its bands' keys.
///
/// With the default shape, two texts whose shingles have a Jaccard similarity `j` share a key with a
/// probability of `1 - (1 - j^8)^14`: 0.77 at 0.75, 0.92 at 0.8, 0.988 at 0.85, 0.9997 at 0.9.
///
/// ```
/// use similarity::{MinHash, Scratch, Shape, similarity};
///
/// let (minhash, mut scratch) = (MinHash::new(Shape::default()), Scratch::default());
/// let (mut one, mut two) = (Vec::new(), Vec::new());
/// let first = minhash.bands("The keeper of the lamp wrote a line.", &mut scratch, &mut one);
/// let second = minhash.bands("the keeper of the lamp, wrote a line", &mut scratch, &mut two);
/// assert_eq!(one, two);
/// assert_eq!(one.len(), 14);
/// assert_eq!(similarity(&first, &second), 1.0);
/// ```
pub struct MinHash {
    shape: Shape,
    factors: Vec<u64>,
    summands: Vec<u64>,
}

/// Buffers that are reused from text to text.
#[derive(Default)]
pub struct Scratch {
    simplified: String,
    /// The offset of each word.
    starts: Vec<usize>,
    shingles: Vec<u64>,
    signature: Vec<u64>,
}

impl Scratch {
    /// The hashes of the shingles of the text whose bands were computed last, in the order of the text.
    pub fn shingles(&self) -> &[u64] {
        &self.shingles
    }
}

/// Returns the Jaccard similarity of two sets, ascending and distinct: 0 to 1, and 0 if both are empty.
///
/// ```
/// assert_eq!(similarity::jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
/// ```
pub fn jaccard(one: &[u64], two: &[u64]) -> f64 {
    let (mut common, mut rest) = (0, two);
    for element in one {
        rest = &rest[rest.partition_point(|other| other < element)..];
        common += usize::from(rest.first() == Some(element));
    }
    let all = one.len() + two.len() - common;
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
}

impl MinHash {
    /// The permutations of a shape, whose numbers are 1 or more.
    pub fn new(shape: Shape) -> MinHash {
        let (factors, summands) = permutations(SEED, shape.bands * shape.rows);
        MinHash { shape, factors, summands }
    }

    /// Writes the keys of a text's bands to `keys`: 64 bits of the SHA-1 of the band's number and
    /// its hashes. Returns the sketch of its shingles. A text of fewer words than a shingle has no keys,
    /// and zeros for a sketch.
    pub fn bands(&self, text: &str, scratch: &mut Scratch, keys: &mut Vec<u64>) -> Sketch {
        shingles(text, self.shape.ngram, scratch);
        if scratch.shingles.is_empty() {
            return Sketch::default();
        }
        self.signature(&scratch.shingles, &mut scratch.signature);
        let bands = scratch.signature.chunks_exact(self.shape.rows).enumerate();
        keys.extend(bands.map(|(band, hashes)| band_key(band, hashes)));
        sketch(&scratch.shingles)
    }

    /// Returns the factors and summands.
    #[cfg(test)]
    pub(crate) fn permutations(&self) -> (&[u64], &[u64]) {
        (&self.factors, &self.summands)
    }

    /// Replaces `smallest` with each permutation's smallest value over all shingles (`minhash.py`:
    /// `get_signature`).
    pub(crate) fn signature(&self, shingles: &[u64], smallest: &mut Vec<u64>) {
        smallest.clear();
        smallest.resize(self.factors.len(), u64::MAX);
        for shingles in shingles.chunks(SHINGLES_AT_ONCE) {
            for (place, smallest) in smallest.iter_mut().enumerate() {
                let of_these = smallest_of(shingles, self.factors[place], self.summands[place]);
                *smallest = of_these.min(*smallest);
            }
        }
    }
}

fn band_key(band: usize, hashes: &[u64]) -> u64 {
    let mut hasher = Sha1::new_with_prefix((band as u64).to_le_bytes());
    hashes.iter().for_each(|hash| hasher.update(hash.to_le_bytes()));
    first_eight(&hasher.finalize())
}

/// Returns the smallest value of one permutation. As in numpy, the product wraps around at 64 bits
/// before it is reduced.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
fn smallest_of(shingles: &[u64], factor: u64, summand: u64) -> u64 {
    let mut smallest = u64::MAX;
    for shingle in shingles {
        let value = shingle.wrapping_mul(factor).wrapping_add(summand);
        // The remainder by 2^61 - 1, for which 2^61 is 1. The sum exceeds the prime by at most
        // seven; then the difference is the smaller of the two.
        let folded = (value & PRIME) + (value >> 61);
        smallest = smallest.min(folded).min(folded.wrapping_sub(PRIME));
    }
    smallest
}

/// Writes the hashes of a text's shingles to the scratch: runs of so many words of its simplified
/// text, joined by a blank (`minhash.py`: `get_shingles`). Words are separated by blanks.
fn shingles(text: &str, words: usize, scratch: &mut Scratch) {
    let Scratch { simplified, starts, shingles, .. } = scratch;
    simplify(text, simplified);
    // A word of accents alone is removed and leaves two blanks.
    if simplified.contains("  ") {
        *simplified = simplified.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    }
    starts.clear();
    if !simplified.is_empty() {
        let blanks = simplified.bytes().enumerate().filter(|(_, byte)| *byte == b' ');
        starts.extend([0].into_iter().chain(blanks.map(|(place, _)| place + 1)));
    }
    let ends = starts.iter().skip(words).map(|start| start - 1).chain([simplified.len()]);
    let enough = (starts.len() + 1).saturating_sub(words);
    let shingle = |(start, end): (&usize, usize)| sha1_hash64(&simplified.as_bytes()[*start..end]);
    shingles.clear();
    shingles.extend(starts.iter().take(enough).zip(ends).map(shingle));
}

/// Returns the first eight bytes of the SHA-1 as a little-endian number (datatrove `sha1_hash64`).
fn sha1_hash64(bytes: &[u8]) -> u64 {
    first_eight(&Sha1::digest(bytes))
}

fn first_eight(digest: &[u8]) -> u64 {
    u64::from_le_bytes(digest[..8].try_into().expect("20 bytes"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn simplified_shingles(text: &str) -> Vec<u64> {
        let mut scratch = Scratch::default();
        shingles(text, Shape::default().ngram, &mut scratch);
        scratch.shingles
    }

    const BANDS: usize = 14;
    const ROWS: usize = 8;

    fn keys(text: &str) -> Vec<u64> {
        let (mut scratch, mut keys) = (Scratch::default(), Vec::new());
        MinHash::new(Shape::default()).bands(text, &mut scratch, &mut keys);
        keys
    }

    #[test]
    fn the_similarity_of_sets_is_what_is_common_of_all() {
        assert_eq!(jaccard(&[], &[]), 0.0);
        assert_eq!(jaccard(&[1], &[]), 0.0);
        assert_eq!(jaccard(&[1, 2, 3, 4], &[4, 5]), 0.2);
        assert_eq!(jaccard(&[4, 5], &[1, 2, 3, 4]), 0.2);
        assert_eq!(jaccard(&[7, 9], &[7, 9]), 1.0);
    }

    #[test]
    fn a_text_of_four_words_has_no_keys() {
        assert!(keys("one, two, three, four!").is_empty());
        assert!(keys("").is_empty());
        assert_eq!(keys("one two three four five").len(), BANDS);
    }

    #[test]
    fn a_shape_has_as_many_keys_as_bands_and_shingles_of_so_many_words() {
        let minhash = MinHash::new(Shape { bands: 9, rows: 13, ngram: 3 });
        let (mut scratch, mut found) = (Scratch::default(), Vec::new());
        minhash.bands("one two", &mut scratch, &mut found);
        assert!(found.is_empty());
        minhash.bands("one two three four", &mut scratch, &mut found);
        assert_eq!((found.len(), scratch.shingles.len()), (9, 2));
    }

    #[test]
    fn values_of_the_prime_and_more_are_reduced() {
        for value in [PRIME - 1, PRIME, PRIME + 1, u64::MAX - 1, u64::MAX] {
            assert_eq!(smallest_of(&[value], 1, 0), value % PRIME, "{value:x}");
        }
    }

    #[test]
    fn the_same_hashes_in_another_band_are_another_key() {
        assert_ne!(band_key(0, &[7; ROWS]), band_key(1, &[7; ROWS]));
        assert_ne!(band_key(0, &[7; ROWS]), band_key(0, &[8; ROWS]));
    }

    #[test]
    fn words_of_accents_alone_do_not_count() {
        assert_eq!(keys("a b \u{301} c d e"), keys("a b c d e"));
    }

    /// Returns the mean similarity of pairs of texts, and the share of pairs with a common key. One
    /// word in `same_words` differs between the texts of a pair.
    fn share_found(same_words: usize, pairs: u64) -> (f64, f64) {
        let (minhash, mut scratch) = (MinHash::new(Shape::default()), Scratch::default());
        let (mut found, mut likeness) = (0, 0.0);
        for pair in 0..pairs {
            let word = |of: u64, place: u64| {
                (pair << 40 | of << 32 | place).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
            };
            let text = |of: u64| -> String {
                let is_other =
                    |place: u64| of == 1 && place % same_words as u64 == pair % same_words as u64;
                let words = (0..1000)
                    .map(|place| format!("w{:x} ", word(u64::from(is_other(place)), place)));
                words.collect()
            };
            let texts = [text(0), text(1)];
            let [one, two] = texts.each_ref().map(|text| {
                simplified_shingles(text).into_iter().collect::<std::collections::HashSet<u64>>()
            });
            likeness += one.intersection(&two).count() as f64 / one.union(&two).count() as f64;
            let (mut first, mut second) = (Vec::new(), Vec::new());
            minhash.bands(&texts[0], &mut scratch, &mut first);
            minhash.bands(&texts[1], &mut scratch, &mut second);
            found += usize::from(first.iter().any(|key| second.contains(key)));
        }
        (likeness / pairs as f64, found as f64 / pairs as f64)
    }

    #[test]
    fn near_texts_are_found_as_often_as_the_shape_of_the_bands_predicts() {
        for (same_words, like) in [(25, 0.66), (45, 0.8), (70, 0.86), (100, 0.9), (200, 0.95)] {
            let (likeness, found) = share_found(same_words, 400);
            assert!((likeness - like).abs() < 0.02, "{likeness} for {like}");
            let predicted = 1.0 - (1.0 - likeness.powi(ROWS as i32)).powi(BANDS as i32);
            println!("likeness {likeness:.3}: found {found:.4}, predicted {predicted:.4}");
            let slack = 4.0 * (predicted * (1.0 - predicted) / 400.0).sqrt() + 1.0 / 400.0;
            assert!((found - predicted).abs() <= slack, "{likeness}: {found} of {predicted}");
            assert!(likeness < 0.86 || found >= 0.985, "{likeness}: {found}");
        }
        // Texts of one topic without a common run of words.
        assert!(share_found(4, 200).1 < 0.01);
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn the_signature_is_that_of_the_definition(shingles in prop::collection::vec(any::<u64>(), 1..20)) {
            let minhash = MinHash::new(Shape::default());
            let value = |shingle: &u64, place: usize| {
                shingle.wrapping_mul(minhash.factors[place]).wrapping_add(minhash.summands[place]) % PRIME
            };
            let smallest = |place| shingles.iter().map(|shingle| value(shingle, place)).min().unwrap();
            let expected: Vec<u64> = (0..BANDS * ROWS).map(smallest).collect();
            let mut found = vec![7];
            minhash.signature(&shingles, &mut found);
            prop_assert_eq!(found, expected);
        }
    }
}
