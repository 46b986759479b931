//! The expected checksums of model files: those published, or those of the first fetch.
//!
//! Most models are published without a checksum. The checksum of the first fetch is then recorded
//! in `models.json` beside the files, so that a later change, here or upstream, is detected.

use super::catalogue::ModelFile;
use super::checksum::Checksum;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The recorded checksums, in `models.json` of a folder of models.
pub(crate) struct Records {
    path: PathBuf,
    files: BTreeMap<String, Record>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    checksum: Checksum,
    /// The address or path from which it was fetched.
    from: String,
}

impl Records {
    pub const NAME: &str = "models.json";

    /// Opens the records of the folder `dir`. Without such a file, they are empty.
    pub fn open(dir: &Path) -> Result<Records> {
        let path = dir.join(Records::NAME);
        let files = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                let shown = path.display();
                format!("{shown} is damaged; repair it, or remove it and run `fetch` again")
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Ok(Records { path, files })
    }

    /// Records the checksum of a file fetched from `from`, durably.
    pub fn add(&mut self, file: &str, checksum: Checksum, from: &str) -> Result<()> {
        self.files.insert(file.to_owned(), Record { checksum, from: from.to_owned() });
        let mut text = serde_json::to_vec_pretty(&self.files)?;
        text.push(b'\n');
        durable::write(&self.path, &text)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Returns the expected checksum of `file`: the published one, else that of the first fetch.
    pub fn expected(&self, file: &ModelFile) -> Option<(Checksum, Basis)> {
        let published = file.published.clone().map(|published| (published, Basis::Published));
        let record = || self.files.get(&file.path);
        published.or_else(|| record().map(|r| (r.checksum.clone(), Basis::FirstFetch)))
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

/// The result of comparing a file.
pub(crate) enum Verdict {
    Right(Basis),
    /// It differs, in this way.
    Wrong(Basis, String),
    /// No checksum is published or recorded. This is the file's own.
    Unknown(Checksum),
}

/// Compares the existing `file` in the folder `dir`. Reads all of it if its size is right.
pub(crate) fn check(dir: &Path, file: &ModelFile, records: &Records) -> Result<Verdict> {
    let path = dir.join(&file.path);
    let Some((expected, basis)) = records.expected(file) else {
        return Ok(Verdict::Unknown(Checksum::of(&path)?));
    };
    let meta = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let found = if meta.len() == expected.bytes {
        Checksum::of(&path)?
    } else {
        Checksum { bytes: meta.len(), sha256: String::new() }
    };
    Ok(match found.difference(&expected) {
        None => Verdict::Right(basis),
        Some(difference) => Verdict::Wrong(basis, difference),
    })
}
