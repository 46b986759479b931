//! The text of a paper from the LaTeX files of its e-print, as pure functions.
//!
//! * [`redpajama`]: RedPajama's cleaning of arXiv, its faults included.
//! * [`better`]: the cleaning that RedPajama intends: the files in the order in which the main file
//!   reads them, without comments, with all of the author's macros expanded, from the first section
//!   on.
//!
//! Both take linear time and bounded memory on any input: there is no recursion on nested input and
//! no backtracking, and the expansion of macros is limited.

pub mod better;
pub mod redpajama;

/// A file of an e-print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TexFile {
    /// Its path in the e-print, with `/`.
    pub name: String,
    /// Its content, in any encoding.
    pub bytes: Vec<u8>,
}

/// Why a paper has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoText {
    /// It has no LaTeX file.
    NoTex,
    /// A file is not UTF-8, which RedPajama requires.
    NotUtf8,
    /// It has no section.
    NoSection,
    /// A macro's value has a character that upstream's replacement fails on.
    MacroValue,
    /// It is only a notice that the paper is withdrawn.
    Withdrawn,
    /// Its macros expand to too much text.
    MacroBomb,
}

impl NoText {
    /// Returns the reason in the funnel.
    pub fn reason(self) -> &'static str {
        match self {
            NoText::NoTex => "no_tex",
            NoText::NotUtf8 => "not_utf8",
            NoText::NoSection => "no_section",
            NoText::MacroValue => "macro_value",
            NoText::Withdrawn => "withdrawn",
            NoText::MacroBomb => "macro_bomb",
        }
    }
}

/// Longest text of a paper.
const TEXT_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod golden;
