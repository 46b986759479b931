//! From the inputs of a run to labels of the manifest.

use super::readable::refusal;
use super::source_state::{changed_sources, observe, other_sources};
use super::summary::Skipped;
use crate::inputs::{Sources, copies, sources};
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
    /// Whether this process is the first. Only that one reads sources: the manifest is its own.
    first: bool,
    /// Labels that are complete.
    pub skipped: Vec<Skipped>,
    /// Labels of which nothing can be read, each with the reason.
    pub refused: Vec<String>,
    /// What a user should know and is not a defect.
    pub notices: Vec<String>,
}

/// An input and its sources. The error of a label that the corpus has already is kept: it may not
/// need its sources any more.
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

    /// Finds the sources of those `inputs` that are in the corpus already, or of which something can
    /// be read. The others are refused before anything is committed, so their names stay free.
    ///
    /// # Errors
    /// When no input is left, or a new one names no sources.
    pub fn find<'i>(
        &mut self,
        inputs: &'i [Input],
        known: Option<&Manifest>,
        verbosity: Verbosity,
    ) -> Result<Vec<Found<'i>>> {
        let mut left = Vec::new();
        for input in inputs {
            let sources = self.sources(input);
            if known.is_some_and(|known| known.label(&input.slice, &input.label).is_some()) {
                left.push(Found { input, sources });
                continue;
            }
            let sources = sources?;
            if self.first {
                report_beside(&sources.beside, verbosity);
            }
            let slice = find_slice(self.slices, &input.slice)?;
            match refusal(slice, self.recipe, &sources.sources) {
                None => left.push(Found { input, sources: Ok(sources) }),
                Some(why) => self.refused.push(format!(
                    "{}/{}: nothing of it can be read, so it is not added:\n{why}",
                    input.slice, input.label
                )),
            }
        }
        if left.is_empty() && !self.refused.is_empty() {
            bail!("{}", self.refused.join("\n"));
        }
        Ok(left)
    }

    fn sources(&self, input: &Input) -> Result<Sources> {
        let slice = find_slice(self.slices, &input.slice)?;
        let found = sources(&input.paths, slice, self.recipe.settings(slice.name()))?;
        self.check(&found)?;
        Ok(found)
    }

    fn check(&self, found: &Sources) -> Result<()> {
        if let Some((path, what)) = found.left_out.first().filter(|_| self.strict) {
            bail!("{}: {what} (--strict stops at the first defect)", path.display());
        }
        // A folder that is one source is read as a whole, and what a run writes must not be in it.
        let root = std::path::absolute(self.root)?;
        let there = root.ancestors().find_map(|folder| folder.canonicalize().ok());
        let is_around =
            |source: &&Source| there.as_ref().is_some_and(|root| root.starts_with(&source.path));
        if let Some(source) = found.sources.iter().find(is_around) {
            let (root, path) = (root.display(), &source.path);
            bail!(usage(format!(
                "the corpus {root} lies within {path}, which is one source and is read as a whole: \
                 make the corpus elsewhere"
            )));
        }
        Ok(())
    }

    /// Adds the label of an input to the manifest, unless it has it.
    ///
    /// # Errors
    /// When the manifest has the label with other sources.
    pub fn add(&mut self, found: Found<'_>, manifest: &mut Manifest) -> Result<()> {
        let Found { input, sources: mut found } = found;
        if let Ok(found) = &mut found {
            self.notices.append(&mut found.notices);
        }
        if let Some(known) = manifest.label(&input.slice, &input.label) {
            if known.is_complete() {
                let note = self.note_of_complete(known, found)?;
                self.skipped.push(Skipped { label: known.clone(), note });
            } else {
                self.check_unchanged(known, &found?.sources)?;
            }
            return Ok(());
        }
        if manifest.labels.len() as u64 == DocRef::LABELS_MAX {
            bail!("a corpus holds at most {} labels", DocRef::LABELS_MAX);
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

    /// What is to be said of the sources of a label that is in the corpus. It does not need them:
    /// dumps are large, and removed once they are read.
    fn note_of_complete(&self, label: &Label, found: Result<Sources>) -> Result<Option<String>> {
        let sources = match found {
            Ok(found) => found.sources,
            Err(error) => {
                let note = format!("its sources cannot be read ({error:#}), and are not needed");
                return Ok(Some(note));
            }
        };
        let name = label.full_name();
        if let Some(differ) = other_sources(label, &sources) {
            bail!(
                "{name} is in the corpus with other sources or sizes: {differ}; a label is added as \
                 one: give what is new a label of its own"
            );
        }
        let changed = if self.first { changed_sources(label, &sources)? } else { None };
        Ok(changed.map(|changed| {
            format!(
                "{changed}; the corpus has what was read when the label was added: for the new \
                 content, add these files under a new label, or build a new corpus"
            )
        }))
    }

    /// Fails where the sources of a label that is to be continued are not those it was begun with:
    /// what was read of them, and what is still to be read, would not fit.
    fn check_unchanged(&self, label: &Label, sources: &[Source]) -> Result<()> {
        let differ = match other_sources(label, sources) {
            None if self.first => changed_sources(label, sources)?,
            differ => differ,
        };
        match differ {
            None => Ok(()),
            Some(differ) => bail!(
                "{} is not complete, and cannot be continued with other sources than it was begun \
                 with: {differ}; put them back as they were, or build a new corpus",
                label.full_name()
            ),
        }
    }
}

/// Reports the files of folders that are skipped: by name if the output is verbose.
fn report_beside(beside: &[PathBuf], verbosity: Verbosity) {
    match verbosity {
        Verbosity::Verbose => {
            for path in beside {
                notice(&format!(
                    "{}: beside the data; skipped (name it to have it read)",
                    path.display()
                ));
            }
        }
        Verbosity::Normal if !beside.is_empty() => notice(&format!(
            "skipped {} files that lie beside the data, such as checksums (-v names them)",
            beside.len()
        )),
        Verbosity::Normal | Verbosity::Quiet => {}
    }
}
