//! A tar archive as a stream, from damaged files too.
//!
//! The fields of a header are the crate `tar`'s to read. The walk is ours: it knows the byte that an
//! entry begins at, holds no more of an entry than is asked for, and finds the next header behind
//! damage.

use ::tar::{Header, PaxExtensions};
use std::io::{self, Read};

const BLOCK_BYTES: usize = 512;

/// Long names and attributes of an entry; longer ones are passed by.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// An archive under way.
pub(super) struct Tar<R> {
    source: R,
    /// Byte that is read next.
    position: u64,
    /// Of the entry that was given last: bytes not read, and bytes that fill up its last block.
    left: u64,
    padding: u64,
    started: bool,
    /// A header that was found behind damage, and not read yet.
    found: Option<Vec<u8>>,
    /// The file ended within an entry, and whoever read that was told.
    was_cut: bool,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// Byte of its first header.
    pub offset: u64,
    /// Its path as it is written, with replacements for what is not UTF-8.
    pub path: String,
    /// In seconds since 1970.
    pub modified: Option<u64>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A device, a sparse file, or something unheard of.
    Other,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// An entry; its bytes are read from the archive.
    Entry(Entry),
    /// So many bytes were skipped that are no entry, up to the next one or the end.
    Skipped { offset: u64, bytes: u64 },
    /// The file is no archive at all; these are its first bytes.
    NoTar(Vec<u8>),
    /// Reading failed in what begins at this byte.
    Failed { offset: u64, error: io::Error },
    /// There are no more.
    End,
}

impl Entry {
    /// Whether its path would lead out of the folder that it were unpacked to.
    pub fn is_unsafe(&self) -> bool {
        self.path.starts_with('/') || self.path.split('/').any(|part| part == "..")
    }
}

/// What headers before an entry's own say of it.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<u64>,
}

impl<R: Read> Tar<R> {
    pub fn new(source: R) -> Self {
        Tar {
            source,
            position: 0,
            left: 0,
            padding: 0,
            started: false,
            found: None,
            was_cut: false,
        }
    }

    /// What is behind the bytes that [`Step::NoTar`] gave.
    pub fn rest(&mut self) -> &mut R {
        &mut self.source
    }

    /// Leaves the entry before for what comes next.
    pub fn next(&mut self) -> Step {
        let offset = self.position;
        self.step().unwrap_or_else(|error| Step::Failed { offset, error })
    }

    fn step(&mut self) -> io::Result<Step> {
        if self.was_cut {
            return Ok(Step::End);
        }
        self.skip(self.left.saturating_add(self.padding))?;
        (self.left, self.padding) = (0, 0);
        let offset = self.position;
        let mut extensions = Extensions::default();
        loop {
            let block = self.block()?;
            let is_first = !std::mem::replace(&mut self.started, true);
            // An archive ends with blocks of zeros, or at the end of the file.
            let is_end = if block.is_empty() { !is_first } else { block == [0; BLOCK_BYTES] };
            if is_end {
                return Ok(Step::End);
            }
            let Some(header) = header(&block) else {
                return if is_first { Ok(Step::NoTar(block)) } else { self.resynchronise(offset) };
            };
            let size = extensions.size.take().map_or_else(|| header.entry_size(), Ok);
            let Ok(size) = size else { return self.resynchronise(offset) };
            match header.entry_type().as_byte() {
                b'L' => extensions.path = self.extension(size)?.map(until_zero),
                b'x' => {
                    let attributes = self.extension(size)?.unwrap_or_default();
                    extensions.read(&attributes);
                }
                b'g' | b'K' => drop(self.extension(size)?),
                _ => return self.entry(offset, header, size, extensions).map(Step::Entry),
            }
        }
    }

    fn entry(
        &mut self,
        offset: u64,
        header: &Header,
        size: u64,
        extensions: Extensions,
    ) -> io::Result<Entry> {
        let kind = header.entry_type();
        // The map of a sparse file goes on in blocks of its own, whose byte 504 says whether there
        // is another.
        let gnu = header.as_gnu().filter(|_| kind.is_gnu_sparse());
        let mut more = gnu.is_some_and(|gnu| gnu.is_extended());
        while more {
            more = self.block()?.get(504) == Some(&1);
        }
        let path = extensions.path.unwrap_or_else(|| header.path_bytes().into());
        let path = String::from_utf8_lossy(&path).into_owned();
        let kind = match () {
            () if kind.is_dir() || path.ends_with('/') => Kind::Folder,
            () if kind.is_symlink() || kind.is_hard_link() => Kind::Link,
            () if kind.is_file() || kind.is_contiguous() => Kind::File,
            () => Kind::Other,
        };
        // Folders and links have no bytes, whatever they say.
        let size = if matches!(kind, Kind::File | Kind::Other) { size } else { 0 };
        (self.left, self.padding) = (size, padding(size));
        let modified = extensions.modified.or_else(|| header.mtime().ok());
        Ok(Entry { offset, path, modified, kind })
    }

    /// The next block; shorter where the file ends.
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

    /// Skips to the next block that is a header, from behind one that should be.
    fn resynchronise(&mut self, offset: u64) -> io::Result<Step> {
        loop {
            let block = self.block()?;
            let is_end = block.len() < BLOCK_BYTES;
            if is_end || header(&block).is_some() {
                let taken = if is_end { 0 } else { BLOCK_BYTES as u64 };
                self.position -= taken;
                self.found = Some(block).filter(|_| !is_end);
                return Ok(Step::Skipped { offset, bytes: self.position - offset });
            }
        }
    }

    /// What an entry says of the next one; `None` where that is longer than it may be.
    fn extension(&mut self, size: u64) -> io::Result<Option<Vec<u8>>> {
        if size > EXTENSION_BYTES_MAX {
            self.skip(size.saturating_add(padding(size)))?;
            return Ok(None);
        }
        let mut bytes = vec![0; size as usize];
        self.source.read_exact(&mut bytes)?;
        self.position += size;
        self.skip(padding(size))?;
        Ok(Some(bytes))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.source).take(bytes), &mut io::sink())?;
        self.position += skipped;
        if skipped < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// The bytes of the entry that was given last.
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
            self.was_cut = true;
            return Err(io::ErrorKind::UnexpectedEof.into());
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
                b"size" => self.size = number(),
                b"mtime" => self.modified = number(),
                _ => {}
            }
        }
    }
}

/// The header that a block is, if its checksum is right.
fn header(block: &[u8]) -> Option<&Header> {
    let bytes: &[u8; BLOCK_BYTES] = block.try_into().ok()?;
    let header = Header::from_byte_slice(bytes);
    // Bytes 148 to 155 are the checksum, and count as blanks.
    let sum = |range: &[u8]| range.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
    header.cksum().is_ok_and(|stored| stored == expected).then_some(header)
}

/// What fills up the last block of so many bytes.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK_BYTES as u64
}

fn until_zero(mut name: Vec<u8>) -> Vec<u8> {
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    name
}
