//! Finding the sources of a label from the paths that a user names.

mod addresses;
mod beside;
mod copies;
mod walk;

pub(crate) use addresses::at_address;
pub(crate) use copies::copies;

use self::addresses::stats;
use self::walk::{Found, Wanted};
use crate::addresses::address;
use crate::terminal::notice;
use anyhow::{Context, Result};
use corpus::{Label, Source};
use document::DocRef;
use recipe::usage::usage;
use recipe::{AnySettings, AnySlice};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Levels of folders that are walked for the size of a folder that is one source.
const DEPTH_MAX: usize = 64;

/// The sources of a label, and the paths that are not sources.
#[derive(Default)]
pub(crate) struct Sources {
    /// In the order of their names.
    pub sources: Vec<Source>,
    /// Paths that are in a folder, or match a pattern, and cannot be read, with the reason.
    pub left_out: Vec<(PathBuf, String)>,
    /// Notices, which are not defects.
    pub notices: Vec<String>,
    /// Files beside the data of a folder, which are skipped.
    pub beside: Vec<PathBuf>,
}

/// Finds the sources of a slice that `paths` (files, globs, folders, addresses, `@lists` of them)
/// name. Files at addresses that `known`, a complete label, has read are not asked for again.
pub(crate) fn sources(
    paths: &[String],
    slice: &dyn AnySlice,
    settings: &dyn AnySettings,
    known: Option<&Label>,
) -> Result<Sources> {
    let is_source = |folder: &Path| slice.is_source(folder);
    let mut found = walk(paths, Wanted { is_source: &is_source, streams: false })?;
    let first = found.paths.first().cloned();
    found.paths = slice.select(found.paths, settings)?;
    if let (Some(first), true) = (first, found.paths.is_empty()) {
        let (first, called) = (first.display(), slice.called(settings));
        let what = format!("no input files: {called} is read here, and neither {first} nor");
        let mut message = format!("{what} anything else that is named is one");
        add_reasons(&mut message, &found.left_out);
        return Err(usage(message));
    }
    in_order(found, paths, known)
}

/// Finds every file that `paths` name, sorted by name. Reports what is left out.
pub(crate) fn files(paths: &[String]) -> Result<Vec<Source>> {
    let found = walk(paths, Wanted { is_source: &|_| false, streams: false })?;
    let Sources { sources, left_out, notices, .. } = in_order(found, paths, None)?;
    report_left_out(&left_out);
    notices.iter().for_each(|text| notice(text));
    Ok(sources)
}

/// Finds every file that `paths` name, and every pipe that is named itself, in the given order.
/// Reports what is left out.
pub(crate) fn find(paths: &[String]) -> Result<Vec<PathBuf>> {
    let found = walk(paths, Wanted { is_source: &|_| false, streams: true })?;
    report_left_out(&found.left_out);
    found.corpora.iter().for_each(|corpus| notice(&corpus_notice(corpus)));
    Ok(found.paths)
}

fn report_left_out(left_out: &[(PathBuf, String)]) {
    for (path, what) in left_out {
        notice(&format!("{}: {what}; it is left out", path.display()));
    }
}

fn add_reasons(message: &mut String, left_out: &[(PathBuf, String)]) {
    for (path, what) in left_out {
        message.push_str(&format!("\n{}: {what}", path.display()));
    }
}

fn corpus_notice(corpus: &Path) -> String {
    format!("{}: this is a corpus, not an input; it is left out", corpus.display())
}

fn walk(paths: &[String], wanted: Wanted<'_>) -> Result<Found> {
    let mut found = Found::default();
    paths.iter().try_for_each(|path| found.expand(path, wanted, 0))?;
    Ok(found)
}

