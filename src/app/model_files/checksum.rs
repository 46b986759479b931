//! Size and SHA-256 of a file.

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 256 << 10;

/// Size and SHA-256 of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub bytes: u64,
    /// In hexadecimal, lower case.
    pub sha256: String,
}

impl Checksum {
    /// Reads the whole file at `path`.
    pub fn of(path: &Path) -> Result<Checksum> {
        let reading = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(reading)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).with_context(reading),
            };
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
        let sha256 = HEXLOWER.encode(&hash.finalize());
        Ok(Checksum { bytes, sha256 })
    }

    /// Returns how this differs from `expected`; `None` if it does not.
    pub fn difference(&self, expected: &Checksum) -> Option<String> {
        if self == expected {
            None
        } else if self.bytes != expected.bytes {
            Some(format!("{} bytes, not {}", self.bytes, expected.bytes))
        } else {
            Some(format!("its SHA-256 is {}, not {}", self.sha256, expected.sha256))
        }
    }
}
