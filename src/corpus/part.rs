//! What one worker writes of one epoch, and what it reports.

use crate::ledger::LedgerWriter;
use crate::manifest::{Counts, DefectRow, File, Label, Position};
use crate::segment::SegmentWriter;
use crate::{Corpus, Error, crash};
use arrangement::RunMeta;
use document::{Document, Epoch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What one worker did in one epoch: what a manifest will name, and what it adds up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch.
    pub epoch: Epoch,
    /// The worker.
    pub worker: usize,
    /// Sums over its documents.
    pub counts: Counts,
    /// Its documents that are kept, if any.
    pub segment: Option<File>,
    /// Its rows, if any.
    pub ledger: Option<File>,
    /// What it could not read.
    pub defects: Vec<DefectRow>,
    /// All of what it could not read.
    pub defects_count: u64,
    /// Where it stopped inside a source, if it did.
    pub position: Option<Position>,
    /// The runs of each index that are its share now.
    pub runs: BTreeMap<String, Vec<RunMeta>>,
}

/// Writes the documents of one epoch that one worker holds, in the order of their refs.
pub struct PartWriter {
    root: PathBuf,
    label: Arc<Label>,
    stem: String,
    segment: Option<SegmentWriter>,
    ledger: Option<LedgerWriter>,
    counts: Counts,
}

impl PartWriter {
    /// Files of `label` for that epoch and worker; they are made when the first row comes.
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

    /// The same in the file system, its folder made.
    fn path(&self, folder: &str, kind: &str) -> Result<PathBuf, Error> {
        let path = self.root.join(self.name(folder, kind));
        let dir = path.parent().expect("a folder of the label");
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        Ok(path)
    }

    /// Writes a document to the ledger and, if it is kept, to the segment.
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

    /// Makes both files durable.
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
