//! How many tokens a text has for a language model: any tokenizer of Hugging Face's
//! `tokenizer.json` form, through their own library. Nothing is downloaded.
//!
//! RedPajama-1T was counted with the tokenizer of GPT-NeoX-20B, which is Pythia's too; the 2nd
//! version with Mistral-7B's.

use std::path::{Path, PathBuf};
use tokenizers::pipeline::{EncodeOptions, Encoding, Override, PipelineTokenizer};

#[cfg(test)]
mod tests;

/// A tokenizer that counts. Opening one takes a fraction of a second; share it between threads.
pub struct TokenCounter {
    path: PathBuf,
    tokenizer: PipelineTokenizer,
    options: EncodeOptions,
}

impl TokenCounter {
    /// Reads a `tokenizer.json`, of version 2.0 or of the older form.
    ///
    /// What the file says of padding and truncation is ignored: every token of the text counts.
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

    /// The number of tokens of the text, without those that a tokenizer puts around a text (`<s>`).
    /// The name of a special token inside the text (`<|endoftext|>`) is that token, as in Hugging
    /// Face's library.
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

/// The library panics at some files: at merges, for example, that make what the vocabulary lacks. In
/// a thread of its own that ends nothing else. Its name is that of the threads whose panics are
/// caught.
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
    /// The file is not a tokenizer, or it is one with a part that the library does not know.
    #[error(
        "{} is not a tokenizer that can be used: {cause}; give the tokenizer.json of a Hugging Face \
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
