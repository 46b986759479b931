//! Changing documents of a corpus after the fact.
//!
//! A revision of thresholds is a function of the label as it was built: its verdict decides for each
//! row as built, so the order of revisions leaves no trace. What a verdict drops is kept aside, in
//! files that the manifest lists in [`Aside`]: the line of each document that was kept, and the row
//! of each document that changed.
//!
//! A revision of exclusions changes what the label as built is: it takes documents out, and puts
//! others, which were read again because of that, in their places.

mod again;

use self::again::{Again, changed};
use crate::error::Error;
use crate::ledger::{self, EXCLUDED, LedgerRow, LedgerWriter, Rejection};
use crate::manifest::{Aside, File, Label};
use crate::segment::{SegmentReader, SegmentWriter, line_end};
use crate::store::Corpus;
use document::DocRef;
use serde::Serialize;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// A row of a label as it was built.
#[derive(Clone, Debug, PartialEq)]
pub struct BuiltRow {
    /// The row when the label was built.
    pub built: LedgerRow,
    /// The row now, if a revision changed it.
    pub revised: Option<LedgerRow>,
}

impl BuiltRow {
    /// Returns the row as it is now.
    pub fn now(&self) -> &LedgerRow {
        self.revised.as_ref().unwrap_or(&self.built)
    }
}

/// Returns the rows of a label as they were built, in order.
///
/// # Errors
/// The iterator yields an error if a file cannot be opened or is damaged.
pub fn rows_as_built(
    corpus: &Corpus,
    label: &Label,
) -> impl Iterator<Item = Result<BuiltRow, Error>> {
    parts(label).flat_map(|part| {
        let (rows, error) = match part.rows(corpus) {
            Ok(rows) => (Some(rows), None),
            Err(error) => (None, Some(Err(error))),
        };
        rows.into_iter().flatten().chain(error)
    })
}

/// What a revision changes in a label.
pub struct Changes<'c> {
    /// Rejects documents by their rows as built; all others become as they were built.
    pub verdict: &'c dyn Fn(&LedgerRow) -> Option<Rejection>,
    /// Whether a document is excluded, and if so, whether it is forgotten.
    pub excluded: &'c dyn Fn(DocRef) -> Option<bool>,
    /// Documents that were read again take the place of their rows and lines.
    pub rounds: &'c [Rounds],
    /// Whether a document between two refs may be excluded, or was read again.
    pub may_change: &'c dyn Fn(DocRef, DocRef) -> bool,
}

/// The parts that one run over documents of the label wrote, in the order of refs: the rows, and the
/// kept documents if there are any.
pub type Rounds = Vec<(File, Option<File>)>;

impl<'c> Changes<'c> {
    /// Another verdict, and nothing else.
    pub fn of_verdict(verdict: &'c dyn Fn(&LedgerRow) -> Option<Rejection>) -> Changes<'c> {
        Changes { verdict, excluded: &|_| None, rounds: &[], may_change: &|_, _| true }
    }
}

/// Makes `changes` in `label`. Files that change are written as copies with `mark` in their names.
/// Returns the label with the new files, which become part of the corpus when it is committed.
///
/// # Errors
/// If a file cannot be read or written, or is damaged; and if a document that was read again is
/// another one than when the label was built.
pub fn revise(
    corpus: &Corpus,
    label: &Label,
    mark: &str,
    changes: &Changes<'_>,
) -> Result<(Label, Difference), Error> {
    let built = label.aside.built.clone();
    let mut revised = Label {
        segments: Vec::new(),
        ledger: Vec::new(),
        aside: Aside { built, ..Aside::default() },
        ..label.clone()
    };
    let mut again = Again::open(corpus, changes.rounds);
    let mut difference = Difference::default();
    let mut in_order: Vec<Part<'_>> = parts(label).collect();
    in_order.sort_by_key(|part| part.ledger.first);
    for part in in_order {
        let change = Change { corpus, part: &part, mark, changes };
        if change.is_any()? {
            change.make(&mut again, &mut revised, &mut difference)?;
            continue;
        }
        revised.ledger.push(part.ledger.clone());
        revised.segments.extend(part.segment.cloned());
        revised.aside.ledger.extend(part.aside_ledger.cloned());
        revised.aside.segments.extend(part.aside_segment.cloned());
    }
    again.end()?;
    Ok((revised, difference))
}

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
    fn count(&mut self, before: &LedgerRow, after: &LedgerRow, has_other_text: bool) {
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

/// Returns the row with its rejection, if that changes it.
fn decide(
    built: &LedgerRow,
    verdict: &dyn Fn(&LedgerRow) -> Option<Rejection>,
) -> Option<LedgerRow> {
    let mut row = built.clone();
    row.reject(verdict(built)?);
    (row != *built).then_some(row)
}

/// The files that one worker wrote in one epoch.
pub(crate) struct Part<'l> {
    pub ledger: &'l File,
    pub segment: Option<&'l File>,
    pub aside_ledger: Option<&'l File>,
    pub aside_segment: Option<&'l File>,
}

/// Returns the parts of a label.
fn parts(label: &Label) -> impl Iterator<Item = Part<'_>> {
    label.ledger.iter().map(|ledger| {
        // A worker writes one range of refs of an epoch, to one ledger file and one segment.
        let of = |files: &'_ [File]| files.iter().position(|file| is_within(file, ledger));
        Part {
            ledger,
            segment: of(&label.segments).map(|at| &label.segments[at]),
            aside_ledger: of(&label.aside.ledger).map(|at| &label.aside.ledger[at]),
            aside_segment: of(&label.aside.segments).map(|at| &label.aside.segments[at]),
        }
    })
}

