//! A cache of words and their pieces. Few words make up most of a text, and a look-up takes a tenth
//! of the time of segmenting a word.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

const SLOTS: usize = 1 << 13;
const WORD_BYTES_MAX: usize = 30;
const PIECES_MAX: usize = 6;

/// Each word has one slot, which holds the last word written to it. 512 KiB.
pub(super) struct WordCache {
    slots: Vec<CachedWord>,
    hasher: RandomState,
}

/// A word and its segmentation; one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct CachedWord {
    ids: [u32; PIECES_MAX],
    /// The margin in score to the second-best segmentation.
    pub(super) margin: f32,
    word: [u8; WORD_BYTES_MAX],
    len: u8,
    count: u8,
}

impl CachedWord {
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids[..usize::from(self.count)]
    }
}

impl Default for WordCache {
    fn default() -> Self {
        let free = CachedWord {
            ids: [0; PIECES_MAX],
            margin: 0.0,
            word: [0; WORD_BYTES_MAX],
            len: 0,
            count: 0,
        };
        Self { slots: vec![free; SLOTS], hasher: RandomState::default() }
    }
}

impl WordCache {
    /// Whether words of this length are cached.
    pub(super) fn takes(word: &[u8]) -> bool {
        (1..=WORD_BYTES_MAX).contains(&word.len())
    }

    /// Returns the slot of a word, for [`Self::get`] and [`Self::put`].
    #[inline]
    pub(super) fn slot(&self, word: &[u8]) -> usize {
        self.hasher.hash_one(word) as usize % SLOTS
    }

    #[inline]
    pub(super) fn get(&self, slot: usize, word: &[u8]) -> Option<&CachedWord> {
        let cached = &self.slots[slot];
        (cached.word[..usize::from(cached.len)] == *word).then_some(cached)
    }

    /// Caches a word, unless it has too many pieces.
    pub(super) fn put(
        &mut self,
        slot: usize,
        word: &[u8],
        ids: impl ExactSizeIterator<Item = u32>,
        margin: f32,
    ) {
        let len = ids.len();
        if !Self::takes(word) || len > PIECES_MAX {
            return;
        }
        let cached = &mut self.slots[slot];
        cached.word[..word.len()].copy_from_slice(word);
        cached.ids.iter_mut().zip(ids).for_each(|(place, id)| *place = id);
        (cached.len, cached.count, cached.margin) = (word.len() as u8, len as u8, margin);
    }
}
