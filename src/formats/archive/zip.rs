//! Zip archives, as far as books come in them.

use crate::defect::Defect;
use crate::failure;
use crate::regular;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

/// What a zip archive begins with, unless it is empty.
pub const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";

/// Larger members are not read: no book is as large.
pub const MEMBER_BYTES_MAX: usize = 256 << 20;

/// An open archive. Nothing is ever written from it, so the names in it are names only.
pub struct Archive(ZipArchive<BufReader<File>>);

impl Archive {
    /// Opens an archive by its directory, which stands at its end.
    pub fn open(path: &Path) -> Result<Archive, Defect> {
        let opened = regular::open(path).map_err(ZipError::Io);
        let opened = opened.and_then(|file| ZipArchive::new(BufReader::new(file)));
        opened.map(Archive).map_err(|error| {
            let what = format!("zip: {error}; the file is left out: fetch it again");
            defect(0, what, &error)
        })
    }

    /// The names of its files, in the order of its directory; each with its number.
    pub fn files(&self) -> Vec<(usize, String)> {
        let name = |at| match self.0.name_for_index(at)? {
            Ok(name) if name.ends_with('/') => None,
            Ok(name) => Some((at, name.into_owned())),
            // It is a file all the same.
            Err(_) => Some((at, format!("member {at}"))),
        };
        (0..self.0.len()).filter_map(name).collect()
    }

    /// The number of the file of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.0.index_for_name(name)
    }

    /// Where a file begins in the archive, and what is in it.
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
                Err(defect(offset, format!("zip: {name}: {error}; it is left out"), &error))
            }
            Ok(_) if bytes.len() > MEMBER_BYTES_MAX => {
                let most = MEMBER_BYTES_MAX >> 20;
                let what = format!("zip: {name} has more than {most} MiB; it is left out");
                Err(Defect::new(offset, what))
            }
            Ok(_) => Ok((offset, bytes)),
        }
    }
}

fn defect(offset: u64, what: String, error: &ZipError) -> Defect {
    let device = match error {
        ZipError::Io(error) => failure::of_device(error),
        _ => None,
    };
    Defect { device, ..Defect::new(offset, what) }
}
