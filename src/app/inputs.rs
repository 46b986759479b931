//! From what a user names to the sources of a label.

use crate::Settings;
use crate::beside::is_beside;
use crate::slice::Inputs;
use crate::usage::usage;
use anyhow::{Context, Result};
use corpus::Source;
use document::DocRef;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// How deep folders are walked; deeper means a loop.
const DEPTH_MAX: usize = 64;

/// A label's name becomes the name of folders and files.
pub(crate) fn check_label(label: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if label.is_empty() || label.len() > 100 || label.starts_with('.') || !label.chars().all(fine) {
        return Err(format!(
            "the label {label:?} must be 1 to 100 of A-Z a-z 0-9 . _ - and not begin with a dot"
        ));
    }
    Ok(())
}

/// The sources of a slice that `paths` (files, globs, folders, `@lists` of them) name, in the order
/// of their names.
pub(crate) fn sources(
    paths: &[String],
    inputs: Inputs,
    settings: &Settings,
) -> Result<Vec<Source>> {
    let found = (inputs.select)(find_sources(paths, inputs.is_source)?, settings)?;
    in_order(found, paths)
}

/// Every file that `paths` name, in the order of their names.
pub(crate) fn files(paths: &[String]) -> Result<Vec<Source>> {
    in_order(find(paths)?, paths)
}

/// Every file that `paths` name, as they name them.
pub(crate) fn find(paths: &[String]) -> Result<Vec<PathBuf>> {
    find_sources(paths, Inputs::FILES.is_source)
}

fn find_sources(paths: &[String], is_source: fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    paths.iter().try_for_each(|path| expand(path, is_source, &mut found, 0))?;
    Ok(found)
}

fn in_order(files: Vec<PathBuf>, paths: &[String]) -> Result<Vec<Source>> {
    let mut unique: BTreeMap<PathBuf, ()> = BTreeMap::new();
    for file in files {
        let real =
            fs::canonicalize(&file).with_context(|| format!("cannot find {}", file.display()))?;
        unique.insert(real, ());
    }
    if unique.is_empty() {
        return Err(usage(format!("no input files: {} names none", paths.join(" "))));
    }
    if unique.len() as u64 > DocRef::SOURCES_MAX {
        let most = DocRef::SOURCES_MAX;
        return Err(usage(format!("{} files are too many for one label: {most}", unique.len())));
    }
    let paths: Vec<PathBuf> = unique.into_keys().collect();
    let mut sources = Vec::new();
    for (path, name) in paths.iter().zip(names(&paths)) {
        let bytes = size(path, 0)?;
        sources.push(Source { name, path: path.to_string_lossy().into_owned(), bytes });
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

/// The files, and the folders for which `is_source` holds, that `path` (a file, a glob, a folder,
/// an `@list` of these) names.
fn expand(
    path: &str,
    is_source: fn(&Path) -> bool,
    files: &mut Vec<PathBuf>,
    lists: usize,
) -> Result<()> {
    if let Some(list) = path.strip_prefix('@') {
        anyhow::ensure!(lists < 8, usage(format!("@{list}: lists within lists within lists")));
        let text = fs::read_to_string(list).map_err(|e| usage(format!("list {list}: {e}")))?;
        let mut lines =
            text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        return lines.try_for_each(|line| expand(line, is_source, files, lists + 1));
    }
    let as_is = Path::new(path);
    if as_is.is_dir() {
        return walk(as_is, is_source, files, 0);
    }
    if as_is.exists() {
        files.push(as_is.to_owned());
        return Ok(());
    }
    let matches = glob::glob(path).map_err(|error| usage(format!("{path}: {error}")))?;
    let before = files.len();
    for found in matches {
        let found = found.with_context(|| format!("cannot look into {path}"))?;
        if found.is_dir() { walk(&found, is_source, files, 0)? } else { files.push(found) }
    }
    if files.len() == before {
        return Err(usage(format!("{path}: no such file, and nothing matches it as a pattern")));
    }
    Ok(())
}

/// Every source in a folder and its folders. Names that begin with a dot, and what lies beside data,
/// are left out.
fn walk(
    folder: &Path,
    is_source: fn(&Path) -> bool,
    files: &mut Vec<PathBuf>,
    depth: usize,
) -> Result<()> {
    if is_source(folder) {
        files.push(folder.to_owned());
        return Ok(());
    }
    anyhow::ensure!(
        depth < DEPTH_MAX,
        "{}: folders more than {DEPTH_MAX} deep; is there a loop of links?",
        folder.display()
    );
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if is_beside(&path) {
            continue;
        }
        if path.is_dir() { walk(&path, is_source, files, depth + 1)? } else { files.push(path) }
    }
    Ok(())
}

/// What lies beside the data in the folders that `paths` name, and is not read.
pub(crate) fn skipped(paths: &[String]) -> Vec<PathBuf> {
    fn look(folder: &Path, skipped: &mut Vec<PathBuf>, depth: usize) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || path.is_symlink() {
                continue;
            }
            if is_beside(&path) {
                skipped.push(path);
            } else if path.is_dir() && depth < DEPTH_MAX {
                look(&path, skipped, depth + 1);
            }
        }
    }
    let mut skipped = Vec::new();
    let folders = paths.iter().map(Path::new).filter(|path| path.is_dir());
    folders.for_each(|folder| look(folder, &mut skipped, 0));
    skipped.sort();
    skipped
}

