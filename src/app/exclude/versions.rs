//! Of which records there are newer versions, in the slices whose recipe lets only those stay.

use crate::ingest::RunOptions;
use anyhow::Result;
use corpus::{Corpus, Manifest, Superseded};
use document::DocRef;
use recipe::{Recipe, Slices};
use std::collections::BTreeMap;

/// Share of the memory for sorting.
const MEMORY_PART: u64 = 4;

/// The superseded records of a corpus, by slice.
#[derive(Default)]
pub(super) struct Versions(BTreeMap<&'static str, Superseded>);

impl Versions {
    pub fn of(
        slices: Slices,
        recipe: &Recipe,
        (corpus, manifest): (&Corpus, &Manifest),
        options: &RunOptions,
    ) -> Result<Versions> {
        let memory = (options.memory_bytes / MEMORY_PART) as usize;
        let mut of_slices = BTreeMap::new();
        for slice in slices {
            let Some(newest) = slice.newest(recipe.settings(slice.name())) else { continue };
            let of_slice = Superseded::of_slice(corpus, manifest, slice.name(), newest, memory)?;
            of_slices.insert(slice.name(), of_slice);
        }
        Ok(Versions(of_slices))
    }

    /// Whether all versions stay, in every slice.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether only the newest versions stay in a slice.
    pub fn has(&self, slice: &str) -> bool {
        self.0.contains_key(slice)
    }

    /// Whether a record of a slice has a newer version.
    pub fn supersede(&self, slice: &str, at: DocRef) -> bool {
        self.0.get(slice).is_some_and(|of_slice| of_slice.contains(at))
    }
}
