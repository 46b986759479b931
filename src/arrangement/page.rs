//! A page: up to 1,024 updates, sorted by key and ref, as packed columns.
//!
//! ```text
//! crc32c   u32   of everything after it
//! count    u32   updates in the page, 1 to 1,024
//! first    u64   high bits of the first key
//! columns  (base u64, width u8) each: steps between high bits, [low bits,] refs, diffs
//! bits     the columns one after the other, each from a byte of its own
//! padding  16 zero bytes, so that a reader may read whole words
//! ```
//!
//! All numbers little-endian. The column of low bits is there for 128-bit keys only. Uniform keys
//! of a run of n differ by about 2^64 / n, so a key takes about 67 - log2(n) bits.

use crate::column::{PADDING, get, pack, packed_len, unpack, width};
use crate::key::{Key, Update};

/// Updates in a full page.
pub(crate) const PAGE_ENTRIES: usize = 1024;

const HEADER_BYTES: usize = 4 + 4 + 8;
const COLUMN_HEADER_BYTES: usize = 9;

/// A page in memory: its keys decoded, its refs and diffs read where they are asked for. Most pages
/// are looked through for a few keys.
pub(crate) struct Page<K> {
    pub keys: Vec<K>,
    bytes: Vec<u8>,
    refs: Column,
    diffs: Column,
    highs: Vec<u64>,
}

impl<K> Default for Page<K> {
    fn default() -> Self {
        let (keys, bytes, highs) = (Vec::new(), Vec::new(), Vec::new());
        Page { keys, bytes, refs: Column::default(), diffs: Column::default(), highs }
    }
}

/// Where a column's bits begin in its page, and what its numbers are above.
#[derive(Clone, Copy, Default)]
struct Column {
    at: usize,
    base: u64,
    width: u32,
}

fn columns<K: Key>() -> usize {
    if K::BYTES > 8 { 4 } else { 3 }
}

