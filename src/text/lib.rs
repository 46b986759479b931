//! Pure functions on text, which the recipe's rules are made of. Nothing here reads a file or keeps
//! state between documents.
//!
//! * [`python`]: the string semantics that upstream's rules rely on.
//! * [`c4`]: what identifies C4's pages and lines.
//! * [`ccnet`]: pages, paragraphs and their keys, as CCNet cuts and compares them.
//! * [`digest`]: SHA-1 in the form of web archives.
//! * [`gutenberg`]: the book in a file of Project Gutenberg.
//! * [`unicode`]: character classes.
//! * [`references`]: the addresses that articles of Wikipedia refer to.

pub mod c4;
pub mod ccnet;
pub mod digest;
pub mod gutenberg;
pub mod python;
pub mod references;
pub mod unicode;

#[cfg(test)]
mod golden;
