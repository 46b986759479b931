//! The text of a paper from the LaTeX files of its e-print: pure functions, without where the files
//! came from or what becomes of the text.
//!
//! * [`redpajama`]: as RedPajama cleans arXiv, its faults included.
//! * [`better`]: what that is meant to be: the files in the order in which the main file reads
//!   them, without comments, with all of the author's macros expanded, from the first section on.
//!
//! Both take linear time and bounded memory on any input: there is no recursion on what is nested
//! in a file, nothing is matched with backtracking, and what macros make of a text is limited.

pub mod better;
pub mod redpajama;

/// A file of an e-print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TexFile {
    /// Its path in the e-print, with `/`.
    pub name: String,
    /// What is in it, in whatever encoding.
    pub bytes: Vec<u8>,
}

/// Why a paper gives no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// There is no LaTeX file in it.
    NoTex,
    /// A file is not UTF-8, which RedPajama asks for.
    NotUtf8,
    /// No section begins anywhere.
    NoSection,
    /// A macro's value has a character that upstream's replacement fails on.
    MacroValue,
    /// There is a notice that the paper is withdrawn.
    Withdrawn,
    /// What its macros make of the text is too long.
    MacroBomb,
}

impl Loss {
    /// The word for the funnel.
    pub fn reason(self) -> &'static str {
        match self {
            Loss::NoTex => "no_tex",
            Loss::NotUtf8 => "not_utf8",
            Loss::NoSection => "no_section",
            Loss::MacroValue => "macro_value",
            Loss::Withdrawn => "withdrawn",
            Loss::MacroBomb => "macro_bomb",
        }
    }
}

/// The most text that a paper may give.
const TEXT_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod golden;
