//! The corpus with other evaluation sets, without reading an input.
//!
//! Documents are compared with evaluations after everything else, so what is found counts for no
//! other document: each is decided for itself, from its text as it was built.

use crate::terminal::{Progress, Row};
use anyhow::{Result, bail};
use corpus::{Changes, Corpus, Evaluation, File, Label, Manifest, revise, rows_as_built};
use recipe::usage::usage;
use recipe::{
    Action, CommonModels, Decontamination, Decontaminator, EvaluationFiles, Recipe, Slices,
    evaluations,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Says with what documents are compared, for the summary of a run.
pub(crate) fn remark(with: &Decontaminator) -> String {
    let (mut ngrams, mut short) = (0, 0);
    for set in with.sets() {
        (ngrams, short) = (ngrams + set.ngrams, short + set.short);
    }
    let sets = crate::terminal::units::counted(with.sets().len() as u64, "evaluation set");
    let short = match short {
        0 => String::new(),
        short => format!(", without {short} of their texts that are too short"),
    };
    format!("compared with {ngrams} n-grams of {sets}{short}")
}

/// Which sets are added and removed, and what changes for all of them.
pub(crate) struct Request {
    /// Files, or patterns, that are added, or read again.
    pub add: Vec<String>,
    /// Names of sets, or files, that are removed.
    pub remove: Vec<String>,
    pub settings: Decontamination,
}

/// A change of the evaluation sets of a corpus.
pub(crate) struct Change {
    recipe: Recipe,
    decontaminator: Option<Decontaminator>,
    /// What becomes of each set, with what is known of it.
    pub sets: Vec<contamination::Set>,
}

impl Change {
    /// Plans a change; `None` if nothing changes. `recipe` has the sets of the newest commit.
    ///
    /// # Errors
    /// If a set cannot be read or has changed, if a label is not complete, or if the corpus lacks
    /// texts because they are pruned.
    pub fn plan(
        slices: Slices,
        corpus: &Corpus,
        manifest: &Manifest,
        mut recipe: Recipe,
        request: Request,
    ) -> Result<Option<Change>> {
        let before = recipe.decontamination.clone();
        let sets = request.sets(&manifest.evaluations)?;
        if sets == manifest.evaluations && without_sets(&request.settings) == without_sets(&before)
        {
            return Ok(None);
        }
        if let Some(label) = manifest.labels.iter().find(|label| !label.is_complete()) {
            bail!(
                "{} is not complete: run the command that added it again, then this one",
                label.full_name()
            );
        }
        recipe.decontamination = request.settings;
        recipe.set_evaluations(slices, sets)?;
        recipe.check_cuts(slices, manifest.labels.iter().map(|label| label.slice.as_str()))?;
        for label in &manifest.labels {
            check_pruned(corpus, manifest, label, &before, &recipe)?;
        }
        let models = CommonModels::load(recipe.tokenizer.as_deref(), None)?;
        let decontaminator = Decontaminator::load(&recipe, &models)?;
        let sets = decontaminator.as_ref().map(|with| with.sets().to_vec()).unwrap_or_default();
        Ok(Some(Change { recipe, decontaminator, sets }))
    }

    /// Commits the corpus that the recipe with the new sets builds. The caller holds the lock.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn commit(
        &self,
        slices: Slices,
        corpus: &Corpus,
        manifest: &Manifest,
        workers: usize,
    ) -> Result<Manifest> {
        let files = manifest.labels.iter().flat_map(|label| &label.ledger);
        let total: u64 = files.map(|file| file.records).sum();
        let shown = Mutex::new((Progress::new().row("decontaminate"), 0));
        let done = |file: &File| {
            let (row, done): &mut (Row, u64) = &mut shown.lock().expect("no thread panics with it");
            *done += file.records;
            row.update(*done, Some(total), || format!("{done} records"));
        };
        let judge = self.decontaminator.as_ref().map(|with| |text: &str| with.judge(text));
        let judge = judge.as_ref().map(|judge| judge as _);
        let changes = Changes { workers, done: &done, ..Changes::of_evaluations(judge) };
        commit_revision(slices, corpus, manifest, &self.recipe, |label, mark| {
            Ok(revise(corpus, label, mark, &changes)?.0)
        })
    }
}

