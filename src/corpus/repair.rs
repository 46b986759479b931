//! Returning to the newest complete commit. Nothing is deleted: files that the commit does not name
//! are moved aside.

use crate::error::Error;
use crate::ledger;
use crate::manifest::{Counts, Manifest};
use crate::names::Written;
use crate::store::Corpus;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A plan to repair a corpus, and the losses that it causes.
pub struct Repair {
    /// The commit to return to.
    pub to: Manifest,
    /// The later commits, each with its problem.
    pub passed_over: Vec<(u64, String)>,
    /// Losses by label.
    pub lost: BTreeMap<String, Lost>,
    /// Files that neither that commit nor the one before it names.
    unnamed: Vec<PathBuf>,
}

/// The losses of one label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Documents read.
    pub read: u64,
    /// Of these, documents kept.
    pub kept: u64,
    /// Unreadable ledger files, whose documents are not counted.
    pub unreadable: u64,
}

/// Plans a repair; `None` if none is needed. Changes nothing.
///
/// # Errors
/// [`Error::Beyond`] if no commit is complete. Also if the folder or a manifest cannot be read, or
/// this version does not support the format of a manifest.
pub fn repair(corpus: &Corpus) -> Result<Option<Repair>, Error> {
    let mut passed_over = Vec::new();
    for commit in corpus.commits()?.into_iter().rev() {
        let manifest = match corpus.manifest_of(commit) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => continue,
            Err(Error::Damaged { what, .. }) => {
                passed_over.push((commit, what));
                continue;
            }
            Err(error) => return Err(error),
        };
        let lacking = corpus.lacking(&manifest);
        if let Some(first) = lacking.first() {
            let more = match lacking.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more files)"),
            };
            passed_over.push((commit, format!("{first}{more}")));
            continue;
        }
        let is_of_an_epoch =
            |(path, written): (PathBuf, Written)| (written != Written::Scratch).then_some(path);
        let unnamed = if passed_over.is_empty() && corpus.cut_short(&manifest)?.is_some() {
            Vec::new() // The next run removes them.
        } else {
            corpus.unnamed(&manifest)?.into_iter().filter_map(is_of_an_epoch).collect()
        };
        if passed_over.is_empty() && unnamed.is_empty() {
            return Ok(None);
        }
        let lost = lost(corpus, &manifest, &passed_over, &unnamed);
        return Ok(Some(Repair { to: manifest, passed_over, lost, unnamed }));
    }
    let what: Vec<String> =
        passed_over.iter().map(|(commit, what)| format!("commit {commit}: {what}")).collect();
    Err(Error::Beyond { root: corpus.root().to_owned(), what: what.join("; ") })
}

/// Returns the losses: from the newest manifest if it can be read, else from the ledger files that
/// no manifest will name.
fn lost(
    corpus: &Corpus,
    to: &Manifest,
    passed_over: &[(u64, String)],
    unnamed: &[PathBuf],
) -> BTreeMap<String, Lost> {
    let mut lost: BTreeMap<String, Lost> = BTreeMap::new();
    let newest = passed_over.first().and_then(|(commit, _)| corpus.manifest_of(*commit).ok());
    if let Some(newest) = newest.flatten() {
        for label in &newest.labels {
            let before = to.label(&label.slice, &label.name).map(|label| &label.counts);
            let (read, kept) = before.map_or((0, 0), |counts| (counts.read, counts.kept));
            let read = label.counts.read.saturating_sub(read);
            let kept = label.counts.kept.saturating_sub(kept);
            if read > 0 || before.is_none() {
                lost.insert(label.full_name(), Lost { read, kept, unreadable: 0 });
            }
        }
        return lost;
    }
    for path in unnamed {
        let parts: Vec<_> =
            corpus.relative(path).iter().map(|part| part.to_string_lossy()).collect();
        let [folder, slice, label, _] = &parts[..] else { continue };
        if folder != "ledger" {
            continue;
        }
        let lost = lost.entry(format!("{slice}/{label}")).or_default();
        match ledger::recount(path) {
            Ok(Counts { read, kept, .. }) => {
                (lost.read, lost.kept) = (lost.read + read, lost.kept + kept);
            }
            Err(_) => lost.unreadable += 1,
        }
    }
    lost
}

impl Repair {
    /// Carries out the repair: renames the later manifests to names that end in `.damaged`, and
    /// moves files without a manifest to a folder in `set-aside/`, which is returned if there are
    /// any. The caller must hold the lock.
    ///
    /// # Errors
    /// If a file cannot be moved, or a folder cannot be created or flushed. The files moved until
    /// then remain in their new places.
    pub fn carry_out(&self, corpus: &Corpus) -> Result<Option<PathBuf>, Error> {
        for (commit, _) in &self.passed_over {
            corpus.set_manifest_aside(*commit)?;
        }
        if self.unnamed.is_empty() {
            return Ok(None);
        }
        let all = corpus.root().join("set-aside");
        let folder = free(|number| all.join(number.to_string()));
        for path in &self.unnamed {
            let place = folder.join(corpus.relative(path));
            let dir = place.parent().expect("a folder of it");
            durable::create_folders_durably(dir).map_err(Error::io(dir))?;
            durable::rename(path, &place).map_err(Error::io(&place))?;
        }
        Ok(Some(folder))
    }
}

impl Corpus {
    /// Renames a manifest so that it no longer counts.
    pub(crate) fn set_manifest_aside(&self, commit: u64) -> Result<(), Error> {
        set_aside(&self.commit_path(commit))
    }

    /// Restores the recipe of a manifest. An existing recipe is renamed.
    ///
    /// # Errors
    /// If a file cannot be written or renamed.
    pub fn restore_recipe(&self, text: &str) -> Result<(), Error> {
        let path = self.recipe_path();
        if path.exists() {
            set_aside(&path)?;
        }
        self.write_recipe(text)
    }
}

/// Adds `.damaged` to the name of a file.
fn set_aside(path: &Path) -> Result<(), Error> {
    let place = free(|number| {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        if number > 1 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    });
    durable::rename(path, &place).map_err(Error::io(&place))
}

/// Returns the first of these paths that does not exist.
fn free(path: impl Fn(u32) -> PathBuf) -> PathBuf {
    (1..).map(path).find(|path| !path.exists()).expect("a folder has a limited number of files")
}
