//! Counts the tokens of a text, or returns their ids, with any tokenizer in Hugging Face's `tokenizer.json` format,
//! through their own library. Nothing is downloaded.
//!
//! The library has two generations, and both are linked. The release candidate of 1.0 is many times
//! as fast, but does not read every file that the stable release reads: not a `Split` or a `Replace`
//! by any regular expression, no added token that must be a single word, and a `ByteLevel` only in
//! last place. Such a file is read by the stable release, with Oniguruma for regular expressions, as
//! in Hugging Face's Python package. The counts of both are the same.
//!
//! RedPajama-1T was counted with the tokenizer of GPT-NeoX-20B, which is also Pythia's; the second
//! version with that of Mistral-7B.

mod pipeline;
mod stable;
#[cfg(test)]
mod tests;
mod vocabulary;

use pipeline::Pipeline;
use stable::Stable;
use std::path::{Path, PathBuf};
pub use vocabulary::Vocabulary;

/// Counts tokens. Opening a tokenizer takes a fraction of a second; threads can share it.
pub struct TokenCounter {
    path: PathBuf,
    library: Library,
}

/// The generation of the library that reads a file.
enum Library {
    Pipeline(Pipeline),
    /// With the reason why the other does not read it.
    Stable(Box<Stable>, String),
}

impl TokenCounter {
    /// Reads a `tokenizer.json`, of version 2.0 or of the older format.
    ///
    /// Padding and truncation in the file are ignored: every token of the text counts. So is the
    /// dropout of BPE: the same text always has the same count.
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
        let library = match caught(|| Pipeline::read(&text)) {
            Ok(pipeline) => Library::Pipeline(pipeline),
            Err(refusal) => {
                let stable = caught(|| Stable::read(&text))
                    .map_err(|cause| TokenizerError::Invalid { path: path.to_owned(), cause })?;
                Library::Stable(Box::new(stable), refusal)
            }
        };
        Ok(TokenCounter { path: path.to_owned(), library })
    }

    /// Returns the number of tokens of a text, without those that the tokenizer adds around it
    /// (`<s>`). The name of a special token in the text (`<|endoftext|>`) counts as that token, as
    /// in Hugging Face's library.
    ///
    /// # Errors
    ///
    /// Fails if the tokenizer has no token for a part of the text, nor an unknown token, or if its
    /// regular expression cannot be matched against the text.
    pub fn count(&self, text: &str) -> Result<u64, TokenizerError> {
        Ok(self.ids(text)?.len() as u64)
    }

    /// Returns a remark for the user if the slower generation of the library counts, and why.
    pub fn remark(&self) -> Option<String> {
        let Library::Stable(stable, refusal) = &self.library else { return None };
        let dropout = if stable.had_dropout {
            "; its dropout, which makes counts random, is ignored"
        } else {
            ""
        };
        Some(format!(
            "tokens by the stable release of tokenizers, which is slower; the fast one cannot read \
             {}: {refusal}{dropout}",
            self.path.display()
        ))
    }

    /// Returns the ids of the tokens of a text, as [`TokenCounter::count`] counts them.
    ///
    /// # Errors
    ///
    /// As [`TokenCounter::count`].
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let ids = match &self.library {
            Library::Pipeline(pipeline) => pipeline.ids(text),
            Library::Stable(stable, _) => caught(|| stable.ids(text)),
        };
        ids.map_err(|cause| TokenizerError::Encode { path: self.path.clone(), cause })
    }
}

/// Calls the library in a separate thread, since it panics on some files, for example if a merge
/// makes a token that is not in the vocabulary, and on texts whose matching takes too long. The
/// thread has the name of the threads whose panics are caught.
fn caught<T: Send>(call: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("read".to_owned());
        let thread = thread.spawn_scoped(scope, call).map_err(|error| error.to_string())?;
        thread.join().unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("its parts contradict each other: {}", text.unwrap_or("no reason given")))
        })
    })
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
