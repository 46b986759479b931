//! The files of a tar archive, compressed or not.
//!
//! Headers are the crate `tar`'s. The walk over them is ours: its own borrows the archive, takes
//! names of any length into memory, and ends at the first damaged header.

use super::{Content, FILE_BYTES_MAX, StoredFile, is_apples, is_gits};
use crate::compressed::inflate;
use crate::defect::{Defect, ReadError};
use crate::failure;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tar::{EntryType, Header, PaxExtensions};

const BLOCK_BYTES: usize = 512;

/// Longer names, and longer sets of extended attributes, are not read.
const NAME_BYTES_MAX: u64 = 64 << 10;

/// In a block of a GNU sparse file's map, the byte that says whether another follows.
const SPARSE_MORE_AT: usize = 504;

/// See [`archive`].
pub struct Archive {
    bytes: Box<dyn BufRead + Send>,
    /// Bytes of the file, as stored, that were read so far.
    stored: Arc<AtomicU64>,
    /// The name and the size that the next header has no room for.
    name: Option<Vec<u8>>,
    size: Option<u64>,
    /// Read, and not given yet.
    ready: Option<StoredFile>,
    ended: bool,
}

/// Opens a tar archive: plain, or of any compression that [`open`](crate::open) knows; of any of
/// the forms v7, ustar, GNU and pax.
///
/// A damaged header is a [`Defect`], and reading goes on at the next that is whole. Takes the memory
/// of one file.
pub fn archive(path: &Path) -> Result<Archive, ReadError> {
    let file = crate::regular::open(path).map_err(|error| ReadError::new(path, error))?;
    let stored = Arc::new(AtomicU64::new(0));
    let bytes = inflate(Box::new(Counted { file, bytes: stored.clone() }));
    Ok(Archive { bytes, stored, name: None, size: None, ready: None, ended: false })
}

/// Whether a file begins as a tar archive does.
pub fn is_archive(path: &Path) -> Result<bool, ReadError> {
    let mut first = archive(path)?;
    Ok(matches!(first.block(), Ok(Some(block)) if header(&block).is_some()))
}

/// Whether a file that begins so is a tar archive.
pub(crate) fn begins_archive(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK_BYTES>().is_some_and(|block| header(block).is_some())
}

struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.bytes.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

type Block = [u8; BLOCK_BYTES];

/// The header that a block is, if its checksum says that it is one.
fn header(block: &Block) -> Option<&Header> {
    let header = Header::from_byte_slice(block);
    // The checksum's own bytes count as blanks (POSIX.1-2017, pax, "ustar Header Block").
    let sum = |block: &[u8]| block.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let of_block = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
    (header.cksum().ok()? == of_block && header.entry_size().is_ok()).then_some(header)
}

impl Archive {
    /// The next block; none at the end.
    fn block(&mut self) -> io::Result<Option<Block>> {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        self.bytes.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        match Block::try_from(block) {
            Ok(block) => Ok(Some(block)),
            Err(part) if part.is_empty() => Ok(None),
            Err(_) => Err(cut_short()),
        }
    }

    /// The next block that is a header, and how many bytes before it belong to nothing.
    fn next_header(&mut self) -> io::Result<(Option<Block>, u64)> {
        let mut stray = 0;
        while let Some(block) = self.block()? {
            if header(&block).is_some() {
                return Ok((Some(block), stray));
            }
            // Empty blocks end an archive; another one may be joined to it.
            stray += if block == [0; BLOCK_BYTES] { 0 } else { BLOCK_BYTES as u64 };
        }
        Ok((None, stray))
    }

    /// The next entry, if it is a file or stands for one, and how many bytes before it belong to
    /// nothing.
    fn step(&mut self) -> io::Result<(Option<StoredFile>, u64)> {
        let (block, stray) = self.next_header()?;
        let Some(block) = block else {
            self.ended = true;
            return Ok((None, stray));
        };
        Ok((self.entry(header(&block).expect("next_header gives no other"))?, stray))
    }

    fn entry(&mut self, header: &Header) -> io::Result<Option<StoredFile>> {
        let bytes = header.entry_size()?;
        match header.entry_type() {
            EntryType::GNULongName if bytes <= NAME_BYTES_MAX => {
                let name = self.body(bytes)?;
                self.name = name.split(|byte| *byte == 0).next().map(Vec::from);
            }
            EntryType::XHeader if bytes <= NAME_BYTES_MAX => {
                let attributes = self.body(bytes)?;
                for pair in PaxExtensions::new(&attributes).flatten() {
                    match pair.key_bytes() {
                        b"path" => self.name = Some(pair.value_bytes().into()),
                        b"size" => self.size = pair.value().ok().and_then(|s| s.parse().ok()),
                        _ => {}
                    }
                }
            }
            EntryType::GNULongLink
            | EntryType::GNULongName
            | EntryType::XGlobalHeader
            | EntryType::XHeader => self.skip(header, bytes)?,
            _ => return self.file(header),
        }
        Ok(None)
    }

