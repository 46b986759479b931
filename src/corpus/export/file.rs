//! A file of an export, whose digest and size are computed as it is written.

use super::destination::{Destination, NewFile};
use crate::Error;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is being written. It gets its name when it is whole.
pub struct ExportFile {
    path: PathBuf,
    file: Box<dyn NewFile>,
    sha256: Sha256,
    bytes: u64,
}

impl ExportFile {
    /// Begins the file `name`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(out: &dyn Destination, name: &str) -> Result<ExportFile, Error> {
        let path = out.path(name);
        let file = out.create(name).map_err(Error::io(&path))?;
        Ok(ExportFile { path, file, sha256: Sha256::new(), bytes: 0 })
    }

    /// Returns its path or address.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name. Returns its size and SHA-256.
    ///
    /// # Errors
    /// If its last bytes cannot be written.
    pub fn publish(self) -> Result<(u64, String), Error> {
        let ExportFile { path, file, sha256, bytes } = self;
        file.publish().map_err(Error::io(&path))?;
        Ok((bytes, HEXLOWER.encode(&sha256.finalize())))
    }
}

impl Write for ExportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
