//! The layers of a file: how it is compressed, once or several times, and how its text is encoded.
//!
//! The innermost compression that has members (gzip, zstd, LZ4, bzip2) is left to the reader, which
//! can resume after a damaged member. Layers around it, xz, brotli, and UTF-16 or UTF-32 text are
//! removed here: damage in one of them ends the file.

use super::unicode::{Encoding, Unicode};
use super::{Codec, Inflated, Stored};
use crate::access;
use crate::failure;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Layers of compression that are unwrapped. No tool writes more than two. More are a trap.
const LAYERS_MAX: usize = 4;

/// How much of a member is needed to detect its content: a block of bzip2 is read as a whole.
const LOOK_BYTES: usize = 2 << 20;

/// How much of the text is examined.
const HEAD_BYTES: usize = 64 << 10;

/// Skippable frames before the first frame are skipped up to this size to detect the file's form.
const SKIPPABLE_BYTES_MAX: usize = 8 << 20;

/// Memory of an xz decoder. `xz -9` needs 65 MiB.
const XZ_KIB_MAX: u32 = 1 << 20;

const BROTLI_BUFFER_BYTES: usize = 64 << 10;

/// An open file without its outer layers, and the compression of its members.
pub(crate) struct Begun {
    pub stored: Stored,
    pub codec: Codec,
}

/// Opens a source. Brotli has no magic bytes, so it is detected by the ending `.br`.
pub(crate) fn begin(path: &Path) -> io::Result<Begun> {
    Ok(of_source(path, access::stream(path)?))
}

/// Opens a path that may be a pipe, as [`begin`] does.
pub(crate) fn begin_stream(path: &Path) -> io::Result<Begun> {
    Ok(of_source(path, access::stream_or_pipe(path)?))
}

fn of_source(path: &Path, source: Box<dyn Read + Send>) -> Begun {
    let is_brotli = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("br"));
    peel(Stored::new(source), is_brotli)
}

/// Unwraps bytes that are open already, as [`begin`] does.
pub(crate) fn begin_from(source: Box<dyn Read + Send>) -> Begun {
    peel(Stored::new(source), false)
}

/// Opens bytes from the middle of a file, without looking for layers: that would read far more than a
/// record.
pub(crate) fn begin_within(source: Box<dyn Read + Send>) -> Begun {
    let mut stored = Stored::new(source);
    Begun { codec: of_stored(&mut stored), stored }
}

fn peel(mut stored: Stored, is_brotli: bool) -> Begun {
    if is_brotli {
        let below = stored.counter();
        let inflated = brotli::Decompressor::new(stored, BROTLI_BUFFER_BYTES);
        stored = Stored::over(Box::new(Named { inner: inflated, codec: "brotli" }), below);
    }
    for _ in 0..LAYERS_MAX {
        let codec = of_stored(&mut stored);
        if codec == Codec::Xz {
            let below = stored.counter();
            let inflated = lzma_rust2::XzReader::new_mem_limit(stored, true, XZ_KIB_MAX);
            stored = Stored::over(Box::new(Named { inner: inflated, codec: "xz" }), below);
            continue;
        }
        let inner = head(codec, &mut stored);
        let is_layered = codec != Codec::Plain && Codec::of(&inner) != Codec::Plain;
        let encoding = if is_layered { None } else { Encoding::of(&inner) };
        if !is_layered && encoding.is_none() {
            return Begun { stored, codec };
        }
        let below = stored.counter();
        let inflated: Box<dyn Read + Send> = match codec {
            Codec::Plain => Box::new(stored),
            codec => Box::new(Inflated::new(stored, codec)),
        };
        let inflated = match encoding {
            Some(encoding) => Box::new(Unicode::new(BufReader::new(inflated), encoding)),
            None => inflated,
        };
        stored = Stored::over(inflated, below);
    }
    Begun { codec: of_stored(&mut stored), stored }
}

/// Returns the compression of a file, by its first frame that is not skippable.
fn of_stored(stored: &mut Stored) -> Codec {
    let mut skipped = 0;
    loop {
        let bytes = stored.peek(skipped + Codec::MAGIC_BYTES_MAX);
        let rest = bytes.get(skipped..).unwrap_or_default();
        match Codec::skippable_bytes(rest) {
            Some(bytes) if skipped + (bytes as usize) < SKIPPABLE_BYTES_MAX => {
                skipped += bytes as usize;
            }
            _ if skipped == 0 => return Codec::of(rest),
            // A file of skippable frames only is an empty zstd file.
            _ if rest.is_empty() => return Codec::Zstd,
            _ => {
                let codec = Codec::of(rest);
                let has_skippable = matches!(codec, Codec::Zstd | Codec::Lz4);
                return if has_skippable { codec } else { Codec::Plain };
            }
        }
    }
}

/// Returns the beginning of a file's content, without consuming it.
pub(crate) fn head(codec: Codec, stored: &mut Stored) -> Vec<u8> {
    if codec == Codec::Plain {
        let bytes = stored.peek(HEAD_BYTES);
        return bytes[..bytes.len().min(HEAD_BYTES)].to_vec();
    }
    let bytes = stored.peek(LOOK_BYTES);
    let copy = bytes[..bytes.len().min(LOOK_BYTES)].to_vec();
    let members = Stored::new(Box::new(io::Cursor::new(copy)));
    let mut head = Vec::new();
    // The copy may end within a member: an error, after the bytes before it.
    let _ = Inflated::new(members, codec).take(HEAD_BYTES as u64).read_to_end(&mut head);
    head
}

/// A decoder whose errors say which compression is damaged.
struct Named<R> {
    inner: R,
    codec: &'static str,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let codec = self.codec;
        self.inner.read(into).map_err(|error| {
            if failure::of_device(&error).is_some() {
                return error;
            }
            let what = match error.kind() {
                io::ErrorKind::OutOfMemory => format!(
                    "this {codec} file needs more than {} MiB of memory: unpack it first",
                    XZ_KIB_MAX >> 10
                ),
                io::ErrorKind::UnexpectedEof => {
                    format!("the file ends within its {codec} data: it was cut short, fetch it again")
                }
                io::ErrorKind::Unsupported => {
                    format!("this {codec} file uses a filter that is not read ({error}): unpack it first")
                }
                _ => format!("corrupt {codec} data ({error}): fetch the file again"),
            };
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}
