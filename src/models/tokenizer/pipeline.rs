//! Tokenizers in the fast generation of the library, 1.0.

use tokenizers::SplitDelimiterBehavior::Isolated;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::pipeline::{
    EncodeOptions, Override, PipelineNormalizer, PipelinePreTokenizer, PipelineTokenizer,
};
use tokenizers::pre_tokenizers::split::{Search, Split, SplitPattern};

/// Patterns of `Replace` that match the same as with Oniguruma. The library runs them in another
/// engine, where `^`, `$` and `[[:space:]]` mean something else, and which stops without a word
/// after too many steps.
const SAME_PATTERNS: [&str; 2] = [" {2,}", r"\s+"];

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
        if let Some(pattern) = tokenizer.get_normalizers().iter().find_map(other_engine) {
            return Err(format!("it would not match the Replace {pattern:?} as Oniguruma does"));
        }
        // The library looks for the letters around such a token in other places.
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let single = added.values().filter(|token| token.single_word).map(|token| &token.content);
        if let Some(token) = single.min() {
            return Err(format!("it would not find the added single word {token:?}"));
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

/// Returns the pattern of a `Replace` that may match something else than with Oniguruma.
fn other_engine(normalizer: &PipelineNormalizer) -> Option<&str> {
    let PipelineNormalizer::Replace(replace) = normalizer else { return None };
    match replace.pattern() {
        ReplacePattern::Regex(pattern) if !SAME_PATTERNS.contains(&pattern.as_str()) => {
            Some(pattern)
        }
        _ => None,
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
