//! A tar archive as a stream, past damage.
//!
//! The crate `tar` reads the fields of a header. The walk over the headers is our own: it knows the
//! byte at which an entry begins, holds no more of an entry than its reader asks for, bounds what
//! long names may take, and finds the next header after a damaged one.

use ::tar::{Header, PaxExtensions};
use std::io::{self, Read};

pub(crate) const BLOCK_BYTES: usize = 512;

/// Long names and attributes of an entry. Longer ones are skipped.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// In a block of a GNU sparse file's map, the byte that says whether another block follows.
const SPARSE_MORE_AT: usize = 504;

/// A reader of the entries of an archive, and of the bytes of the current entry.
pub(crate) struct Tar<R> {
    source: R,
    /// Byte that is read next.
    position: u64,
    /// Of the current entry: unread bytes, and bytes that fill its last block.
    left: u64,
    padding: u64,
    is_started: bool,
    is_ended: bool,
    /// Blocks of zeros end an archive. Another archive may follow.
    is_joined: bool,
    /// A header that was found after damage, and is not read yet.
    found: Option<Vec<u8>>,
    /// Bytes before [`position`](Tar::position) that are not an entry and are not reported yet.
    stray_bytes: u64,
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Byte of its first header.
    pub offset: u64,
    /// Its path as it is written, with U+FFFD for bytes that are not UTF-8.
    pub path: String,
    pub bytes: u64,
    /// In seconds since 1970.
    pub modified: Option<u64>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A symbolic or a hard link.
    Link,
    /// A device, a sparse file, or something unknown.
    Other,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// An entry. Its bytes are read from the archive.
    Entry(Entry),
    /// `bytes` bytes before the next entry, or before the end, that are not an entry.
    Skipped {
        offset: u64,
        bytes: u64,
    },
    /// The file does not begin as an archive. These are its first bytes.
    NoTar(Vec<u8>),
    /// Reading failed in what begins at this byte.
    Failed {
        offset: u64,
        error: io::Error,
    },
    End,
}

impl Entry {
    /// Whether its path leads out of the folder that it would be unpacked to.
    pub fn is_unsafe(&self) -> bool {
        let path = self.path.strip_prefix("./").unwrap_or(&self.path);
        path.starts_with('/') || path.split('/').any(|part| part == "..")
    }
}

/// What the headers before an entry's own header say of it.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    bytes: Option<u64>,
    modified: Option<u64>,
}

/// Whether a file that begins with `head` is a tar archive.
pub(crate) fn begins_archive(head: &[u8]) -> bool {
    head.get(..BLOCK_BYTES).is_some_and(|block| header(block).is_some())
}

impl<R: Read> Tar<R> {
    pub fn new(source: R) -> Self {
        Tar {
            source,
            position: 0,
            left: 0,
            padding: 0,
            is_started: false,
            is_ended: false,
            is_joined: false,
            found: None,
            stray_bytes: 0,
        }
    }

    /// Reads on after the blocks of zeros that end an archive. Without this it stops there, as
    /// Python's `tarfile` does.
    pub fn joined(&mut self) {
        self.is_joined = true;
    }

    /// The source, after the bytes that [`Step::NoTar`] returned.
    pub fn rest(&mut self) -> &mut R {
        &mut self.source
    }

    /// Leaves the current entry for what comes next.
    pub fn next(&mut self) -> Step {
        let offset = self.position;
        self.step().unwrap_or_else(|error| Step::Failed { offset, error })
    }

    /// Skips the unread bytes of the current entry.
    pub fn skip_entry(&mut self) -> io::Result<()> {
        let left = std::mem::take(&mut self.left);
        self.skip(left)
    }

    fn step(&mut self) -> io::Result<Step> {
        if self.is_ended {
            return Ok(Step::End);
        }
        if self.stray_bytes > 0 {
            return self.resynchronise(self.position - self.stray_bytes);
        }
        self.skip_entry()?;
        let padding = std::mem::take(&mut self.padding);
        self.skip(padding)?;
        let mut offset = self.position;
        let mut extensions = Extensions::default();
        loop {
            let block = self.block()?;
            let is_first = !std::mem::replace(&mut self.is_started, true);
            if block.is_empty() && !is_first {
                return Ok(self.end());
            }
            if block == [0; BLOCK_BYTES] {
                if !self.is_joined {
                    return Ok(self.end());
                }
                (offset, extensions) = (self.position, Extensions::default());
                continue;
            }
            let Some(header) = header(&block) else {
                self.stray_bytes = self.position - offset;
                return if is_first { Ok(Step::NoTar(block)) } else { self.resynchronise(offset) };
            };
            let kind = header.entry_type().as_byte();
            let is_extension = matches!(kind, b'L' | b'x' | b'g' | b'K');
            let bytes = match extensions.bytes.filter(|_| !is_extension) {
                Some(bytes) => Ok(bytes),
                None => header.entry_size(),
            };
            let Ok(bytes) = bytes else {
                self.stray_bytes = self.position - offset;
                return self.resynchronise(offset);
            };
            match kind {
                b'L' => extensions.path = self.extension(bytes)?.map(until_zero),
                b'x' => {
                    let attributes = self.extension(bytes)?.unwrap_or_default();
                    extensions.read(&attributes);
                }
                b'g' | b'K' => self.skip(bytes.saturating_add(padding_of(bytes)))?,
                _ => return self.entry(offset, header, bytes, extensions).map(Step::Entry),
            }
        }
    }

