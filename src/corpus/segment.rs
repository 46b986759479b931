//! Segments: the documents, one JSON object a line, `{"text": ..., "meta": {...}}`, as zstd.
//!
//! RedPajama's form, readable with common tools: `zstdcat data/*/*/*.jsonl.zst`.

mod frames;

pub(crate) use frames::{Frame, Frames};

use crate::error::Error;
use crate::manifest::File as PartFile;
use document::{DocRef, Document};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Compression level: 493 MB/s per core at 1 against 339 at 3, for about a tenth more bytes.
const LEVEL: i32 = 1;

/// Writes bytes to a new file, counting and checksumming them.
pub(crate) struct Summed {
    path: PathBuf,
    file: BufWriter<durable::File>,
    pub bytes: u64,
    pub crc32c: u32,
}

impl Summed {
    pub fn create(path: &Path) -> Result<Summed, Error> {
        let file = durable::File::create_new(path).map_err(Error::io(path))?;
        let file = BufWriter::with_capacity(1 << 18, file.written_back());
        Ok(Summed { path: path.to_owned(), file, bytes: 0, crc32c: 0 })
    }

    /// Makes the file durable.
    pub fn finish(self) -> Result<(u64, u32), Error> {
        let Summed { path, file, bytes, crc32c } = self;
        file.into_inner()
            .map_err(|error| error.into_error())
            .and_then(|mut file| file.sync_all())
            .map_err(Error::io(&path))?;
        Ok((bytes, crc32c))
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes of text compressed at a time, each as its own frame. This is faster than a stream of lines.
const FRAME_BYTES: usize = 1 << 20;

/// Writes one segment.
pub(crate) struct SegmentWriter {
    path: PathBuf,
    file: Summed,
    compressor: zstd::bulk::Compressor<'static>,
    lines: Vec<u8>,
    /// Scratch space for pieces of a text.
    piece: Vec<u8>,
    frame: Vec<u8>,
    frame_bytes: usize,
    first: Option<DocRef>,
    last: DocRef,
    records: u64,
}

impl SegmentWriter {
    pub fn create(path: &Path) -> Result<SegmentWriter, Error> {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL).map_err(Error::io(path))?;
        compressor.include_checksum(true).map_err(Error::io(path))?;
        Ok(SegmentWriter {
            path: path.to_owned(),
            file: Summed::create(path)?,
            compressor,
            lines: Vec::new(),
            piece: Vec::new(),
            frame: Vec::new(),
            frame_bytes: FRAME_BYTES,
            first: None,
            last: DocRef(0),
            records: 0,
        })
    }

    /// Adds a document. Documents must be in the order of their refs.
    pub fn push(&mut self, document: &Document, id: &str) -> Result<(), Error> {
        push_line(document, id, &mut self.lines, &mut self.piece);
        self.end_line(document.at)
    }

    /// Adds the line of a document, with its newline, from another segment.
    pub fn push_line(&mut self, at: DocRef, line: &[u8]) -> Result<(), Error> {
        self.lines.extend_from_slice(line);
        self.end_line(at)
    }

    /// Adds whole lines of another segment. The file that [`SegmentWriter::finish`] returns lacks their documents.
    pub fn push_lines(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.lines.extend_from_slice(lines);
        if self.lines.len() >= self.frame_bytes { self.flush_frame() } else { Ok(()) }
    }

    /// Adds a whole frame of another segment as it is. The file that [`SegmentWriter::finish`] returns lacks its documents.
    pub fn push_frame(&mut self, frame: &Frame) -> Result<(), Error> {
        self.flush_frame()?;
        self.file.write_all(&frame.bytes).map_err(Error::io(&self.path))
    }

    /// Adds whole frames of another segment as they are. Their first document is `first`, and `last` is
    /// one of them.
    pub fn push_frames(
        &mut self,
        frames: &mut impl Read,
        first: DocRef,
        last: DocRef,
    ) -> Result<(), Error> {
        assert!(self.first.is_none() || self.last < first, "documents come in order");
        self.flush_frame()?;
        io::copy(frames, &mut self.file).map_err(Error::io(&self.path))?;
        self.first.get_or_insert(first);
        self.last = last;
        Ok(())
    }

    /// Whether the lines that wait for their frame are too few for one of their own.
    pub fn wants_more(&self) -> bool {
        (1..FRAME_BYTES / 2).contains(&self.lines.len())
    }

    /// Lets the next frame be twice as long as others, up to [`SegmentWriter::end_frame`]: it takes a
    /// whole frame of another segment, so that the frames after that one can be copied.
    pub fn lengthen_frame(&mut self) {
        self.frame_bytes = 2 * FRAME_BYTES;
    }

    /// Ends the frame, unless its lines are too few.
    pub fn end_frame(&mut self) -> Result<(), Error> {
        self.frame_bytes = FRAME_BYTES;
        if self.wants_more() { Ok(()) } else { self.flush_frame() }
    }

    fn end_line(&mut self, at: DocRef) -> Result<(), Error> {
        assert!(self.first.is_none() || self.last < at, "documents come in order");
        self.first.get_or_insert(at);
        self.last = at;
        self.records += 1;
        if self.lines.len() >= self.frame_bytes { self.flush_frame() } else { Ok(()) }
    }

    fn flush_frame(&mut self) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.frame.clear();
        self.frame.reserve(zstd::zstd_safe::compress_bound(self.lines.len()));
        self.compressor
            .compress_to_buffer(&self.lines, &mut self.frame)
            .and_then(|_| self.file.write_all(&self.frame))
            .map_err(Error::io(&self.path))?;
        self.lines.clear();
        Ok(())
    }

