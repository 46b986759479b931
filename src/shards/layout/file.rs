//! Files of a shard, and what must be kept until the shard is complete.

use super::Written;
use crate::Error;
use corpus::export::{Destination, ExportFile};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

const BUFFER_BYTES: usize = 256 << 10;

/// A file that is being written.
pub(super) struct Output {
    name: String,
    path: PathBuf,
    file: BufWriter<ExportFile>,
}

impl Output {
    pub fn create(out: &dyn Destination, name: &str) -> Result<Output, Error> {
        let file = ExportFile::create(out, name)?;
        let path = file.path().to_owned();
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Output { name: name.to_owned(), path, file })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))
    }

    /// The error of a failed write.
    pub fn wrong(&self) -> impl FnOnce(io::Error) -> Error + '_ {
        Error::io(&self.path)
    }

    /// Gives the file its name. `tokens` are those in it, or that it is about.
    pub fn publish(self, tokens: u64) -> Result<Written, Error> {
        let Output { name, path, file } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        let (bytes, sha256) = file.map_err(Error::io(&path))?.publish()?;
        Ok(Written { name, bytes, sha256, tokens, cut: None })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes in a temporary file: an index is known only when its last document is.
pub(super) struct Spool {
    file: BufWriter<File>,
}

impl Spool {
    pub fn new() -> Result<Spool, Error> {
        let file = tempfile::tempfile().map_err(Error::Temporary)?;
        Ok(Spool { file: BufWriter::with_capacity(BUFFER_BYTES, file) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::Temporary)
    }

    /// Ends writing.
    pub fn finish(self) -> Result<Spooled, Error> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        Ok(Spooled { file: file.map_err(Error::Temporary)? })
    }
}

/// What a [`Spool`] has.
pub(super) struct Spooled {
    file: File,
}

impl Spooled {
    /// Reads everything from the beginning.
    pub fn read(&mut self) -> Result<impl Read + '_, Error> {
        self.file.rewind().map_err(Error::Temporary)?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, &self.file))
    }

    /// Calls `each` with each of the numbers that were written, `u32` in the order of this machine.
    pub fn numbers(&mut self, mut each: impl FnMut(u32) -> Result<(), Error>) -> Result<(), Error> {
        let mut input = self.read()?;
        let mut bytes = [0; 4];
        loop {
            match input.read_exact(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                read => read.map_err(Error::Temporary)?,
            }
            each(u32::from_ne_bytes(bytes))?;
        }
    }
}
