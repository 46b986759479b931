//! `manifest.json`: the files of an export, by which a later one resumes and cleans up.
//!
//! While an export runs, the list names every file that it may leave, whole or not. So whatever a
//! killed export leaves is known to be ours, and nothing else in the folder is ever removed.

use crate::Error;
use crate::store::write_whole;
use durable::Finished;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The name of the list.
pub(super) const LIST: &str = "manifest.json";

/// The name of the dataset card.
pub(super) const CARD: &str = "README.md";

/// What every dataset card has in it. Cards of earlier versions begin a sentence with it.
const CARD_MARK: &str = "ade by sluicebox";

const MADE_BY: &str = "sluicebox";

/// Why an export refuses a file.
const NOT_MADE: &str = "in it, which no export made";

/// Why an export refuses the folder of a slice.
const LINK: &str = "a link, and an export does not write through links";

/// How often the list is written while an export runs.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// A file of the export, as `manifest.json` lists it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// Path relative to the folder of the export.
    pub path: String,
    /// Its slice.
    #[serde(default)]
    pub slice: String,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// Its split, if there are splits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Documents in it.
    pub documents: u64,
    /// Bytes of their texts.
    pub text_bytes: u64,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Digest of everything that its bytes depend on: its documents, the schema of its slice, its
    /// format, and the version of this program.
    #[serde(default)]
    pub made_from: String,
}

#[derive(Serialize, Deserialize)]
struct List {
    #[serde(default)]
    made_by: Option<String>,
    /// All files are whole, and no others are left.
    #[serde(default)]
    complete: bool,
    files: Vec<Exported>,
    /// Files that may exist, whole or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unfinished: BTreeSet<String>,
}

/// The folder of an export, while this process writes to it.
pub(super) struct Folder {
    out: PathBuf,
    /// Files of an earlier export, by path.
    earlier: BTreeMap<String, Exported>,
    /// Files that it may have left.
    left: BTreeSet<String>,
    state: Mutex<State>,
    _lock: File,
}

struct State {
    done: Vec<Exported>,
    unfinished: BTreeSet<String>,
    written: Instant,
}

impl Folder {
    /// Opens or creates the folder.
    ///
    /// # Errors
    /// [`Error::Foreign`] if something is in it that no export made; [`Error::Busy`] if another
    /// process exports to it.
    pub fn open(out: &Path) -> Result<Folder, Error> {
        let list = check(out)?;
        durable::create_folders(out).map_err(Error::io(out))?;
        let folder = File::open(out).map_err(Error::io(out))?;
        // A file system without locks must not prevent an export.
        if let Err(TryLockError::WouldBlock) = folder.try_lock() {
            return Err(Error::Busy { out: out.to_owned() });
        }
        let (files, left) =
            list.map_or_else(Default::default, |list| (list.files, list.unfinished));
        let earlier = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        let (done, unfinished) = (Vec::new(), BTreeSet::new());
        let state = Mutex::new(State { done, unfinished, written: Instant::now() });
        Ok(Folder { out: out.to_owned(), earlier, left, state, _lock: folder })
    }

    /// Returns the earlier file at `path` if it was made from the same, and still has its size.
    pub fn whole(&self, path: &str, made_from: &str) -> Option<&Exported> {
        let file = self.earlier.get(path).filter(|file| file.made_from == made_from)?;
        let found = fs::symlink_metadata(self.out.join(path)).ok()?;
        (found.is_file() && found.len() == file.bytes).then_some(file)
    }

    /// Begins to write: `kept` are whole, `planned` will be.
    pub fn begin(&self, kept: Vec<Exported>, planned: BTreeSet<String>) -> Result<(), Error> {
        let foreign = |found, what| Error::Foreign { out: self.out.clone(), found, what };
        for path in planned.iter().chain(kept.iter().map(|file| &file.path)) {
            let folder = self.out.join(path).parent().map(Path::to_owned);
            if let Some(folder) = folder.filter(|folder| *folder != self.out && folder.is_symlink())
            {
                return Err(foreign(folder, LINK));
            }
        }
        for path in &planned {
            let is_known = self.earlier.contains_key(path) || self.left.contains(path);
            if !is_known && self.out.join(path).exists() {
                return Err(foreign(self.out.join(path), NOT_MADE));
            }
        }
        let is_kept: BTreeSet<&String> = kept.iter().map(|file| &file.path).collect();
        let old = self.earlier.keys().chain(&self.left);
        let mut unfinished: BTreeSet<String> =
            old.filter(|path| !is_kept.contains(path)).cloned().collect();
        unfinished.extend(planned);
        let mut state = self.state();
        (state.done, state.unfinished) = (kept, unfinished);
        self.write(&mut state, false)
    }

    /// Adds a file that is whole. The list on disk is at most a second behind.
    pub fn finished(&self, file: Exported) -> Result<(), Error> {
        let mut state = self.state();
        state.unfinished.remove(&file.path);
        state.done.push(file);
        let is_due = state.written.elapsed() >= WRITE_EVERY || state.done.len() == 1;
        if is_due { self.write(&mut state, false) } else { Ok(()) }
    }

