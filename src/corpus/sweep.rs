//! Removes the files that the corpus does not need.
//!
//! The invariant: the two newest manifests are kept, and every file that either of them names. A
//! file is removed only
//!
//! - if an older manifest names it and neither of these two does (a merge or a revision replaced
//!   it), or
//! - if no manifest names it, it has a name of the corpus, and it belongs to an epoch or revision
//!   of an interrupted run: the mark that the run made at its start still exists. Without a mark, a
//!   manifest must have been lost, and its data must not be lost with it.
//!
//! All other files stay, whoever wrote them. Only the holder of the lock removes anything.

use crate::manifest::Manifest;
use crate::names::{Written, written};
use crate::store::{sync_dir, write_whole};
use crate::{Corpus, Error, crash};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

impl Corpus {
    /// Removes the manifests before the predecessor of `newest`, and the files that only they name.
    pub(crate) fn retire(&self, newest: &Manifest) -> Result<(), Error> {
        let commits = self.commits()?;
        let older = commits.iter().rev().filter(|commit| **commit < newest.commit).skip(1);
        let older: Vec<u64> = older.copied().collect();
        if older.is_empty() {
            return Ok(());
        }
        // If the predecessor cannot be read, its files are unknown.
        let Ok(predecessor) = self.predecessor(newest.commit) else { return Ok(()) };
        let kept: BTreeSet<String> =
            predecessor.iter().chain([newest]).flat_map(Manifest::files).collect();
        for commit in older.into_iter().rev() {
            match self.manifest_of(commit) {
                Ok(manifest) => {
                    let files: BTreeSet<String> =
                        manifest.iter().flat_map(Manifest::files).collect();
                    self.remove(files.difference(&kept).cloned())?;
                    crash::point("old-files-removed");
                    let path = self.commit_path(commit);
                    self.remove([self.relative(&path).to_string_lossy().into_owned()])?;
                }
                // Its files are unknown. It is kept as evidence.
                Err(Error::Damaged { .. }) => self.set_manifest_aside(commit)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes the files that an interrupted run left. Returns their number.
    ///
    /// # Errors
    /// [`Error::Stray`] if there is data that no manifest names although no run was interrupted.
    /// Also if the folder cannot be read, or a file cannot be removed.
    pub fn sweep(&self, newest: &Manifest) -> Result<u64, Error> {
        self.retire(newest)?;
        let left = self.accounted(newest)?;
        let paths = left.iter().map(|(path, _)| self.relative(path));
        self.remove(paths.map(|path| path.to_string_lossy().into_owned()))?;
        Ok(left.len() as u64)
    }

    /// Fails if there is data that no manifest names and no interrupted run left: then a later
    /// manifest than `newest` is lost.
    ///
    /// # Errors
    /// [`Error::Stray`] with the first such file. Also if the folder cannot be read.
    pub fn check_stray(&self, newest: &Manifest) -> Result<(), Error> {
        self.accounted(newest).map(drop)
    }

    /// The files that an interrupted run left. Fails if there are other files without a manifest.
    fn accounted(&self, newest: &Manifest) -> Result<Vec<(PathBuf, Written)>, Error> {
        let left = self.leftovers(newest)?;
        let mut data = left.iter().filter(|(_, written)| *written != Written::Scratch);
        if let Some((path, _)) = data.next()
            && self.cut_short(newest)?.is_none()
        {
            let (root, path, count) = (self.root().to_owned(), path.clone(), data.count() + 1);
            return Err(Error::Stray { root, path, count, commit: newest.commit });
        }
        Ok(left)
    }

    /// The files that no manifest names and that were written by an interrupted run or, if there
    /// was none, after the predecessor of `newest`.
    pub(crate) fn leftovers(&self, newest: &Manifest) -> Result<Vec<(PathBuf, Written)>, Error> {
        let since = match self.cut_short(newest)? {
            Some(began) => began,
            None => {
                let predecessor = self.predecessor(newest.commit).ok().flatten();
                Began::after(predecessor.as_ref().unwrap_or(newest))
            }
        };
        let is_later = |written: &Written| match *written {
            Written::Scratch => true,
            Written::In { epoch, revision } => {
                epoch >= since.epoch || revision.is_some_and(|commit| commit > since.commit)
            }
        };
        let mut unnamed = self.unnamed(newest)?;
        unnamed.retain(|(_, written)| is_later(written));
        Ok(unnamed)
    }

    /// The files with names of the corpus that neither `newest` nor its predecessor names.
    pub(crate) fn unnamed(&self, newest: &Manifest) -> Result<Vec<(PathBuf, Written)>, Error> {
        let predecessor = self.predecessor(newest.commit).ok().flatten();
        let named: BTreeSet<PathBuf> = predecessor
            .iter()
            .chain([newest])
            .flat_map(Manifest::files)
            .map(PathBuf::from)
            .collect();
        let files = self.files()?.into_iter();
        let files = files.filter(|path| !named.contains(self.relative(path)));
        Ok(files.filter_map(|path| written(self.relative(&path)).map(|w| (path, w))).collect())
    }

    /// Removes files that nothing needs. Their paths are relative to the corpus. Missing files are
    /// ignored. When it returns, no file comes back if the power fails: what names them, such as an
    /// older manifest or the mark of an interrupted run, may go next.
    ///
    /// # Errors
    /// If an existing file cannot be removed, or a folder cannot be flushed.
    pub fn remove(&self, files: impl IntoIterator<Item = String>) -> Result<(), Error> {
        let mut folders = BTreeSet::new();
        for file in files {
            let path = self.root().join(file);
            match durable::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => done.map_err(Error::io(&path))?,
            }
            // Also if it is missing: an earlier run may have removed it and not flushed the folder.
            folders.insert(durable::folder_of(&path).to_owned());
        }
        folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| sync_dir(folder))
    }

    pub(crate) fn mark_path(&self) -> PathBuf {
        self.tmp_dir().join("writing")
    }

    /// Marks that the run begins to write files that no manifest names. The mark stays if the
    /// process ends before [`Corpus::end_writing`].
    ///
    /// # Errors
    /// If the mark cannot be written.
    pub fn begin_writing(&self, newest: &Manifest) -> Result<(), Error> {
        let Began { commit, epoch } = Began::after(newest);
        let path = self.mark_path();
        let text = format!("commit {commit} epoch {epoch}\n");
        write_whole(&path, path.with_extension("tmp"), text.as_bytes())
            .and_then(durable::Finished::publish)
            .map_err(Error::io(&path))
    }

    /// Removes the mark: every written file is named by a manifest, or removed.
    ///
    /// # Errors
    /// If a folder cannot be flushed, or the mark cannot be removed.
    pub fn end_writing(&self) -> Result<(), Error> {
        if self.mark_path().exists() {
            // Files may be gone that this process did not remove: an earlier one did, and ended
            // before it flushed the folder. Without the mark nothing would account for them if they
            // came back.
            self.sync_all_folders()?;
        }
        self.remove(["tmp/writing".to_owned()])
    }

    /// Whether a run was interrupted between two commits of which the first replaces files of labels, and the second
    /// removes them: until then, documents are in the folder twice.
    ///
    /// # Errors
    /// If the mark of the run cannot be read.
    pub fn holds_replaced(&self, newest: &Manifest) -> Result<bool, Error> {
        if self.cut_short(newest)?.is_none() {
            return Ok(false);
        }
        let Some(before) = self.predecessor(newest.commit).ok().flatten() else { return Ok(false) };
        let of_labels = |manifest: &Manifest| -> BTreeSet<String> {
            let files =
                manifest.labels.iter().flat_map(|label| label.segments.iter().chain(&label.ledger));
            files.map(|file| file.path.clone()).collect()
        };
        Ok(!of_labels(&before).is_subset(&of_labels(newest)))
    }

    /// The start of an interrupted run, at `newest` or before; `None` if no run was interrupted.
    pub(crate) fn cut_short(&self, newest: &Manifest) -> Result<Option<Began>, Error> {
        // Versions that wrote format 1 made no mark, and kept only the newest manifest.
        if newest.format < Manifest::FORMAT_WITH_CHECKSUM {
            return Ok(Some(Began { commit: 0, epoch: 0 }));
        }
        let path = self.mark_path();
        let mark = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            mark => mark.map_err(Error::io(&path))?,
        };
        // If the mark itself is incomplete, nothing was written after it.
        let began = Began::read(&mark).unwrap_or(Began::after(newest));
        Ok(Some(began).filter(|began| began.commit <= newest.commit))
    }
}

