//! The files of a folder and its folders.

use super::{Content, FILE_BYTES_MAX, StoredFile, is_apples, is_gits};
use crate::defect::{Defect, ReadError};
use crate::failure;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// See [`tree`].
pub struct Tree {
    root: PathBuf,
    /// Entries still to be looked at, the next one last, each by its path below the root.
    waiting: Vec<PathBuf>,
    offset: u64,
}

/// The files of a folder and its folders, each folder's entries in the order of their names.
///
/// Links are not followed, so there are no loops, and nothing outside the folder is read. Takes the
/// memory of one file and of the names in the folders on the way to it.
pub fn tree(root: &Path) -> Result<Tree, ReadError> {
    let mut tree = Tree { root: root.to_owned(), waiting: Vec::new(), offset: 0 };
    tree.enter(Path::new("")).map_err(|error| ReadError::new(root, error))?;
    Ok(tree)
}

impl Tree {
    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let entries = fs::read_dir(self.root.join(folder))?;
        let names = entries.map(|entry| Ok(entry?.file_name()));
        let mut names: Vec<OsString> = names.collect::<io::Result<_>>()?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        self.waiting.extend(names.into_iter().map(|name| folder.join(name)));
        Ok(())
    }

    /// The entry at `path`; none for a folder, which is entered.
    fn look(&mut self, path: &Path) -> io::Result<Option<Content>> {
        let whole = self.root.join(path);
        let meta = fs::symlink_metadata(&whole)?;
        let kind = meta.file_type();
        if kind.is_dir() {
            self.enter(path)?;
            return Ok(None);
        }
        Ok(Some(match kind {
            kind if kind.is_symlink() => Content::Link,
            kind if !kind.is_file() => Content::Special,
            _ if meta.len() > FILE_BYTES_MAX => Content::TooLarge,
            _ => {
                let mut bytes = Vec::with_capacity(meta.len() as usize);
                // It may grow while it is read.
                crate::regular::open(&whole)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
                Content::Bytes(bytes)
            }
        }))
    }
}

impl Iterator for Tree {
    type Item = Result<StoredFile, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = self.waiting.pop()?;
            let path = at.to_string_lossy().into_owned();
            if is_gits(&path) {
                continue;
            }
            let content = match self.look(&at) {
                Ok(Some(Content::Bytes(bytes))) if is_apples(&path, &bytes) => continue,
                Ok(Some(content)) => content,
                Ok(None) => continue,
                Err(error) => Content::Unreadable(unreadable(self.offset, &path, &error)),
            };
            let offset = self.offset;
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