    /// Writes the list after an error, so that the next export finds what is whole.
    pub fn failed(&self) {
        // The first error is the one to report.
        let _ = self.write(&mut self.state(), false);
    }

    /// Writes the card, removes what earlier exports left, and completes the list. Returns the files
    /// and the number of files removed.
    pub fn complete(
        self,
        card: impl FnOnce(&[Exported]) -> String,
    ) -> Result<(Vec<Exported>, u64), Error> {
        let mut state = self.state();
        state.done.sort_by(|a, b| a.path.cmp(&b.path));
        let path = self.out.join(CARD);
        write_whole(&path, temporary(&path), card(&state.done).as_bytes())
            .and_then(Finished::publish)
            .map_err(Error::io(&path))?;
        let is_done: BTreeSet<&String> = state.done.iter().map(|file| &file.path).collect();
        let mut removed = 0;
        let mut folders = BTreeSet::new();
        let mut not_removed = BTreeSet::new();
        for listed in state.unfinished.iter().filter(|path| !is_done.contains(path)) {
            let Some(path) = within(&self.out, listed) else {
                not_removed.insert(listed.clone());
                continue;
            };
            removed += u64::from(remove(&path)?);
            remove(&temporary(&path))?;
            folders.extend(path.parent().map(Path::to_owned));
        }
        for folder in folders {
            // Fails if something else is in it.
            let _ = fs::remove_dir(folder);
        }
        state.unfinished = not_removed;
        let is_complete = state.unfinished.is_empty();
        self.write(&mut state, is_complete)?;
        Ok((std::mem::take(&mut state.done), removed))
    }

    fn write(&self, state: &mut State, is_complete: bool) -> Result<(), Error> {
        state.done.sort_by(|a, b| a.path.cmp(&b.path));
        let list = List {
            made_by: Some(MADE_BY.to_owned()),
            complete: is_complete,
            files: state.done.clone(),
            unfinished: state.unfinished.clone(),
        };
        let path = self.out.join(LIST);
        let json = serde_json::to_string_pretty(&list).expect("plain data") + "\n";
        write_whole(&path, temporary(&path), json.as_bytes())
            .and_then(Finished::publish)
            .map_err(Error::io(&path))?;
        state.written = Instant::now();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the lock")
    }
}

/// The name of a file while it is written. It is fixed, so that what a killed export leaves can be
/// found.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// Returns the list of the export in a folder; `None` if the folder is empty or does not exist.
fn check(out: &Path) -> Result<Option<List>, Error> {
    let foreign = |found: PathBuf| Error::Foreign { out: out.to_owned(), found, what: NOT_MADE };
    let entries = match fs::read_dir(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(foreign(out.to_owned()));
        }
        entries => entries.map_err(Error::io(out))?,
    };
    let path = out.join(LIST);
    let list = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        bytes => Some(bytes.map_err(Error::io(&path))?),
    };
    let Some(list) = list else {
        for entry in entries {
            let found = entry.map_err(Error::io(out))?.path();
            // An export that was killed before its first list leaves this.
            if found != temporary(&path) {
                return Err(foreign(found));
            }
        }
        return Ok(None);
    };
    let list: List = serde_json::from_slice(&list).map_err(|_| foreign(path.clone()))?;
    if list.made_by.as_ref().is_some_and(|by| by != MADE_BY) || out.join("commits").exists() {
        return Err(foreign(path));
    }
    let card = out.join(CARD);
    match fs::read(&card) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some(list)),
        text => {
            let text = text.map_err(Error::io(&card))?;
            let is_ours = String::from_utf8_lossy(&text).contains(CARD_MARK);
            if is_ours { Ok(Some(list)) } else { Err(foreign(card)) }
        }
    }
}

/// Returns the path of a listed file, if it is one that an export can have written: `slice/file`,
/// in a folder that is no link.
fn within(out: &Path, listed: &str) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = Path::new(listed).components().collect();
    let is_plain = parts.iter().all(|part| matches!(part, Component::Normal(_)));
    let path = out.join(listed);
    let is_link = path.parent().is_none_or(Path::is_symlink);
    (is_plain && parts.len() == 2 && !is_link).then_some(path)
}

