//! What a revision changed.

use crate::ledger::{EXCLUDED, LedgerRow};
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
        let is_excluded = |row: &LedgerRow| row.reason.as_deref() == Some(EXCLUDED);
        let (was_kept, is_kept) = (before.reason.is_none(), after.reason.is_none());
        match (is_excluded(before), is_excluded(after)) {
            (true, true) => {}
            (false, true) => {
                self.excluded += 1;
                self.excluded_kept += u64::from(was_kept);
            }
            (true, false) => {
                self.restored += 1;
                self.restored_kept += u64::from(is_kept);
            }
            (false, false) => {
                self.kept_again += u64::from(!was_kept && is_kept);
                self.dropped += u64::from(was_kept && !is_kept);
                self.changed += u64::from(was_kept && is_kept && has_other_text);
            }
        }
    }

    /// Adds the counts of another label.
    pub fn add(&mut self, other: &Difference) {
        let Difference { excluded, excluded_kept, restored, restored_kept, .. } = other;
        self.excluded += excluded;
        self.excluded_kept += excluded_kept;
        self.restored += restored;
        self.restored_kept += restored_kept;
        self.kept_again += other.kept_again;
        self.dropped += other.dropped;
        self.changed += other.changed;
    }
}
