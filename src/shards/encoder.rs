//! From a text to the bytes of its tokens, as the files have them.

use crate::Error;
use data_encoding::HEXLOWER;
use models::tokenizer::{TokenCounter, TokenizerError, Vocabulary};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::Path;

/// Special tokens that a message lists.
const LISTED_MAX: usize = 8;

/// Bytes of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// `u16`, little-endian: no id is larger than 65,535.
    Two,
    /// `u32`, little-endian.
    Four,
}

impl Width {
    /// Returns the number of bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Width::Two => 2,
            Width::Four => 4,
        }
    }

    /// Returns NumPy's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Width::Two => "uint16",
            Width::Four => "uint32",
        }
    }

    fn push(self, id: u32, into: &mut Vec<u8>) {
        match self {
            Width::Two => into.extend_from_slice(&(id as u16).to_le_bytes()),
            Width::Four => into.extend_from_slice(&id.to_le_bytes()),
        }
    }

    /// Returns the id that has these bytes.
    pub(crate) fn read(self, bytes: &[u8]) -> u32 {
        bytes.iter().rev().fold(0, |id, byte| id << 8 | u32::from(*byte))
    }
}

/// A token that is put around each document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its text in the vocabulary.
    pub token: String,
    /// Its id.
    pub id: u32,
}

/// A tokenizer, and the tokens that it puts around a document.
pub struct Encoder {
    counter: TokenCounter,
    vocabulary: Vocabulary,
    name: String,
    digest: String,
    bos: Option<Mark>,
    eos: Option<Mark>,
    width: Width,
}

impl Encoder {
    /// Reads a `tokenizer.json`. `bos` is put before each document, `eos` after it.
    ///
    /// # Errors
    /// If the file is not a tokenizer that can be used, or has no such token.
    pub fn open(path: &Path, bos: Option<&str>, eos: Option<&str>) -> Result<Encoder, Error> {
        let counter = TokenCounter::open(path)?;
        let vocabulary = Vocabulary::open(path)?;
        let mark = |flag: &str, token: Option<&str>| {
            let Some(token) = token else { return Ok(None) };
            let id = vocabulary.id(token).ok_or_else(|| unknown(flag, token, path, &vocabulary))?;
            Ok::<_, Error>(Some(Mark { token: token.to_owned(), id }))
        };
        let (bos, eos) = (mark("--bos", bos)?, mark("--eos", eos)?);
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let width = match u16::try_from(vocabulary.id_max()) {
            Ok(_) => Width::Two,
            Err(_) => Width::Four,
        };
        Ok(Encoder {
            counter,
            vocabulary,
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            digest: HEXLOWER.encode(&Sha256::digest(&bytes)),
            bos,
            eos,
            width,
        })
    }

    /// Returns a remark for the user if the slower generation of the library is used.
    pub fn remark(&self) -> Option<String> {
        self.counter.remark()
    }

    /// Returns the name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the SHA-256 of the file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the token before each document.
    pub fn bos(&self) -> Option<&Mark> {
        self.bos.as_ref()
    }

    /// Returns the token after each document.
    pub fn eos(&self) -> Option<&Mark> {
        self.eos.as_ref()
    }

    /// Returns the size of a token.
    pub fn width(&self) -> Width {
        self.width
    }

    /// Returns how many tokens are put around a document.
    pub fn marks(&self) -> u64 {
        u64::from(self.bos.is_some()) + u64::from(self.eos.is_some())
    }

    /// Appends the tokens of a document. Returns their number; 0, and nothing is appended, if its
    /// text has none.
    ///
    /// # Errors
    /// If the tokenizer cannot encode the text.
    pub fn encode(&self, text: &str, into: &mut Vec<u8>) -> Result<u64, TokenizerError> {
        let ids = self.counter.ids(text)?;
        if ids.is_empty() {
            return Ok(0);
        }
        let before = self.bos.iter().map(|mark| mark.id);
        let after = self.eos.iter().map(|mark| mark.id);
        let all = before.chain(ids.iter().copied()).chain(after);
        all.for_each(|id| self.width.push(id, into));
        Ok(ids.len() as u64 + self.marks())
    }