/// Removes a file. Returns whether there was one.
fn remove(path: &Path) -> Result<bool, Error> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir());
    if !is_file {
        return Ok(false);
    }
    match durable::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { path: path.to_owned(), source: error })
        }
        removed => Ok(removed.is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(path: &str) -> Exported {
        Exported { path: path.into(), bytes: 4, made_from: "d".into(), ..Exported::default() }
    }

    /// Writes the files `names` as an export does, and completes it.
    fn export(out: &Path, names: &[&str]) -> Result<u64, Error> {
        let folder = Folder::open(out)?;
        let planned = names.iter().map(|name| (*name).to_owned());
        folder.begin(Vec::new(), planned.collect())?;
        for name in names {
            let path = out.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
            folder.finished(exported(name))?;
        }
        folder.complete(|_| "Made by sluicebox.".into()).map(|(_, removed)| removed)
    }

    #[test]
    fn files_of_an_earlier_export_are_removed_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        assert_eq!(export(&out, &["a/x.jsonl", "b/y.jsonl"]).unwrap(), 0);
        fs::write(out.join("a/mine.txt"), "mine").unwrap();
        assert_eq!(export(&out, &["a/x.parquet"]).unwrap(), 2);
        let mut names: Vec<_> =
            fs::read_dir(out.join("a")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["mine.txt", "x.parquet"]);
        assert!(!out.join("b").exists());
    }

    #[test]
    fn what_an_interrupted_export_left_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path();
        let folder = Folder::open(out).unwrap();
        folder.begin(Vec::new(), ["a/x".into(), "a/y".into(), "a/z".into()].into()).unwrap();
        fs::create_dir(out.join("a")).unwrap();
        fs::write(out.join("a/x"), "text").unwrap();
        folder.finished(exported("a/x")).unwrap();
        // Renamed, but not yet in the list.
        fs::write(out.join("a/y"), "text").unwrap();
        fs::write(out.join("a/.z.partial"), "te").unwrap();
        drop(folder);

        let folder = Folder::open(out).unwrap();
        assert!(folder.whole("a/x", "d").is_some());
        assert!(folder.whole("a/x", "other").is_none());
        assert!(folder.whole("a/y", "d").is_none());
        fs::write(out.join("a/x"), "longer").unwrap();
        assert!(folder.whole("a/x", "d").is_none());
        drop(folder);
        assert_eq!(export(out, &["a/other"]).unwrap(), 2);
        assert_eq!(fs::read_dir(out.join("a")).unwrap().count(), 1);
    }

    #[test]
    fn what_no_export_made_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let is_foreign = |name: &str| match Folder::open(&out) {
            Err(Error::Foreign { found, .. }) => found == out.join(name),
            _ => false,
        };
        fs::create_dir(&out).unwrap();
        fs::write(out.join(LIST), r#"{"name":"an app","files":["x"]}"#).unwrap();
        assert!(is_foreign(LIST));
        fs::write(out.join(LIST), r#"{"made_by":"another","files":[]}"#).unwrap();
        assert!(is_foreign(LIST));
        fs::remove_file(out.join(LIST)).unwrap();
        export(&out, &["a/x"]).unwrap();
        fs::write(out.join(CARD), "# My data").unwrap();
        assert!(is_foreign(CARD));
        fs::remove_file(out.join(CARD)).unwrap();
        fs::write(out.join("a/y"), "mine").unwrap();
        assert!(matches!(export(&out, &["a/y"]), Err(Error::Foreign { .. })));
        assert_eq!(fs::read(out.join("a/y")).unwrap(), b"mine");
    }

    #[test]
    fn only_files_in_the_folder_are_ours_to_remove() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path();
        std::os::unix::fs::symlink("/tmp", out.join("link")).unwrap();
        for path in ["../a/b", "/a/b", "a", "a/b/c", "link/x", "a/..", ""] {
            assert_eq!(within(out, path), None, "{path}");
        }
        assert_eq!(within(out, "a/b"), Some(out.join("a/b")));
    }

    #[test]
    fn a_folder_of_a_slice_that_is_a_link_is_refused_and_its_files_stay_listed() {
        let dir = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
        export(&out, &["a/x", "b/y"]).unwrap();
        fs::rename(out.join("a"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, out.join("a")).unwrap();
        let message = export(&out, &["a/x"]).unwrap_err().to_string();
        assert!(message.contains("out/a is a link"), "{message}");
        let folder = Folder::open(&out).unwrap();
        assert!(folder.begin(vec![exported("a/x")], BTreeSet::new()).is_err());
        drop(folder);

        // An export of another slice cannot remove its files, so it does not forget them.
        assert_eq!(export(&out, &["b/y"]).unwrap(), 0);
        let list: List = serde_json::from_slice(&fs::read(out.join(LIST)).unwrap()).unwrap();
        assert_eq!((list.complete, list.unfinished), (false, ["a/x".to_owned()].into()));
        assert!(elsewhere.join("x").exists());
        fs::remove_file(out.join("a")).unwrap();
        fs::rename(&elsewhere, out.join("a")).unwrap();
        assert_eq!(export(&out, &["b/y"]).unwrap(), 1);
        let list: List = serde_json::from_slice(&fs::read(out.join(LIST)).unwrap()).unwrap();
        assert!(list.complete && !out.join("a").exists());
    }

    #[test]
    fn two_exports_to_one_folder_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let one = Folder::open(dir.path()).unwrap();
        assert!(matches!(Folder::open(dir.path()), Err(Error::Busy { .. })));
        drop(one);
        assert!(Folder::open(dir.path()).is_ok());
    }
}
