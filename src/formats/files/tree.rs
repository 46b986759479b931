//! The files of a folder and of the folders in it.

use super::{Content, FILE_BYTES_MAX, StoredFile, is_apples, is_gits};
use crate::archive::tree::{Links, Walk};
use crate::defect::{Defect, ReadError};
use crate::failure;
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Iterator over the files of a folder. See [`tree`].
pub struct Tree {
    root: PathBuf,
    walk: Walk,
    offset: u64,
}

/// Returns the files of a folder and of the folders in it, each folder's entries in the order of
/// their names.
///
/// Links are not followed, so there are no loops, and nothing outside the folder is read. Takes the
/// memory of one file and of the names in the folders on the way to it.
///
/// # Errors
/// When the folder cannot be listed.
pub fn tree(root: &Path) -> Result<Tree, ReadError> {
    let walk = Walk::new(root, Links::Keep, |path| is_gits(&path.to_string_lossy()));
    let mut walk = walk.map_err(|error| ReadError::new(root, error))?;
    walk.depth_max = usize::MAX;
    Ok(Tree { root: root.to_owned(), walk, offset: 0 })
}

impl Tree {
    fn content(&self, path: &Path, meta: &Metadata) -> io::Result<Content> {
        Ok(match meta.file_type() {
            kind if kind.is_symlink() => Content::Link,
            kind if !kind.is_file() => Content::Special,
            _ if meta.len() > FILE_BYTES_MAX => Content::TooLarge,
            _ => {
                let mut bytes = Vec::with_capacity(meta.len() as usize);
                // It may grow while it is read.
                let file = crate::regular::open(&self.root.join(path))?;
                file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
                Content::Bytes(bytes)
            }
        })
    }
}

impl Iterator for Tree {
    type Item = Result<StoredFile, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, meta) = self.walk.next()?;
            let path = at.to_string_lossy().into_owned();
            let offset = self.offset;
            let content = match meta.and_then(|meta| self.content(&at, &meta)) {
                Ok(Content::Bytes(bytes)) if is_apples(&path, &bytes) => continue,
                Ok(content) => content,
                Err(error) => Content::Unreadable(unreadable(offset, &path, &error)),
            };
            if let Content::Bytes(bytes) = &content {
                self.offset += bytes.len() as u64;
            }
            return Some(Ok(StoredFile { offset, path, content }));
        }
    }
}

fn unreadable(offset: u64, path: &str, error: &io::Error) -> Defect {
    let device = failure::of_device_in_folder(error);
    let what = format!("cannot read {path}: {error}; it is left out");
    Defect { device, ..Defect::new(offset, what) }
}