/// Whether the documents of a file are in the range of a part of the ledger.
pub(crate) fn is_within(file: &File, ledger: &File) -> bool {
    ledger.first <= file.first && file.last <= ledger.last
}

impl Part<'_> {
    /// Returns its rows as they were built.
    pub fn rows(&self, corpus: &Corpus) -> Result<RowsAsBuilt, Error> {
        let open = |file: &File| -> Result<(PathBuf, Rows), Error> {
            let path = corpus.root().join(&file.path);
            let rows: Rows = Box::new(ledger::rows(&path)?);
            Ok((path, rows))
        };
        let (_, now) = open(self.ledger)?;
        let aside = self.aside_ledger.map(open).transpose()?;
        Ok(RowsAsBuilt { now, aside: aside.map(|(path, rows)| (path, rows.peekable())) })
    }
}

type Rows = Box<dyn Iterator<Item = Result<LedgerRow, Error>>>;

/// The rows of a part, with those kept aside in their places.
pub(crate) struct RowsAsBuilt {
    now: Rows,
    aside: Option<(PathBuf, Peekable<Rows>)>,
}

impl Iterator for RowsAsBuilt {
    type Item = Result<BuiltRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let now = match self.now.next() {
            Some(Ok(row)) => row,
            Some(Err(error)) => return Some(Err(error)),
            None => {
                // A row that no row of the ledger met.
                let (path, rows) = self.aside.as_mut()?;
                let row = rows.next()?;
                return Some(row.and_then(|row| Err(unmatched(path, &row))));
            }
        };
        let Some((path, rows)) = &mut self.aside else {
            return Some(Ok(BuiltRow { built: now, revised: None }));
        };
        let is_aside = match rows.peek() {
            Some(Ok(row)) if row.at > now.at => false,
            None => false,
            Some(_) => true,
        };
        if !is_aside {
            return Some(Ok(BuiltRow { built: now, revised: None }));
        }
        Some(rows.next().expect("peeked above").and_then(|built| {
            if built.at != now.at || built.id != now.id || now.reason.is_none() || built == now {
                return Err(unmatched(path, &built));
            }
            Ok(BuiltRow { built, revised: Some(now) })
        }))
    }
}

fn unmatched(path: &Path, row: &LedgerRow) -> Error {
    let what = format!("it has {}, which the ledger does not say a later recipe dropped", row.id);
    Error::corrupt(path, what)
}

/// A change of one part.
struct Change<'c> {
    corpus: &'c Corpus,
    part: &'c Part<'c>,
    mark: &'c str,
    changes: &'c Changes<'c>,
}

