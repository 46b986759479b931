//! The bytes of a source: of a regular file, or of a file at an address.
//!
//! Readers open sources here, and do not know where these are. What reads addresses is installed by
//! the program ([`install`]).

use crate::regular;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Reads files at addresses.
///
/// An error of the network must have a kind that decoders do not report for damaged content, such as
/// `TimedOut`: it ends the run.
pub trait Addresses: Send + Sync {
    /// Whether a path is an address.
    fn is_address(&self, path: &str) -> bool;

    /// Opens a file to read it in order.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn stream(&self, address: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Opens a file to read it at any place.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn read_at(&self, address: &str) -> io::Result<Arc<dyn ReadAt>>;

    /// Returns the size of a file.
    ///
    /// # Errors
    /// When it is not known and cannot be asked for.
    fn bytes(&self, address: &str) -> io::Result<u64>;
}

/// A file that is read at any place.
pub trait ReadAt: Send + Sync {
    /// Returns its size.
    fn bytes(&self) -> u64;

    /// Reads bytes from `offset` on: at least one, unless `into` is empty or the file ends there.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
}

static ADDRESSES: OnceLock<Box<dyn Addresses>> = OnceLock::new();

/// Has addresses read by `addresses`, from now on in this process. Without a call, an address is a
/// path of a file. Only the first call counts.
pub fn install(addresses: Box<dyn Addresses>) {
    let _ = ADDRESSES.set(addresses);
}

/// Returns what reads a path, and the path, if it is an address.
fn remote(path: &Path) -> Option<(&'static dyn Addresses, &str)> {
    let (addresses, path) = (&**ADDRESSES.get()?, path.to_str()?);
    addresses.is_address(path).then_some((addresses, path))
}

/// Whether a path is an address, and not of a file or a folder.
pub fn is_address(path: &Path) -> bool {
    remote(path).is_some()
}

/// Returns the size of a source that is not a folder.
///
/// # Errors
/// When it does not exist, or its server cannot be asked.
pub fn bytes(path: &Path) -> io::Result<u64> {
    match remote(path) {
        Some((addresses, address)) => addresses.bytes(address),
        None => Ok(std::fs::metadata(path)?.len()),
    }
}

/// Opens a source to read it in order.
pub(crate) fn stream(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    match remote(path) {
        Some((addresses, address)) => addresses.stream(address),
        None => Ok(Box::new(regular::open(path)?)),
    }
}

/// Opens a source, or a pipe that a user names, to read it in order.
pub(crate) fn stream_or_pipe(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    match remote(path) {
        Some(_) => stream(path),
        None => Ok(Box::new(File::open(path)?)),
    }
}

/// Opens a source to read it at any place.
pub(crate) fn random(path: &Path) -> io::Result<Random> {
    if let Some((addresses, address)) = remote(path) {
        return Ok(Random { file: addresses.read_at(address)?, at: 0 });
    }
    let file = regular::open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Random { file: Arc::new(Local { file, bytes }), at: 0 })
}

struct Local {
    file: File,
    bytes: u64,
}

impl ReadAt for Local {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }
}

/// A source that is read at any place. A clone has a position of its own.
#[derive(Clone)]
pub(crate) struct Random {
    file: Arc<dyn ReadAt>,
    at: u64,
}

impl Random {
    pub(crate) fn size(&self) -> u64 {
        self.file.bytes()
    }

    pub(crate) fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    /// Returns the same file, at another position.
    pub(crate) fn starting_at(&self, at: u64) -> Random {
        Random { at, ..self.clone() }
    }
}

#[cfg(test)]
impl From<File> for Random {
    fn from(file: File) -> Random {
        let bytes = file.metadata().expect("an open file").len();
        Random { file: Arc::new(Local { file, bytes }), at: 0 }
    }
}

impl Read for Random {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Random {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        // As for a file: damaged directories point to places where no file has bytes.
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        self.at = at.filter(|at| i64::try_from(*at).is_ok()).ok_or_else(invalid)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_position_is_moved_as_in_a_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut random = Random::from(file);
        let rest = |random: &mut Random| io::read_to_string(random).unwrap();
        assert_eq!(random.seek(SeekFrom::End(-3)).unwrap(), 7);
        assert_eq!(rest(&mut random), "789");
        assert_eq!(random.seek(SeekFrom::Current(-2)).unwrap(), 8);
        assert_eq!(
            (rest(&mut random.starting_at(5)), rest(&mut random)),
            ("56789".into(), "89".into())
        );
        assert_eq!(random.seek(SeekFrom::Start(20)).unwrap(), 20);
        assert_eq!(rest(&mut random), "");
        for outside in [SeekFrom::End(-11), SeekFrom::Start(u64::MAX)] {
            assert_eq!(random.seek(outside).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
