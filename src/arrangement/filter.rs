//! A Bloom filter for each page: whether a key may be in it, without reading it.
//!
//! A look-up that asks for few keys of a run mostly asks for keys that are not there. A block is an
//! eighth of its page, and blocks lie side by side (see `run`), so that such a look-up reads and
//! checks an eighth of the bytes. Exactness does not rest on it: it says "no" or "look".
//!
//! ```text
//! crc32c   u32   of everything after it
//! words    of 64 bits, little-endian: ten bits for each update of the page
//! ```

use crate::key::Key;

/// Bits for each update. One of about 40 absent keys is looked for in vain.
const BITS_PER_ENTRY: usize = 10;

/// Bits set for each key, all in one word.
const PROBES: u32 = 4;

const HEADER_BYTES: usize = 4;
const WORD_BYTES: usize = 8;

/// Size of the block of a page of `count` updates.
pub(crate) fn block_bytes(count: usize) -> usize {
    HEADER_BYTES + (count * BITS_PER_ENTRY).div_ceil(8 * WORD_BYTES) * WORD_BYTES
}

/// The word of `key` among `words`, and its bits there.
#[inline]
fn place<K: Key>(key: K, words: usize) -> (usize, u64) {
    // Keys of one page share their highest bits; what differs is mixed upwards.
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

/// The block is as it was written.
pub(crate) fn is_whole(block: &[u8]) -> bool {
    block.split_first_chunk().is_some_and(|(crc, bits)| {
        bits.len() >= WORD_BYTES && u32::from_le_bytes(*crc) == crc32c::crc32c(bits)
    })
}

/// Whether `key` may be in the page of `block`, which is whole.
pub(crate) fn may_hold<K: Key>(block: &[u8], key: K) -> bool {
    let (words, _) = block[HEADER_BYTES..].as_chunks::<WORD_BYTES>();
    let (word, bits) = place(key, words.len());
    u64::from_le_bytes(words[word]) & bits == bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_every_key_and_hardly_another() {
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
    fn damage_shows() {
        let mut block = Vec::new();
        build(&[5u128, 7 << 64], &mut block);
        assert!(may_hold(&block, 7u128 << 64));
        block[5] ^= 1;
        assert!(!is_whole(&block));
        assert!(!is_whole(&block[..3]) && !is_whole(&[0; 4]));
    }
}
