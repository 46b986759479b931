//! The n-grams of one order, by a hash of their words: an open-addressing table whose slots are
//! grouped into cache lines, so that a look-up costs one cache miss.
//!
//! ```text
//! line of 64 bytes   WAYS tags, WAYS probabilities, and if WAYS is 5, WAYS backoffs
//! ```
//!
//! The words make a key of 64 bits as in KenLM. One half of the mixed key selects the line, the
//! other half is the tag; 0 marks a free slot, and slots are filled front to back. Two n-grams with
//! the same line and tag are confused, which happens in about one look-up in a thousand million.

/// The backoff of an n-gram with which no longer one begins. It is zero; KenLM writes it as a
/// negative zero.
pub(super) const NO_EXTENSION: f32 = -0.0;

/// A model's weights of one n-gram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gram {
    /// log10 of the probability, which is never positive. The sign is used as a flag: it is
    /// positive if a longer n-gram ends with this one.
    pub(super) prob: f32,
    /// log10 of the backoff for a word that the model has not seen after this n-gram;
    /// [`NO_EXTENSION`] if it has seen no word after it.
    pub(super) backoff: f32,
}

impl Gram {
    /// Whether a longer n-gram ends with this one.
    pub(super) fn extends_left(self) -> bool {
        self.prob.is_sign_positive()
    }

    /// Whether a longer n-gram may begin with this one.
    pub(super) fn extends_right(self) -> bool {
        self.backoff.to_bits() != NO_EXTENSION.to_bits()
    }

    pub(super) fn log10(self) -> f32 {
        -self.prob.abs()
    }
}

/// Returns the key of an n-gram from the key of its last words and the word before them. The key of
/// one word is its number. The hash is KenLM's, since its files hold such keys.
#[inline]
pub(super) fn longer_key(key: u64, word: u32) -> u64 {
    key.wrapping_mul(8_978_948_897_894_561_157)
        ^ (1 + u64::from(word)).wrapping_mul(17_894_857_484_156_487_943)
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u32; 16]);

/// A table of n-grams with which longer ones may begin.
pub(super) type Middle = Table<5>;
/// A table of n-grams of the highest order, which have no backoff.
pub(super) type Longest = Table<8>;

pub(super) struct Table<const WAYS: usize> {
    lines: Vec<Line>,
}

/// The first place at which an n-gram is looked up.
#[derive(Clone, Copy)]
pub(super) struct Place {
    line: u32,
    tag: u32,
}

impl<const WAYS: usize> Table<WAYS> {
    /// Returns a table for `count` n-grams with a sixth of the slots free. Fails if memory is
    /// short.
    pub(super) fn with_capacity(count: u64) -> Result<Self, String> {
        let lines = (count / WAYS as u64).saturating_mul(6) / 5 + 2;
        let too_many = || format!("there is not enough memory for {count} n-grams of one order");
        let lines = u32::try_from(lines).map_err(|_| too_many())? as usize;
        let mut table = Self { lines: Vec::new() };
        table.lines.try_reserve_exact(lines).map_err(|_| too_many())?;
        table.lines.resize(lines, Line([0; 16]));
        Ok(table)
    }

    /// Returns the size in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }

    /// Adds an n-gram. Of two equal n-grams the first counts. There must be a free slot.
    pub(super) fn insert(&mut self, key: u64, gram: Gram) {
        let Place { line, tag } = self.place(key);
        let mut line = line as usize;
        loop {
            let slots = &mut self.lines[line].0;
            if let Some(way) = slots[..WAYS].iter().position(|found| *found == tag || *found == 0) {
                if slots[way] == 0 {
                    slots[way] = tag;
                    slots[WAYS + way] = gram.prob.to_bits();
                    if 3 * WAYS <= slots.len() {
                        slots[2 * WAYS + way] = gram.backoff.to_bits();
                    }
                }
                return;
            }
            line = self.after(line);
        }
    }

    /// Returns the place of a key.
    #[inline]
    pub(super) fn place(&self, key: u64) -> Place {
        // Two rounds of multiplication, since neighbouring words have neighbouring keys.
        let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let line = ((mixed >> 32) * self.lines.len() as u64) >> 32;
        Place { line: line as u32, tag: (mixed as u32).max(1) }
    }

    /// Loads the lines of `places` into the cache. The loads do not depend on each other, so the
    /// processor overlaps them. The returned number has no meaning.
    #[inline]
    pub(super) fn fetch(&self, places: impl Iterator<Item = Place>) -> u32 {
        places.fold(0, |sum, place| sum ^ self.lines[place.line as usize].0[0])
    }

    /// Returns the n-gram at a place or, if that line is full, after it. The highest order has no
    /// backoffs.
    #[inline]
    pub(super) fn find(&self, place: Place) -> Option<Gram> {
        let mut line = place.line as usize;
        loop {
            let slots = &self.lines[line];
            let hits = Self::hits(slots, place.tag);
            if hits != 0 {
                return Some(Self::gram(slots, hits.trailing_zeros() as usize));
            }
            if slots.0[WAYS - 1] == 0 {
                return None;
            }
            line = self.after(line);
        }
    }

    #[inline]
    fn gram(Line(slots): &Line, way: usize) -> Gram {
        let prob = f32::from_bits(slots[WAYS + way]);
        let backoff = slots.get(2 * WAYS + way).copied().filter(|_| 3 * WAYS <= slots.len());
        Gram { prob, backoff: backoff.map_or(NO_EXTENSION, f32::from_bits) }
    }

    #[inline]
    fn hits(Line(slots): &Line, tag: u32) -> u32 {
        let mut hits = 0;
        for (way, found) in slots[..WAYS].iter().enumerate() {
            hits |= u32::from(*found == tag) << way;
        }
        hits
    }

    #[inline]
    fn after(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn check<const WAYS: usize>(keys: &[u64], absent: &[u64], has_backoff: bool) {
        let mut table = Table::<WAYS>::with_capacity(keys.len() as u64).expect("memory");
        let mut expected = HashMap::new();
        for (at, key) in keys.iter().enumerate() {
            let gram = Gram { prob: at as f32, backoff: -(at as f32) };
            table.insert(*key, gram);
            expected.entry(*key).or_insert(gram);
        }
        for (key, gram) in &expected {
            let backoff = if has_backoff { gram.backoff } else { NO_EXTENSION };
            assert_eq!(table.find(table.place(*key)), Some(Gram { backoff, ..*gram }));
        }
        for key in absent.iter().filter(|key| !expected.contains_key(key)) {
            assert_eq!(table.find(table.place(*key)), None);
        }
    }

    #[test]
    fn full_lines_overflow_into_the_next() {
        let keys: Vec<u64> = (0..40_000).collect();
        let absent: Vec<u64> = (40_000..80_000).collect();
        check::<5>(&keys, &absent, true);
        check::<8>(&keys, &absent, false);
    }

    #[test]
    fn tables_that_do_not_fit_into_memory_are_refused() {
        assert!(Middle::with_capacity(u64::MAX).is_err());
        assert!(Longest::with_capacity(1 << 50).is_err());
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn every_key_is_found_and_no_other(
            keys in prop::collection::vec(any::<u64>(), 0..300),
            absent in prop::collection::vec(any::<u64>(), 0..100),
        ) {
            check::<5>(&keys, &absent, true);
            check::<8>(&keys, &absent, false);
        }
    }
}
