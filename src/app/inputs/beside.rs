//! Files beside the data in a folder, such as checksums and notes of downloads and tools.
//!
//! They are skipped with a notice. A file that the user names itself is never skipped.

use formats::Form;
use std::path::Path;

/// Beginnings of names, in lower case.
const BEGINNINGS: &[&str] = &[
    "readme",
    "license",
    "licence",
    "copying",
    "notice.",
    "changelog",
    "checksums",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "dataset_info",
    "croissant",
];

/// Endings of names, in lower case, before any ending of a compression.
const ENDINGS: &[&str] = &[
    ".md5",
    ".md5sum",
    ".sha1",
    ".sha256",
    ".sha512",
    ".sha256sum",
    ".crc",
    ".asc",
    ".sig",
    ".md",
    "md5sums.txt",
    "sha1sums.txt",
    "sha256sums.txt",
    "-index.txt",
    ".paths",
    ".torrent",
    ".catalog",
];

/// Whole names, in lower case.
const NAMES: &[&str] =
    &["thumbs.db", "desktop.ini", "_success", "_metadata", "_common_metadata", "__macosx"];

/// Returns whether a file or folder that was found in a folder is not data.
pub(crate) fn is_beside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        return NAMES.contains(&&*name.to_lowercase());
    }
    let is_text = || formats::without_compression(&name.to_lowercase()).ends_with(".txt");
    is_beside_by_name(&name) || (is_text() && matches!(Form::of(path), Ok(Form::Beside(_))))
}

/// Returns whether a file of this name is not data, or a folder of it has none.
pub(crate) fn is_beside_by_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let name = formats::without_compression(&name);
    if NAMES.contains(&name) {
        return true;
    }
    // A book may have such a name too, so only names with the ending of a text, or without an
    // ending, count.
    let is_note = [".txt", ".md", ".html", ".rst"].iter().any(|end| name.ends_with(end));
    let begins = |begin: &str| name.starts_with(begin) && (is_note || !name.contains('.'));
    BEGINNINGS.iter().any(|begin| begins(begin))
        || name.starts_with("dataset_info")
        || ENDINGS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_the_data_are_recognised_by_name_or_content() {
        let folder = tempfile::tempdir().unwrap();
        let is = |name: &str, bytes: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            is_beside(&path)
        };
        for name in ["README.txt", "LICENSE", "enwiki-20230320-md5sums.txt", "x.json.gz.sha256"] {
            assert!(is(name, "x"), "{name}");
        }
        for name in ["_SUCCESS", "Thumbs.db", "x-multistream-index.txt.bz2", "wet.paths.gz"] {
            assert!(is(name, "x"), "{name}");
        }
        assert!(is("sums.txt", "0cc175b9c0f1b6a831c399e269772661  a.gz\n"));
        for name in ["notes.txt", "part-0.json", "licensed.jsonl", "readme.jsonl", "0.parquet"] {
            assert!(!is(name, "x"), "{name}");
        }
    }
}
