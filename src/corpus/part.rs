//! The files that one worker writes in one epoch, and its report.

use crate::contamination::{contaminated_line, contaminated_row};
use crate::crash;
use crate::error::Error;
use crate::ledger::{LedgerRow, LedgerWriter};
use crate::manifest::{Counts, DefectRow, File, Label, Position};
use crate::segment::{self, SegmentWriter};
use crate::store::Corpus;
use arrangement::RunMeta;
use document::{Contamination, Document, Epoch};
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
    /// Its documents that are kept aside, if any.
    pub aside_segment: Option<File>,
    /// Their rows.
    pub aside_ledger: Option<File>,
    /// Its defects, the first [`DEFECTS_LISTED_MAX`](crate::DEFECTS_LISTED_MAX).
    pub defects: Vec<DefectRow>,
    /// The number of all its defects.
    pub defects_count: u64,
    /// Where it stopped inside a source, if it did.
    pub position: Option<Position>,
    /// The runs of its share of each index after the epoch.
    pub runs: BTreeMap<String, Vec<RunMeta>>,
}

impl EpochReport {
    /// Adds the files of its part.
    pub fn set_files(&mut self, files: PartFiles) {
        let PartFiles { counts, segment, ledger, aside_segment, aside_ledger } = files;
        (self.counts, self.segment, self.ledger) = (counts, segment, ledger);
        (self.aside_segment, self.aside_ledger) = (aside_segment, aside_ledger);
    }

    /// Returns the files of its part.
    pub fn into_files(self) -> PartFiles {
        let EpochReport { counts, segment, ledger, aside_segment, aside_ledger, .. } = self;
        PartFiles { counts, segment, ledger, aside_segment, aside_ledger }
    }

    /// Adds its counts and files to a label.
    pub fn add_to(&mut self, label: &mut Label) {
        label.counts.add(&self.counts);
        label.segments.extend(self.segment.take());
        label.ledger.extend(self.ledger.take());
        label.aside.segments.extend(self.aside_segment.take());
        label.aside.ledger.extend(self.aside_ledger.take());
    }
}

/// The files of one worker and epoch, those that have been written, and their sums.
#[derive(Clone, Debug, Default)]
pub struct PartFiles {
    /// Sums over all documents.
    pub counts: Counts,
    /// Kept documents.
    pub segment: Option<File>,
    /// Rows.
    pub ledger: Option<File>,
    /// Documents that decontamination changed or dropped, as they were before.
    pub aside_segment: Option<File>,
    /// Their rows, as they were before.
    pub aside_ledger: Option<File>,
}

impl PartFiles {
    /// The paths of the files, relative to the corpus.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let PartFiles { segment, ledger, aside_segment, aside_ledger, .. } = self;
        let files = [segment, ledger, aside_segment, aside_ledger];
        files.into_iter().flatten().map(|file| &*file.path)
    }

    /// Adds the counts and files to a label.
    pub fn add_to(self, label: &mut Label) {
        let mut report = EpochReport::default();
        report.set_files(self);
        report.add_to(label);
    }
}

/// Writes the documents of one worker in one epoch, in the order of their refs.
pub struct PartWriter {
    root: PathBuf,
    label: Arc<Label>,
    stem: String,
    segment: Option<SegmentWriter>,
    ledger: Option<LedgerWriter>,
    aside_segment: Option<SegmentWriter>,
    aside_ledger: Option<LedgerWriter>,
    counts: Counts,
}

const SEGMENT: &str = "jsonl.zst";
const LEDGER: &str = "parquet";

impl PartWriter {
    /// A writer of files of `label` for this epoch and worker. It creates them with the first document.
    pub fn new(corpus: &Corpus, label: Arc<Label>, epoch: Epoch, worker: usize) -> PartWriter {
        PartWriter {
            root: corpus.root().to_owned(),
            label,
            stem: format!("{epoch:08}-{worker:04}"),
            segment: None,
            ledger: None,
            aside_segment: None,
            aside_ledger: None,
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

    fn segment(&mut self) -> Result<&mut SegmentWriter, Error> {
        if self.segment.is_none() {
            self.segment = Some(SegmentWriter::create(&self.path("data", SEGMENT)?)?);
        }
        Ok(self.segment.as_mut().expect("made above"))
    }

    /// Writes a document to the ledger and, if it is kept, to the segment. `witness` is the id of its
    /// witness, which may be of another label.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn push(&mut self, document: &Document, witness: Option<String>) -> Result<(), Error> {
        let id = self.label.document_id(document.at);
        let source = self.label.sources[document.at.source() as usize].path.clone();
        let mut row = LedgerRow::new(document, id, &source, witness);
        if let Some(contamination) = &document.contamination {
            row = self.push_contaminated(document, contamination, row)?;
        } else if document.is_kept() {
            self.segment()?.push(document, &row.id)?;
        }
        if self.ledger.is_none() {
            crash::point("part-begun");
            self.ledger = Some(LedgerWriter::create(&self.path("ledger", LEDGER)?)?);
        }
        row.count(&mut self.counts);
        self.ledger.as_mut().expect("made above").push_row(row)
    }

    /// Writes a document that has something of evaluations: as it was, to the files kept aside, and
    /// what is kept of it, to the segment. Returns its row.
    fn push_contaminated(
        &mut self,
        document: &Document,
        contamination: &Contamination,
        built: LedgerRow,
    ) -> Result<LedgerRow, Error> {
        let line = segment::line(document, &built.id);
        if self.aside_segment.is_none() {
            self.aside_segment = Some(SegmentWriter::create(&self.path("aside", SEGMENT)?)?);
            self.aside_ledger = Some(LedgerWriter::create(&self.path("aside", LEDGER)?)?);
        }
        let aside = self.aside_segment.as_mut().expect("made above");
        aside.push_line(document.at, &line)?;
        let row = contaminated_row(&built, contamination);
        if let Some(line) = contaminated_line(&line, &built, contamination)? {
            self.segment()?.push_line(document.at, &line)?;
        }
        self.aside_ledger.as_mut().expect("made above").push_row(built)?;
        Ok(row)
    }

    /// Makes all files durable, and returns them.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(mut self) -> Result<PartFiles, Error> {
        let segment = self.segment.take().map(|file| file.finish(self.name("data", SEGMENT)));
        let aside_segment =
            self.aside_segment.take().map(|file| file.finish(self.name("aside", SEGMENT)));
        let mut files = PartFiles {
            segment: segment.transpose()?,
            aside_segment: aside_segment.transpose()?,
            ..PartFiles::default()
        };
        crash::point("segment-written");
        let ledger = self.ledger.take().map(|file| file.finish(self.name("ledger", LEDGER)));
        let aside_ledger =
            self.aside_ledger.take().map(|file| file.finish(self.name("aside", LEDGER)));
        (files.ledger, files.aside_ledger) = (ledger.transpose()?, aside_ledger.transpose()?);
        files.counts = self.counts;
        crash::point("part-finished");
        Ok(files)
    }
}
