//! What model files should be: their size and SHA-256, as published or as first fetched.
//!
//! Most models are published without a checksum. What the first fetch brings is then written down
//! in `models.json` beside the files, so that a later change, here or upstream, is noticed.

use crate::model_files::catalogue::ModelFile;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

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

/// What was fetched, in `models.json` of a folder of models.
pub(crate) struct Records {
    path: PathBuf,
    files: BTreeMap<String, Record>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    checksum: Checksum,
    /// The address or path that it came from.
    from: String,
}

impl Records {
    pub const NAME: &str = "models.json";

    /// Those of the folder `dir`; none where there is no such file.
    pub fn open(dir: &Path) -> Result<Records> {
        let path = dir.join(Records::NAME);
        let files = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                let shown = path.display();
                format!("{shown} is damaged; mend it, or remove it and give `fetch` again")
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Ok(Records { path, files })
    }

    /// Writes down what came from `from`, durably.
    pub fn add(&mut self, file: &str, checksum: Checksum, from: &str) -> Result<()> {
        self.files.insert(file.to_owned(), Record { checksum, from: from.to_owned() });
        let mut text = serde_json::to_vec_pretty(&self.files)?;
        text.push(b'\n');
        durable::write(&self.path, &text)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// What `file` should be: what is published goes before what was fetched first.
    pub fn expected(&self, file: &ModelFile) -> Option<(Checksum, Basis)> {
        let published = file.published.clone().map(|published| (published, Basis::Published));
        let first = || self.files.get(&file.path).map(|r| (r.checksum.clone(), Basis::FirstFetch));
        published.or_else(first)
    }
}

/// What a file is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    Published,
    FirstFetch,
}

impl Basis {
    pub fn name(self) -> &'static str {
        match self {
            Basis::Published => "published",
            Basis::FirstFetch => "first fetch",
        }
    }
}

/// What became of comparing a file.
pub(crate) enum Verdict {
    Right(Basis),
    /// It differs: how.
    Wrong(Basis, String),
    /// No checksum is published, and none was written down; this is what it is.
    Unknown(Checksum),
}

/// Compares `file`, which is there, in the folder `dir`. Reads it whole if its size is right.
pub(crate) fn check(dir: &Path, file: &ModelFile, records: &Records) -> Result<Verdict> {
    let path = dir.join(&file.path);
    let Some((expected, basis)) = records.expected(file) else {
        return Ok(Verdict::Unknown(Checksum::of(&path)?));
    };
    let length = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let found = match length.len() == expected.bytes {
        true => Checksum::of(&path)?,
        false => Checksum { bytes: length.len(), sha256: String::new() },
    };
    Ok(match found.differs(&expected) {
        None => Verdict::Right(basis),
        Some(how) => Verdict::Wrong(basis, how),
    })
}
