//! Where do the records of a segment begin in their sources? The ledger knows.

use crate::Error;
use crate::input::Source;
use corpus::Label;
use document::DocRef;

/// The offsets of the records of a segment.
pub(crate) struct Offsets {
    /// Number of the label in refs.
    label: u64,
    /// Refs, which ascend, and offsets.
    all: Vec<(DocRef, u64)>,
}

impl Source<'_> {
    /// Reads the offsets of the records of a segment.
    pub fn offsets(&self, (label, segment): (usize, usize)) -> Result<Offsets, Error> {
        let (file, _) = self.inputs[label].segments[segment];
        let mut all = Vec::new();
        let ledger = self.inputs[label].label.ledger.iter();
        for part in ledger.filter(|part| part.first <= file.last && file.first <= part.last) {
            corpus::offsets(&self.corpus.root().join(&part.path), |at, offset| {
                if (file.first..=file.last).contains(&at) {
                    all.push((at, offset));
                }
            })?;
        }
        all.sort_unstable();
        Ok(Offsets { label: file.first.label(), all })
    }
}

impl Offsets {
    /// Returns the offset of a document, by its id without slice and label; `None` if the ledger does
    /// not have it.
    pub fn of(&self, label: &Label, id: &str) -> Option<u64> {
        let (source, record) = id.rsplit_once('#')?;
        let record = record.parse().ok().filter(|record| *record < DocRef::RECORDS_MAX)?;
        let at = DocRef::new(self.label, label.source_named(source)?, record);
        let place = self.all.binary_search_by_key(&at, |(known, _)| *known).ok()?;
        Some(self.all[place].1)
    }
}
