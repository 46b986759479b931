//! What a run did.

use corpus::Label;
use std::time::Duration;

/// What a run did.
pub(crate) struct Summary {
    pub commit: u64,
    pub labels: Vec<LabelSummary>,
    /// Labels that were there already.
    pub skipped: Vec<Skipped>,
    /// What a user should know and is no defect.
    pub notices: Vec<String>,
    /// Labels of which nothing can be read, each with the reason: they are not in the corpus.
    pub refused: Vec<String>,
    pub elapsed: Duration,
    /// The language identifiers in use.
    pub models: Vec<String>,
    /// Whether this process is the first one, which reports for all.
    pub is_first_process: bool,
}

/// What came of one label in one run.
pub(crate) struct LabelSummary {
    pub label: Label,
    /// Text read before this run, by one that was cut short.
    pub bytes_read_before: u64,
    pub defects_new: u64,
}

/// A label that was complete before this run.
pub(crate) struct Skipped {
    pub label: Label,
    /// What is to be said of its sources as they are now.
    pub note: Option<String>,
}

impl Summary {
    /// Something could not be read. What a label had when it was added is listed again where it is
    /// asked for again, but is no result of this run.
    pub fn has_defects(&self) -> bool {
        self.labels.iter().any(|label| label.defects_new > 0)
    }

    pub fn bytes_read(&self) -> u64 {
        let read = |l: &LabelSummary| l.label.counts.bytes_read.saturating_sub(l.bytes_read_before);
        self.labels.iter().map(read).sum()
    }
}
