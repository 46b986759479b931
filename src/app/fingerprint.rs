//! What decides a corpus, as one digest: a corpus keeps to its own.

use crate::recipe::shown;
use crate::settings::{Settings, Value};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Digest of all settings, the bytes of models included.
pub(crate) fn fingerprint(
    tokenizer: Option<&Path>,
    global_dedup: bool,
    slices: &BTreeMap<&'static str, Settings>,
) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    if let Some(path) = tokenizer {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        hasher.update(b"tokenizer=").update(blake3::hash(&bytes).as_bytes()).update(b"\n");
    }
    hasher.update(format!("global.dedup={global_dedup}\n").as_bytes());
    for (slice, settings) in slices {
        for (name, value) in &settings.0 {
            hasher.update(format!("{slice}.{name}=").as_bytes());
            match value {
                Value::File(Some(path)) => {
                    let bytes = std::fs::read(path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    hasher.update(blake3::hash(&bytes).as_bytes());
                }
                Value::Folder(Some(path)) => digest_folder(path, &mut hasher)?,
                value => {
                    hasher.update(shown(value).as_bytes());
                }
            }
            hasher.update(b"\n");
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The names and sizes of a folder's files, those of folders in it too, and the first and the last
/// MiB of each: language models take gigabytes, and to read all of them at each start would take
/// minutes.
fn digest_folder(path: &Path, hasher: &mut blake3::Hasher) -> Result<()> {
    digest_within(path, hasher, FOLDERS_DEEP_MAX)
}

/// Folders within folders that are looked into: a link may lead back to where it is.
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
