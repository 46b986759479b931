//! Zip archives.

use crate::access::{self, Random};
use crate::defect::Defect;
use crate::failure::Failure;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

/// The first bytes of a zip archive that is not empty.
pub const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";

/// Larger members are not read: no book is as large.
pub const MEMBER_BYTES_MAX: usize = 256 << 20;

/// An open zip archive.
pub struct Archive(ZipArchive<BufReader<Random>>);

impl Archive {
    /// Opens an archive by its directory, which is at its end.
    ///
    /// # Errors
    /// When the file cannot be opened, or has no directory that can be read.
    pub fn open(path: &Path) -> Result<Archive, Defect> {
        let opened = access::random(path).map_err(ZipError::Io).and_then(Archive::of_file);
        opened.map_err(|error| {
            let what = format!("zip: {error}; the file is left out: fetch it again");
            Failure { what, ..failure(error) }.at(0)
        })
    }

    /// Opens an archive in a file that is open already.
    pub(crate) fn of_file(file: Random) -> Result<Archive, ZipError> {
        ZipArchive::new(BufReader::new(file)).map(Archive)
    }

    /// Returns the defect of an archive of which not every file can be read.
    pub fn defect(&self) -> Option<Defect> {
        let what = "zip: several entries of it have the same name, and only the last of each name is read: unpack it \
                    with a tool that keeps all of them, and name the files";
        self.0.has_duplicate_names().then(|| Defect::new(0, what))
    }

    /// Returns the number and the name of each file, in the order of the directory.
    pub fn files(&self) -> Vec<(usize, String)> {
        let name = |at| match self.0.name_for_index(at)? {
            Ok(name) if name.ends_with('/') => None,
            Ok(name) => Some((at, name.into_owned())),
            // A file whose name cannot be decoded is a file all the same.
            Err(_) => Some((at, format!("member {at}"))),
        };
        (0..self.0.len()).filter_map(name).collect()
    }

    /// Returns the number of the file of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.0.index_for_name(name)
    }

    /// Returns the byte at which a file begins in the archive, and its content.
    ///
    /// # Errors
    /// When the file is damaged or larger than 256 MiB, or when the device fails.
    pub fn read(&mut self, number: usize) -> Result<(u64, Vec<u8>), Defect> {
        let mut offset = 0;
        let mut bytes = Vec::new();
        let mut read = || {
            let file = self.0.by_index(number)?;
            offset = file.header_start();
            let most = MEMBER_BYTES_MAX as u64 + 1;
            file.take(most).read_to_end(&mut bytes).map_err(ZipError::Io)
        };
        let result = read();
        let name = self.0.name_for_index(number);
        let name = name.and_then(Result::ok).unwrap_or_default();
        match result {
            Err(error) => {
                let what = format!("zip: {name}: {error}; it is left out");
                Err(Failure { what, ..failure(error) }.at(offset))
            }
            Ok(_) if bytes.len() > MEMBER_BYTES_MAX => {
                let most = MEMBER_BYTES_MAX >> 20;
                let what = format!("zip: {name} has more than {most} MiB; it is left out");
                Err(Defect::new(offset, what))
            }
            Ok(_) => Ok((offset, bytes)),
        }
    }

    /// Returns the content of a file as a stream.
    pub(crate) fn stream(&mut self, number: usize) -> Result<impl Read, ZipError> {
        self.0.by_index(number)
    }
}

pub(crate) fn failure(error: ZipError) -> Failure {
    match error {
        ZipError::Io(error) => error.into(),
        other => Failure::of_content(other.to_string()),
    }
}
