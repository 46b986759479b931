//! The words and labels of a model (`dictionary.cc: Dictionary::load`).
//!
//! ```text
//! i32 size, nwords, nlabels    i64 ntokens    i64 pruned n-grams, -1 if none were pruned
//! size times:                  word, 0, i64 count, i8 type (0 word, 1 label); words before labels
//! pruned n-grams times:        i32 bucket, i32 row
//! ```

use crate::ModelError;
use crate::reader::ModelReader;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::io::BufRead;
use std::ops::Range;

/// The prefix of every label in a model file; predictions here leave it out.
pub(super) const LABEL_PREFIX: &str = "__label__";

pub(super) struct Dictionary {
    /// Words and labels, concatenated.
    bytes: Vec<u8>,
    /// The end of each one in `bytes`.
    ends: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    pub(super) words: u32,
    /// The labels without their prefix.
    pub(super) labels: Vec<String>,
    /// The number of occurrences of each label in the training data.
    pub(super) label_counts: Vec<i64>,
    /// Buckets that remain after pruning and the row of each, counted after the words.
    pub(super) pruned: Option<Vec<(u32, u32)>>,
}

/// The dictionary's entry for a token.
pub(super) enum Entry {
    Word(u32),
    UnknownWord,
    Label,
}

impl Dictionary {
    pub(super) fn read<R: BufRead>(reader: &mut ModelReader<'_, R>) -> Result<Self, ModelError> {
        let size = reader.count32("size of the dictionary")?;
        let words = reader.count32("number of words")?;
        let labels = reader.count32("number of labels")?;
        reader.i64("number of tokens")?;
        let pruned = reader.i64("number of pruned n-grams")?;
        if words.checked_add(labels) != Some(size) {
            return Err(
                reader.damaged(format!("{words} words and {labels} labels are not {size} entries"))
            );
        }
        let mut dictionary = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            words,
            labels: Vec::new(),
            label_counts: Vec::new(),
            pruned: None,
        };
        dictionary.read_entries(reader, size)?;
        dictionary.build_index();
        if let Ok(pruned) = u64::try_from(pruned) {
            dictionary.pruned = Some(read_pruned(reader, pruned)?);
        }
        Ok(dictionary)
    }

    fn read_entries<R: BufRead>(
        &mut self,
        reader: &mut ModelReader<'_, R>,
        size: u32,
    ) -> Result<(), ModelError> {
        const PART: &str = "dictionary";
        const ENTRY_BYTES_MIN: u64 = 10;
        reader.expect(u64::from(size), ENTRY_BYTES_MIN, PART)?;
        self.ends.reserve_exact(size as usize);
        for id in 0..size {
            let start = self.bytes.len();
            reader.until_nul(&mut self.bytes, PART)?;
            let count = reader.i64(PART)?;
            let is_label = reader.u8(PART)? != 0;
            if is_label != (id >= self.words) {
                return Err(reader.damaged("words and labels are mixed"));
            }
            if is_label {
                let name = String::from_utf8_lossy(&self.bytes[start..]);
                self.labels.push(name.strip_prefix(LABEL_PREFIX).unwrap_or(&name).to_owned());
                self.label_counts.push(count);
            }
            let end = u32::try_from(self.bytes.len());
            self.ends.push(end.map_err(|_| reader.damaged("its words take more than 4 GiB"))?);
        }
        Ok(())
    }

    fn build_index(&mut self) {
        let Self { bytes, ends, index, hasher, .. } = self;
        let word = |id: u32| &bytes[range_of(ends, id)];
        index.reserve(ends.len(), |id| hasher.hash_one(word(*id)));
        for id in 0..ends.len() as u32 {
            let hash = hasher.hash_one(word(id));
            // If a word occurs twice, fastText finds the later entry.
            match index.find_mut(hash, |other| word(*other) == word(id)) {
                Some(earlier) => *earlier = id,
                None => {
                    index.insert_unique(hash, id, |id| hasher.hash_one(word(*id)));
                }
            }
        }
    }

    /// Returns the hash for [`Self::find`].
    pub(super) fn hash(&self, token: &[u8]) -> u64 {
        self.hasher.hash_one(token)
    }

    pub(super) fn find(&self, token: &[u8], hash: u64) -> Entry {
        match self.index.find(hash, |id| &self.bytes[range_of(&self.ends, *id)] == token) {
            Some(id) if *id < self.words => Entry::Word(*id),
            Some(_) => Entry::Label,
            None if token.starts_with(LABEL_PREFIX.as_bytes()) => Entry::Label,
            None => Entry::UnknownWord,
        }
    }
}

fn range_of(ends: &[u32], id: u32) -> Range<usize> {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    start as usize..ends[id] as usize
}

fn read_pruned<R: BufRead>(
    reader: &mut ModelReader<'_, R>,
    count: u64,
) -> Result<Vec<(u32, u32)>, ModelError> {
    const PART: &str = "table of pruned n-grams";
    reader.expect(count, 8, PART)?;
    (0..count).map(|_| Ok((reader.count32(PART)?, reader.count32(PART)?))).collect()
}
