//! Looking at the documents of a corpus, kept or dropped: rows of the ledger, texts from the segments,
//! and texts read again from their sources.

mod find;
mod plain;
mod sample;
mod source;
mod view;

pub(crate) use self::find::find;
pub(crate) use self::plain::{excerpt, whole};
pub(crate) use self::sample::sample;
pub(crate) use self::view::View;

use anyhow::{Context, Result};
use corpus::{Corpus, Label, LedgerRow, Lookup, Manifest};
use recipe::{AnySettings, AnySlice, Recipe, Slices, find_slice};
use std::path::Path;

/// A corpus to look into, at its newest commit.
pub(crate) struct Look {
    pub corpus: Corpus,
    pub manifest: Manifest,
    slices: Slices,
    recipe: Recipe,
}

impl Look {
    /// Opens a corpus. Models are not read.
    pub fn open(slices: Slices, root: &Path) -> Result<Look> {
        let corpus = Corpus::open(root)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        corpus.check_folders(&manifest)?;
        let recipe = Recipe::without_models(slices, &corpus, &manifest)?;
        Ok(Look { corpus, manifest, slices, recipe })
    }

    /// Returns what is known of each of the `rows` of a label, which are in the order of refs.
    pub fn views(&self, label: &Label, rows: &[LedgerRow]) -> Result<Vec<View>> {
        let slice = find_slice(self.slices, &label.slice)?;
        let kept: Vec<&LedgerRow> = rows.iter().filter(|row| row.reason.is_none()).collect();
        let mut lines = Lookup::new(&self.corpus, label).documents(&kept)?.into_iter();
        let dropped: Vec<&LedgerRow> = rows.iter().filter(|row| row.reason.is_some()).collect();
        let reader = slice.reader_of_all_defects(self.recipe.settings(slice.name()));
        let mut read = source::read_again(&reader, label, &dropped)?.into_iter();
        rows.iter()
            .map(|row| {
                if row.reason.is_none() {
                    let line = lines.next().context("a line for each kept document")?;
                    view::of_kept(self.explained(slice), row, &line)
                } else {
                    let found = read.next().context("a result for each dropped record")?;
                    view::of_dropped(self.explained(slice), row, found)
                }
            })
            .collect()
    }

    fn explained(&self, slice: &'static dyn AnySlice) -> Explained<'_> {
        Explained { slice, settings: self.recipe.settings(slice.name()) }
    }
}

/// What explains the fate of a record: its slice, with the settings of the corpus.
#[derive(Clone, Copy)]
struct Explained<'l> {
    slice: &'static dyn AnySlice,
    settings: &'l dyn AnySettings,
}
