//! Fetching a file from an address or a path: complete and checked, or not at all.
//!
//! Bytes are written to `NAME.part`, which is renamed to NAME when it is complete and its checksum
//! is right. For a download, `NAME.part.json` has the address and version of the part, and how many
//! of its bytes are known to be intact. So an interrupted download resumes, in this run or a later
//! one, and never mixes two versions.
//!
//! Servers are not trusted. No more is written than the known size, or than a limit if it is
//! unknown; redirects are only followed from https to https, or to the same host; and nothing is
//! ever written through a link.

mod download;
mod part;

use self::download::download;
use self::part::{Origin, Part, remove_if_there};
use crate::model_files::checksum::Checksum;
use crate::terminal::Row;
use anyhow::{Context, Result, anyhow};
use indicatif::HumanBytes;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 256 << 10;

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `http://` or `https://`.
    Address(String),
    Path(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Address(address) => f.write_str(address),
            Source::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Fetches a file from `source` to `place`, where none exists yet, and returns its checksum. Fails
/// if that is not the `expected` one, or if nothing is expected of a download and it has more than
/// `bytes_max` bytes. After any failure, there is no file at `place`.
pub(crate) fn fetch(
    source: &Source,
    place: &Path,
    expected: Option<&Checksum>,
    bytes_max: u64,
    row: &mut Row,
) -> Result<Checksum> {
    let folder = place.parent().context("a model file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    check_free(place)?;
    let part = match source {
        Source::Address(address) => download(address, place, expected, bytes_max, row)?,
        Source::Path(path) => copy(path, place, expected, row)?,
    };
    part.file.sync_all().map_err(|error| part.cannot_write(error))?;
    let found = Checksum::of(&part.path)?;
    let difference = match expected.map(|expected| found.difference(expected)) {
        Some(Some(difference)) => Some(difference),
        _ if found.bytes == 0 => Some("it is empty".into()),
        _ => None,
    };
    if let Some(difference) = difference {
        part.remove()?;
        return Err(anyhow!(
            "{source} is not the expected file: {difference}; nothing was kept of it"
        ));
    }
    check_free(place)?;
    durable::rename(&part.path, place)
        .with_context(|| format!("cannot rename {} to {}", part.path.display(), place.display()))?;
    remove_if_there(&part.origin_path)?;
    Ok(found)
}

/// Displays the number of bytes so far, of `total` if that is known.
fn show(row: &mut Row, bytes: u64, total: Option<u64>) {
    row.update(bytes, total, || match total {
        Some(total) => format!("{} of {}", HumanBytes(bytes), HumanBytes(total)),
        None => HumanBytes(bytes).to_string(),
    });
}

/// Fails if something is in the place of a file, such as a broken link.
fn check_free(place: &Path) -> Result<()> {
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", place.display())),
        Ok(meta) => {
            let kind = formats::regular::kind(meta.file_type()).unwrap_or("a file");
            Err(anyhow!("{} is in the way: it is {kind}; remove it", place.display()))
        }
    }
}

/// Copies the file at `from` into the part of `place`, from the beginning.
fn copy(from: &Path, place: &Path, expected: Option<&Checksum>, row: &mut Row) -> Result<Part> {
    let reading = || format!("cannot read {}", from.display());
    let file = formats::regular::open(from).with_context(reading)?;
    let bytes = file.metadata().with_context(reading)?.len();
    // It may grow while it is copied.
    let mut file = file.take(bytes);
    if let Some(expected) = expected.filter(|expected| expected.bytes != bytes) {
        let (from, expected) = (from.display(), expected.bytes);
        return Err(anyhow!("{from} is not the expected file: {bytes} bytes, not {expected}"));
    }
    let mut part = Part::open(place, "")?;
    let mut copied = || -> Result<()> {
        part.begin(Origin { bytes: Some(bytes), ..Origin::default() })?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => part.append(&buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).with_context(reading),
            }
            show(row, part.bytes, Some(bytes));
        }
    };
    if let Err(error) = copied() {
        // A copy always restarts, so its part is useless.
        part.remove()?;
        return Err(error);
    }
    Ok(part)
}
