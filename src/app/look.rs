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

use self::source::Sources;
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

    /// Calls `each` with what is known of each of the `rows` of a label, which are in the order of
    /// refs. Reads each source and each segment once.
    pub fn views(
        &self,
        label: &Label,
        rows: &[LedgerRow],
        mut each: impl FnMut(&View) -> Result<()>,
    ) -> Result<()> {
        let slice = find_slice(self.slices, &label.slice)?;
        let explained = Explained { slice, settings: self.recipe.settings(slice.name()) };
        let lookup = Lookup::new(&self.corpus, label);
        let mut kept = lookup.documents();
        let mut aside = lookup.documents_aside();
        let mut dropped = Sources::new(label, slice.reader_of_all_defects(explained.settings));
        for row in rows {
            let view = match row.reason {
                None => view::of_kept(explained, row, kept.line(row)?)?,
                Some(_) => match aside.line(row)? {
                    Some(line) => view::of_aside(explained, row, line)?,
                    None => view::of_dropped(explained, row, dropped.read(row))?,
                },
            };
            each(&view)?;
        }
        Ok(())
    }
}

/// What explains the fate of a record: its slice, with the settings of the corpus.
#[derive(Clone, Copy)]
struct Explained<'l> {
    slice: &'static dyn AnySlice,
    settings: &'l dyn AnySettings,
}
