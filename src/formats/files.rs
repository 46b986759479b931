//! Whole files, from a folder ([`tree()`]) in the order of their names, or from a tar archive
//! ([`archive()`]) in its order.
//!
//! Nothing is written, and nothing outside is read: links are reported and not followed, pipes and
//! devices are reported and not opened. git's own files (`.git`) are skipped, and so are the files
//! that macOS adds where a file system or an archive cannot store its attributes: `._NAME`, and the
//! folder `__MACOSX`.
//!
//! ```
//! use formats::files::{Content, tree};
//!
//! # let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("a.py"), "x = 1")?;
//! for file in tree(folder.path())? {
//!     let file = file?;
//!     assert_eq!((&file.path[..], file.content), ("a.py", Content::Bytes(b"x = 1".to_vec())));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod tree;

use crate::defect::Defect;

pub use archive::{Archive, archive, is_archive};
pub use tree::{Tree, tree};

/// Larger files are reported and not read.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// A file, or another entry in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// About where it begins in its stored source, in bytes. Never decreases.
    pub offset: u64,
    /// Its path below the folder, or in the archive, with `/`, and with U+FFFD for bytes that are not
    /// UTF-8.
    pub path: String,
    /// Its content.
    pub content: Content,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// It is a symbolic or a hard link.
    Link,
    /// It is a pipe, a device, or anything else that is not a file.
    Special,
    /// It is larger than [`FILE_BYTES_MAX`].
    TooLarge,
    /// Its path in the archive is absolute or leads out of it.
    UnsafePath,
    /// It could not be read to its end.
    Unreadable(Defect),
}

/// Whether a path is in git's own folder.
fn is_gits(path: &str) -> bool {
    path.split('/').any(|part| part == ".git")
}

/// Whether macOS added the file: it is in the folder of macOS, or has the form AppleDouble or
/// AppleSingle (RFC 1740) and the name of such files.
fn is_apples(path: &str, bytes: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 2] = [[0, 5, 0x16, 7], [0, 5, 0x16, 0]];
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| part == "__MACOSX")
        || name.starts_with("._") && MAGICS.iter().any(|magic| bytes.starts_with(magic))
}

#[cfg(test)]
mod tests;
