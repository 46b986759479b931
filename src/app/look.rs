//! Looking at the documents of a corpus, kept or dropped: rows of the ledger, texts from the segments,
//! texts read again from their sources, and what the graph of their slice does with these.

mod find;
mod plain;
mod sample;
mod source;
mod view;

pub(crate) use self::find::find;
pub(crate) use self::plain::{compared, cut, excerpt, head, line, whole};
pub(crate) use self::sample::sample;
pub(crate) use self::source::Again;
pub(crate) use self::view::{DEDUP_REASONS, View};

use self::source::Sources;
use anyhow::{Context, Result};
use corpus::{Corpus, Label, LedgerRow, Lookup, Manifest};
use document::{DocRef, Document, Reason};
use engine::{IndexUse, Replayed, Verdicts};
use recipe::{AnySettings, AnySlice, Recipe, Slices, find_slice};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A corpus to look into, at its newest commit.
pub(crate) struct Look {
    pub corpus: Corpus,
    pub manifest: Arc<Manifest>,
    slices: Slices,
    recipe: Recipe,
}

impl Look {
    /// Opens a corpus. Models are not read.
    pub fn open(slices: Slices, root: &Path) -> Result<Look> {
        let corpus = Corpus::open(root)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        Look::at(slices, corpus, manifest)
    }

    /// Opens a corpus at one of its commits.
    pub fn at(slices: Slices, corpus: Corpus, manifest: Manifest) -> Result<Look> {
        corpus.check_folders(&manifest)?;
        let recipe = Recipe::without_models(slices, &corpus, &manifest)?;
        Ok(Look { corpus, manifest: Arc::new(manifest), slices, recipe })
    }

    /// Calls `each` with what is known of each of the `rows` of a label, which are in the order of
    /// refs. Reads each source and each segment once.
    pub fn views(
        &self,
        label: &Label,
        rows: &[LedgerRow],
        mut each: impl FnMut(&View) -> Result<()>,
    ) -> Result<()> {
        let explained = self.explained(label)?;
        let lookup = Lookup::new(&self.corpus, label);
        let mut kept = lookup.documents();
        let mut aside = lookup.documents_aside();
        let mut dropped =
            Sources::new(label, explained.slice.reader_of_all_defects(explained.settings));
        for row in rows {
            let view = match row.reason {
                None => view::of_kept(explained, row, kept.line(row)?)?,
                Some(_) => match aside.line(row)? {
                    Some(line) => view::of_aside(explained, row, line)?,
                    None => view::of_again(explained, row, dropped.read(row))?,
                },
            };
            each(&view)?;
        }
        Ok(())
    }
}

/// Replays.
impl Look {
    /// Reads a record of a label again, and returns what is known of it, with the document as it was
    /// read.
    pub fn again(&self, label: &Label, row: &LedgerRow) -> Result<(View, Option<Document>)> {
        let explained = self.explained(label)?;
        let again = source::read_at(explained, &label.sources[row.at.source() as usize], row);
        let again = again.unwrap_or_else(|| {
            let reader = explained.slice.reader_of_all_defects(explained.settings);
            Sources::new(label, reader).read(row)
        });
        let document = match &again {
            Again::Read(document, _) => Some(Document { at: row.at, ..(**document).clone() }),
            Again::Lost(_) => None,
        };
        Ok((view::of_again(explained, row, again)?, document))
    }

    /// Passes documents of a slice, as they were read, through its graph, each as far as it got.
    pub fn replay(
        &self,
        slice: &str,
        documents: Vec<Document>,
        rejected: BTreeMap<DocRef, Reason>,
    ) -> Result<Replayed> {
        let slice = find_slice(self.slices, slice)?;
        let graph = self.recipe.graph_without_models(slice, &self.manifest)?;
        let verdicts = Verdicts::Known(rejected);
        Ok(engine::replay(&self.corpus, &self.manifest, &graph, documents, verdicts))
    }

    /// Returns the indexes of a slice, in the order of its graph.
    pub fn indexes(&self, slice: &str) -> Result<Vec<IndexUse>> {
        Ok(self.replay(slice, Vec::new(), BTreeMap::new())?.indexes)
    }

    /// Returns the indexes of all slices, each with the slices that use it.
    pub fn all_indexes(&self) -> Result<Vec<(IndexUse, Vec<String>)>> {
        let mut used: Vec<(IndexUse, Vec<String>)> = Vec::new();
        for label in self.manifest.present() {
            for index in self.indexes(&label.slice)? {
                match used.iter_mut().find(|(known, _)| known.name == index.name) {
                    Some((_, slices)) if slices.contains(&label.slice) => {}
                    Some((_, slices)) => slices.push(label.slice.clone()),
                    None => used.push((index, vec![label.slice.clone()])),
                }
            }
        }
        Ok(used)
    }

    /// Calls `each` with each document of a label that was dropped because it is near to another one, as
    /// its ledger has it: that one, and the document.
    pub fn witnessed(&self, label: &Label, mut each: impl FnMut(DocRef, DocRef)) -> Result<()> {
        let labels = &self.manifest.labels;
        Lookup::new(&self.corpus, label).witnesses(|later, id| {
            if let Some(first) = corpus::ref_of_id(labels, id) {
                each(first, later);
            }
        })?;
        Ok(())
    }

    /// Returns the share of a label beyond which deduplication is to be warned of.
    pub fn warn_removed(&self) -> f64 {
        self.recipe.warn_removed
    }

    /// Returns what a slice is, and under which terms its texts may be used.
    pub fn terms(&self, slice: &str) -> Result<(&'static str, &'static str)> {
        let slice = find_slice(self.slices, slice)?;
        Ok((slice.about(), slice.terms().about))
    }

    fn explained(&self, label: &Label) -> Result<Explained<'_>> {
        let slice = find_slice(self.slices, &label.slice)?;
        Ok(Explained { slice, settings: self.recipe.settings(slice.name()) })
    }
}

/// What explains the fate of a record: its slice, with the settings of the corpus.
#[derive(Clone, Copy)]
struct Explained<'l> {
    slice: &'static dyn AnySlice,
    settings: &'l dyn AnySettings,
}