    /// Returns which of the tokens of a document are of its answers, as ranges of their numbers: those
    /// that begin within an answer, and the token after the document if the text ends with one.
    ///
    /// # Errors
    /// If the tokenizer cannot encode the text.
    pub(crate) fn answered(
        &self,
        text: &str,
        answers: &[Range<usize>],
    ) -> Result<Vec<Range<u32>>, TokenizerError> {
        let first = u32::from(self.bos.is_some());
        let mut found: Vec<Range<u32>> = Vec::new();
        let mut add = |at: u32| match found.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => found.push(at..at + 1),
        };
        let places = self.vocabulary.places(text)?;
        for (at, (_, begin)) in (first..).zip(&places) {
            let within = answers.partition_point(|answer| answer.end <= *begin);
            if answers.get(within).is_some_and(|answer| answer.contains(begin)) {
                add(at);
            }
        }
        let ends = answers.last().is_some_and(|answer| answer.end == text.len());
        if ends && self.eos.is_some() {
            add(first + places.len() as u32);
        }
        Ok(found)
    }
}

fn unknown(flag: &str, token: &str, path: &Path, vocabulary: &Vocabulary) -> Error {
    let special = vocabulary.special();
    let listed: Vec<&str> = special.iter().take(LISTED_MAX).map(String::as_str).collect();
    let more = if special.len() > LISTED_MAX { ", ..." } else { "" };
    let hint = match &listed[..] {
        [] => "it has no special tokens".to_owned(),
        listed => format!("its special tokens are {}{more}", listed.join(", ")),
    };
    Error::Usage(format!("{flag}: {} has no token {token:?}; {hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENIZER: &str = include_str!("../../fixtures/tokenizers/base.json");

    #[test]
    fn marks_are_put_around_the_tokens_of_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, TOKENIZER).unwrap();
        let plain = Encoder::open(&path, None, None).unwrap();
        let marked = Encoder::open(&path, Some("!"), Some("<|end|>")).unwrap();
        let (mut without, mut with) = (Vec::new(), Vec::new());
        let count = plain.encode("The lamps are lit.", &mut without).unwrap();
        assert_eq!(without.len() as u64, 2 * count);
        assert_eq!(marked.encode("The lamps are lit.", &mut with).unwrap(), count + 2);
        assert_eq!(with, [&[1, 0], &without[..], &[0, 0]].concat());
        assert_eq!((plain.marks(), marked.marks()), (0, 2));
        assert_eq!(marked.encode("", &mut with).unwrap(), 0, "no text, no tokens");
        assert_eq!(with.len(), without.len() + 4);
    }

    #[test]
    fn an_id_above_the_range_of_u16_makes_tokens_of_four_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        let file = |id: u32| {
            format!(
                r#"{{"version":"1.0","pre_tokenizer":{{"type":"Whitespace"}},
                    "model":{{"type":"WordLevel","unk_token":"?","vocab":{{"?":0,"rain":{id}}}}}}}"#
            )
        };
        for (id, width) in [(65_535, Width::Two), (65_536, Width::Four)] {
            std::fs::write(&path, file(id)).unwrap();
            let encoder = Encoder::open(&path, None, None).unwrap();
            let mut bytes = Vec::new();
            encoder.encode("rain", &mut bytes).unwrap();
            assert_eq!((encoder.width(), bytes.len() as u64), (width, width.bytes()));
            assert!(bytes.starts_with(&(id as u16).to_le_bytes()));
        }
    }

    #[test]
    fn an_unknown_token_is_named_with_those_that_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, TOKENIZER).unwrap();
        let error = Encoder::open(&path, None, Some("</s>")).err().unwrap().to_string();
        assert!(error.contains("--eos") && error.contains("has no token \"</s>\""), "{error}");
        assert!(error.ends_with("its special tokens are <|end|>"), "{error}");
    }
}