    fn file(&mut self, header: &Header) -> io::Result<Option<StoredFile>> {
        let offset = self.stored.load(Relaxed);
        let bytes = self.size.take().map_or_else(|| header.entry_size(), Ok)?;
        let name = self.name.take().unwrap_or_else(|| header.path_bytes().into_owned());
        let path = String::from_utf8_lossy(&name);
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        let kind = header.entry_type();
        // Only files have bytes, whatever the header says.
        let has_none = matches!(kind, EntryType::Symlink | EntryType::Link) || kind.is_dir();
        let bytes = if has_none { 0 } else { bytes };
        // The oldest form has no type for folders.
        if kind.is_dir() || kind.is_file() && path.ends_with('/') || is_gits(&path) {
            self.skip(header, bytes)?;
            return Ok(None);
        }
        let is_read = kind.is_file() || kind.is_contiguous();
        let content = match kind {
            _ if is_unsafe(&path) => Content::UnsafePath,
            EntryType::Symlink | EntryType::Link => Content::Link,
            _ if is_read && bytes <= FILE_BYTES_MAX => match self.body(bytes) {
                Ok(body) => Content::Bytes(body),
                Err(error) => self.broken(offset, &error),
            },
            _ if is_read => Content::TooLarge,
            _ => Content::Special,
        };
        let content = match content {
            Content::Bytes(bytes) if is_apples(&path, &bytes) => return Ok(None),
            Content::Bytes(_) | Content::Unreadable(_) => content,
            other => match self.skip(header, bytes) {
                Ok(()) => other,
                Err(error) => self.broken(offset, &error),
            },
        };
        Ok(Some(StoredFile { offset, path, content }))
    }

    /// The archive ends here, within a file.
    fn broken(&mut self, offset: u64, error: &io::Error) -> Content {
        self.ended = true;
        Content::Unreadable(broken(offset, error))
    }

    /// The body of an entry, to the end of its last block.
    fn body(&mut self, bytes: u64) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.bytes.by_ref().take(bytes).read_to_end(&mut body)?;
        self.pass(filling(bytes))?;
        if (body.len() as u64) < bytes { Err(cut_short()) } else { Ok(body) }
    }

    /// Passes by the body of an entry, to the end of its last block.
    fn skip(&mut self, header: &Header, bytes: u64) -> io::Result<()> {
        // The map of a sparse file may take further blocks, each of which says if more follow.
        let mut more = header
            .as_gnu()
            .is_some_and(|gnu| header.entry_type().is_gnu_sparse() && gnu.is_extended());
        while more {
            let map = self.block()?.ok_or_else(cut_short)?;
            more = map[SPARSE_MORE_AT] == 1;
        }
        self.pass(bytes.saturating_add(filling(bytes)))
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.bytes.by_ref().take(bytes), &mut io::sink())?;
        if passed < bytes { Err(cut_short()) } else { Ok(()) }
    }
}

impl Iterator for Archive {
    type Item = Result<StoredFile, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(file) = self.ready.take() {
                return Some(Ok(file));
            }
            if self.ended {
                return None;
            }
            let offset = self.stored.load(Relaxed);
            match self.step() {
                Ok((file, 0)) => self.ready = file,
                Ok((file, stray)) => {
                    self.ready = file;
                    let what = format!(
                        "expected the header of a file, found {stray} bytes that are none; what \
                         they hold is left out: fetch the archive again"
                    );
                    return Some(Err(Defect::new(offset, what)));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(broken(offset, &error)));
                }
            }
        }
    }
}

/// Whether a path leads out of the folder that the archive would be unpacked in, or is none.
fn is_unsafe(path: &str) -> bool {
    path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..")
}

/// From the end of an entry to that of its last block.
fn filling(bytes: u64) -> u64 {
    let block = BLOCK_BYTES as u64;
    (block - bytes % block) % block
}

fn cut_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the archive ends within an entry")
}

fn broken(offset: u64, error: &io::Error) -> Defect {
    let device = failure::of_device(error);
    let what = format!("{error}; the rest of the archive is left out: fetch it again");
    Defect { device, ..Defect::new(offset, what) }
}
