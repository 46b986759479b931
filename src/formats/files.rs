//! Whole files, from a folder ([`tree()`]) or from a tar archive ([`archive()`]), in an order that
//! depends on nothing but their names, or on the archive.
//!
//! Nothing is written anywhere and nothing outside is read: links are named and not followed,
//! pipes and devices are named and not opened. What is git's own (`.git`) is passed by, and so is what
//! macOS puts beside each file where a file system or an archive has no room for its attributes:
//! `._NAME`, and the folder `__MACOSX`.

mod archive;
mod tree;

use crate::defect::Defect;

pub use archive::{Archive, archive, is_archive};
pub use tree::{Tree, tree};

/// Larger files are named and not read.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// A file, or what stands in the place of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Where about it begins in its source, in bytes of that as stored. Never goes back.
    pub offset: u64,
    /// Its path below the folder, or in the archive, with `/`. Bytes that are no UTF-8 are shown
    /// by U+FFFD.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// It leads to another: a symbolic or a hard link.
    Link,
    /// It is a pipe, a device, or anything else that is no file.
    Special,
    /// It is larger than [`FILE_BYTES_MAX`].
    TooLarge,
    /// Its path in the archive is absolute or leads out of it.
    UnsafePath,
    /// It could not be read to its end.
    Unreadable(Defect),
}

/// Whether a path is one of git's own.
fn is_gits(path: &str) -> bool {
    path.split('/').any(|part| part == ".git")
}

/// Whether a file is of macOS' own making: in its folder, or in the form AppleDouble or AppleSingle
/// (RFC 1740) under the name that it gives such files.
fn is_apples(path: &str, bytes: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 2] = [[0, 5, 0x16, 7], [0, 5, 0x16, 0]];
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| part == "__MACOSX")
        || name.starts_with("._") && MAGICS.iter().any(|magic| bytes.starts_with(magic))
}

#[cfg(test)]
mod tests;
