//! A change of one part of a label.

use super::again::{Again, changed};
use super::lines::{LinePair, PartLines};
use super::part::{BuiltRow, Part};
use super::{Changes, Comparison, Difference, Judge};
use crate::contamination::{contaminated_line, contaminated_row};
use crate::error::Error;
use crate::ledger::{LedgerRow, LedgerWriter, Rejection};
use crate::manifest::{Counts, File};
use crate::part::PartFiles;
use crate::segment::SegmentWriter;
use crate::store::Corpus;
use document::{CONTAMINATED, Contamination};
use std::path::{Path, PathBuf};

/// A change of one part.
pub(super) struct Change<'c> {
    pub corpus: &'c Corpus,
    pub part: &'c Part<'c>,
    pub mark: &'c str,
    pub changes: &'c Changes<'c>,
}

/// What came of a change.
pub(super) struct Changed {
    /// The files, with the counts of their rows.
    pub files: PartFiles,
    /// The counts of the rows before.
    pub before: Counts,
    pub difference: Difference,
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// It is as it was built.
    AsBuilt,
    /// It is what it is.
    Stays,
    Rejected(Rejection),
    Contaminated(Contamination),
}

impl Verdict {
    /// Returns the row of a document, if it is not as it was built.
    fn row(&self, row: &BuiltRow) -> Option<LedgerRow> {
        let mut decided = row.built.clone();
        match self {
            Verdict::AsBuilt => return None,
            Verdict::Stays => return row.revised.clone(),
            Verdict::Rejected(rejection) => decided.reject(rejection.clone()),
            Verdict::Contaminated(found) => decided = contaminated_row(&decided, found),
        }
        (decided != row.built).then_some(decided)
    }

    /// Compares a document with evaluations.
    fn of_text(judge: Option<&Judge>, row: &BuiltRow, lines: &LinePair) -> Result<Verdict, Error> {
        let Some(judge) = judge else { return Ok(Verdict::AsBuilt) };
        let found = judge(&lines.built_text(&row.built)?);
        Ok(found.map_or(Verdict::AsBuilt, Verdict::Contaminated))
    }
}

