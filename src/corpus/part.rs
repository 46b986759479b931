//! The files that one worker writes in one epoch, and its report.

use crate::crash;
use crate::error::Error;
use crate::ledger::LedgerWriter;
use crate::manifest::{Counts, DefectRow, File, Label, Position};
use crate::segment::SegmentWriter;
use crate::store::Corpus;
use arrangement::RunMeta;
use document::{Document, Epoch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The report of one worker about one epoch: files for the manifest, and counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch.
    pub epoch: Epoch,
    /// The worker.
    pub worker: usize,
    /// Sums over its documents.
    pub counts: Counts,
    /// Its kept documents, if any.
    pub segment: Option<File>,
    /// Its rows, if any.
    pub ledger: Option<File>,
    /// Its defects, the first [`DEFECTS_LISTED_MAX`](crate::DEFECTS_LISTED_MAX).
    pub defects: Vec<DefectRow>,
    /// The number of all its defects.
    pub defects_count: u64,
    /// Where it stopped inside a source, if it did.
    pub position: Option<Position>,
    /// The runs of its share of each index after the epoch.
    pub runs: BTreeMap<String, Vec<RunMeta>>,
}

/// Writes the documents of one worker in one epoch, in the order of their refs.
pub struct PartWriter {
    root: PathBuf,
    label: Arc<Label>,
    stem: String,
    segment: Option<SegmentWriter>,
    ledger: Option<LedgerWriter>,
    counts: Counts,
}

impl PartWriter {
    /// A writer of files of `label` for this epoch and worker. It creates them with the first document.
    pub fn new(corpus: &Corpus, label: Arc<Label>, epoch: Epoch, worker: usize) -> PartWriter {
        PartWriter {
            root: corpus.root().to_owned(),
            label,
            stem: format!("{epoch:08}-{worker:04}"),
            segment: None,
            ledger: None,
            counts: Counts::default(),
        }
    }

    /// Path of a file in the corpus.
    fn name(&self, folder: &str, kind: &str) -> String {
        let Label { slice, name, .. } = &*self.label;
        format!("{folder}/{slice}/{name}/{}.{kind}", self.stem)
    }

    /// Its path in the file system. Creates the folder.
    fn path(&self, folder: &str, kind: &str) -> Result<PathBuf, Error> {
        let path = self.root.join(self.name(folder, kind));
        let dir = path.parent().expect("a folder of the label");
        durable::create_folders(dir).map_err(Error::io(dir))?;
        Ok(path)
    }

    /// Writes a document to the ledger and, if it is kept, to the segment.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn push(&mut self, document: &Document) -> Result<(), Error> {
        let id = self.label.document_id(document.at);
        if document.is_kept() {
            if self.segment.is_none() {
                self.segment = Some(SegmentWriter::create(&self.path("data", "jsonl.zst")?)?);
            }
            self.segment.as_mut().expect("made above").push(document, &id)?;
        }
        if self.ledger.is_none() {
            crash::point("part-begun");
            self.ledger = Some(LedgerWriter::create(&self.path("ledger", "parquet")?)?);
        }
        let source = &self.label.sources[document.at.source() as usize].path;
        self.ledger.as_mut().expect("made above").push(document, id, source)?;
        self.counts.count(document);
        Ok(())
    }

    /// Makes both files durable, and returns the counts, the segment and the ledger file.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(mut self) -> Result<(Counts, Option<File>, Option<File>), Error> {
        let segment = match self.segment.take() {
            Some(writer) => Some(writer.finish(self.name("data", "jsonl.zst"))?),
            None => None,
        };
        crash::point("segment-written");
        let ledger = match self.ledger.take() {
            Some(writer) => Some(writer.finish(self.name("ledger", "parquet"))?),
            None => None,
        };
        crash::point("part-finished");
        Ok((self.counts, segment, ledger))
    }
}
