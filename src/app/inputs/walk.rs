//! Expanding patterns, lists and folders that a user names to files.

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

/// The largest list of paths.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Levels of lists within lists.
const LISTS_MAX: usize = 8;

/// What was found, and what is left out.
#[derive(Default)]
pub(super) struct Found {
    /// Files, and folders that are one source.
    pub paths: Vec<PathBuf>,
    /// Paths of a folder or a pattern that cannot be a source, with the reason.
    pub left_out: Vec<(PathBuf, String)>,
    /// Folders that are a corpus.
    pub corpora: Vec<PathBuf>,
    /// Files beside the data of a folder, such as checksums.
    pub beside: Vec<PathBuf>,
    /// Folders walked, by device and inode: a link may lead back to one.
    walked: BTreeSet<(u64, u64)>,
}

/// What is accepted as a source.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    /// Returns whether a folder is one source.
    pub is_source: &'w dyn Fn(&Path) -> bool,
    /// Whether a FIFO or a socket may be named, for readers that go through a file once.
    pub streams: bool,
}

impl Found {
    /// Adds the files that `path` (a file, a glob, a folder, an `@list` of these) names. Lines of a
    /// list are relative to the folder of the list.
    pub fn expand(&mut self, path: &str, wanted: Wanted<'_>, lists: usize) -> Result<()> {
        if let Some(list) = path.strip_prefix('@') {
            ensure!(lists < LISTS_MAX, usage(format!("@{list}: lists within lists within lists")));
            let text = read_list(Path::new(list))
                .map_err(|error| usage(format!("the list {list}: {error}")))?;
            let folder = Path::new(list).parent().unwrap_or(Path::new(""));
            for (number, line) in text.lines().map(str::trim).enumerate() {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let (mark, name) = line.strip_prefix('@').map_or(("", line), |list| ("@", list));
                let name = recipe::expand(name)
                    .map_err(|what| usage(format!("the list {list}:{}: {what}", number + 1)))?;
                let path = match mark {
                    "" => recipe::pattern_below(folder, &name),
                    list => format!("{list}{}", folder.join(name).display()),
                };
                self.expand(&path, wanted, lists + 1)
                    .with_context(|| format!("the list {list}:{}", number + 1))?;
            }
            return Ok(());
        }
        if remote::is_address(path) {
            return self.expand_address(path, wanted, lists);
        }
        let named = Path::new(path);
        match fs::metadata(named) {
            Ok(meta) if meta.is_dir() => {
                if is_corpus(named) {
                    let what = "this is a corpus, not an input: name an export of it, made by \
                                `sluice export`, or files in it";
                    return Err(usage(format!("{path}: {what}")));
                }
                self.walk(named.to_owned(), wanted)
            }
            Ok(meta) => match rejection(&meta, wanted.streams) {
                None => {
                    self.paths.push(named.to_owned());
                    Ok(())
                }
                Some(what) => Err(usage(format!("{path}: {what}"))),
            },
            Err(error) if fs::symlink_metadata(named).is_ok() => {
                Err(usage(format!("{path}: {}", broken_link(&error))))
            }
            Err(_) => self.expand_pattern(path, wanted),
        }
    }

    fn expand_pattern(&mut self, pattern: &str, wanted: Wanted<'_>) -> Result<()> {
        let matches = glob::glob(pattern).map_err(|error| usage(format!("{pattern}: {error}")))?;
        let (before, mut any) = (self.paths.len(), false);
        for found in matches {
            let found = found.with_context(|| format!("cannot read folders of {pattern}"))?;
            any = true;
            let mut folders = Vec::new();
            self.entry(found, &mut folders)?;
            folders.into_iter().try_for_each(|folder| self.walk(folder, wanted))?;
        }
        self.add_names_not_utf8(Path::new(pattern));
        if !any && self.paths.len() == before {
            let what = "no such file, and nothing matches it as a pattern";
            return Err(usage(format!("{pattern}: {what}")));
        }
        Ok(())
    }

    /// Adds names that match a pattern and are not UTF-8, which the crate `glob` silently skips.
    fn add_names_not_utf8(&mut self, pattern: &Path) {
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

    /// Adds every source in a folder and its subfolders. Skips names that begin with a dot.
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

    /// Adds an entry of a folder, or a match of a pattern. A folder is added to `folders`, to be
    /// walked.
    fn entry(&mut self, path: PathBuf, folders: &mut Vec<PathBuf>) -> Result<()> {
        let what = match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                folders.push(path);
                return Ok(());
            }
            Ok(meta) => rejection(&meta, false),
            // The name exists, but not what it refers to.
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Some(broken_link(&error)),
                Some(Errno::NAMETOOLONG) => Some("this path is too long to open".to_owned()),
                _ => {
                    return Err(error).with_context(|| format!("cannot read {}", path.display()));
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

/// Returns why a path that is not a folder is rejected, if it is.
fn rejection(meta: &Metadata, streams: bool) -> Option<String> {
    use std::os::unix::fs::FileTypeExt;
    let kind = meta.file_type();
    // A terminal is a character device, as `/dev/zero` is; standard input has a name of its own.
    if streams && (kind.is_fifo() || kind.is_socket()) {
        return None;
    }
    formats::regular::kind(kind).map(|kind| format!("this is {kind}, not a file to read"))
}

fn broken_link(error: &std::io::Error) -> String {
    format!("this link is broken: {error}")
}

/// Returns whether a folder is a corpus, or one that is being created.
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