/// The settings without the sets, which are compared by their contents.
fn without_sets(settings: &Decontamination) -> Decontamination {
    Decontamination { sets: EvaluationFiles::default(), ..settings.clone() }
}

impl Request {
    /// Returns the sets after the change.
    fn sets(&self, before: &[Evaluation]) -> Result<Vec<Evaluation>> {
        let mut files: BTreeSet<PathBuf> = before.iter().map(|set| (&set.path).into()).collect();
        for wanted in &self.remove {
            let whole = std::path::absolute(wanted).unwrap_or_else(|_| wanted.into());
            let is_wanted =
                |set: &&Evaluation| set.name == *wanted || Path::new(&set.path) == whole;
            let Some(set) = before.iter().find(is_wanted) else {
                let known = before.iter().map(|set| &*set.name);
                let hint = recipe::usage::suggest(wanted, known);
                bail!(usage(format!(
                    "--remove {wanted}: the corpus has no such evaluation set{hint}"
                )));
            };
            files.remove(Path::new(&set.path));
        }
        let mut added = BTreeSet::new();
        for path in &self.add {
            let found = EvaluationFiles::find(path, Path::new(""));
            added.append(&mut found.map_err(|what| usage(format!("--set: {what}")))?.0);
        }
        files.extend(added.iter().cloned());
        if let Some(gone) = files.iter().find(|path| !path.is_file()) {
            let shown = gone.display();
            bail!(usage(format!(
                "the evaluation set {shown} is gone: restore it, or give --remove {shown}"
            )));
        }
        let sets = evaluations(&EvaluationFiles(files)).map_err(recipe::usage::usage_of_file)?;
        let changed = sets.iter().find(|set| {
            let is_other = |old: &Evaluation| old.path == set.path && old.digest != set.digest;
            !added.contains(Path::new(&set.path)) && before.iter().any(is_other)
        });
        if let Some(Evaluation { path, .. }) = changed {
            bail!(usage(format!(
                "the evaluation set {path} has changed since it was added: give --set {path} to \
                 compare with what it is now, or --remove {path}"
            )));
        }
        Ok(sets)
    }
}

/// Fails if documents of a label cannot be as `after` says, because they are pruned as they were
/// built.
fn check_pruned(
    corpus: &Corpus,
    manifest: &Manifest,
    label: &Label,
    before: &Decontamination,
    after: &Recipe,
) -> Result<()> {
    if label.counts.contamination.documents == 0 {
        return Ok(());
    }
    let is_kept = |set: &Evaluation| after.evaluations.contains(set);
    let settings = &after.decontamination;
    // What one set drops, another cannot bring back.
    let only_drops_more = settings.action == Action::Drop
        && without_sets(settings) == without_sets(before)
        && manifest.evaluations.iter().all(is_kept);
    if only_drops_more {
        return Ok(());
    }
    for row in rows_as_built(corpus, label) {
        if row?.built.contamination.is_some() {
            bail!(usage(format!(
                "{} has documents that were decontaminated and are pruned: as they were before, \
                 they are not in the corpus. With action = \"drop\" evaluation sets can be added to \
                 it; for any other change build the corpus again",
                label.full_name()
            )));
        }
    }
    Ok(())
}

/// Commits a corpus whose labels are those that `revised` returns, with `recipe`. The caller holds
/// the lock.
///
/// # Errors
/// If a file cannot be read or written, and if `revised` fails.
pub(crate) fn commit_revision(
    slices: Slices,
    corpus: &Corpus,
    manifest: &Manifest,
    recipe: &Recipe,
    mut revised: impl FnMut(&Label, &str) -> Result<Label>,
) -> Result<Manifest> {
    let mut next = manifest.clone();
    next.commit += 1;
    next.recipe.clone_from(&recipe.fingerprint);
    next.evaluations.clone_from(&recipe.evaluations);
    corpus.begin_writing(manifest)?;
    let mark = format!("r{}", next.commit);
    for label in &mut next.labels {
        *label = revised(label, &mark)?;
    }
    let text = recipe.print(slices);
    next.recipe_toml = Some(text.clone());
    // The manifest has the recipe too: if this process ends before it writes the file,
    // `Recipe::settle` does.
    corpus.commit(&next)?;
    corpus.write_recipe(&text)?;
    corpus.end_writing()?;
    Ok(next)
}
