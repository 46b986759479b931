//! What a file is known by: its size and its SHA-256.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 256 << 10;

/// What a file is known by.
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
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Checksum { bytes, sha256 })
    }

    /// `None` if this is what is `expected`, else how it differs.
    pub fn differs(&self, expected: &Checksum) -> Option<String> {
        match self {
            same if same == expected => None,
            _ if self.bytes != expected.bytes => {
                Some(format!("{} bytes, and not {}", self.bytes, expected.bytes))
            }
            _ => Some(format!("its SHA-256 is {}, and not {}", self.sha256, expected.sha256)),
        }
    }
}
