//! Digests of the model folders that a recipe names.

use anyhow::{Context, Result};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Hashes the names and sizes of the files in a folder and its subfolders, and the first and last
/// MiB of each. Language models take gigabytes, and reading all of them at each start would take
/// minutes.
pub(crate) fn digest_folder(path: &Path, hasher: &mut blake3::Hasher) -> Result<()> {
    digest_levels(path, hasher, FOLDER_LEVELS_MAX)
}

/// At most this many levels of subfolders are read: a link may lead back to its own folder.
const FOLDER_LEVELS_MAX: usize = 3;

fn digest_levels(path: &Path, hasher: &mut blake3::Hasher, levels: usize) -> Result<()> {
    const END_BYTES: u64 = 1 << 20;
    let cannot_read = |path: &Path| format!("cannot read {}", path.display());
    let entries = std::fs::read_dir(path).with_context(|| cannot_read(path))?;
    let mut entries: Vec<PathBuf> =
        entries.map(|e| e.map(|e| e.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    for folder in entries.iter().filter(|path| levels > 0 && path.is_dir()) {
        hasher.update(folder.file_name().unwrap_or_default().as_encoded_bytes());
        digest_levels(folder, hasher, levels - 1)?;
    }
    for file in entries.into_iter().filter(|path| path.is_file()) {
        let read = || -> std::io::Result<(u64, Vec<u8>)> {
            let mut open = std::fs::File::open(&file)?;
            let bytes = open.metadata()?.len();
            let mut ends = Vec::new();
            open.by_ref().take(END_BYTES).read_to_end(&mut ends)?;
            open.seek(SeekFrom::Start(bytes.saturating_sub(END_BYTES)))?;
            open.take(END_BYTES).read_to_end(&mut ends)?;
            Ok((bytes, ends))
        };
        let (bytes, ends) = read().with_context(|| cannot_read(&file))?;
        hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.update(&bytes.to_le_bytes()).update(blake3::hash(&ends).as_bytes());
    }
    Ok(())
}
