//! What a revision changed.

use crate::ledger::{EXCLUDED, LedgerRow, SUPERSEDED};
use serde::Serialize;

/// What a revision changed, in documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Excluded, which were not before.
    pub excluded: u64,
    /// Of these, documents that were kept.
    pub excluded_kept: u64,
    /// No longer excluded.
    pub restored: u64,
    /// Of these, documents that are kept.
    pub restored_kept: u64,
    /// Taken out because a later label has a newer version.
    pub superseded: u64,
    /// Of these, documents that were kept.
    pub superseded_kept: u64,
    /// No longer out because of a newer version.
    pub newest_again: u64,
    /// Of these, documents that are kept.
    pub newest_again_kept: u64,
    /// Other documents that were dropped and are kept now.
    pub kept_again: u64,
    /// Other documents that were kept and are dropped now.
    pub dropped: u64,
    /// Other documents that are kept with another text than before.
    pub changed: u64,
}

impl Difference {
    /// Counts a document by its rows before and after.
    pub(super) fn count(&mut self, before: &LedgerRow, after: &LedgerRow, has_other_text: bool) {
        let (was_kept, is_kept) = (before.reason.is_none(), after.reason.is_none());
        let has = |row: &LedgerRow, mark: &str| row.reason.as_deref() == Some(mark);
        for (mark, taken, back) in [
            (
                EXCLUDED,
                (&mut self.excluded, &mut self.excluded_kept),
                (&mut self.restored, &mut self.restored_kept),
            ),
            (
                SUPERSEDED,
                (&mut self.superseded, &mut self.superseded_kept),
                (&mut self.newest_again, &mut self.newest_again_kept),
            ),
        ] {
            let (counts, is_of_corpus) = match (has(before, mark), has(after, mark)) {
                (false, true) => (taken, was_kept),
                // What is excluded does not come back.
                (true, false) if mark == EXCLUDED || !has(after, EXCLUDED) => (back, is_kept),
                _ => continue,
            };
            *counts.0 += 1;
            *counts.1 += u64::from(is_of_corpus);
        }
        let is_out = |row: &LedgerRow| has(row, EXCLUDED) || has(row, SUPERSEDED);
        if !is_out(before) && !is_out(after) {
            self.kept_again += u64::from(!was_kept && is_kept);
            self.dropped += u64::from(was_kept && !is_kept);
            self.changed += u64::from(was_kept && is_kept && has_other_text);
        }
    }

    /// Adds the counts of another label.
    pub fn add(&mut self, other: &Difference) {
        let Difference { excluded, excluded_kept, restored, restored_kept, .. } = other;
        self.excluded += excluded;
        self.excluded_kept += excluded_kept;
        self.restored += restored;
        self.restored_kept += restored_kept;
        self.superseded += other.superseded;
        self.superseded_kept += other.superseded_kept;
        self.newest_again += other.newest_again;
        self.newest_again_kept += other.newest_again_kept;
        self.kept_again += other.kept_again;
        self.dropped += other.dropped;
        self.changed += other.changed;
    }
}
