//! Tokenizers in the stable generation of the library, which reads every file.

use tokenizers_onig::Tokenizer;

pub(super) struct Stable {
    tokenizer: Tokenizer,
}

impl Stable {
    /// Reads the contents of a file. The error is the library's.
    pub(super) fn read(text: &str) -> Result<Stable, String> {
        let mut tokenizer: Tokenizer = text.parse().map_err(|error| format!("{error}"))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        Ok(Stable { tokenizer })
    }

    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding =
            self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }
}
