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

    /// Returns the bucket of the character n-gram with this hash.
    #[inline]
    pub(super) fn of_hash(&self, hash: u32) -> u32 {
        self.count.of(hash)
    }

    /// Replaces the buckets from the place `first` on by their rows, counted after the words. Those without
    /// a row are left out.
    pub(super) fn keep_rows(&self, buckets: &mut Vec<u32>, first: usize) {
        match &self.left {
            Left::All => {}
            Left::Some(set) => set.keep_values(buckets, first),
            Left::None => buckets.truncate(first),
        }
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
/// bits before it is the index of its value: a quarter of a megabyte of bits for two million buckets, one cache
/// line per look-up that finds nothing, and no probing.
struct RankedSet {
    /// 64 numbers each.
    bits: Vec<u64>,
    /// Members before each of `bits`.
    ranks: Vec<u32>,
    values: Vec<u32>,
}

impl RankedSet {
    /// If a key occurs twice, the later value counts. Keys from `universe` on are never looked up
    /// and left out.
    fn new(universe: u32, mut entries: Vec<(u32, u32)>) -> Self {
        entries.reverse();
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        entries.retain(|(key, _)| *key < universe);

        let mut bits = vec![0_u64; universe.div_ceil(64) as usize];
        for (key, _) in &entries {
            bits[*key as usize / 64] |= 1 << (key % 64);
        }
        let rank = |before: &mut u32, bits: &u64| {
            Some(std::mem::replace(before, *before + bits.count_ones()))
        };
        let ranks = bits.iter().scan(0, |before, bits| rank(before, bits)).collect();
        Self { bits, ranks, values: entries.into_iter().map(|(_, value)| value).collect() }
    }

    #[inline]
    fn has(&self, key: u32) -> bool {
        self.bits[key as usize / 64] >> (key % 64) & 1 == 1
    }

    /// The value of a member.
    #[inline]
    fn value(&self, key: u32) -> u32 {
        let before = self.bits[key as usize / 64] & ((1 << (key % 64)) - 1);
        self.values[(self.ranks[key as usize / 64] + before.count_ones()) as usize]
    }

    #[inline]
    fn get(&self, key: u32) -> Option<u32> {
        self.has(key).then(|| self.value(key))
    }

    /// Replaces the members from the place `first` on by their values, and leaves out what is no member.
    fn keep_values(&self, keys: &mut Vec<u32>, first: usize) {
        let mut kept = first;
        for place in first..keys.len() {
            // Without a branch, which would be often predicted wrongly.
            let key = keys[place];
            keys[kept] = key;
            kept += usize::from(self.has(key));
        }
        keys.truncate(kept);
        keys[first..].iter_mut().for_each(|key| *key = self.value(*key));
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
        let mut rows: Vec<u32> = (0..100).collect();
        buckets.keep_rows(&mut rows, 0);
        assert_eq!(rows, [2, 5]);
    }

    #[test]
    fn what_is_before_the_buckets_stays() {
        let of = |buckets: Buckets| {
            let mut rows = vec![3, 9, 3, 4, 70, 71];
            buckets.keep_rows(&mut rows, 2);
            rows
        };
        assert_eq!(of(Buckets::new(100, Some(vec![(70, 5), (3, 2)]))), [3, 9, 2, 5]);
        assert_eq!(of(Buckets::new(100, Some(vec![]))), [3, 9]);
        assert_eq!(of(Buckets::new(100, None)), [3, 9, 3, 4, 70, 71]);
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
