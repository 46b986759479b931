//! Decompression by content.
//!
//! A stored file is a sequence of *members*: gzip members (RFC 1952), zstd frames (RFC 8878), LZ4
//! frames, bzip2 streams, or, uncompressed, the whole file as the only one. `Members` inflates them
//! one after another in bounded memory, and finds the next valid one after a damaged one.
//!
//! Files compressed more than once, by xz or by brotli, and text in UTF-16 or UTF-32 are unwrapped
//! before that, by `layers`.

mod bzip2;
mod codec;
mod decoder;
mod layers;
mod members;
mod pieces;
mod stored;
mod unicode;

use crate::failure;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

pub(crate) use codec::Codec;
pub(crate) use layers::{Begun, begin, begin_from, begin_stream, begin_within, head};
pub(crate) use members::{Cause, Fault, Members, Next};
pub(crate) use pieces::{Piece, Pieces};
pub(crate) use stored::Stored;

/// Opens a file and inflates it by its magic bytes: gzip, zstd, LZ4 and bzip2 of one member or many,
/// xz, or plain. Brotli is detected by the ending `.br`. Up to four layers are unwrapped, and text in
/// UTF-16 or UTF-32 with a byte order mark becomes UTF-8. Other content stays as it is.
///
/// Unlike [`WarcReader`](crate::WarcReader) it tolerates no damage: a member that is cut short or
/// corrupt, or bytes between members, end in an error. (An LZ4 frame cut between two blocks cannot
/// be distinguished from a whole one.) Zeros after the last member are padding.
///
/// # Errors
/// When the file cannot be opened. Damage is an error in reading.
///
/// ```
/// use std::io::Read;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("text.zst");
/// std::fs::write(&path, zstd::encode_all(&b"to be"[..], 1)?)?;
/// let mut text = String::new();
/// formats::open(&path)?.read_to_string(&mut text)?;
/// assert_eq!(text, "to be");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    Ok(inflated(begin(path)?))
}

/// Inflates bytes that are open already, as [`open`] does.
pub(crate) fn inflate(source: Box<dyn Read + Send>) -> Box<dyn BufRead + Send> {
    inflated(begin_from(source))
}

fn inflated(Begun { stored, codec }: Begun) -> Box<dyn BufRead + Send> {
    if codec == Codec::Plain {
        return Box::new(stored);
    }
    Box::new(BufReader::with_capacity(64 << 10, Inflated::new(stored, codec)))
}

/// Reads the members' bytes, joined, up to the first fault.
pub(crate) struct Inflated {
    members: Members,
    ended: bool,
}

impl Inflated {
    pub(crate) fn new(stored: Stored, codec: Codec) -> Self {
        Inflated { members: Members::new(stored, codec), ended: false }
    }
}

impl Read for Inflated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let bytes = self.members.fill(1);
            if !bytes.is_empty() {
                let n = bytes.len().min(into.len());
                into[..n].copy_from_slice(&bytes[..n]);
                self.members.consume(n);
                return Ok(n);
            }
            if let Some(fault) = self.members.take_fault() {
                self.ended = true;
                let what = fault.to_string();
                return Err(match fault.cause {
                    Cause::Cut => io::Error::new(io::ErrorKind::UnexpectedEof, what),
                    Cause::Corrupt => io::Error::new(io::ErrorKind::InvalidData, what),
                    Cause::Device(kind) => failure::device_error(kind, what),
                });
            }
            match self.members.advance() {
                Next::Member { skipped: 0 } => {}
                Next::End { skipped: 0 } => self.ended = true,
                Next::Member { skipped } | Next::End { skipped } => {
                    self.ended = true;
                    let what = format!(
                        "byte {}: {skipped} bytes that are not a {} member",
                        self.members.offset(),
                        self.members.codec()
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests;