fn in_order(found: Found, paths: &[String], known: Option<&Label>) -> Result<Sources> {
    let Found { paths: files, mut left_out, mut corpora, mut beside, .. } = found;
    let mut unique: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        let real = if address(&file).is_some() {
            file.clone()
        } else {
            fs::canonicalize(&file).with_context(|| format!("cannot find {}", file.display()))?
        };
        // Manifest, ledger and ids have names as text.
        match real.to_str() {
            Some(_) => drop(unique.insert(real)),
            // A shell accepts the escaped form between `$'` and `'`.
            None => left_out.push((file, format!("the name {real:?} is not UTF-8: rename it"))),
        }
    }
    if unique.is_empty() {
        let mut message = format!("no input files: {} names none", paths.join(" "));
        add_reasons(&mut message, &left_out);
        return Err(usage(message));
    }
    if unique.len() as u64 > DocRef::SOURCES_MAX {
        let most = DocRef::SOURCES_MAX;
        let files = unique.len();
        return Err(usage(format!("{files} files are too many: a label has at most {most}")));
    }
    let paths: Vec<PathBuf> = unique.into_iter().collect();
    let mut stats = stats(&paths, known)?;
    let mut sources = Vec::new();
    for (path, name) in paths.iter().zip(names(&paths)) {
        let source = match stats.remove(path) {
            Some(source) => source,
            None => Source { bytes: size(path, 0)?, ..Source::default() },
        };
        let path = path.to_str().expect("other names are left out above").to_owned();
        sources.push(Source { name, path, ..source });
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    left_out.sort();
    corpora.sort();
    beside.sort();
    let notices = corpora.iter().map(|corpus| corpus_notice(corpus)).collect();
    Ok(Sources { sources, left_out, notices, beside })
}

/// Returns the bytes of a source: a file, or all files of a folder.
pub(crate) fn source_size(path: &Path) -> Result<u64> {
    at_address(path).map_or_else(|| size(path, 0), |found| Ok(found?.bytes))
}

/// Returns the bytes of a file, or of all files of a folder. Does not follow links within a folder.
fn size(path: &Path, depth: usize) -> Result<u64> {
    let cannot_read = || format!("cannot read {}", path.display());
    let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let meta = meta.with_context(cannot_read)?;
    if !meta.is_dir() || depth > DEPTH_MAX {
        return Ok(if meta.is_symlink() { 0 } else { meta.len() });
    }
    let entries = fs::read_dir(path).with_context(cannot_read)?;
    entries.map(|entry| size(&entry.with_context(cannot_read)?.path(), depth + 1)).sum()
}

/// Returns names that do not depend on the location of the files: their file names if these are
/// unique, else their paths below their common folder.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let file_name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The query of an address is not a part of the name.
        let is_web = path.starts_with("http:") || path.starts_with("https:");
        name.split('?').next().filter(|_| is_web).unwrap_or(&name).to_owned()
    };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        *seen.entry(file_name(path)).or_default() += 1;
    }
    if seen.values().all(|count| *count == 1) {
        return paths.iter().map(file_name).collect();
    }
    let common = paths.iter().skip(1).fold(folders(&paths[0]), |common, path| {
        let same = common.iter().zip(folders(path)).take_while(|(a, b)| **a == *b).count();
        common[..same].to_vec()
    });
    let below = |path: &PathBuf| {
        let rest: Vec<_> = path.components().skip(common.len()).collect();
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
    fn names_do_not_depend_on_the_location_of_the_files() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(names(&paths(&["/x/a.gz", "/y/b.gz"])), ["a.gz", "b.gz"]);
        assert_eq!(
            names(&paths(&["/x/1/a.gz", "/x/2/a.gz", "/x/2/b.gz"])),
            ["1/a.gz", "2/a.gz", "2/b.gz"]
        );
        let web = ["https://h/x/a.gz?download=1", "s3://b/x/b?.gz"];
        assert_eq!(names(&paths(&web)), ["a.gz", "b?.gz"]);
        let web = ["https://h/x/a.gz?id=1", "https://h/x/a.gz?id=2"];
        assert_eq!(names(&paths(&web)), ["a.gz?id=1", "a.gz?id=2"]);
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
