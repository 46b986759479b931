//! Counts the tokens of a text with any tokenizer in Hugging Face's `tokenizer.json` format,
//! through their own library. Nothing is downloaded.
//!
//! RedPajama-1T was counted with the tokenizer of GPT-NeoX-20B, which is also Pythia's; the second
//! version with that of Mistral-7B.

use std::path::{Path, PathBuf};
use tokenizers::pipeline::{EncodeOptions, Encoding, Override, PipelineTokenizer};

#[cfg(test)]
mod tests;

/// Counts tokens. Opening a tokenizer takes a fraction of a second; threads can share it.
pub struct TokenCounter {
    path: PathBuf,
    tokenizer: PipelineTokenizer,
    options: EncodeOptions,
}

impl TokenCounter {
    /// Reads a `tokenizer.json`, of version 2.0 or of the older format.
    ///
    /// Padding and truncation in the file are ignored: every token of the text counts.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or if the library does not accept it.
    ///
    /// ```
    /// # let name = format!("tokenizer-example-{}.json", std::process::id());
    /// # let path = std::env::temp_dir().join(name);
    /// # let json = r#"{"version":"1.0","pre_tokenizer":{"type":"Whitespace"},
    /// #     "model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"the":1,"rain":2}}}"#;
    /// # std::fs::write(&path, json).unwrap();
    /// let counter = models::tokenizer::TokenCounter::open(&path)?;
    /// assert_eq!(counter.count("the rain fell")?, 3);
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), models::tokenizer::TokenizerError>(())
    /// ```
    pub fn open(path: &Path) -> Result<Self, TokenizerError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?;
        let tokenizer = build(text)
            .map_err(|cause| TokenizerError::Invalid { path: path.to_owned(), cause })?;
        let options = EncodeOptions {
            add_special_tokens: false,
            padding: Override::Off,
            truncation: Override::Off,
            ..EncodeOptions::default()
        };
        Ok(TokenCounter { path: path.to_owned(), tokenizer, options })
    }

    /// Returns the number of tokens of a text, without those that the tokenizer adds around it
    /// (`<s>`). The name of a special token in the text (`<|endoftext|>`) counts as that token, as
    /// in Hugging Face's library.
    ///
    /// # Errors
    ///
    /// Fails if the tokenizer has no token for a part of the text, nor an unknown token.
    pub fn count(&self, text: &str) -> Result<u64, TokenizerError> {
        Ok(self.encode(text)?.len() as u64)
    }

    fn encode(&self, text: &str) -> Result<Encoding, TokenizerError> {
        let failed = |cause: String| TokenizerError::Encode { path: self.path.clone(), cause };
        let encodings = self.tokenizer.encode(text, &self.options).wait();
        let encodings = encodings.map_err(|error| failed(error.to_string()))?;
        encodings.into_iter().next().ok_or_else(|| failed("it returned nothing".to_owned()))
    }
}

/// Builds the tokenizer in a separate thread, since the library panics on some files, for example
/// if a merge makes a token that is not in the vocabulary. The thread has the name of the threads
/// whose panics are caught.
fn build(text: String) -> Result<PipelineTokenizer, String> {
    let build = move || {
        let canonical = tokenizers::canonicalize_str(&text).map_err(|error| error.to_string())?;
        tokenizers::from_json(&canonical).map_err(|error| error.to_string())
    };
    let thread = std::thread::Builder::new().name("read".to_owned()).spawn(build);
    let thread = thread.map_err(|error| error.to_string())?;
    thread.join().unwrap_or_else(|_| Err("its parts contradict each other".to_owned()))
}

/// A tokenizer file that cannot be used, or a text that it cannot encode.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file cannot be read.
    #[error("cannot read the tokenizer {}", path.display())]
    Read {
        /// The tokenizer file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a tokenizer, or has a part that the library does not know.
    #[error(
        "{} is not a tokenizer that can be used: {cause}; use the tokenizer.json of a Hugging Face \
         model", path.display()
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What the library reports.
        cause: String,
    },
    /// The tokenizer has no token for a part of the text, nor one that means "unknown".
    #[error("the tokenizer {} cannot encode a text: {cause}", path.display())]
    Encode {
        /// The tokenizer file.
        path: PathBuf,
        /// What the library reports.
        cause: String,
    },
}
