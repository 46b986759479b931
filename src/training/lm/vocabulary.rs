//! Tokens and their numbers.

use crate::strings::Strings;

/// The token for unknown words.
pub(super) const UNKNOWN: u32 = 0;
/// Begins each sentence; is never predicted.
pub(super) const BEGIN: u32 = 1;
/// Ends each sentence.
pub(super) const END: u32 = 2;

/// The special tokens, in the order of their numbers.
pub(super) const SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];

/// A vocabulary of only the special tokens.
pub(super) fn vocabulary() -> Strings {
    let mut tokens = Strings::new();
    for token in SPECIAL {
        tokens.number(token);
    }
    tokens
}
