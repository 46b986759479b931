//! What a run did.

use corpus::{Difference, Label, Manifest};
use engine::OperatorFigures;
use std::time::Duration;

/// What a run did.
pub(crate) struct Summary {
    pub commit: u64,
    pub labels: Vec<LabelSummary>,
    /// Labels that were complete already.
    pub skipped: Vec<Skipped>,
    /// Notices, which are not defects.
    pub notices: Vec<String>,
    /// Labels that were not added because nothing of them can be read, each with the reason.
    pub refused: Vec<String>,
    /// What newer versions changed in the labels that were there.
    pub versions: Difference,
    pub elapsed: Duration,
    /// The language identifiers in use.
    pub models: Vec<String>,
    /// The operators, over all workers; none if the run was not to time them.
    pub operators: Vec<OperatorFigures>,
    /// Whether this process is the first one, which reports for all.
    pub is_first_process: bool,
}

/// The result of a run for one label.
pub(crate) struct LabelSummary {
    pub label: Label,
    /// Text read by earlier runs that were interrupted.
    pub bytes_read_before: u64,
    pub defects_new: u64,
}

impl LabelSummary {
    /// Compares the label of this number in the manifests before and after a run.
    pub fn of(label: usize, before: &Manifest, after: &Manifest) -> LabelSummary {
        let (old, label) = (before.labels.get(label), &after.labels[label]);
        LabelSummary {
            label: label.clone(),
            bytes_read_before: old.map_or(0, |old| old.counts.bytes_read),
            defects_new: label.defects_count - old.map_or(0, |old| old.defects_count),
        }
    }
}

/// A label that was complete before this run.
pub(crate) struct Skipped {
    pub label: Label,
    /// A remark on the current state of its sources.
    pub note: Option<String>,
    /// Whether the content of its sources is no longer what was read.
    pub has_changed: bool,
}

impl Summary {
    /// Returns whether this run found defects, or sources that are no longer what was read. Defects
    /// of labels that were complete already do not count, though they are listed again.
    pub fn has_defects(&self) -> bool {
        self.labels.iter().any(|label| label.defects_new > 0)
            || self.skipped.iter().any(|skipped| skipped.has_changed)
    }

    pub fn bytes_read(&self) -> u64 {
        let read = |l: &LabelSummary| l.label.counts.bytes_read.saturating_sub(l.bytes_read_before);
        self.labels.iter().map(read).sum()
    }
}
