//! Maps an n-gram's hash to its row in the input matrix.

/// The rows that n-grams share by hash.
pub(super) struct Buckets {
    count: Modulus,
    left: Left,
}

enum Left {
    /// Every bucket has a row, in the same order.
    All,
    /// Only some buckets have rows, since the model was pruned.
    Some(RankedSet),
    /// No bucket has a row.
    None,
}

/// Most buckets of a pruned model: 32 times fastText's default. Limits the allocation for a damaged
/// header to 16 MiB.
pub(super) const PRUNED_BUCKETS_MAX: u32 = 1 << 26;

impl Buckets {
    /// `pruned` has the buckets with rows and their rows, or `None` if all buckets have rows.
    pub(super) fn new(count: u32, pruned: Option<Vec<(u32, u32)>>) -> Self {
        let left = match pruned {
            None => Left::All,
            Some(pruned) if pruned.is_empty() => Left::None,
            Some(pruned) => Left::Some(RankedSet::new(count, pruned)),
        };
        Self { count: Modulus::new(count.max(1)), left }
    }

    /// Returns the row of the character n-gram with this hash, counted after the words.
    #[inline]
    pub(super) fn of_characters(&self, hash: u32) -> Option<u32> {
        self.row(self.count.of(hash))
    }

    /// Returns the row of the word n-gram with this hash, counted after the words.
    #[inline]
    pub(super) fn of_words(&self, hash: u64) -> Option<u32> {
        // fastText drops buckets that are negative as an i32; this one has less than 31 bits.
        self.row((hash % u64::from(self.count.divisor)) as u32)
    }

    #[inline]
    fn row(&self, bucket: u32) -> Option<u32> {
        match &self.left {
            Left::All => Some(bucket),
            Left::Some(set) => set.get(bucket),
            Left::None => None,
        }
    }
}

/// A map from a subset of small numbers. One bit per number marks its presence, and the count of
/// bits before it is the index of its value: half a megabyte for two million buckets, one cache
/// line per look-up, and no probing.
struct RankedSet {
    blocks: Vec<Block>,
    values: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Block {
    bits: u64,
    /// Number of members in the blocks before.
    rank: u32,
}

impl RankedSet {
    /// If a key occurs twice, the later value counts. Keys from `universe` on are never looked up
    /// and left out.
    fn new(universe: u32, mut entries: Vec<(u32, u32)>) -> Self {
        entries.reverse();
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        entries.retain(|(key, _)| *key < universe);

        let mut blocks = vec![Block::default(); universe.div_ceil(64) as usize];
        for (key, _) in &entries {
            blocks[*key as usize / 64].bits |= 1 << (key % 64);
        }
        let mut rank = 0;
        for block in &mut blocks {
            block.rank = rank;
            rank += block.bits.count_ones();
        }
        Self { blocks, values: entries.into_iter().map(|(_, value)| value).collect() }
    }

    #[inline]
    fn get(&self, key: u32) -> Option<u32> {
        let block = self.blocks[key as usize / 64];
        let bit = 1 << (key % 64);
        if block.bits & bit == 0 {
            return None;
        }
        let before = (block.bits & (bit - 1)).count_ones();
        Some(self.values[(block.rank + before) as usize])
    }
}

/// Computes remainders of one divisor with two multiplications (Lemire, Kaser, Kurz: "Faster
/// remainder by direct computation", 2019), exact for every 32-bit number.
struct Modulus {
    inverse: u64,
    divisor: u32,
}

impl Modulus {
    fn new(divisor: u32) -> Self {
        Self { inverse: (u64::MAX / u64::from(divisor)).wrapping_add(1), divisor }
    }

    #[inline]
    fn of(&self, number: u32) -> u32 {
        let fraction = self.inverse.wrapping_mul(u64::from(number));
        ((u128::from(fraction) * u128::from(self.divisor)) >> 64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_later_of_two_rows_counts() {
        let buckets = Buckets::new(100, Some(vec![(70, 1), (3, 2), (70, 5), (100, 9)]));
        let rows: Vec<_> = (0..100).filter_map(|bucket| buckets.of_characters(bucket)).collect();
        assert_eq!(rows, [2, 5]);
    }

    #[test]
    fn a_model_pruned_to_nothing_has_no_rows() {
        assert_eq!(Buckets::new(100, Some(vec![])).of_words(7), None);
        assert_eq!(Buckets::new(100, None).of_words(107), Some(7));
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn remainders_are_exact(number: u32, divisor in 1u32..) {
            prop_assert_eq!(Modulus::new(divisor).of(number), number % divisor);
        }
    }
}
