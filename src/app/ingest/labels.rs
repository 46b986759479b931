//! Adding the inputs of a run to the manifest, as labels.

use super::readable::refusal;
use super::source_state::{changed_sources, observe, other_sources};
use super::summary::Skipped;
use crate::inputs::{Sources, copies, sources};
use crate::terminal::log::verbosity;
use crate::terminal::units::counted;
use crate::terminal::{Verbosity, notice};
use anyhow::{Result, bail};
use corpus::{DEFECTS_LISTED_MAX, DefectRow, Label, Manifest, Position, Source};
use document::DocRef;
use recipe::usage::usage;
use recipe::{Input, Recipe, Slices, find_slice};
use std::path::{Path, PathBuf};

/// The labels of a run's inputs, as they are added to the manifest.
pub(crate) struct Added<'a> {
    slices: Slices,
    recipe: &'a Recipe,
    /// The corpus.
    root: &'a Path,
    strict: bool,
    /// Whether this process is the first. Only the first process reads sources, since only it
    /// writes the manifest.
    first: bool,
    /// Labels that are complete.
    pub skipped: Vec<Skipped>,
    /// Labels of which nothing can be read, each with the reason.
    pub refused: Vec<String>,
    /// Notices, which are not defects.
    pub notices: Vec<String>,
}

/// An input and its sources, or the error of finding them. That is not a failure for a label that
/// is complete: it does not need its sources any more.
pub(crate) struct Found<'i> {
    input: &'i Input,
    sources: Result<Sources>,
}

impl<'a> Added<'a> {
    pub fn new(
        slices: Slices,
        recipe: &'a Recipe,
        root: &'a Path,
        strict: bool,
        first: bool,
    ) -> Self {
        Added {
            slices,
            recipe,
            root,
            strict,
            first,
            skipped: Vec::new(),
            refused: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Finds the sources of `inputs`. Refuses new inputs of which nothing can be read before
    /// anything is committed, so that the names of their labels stay free.
    ///
    /// # Errors
    /// If all inputs are refused, or a new one names no sources.
    pub fn find<'i>(
        &mut self,
        inputs: &'i [Input],
        known: Option<&Manifest>,
    ) -> Result<Vec<Found<'i>>> {
        let mut found = Vec::new();
        for input in inputs {
            let known = known.and_then(|known| known.label(&input.slice, &input.label));
            let sources = self.sources(input, known.filter(|label| label.is_complete()));
            if known.is_some() {
                found.push(Found { input, sources });
                continue;
            }
            let sources = sources?;
            if self.first {
                report_beside(&sources.beside);
            }
            let slice = find_slice(self.slices, &input.slice)?;
            match refusal(slice, self.recipe, &sources.sources) {
                None => found.push(Found { input, sources: Ok(sources) }),
                Some(why) => self.refused.push(format!(
                    "{}/{}: none of its files can be read; the label was not added:\n{why}",
                    input.slice, input.label
                )),
            }
        }
        if found.is_empty() && !self.refused.is_empty() {
            bail!("{}", self.refused.join("\n"));
        }
        Ok(found)
    }

    /// Finds the sources of an input. Those of a complete label are not asked for again.
    fn sources(&self, input: &Input, complete: Option<&Label>) -> Result<Sources> {
        let slice = find_slice(self.slices, &input.slice)?;
        let found = sources(&input.paths, slice, self.recipe.settings(slice.name()), complete)?;
        self.check(&found)?;
        Ok(found)
    }

    fn check(&self, found: &Sources) -> Result<()> {
        if let Some((path, what)) = found.left_out.first().filter(|_| self.strict) {
            bail!("{}: {what} (--strict stops at the first defect)", path.display());
        }
        // A folder that is one source is read as a whole, so the corpus must not be in it.
        let root = std::path::absolute(self.root)?;
        let existing = root.ancestors().find_map(|folder| folder.canonicalize().ok());
        let contains_corpus =
            |source: &&Source| existing.as_ref().is_some_and(|root| root.starts_with(&source.path));
        if let Some(source) = found.sources.iter().find(contains_corpus) {
            let (root, path) = (root.display(), &source.path);
            bail!(usage(format!(
                "the corpus {root} is in {path}, which is one source and is read as a whole: \
                 choose another folder for the corpus"
            )));
        }
        Ok(())
    }

