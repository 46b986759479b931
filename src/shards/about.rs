//! What `manifest.json` says of an export, beside its files.

use crate::{Encoder, Error, Layout, Mark, Mixture, Options, Plan};
use corpus::export::{Destination, Earlier, Selection, earlier};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the list of files.
const LIST: &str = "manifest.json";

/// The format that [`About`] is of.
const FORMAT: &str = "tokens";

/// How an export was made: enough to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// `tokens`.
    format: String,
    /// The layouts.
    pub layouts: Vec<Layout>,
    /// The tokenizer.
    pub tokenizer: TokenizerFile,
    /// The token before each document.
    pub bos: Option<Mark>,
    /// The token after each document.
    pub eos: Option<Mark>,
    /// Bytes of a token.
    pub token_bytes: u64,
    /// The seed of the shuffle.
    pub shuffle: Option<u64>,
    /// The number of shards of a shuffle, with those that have no documents.
    pub shards: Option<u32>,
    /// Tokens of a shard.
    pub shard_tokens: u64,
    /// Tokens of a sample of [`Layout::Mds`] and, at most, of [`Layout::Sft`].
    pub sequence_length: Option<u32>,
    /// The mixture.
    pub mixture: Option<Mixture>,
    /// What the mixture came to.
    pub plan: Option<Plan>,
    /// Which labels were exported.
    pub selection: Selection,
}

/// A tokenizer file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerFile {
    /// Its name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
}

impl About {
    pub(crate) fn new(
        encoder: &Encoder,
        options: &Options,
        shards: Option<u32>,
        plan: Option<&Plan>,
    ) -> About {
        About {
            format: FORMAT.to_owned(),
            layouts: options.layouts.clone(),
            tokenizer: TokenizerFile {
                file: encoder.name().to_owned(),
                sha256: encoder.digest().to_owned(),
            },
            bos: encoder.bos().cloned(),
            eos: encoder.eos().cloned(),
            token_bytes: encoder.width().bytes(),
            shuffle: options.shuffle.map(|shuffle| shuffle.seed),
            shards,
            shard_tokens: options.shard_tokens,
            sequence_length: options.sequence_length,
            mixture: options.mixture.clone(),
            plan: plan.cloned(),
            selection: options.selection.clone(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }

    /// Reads how the export of tokens at a place was made.
    ///
    /// # Errors
    /// If there is no such export, or its list cannot be read.
    pub fn read(out: &dyn Destination) -> Result<About, Error> {
        match earlier(out)? {
            Earlier::Other(about) => About::of(about, out),
            _ => Err(none(out)),
        }
    }

    /// Reads what the list of an export of tokens says.
    ///
    /// # Errors
    /// If it is not one of tokens, or cannot be read.
    pub fn of(about: Value, out: &dyn Destination) -> Result<About, Error> {
        if about["format"] != FORMAT {
            return Err(none(out));
        }
        let wrong = |error: serde_json::Error| {
            Error::corrupt(&out.path(LIST), format!("{error}; export to an empty folder"))
        };
        serde_json::from_value(about).map_err(wrong)
    }
}

fn none(out: &dyn Destination) -> Error {
    let out = out.path("");
    Error::Usage(format!("{} has no export of tokens: {LIST} is expected", out.display()))
}