    /// Makes the file durable; `name` is its path in the corpus.
    pub fn finish(mut self, name: String) -> Result<PartFile, Error> {
        self.flush_frame()?;
        let (bytes, crc32c) = self.file.finish()?;
        let (first, last) = (self.first.unwrap_or_default(), self.last);
        Ok(PartFile { path: name, first, last, records: self.records, bytes, crc32c })
    }
}

/// Returns the line of a document, with its newline.
pub(crate) fn line(document: &Document, id: &str) -> Vec<u8> {
    let mut line = Vec::new();
    push_line(document, id, &mut line, &mut Vec::new());
    line
}

/// Text that is escaped at a time: six times as much space is needed for it.
const PIECE_BYTES: usize = 64 << 10;

/// Appends the published form of a document, with its newline: the bytes that serde_json writes, but the
/// text, which is most of it, is escaped several times as fast. `piece` is scratch space.
fn push_line(document: &Document, id: &str, line: &mut Vec<u8>, piece: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"text\":\"");
    let mut rest = &document.text[..];
    while !rest.is_empty() {
        let (first, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        piece.clear();
        json_escape_simd::escape_into(first, piece);
        // Without its quotation marks.
        line.extend_from_slice(&piece[1..piece.len() - 1]);
        rest = after;
    }
    line.extend_from_slice(b"\",\"meta\":");
    let meta = document.meta.json_with("id", id);
    serde_json::to_writer(&mut *line, &meta).expect("plain data");
    line.extend_from_slice(b"}\n");
}

/// Reads the lines of a segment, with their newlines.
pub(crate) struct SegmentReader {
    path: PathBuf,
    lines: BufReader<zstd::Decoder<'static, BufReader<File>>>,
}

impl SegmentReader {
    pub fn open(path: &Path) -> Result<SegmentReader, Error> {
        let file = File::open(path).map_err(Error::unopened(path))?;
        let decoder = zstd::Decoder::new(file).map_err(Error::io(path))?;
        Ok(SegmentReader {
            path: path.to_owned(),
            lines: BufReader::with_capacity(1 << 17, decoder),
        })
    }

    /// Reads the next line into `line`. Returns false at the end.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> Result<bool, Error> {
        line.clear();
        let read = self.lines.read_until(b'\n', line).map_err(Error::io(&self.path))?;
        Ok(read > 0)
    }
}

/// Returns how the line of a document ends: the identifier is its last field.
pub(crate) fn line_end(id: &str) -> Vec<u8> {
    let id = serde_json::to_string(id).expect("a string can be written");
    format!("\"id\":{id}}}}}\n").into_bytes()
}

/// Fails if a file is not as the manifest says.
pub(crate) fn check_whole(path: &Path, file: &PartFile) -> Result<(), Error> {
    let (bytes, crc32c) = checksum(path)?;
    if (bytes, crc32c) != (file.bytes, file.crc32c) {
        let what = format!(
            "{} bytes with checksum {:08x} expected, {bytes} with {crc32c:08x} found",
            file.bytes, file.crc32c
        );
        return Err(Error::corrupt(path, what));
    }
    Ok(())
}

/// Computes the size and checksum of a file.
fn checksum(path: &Path) -> Result<(u64, u32), Error> {
    let mut file = File::open(path).map_err(Error::unopened(path))?;
    let mut buffer = vec![0; 1 << 18];
    let (mut bytes, mut crc) = (0, 0);
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(path))?;
        if read == 0 {
            return Ok((bytes, crc));
        }
        bytes += read as u64;
        crc = crc32c::crc32c_append(crc, &buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Record<'a, M: Serialize> {
        text: &'a str,
        meta: M,
    }

    fn assert_as_serde_writes(text: String) {
        let document = Document { text, ..Document::default() };
        let meta = document.meta.json_with("id", "a/b\"c#1");
        let mut expected = serde_json::to_vec(&Record { text: &document.text, meta }).unwrap();
        expected.push(b'\n');
        assert!(line(&document, "a/b\"c#1") == expected, "{:?}", document.text);
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn a_line_is_what_serde_json_writes(text in "(?s)[\\x00-\\x7fé\u{2028}€\u{1f600}]{0,200}", times in 1usize..4) {
            assert_as_serde_writes(text.repeat(times));
            // Over several pieces, which end anywhere.
            assert_as_serde_writes(text.repeat(4 * PIECE_BYTES / text.len().max(1) / times));
        }
    }

    #[test]
    fn every_character_that_is_escaped_is_escaped_as_by_serde_json() {
        assert_as_serde_writes(String::new());
        assert_as_serde_writes((0..0x3000).filter_map(char::from_u32).collect());
        let end = PIECE_BYTES - 1;
        for middle in ["é", "\u{1f600}", "\"", "\n"] {
            assert_as_serde_writes("a".repeat(end) + middle + &"b".repeat(end) + middle);
        }
    }
}