    fn end(&mut self) -> Step {
        self.is_ended = true;
        Step::End
    }

    fn entry(
        &mut self,
        offset: u64,
        header: &Header,
        bytes: u64,
        extensions: Extensions,
    ) -> io::Result<Entry> {
        let kind = header.entry_type();
        // The map of a sparse file may take more blocks.
        let gnu = header.as_gnu().filter(|_| kind.is_gnu_sparse());
        let mut more = gnu.is_some_and(|gnu| gnu.is_extended());
        while more {
            more = self.block()?.get(SPARSE_MORE_AT) == Some(&1);
        }
        let path = extensions.path.unwrap_or_else(|| header.path_bytes().into());
        let path = String::from_utf8_lossy(&path).into_owned();
        // Folders and links have no bytes, whatever the header says.
        let (kind, bytes) = match () {
            () if kind.is_dir() => (Kind::Folder, 0),
            () if kind.is_symlink() || kind.is_hard_link() => (Kind::Link, 0),
            // The oldest form has no type for folders.
            () if kind.is_file() && path.ends_with('/') => (Kind::Folder, bytes),
            () if kind.is_file() || kind.is_contiguous() => (Kind::File, bytes),
            () => (Kind::Other, bytes),
        };
        (self.left, self.padding) = (bytes, padding_of(bytes));
        let modified = extensions.modified.or_else(|| header.mtime().ok());
        Ok(Entry { offset, path, bytes, modified, kind })
    }

    /// The next block. It is shorter where the file ends.
    fn block(&mut self) -> io::Result<Vec<u8>> {
        let block = match self.found.take() {
            Some(block) => block,
            None => {
                let mut block = Vec::with_capacity(BLOCK_BYTES);
                (&mut self.source).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
                block
            }
        };
        self.position += block.len() as u64;
        Ok(block)
    }

    /// Skips to the next block that is a header. Blocks of zeros on the way are not counted: they
    /// end archives.
    fn resynchronise(&mut self, offset: u64) -> io::Result<Step> {
        let mut bytes = std::mem::take(&mut self.stray_bytes);
        loop {
            let block = self.block()?;
            if header(&block).is_some() {
                self.position -= BLOCK_BYTES as u64;
                self.found = Some(block);
                return Ok(Step::Skipped { offset, bytes });
            }
            if block != [0; BLOCK_BYTES] {
                bytes += block.len() as u64;
            }
            if block.len() < BLOCK_BYTES {
                self.is_ended = true;
                return Ok(Step::Skipped { offset, bytes });
            }
        }
    }

    /// What an entry says of the next one. `None` where that is longer than it may be.
    fn extension(&mut self, bytes: u64) -> io::Result<Option<Vec<u8>>> {
        if bytes > EXTENSION_BYTES_MAX {
            self.skip(bytes.saturating_add(padding_of(bytes)))?;
            return Ok(None);
        }
        let mut extension = vec![0; bytes as usize];
        self.source.read_exact(&mut extension).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => cut_short(),
            _ => error,
        })?;
        self.position += bytes;
        self.skip(padding_of(bytes))?;
        Ok(Some(extension))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.source).take(bytes), &mut io::sink())?;
        self.position += skipped;
        if skipped < bytes { Err(cut_short()) } else { Ok(()) }
    }
}

/// Reads the bytes of the current entry.
impl<R: Read> Read for Tar<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.source.read(&mut into[..most])?;
        self.left -= read as u64;
        self.position += read as u64;
        if read == 0 {
            // The reader of the entry reports it.
            self.is_ended = true;
            return Err(cut_short());
        }
        Ok(read)
    }
}

impl Extensions {
    /// Reads attributes as POSIX.1-2001 writes them.
    fn read(&mut self, attributes: &[u8]) {
        for attribute in PaxExtensions::new(attributes).flatten() {
            let number = || attribute.value().ok()?.split('.').next()?.parse().ok();
            match attribute.key_bytes() {
                b"path" => self.path = Some(attribute.value_bytes().to_vec()),
                b"size" => self.bytes = number(),
                b"mtime" => self.modified = number(),
                _ => {}
            }
        }
    }
}

/// Returns the block as a header if its checksum is right.
fn header(block: &[u8]) -> Option<&Header> {
    let bytes: &[u8; BLOCK_BYTES] = block.try_into().ok()?;
    let header = Header::from_byte_slice(bytes);
    // The checksum's own bytes count as blanks (POSIX.1-2017, pax, "ustar Header Block").
    let sum = |range: &[u8]| range.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
    header.cksum().is_ok_and(|stored| stored == expected).then_some(header)
}

/// The bytes from the end of an entry to the end of its last block.
fn padding_of(bytes: u64) -> u64 {
    bytes.wrapping_neg() % BLOCK_BYTES as u64
}

fn until_zero(mut name: Vec<u8>) -> Vec<u8> {
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    name
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within an entry")
}
