//! What model files should be: as published, or as first fetched.
//!
//! Most models are published without a checksum. The checksum of the first fetch is then recorded
//! in `models.json` beside the files, so that a later change, here or upstream, is noticed.

use super::catalogue::ModelFile;
use super::checksum::Checksum;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
