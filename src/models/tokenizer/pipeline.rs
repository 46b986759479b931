//! Tokenizers in the fast generation of the library, 1.0.

use tokenizers::SplitDelimiterBehavior::Isolated;
use tokenizers::pipeline::{EncodeOptions, Override, PipelinePreTokenizer, PipelineTokenizer};
use tokenizers::pre_tokenizers::split::{Search, Split, SplitPattern};

pub(super) struct Pipeline {
    tokenizer: PipelineTokenizer,
    options: EncodeOptions,
}

impl Pipeline {
    /// Reads the contents of a file. The error says what the library does not support.
    pub(super) fn read(text: &str) -> Result<Pipeline, String> {
        let canonical = tokenizers::canonicalize_str(text).map_err(|error| error.to_string())?;
        let tokenizer = tokenizers::from_json(&canonical).map_err(|error| error.to_string())?;
        // The library would report this with the first text only.
        if let Some(pattern) = unsupported(tokenizer.get_pre_tokenizer()) {
            return Err(format!("it has no engine for the Split {pattern:?}"));
        }
        let options = EncodeOptions {
            add_special_tokens: false,
            padding: Override::Off,
            truncation: Override::Off,
            ..EncodeOptions::default()
        };
        Ok(Pipeline { tokenizer, options })
    }

    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        let encodings = self.tokenizer.encode(text, &self.options).wait();
        let encodings = encodings.map_err(|error| error.to_string())?;
        let encoding = encodings.first().ok_or("it returned nothing")?;
        Ok(encoding.ids().iter().map(|token| token.id()).collect())
    }
}

/// Returns the pattern of the first `Split` that the library can read and not run.
fn unsupported(pre_tokenizer: &PipelinePreTokenizer) -> Option<&str> {
    match pre_tokenizer {
        PipelinePreTokenizer::Split(split) if !is_supported(split) => match &split.pattern {
            SplitPattern::Regex(pattern) | SplitPattern::String(pattern) => Some(pattern),
        },
        // The library runs DeepSeek's three patterns as one.
        PipelinePreTokenizer::Sequence(sequence) if !sequence.is_deepseek() => {
            sequence.pre_tokenizers().iter().find_map(unsupported)
        }
        _ => None,
    }
}

/// Whether a `Split` has an engine, or a pattern that the library has code for.
fn is_supported(split: &Split) -> bool {
    let has_code = split.grammar().is_some() && split.behavior == Isolated && !split.invert;
    has_code || !matches!(split.search, Search::Unavailable)
}
