//! From what a user names to files: patterns, lists and folders.

use super::beside::is_beside;
use anyhow::{Context, Result, ensure};
use glob::Pattern;
use recipe::usage::usage;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A list of paths may be as large; a few paths of a hundred bytes for each source that a label
/// may have.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Lists within lists.
const LISTS_MAX: usize = 8;

/// What is found, and what is not taken of it.
#[derive(Default)]
pub(super) struct Found {
    /// Files, and folders that are one source.
    pub paths: Vec<PathBuf>,
    /// What a folder or a pattern has and no source can be, with the reason.
    pub left_out: Vec<(PathBuf, String)>,
    /// Folders that are a corpus.
    pub corpora: Vec<PathBuf>,
    /// Files that lie beside the data of a folder, such as checksums.
    pub beside: Vec<PathBuf>,
    /// Folders walked, by device and number: a link may lead back to one.
    walked: BTreeSet<(u64, u64)>,
}

/// What may be named.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    /// Whether a folder is one source.
    pub is_source: &'w dyn Fn(&Path) -> bool,
    /// Whether a FIFO or a socket may be named, for readers that go through a file once.
    pub streams: bool,
}

impl Found {
    /// Adds what `path` (a file, a glob, a folder, an `@list` of these) names.
    pub fn expand(&mut self, path: &str, wanted: Wanted<'_>, lists: usize) -> Result<()> {
        if let Some(list) = path.strip_prefix('@') {
            ensure!(lists < LISTS_MAX, usage(format!("@{list}: lists within lists within lists")));
            let text = read_list(Path::new(list))
                .map_err(|error| usage(format!("the list {list}: {error}")))?;
            let lines = text.lines().map(str::trim);
            let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            return lines.try_for_each(|line| self.expand(line, wanted, lists + 1));
        }
        let named = Path::new(path);
        match fs::metadata(named) {
            Ok(meta) if meta.is_dir() => {
                if is_corpus(named) {
                    let what = "this is a corpus, and no input: name what `sluice export` makes \
                                of it, or files in it";
                    return Err(usage(format!("{path}: {what}")));
                }
                self.walk(named.to_owned(), wanted)
            }
            Ok(meta) => match not_taken(&meta, wanted.streams) {
                None => {
                    self.paths.push(named.to_owned());
                    Ok(())
                }
                Some(what) => Err(usage(format!("{path}: {what}"))),
            },
            Err(error) if fs::symlink_metadata(named).is_ok() => {
                Err(usage(format!("{path}: {}", leads_nowhere(&error))))
            }
            Err(_) => self.expand_pattern(path, wanted),
        }
    }

    fn expand_pattern(&mut self, pattern: &str, wanted: Wanted<'_>) -> Result<()> {
        let matches = glob::glob(pattern).map_err(|error| usage(format!("{pattern}: {error}")))?;
        let (before, mut any) = (self.paths.len(), false);
        for found in matches {
            let found = found.with_context(|| format!("cannot look into {pattern}"))?;
            any = true;
            let mut folders = Vec::new();
            self.entry(found, &mut folders)?;
            folders.into_iter().try_for_each(|folder| self.walk(folder, wanted))?;
        }
        self.add_names_that_are_no_text(Path::new(pattern));
        if !any && self.paths.len() == before {
            let what = "no such file, and nothing matches it as a pattern";
            return Err(usage(format!("{pattern}: {what}")));
        }
        Ok(())
    }

    /// Adds what a pattern means and the crate `glob` passes by in silence: names that are not UTF-8.
    fn add_names_that_are_no_text(&mut self, pattern: &Path) {
        for part in pattern.ancestors().filter(|part| part.parent().is_some()) {
            let name = part.file_name().and_then(OsStr::to_str).map(Pattern::new);
            let folder = part.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folders = glob::glob(folder.and_then(Path::to_str).unwrap_or("."));
            let (Some(Ok(name)), Ok(folders)) = (name, folders) else { continue };
            let entries = folders.flatten().filter_map(|folder| fs::read_dir(folder).ok());
            let entries = entries.flatten().flatten().filter(|entry| {
                let file_name = entry.file_name();
                file_name.to_str().is_none() && name.matches(&file_name.to_string_lossy())
            });
            self.paths.extend(entries.map(|entry| entry.path()));
        }
    }

    /// Every source in a folder and its folders; names that begin with a dot are left out.
    fn walk(&mut self, folder: PathBuf, wanted: Wanted<'_>) -> Result<()> {
        let mut waiting = vec![folder];
        while let Some(folder) = waiting.pop() {
            let reading = || format!("cannot read {}", folder.display());
            let meta = fs::metadata(&folder).with_context(reading)?;
            if !self.walked.insert((meta.dev(), meta.ino())) {
                continue;
            }
            if is_corpus(&folder) {
                self.corpora.push(folder);
                continue;
            }
            if (wanted.is_source)(&folder) {
                self.paths.push(folder);
                continue;
            }
            for entry in fs::read_dir(&folder).with_context(reading)? {
                let entry = entry.with_context(reading)?;
                let path = entry.path();
                if entry.file_name().as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                if is_beside(&path) {
                    self.beside.push(path);
                } else {
                    self.entry(path, &mut waiting)?;
                }
            }
        }
        Ok(())
    }

    /// Takes what a folder or a pattern has; a folder is put with `folders`, to be walked.
    fn entry(&mut self, path: PathBuf, folders: &mut Vec<PathBuf>) -> Result<()> {
        let what = match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                folders.push(path);
                return Ok(());
            }
            Ok(meta) => not_taken(&meta, false),
            // It is there as a name, and what it stands for is not.
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Some(leads_nowhere(&error)),
                Some(Errno::NAMETOOLONG) => Some("this path is too long to open".to_owned()),
                _ => {
                    return Err(error)
                        .with_context(|| format!("cannot look at {}", path.display()));
                }
            },
        };
        match what {
            None => self.paths.push(path),
            Some(what) => self.left_out.push((path, what)),
        }
        Ok(())
    }
}

/// Why a path is not taken, if it is not a folder.
fn not_taken(meta: &Metadata, streams: bool) -> Option<String> {
    use std::os::unix::fs::FileTypeExt;
    let kind = meta.file_type();
    // A terminal is a character device, as `/dev/zero` is; standard input has a name of its own.
    if streams && (kind.is_fifo() || kind.is_socket()) {
        return None;
    }
    formats::regular::kind(kind).map(|kind| format!("this is {kind}, and no file to read"))
}

fn leads_nowhere(error: &std::io::Error) -> String {
    format!("this link leads nowhere: {error}")
}

/// Whether a folder is a corpus, or is becoming one.
fn is_corpus(folder: &Path) -> bool {
    let has = |name| folder.join(name).is_file();
    folder.join("commits").is_dir() && (has("recipe.toml") || has("lock"))
}

fn read_list(list: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = formats::regular::open(list)?;
    let read = file.take(LIST_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > LIST_BYTES_MAX {
        let most = LIST_BYTES_MAX >> 20;
        return Err(std::io::Error::other(format!("a list has at most {most} MiB")));
    }
    Ok(text)
}
