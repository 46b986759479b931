//! An index of hashes for lookups within a Hamming distance.

/// Hashes with their refs, in tables by blocks of bits.
///
/// Two hashes that differ in at most `distance_max` bits are equal in at least one of
/// `distance_max + 1` blocks, so a lookup finds all of them. With 5, blocks have 10 bits from the low
/// end, and the last one has 14, as in the package `simhash` that RedPajama uses for books
/// (`SimhashIndex`).
///
/// Memory: 16 bytes for each hash and four for each of its blocks, and half as much again during
/// growth. A lookup compares the hashes that share a block: about one in two hundred.
pub(crate) struct Blocks {
    distance_max: u32,
    /// Bits of a block. The last block has the remaining bits.
    width: u32,
    hashes: Vec<(u64, u64)>,
    /// For each block and each of its values: places in `hashes`.
    tables: Vec<Vec<Vec<u32>>>,
}

impl Blocks {
    /// An empty index for a distance of 3 to 15 bits. A smaller distance would need blocks with too
    /// many values, a larger one too many tables.
    pub fn new(distance_max: u32) -> Blocks {
        assert!((3..=15).contains(&distance_max), "a distance of {distance_max} bits");
        let width = 64 / (distance_max + 1);
        let last = 64 - width * distance_max;
        let widths = (0..distance_max).map(|_| width).chain([last]);
        let tables = widths.map(|width| vec![Vec::new(); 1 << width]).collect();
        Blocks { distance_max, width, hashes: Vec::new(), tables }
    }

    /// Adds the hash of a document.
    pub fn insert(&mut self, hash: u64, at: u64) {
        let place = u32::try_from(self.hashes.len()).expect("a worker has less than 2^32 hashes");
        self.hashes.push((hash, at));
        let mut rest = hash;
        for table in &mut self.tables {
            let value = rest as usize & (table.len() - 1);
            table[value].push(place);
            rest >>= self.width;
        }
    }

    /// Whether a hash with a ref smaller than `at` is within the distance.
    pub fn has_before(&self, hash: u64, at: u64) -> bool {
        self.near_with_repeats(hash).any(|(_, before)| before < at)
    }

    /// Returns the hashes within the distance, each once, with their refs.
    pub fn near(&self, hash: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut near: Vec<(u64, u64)> = self.near_with_repeats(hash).collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter()
    }

    /// The hashes within the distance, one that shares several blocks several times.
    fn near_with_repeats(&self, hash: u64) -> impl Iterator<Item = (u64, u64)> {
        let near = move |place: &u32| {
            let (other, at) = self.hashes[*place as usize];
            ((other ^ hash).count_ones() <= self.distance_max).then_some((other, at))
        };
        self.sharing(hash).flat_map(move |places| places.iter().filter_map(near))
    }

    /// Returns the nearest hash with a ref smaller than `at` within the distance, the first of several:
    /// its ref.
    pub fn nearest_before(&self, hash: u64, at: u64) -> Option<u64> {
        let before = self.near(hash).filter(|(_, before)| *before < at);
        let near = before.map(|(other, before)| ((other ^ hash).count_ones(), before));
        near.min().map(|(_, before)| before)
    }

    /// The largest number of hashes that a lookup of `hash` compares.
    pub fn work(&self, hash: u64) -> usize {
        self.sharing(hash).map(<[u32]>::len).sum()
    }

    /// Returns, for each block, the places of the hashes that share it.
    fn sharing(&self, hash: u64) -> impl Iterator<Item = &[u32]> {
        (0..).zip(&self.tables).map(move |(block, table)| {
            &table[(hash >> (block * self.width)) as usize & (table.len() - 1)][..]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_have_the_widths_of_the_package_simhash() {
        let bits: Vec<u32> = Blocks::new(5).tables.iter().map(|t| t.len().ilog2()).collect();
        assert_eq!(bits, [10, 10, 10, 10, 10, 14]);
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn a_lookup_finds_what_a_scan_finds(
            distance_max in 3u32..16,
            stored in prop::collection::vec((any::<u64>(), 0u64..20), 1..40),
            asked in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(0u32..64, 0..18), 0u64..20), 1..40),
        ) {
            let mut blocks = Blocks::new(distance_max);
            stored.iter().for_each(|(hash, at)| blocks.insert(*hash, *at));
            for (of, flips, at) in asked {
                let hash = flips.iter().fold(of.get(&stored).0, |hash, bit| hash ^ 1 << bit);
                let near = |other: u64| (other ^ hash).count_ones() <= distance_max;
                let expected = stored.iter().any(|(other, before)| near(*other) && *before < at);
                prop_assert_eq!(blocks.has_before(hash, at), expected);
                let near = stored.iter().map(|(other, before)| ((other ^ hash).count_ones(), *before));
                let nearest = near.filter(|(bits, before)| *bits <= distance_max && *before < at).min();
                prop_assert_eq!(blocks.nearest_before(hash, at), nearest.map(|(_, before)| before));
            }
        }
    }
}
