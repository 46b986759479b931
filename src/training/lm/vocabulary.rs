//! Tokens and their numbers, in the order in which they were first seen.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The token for all that was never seen.
pub(super) const UNKNOWN: u32 = 0;
/// Begins each sentence; is never predicted.
pub(super) const BEGIN: u32 = 1;
/// Ends each sentence.
pub(super) const END: u32 = 2;

/// The tokens with a meaning of their own, in the order of their numbers.
pub(super) const SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];

/// All tokens, end to end in one string: a vocabulary may hold millions.
pub(super) struct Vocabulary {
    text: String,
    /// Where each token ends; it begins where the one before ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: FixedState,
}

impl Vocabulary {
    pub(super) fn new() -> Self {
        let (text, ends) = (String::new(), Vec::new());
        let mut vocabulary =
            Self { text, ends, numbers: HashTable::new(), hasher: FixedState::with_seed(0) };
        for token in SPECIAL {
            vocabulary.number(token);
        }
        vocabulary
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn token(&self, number: u32) -> &str {
        token(&self.text, &self.ends, number)
    }

    /// The number of a token, a new one if it is new. `None` if there are too many tokens.
    pub(super) fn number(&mut self, new: &str) -> Option<u32> {
        let Self { text, ends, numbers, hasher } = self;
        let hash = hasher.hash_one(new);
        let is_new = |number: &u32| token(text, ends, *number) == new;
        if let Some(number) = numbers.find(hash, is_new) {
            return Some(*number);
        }
        let number = u32::try_from(ends.len()).ok()?;
        text.push_str(new);
        ends.push(text.len());
        let rehash = |number: &u32| hasher.hash_one(token(text, ends, *number));
        numbers.insert_unique(hash, number, rehash);
        Some(number)
    }
}

fn token<'v>(text: &'v str, ends: &[usize], number: u32) -> &'v str {
    let number = number as usize;
    let begin = if number == 0 { 0 } else { ends[number - 1] };
    &text[begin..ends[number]]
}
