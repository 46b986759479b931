//! The words of a model. KenLM's files contain only the words' hashes.

/// The number of unknown words.
pub(super) const UNKNOWN: u32 = 0;

/// Numbers of words by hash, sorted by hash.
pub(super) struct Vocabulary(Vec<(u64, u32)>);

impl Vocabulary {
    pub(super) fn new(mut words: Vec<(u64, u32)>) -> Self {
        words.sort_unstable();
        words.dedup_by_key(|(hash, _)| *hash);
        Self(words)
    }

    /// Returns the word's number, or [`UNKNOWN`].
    pub(super) fn find(&self, word: &[u8]) -> u32 {
        let found = self.0.binary_search_by_key(&hash(word), |(hash, _)| *hash);
        found.map_or(UNKNOWN, |at| self.0[at].1)
    }

    /// Returns the highest number of a word.
    pub(super) fn highest(&self) -> u32 {
        self.0.iter().map(|(_, number)| *number).max().unwrap_or(UNKNOWN)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }
}

/// MurmurHash64A by Austin Appleby, with seed 0, which KenLM's files use for words.
pub(super) fn hash(word: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0xC6A4_A793_5BD1_E995;
    const SHIFT: u32 = 47;
    let (chunks, rest) = word.as_chunks::<8>();
    let mut hash = (word.len() as u64).wrapping_mul(MULTIPLIER);
    for chunk in chunks {
        let mut part = u64::from_le_bytes(*chunk).wrapping_mul(MULTIPLIER);
        part = (part ^ part >> SHIFT).wrapping_mul(MULTIPLIER);
        hash = (hash ^ part).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}
