//! Converts wikitext to plain text as Hugging Face's `wikipedia` script (2.0.0) does with
//! mwparserfromhell: the text of RedPajama's Wikipedia slice.
//!
//! ```
//! let text = wikitext::plain_text("'''Cats''' are [[animal]]s.{{cn}}", "en").unwrap();
//! assert_eq!(text, "Cats are animals.");
//! ```
//!
//! Templates, tables, references, files and comments are removed; links are replaced by their text,
//! headings stay, entities become characters. As in mwparserfromhell, markup that is not closed is
//! text: this crate follows its tokenizer construct by construct, with the same results but without
//! its quadratic time, as described in the module `tokenizer`.

mod clean;
mod context;
mod entities;
mod languages;
mod token;
mod tokenizer;

pub use languages::LANGUAGES;

/// A page with so much markup that is opened and closed late, or never, that parsing it would take
/// more than linear time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("markup too complex to be parsed in linear time")]
pub struct TooComplex;

/// Longest page that is parsed; MediaWiki's own limit is 2 MiB.
pub const PAGE_BYTES_MAX: usize = 1 << 30;

/// Returns the text of a page of the Wikipedia in `language`.
///
/// # Errors
///
/// Fails on a page that would take more than linear time, or is longer than [`PAGE_BYTES_MAX`].
pub fn plain_text(source: &str, language: &str) -> Result<String, TooComplex> {
    if source.len() > PAGE_BYTES_MAX {
        return Err(TooComplex);
    }
    if source.contains('\0') {
        // XML cannot contain NUL, and the tokenizer uses it for the end.
        return clean::page(&source.replace('\0', ""), language);
    }
    clean::page(source, language)
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
