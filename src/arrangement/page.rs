//! A page: up to 1,024 updates, sorted by key and ref, as packed columns.
//!
//! ```text
//! crc32c   u32   of everything after it
//! count    u32   updates in the page, 1 to 1,024
//! step     u64                        added to the high bits from one key to the next
//! highs    base u64, width u8         high bits of the keys, less the steps before them
//! lows     base u64, width u8         low bits, of 128-bit keys only
//! refs     base u64, width u8, hole   see `Hole`
//! diffs    base u64, width u8         with the sign bit flipped
//! words    u64 each, of keys that have such: those of one update after those of another
//! bits     the columns one after the other, each from a byte of its own
//! padding  16 zero bytes, so that a reader may read whole words
//! ```
//!
//! All numbers are little-endian and of a fixed width, so a lookup searches the packed page in place
//! and decodes nothing else. Uniform keys are close to a straight line through their page, and are
//! stored as distances from it: about 71 - log2(n) bits in a run of n.

use crate::column::{Column, PADDING, pack, packed_len, width};
use crate::key::{Key, Update};
use std::ops::Range;

/// Updates in a full page.
pub(crate) const PAGE_ENTRIES: usize = 1024;

const HEADER_BYTES: usize = 4 + 4;
const STEP_BYTES: usize = 8;
const COLUMN_BYTES: usize = 8 + 1;
const HOLE_BYTES: usize = 1 + 1 + 8;

fn header_bytes<K: Key>() -> usize {
    let columns = if K::SEARCHED_BYTES > 8 { 4 } else { 3 };
    HEADER_BYTES + STEP_BYTES + columns * COLUMN_BYTES + HOLE_BYTES
}

/// With the sign bit flipped, diffs sort as unsigned numbers, and -1 and +1 are close together.
const SIGN: u64 = 1 << 63;

/// The bits from `low` up to `high`, which are the same in every ref of a page and are removed before
/// packing.
///
/// Refs consist of fields that are wider than their values, so most pages have such bits in the
/// middle. On disk: low u8, high u8, and the bits themselves, u64.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    low: u32,
    high: u32,
    bits: u64,
}

impl Hole {
    /// Returns the widest hole in numbers that differ from `one` of them only in the bits `varying`.
    fn of(one: u64, varying: u64) -> Hole {
        let (mut best, mut low) = (Hole::default(), varying.trailing_zeros());
        while low < width(varying) {
            low += (varying >> low).trailing_ones();
            let rest = varying.checked_shr(low).unwrap_or(0);
            if rest == 0 {
                break;
            }
            let high = low + rest.trailing_zeros();
            if high - low > best.high - best.low {
                best = Hole { low, high, bits: one & ((1 << high) - (1 << low)) };
            }
            low = high;
        }
        best
    }

    fn close(self, value: u64) -> u64 {
        let low = value & ((1 << self.low) - 1);
        value >> self.high << self.low | low
    }

    fn open(self, value: u64) -> u64 {
        let low = value & ((1 << self.low) - 1);
        value >> self.low << self.high | self.bits | low
    }
}

/// Appends the page of 1 to [`PAGE_ENTRIES`] updates, sorted and consolidated.
pub(crate) fn encode<K: Key>(keys: &[K], refs: &[u64], diffs: &[i64], out: &mut Vec<u8>) {
    assert!((1..=PAGE_ENTRIES).contains(&keys.len()), "a page holds 1 to {PAGE_ENTRIES}");
    let start = out.len();
    out.extend([0; 4]); // For the checksum.
    out.extend((keys.len() as u32).to_le_bytes());
    let varying = refs.iter().fold(0, |bits, at| bits | at ^ refs[0]);
    let hole = Hole::of(refs[0], varying);

    let (first, last) = (keys[0].high(), keys[keys.len() - 1].high());
    let step = match last - first {
        span if span < 1 << 62 => span / (keys.len() as u64 - 1).max(1),
        _ => 0, // Signed distances might not fit.
    };
    // An offset of half the range, so that positive and negative distances sort as unsigned.
    let half = first.wrapping_sub(1 << 63);
    let distance = move |(place, key): (usize, &K)| {
        key.high().wrapping_sub(step.wrapping_mul(place as u64)).wrapping_sub(half)
    };
    let distances = || keys.iter().enumerate().map(distance);
    let highs = Bounds::of(distances());
    let lows = Bounds::of(keys.iter().map(|key| key.low()));
    let places = Bounds::of(refs.iter().map(|at| hole.close(*at)));
    let counts = Bounds::of(diffs.iter().map(|diff| *diff as u64 ^ SIGN));
    out.extend(step.to_le_bytes());
    Bounds { base: highs.base.wrapping_add(half), ..highs }.write(out);
    if K::SEARCHED_BYTES > 8 {
        lows.write(out);
    }
    places.write(out);
    out.extend([hole.low as u8, hole.high as u8]);
    out.extend(hole.bits.to_le_bytes());
    counts.write(out);

    for key in keys {
        out.extend(key.words().iter().flat_map(|word| word.to_le_bytes()));
    }
    pack(distances().map(|distance| distance - highs.base), highs.width, out);
    if K::SEARCHED_BYTES > 8 {
        pack(keys.iter().map(|key| key.low() - lows.base), lows.width, out);
    }
    pack(refs.iter().map(|at| hole.close(*at) - places.base), places.width, out);
    pack(diffs.iter().map(|diff| (*diff as u64 ^ SIGN) - counts.base), counts.width, out);
    out.extend([0; PADDING]);
    let crc = crc32c::crc32c(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// The smallest of some numbers, and the width of the others above it.
struct Bounds {
    base: u64,
    width: u32,
}

impl Bounds {
    fn of(values: impl Iterator<Item = u64>) -> Bounds {
        let (min, max) = values.fold((u64::MAX, 0), |(min, max), v| (v.min(min), v.max(max)));
        Bounds { base: min, width: width(max - min) }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.base.to_le_bytes());
        out.push(self.width as u8);
    }
}

/// A page in memory, in its form on disk; searched in place.
#[derive(Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    count: usize,
    step: u64,
    highs: Column,
    lows: Column,
    refs: Column,
    hole: Hole,
    diffs: Column,
}