impl Change<'_> {
    /// Whether anything changes.
    fn is_any(&self) -> Result<bool, Error> {
        let Change { part, changes, .. } = self;
        if !(changes.may_change)(part.ledger.first, part.ledger.last) {
            return Ok(false);
        }
        let File { first, last, .. } = *part.ledger;
        let is_again = |file: &File| file.first <= last && first <= file.last;
        if changes.rounds.iter().flatten().any(|(file, _)| is_again(file)) {
            return Ok(true);
        }
        for row in part.rows(self.corpus)? {
            let row = row?;
            let forget = (changes.excluded)(row.built.at);
            let is_excluded = row.built.reason.as_deref() == Some(EXCLUDED);
            let changes_exclusion = forget.is_some() && !is_excluded;
            let is_forgotten = || row.built == row.built.excluded(true);
            let is_to_be_forgotten = forget == Some(true) && !is_forgotten();
            if changes_exclusion
                || is_to_be_forgotten
                || decide(&row.built, changes.verdict) != row.revised
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn name(&self, folder: &str, kind: &str) -> String {
        let path = &self.part.ledger.path;
        let below = path.strip_prefix("ledger/").unwrap_or(path);
        marked(&format!("{folder}/{below}"), self.mark, kind)
    }

    /// Writes the part anew, and adds its files and counts to `revised`.
    fn make(
        &self,
        again: &mut Again,
        revised: &mut Label,
        difference: &mut Difference,
    ) -> Result<(), Error> {
        let Change { corpus, part, changes, .. } = self;
        let open = |file: &File| Lines::open(corpus.root().join(&file.path));
        let mut lines = part.segment.map(open).transpose()?;
        let mut lines_aside = part.aside_segment.map(open).transpose()?;
        let mut ledger = Output::new(corpus, self.name("ledger", "parquet"));
        let mut segment = Output::new(corpus, self.name("data", "jsonl.zst"));
        let mut ledger_aside = Output::new(corpus, self.name("aside", "parquet"));
        let mut segment_aside = Output::new(corpus, self.name("aside", "jsonl.zst"));
        let (mut line, mut new_line) = (Vec::new(), Vec::new());
        for row in part.rows(corpus)? {
            let BuiltRow { mut built, revised: before } = row?;
            let at = built.at;
            let before_now = before.as_ref().unwrap_or(&built).clone();
            revised.counts.take(&before_now);
            line.clear();
            if built.reason.is_none() {
                let source = if before.is_some() { &mut lines_aside } else { &mut lines };
                let Some(source) = source else {
                    let path = corpus.root().join(&part.ledger.path);
                    let what = format!("no segment has the line of {}", built.id);
                    return Err(Error::corrupt(&path, what));
                };
                source.read_line_of(&built.id, &mut line)?;
            }
            let mut has_other_text = false;
            if let Some(new) = again.take(at, &mut new_line)? {
                if !new.is_of_same_record(&built) {
                    return Err(changed(&built));
                }
                has_other_text = line != new_line;
                built = new;
                std::mem::swap(&mut line, &mut new_line);
            }
            if let Some(forget) = (changes.excluded)(at) {
                built = built.excluded(forget);
            }
            let has_line = built.reason.is_none();
            let row = match decide(&built, changes.verdict) {
                None => {
                    if has_line {
                        segment.open(SegmentWriter::create)?.push_line(at, &line)?;
                    }
                    built
                }
                Some(row) => {
                    if has_line {
                        segment_aside.open(SegmentWriter::create)?.push_line(at, &line)?;
                    }
                    ledger_aside.open(LedgerWriter::create)?.push_row(built)?;
                    row
                }
            };
            row.count(&mut revised.counts);
            difference.count(&before_now, &row, has_other_text);
            ledger.open(LedgerWriter::create)?.push_row(row)?;
        }
        for lines in [lines, lines_aside].into_iter().flatten() {
            lines.end()?;
        }
        revised.ledger.extend(ledger.finish(LedgerWriter::finish)?);
        revised.segments.extend(segment.finish(SegmentWriter::finish)?);
        revised.aside.ledger.extend(ledger_aside.finish(LedgerWriter::finish)?);
        revised.aside.segments.extend(segment_aside.finish(SegmentWriter::finish)?);
        Ok(())
    }
}

/// The lines of a segment, each of which must be that of the next row.
struct Lines {
    path: PathBuf,
    reader: SegmentReader,
}

impl Lines {
    fn open(path: PathBuf) -> Result<Lines, Error> {
        Ok(Lines { reader: SegmentReader::open(&path)?, path })
    }

    /// Reads the next line, which must be that of the document `id`.
    fn read_line_of(&mut self, id: &str, line: &mut Vec<u8>) -> Result<(), Error> {
        let has_line = self.reader.next_line(line)?;
        if has_line && line.ends_with(&line_end(id)) {
            return Ok(());
        }
        let found = if has_line { "another document is in its place" } else { "the file ends" };
        Err(self.damaged(&format!("{id} is expected, and {found}")))
    }

    /// Fails if a line is left.
    fn end(mut self) -> Result<(), Error> {
        if self.reader.next_line(&mut Vec::new())? {
            return Err(self.damaged("it has more documents than the ledger"));
        }
        Ok(())
    }

    fn damaged(&self, what: &str) -> Error {
        let remedy = "restore this file from a copy, or rebuild the corpus";
        Error::corrupt(&self.path, format!("{what}; {remedy}"))
    }
}

/// A file that is created with its first line or row.
struct Output<W> {
    name: String,
    path: PathBuf,
    writer: Option<W>,
}

impl<W> Output<W> {
    fn new(corpus: &Corpus, name: String) -> Output<W> {
        Output { path: corpus.root().join(&name), name, writer: None }
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
    use crate::part::PartWriter;
    use document::{DocRef, Document};
    use std::fs;
    use std::sync::Arc;

    /// A label with six documents.
    fn label(corpus: &Corpus) -> Label {
        let source = crate::Source { name: "a".into(), ..Default::default() };
        let (slice, name) = ("s".into(), "l".into());
        let mut label = Label { slice, name, sources: vec![source], ..Label::default() };
        let mut part = PartWriter::new(corpus, Arc::new(label.clone()), 1, 0);
        for record in 0..6 {
            let (at, text) = (DocRef::new(0, 0, record), format!("text {record}"));
            part.push(&Document { at, text, ..Document::default() }).unwrap();
        }
        let (counts, segment, ledger) = part.finish().unwrap();
        label.counts.add(&counts);
        label.segments.extend(segment);
        label.ledger.extend(ledger);
        label
    }

    fn odd(row: &LedgerRow) -> Option<Rejection> {
        let is_odd = row.at.record() % 2 == 1;
        is_odd.then(|| Rejection { reason: "odd".into(), has_signals: false })
    }

    /// Changes the lines of a segment.
    fn damage(corpus: &Corpus, file: &File, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let path = corpus.root().join(&file.path);
        let mut reader = SegmentReader::open(&path).unwrap();
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while reader.next_line(&mut line).unwrap() {
            lines.push(line.clone());
        }
        change(&mut lines);
        fs::write(&path, zstd::encode_all(&lines.concat()[..], 1).unwrap()).unwrap();
    }

    #[test]
    fn a_segment_whose_documents_are_not_those_of_the_ledger_is_not_revised() {
        type Change = fn(&mut Vec<Vec<u8>>);
        let changes: [(&str, Change); 4] = [
            ("is expected, and another document is in its place", |lines| lines.swap(0, 1)),
            ("is expected, and another document is in its place", |lines| {
                lines[0] = lines[1].clone();
            }),
            ("is expected, and the file ends", |lines| drop(lines.pop())),
            ("it has more documents than the ledger", |lines| lines.push(lines[0].clone())),
        ];
        let none = Changes::of_verdict(&|_| None);
        for (expected, change) in changes {
            let dir = tempfile::tempdir().unwrap();
            let corpus = Corpus::create(dir.path()).unwrap();
            let built = label(&corpus);
            let (revised, _) = revise(&corpus, &built, "r1", &Changes::of_verdict(&odd)).unwrap();
            assert_eq!((revised.counts.kept, revised.aside.segments[0].records), (3, 3));
            damage(&corpus, &built.segments[0], change);
            let error =
                revise(&corpus, &built, "r2", &Changes::of_verdict(&odd)).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("data/s/l"), "{error}");

            damage(&corpus, &revised.aside.segments[0], change);
            let error = revise(&corpus, &revised, "r3", &none).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("aside/s/l"), "{error}");
        }
    }

    #[test]
    fn a_revision_of_a_revision_has_one_mark() {
        let first = marked("data/s/2019.x/00000001-0000.jsonl.zst", "r7", "jsonl.zst");
        assert_eq!(first, "data/s/2019.x/00000001-0000.r7.jsonl.zst");
        assert_eq!(marked(&first, "r8", "jsonl.zst"), "data/s/2019.x/00000001-0000.r8.jsonl.zst");
    }
}
