//! `manifest.json`: the files of an export, by which a later one resumes and cleans up.
//!
//! While an export runs, the list names every file that it may leave, whole or not. So whatever a
//! killed export leaves is known to be ours, and nothing else in the folder is ever removed.

use super::destination::Destination;
use crate::{Error, crash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path};
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
    /// Bytes of their texts; 0 if the file has tokens and not texts.
    pub text_bytes: u64,
    /// Tokens in it, if it has tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Documents that are longer than a sample, and so not whole, if its samples have a length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_documents: Option<u64>,
    /// Tokens of these documents that are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_tokens: Option<u64>,
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
    /// What is to be known of the export beside its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Value>,
    files: Vec<Exported>,
    /// Files that may exist, whole or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unfinished: BTreeSet<String>,
}

/// The folder of an export, while this process writes to it.
pub struct Folder<'d> {
    out: &'d dyn Destination,
    /// Files of an earlier export, by path.
    earlier: BTreeMap<String, Exported>,
    /// Files that it may have left.
    left: BTreeSet<String>,
    state: Mutex<State>,
    _lock: Box<dyn Any + Send + Sync>,
}

struct State {
    about: Option<Value>,
    done: Vec<Exported>,
    unfinished: BTreeSet<String>,
    written: Instant,
}

impl<'d> Folder<'d> {
    /// Opens or creates the folder.
    ///
    /// # Errors
    /// [`Error::Foreign`] if something is in it that no export made; [`Error::Busy`] if another
    /// process exports to it.
    pub fn open(out: &'d dyn Destination) -> Result<Folder<'d>, Error> {
        let list = check(out)?;
        let lock = out.begin()?;
        let (files, left) =
            list.map_or_else(Default::default, |list| (list.files, list.unfinished));
        let earlier = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        let (done, unfinished) = (Vec::new(), BTreeSet::new());
        let state = State { about: None, done, unfinished, written: Instant::now() };
        let state = Mutex::new(state);
        Ok(Folder { out, earlier, left, state, _lock: lock })
    }

    /// Returns the earlier file at `path` if it was made from the same, and still has its size.
    pub fn whole(&self, path: &str, made_from: &str) -> Option<&Exported> {
        let file = self.earlier.get(path).filter(|file| file.made_from == made_from)?;
        // If it cannot be asked for, it is written again.
        let found = self.out.bytes(path).ok()?;
        (found == Some(file.bytes)).then_some(file)
    }

    /// Returns the paths of the files of the earlier export that is here.
    pub fn earlier(&self) -> impl Iterator<Item = &str> {
        self.earlier.keys().map(String::as_str)
    }

    /// Sets what the list says of the export beside its files.
    ///
    /// # Panics
    /// If a thread panicked while it held the lock.
    pub fn describe(&self, about: Value) {
        self.state().about = Some(about);
    }

    /// Begins to write: `kept` are whole, `planned` will be.
    ///
    /// # Errors
    /// [`Error::Foreign`] if something else has one of these names; if the list cannot be written.
    pub fn begin(&self, kept: Vec<Exported>, planned: BTreeSet<String>) -> Result<(), Error> {
        let foreign = |found, what| Error::Foreign { out: self.out.path(""), found, what };
        for path in planned.iter().chain(kept.iter().map(|file| &file.path)) {
            if let Some((found, what)) = self.out.obstacle(path) {
                return Err(foreign(found, what));
            }
        }
        for path in &planned {
            let is_known = self.earlier.contains_key(path) || self.left.contains(path);
            let found = if is_known { Ok(None) } else { self.out.bytes(path) };
            if found.map_err(Error::io(&self.out.path(path)))?.is_some() {
                return Err(foreign(self.out.path(path), NOT_MADE));
            }
        }
        let is_kept: BTreeSet<&String> = kept.iter().map(|file| &file.path).collect();
        let old = self.earlier.keys().chain(&self.left);
        let mut unfinished: BTreeSet<String> =
            old.filter(|path| !is_kept.contains(path)).cloned().collect();
        unfinished.extend(planned);
        let mut state = self.state();
        (state.done, state.unfinished) = (kept, unfinished);
        self.write(&mut state, false)?;
        crash::point("export-begun");
        Ok(())
    }

    /// Adds a file that is whole. The list on disk is at most a second behind.
    ///
    /// # Errors
    /// If the list cannot be written.
    pub fn finished(&self, file: Exported) -> Result<(), Error> {
        let mut state = self.state();
        state.unfinished.remove(&file.path);
        state.done.push(file);
        let is_due = state.written.elapsed() >= WRITE_EVERY || state.done.len() == 1;
        if is_due {
            self.write(&mut state, false)?;
        }
        crash::point("export-file-listed");
        Ok(())
    }

    /// Returns the files that are whole so far, sorted by path.
    ///
    /// # Panics
    /// If a thread panicked while it held the lock.
    pub fn done(&self) -> Vec<Exported> {
        let mut done = self.state().done.clone();
        done.sort_by(|a, b| a.path.cmp(&b.path));
        done
    }

    /// Writes the list after an error, so that the next export finds what is whole.
    pub fn failed(&self) {
        // The first error is the one to report.
        let _ = self.write(&mut self.state(), false);
    }

    /// Writes the card, removes what earlier exports left, and completes the list. Returns the files,
    /// and the paths of those that were removed.
    ///
    /// # Errors
    /// If a file cannot be written or removed.
    pub fn complete(
        self,
        card: impl FnOnce(&[Exported]) -> String,
    ) -> Result<(Vec<Exported>, Vec<String>), Error> {
        let mut state = self.state();
        state.done.sort_by(|a, b| a.path.cmp(&b.path));
        self.write_whole(CARD, card(&state.done).as_bytes())?;
        crash::point("export-card-written");
        let is_done: BTreeSet<&String> = state.done.iter().map(|file| &file.path).collect();
        let mut removed = Vec::new();
        let mut not_removed = BTreeSet::new();
        for listed in state.unfinished.iter().filter(|path| !is_done.contains(path)) {
            if !is_of_export(listed) || self.out.obstacle(listed).is_some() {
                not_removed.insert(listed.clone());
                continue;
            }
            let path = self.out.path(listed);
            if self.out.remove(listed).map_err(Error::io(&path))? {
                removed.push(listed.clone());
                crash::point("export-file-removed");
            }
            self.out.tidy(listed);
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
            about: state.about.clone(),
            files: state.done.clone(),
            unfinished: state.unfinished.clone(),
        };
        let json = serde_json::to_string_pretty(&list).expect("plain data") + "\n";
        self.write_whole(LIST, json.as_bytes())?;
        state.written = Instant::now();
        Ok(())
    }

    fn write_whole(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let write = || {
            let mut file = self.out.create(name)?;
            file.write_all(bytes)?;
            file.publish()
        };
        write().map_err(Error::io(&self.out.path(name)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the lock")
    }
}

/// Returns the list of the export at a place; `None` if it is empty or does not exist.
fn check(out: &dyn Destination) -> Result<Option<List>, Error> {
    let foreign = |name: &str| {
        let (out, found) = (out.path(""), out.path(name));
        Error::Foreign { out, found, what: NOT_MADE }
    };
    let names = match out.names() {
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(foreign("")),
        names => names.map_err(Error::io(&out.path("")))?,
    };
    let Some(list) = out.read(LIST).map_err(Error::io(&out.path(LIST)))? else {
        return names.first().map_or(Ok(None), |name| Err(foreign(name)));
    };
    let list: List = serde_json::from_slice(&list).map_err(|_| foreign(LIST))?;
    let is_of_corpus = |name: &String| name == "commits" || name.starts_with("commits/");
    if list.made_by.as_ref().is_some_and(|by| by != MADE_BY) || names.iter().any(is_of_corpus) {
        return Err(foreign(LIST));
    }
    match out.read(CARD).map_err(Error::io(&out.path(CARD)))? {
        Some(text) if !String::from_utf8_lossy(&text).contains(CARD_MARK) => Err(foreign(CARD)),
        _ => Ok(Some(list)),
    }
}

/// Whether a listed file is one that an export can have written: `slice/file`.
fn is_of_export(listed: &str) -> bool {
    let parts: Vec<Component<'_>> = Path::new(listed).components().collect();
    parts.len() == 2 && parts.iter().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn exported(path: &str) -> Exported {
        Exported { path: path.into(), bytes: 4, made_from: "d".into(), ..Exported::default() }
    }

    /// Writes the files `names` as an export does, and completes it.
    fn export(out: &Path, names: &[&str]) -> Result<usize, Error> {
        let folder = Folder::open(&out)?;
        let planned = names.iter().map(|name| (*name).to_owned());
        folder.begin(Vec::new(), planned.collect())?;
        for name in names {
            let path = out.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
            folder.finished(exported(name))?;
        }
        folder.complete(|_| "Made by sluicebox.".into()).map(|(_, removed)| removed.len())
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
        let folder = Folder::open(&out).unwrap();
        folder.begin(Vec::new(), ["a/x".into(), "a/y".into(), "a/z".into()].into()).unwrap();
        fs::create_dir(out.join("a")).unwrap();
        fs::write(out.join("a/x"), "text").unwrap();
        folder.finished(exported("a/x")).unwrap();
        // Renamed, but not yet in the list.
        fs::write(out.join("a/y"), "text").unwrap();
        fs::write(out.join("a/.z.partial"), "te").unwrap();
        drop(folder);

        let folder = Folder::open(&out).unwrap();
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
        let is_foreign = |name: &str| match Folder::open(&&*out) {
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
        for path in ["../a/b", "/a/b", "a", "a/b/c", "a/..", ""] {
            assert!(!is_of_export(path), "{path}");
        }
        assert!(is_of_export("a/b") && out.obstacle("a/b").is_none());
        assert_eq!(out.obstacle("link/x").unwrap().0, out.join("link"));
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
        let at = out.as_path();
        let folder = Folder::open(&at).unwrap();
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
        let at = dir.path();
        let one = Folder::open(&at).unwrap();
        assert!(matches!(Folder::open(&at), Err(Error::Busy { .. })));
        drop(one);
        assert!(Folder::open(&at).is_ok());
    }
}
