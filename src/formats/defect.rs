//! What went wrong with a file.

use std::io;
use std::path::{Path, PathBuf};

/// Something in a file that could not be read. The rest of the file still can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {what}")]
pub struct Defect {
    /// Byte of the file as stored: of the record, or of the gzip member that it stands in.
    pub offset: u64,
    /// What was expected, what was found, and the remedy where there is one.
    pub what: String,
    /// Set where the device failed and not the content: the file ends here for this reader, and
    /// reading it again may give more. Whoever must have every record stops at this one.
    pub device: Option<io::ErrorKind>,
}

/// Characters of the longest text of a defect; the rest is cut off.
const WHAT_CHARS_MAX: usize = 300;

impl Defect {
    /// A defect of the content, in a few words.
    pub fn new(offset: u64, what: impl Into<String>) -> Self {
        Defect { offset, what: what.into(), device: None }.bounded()
    }

    /// The same with a text of bounded length: messages of libraries may quote what they read.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if let Some((end, _)) = self.what.char_indices().nth(WHAT_CHARS_MAX) {
            self.what.truncate(end);
            self.what.push_str(" [...]");
        }
        self
    }
}

/// A file that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {}: {source}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl ReadError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        ReadError { path: path.to_owned(), source }
    }
}
