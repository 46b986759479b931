//! Distinct strings and their numbers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Strings, numbered in the order in which they were first added, and stored in one text: there may
/// be millions.
pub(crate) struct Strings {
    text: String,
    /// The end of each string, which is the start of the next.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: FixedState,
}

impl Strings {
    pub(crate) fn new() -> Self {
        let (text, ends, numbers) = (String::new(), Vec::new(), HashTable::new());
        Self { text, ends, numbers, hasher: FixedState::with_seed(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        get(&self.text, &self.ends, number)
    }

    /// All strings, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.text[begin..*end])
    }

    /// Returns the number of a string, and adds it if it is new. Returns `None` if there are too many.
    pub(crate) fn number(&mut self, new: &str) -> Option<u32> {
        let Self { text, ends, numbers, hasher } = self;
        let hash = hasher.hash_one(new);
        if let Some(number) = numbers.find(hash, |number| get(text, ends, *number) == new) {
            return Some(*number);
        }
        let number = u32::try_from(ends.len()).ok()?;
        text.push_str(new);
        ends.push(text.len());
        numbers.insert_unique(hash, number, |number| hasher.hash_one(get(text, ends, *number)));
        Some(number)
    }
}

fn get<'s>(text: &'s str, ends: &[usize], number: u32) -> &'s str {
    let number = number as usize;
    let begin = if number == 0 { 0 } else { ends[number - 1] };
    &text[begin..ends[number]]
}