impl Page {
    /// Replaces this page with one of `len` bytes. `fill` reads the bytes into a buffer, and `corrupt`
    /// makes an error from a description of what is wrong with them.
    pub fn read<K: Key, E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
        corrupt: impl FnOnce(String) -> E,
    ) -> Result<(), E> {
        self.count = 0;
        self.bytes.resize(len, 0);
        fill(&mut self.bytes)?;
        self.count = self.open::<K>().map_err(corrupt)?;
        Ok(())
    }

    /// Finds the columns and returns the number of updates.
    fn open<K: Key>(&mut self) -> Result<usize, String> {
        let bytes = &self.bytes;
        let header = header_bytes::<K>();
        if bytes.len() < header + PADDING {
            return Err(format!("a page of {} bytes is too short", bytes.len()));
        }
        let stored = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
        let found = crc32c::crc32c(&bytes[4..]);
        if stored != found {
            return Err(format!("page checksum {stored:08x} expected, {found:08x} found"));
        }
        let count = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")) as usize;
        if count == 0 || count > PAGE_ENTRIES {
            return Err(format!("a page of {count} entries"));
        }
        let (mut head, mut at) = (HEADER_BYTES + STEP_BYTES, header);
        let words = count * K::WORDS * 8;
        if bytes.len() - at < words + PADDING {
            return Err(format!("the words of {count} keys do not fit their page"));
        }
        at += words;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let mut column = |head: &mut usize| {
            let (base, width) = (number(*head), u32::from(bytes[*head + 8]));
            *head += COLUMN_BYTES;
            let len = packed_len(count, width);
            if width > 64 || bytes.len() - at < len + PADDING {
                return Err(format!("a column of {count} x {width} bits does not fit its page"));
            }
            at += len;
            Ok(Column::new(at - len, base, width))
        };
        self.step = number(HEADER_BYTES);
        self.highs = column(&mut head)?;
        self.lows = if K::SEARCHED_BYTES > 8 { column(&mut head)? } else { Column::default() };
        self.refs = column(&mut head)?;
        let (low, high) = (u32::from(bytes[head]), u32::from(bytes[head + 1]));
        if low > high || high > 63 {
            return Err(format!("a hole from bit {low} to bit {high}"));
        }
        self.hole = Hole { low, high, bits: number(head + 2) };
        head += HOLE_BYTES;
        self.diffs = column(&mut head)?;
        Ok(count)
    }

    /// Number of updates.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The key at `place`.
    #[inline]
    pub fn key<K: Key>(&self, place: usize) -> K {
        let low = if K::SEARCHED_BYTES > 8 { self.lows.get(&self.bytes, place) } else { 0 };
        let high = self.highs.get(&self.bytes, place);
        let high = high.wrapping_add(self.step.wrapping_mul(place as u64));
        let mut key = K::from_parts(high, low);
        let at = header_bytes::<K>() + place * K::WORDS * 8;
        let (words, _) = self.bytes[at..at + K::WORDS * 8].as_chunks();
        for (word, stored) in key.words_mut().iter_mut().zip(words) {
            *word = u64::from_le_bytes(*stored);
        }
        key
    }

    /// Replaces `highs` with the high bits of the keys at `places`.
    pub fn highs(&self, places: Range<usize>, highs: &mut Vec<u64>) {
        highs.clear();
        self.highs.decode(&self.bytes, places.clone(), highs);
        let steps = places.map(|place| self.step.wrapping_mul(place as u64));
        highs.iter_mut().zip(steps).for_each(|(high, step)| *high = high.wrapping_add(step));
    }

    /// The ref at `place`.
    #[inline]
    pub fn at(&self, place: usize) -> u64 {
        self.hole.open(self.refs.get(&self.bytes, place))
    }

    /// The update at `place`.
    #[inline]
    pub fn get<K: Key>(&self, place: usize) -> Update<K> {
        let diff = self.diffs.get(&self.bytes, place) ^ SIGN;
        (self.key(place), self.at(place), diff as i64)
    }

    /// Appends all updates to `updates`.
    pub fn decode<K: Key>(&self, updates: &mut Vec<Update<K>>) {
        updates.extend((0..self.count).map(|place| self.get(place)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Signed, consolidate};
    use proptest::prelude::*;

    fn encoded<K: Key>(updates: &[Update<K>]) -> Vec<u8> {
        let keys: Vec<K> = updates.iter().map(|update| update.0).collect();
        let refs: Vec<u64> = updates.iter().map(|update| update.1).collect();
        let diffs: Vec<i64> = updates.iter().map(|update| update.2).collect();
        let mut bytes = Vec::new();
        encode(&keys, &refs, &diffs, &mut bytes);
        bytes
    }

    fn decoded<K: Key>(bytes: &[u8]) -> Result<Vec<Update<K>>, String> {
        let mut page = Page::default();
        let fill = |buffer: &mut [u8]| {
            buffer.copy_from_slice(bytes);
            Ok(())
        };
        page.read::<K, _>(bytes.len(), fill, |what| what)?;
        let mut updates = Vec::new();
        page.decode(&mut updates);
        Ok(updates)
    }

    fn round_trip<K: Key>(mut updates: Vec<Update<K>>) {
        consolidate(&mut updates);
        updates.truncate(PAGE_ENTRIES);
        if !updates.is_empty() {
            assert_eq!(decoded(&encoded(&updates)).unwrap(), updates);
        }
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn updates_come_back(
            updates in prop::collection::vec((any::<u64>(), any::<u64>(), -3i64..4), 1..1500),
            shift in 0u32..64, varying in any::<u64>(), fixed in any::<u64>(),
        ) {
            round_trip(updates.iter().map(|u| (u.0 >> shift, u.1 >> shift, u.2)).collect());
            let at = |at: u64| at & varying & varying.rotate_left(7) | fixed & !varying;
            round_trip(updates.iter().map(|u| (u.0, at(u.1), u.2)).collect());
            round_trip(
                updates.iter().map(|u| (u128::from(u.0) << shift, u.1, u.2)).collect::<Vec<_>>(),
            );
            let signed = |key: u64| Signed { key, signature: [key ^ fixed; 16] };
            round_trip(updates.iter().map(|u| (signed(u.0), u.1, u.2)).collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decoded::<u64>(&bytes);
            // With a correct checksum, the rest of the checks must hold too.
            if bytes.len() > 8 {
                bytes[6] = 0;
                bytes[7] = 0;
                let crc = crc32c::crc32c(&bytes[4..]);
                bytes[..4].copy_from_slice(&crc.to_le_bytes());
                let _ = decoded::<u64>(&bytes);
                let _ = decoded::<u128>(&bytes);
                let _ = decoded::<Signed>(&bytes);
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let bytes = encoded(&(0..100u64).map(|i| (i * 7919, i, 1)).collect::<Vec<_>>());
        for byte in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[byte] ^= 4;
            assert!(decoded::<u64>(&damaged).is_err(), "byte {byte}");
        }
    }

    /// The size of a page in a run of ten million uniform keys, with the refs that `at` returns.
    fn neighbours(at: impl Fn(u64) -> u64) -> usize {
        let step = u64::MAX / 10_000_000;
        let hash = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let updates: Vec<Update<u64>> =
            (0..1024u64).map(|i| (i * step + hash(i) % step, at(hash(i)), 1)).collect();
        encoded(&updates).len()
    }

    #[test]
    fn ten_million_uniform_keys_take_under_twelve_bytes_with_the_filter() {
        let filter = crate::filter::block_bytes(1024);
        // A counter; then labels, files and records as in a corpus of CommonCrawl.
        assert!(neighbours(|hash| hash >> 38) + filter <= 11 * 1024);
        let fields = |hash: u64| (hash >> 40 & 7) << 52 | (hash >> 20 & 0xffff) << 30 | hash >> 49;
        assert!(neighbours(fields) + filter <= 12 * 1024);
    }
}