impl Change<'_> {
    /// Makes the change. `None` if nothing changes.
    pub fn make(&self, again: &mut Again<'_>) -> Result<Option<Changed>, Error> {
        match self.changes.comparison {
            Comparison::Anew(judge) => {
                let verdicts = self.compare(judge)?;
                verdicts.map(|verdicts| self.write(again, Some(verdicts))).transpose()
            }
            Comparison::OfReturning(_) if self.is_any()? => self.write(again, None).map(Some),
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
        let Change { part, changes, .. } = self;
        if !(changes.may_change)(part.ledger.first, part.ledger.last) {
            return Ok(false);
        }
        let File { first, last, .. } = *part.ledger;
        let is_again = |file: &File| file.first <= last && first <= file.last;
        let mut ledgers = changes.rounds.iter().flatten().filter_map(|files| files.ledger.as_ref());
        if ledgers.any(is_again) {
            return Ok(true);
        }
        for row in part.rows(self.corpus)? {
            let row = row?;
            let mark = (changes.marks)(row.built.at);
            let is_marked_anew = mark.is_some_and(|mark| row.built.marked(mark) != row.built);
            let changes_verdict = || match (changes.verdict)(&row.built) {
                None => is_dropped_otherwise(&row),
                Some(rejection) => Verdict::Rejected(rejection).row(&row) != row.revised,
            };
            if is_marked_anew || changes_verdict() {
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
    fn write(
        &self,
        again: &mut Again<'_>,
        verdicts: Option<Vec<Verdict>>,
    ) -> Result<Changed, Error> {
        let Change { corpus, part, changes, .. } = self;
        let mut of_part = PartLines::open(corpus, part)?;
        let mut verdicts = verdicts.map(Vec::into_iter);
        let mut output = Output::new(self);
        let (mut lines, mut new_lines) = (LinePair::default(), LinePair::default());
        let (mut before, mut difference) = (Counts::default(), Difference::default());
        for row in part.rows(corpus)? {
            let mut row = row?;
            let at = row.built.at;
            of_part.read(&row, &mut lines)?;
            let row_before = row.now().clone();
            row_before.count(&mut before);
            let line_before = lines.now.clone();
            if let Some(new) = again.take(at, &mut new_lines)? {
                if !new.built.is_of_same_record(&row.built) {
                    return Err(changed(&row.built));
                }
                row = new;
                std::mem::swap(&mut lines, &mut new_lines);
            }
            if let Some(mark) = (changes.marks)(at) {
                row = BuiltRow { built: row.built.marked(mark), revised: None };
            }
            let verdict = match &mut verdicts {
                Some(verdicts) => verdicts.next().expect("one for each row"),
                None => self.decide(&row, &lines)?,
            };
            let (row_after, line_after) = output.push(row, &lines, &verdict)?;
            difference.count(&row_before, &row_after, line_after != line_before);
        }
        of_part.end()?;
        Ok(Changed { files: output.finish()?, before, difference })
    }

    fn name(&self, folder: &str, kind: &str) -> String {
        let path = &self.part.ledger.path;
        let below = path.strip_prefix("ledger/").unwrap_or(path);
        marked(&format!("{folder}/{below}"), self.mark, kind)
    }
}

/// Whether a revision dropped a document, and not for what it has of evaluations.
fn is_dropped_otherwise(row: &BuiltRow) -> bool {
    let reason = row.revised.as_ref().and_then(|revised| revised.reason.as_deref());
    reason.is_some_and(|reason| reason != CONTAMINATED)
}

/// The files of a part that is written anew.
struct Output {
    counts: Counts,
    ledger: NewFile<LedgerWriter>,
    segment: NewFile<SegmentWriter>,
    ledger_aside: NewFile<LedgerWriter>,
    segment_aside: NewFile<SegmentWriter>,
}

impl Output {
    fn new(change: &Change<'_>) -> Output {
        let root = change.corpus.root();
        Output {
            counts: Counts::default(),
            ledger: NewFile::new(root, change.name("ledger", "parquet")),
            segment: NewFile::new(root, change.name("data", "jsonl.zst")),
            ledger_aside: NewFile::new(root, change.name("aside", "parquet")),
            segment_aside: NewFile::new(root, change.name("aside", "jsonl.zst")),
        }
    }

    /// Writes a document after a verdict. Returns its row, and its line, which is empty if it is
    /// dropped.
    fn push(
        &mut self,
        row: BuiltRow,
        lines: &LinePair,
        verdict: &Verdict,
    ) -> Result<(LedgerRow, Vec<u8>), Error> {
        let (at, was_kept) = (row.built.at, row.built.reason.is_none());
        let (row, line) = match verdict.row(&row) {
            None => (row.built, was_kept.then(|| lines.built.clone())),
            Some(decided) => {
                if was_kept {
                    self.segment_aside.open(SegmentWriter::create)?.push_line(at, &lines.built)?;
                }
                let line = match verdict {
                    Verdict::Contaminated(found) => {
                        contaminated_line(&lines.built, &row.built, found)?
                    }
                    Verdict::Stays => decided.reason.is_none().then(|| lines.now.clone()),
                    Verdict::AsBuilt | Verdict::Rejected(_) => None,
                };
                self.ledger_aside.open(LedgerWriter::create)?.push_row(row.built)?;
                (decided, line)
            }
        };
        if let Some(line) = &line {
            self.segment.open(SegmentWriter::create)?.push_line(at, line)?;
        }
        row.count(&mut self.counts);
        self.ledger.open(LedgerWriter::create)?.push_row(row.clone())?;
        Ok((row, line.unwrap_or_default()))
    }

    fn finish(self) -> Result<PartFiles, Error> {
        Ok(PartFiles {
            counts: self.counts,
            ledger: self.ledger.finish(LedgerWriter::finish)?,
            segment: self.segment.finish(SegmentWriter::finish)?,
            aside_ledger: self.ledger_aside.finish(LedgerWriter::finish)?,
            aside_segment: self.segment_aside.finish(SegmentWriter::finish)?,
        })
    }
}

/// A file that is created with its first line or row.
struct NewFile<W> {
    name: String,
    path: PathBuf,
    writer: Option<W>,
}

impl<W> NewFile<W> {
    fn new(root: &Path, name: String) -> NewFile<W> {
        NewFile { path: root.join(&name), name, writer: None }
    }

    fn open(&mut self, create: fn(&Path) -> Result<W, Error>) -> Result<&mut W, Error> {
        if self.writer.is_none() {
            let folder = self.path.parent().expect("a folder of the corpus");
            durable::create_folders(folder).map_err(Error::io(folder))?;
            self.writer = Some(create(&self.path)?);
        }
        Ok(self.writer.as_mut().expect("made above"))
    }

    fn finish(self, finish: fn(W, String) -> Result<File, Error>) -> Result<Option<File>, Error> {
        self.writer.map(|writer| finish(writer, self.name)).transpose()
    }
}

/// Returns the name of a revision: `00000001-0000.jsonl.zst` becomes `00000001-0000.r7.jsonl.zst`.
fn marked(name: &str, mark: &str, kind: &str) -> String {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let stem = name[file..].find('.').map_or(name.len(), |dot| file + dot);
    format!("{}.{mark}.{kind}", &name[..stem])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_of_a_revision_has_one_mark() {
        let first = marked("data/s/2019.x/00000001-0000.jsonl.zst", "r7", "jsonl.zst");
        assert_eq!(first, "data/s/2019.x/00000001-0000.r7.jsonl.zst");
        assert_eq!(marked(&first, "r8", "jsonl.zst"), "data/s/2019.x/00000001-0000.r8.jsonl.zst");
    }
}
