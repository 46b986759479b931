//! Archives and folders: what files they hold. What the files mean is not decided here.
//!
//! - [`tar`]: a tar archive as a stream.
//! - [`zip`]: a zip archive by its directory.
//! - [`seven_zip`]: one file of a 7z archive as a stream.
//! - [`tree`]: the files below a folder.
//!
//! Nothing is ever written by a name in an archive: names are names only.

pub(crate) mod seven_zip;
pub(crate) mod tar;
pub(crate) mod tree;
pub(crate) mod zip;

pub use zip::{Archive, MEMBER_BYTES_MAX, ZIP_MAGIC};