/// Bytes of a file, or of all files of a folder. Links within a folder are not followed.
fn size(path: &Path, depth: usize) -> Result<u64> {
    let wrong = || format!("cannot read {}", path.display());
    let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let meta = meta.with_context(wrong)?;
    if !meta.is_dir() || depth > DEPTH_MAX {
        return Ok(if meta.is_symlink() { 0 } else { meta.len() });
    }
    let entries = fs::read_dir(path).with_context(wrong)?;
    entries.map(|entry| size(&entry.with_context(wrong)?.path(), depth + 1)).sum()
}

/// Names that do not depend on where the files lie: the file name where it is the only one, else
/// the path below the folder that all share.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let file_name =
        |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        *seen.entry(file_name(path)).or_default() += 1;
    }
    if seen.values().all(|count| *count == 1) {
        return paths.iter().map(file_name).collect();
    }
    let shared = paths.iter().skip(1).fold(folders(&paths[0]), |shared, path| {
        let same = shared.iter().zip(folders(path)).take_while(|(a, b)| **a == *b).count();
        shared[..same].to_vec()
    });
    let below = |path: &PathBuf| {
        let rest: Vec<_> = path.components().skip(shared.len()).collect();
        rest.iter().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    };
    paths.iter().map(below).collect()
}

fn folders(path: &Path) -> Vec<Component<'_>> {
    path.parent().map(|parent| parent.components().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_leave_their_folder() {
        for label in ["2019-30", "a.b_c", "X"] {
            check_label(label).unwrap();
        }
        for label in ["", ".", "..", "a/b", "../x", "a b", ".hidden", "ü"] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }

    #[test]
    fn names_do_not_depend_on_where_the_files_lie() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(names(&paths(&["/x/a.gz", "/y/b.gz"])), ["a.gz", "b.gz"]);
        assert_eq!(
            names(&paths(&["/x/1/a.gz", "/x/2/a.gz", "/x/2/b.gz"])),
            ["1/a.gz", "2/a.gz", "2/b.gz"]
        );
    }

    #[test]
    fn folders_globs_and_lists_name_each_file_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        for name in ["b.wet", "a.wet", ".hidden"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::write(path("list.txt"), format!("# comment\n{}\n", path("*.wet"))).unwrap();
        let named = |paths: &[String]| -> Vec<String> {
            files(paths).unwrap().into_iter().map(|source| source.name).collect()
        };
        assert_eq!(named(&[format!("@{}", path("list.txt"))]), ["a.wet", "b.wet"]);
        assert_eq!(named(&[path("b.wet"), path("*.wet")]), ["a.wet", "b.wet"]);
        assert_eq!(named(&[path("")]), ["a.wet", "b.wet", "list.txt"]);
        let error = files(&[path("c.wet")]).unwrap_err().to_string();
        assert!(error.contains("c.wet: no such file"), "{error}");
    }
}
