//! What is wrong with a file.

use std::io;
use std::path::{Path, PathBuf};

/// A part of a file that could not be read. The rest of the file can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {what}")]
pub struct Defect {
    /// Byte of the file, as stored, at which the record begins, or the gzip member that it is in.
    pub offset: u64,
    /// What was expected, what was found, and the remedy where there is one.
    pub what: String,
    /// Set where the device failed and the content is not damaged: the reader ends here, and another
    /// attempt may read more. A consumer that needs every record stops at this defect.
    pub device: Option<io::ErrorKind>,
}

/// Longer descriptions are cut.
const WHAT_CHARS_MAX: usize = 300;

impl Defect {
    /// Creates a defect of the content.
    pub fn new(offset: u64, what: impl Into<String>) -> Self {
        Defect { offset, what: what.into(), device: None }.bounded()
    }

    /// Bounds the length of the description: messages of libraries may quote what they read.
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
#[error("cannot open {}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

impl ReadError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        ReadError { path: path.to_owned(), source }
    }
}
