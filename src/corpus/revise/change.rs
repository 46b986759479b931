//! A change of one part of a label, in which any document may change.

use super::lines::{LinePair, PartLines};
use super::new_file::{NewFile, marked};
use super::part::{BuiltRow, Part};
use super::verdict::{After, Verdict, is_dropped_otherwise};
use super::{Changes, Comparison, Difference, Judge};
use crate::error::Error;
use crate::ledger::LedgerWriter;
use crate::manifest::Counts;
use crate::part::PartFiles;
use crate::segment::SegmentWriter;
use crate::store::Corpus;

/// A change of one part.
pub(super) struct Change<'c> {
    pub corpus: &'c Corpus,
    pub part: &'c Part<'c>,
    pub mark: &'c str,
    pub changes: &'c Changes<'c>,
}

/// What came of a change.
pub(super) struct Changed {
    /// The files.
    pub files: PartFiles,
    /// The counts of rows before, among them all that changed, and of the same rows now.
    pub before: Counts,
    pub now: Counts,
    pub difference: Difference,
}

impl Change<'_> {
    /// Makes the change. `None` if nothing changes.
    pub fn make(&self) -> Result<Option<Changed>, Error> {
        match self.changes.comparison {
            Comparison::Anew(judge) => {
                let verdicts = self.compare(judge)?;
                verdicts.map(|verdicts| self.write(Some(verdicts))).transpose()
            }
            Comparison::OfReturning(_) if self.is_any()? => self.write(None).map(Some),
            Comparison::OfReturning(_) => Ok(None),
        }
    }

    /// Compares all documents with evaluations, but for those that an earlier revision dropped for
    /// another reason. `None` if nothing changes.
    fn compare(&self, judge: Option<&Judge>) -> Result<Option<Vec<Verdict>>, Error> {
        let mut of_part = PartLines::open(self.corpus, self.part)?;
        let (mut lines, mut verdicts, mut is_any) = (LinePair::default(), Vec::new(), false);
        for row in self.part.rows(self.corpus)? {
            let row = row?;
            of_part.read(&row, &mut lines)?;
            let was_kept = row.built.reason.is_none();
            // What is pruned is known only as it is.
            let is_pruned = row.built.contamination.is_some();
            let verdict = if !was_kept || is_pruned || is_dropped_otherwise(&row) {
                Verdict::Stays
            } else {
                Verdict::of_text(judge, &row, &lines)?
            };
            is_any |= verdict.row(&row) != row.revised;
            verdicts.push(verdict);
        }
        Ok(is_any.then_some(verdicts))
    }

    /// Whether anything changes, if documents are not compared anew.
    fn is_any(&self) -> Result<bool, Error> {
        for row in self.part.rows(self.corpus)? {
            let row = row?;
            let changes_verdict = match (self.changes.verdict)(&row.built) {
                None => is_dropped_otherwise(&row),
                Some(rejection) => Verdict::Rejected(rejection).row(&row) != row.revised,
            };
            if changes_verdict {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what becomes of a document, if documents are not compared anew.
    fn decide(&self, row: &BuiltRow, lines: &LinePair) -> Result<Verdict, Error> {
        if let Some(rejection) = (self.changes.verdict)(&row.built) {
            return Ok(Verdict::Rejected(rejection));
        }
        if !is_dropped_otherwise(row) {
            return Ok(Verdict::Stays);
        }
        match self.changes.comparison {
            Comparison::OfReturning(judge) if row.built.reason.is_none() => {
                Verdict::of_text(judge, row, lines)
            }
            Comparison::OfReturning(_) | Comparison::Anew(_) => Ok(Verdict::AsBuilt),
        }
    }

    /// Writes the part anew. Without verdicts, decides about each document.
    fn write(&self, verdicts: Option<Vec<Verdict>>) -> Result<Changed, Error> {
        let Change { corpus, part, mark, .. } = self;
        let mut of_part = PartLines::open(corpus, part)?;
        let mut verdicts = verdicts.map(Vec::into_iter);
        let mut output = Output::new(corpus, part, mark);
        let (mut before, mut now) = (Counts::default(), Counts::default());
        let (mut lines, mut difference) = (LinePair::default(), Difference::default());
        for row in part.rows(corpus)? {
            let row = row?;
            of_part.read(&row, &mut lines)?;
            let row_before = row.now().clone();
            let verdict = match &mut verdicts {
                Some(verdicts) => verdicts.next().expect("one for each row"),
                None => self.decide(&row, &lines)?,
            };
            let after = verdict.apply(row, &lines)?;
            row_before.count(&mut before);
            after.row.count(&mut now);
            let has_other_text = after.line.as_ref().is_some_and(|line| *line != lines.now);
            difference.count(&row_before, &after.row, has_other_text);
            output.push(after, &lines)?;
        }
        of_part.end()?;
        Ok(Changed { files: output.finish()?, before, now, difference })
    }
}

/// The files of a part that is written anew.
struct Output {
    ledger: NewFile<LedgerWriter>,
    segment: NewFile<SegmentWriter>,
    ledger_aside: NewFile<LedgerWriter>,
    segment_aside: NewFile<SegmentWriter>,
}

impl Output {
    fn new(corpus: &Corpus, part: &Part<'_>, mark: &str) -> Output {
        let (root, path) = (corpus.root(), &*part.ledger.path);
        Output {
            ledger: NewFile::new(root, marked(path, "ledger", mark, "parquet")),
            segment: NewFile::new(root, marked(path, "data", mark, "jsonl.zst")),
            ledger_aside: NewFile::new(root, marked(path, "aside", mark, "parquet")),
            segment_aside: NewFile::new(root, marked(path, "aside", mark, "jsonl.zst")),
        }
    }

    /// Writes a document.
    fn push(&mut self, after: After, lines: &LinePair) -> Result<(), Error> {
        let After { row, line, aside } = after;
        if let Some(built) = aside {
            if built.reason.is_none() {
                let segment = self.segment_aside.open(SegmentWriter::create)?;
                segment.push_line(built.at, &lines.built)?;
            }
            self.ledger_aside.open(LedgerWriter::create)?.push_row(built)?;
        }
        if let Some(line) = line {
            self.segment.open(SegmentWriter::create)?.push_line(row.at, &line)?;
        }
        self.ledger.open(LedgerWriter::create)?.push_row(row)
    }

    fn finish(self) -> Result<PartFiles, Error> {
        Ok(PartFiles {
            ledger: self.ledger.finish(LedgerWriter::finish)?,
            segment: self.segment.finish(SegmentWriter::finish)?,
            aside_ledger: self.ledger_aside.finish(LedgerWriter::finish)?,
            aside_segment: self.segment_aside.finish(SegmentWriter::finish)?,
            ..PartFiles::default()
        })
    }
}
