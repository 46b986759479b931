//! A column of numbers with a fixed width in bits, above a common base.

use std::ops::Range;

/// Zero bytes that must follow the last column of a buffer, so that whole words can be read.
pub(crate) const PADDING: usize = 16;

/// A number of at most this many bits, with the up to seven bits before it, fits in one unaligned
/// word.
const NARROW: u32 = 57;

/// The number of significant bits of `value`.
pub(crate) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// The lowest `width` bits.
fn mask(width: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - width).unwrap_or(0)
}

/// The size in bytes of `count` numbers of `width` bits.
pub(crate) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends `values`, of at most `width` bits each, in little-endian order.
pub(crate) fn pack(values: impl ExactSizeIterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut at, end) = (out.len(), out.len() + packed_len(values.len(), width));
    out.resize(end + 16, 0);
    // Bits that do not fill a byte yet. No branch depends on their number.
    let (mut rest, mut filled) = (0, 0);
    for value in values {
        if width <= NARROW {
            let word = rest | value << filled;
            out[at..at + 8].copy_from_slice(&word.to_le_bytes());
            filled += width;
            rest = word.checked_shr(filled / 8 * 8).unwrap_or(0);
        } else {
            let word = u128::from(rest) | u128::from(value) << filled;
            out[at..at + 16].copy_from_slice(&word.to_le_bytes());
            filled += width;
            rest = (word >> (filled / 8 * 8)) as u64;
        }
        at += filled as usize / 8;
        filled %= 8;
    }
    out.truncate(end);
}

/// Where a column's bits begin in its page, and how to read them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Column {
    at: usize,
    base: u64,
    width: u32,
    mask: u64,
}

impl Column {
    /// A column of numbers of `width` bits above `base`, whose bits begin at byte `at`.
    pub fn new(at: usize, base: u64, width: u32) -> Column {
        Column { at, base, width, mask: mask(width) }
    }

    /// Returns the number at `place` in `page`, which has the column and [`PADDING`] more bytes.
    #[inline]
    pub fn get(&self, page: &[u8], place: usize) -> u64 {
        if self.width <= NARROW {
            self.get_narrow(page, place)
        } else {
            let bit = place * self.width as usize;
            let at = self.at + bit / 8;
            let word: [u8; 16] = page[at..at + 16].try_into().expect("sixteen bytes");
            self.base.wrapping_add((u128::from_le_bytes(word) >> (bit % 8)) as u64 & self.mask)
        }
    }

    #[inline]
    fn get_narrow(&self, page: &[u8], place: usize) -> u64 {
        let bit = place * self.width as usize;
        let at = self.at + bit / 8;
        let word: [u8; 8] = page[at..at + 8].try_into().expect("eight bytes");
        self.base.wrapping_add(u64::from_le_bytes(word) >> (bit % 8) & self.mask)
    }

    /// Appends the numbers at `places` to `values`. Branches on the width once.
    pub fn decode(&self, page: &[u8], places: Range<usize>, values: &mut Vec<u64>) {
        if self.width <= NARROW {
            values.extend(places.map(|place| self.get_narrow(page, place)));
        } else {
            values.extend(places.map(|place| self.get(page, place)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn unpacking_reverses_packing(
            values in prop::collection::vec(any::<u64>(), 0..200),
            shift in 0u32..64,
        ) {
            let values: Vec<u64> = values.iter().map(|value| value >> shift).collect();
            let base = values.iter().copied().min().unwrap_or(0);
            let width = width(values.iter().copied().max().unwrap_or(0) - base);
            let mut bytes = vec![7; 3];
            pack(values.iter().map(|value| value - base), width, &mut bytes);
            prop_assert_eq!(bytes.len(), 3 + packed_len(values.len(), width));
            bytes.extend([0; PADDING]);
            let column = Column::new(3, base, width);
            let back: Vec<u64> = (0..values.len()).map(|place| column.get(&bytes, place)).collect();
            prop_assert_eq!(&back, &values);
            let mut decoded = vec![5];
            column.decode(&bytes, 1..values.len().max(1), &mut decoded);
            prop_assert!(decoded[1..].iter().eq(values.iter().skip(1)));
        }
    }
}
