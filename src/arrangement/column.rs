//! A column of numbers at a fixed width in bits, above a common base.

/// Zero bytes that must follow the last column of a buffer, so that whole words can be read.
pub(crate) const PADDING: usize = 16;

/// Bits that `value` takes.
pub(crate) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Bytes that `count` numbers of `width` bits take.
pub(crate) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends the lowest `width` bits of each of `values` less `base`, little-endian.
pub(crate) fn pack(values: &[u64], base: u64, width: u32, out: &mut Vec<u8>) {
    let end = out.len() + packed_len(values.len(), width);
    let (mut word, mut filled) = (0u128, 0u32);
    for value in values {
        word |= u128::from(value.wrapping_sub(base)) << filled;
        filled += width;
        while filled >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            filled -= 64;
        }
    }
    out.extend_from_slice(&(word as u64).to_le_bytes());
    out.truncate(end);
}

/// Hands `count` numbers to `each`. `bytes` holds them and at least [`PADDING`] more.
pub(crate) fn unpack(bytes: &[u8], base: u64, width: u32, count: usize, mut each: impl FnMut(u64)) {
    if width == 0 {
        (0..count).for_each(|_| each(base));
    } else if width <= 57 {
        // One unaligned word holds a number and the up to seven bits before it.
        let mask = u64::MAX >> (64 - width);
        let mut bit = 0;
        for _ in 0..count {
            let at = bit / 8;
            let word: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
            each(base.wrapping_add(u64::from_le_bytes(word) >> (bit % 8) & mask));
            bit += width as usize;
        }
    } else {
        let mask = u64::MAX >> (64 - width);
        let mut bit = 0;
        for _ in 0..count {
            let at = bit / 8;
            let word: [u8; 16] = bytes[at..at + 16].try_into().expect("sixteen bytes");
            each(base.wrapping_add((u128::from_le_bytes(word) >> (bit % 8)) as u64 & mask));
            bit += width as usize;
        }
    }
}

/// The number at `place`.
pub(crate) fn get(bytes: &[u8], base: u64, width: u32, place: usize) -> u64 {
    if width == 0 {
        return base;
    }
    let bit = place * width as usize;
    let word: [u8; 16] = bytes[bit / 8..bit / 8 + 16].try_into().expect("sixteen bytes");
    let mask = u64::MAX >> (64 - width);
    base.wrapping_add((u128::from_le_bytes(word) >> (bit % 8)) as u64 & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            values in prop::collection::vec(any::<u64>(), 0..200),
            shift in 0u32..64,
        ) {
            let values: Vec<u64> = values.iter().map(|value| value >> shift).collect();
            let base = values.iter().copied().min().unwrap_or(0);
            let width = width(values.iter().copied().max().unwrap_or(0) - base);
            let mut bytes = Vec::new();
            pack(&values, base, width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(values.len(), width));
            bytes.extend([0; PADDING]);
            let mut back = Vec::new();
            unpack(&bytes, base, width, values.len(), |value| back.push(value));
            prop_assert_eq!(&back, &values);
            let one_by_one = (0..values.len()).map(|place| get(&bytes, base, width, place));
            prop_assert!(one_by_one.eq(values.iter().copied()));
        }
    }
}
