//! The bytes of a file that have been fetched so far, on disk.

use crate::model_files::checksum::Checksum;
use anyhow::{Context, Result, anyhow};
use data_encoding::HEXLOWER;
use indicatif::HumanBytes;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 256 << 10;

/// How much of a download is lost if the process is killed, at most.
const CHECKPOINT_BYTES: u64 = 16 << 20;

/// The largest file of an origin that is read; those written are much smaller.
const ORIGIN_BYTES_MAX: u64 = 1 << 20;

/// The bytes fetched so far.
pub(super) struct Part {
    pub path: PathBuf,
    pub origin_path: PathBuf,
    pub file: File,
    pub bytes: u64,
    pub origin: Origin,
    /// The hash of all bytes.
    hash: Sha256,
    /// Bytes at the last checkpoint.
    checked: u64,
}

/// The file and the address that a part belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub address: String,
    /// The value for `If-Range`: a strong entity tag, or a modification date.
    pub version: Option<String>,
    /// The size of the whole file.
    pub bytes: Option<u64>,
    /// The part at the last checkpoint. A later run discards bytes after it.
    #[serde(default)]
    pub kept: Option<Checksum>,
}

impl Part {
    /// Opens the part for `place` that an earlier run left of `address`, or an empty one.
    pub fn open(place: &Path, address: &str) -> Result<Part> {
        let beside = |ending: &str| {
            let mut name = place.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (path, origin_path) = (beside(".part"), beside(".part.json"));
        let file = own_file(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let origin = read_origin(&origin_path).unwrap_or_default();
        let (hash, bytes, checked) = (Sha256::new(), 0, 0);
        let mut part = Part { path, origin_path, file, bytes, origin, hash, checked };
        if part.origin.address != address || !part.resume()? {
            part.begin(Origin { address: address.to_owned(), ..Origin::default() })?;
        }
        Ok(part)
    }

    /// Seeks to the last checkpoint. Returns false if the file does not match it.
    fn resume(&mut self) -> Result<bool> {
        let Some(kept) = self.origin.kept.clone() else { return Ok(false) };
        let mut hash = Sha256::new();
        self.file.rewind()?;
        let (mut read, mut buffer) = (0, vec![0; BUFFER_BYTES]);
        let mut file = (&self.file).take(kept.bytes);
        while let more @ 1.. = file.read(&mut buffer)? {
            hash.update(&buffer[..more]);
            read += more as u64;
        }
        if read != kept.bytes || hex(&hash) != kept.sha256 {
            return Ok(false);
        }
        self.file.set_len(read).map_err(|error| self.cannot_write(error))?;
        self.file.seek(SeekFrom::Start(read))?;
        (self.hash, self.bytes, self.checked) = (hash, read, read);
        Ok(true)
    }

    /// Records the bytes so far, for a later run to resume after them.
    pub fn checkpoint(&mut self) -> Result<()> {
        let kept = Checksum { bytes: self.bytes, sha256: hex(&self.hash) };
        self.origin.kept = Some(kept);
        self.checked = self.bytes;
        self.write_origin()
    }

    fn write_origin(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.origin)?;
        let written = own_file(&self.origin_path).and_then(|mut file| {
            file.set_len(0)?;
            file.write_all(&text)
        });
        written.map_err(|error| self.cannot_write(error))
    }

    /// Empties the part and sets its origin.
    pub fn begin(&mut self, origin: Origin) -> Result<()> {
        self.file.set_len(0).map_err(|error| self.cannot_write(error))?;
        self.file.rewind()?;
        (self.hash, self.bytes, self.checked) = (Sha256::new(), 0, 0);
        self.origin = origin;
        self.write_origin()
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| self.cannot_write(error))?;
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        if self.bytes - self.checked >= CHECKPOINT_BYTES { self.checkpoint() } else { Ok(()) }
    }

    pub fn remove(&self) -> Result<()> {
        remove_if_there(&self.path)?;
        remove_if_there(&self.origin_path)
    }

    pub fn cannot_write(&self, error: io::Error) -> anyhow::Error {
        let (shown, have) = (self.path.display(), HumanBytes(self.bytes));
        let needs = match self.origin.bytes {
            Some(bytes) => format!("{} more", HumanBytes(bytes.saturating_sub(self.bytes))),
            None => "more".into(),
        };
        let remedy = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
                "the disk is full after {have}; free {needs} and run the same command again"
            ),
            _ => error.to_string(),
        };
        anyhow!("cannot write {shown}: {remedy}")
    }
}

/// Opens the file at `path` for writing, or creates it. Anything else at `path` is removed first: a
/// link would lead elsewhere, and opening a pipe would block.
fn own_file(path: &Path) -> io::Result<File> {
    let is_own = |meta: &Metadata| meta.is_file() && meta.nlink() == 1;
    match fs::symlink_metadata(path) {
        Ok(meta) if !is_own(&meta) => fs::remove_file(path)?,
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).read(true).write(true);
    let file = options.custom_flags(flags).open(path)?;
    if is_own(&file.metadata()?) {
        Ok(file)
    } else {
        Err(io::Error::other("something else took its place"))
    }
}

/// Reads the origin that an earlier run recorded. A file that cannot be read counts as missing.
fn read_origin(path: &Path) -> Option<Origin> {
    let mut text = Vec::new();
    let file = formats::regular::open(path).ok()?;
    file.take(ORIGIN_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn hex(hash: &Sha256) -> String {
    HEXLOWER.encode(&hash.clone().finalize())
}

pub(super) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