/// The state of the corpus at the start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Began {
    /// The newest commit.
    commit: u64,
    /// The first epoch of the run.
    epoch: u64,
}

impl Began {
    fn after(manifest: &Manifest) -> Began {
        Began { commit: manifest.commit, epoch: manifest.next_epoch }
    }

    fn read(mark: &str) -> Option<Began> {
        let (commit, epoch) = mark.strip_prefix("commit ")?.trim_end().split_once(" epoch ")?;
        Some(Began { commit: commit.parse().ok()?, epoch: epoch.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{File, Label};
    use std::path::Path;

    const OLD: &str = "ledger/s/l/00000001-0000.parquet";
    const REVISED: &str = "ledger/s/l/00000001-0000.r2.parquet";
    const LATER: &str = "ledger/s/l/00000002-0000.parquet";

    fn place(dir: &Path, file: &str) {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn naming(commit: u64, next_epoch: u64, files: &[&str]) -> Manifest {
        let file = |path: &&str| File { path: (*path).to_owned(), ..File::default() };
        let label = Label { ledger: files.iter().map(file).collect(), ..Label::default() };
        Manifest { commit, next_epoch, labels: vec![label], ..Manifest::empty("r".into()) }
    }

    fn found(corpus: &Corpus) -> Vec<String> {
        let files = corpus.files().unwrap();
        files.iter().map(|f| corpus.relative(f).to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_that_is_replaced_goes_with_the_commit_after() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        corpus.commit(&naming(0, 1, &[])).unwrap();
        place(dir.path(), OLD);
        corpus.commit(&naming(1, 2, &[OLD])).unwrap();
        place(dir.path(), REVISED);
        corpus.commit(&naming(2, 2, &[REVISED])).unwrap();
        let manifests = ["commits/000001.json", "commits/000002.json"];
        assert_eq!(found(&corpus), [&manifests[..], &[OLD, REVISED]].concat());
        place(dir.path(), LATER);
        let third = naming(3, 3, &[REVISED, LATER]);
        corpus.commit(&third).unwrap();
        let manifests = ["commits/000002.json", "commits/000003.json"];
        assert_eq!(found(&corpus), [&manifests[..], &[REVISED, LATER]].concat());
        assert_eq!(corpus.sweep(&third).unwrap(), 0);
    }

    #[test]
    fn only_what_a_run_that_was_cut_short_can_have_left_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        corpus.commit(&naming(0, 1, &[])).unwrap();
        place(dir.path(), OLD);
        let newest = naming(1, 2, &[OLD]);
        corpus.commit(&newest).unwrap();
        for file in [LATER, REVISED, "state/mine.run", "commits/000002.json.damaged"] {
            place(dir.path(), file);
        }
        for scratch in ["commits/000002.json.tmp", "tmp/held-1-0", "state/i-0000.spill"] {
            place(dir.path(), scratch);
        }
        let before = found(&corpus);
        // A manifest after this one is lost, for all that is known.
        let error = corpus.sweep(&newest).unwrap_err().to_string();
        assert!(error.contains("and 1 more") && error.contains("verify --repair"), "{error}");
        assert_eq!(found(&corpus), before);
        // A mark of a run that began later proves nothing.
        corpus.begin_writing(&naming(2, 3, &[])).unwrap();
        corpus.sweep(&newest).unwrap_err();
        corpus.begin_writing(&newest).unwrap();
        assert_eq!(corpus.sweep(&newest).unwrap(), 5);
        // A merge that a run began some commits ago, and did not end.
        corpus.begin_writing(&naming(0, 1, &[])).unwrap();
        place(dir.path(), "state/i-00000001-0000-02.run");
        assert_eq!(corpus.sweep(&newest).unwrap(), 1);
        corpus.end_writing().unwrap();
        let left = ["commits/000000.json", "commits/000001.json", "commits/000002.json.damaged"];
        assert_eq!(found(&corpus), [&left[..], &[OLD, "state/mine.run"]].concat());
    }
}
