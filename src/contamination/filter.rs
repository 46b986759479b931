//! A first test, in one cache line, that most windows of most texts fail.

/// A Bloom filter of hashes: three bits of one word of 64.
pub(crate) struct Filter {
    words: Vec<u64>,
    /// By how many bits a hash is shifted for the number of its word.
    shift: u32,
}

/// Bits for each hash: one in some 250 of the others passes.
const BITS_EACH: usize = 16;

impl Filter {
    /// Makes a filter of well-mixed hashes.
    pub fn new(hashes: &[u64]) -> Filter {
        let count = (hashes.len() * BITS_EACH / 64).next_power_of_two().max(2);
        let shift = 64 - count.trailing_zeros();
        let mut words = vec![0; count];
        for hash in hashes {
            words[(hash >> shift) as usize] |= mask(*hash);
        }
        Filter { words, shift }
    }

    /// Whether a hash may be one of them.
    pub fn may_have(&self, hash: u64) -> bool {
        let mask = mask(hash);
        self.words[(hash >> self.shift) as usize] & mask == mask
    }

    /// Its size in memory.
    pub fn bytes(&self) -> usize {
        self.words.len() * 8
    }
}

/// Three bits, by the low bits of a hash.
fn mask(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
}