/// Appends the page of `updates`, which are sorted, consolidated, and at most [`PAGE_ENTRIES`].
pub(crate) fn encode<K: Key>(updates: &[Update<K>], out: &mut Vec<u8>) {
    assert!((1..=PAGE_ENTRIES).contains(&updates.len()), "a page holds 1 to {PAGE_ENTRIES}");
    let start = out.len();
    let first = updates[0].0.high();
    let mut previous = first;
    let steps = updates.iter().map(|(key, ..)| {
        let step = key.high() - previous;
        previous = key.high();
        step
    });
    let mut values = vec![steps.collect::<Vec<u64>>()];
    if K::BYTES > 8 {
        values.push(updates.iter().map(|(key, ..)| key.low()).collect());
    }
    values.push(updates.iter().map(|&(_, at, _)| at).collect());
    values.push(updates.iter().map(|&(.., diff)| diff as u64 ^ SIGN).collect());

    out.extend([0; 4]); // The checksum, once the rest is known.
    out.extend((updates.len() as u32).to_le_bytes());
    out.extend(first.to_le_bytes());
    let bounds: Vec<(u64, u32)> = values
        .iter()
        .map(|column| {
            let base = column.iter().copied().min().unwrap_or(0);
            (base, width(column.iter().copied().max().unwrap_or(0) - base))
        })
        .collect();
    for (base, width) in &bounds {
        out.extend(base.to_le_bytes());
        out.push(*width as u8);
    }
    for (column, (base, width)) in values.iter().zip(&bounds) {
        pack(column, *base, *width, out);
    }
    out.extend([0; PADDING]);
    let crc = crc32c::crc32c(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Flipping the sign bit makes diffs sort as unsigned, so that -1 and +1 lie close together.
const SIGN: u64 = 1 << 63;

impl<K: Key> Page<K> {
    /// Reads a page of `len` bytes over this one: `fill` is given the buffer for them. The error
    /// says what is wrong with the bytes.
    pub fn read<E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
        wrong: impl FnOnce(String) -> E,
    ) -> Result<(), E> {
        self.bytes.resize(len, 0);
        self.keys.clear();
        fill(&mut self.bytes)?;
        self.decode().map_err(wrong)
    }

    fn decode(&mut self) -> Result<(), String> {
        let bytes = &self.bytes;
        let header = HEADER_BYTES + columns::<K>() * COLUMN_HEADER_BYTES;
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
        let mut high = u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes"));
        let mut found = [Column::default(); 4];
        let mut at = header;
        for (column, head) in
            found.iter_mut().zip(bytes[HEADER_BYTES..header].chunks_exact(COLUMN_HEADER_BYTES))
        {
            let base = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
            let width = u32::from(head[8]);
            let len = packed_len(count, width);
            if width > 64 || bytes.len() - at < len + PADDING {
                return Err(format!("a column of {count} x {width} bits does not fit its page"));
            }
            *column = Column { at, base, width };
            at += len;
        }
        let each = |column: Column, each: &mut dyn FnMut(u64)| {
            unpack(&bytes[column.at..], column.base, column.width, count, each);
        };
        let (keys, highs) = (&mut self.keys, &mut self.highs);
        keys.clear();
        if K::BYTES > 8 {
            highs.clear();
            unpack(&bytes[found[0].at..], found[0].base, found[0].width, count, |step| {
                high = high.wrapping_add(step);
                highs.push(high);
            });
            let mut highs = highs.iter();
            each(found[1], &mut |low| {
                keys.push(K::from_parts(*highs.next().expect("as many as lows"), low));
            });
        } else {
            unpack(&bytes[found[0].at..], found[0].base, found[0].width, count, |step| {
                high = high.wrapping_add(step);
                keys.push(K::from_parts(high, 0));
            });
        }
        (self.refs, self.diffs) = (found[columns::<K>() - 2], found[columns::<K>() - 1]);
        Ok(())
    }

    /// Updates in it.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The ref at `place`.
    pub fn at(&self, place: usize) -> u64 {
        let Column { at, base, width } = self.refs;
        get(&self.bytes[at..], base, width, place)
    }

    /// The update at `place`.
    pub fn get(&self, place: usize) -> Update<K> {
        let Column { at, base, width } = self.diffs;
        let diff = get(&self.bytes[at..], base, width, place) ^ SIGN;
        (self.keys[place], self.at(place), diff as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consolidate;
    use proptest::prelude::*;

    fn decoded<K: Key>(bytes: &[u8]) -> Result<Page<K>, String> {
        let mut page = Page::default();
        let fill = |buffer: &mut [u8]| {
            buffer.copy_from_slice(bytes);
            Ok(())
        };
        page.read(bytes.len(), fill, |what| what).map(|()| page)
    }

    fn round_trip<K: Key>(mut updates: Vec<Update<K>>) {
        consolidate(&mut updates);
        updates.truncate(PAGE_ENTRIES);
        if updates.is_empty() {
            return;
        }
        let mut bytes = Vec::new();
        encode(&updates, &mut bytes);
        let page = decoded(&bytes).unwrap();
        let back: Vec<_> = (0..page.len()).map(|place| page.get(place)).collect();
        assert_eq!(back, updates);
    }

    proptest! {
        #[test]
        fn updates_come_back(
            updates in prop::collection::vec((any::<u64>(), any::<u64>(), -3i64..4), 1..1500),
            shift in 0u32..64,
        ) {
            round_trip(updates.iter().map(|u| (u.0 >> shift, u.1 >> shift, u.2)).collect());
            round_trip(
                updates.iter().map(|u| (u128::from(u.0) << shift, u.1, u.2)).collect::<Vec<_>>(),
            );
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decoded::<u64>(&bytes);
            // With a checksum that fits, the rest must hold too.
            if bytes.len() > 8 {
                bytes[6] = 0;
                bytes[7] = 0;
                let crc = crc32c::crc32c(&bytes[4..]);
                bytes[..4].copy_from_slice(&crc.to_le_bytes());
                let _ = decoded::<u64>(&bytes);
                let _ = decoded::<u128>(&bytes);
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let updates: Vec<Update<u64>> = (0..100).map(|i| (i * 7919, i, 1)).collect();
        let mut bytes = Vec::new();
        encode(&updates, &mut bytes);
        for byte in 0..bytes.len() {
            bytes[byte] ^= 4;
            assert!(decoded::<u64>(&bytes).is_err(), "byte {byte}");
            bytes[byte] ^= 4;
        }
    }

    #[test]
    fn ten_million_uniform_keys_take_under_twelve_bytes() {
        // 1,024 neighbours of a run of ten million keys, refs of one dump.
        let step = u64::MAX / 10_000_000;
        let mut bytes = Vec::new();
        let updates: Vec<Update<u64>> = (0..1024u64)
            .map(|i| {
                let hash = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (i * step + hash % step, hash >> 20 & 0x3_ffff | (hash >> 50) << 30, 1)
            })
            .collect();
        encode(&updates, &mut bytes);
        assert!(bytes.len() <= 12 * 1024, "{} bytes", bytes.len());
    }
}
