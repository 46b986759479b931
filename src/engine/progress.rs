//! Counters that a display reads during a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Progress of this process with one label.
#[derive(Debug, Default)]
pub struct LabelProgress {
    /// `slice/label`.
    pub name: String,
    /// Bytes of the sources, as stored, that this process reads in this run.
    pub stored_bytes_total: u64,
    /// Of these, bytes read so far.
    pub stored_bytes: AtomicU64,
    /// Documents read.
    pub documents: AtomicU64,
    /// Bytes of text read.
    pub text_bytes: AtomicU64,
    /// Documents that have reached the sink.
    pub finished: AtomicU64,
    /// Of these, kept.
    pub kept: AtomicU64,
}

/// Counters of a run, by label number.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    labels: Arc<Vec<(u64, LabelProgress)>>,
}

impl Progress {
    /// Counters for labels: number, name, and stored bytes to read.
    pub fn new(labels: impl IntoIterator<Item = (u64, String, u64)>) -> Progress {
        let labels = labels.into_iter().map(|(number, name, stored_bytes_total)| {
            (number, LabelProgress { name, stored_bytes_total, ..LabelProgress::default() })
        });
        Progress { labels: Arc::new(labels.collect()) }
    }

    /// The counters of every label.
    pub fn labels(&self) -> impl Iterator<Item = &LabelProgress> {
        self.labels.iter().map(|(_, label)| label)
    }

    fn label(&self, number: u64) -> Option<&LabelProgress> {
        self.labels.iter().find(|(known, _)| *known == number).map(|(_, label)| label)
    }

    pub(crate) fn read(&self, label: u64, documents: u64, text_bytes: u64, stored_bytes: u64) {
        let Some(label) = self.label(label) else { return };
        label.documents.fetch_add(documents, Relaxed);
        label.text_bytes.fetch_add(text_bytes, Relaxed);
        label.stored_bytes.fetch_add(stored_bytes, Relaxed);
    }

    pub(crate) fn finished(&self, label: u64, documents: u64, kept: u64) {
        let Some(label) = self.label(label) else { return };
        label.finished.fetch_add(documents, Relaxed);
        label.kept.fetch_add(kept, Relaxed);
    }
}
