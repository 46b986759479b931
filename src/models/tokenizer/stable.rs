//! Tokenizers in the stable generation of the library, which reads every file.

use std::collections::HashMap;
use tokenizers_onig::{ModelWrapper, Tokenizer};

pub(super) struct Stable {
    tokenizer: Tokenizer,
    /// Whether the file asks for random merges, which are for training.
    pub(super) had_dropout: bool,
}

impl Stable {
    /// Reads the contents of a file. The error is the library's.
    pub(super) fn read(text: &str) -> Result<Stable, String> {
        let mut tokenizer: Tokenizer = text.parse().map_err(|error| format!("{error}"))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        let had_dropout = remove_dropout(&mut tokenizer);
        Ok(Stable { tokenizer, had_dropout })
    }

    /// Returns all tokens with their ids, and the special ones in the order of their ids.
    pub(super) fn vocabulary(&self) -> (HashMap<String, u32>, Vec<String>) {
        let added = self.tokenizer.get_added_tokens_decoder();
        let mut special: Vec<_> = added.iter().filter(|(_, token)| token.special).collect();
        special.sort_by_key(|(id, _)| **id);
        let special = special.into_iter().map(|(_, token)| token.content.clone()).collect();
        (self.tokenizer.get_vocab(true).into_iter().collect(), special)
    }

    /// Returns the tokens of a text, each with the byte of the text at which it begins.
    pub(super) fn places(&self, text: &str) -> Result<Vec<(u32, usize)>, String> {
        let encoding = self.tokenizer.encode(text, false).map_err(|error| error.to_string())?;
        let offsets = encoding.get_offsets().iter().map(|(begin, _)| *begin);
        Ok(encoding.get_ids().iter().copied().zip(offsets).collect())
    }

    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding =
            self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }
}

/// Makes merges certain: with dropout, the same text would have another count each time. Returns
/// whether they were not.
fn remove_dropout(tokenizer: &mut Tokenizer) -> bool {
    let ModelWrapper::BPE(model) = tokenizer.get_model() else { return false };
    if model.dropout.is_none_or(|dropout| dropout == 0.0) {
        return false;
    }
    let mut model = model.clone();
    model.dropout = None;
    tokenizer.with_model(model);
    true
}
