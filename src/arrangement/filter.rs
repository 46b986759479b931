//! A Bloom filter for each page: whether a key may be in the page, without reading it.
//!
//! A lookup of few keys in a run mostly asks for absent keys. A filter block is an eighth the size of
//! its page, and the blocks of many pages are adjacent (see `run`), so such a lookup reads and checks
//! an eighth of the bytes. Results remain exact: the filter answers "absent" or "maybe".
//!
//! ```text
//! crc32c   u32   of everything after it
//! words    of 64 bits, little-endian: ten bits for each update of the page
//! ```

use crate::key::Key;

/// Bits for each update. One in about 40 absent keys is a false positive.
const BITS_PER_ENTRY: usize = 10;

/// Bits set for each key, all in one word.
const PROBES: u32 = 4;

const HEADER_BYTES: usize = 4;
const WORD_BYTES: usize = 8;

/// Size of the block of a page of `count` updates.
pub(crate) fn block_bytes(count: usize) -> usize {
    HEADER_BYTES + (count * BITS_PER_ENTRY).div_ceil(8 * WORD_BYTES) * WORD_BYTES
}

/// Returns the word of `key` among `words`, and its bits in this word.
#[inline]
fn place<K: Key>(key: K, words: usize) -> (usize, u64) {
    // Keys of one page share their highest bits, so the lower bits are mixed upwards.
    let mixed = (key.high() ^ key.low().rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bit = |probe: u32| 1 << (mixed >> (6 * probe) & 63);
    let bits = (0..PROBES).fold(0, |bits, probe| bits | bit(probe));
    ((((mixed >> 32) * words as u64) >> 32) as usize, bits)
}

/// Appends the block of `keys`, all of one page.
pub(crate) fn build<K: Key>(keys: &[K], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + block_bytes(keys.len()), 0);
    let (words, _) = out[start + HEADER_BYTES..].as_chunks_mut::<WORD_BYTES>();
    for key in keys {
        let (word, bits) = place(*key, words.len());
        words[word] = (u64::from_le_bytes(words[word]) | bits).to_le_bytes();
    }
    let crc = crc32c::crc32c(&out[start + HEADER_BYTES..]);
    out[start..start + HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// Whether the checksum of the block is correct.
pub(crate) fn is_whole(block: &[u8]) -> bool {
    block.split_first_chunk().is_some_and(|(crc, bits)| {
        bits.len() >= WORD_BYTES && u32::from_le_bytes(*crc) == crc32c::crc32c(bits)
    })
}

/// Whether `key` may be in the page of `block`, whose checksum is correct.
pub(crate) fn may_hold<K: Key>(block: &[u8], key: K) -> bool {
    let (words, _) = block[HEADER_BYTES..].as_chunks::<WORD_BYTES>();
    let (word, bits) = place(key, words.len());
    u64::from_le_bytes(words[word]) & bits == bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_key_and_few_false_positives() {
        let hash = |i: u64| i.wrapping_add(1).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 16;
        for count in [1, 7, 1024] {
            let keys: Vec<u64> = (0..count).map(hash).collect();
            let mut block = Vec::new();
            build(&keys, &mut block);
            assert!(is_whole(&block) && block.len() == block_bytes(keys.len()));
            assert!(keys.iter().all(|key| may_hold(&block, *key)));
            let wrong = (5000..15_000).filter(|i| may_hold(&block, hash(*i))).count();
            assert!(wrong < 500, "{wrong} of 10,000 absent keys, {count} in the block");
        }
    }

    #[test]
    fn damage_is_detected() {
        let mut block = Vec::new();
        build(&[5u128, 7 << 64], &mut block);
        assert!(may_hold(&block, 7u128 << 64));
        block[5] ^= 1;
        assert!(!is_whole(&block));
        assert!(!is_whole(&block[..3]) && !is_whole(&[0; 4]));
    }
}
