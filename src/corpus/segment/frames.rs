//! The frames of a segment. Each can be copied without being read.

use crate::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};
use zstd::zstd_safe::{
    DCtx, ResetDirective, find_frame_compressed_size, get_error_name, get_frame_content_size,
};

/// Bytes that are read at a time.
const READ_BYTES: usize = 1 << 20;

/// A frame as it is stored.
pub(crate) struct Frame {
    /// Where it begins in the file.
    pub start: u64,
    pub bytes: Vec<u8>,
}

/// Reads the frames of a segment.
pub(crate) struct Frames {
    path: PathBuf,
    file: File,
    /// Bytes of the file from `start` on.
    read: Vec<u8>,
    start: u64,
    decoder: DCtx<'static>,
}

impl Frames {
    pub fn open(path: &Path) -> Result<Frames, Error> {
        let file = File::open(path).map_err(Error::unopened(path))?;
        let decoder = DCtx::create();
        Ok(Frames { path: path.to_owned(), file, read: Vec::new(), start: 0, decoder })
    }

    /// Returns the next frame; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Ok(size @ 1..) = find_frame_compressed_size(&self.read) {
                let rest = self.read.split_off(size);
                let bytes = std::mem::replace(&mut self.read, rest);
                let start = self.start;
                self.start += bytes.len() as u64;
                return Ok(Some(Frame { start, bytes }));
            }
            let mut more = (&mut self.file).take(READ_BYTES as u64);
            let read = more.read_to_end(&mut self.read).map_err(Error::io(&self.path))?;
            match (read, self.read.len()) {
                (0, 0) => return Ok(None),
                (0, _) => return Err(self.damaged(self.start, "no frame begins here")),
                _ => {}
            }
        }
    }

    /// Returns the first line of a frame, and decompresses little more.
    pub fn first_line(&mut self, frame: &Frame) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        let reset = self.decoder.reset(ResetDirective::SessionOnly);
        let read = reset.map_err(|_| std::io::ErrorKind::Other.into()).and_then(|_| {
            let decoder =
                zstd::stream::read::Decoder::with_context(&frame.bytes[..], &mut self.decoder);
            BufReader::with_capacity(1 << 14, decoder).read_until(b'\n', &mut line)
        });
        read.map(|_| line).map_err(|error| self.damaged(frame.start, &error.to_string()))
    }

    /// Returns the lines of a frame.
    pub fn lines(&mut self, frame: &Frame) -> Result<Vec<u8>, Error> {
        let size = get_frame_content_size(&frame.bytes).ok().flatten();
        let lines = match size.and_then(|size| usize::try_from(size).ok()) {
            Some(size) => {
                let mut lines = Vec::with_capacity(size);
                let done = self.decoder.decompress(&mut lines, &frame.bytes);
                done.map(|_| lines).map_err(|code| get_error_name(code).to_owned())
            }
            None => zstd::decode_all(&frame.bytes[..]).map_err(|error| error.to_string()),
        };
        lines.map_err(|what| self.damaged(frame.start, &what))
    }

    /// Passes the bytes of a segment up to a frame to `into`.
    pub fn copy(
        path: &Path,
        end: u64,
        into: impl FnOnce(&mut Take<File>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        into(&mut File::open(path).map_err(Error::unopened(path))?.take(end))
    }

    fn damaged(&self, start: u64, what: &str) -> Error {
        Error::corrupt(&self.path, format!("the frame at byte {start}: {what}"))
    }
}
