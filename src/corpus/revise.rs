//! Rejecting documents of a corpus after the fact, and having them back.
//!
//! A revision is a function of the label as it was built: its verdict decides for each row as
//! built, so the order of revisions leaves no trace. What a verdict drops is kept aside, in files
//! that the manifest lists in [`Aside`]: the line of each document that was kept, and the row of
//! each document that changed.

use crate::error::Error;
use crate::ledger::{self, LedgerRow, LedgerWriter, Rejection};
use crate::manifest::{Aside, Counts, File, Label};
use crate::segment::{SegmentReader, SegmentWriter, line_end};
use crate::store::Corpus;
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

/// Rejects the documents of `label` for whose rows, as built, `verdict` returns a rejection; all
/// others become as they were built. Files that change are written as copies with `mark` in their
/// names. Returns the label with the new files, which become part of the corpus when it is
/// committed.
///
/// # Errors
/// If a file cannot be read or written, or is damaged.
pub fn revise(
    corpus: &Corpus,
    label: &Label,
    mark: &str,
    verdict: impl Fn(&LedgerRow) -> Option<Rejection>,
) -> Result<Label, Error> {
    let built = label.aside.built.clone();
    let mut revised = Label {
        counts: Counts::default(),
        segments: Vec::new(),
        ledger: Vec::new(),
        aside: Aside { built, ..Aside::default() },
        ..label.clone()
    };
    for part in parts(label) {
        let mut changes = part.rows(corpus)?.map(|row| {
            let row = row?;
            Ok::<bool, Error>(decide(&row.built, &verdict) != row.revised)
        });
        if changes.any(|changes| !matches!(changes, Ok(false))) {
            revise_part(corpus, &part, mark, &verdict, &mut revised)?;
            continue;
        }
        for row in part.rows(corpus)? {
            row?.now().count(&mut revised.counts);
        }
        revised.ledger.push(part.ledger.clone());
        revised.segments.extend(part.segment.cloned());
        revised.aside.ledger.extend(part.aside_ledger.cloned());
        revised.aside.segments.extend(part.aside_segment.cloned());
    }
    Ok(revised)
}

/// Returns the row with its rejection, if that changes it.
fn decide(
    built: &LedgerRow,
    verdict: &impl Fn(&LedgerRow) -> Option<Rejection>,
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

fn revise_part(
    corpus: &Corpus,
    part: &Part<'_>,
    mark: &str,
    verdict: &impl Fn(&LedgerRow) -> Option<Rejection>,
    revised: &mut Label,
) -> Result<(), Error> {
    let name = |folder: &str, kind: &str| {
        let below = part.ledger.path.strip_prefix("ledger/").unwrap_or(&part.ledger.path);
        marked(&format!("{folder}/{below}"), mark, kind)
    };
    let open = |file: &File| Lines::open(corpus.root().join(&file.path));
    let mut lines = part.segment.map(open).transpose()?;
    let mut lines_aside = part.aside_segment.map(open).transpose()?;
    let mut ledger = Output::new(corpus, name("ledger", "parquet"));
    let mut segment = Output::new(corpus, name("data", "jsonl.zst"));
    let mut ledger_aside = Output::new(corpus, name("aside", "parquet"));
    let mut segment_aside = Output::new(corpus, name("aside", "jsonl.zst"));
    let mut line = Vec::new();
    for row in part.rows(corpus)? {
        let BuiltRow { built, revised: before } = row?;
        let at = built.at;
        let had_line = built.reason.is_none();
        if had_line {
            let source = if before.is_some() { &mut lines_aside } else { &mut lines };
            let Some(source) = source else {
                let path = corpus.root().join(&part.ledger.path);
                let what = format!("no segment has the line of {}", built.id);
                return Err(Error::corrupt(&path, what));
            };
            source.read_line_of(&built.id, &mut line)?;
        }
        let row = match decide(&built, verdict) {
            None => {
                if had_line {
                    segment.open(SegmentWriter::create)?.push_line(at, &line)?;
                }
                built
            }
            Some(row) => {
                if had_line {
                    segment_aside.open(SegmentWriter::create)?.push_line(at, &line)?;
                }
                ledger_aside.open(LedgerWriter::create)?.push_row(built)?;
                row
            }
        };
        row.count(&mut revised.counts);
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
        for (expected, change) in changes {
            let dir = tempfile::tempdir().unwrap();
            let corpus = Corpus::create(dir.path()).unwrap();
            let built = label(&corpus);
            let revised = revise(&corpus, &built, "r1", odd).unwrap();
            assert_eq!((revised.counts.kept, revised.aside.segments[0].records), (3, 3));
            damage(&corpus, &built.segments[0], change);
            let error = revise(&corpus, &built, "r2", odd).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("data/s/l"), "{error}");

            damage(&corpus, &revised.aside.segments[0], change);
            let error = revise(&corpus, &revised, "r3", |_| None).unwrap_err().to_string();
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
