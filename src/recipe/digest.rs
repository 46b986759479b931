//! Digests of the model folders that a recipe names.

use anyhow::{Context, Result};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The names and sizes of a folder's files, those of folders in it too, and the first and the last
/// MiB of each: language models take gigabytes, and to read all of them at each start would take
/// minutes.
pub(crate) fn digest_folder(path: &Path, hasher: &mut blake3::Hasher) -> Result<()> {
    digest_within(path, hasher, FOLDERS_DEEP_MAX)
}

/// At most this many levels of folders are read: a link may lead back to its own folder.
const FOLDERS_DEEP_MAX: usize = 3;

fn digest_within(path: &Path, hasher: &mut blake3::Hasher, deep: usize) -> Result<()> {
    const PART: u64 = 1 << 20;
    let wrong = |path: &Path| format!("cannot read {}", path.display());
    let entries = std::fs::read_dir(path).with_context(|| wrong(path))?;
    let mut entries: Vec<PathBuf> =
        entries.map(|e| e.map(|e| e.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    for folder in entries.iter().filter(|path| deep > 0 && path.is_dir()) {
        hasher.update(folder.file_name().unwrap_or_default().as_encoded_bytes());
        digest_within(folder, hasher, deep - 1)?;
    }
    for file in entries.into_iter().filter(|path| path.is_file()) {
        let read = || -> std::io::Result<(u64, Vec<u8>)> {
            let mut open = std::fs::File::open(&file)?;
            let bytes = open.metadata()?.len();
            let mut parts = Vec::new();
            open.by_ref().take(PART).read_to_end(&mut parts)?;
            open.seek(SeekFrom::Start(bytes.saturating_sub(PART)))?;
            open.take(PART).read_to_end(&mut parts)?;
            Ok((bytes, parts))
        };
        let (bytes, parts) = read().with_context(|| wrong(&file))?;
        hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.update(&bytes.to_le_bytes()).update(blake3::hash(&parts).as_bytes());
    }
    Ok(())
}
