//! Wikitext to plain text, as Hugging Face's `wikipedia` script (2.0.0) makes it with
//! mwparserfromhell: the text of RedPajama's Wikipedia slice.
//!
//! ```
//! let text = wikitext::plain_text("'''Cats''' are [[animal]]s.{{cn}}", "en").unwrap();
//! assert_eq!(text, "Cats are animals.");
//! ```
//!
//! Templates, tables, references, files and comments go; links leave their text, headings stay,
//! entities become characters. Markup that is not closed is text, as in mwparserfromhell: this
//! crate follows its tokenizer construct by construct, with the same results, and without its
//! quadratic times. How that is done is told in [`mod@tokenizer`].

mod clean;
mod context;
mod entities;
mod languages;
mod token;
mod tokenizer;

pub use languages::LANGUAGES;

/// A page on which markup is opened so often, and closed so late, that to try what belongs to what
/// would take more than linear time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("markup too tangled to be read in linear time")]
pub struct Tangled;

/// The longest page that is read; MediaWiki's own limit is 2 MiB.
pub const PAGE_BYTES_MAX: usize = 1 << 30;

/// The text of a page of the Wikipedia in `language`.
///
/// Takes linear time on any input: a page that would take more is given up.
pub fn plain_text(source: &str, language: &str) -> Result<String, Tangled> {
    if source.len() > PAGE_BYTES_MAX {
        return Err(Tangled);
    }
    if source.contains('\0') {
        // No XML has any; the tokenizer takes it for the end.
        return clean::page(&source.replace('\0', ""), language);
    }
    clean::page(source, language)
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