    /// Adds the label of an input to the manifest, unless the manifest has it.
    ///
    /// # Errors
    /// If the manifest has the label with other sources.
    pub fn add(&mut self, found: Found<'_>, manifest: &mut Manifest) -> Result<()> {
        let Found { input, sources: mut found } = found;
        if let Ok(found) = &mut found {
            self.notices.append(&mut found.notices);
        }
        if let Some(known) = manifest.label(&input.slice, &input.label) {
            if known.is_complete() {
                let skipped = self.complete(known, found)?;
                self.skipped.push(skipped);
            } else {
                self.check_unchanged(known, &found?.sources)?;
            }
            return Ok(());
        }
        if manifest.labels.len() as u64 == DocRef::LABELS_MAX {
            bail!(
                "{}/{}: a corpus has at most {} labels, with those that were removed: give more \
                 inputs one label, or build another corpus",
                input.slice,
                input.label,
                DocRef::LABELS_MAX
            );
        }
        let label = self.new_label(input, found?)?;
        manifest.labels.push(label);
        Ok(())
    }

    fn new_label(&mut self, input: &Input, found: Sources) -> Result<Label> {
        let Sources { mut sources, left_out, .. } = found;
        if self.first {
            self.notices.extend(copies(&sources));
            sources.iter_mut().try_for_each(observe)?;
        }
        let defects_count = left_out.len() as u64;
        let defect = |(path, what): (PathBuf, String)| DefectRow {
            source: path.display().to_string(),
            offset: 0,
            what: format!("{what}; it is left out"),
        };
        Ok(Label {
            slice: input.slice.clone(),
            name: input.label.clone(),
            sources,
            position: Some(Position::default()),
            defects: left_out.into_iter().take(DEFECTS_LISTED_MAX).map(defect).collect(),
            defects_count,
            ..Label::default()
        })
    }

    /// Compares the sources of a label that is complete with what was read. It does not need them any
    /// more: dumps are large, and users remove them after they are read.
    fn complete(&self, label: &Label, found: Result<Sources>) -> Result<Skipped> {
        let skipped = |note, has_changed| Skipped { label: label.clone(), note, has_changed };
        let sources = match found {
            Ok(found) => found.sources,
            Err(error) => {
                let note = format!("its sources cannot be read ({error:#}), and are not needed");
                return Ok(skipped(Some(note), false));
            }
        };
        let name = label.full_name();
        if let Some(differ) = other_sources(label, &sources) {
            bail!(
                "{name} is in the corpus with other sources or sizes: {differ}; a label cannot be \
                 extended: add the new files under another label"
            );
        }
        let changed = if self.first { changed_sources(label, &sources)? } else { None };
        let has_changed = changed.is_some();
        let note = changed.map(|changed| {
            format!(
                "{changed}; the corpus has what was read when the label was added: for the new \
                 content, add these files under a new label, or build a new corpus"
            )
        });
        Ok(skipped(note, has_changed))
    }

    /// Fails if the sources of an unfinished label have changed: what was read of them and what is
    /// still to be read would not fit together.
    fn check_unchanged(&self, label: &Label, sources: &[Source]) -> Result<()> {
        let differ = match other_sources(label, sources) {
            None if self.first => changed_sources(label, sources)?,
            differ => differ,
        };
        match differ {
            None => Ok(()),
            Some(differ) => bail!(
                "{} is not complete, and cannot be resumed with other sources than it was begun \
                 with: {differ}; restore them as they were, or build a new corpus",
                label.full_name()
            ),
        }
    }
}

/// Reports the skipped files of folders, by name if the output is verbose.
fn report_beside(beside: &[PathBuf]) {
    match verbosity() {
        Verbosity::Verbose => {
            for path in beside {
                notice(&format!(
                    "{}: an auxiliary file; skipped (name it to have it read)",
                    path.display()
                ));
            }
        }
        Verbosity::Normal if !beside.is_empty() => notice(&format!(
            "skipped {}, such as checksums (-v lists them)",
            counted(beside.len() as u64, "auxiliary file")
        )),
        Verbosity::Normal | Verbosity::Quiet => {}
    }
}
