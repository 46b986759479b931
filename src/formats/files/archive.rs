//! The files of a tar archive, compressed or not.

use super::{Content, FILE_BYTES_MAX, StoredFile, is_apples, is_gits};
use crate::access;
use crate::archive::tar::{BLOCK_BYTES, Entry, Kind, Step, Tar, begins_archive};
use crate::compressed::inflate;
use crate::defect::{Defect, ReadError};
use crate::failure::Failure;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Iterator over the files of a tar archive. See [`archive`].
pub struct Archive {
    tar: Tar<Box<dyn BufRead + Send>>,
    /// Bytes of the file, as stored, that were read so far.
    stored: Arc<AtomicU64>,
    ended: bool,
}

/// Opens a tar archive: plain, or in any compression that [`open`](crate::open) knows, and of the
/// forms v7, ustar, GNU and pax.
///
/// A damaged header is a [`Defect`], and reading resumes at the next valid one. Archives may follow
/// one another in the file. Takes the memory of one file.
///
/// # Errors
/// When the file cannot be opened.
pub fn archive(path: &Path) -> Result<Archive, ReadError> {
    let source = access::stream(path).map_err(|error| ReadError::new(path, error))?;
    let stored = Arc::new(AtomicU64::new(0));
    let mut tar = Tar::new(inflate(Box::new(Counted { source, bytes: stored.clone() })));
    tar.joined();
    Ok(Archive { tar, stored, ended: false })
}

/// Whether a file begins as a tar archive does.
///
/// # Errors
/// When the file cannot be opened.
pub fn is_archive(path: &Path) -> Result<bool, ReadError> {
    let source = access::stream(path).map_err(|error| ReadError::new(path, error))?;
    let mut head = Vec::new();
    let read = inflate(source).take(BLOCK_BYTES as u64).read_to_end(&mut head);
    Ok(read.is_ok() && begins_archive(&head))
}

struct Counted {
    source: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.bytes.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

impl Archive {
    /// The file that an entry is. `None` for a folder and for files that are skipped.
    fn file(&mut self, entry: &Entry) -> Option<StoredFile> {
        let offset = self.stored.load(Relaxed);
        let path = entry.path.strip_prefix("./").unwrap_or(&entry.path);
        if entry.kind == Kind::Folder || is_gits(path) {
            return None;
        }
        let content = match entry.kind {
            _ if path.is_empty() || entry.is_unsafe() => Content::UnsafePath,
            Kind::Link => Content::Link,
            Kind::File if entry.bytes > FILE_BYTES_MAX => Content::TooLarge,
            Kind::File => {
                let mut bytes = Vec::new();
                match self.tar.read_to_end(&mut bytes) {
                    Ok(_) if is_apples(path, &bytes) => return None,
                    Ok(_) => Content::Bytes(bytes),
                    Err(error) => self.broken(offset, error),
                }
            }
            Kind::Folder | Kind::Other => Content::Special,
        };
        // An archive that ends within an entry is reported with the entry.
        let content = match content {
            Content::Bytes(_) | Content::Unreadable(_) => content,
            other => {
                self.tar.skip_entry().map_or_else(|error| self.broken(offset, error), |()| other)
            }
        };
        Some(StoredFile { offset, path: path.to_owned(), content })
    }

    /// The archive ends within a file.
    fn broken(&mut self, offset: u64, error: io::Error) -> Content {
        self.ended = true;
        Content::Unreadable(broken(offset, error))
    }
}

impl Iterator for Archive {
    type Item = Result<StoredFile, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let offset = self.stored.load(Relaxed);
            match self.tar.next() {
                Step::Entry(entry) => {
                    if let Some(file) = self.file(&entry) {
                        return Some(Ok(file));
                    }
                }
                // Its bytes are in the next step.
                Step::NoTar(_) => {}
                Step::Skipped { bytes, .. } => {
                    let what = format!(
                        "expected the header of a file, found {bytes} bytes that are not one; \
                         their content is left out: fetch the archive again"
                    );
                    return Some(Err(Defect::new(offset, what)));
                }
                Step::Failed { error, .. } => {
                    self.ended = true;
                    return Some(Err(broken(offset, error)));
                }
                Step::End => self.ended = true,
            }
        }
        None
    }
}

fn broken(offset: u64, error: io::Error) -> Defect {
    let Failure { what, device } = error.into();
    let what = format!("{what}; the rest of the archive is left out: fetch it again");
    Failure { what, device }.at(offset)
}
