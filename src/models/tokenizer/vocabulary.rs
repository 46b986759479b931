//! Which tokens has a tokenizer, and where are they in a text?

use super::stable::Stable;
use super::{TokenizerError, caught};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The tokens of a tokenizer, with those that were added to its model.
pub struct Vocabulary {
    path: PathBuf,
    stable: Stable,
    ids: HashMap<String, u32>,
    /// Added tokens that mean something else than their characters: `<|endoftext|>`.
    special: Vec<String>,
}

impl Vocabulary {
    /// Reads the tokens of a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or if the library does not accept it.
    pub fn open(path: &Path) -> Result<Vocabulary, TokenizerError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?;
        let stable = caught(|| Stable::read(&text))
            .map_err(|cause| TokenizerError::Invalid { path: path.to_owned(), cause })?;
        let (ids, special) = stable.vocabulary();
        Ok(Vocabulary { path: path.to_owned(), stable, ids, special })
    }

    /// Returns the id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// Returns the largest id; 0 if there are no tokens.
    pub fn id_max(&self) -> u32 {
        self.ids.values().copied().max().unwrap_or(0)
    }

    /// Returns the tokens of a text, as [`TokenCounter::ids`](super::TokenCounter::ids) does, each with
    /// the byte of the text at which it begins. A token that begins within a character has the place of
    /// the character, and a blank before a token may count as no part of it. Slower: only the stable
    /// generation of the library knows places.
    ///
    /// # Errors
    ///
    /// As [`TokenCounter::count`](super::TokenCounter::count).
    pub fn places(&self, text: &str) -> Result<Vec<(u32, usize)>, TokenizerError> {
        caught(|| self.stable.places(text))
            .map_err(|cause| TokenizerError::Encode { path: self.path.clone(), cause })
    }

    /// Returns the special tokens, sorted by id.
    pub fn special(&self) -> &[String] {
        &self.special
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_tokens_are_in_the_vocabulary() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokenizer.json");
        let json = r#"{"version":"1.0","pre_tokenizer":{"type":"Whitespace"},
            "added_tokens":[{"id":70000,"content":"<|end|>","single_word":false,"lstrip":false,
                "rstrip":false,"normalized":false,"special":true}],
            "model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"the":1,"rain":2}}}"#;
        std::fs::write(&path, json).expect("a file");
        let vocabulary = Vocabulary::open(&path).expect("a tokenizer");
        assert_eq!((vocabulary.id("rain"), vocabulary.id("snow")), (Some(2), None));
        let end = vocabulary.id("<|end|>").expect("a token");
        assert_eq!(vocabulary.id_max(), end.max(2));
        assert_eq!(vocabulary.special(), ["<|end|>"]);
        std::fs::write(&path, "{}").expect("a file");
        let error = Vocabulary::open(&path).err().expect("no tokenizer").to_string();
        assert!(error.contains("tokenizer.json is not a tokenizer"), "{error}");
    }
}
