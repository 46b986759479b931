//! Finding single records of a label: rows of the ledger, and the documents that are kept.

use crate::error::Error;
use crate::ledger::{self, LedgerColumns, LedgerRow};
use crate::manifest::{File, Label};
use crate::segment::{SegmentReader, line_end};
use crate::store::Corpus;
use document::{DocRef, Reason};
use std::iter::Peekable;
use std::path::PathBuf;

/// The verdicts of the records to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdicts {
    /// Kept and dropped records.
    All,
    /// Kept documents.
    Kept,
    /// Records dropped for any reason.
    Dropped,
    /// Records dropped for this reason.
    DroppedFor(String),
}

impl Verdicts {
    /// Returns how many records of a label have such a verdict.
    pub fn count(&self, label: &Label) -> u64 {
        let counts = &label.counts;
        match self {
            Verdicts::All => counts.read,
            Verdicts::Kept => counts.kept,
            Verdicts::Dropped => counts.dropped_total(),
            Verdicts::DroppedFor(reason) => {
                counts.dropped.get(reason.as_str()).copied().unwrap_or(0)
            }
        }
    }

    fn include(&self, reason: Option<&[u8]>) -> bool {
        match self {
            Verdicts::All => true,
            Verdicts::Kept => reason.is_none(),
            Verdicts::Dropped => reason.is_some(),
            Verdicts::DroppedFor(wanted) => reason == Some(wanted.as_bytes()),
        }
    }
}

/// Finds records of one label. Reads no more of the label's files than it needs.
pub struct Lookup<'c> {
    corpus: &'c Corpus,
    label: &'c Label,
    /// Both in the order of refs.
    ledger: Vec<&'c File>,
    segments: Vec<&'c File>,
    /// What is kept aside, both in the order of refs.
    aside_ledger: Vec<&'c File>,
    aside_segments: Vec<&'c File>,
}

impl<'c> Lookup<'c> {
    /// Looks into a label of `corpus`.
    pub fn new(corpus: &'c Corpus, label: &'c Label) -> Lookup<'c> {
        let in_order = |files: &'c [File]| {
            let mut files: Vec<&File> = files.iter().collect();
            files.sort_by_key(|file| file.first);
            files
        };
        Lookup {
            corpus,
            label,
            ledger: in_order(&label.ledger),
            segments: in_order(&label.segments),
            aside_ledger: in_order(&label.aside.ledger),
            aside_segments: in_order(&label.aside.segments),
        }
    }

    fn path(&self, file: &File) -> PathBuf {
        self.corpus.root().join(&file.path)
    }

    /// Returns the row of a record; `None` if no such record was read.
    ///
    /// # Errors
    /// If a file of the ledger cannot be read or is damaged.
    pub fn row(&self, at: DocRef) -> Result<Option<LedgerRow>, Error> {
        Ok(self.rows_of(&[at])?.pop())
    }

    /// Returns the rows of those of the records, which are in order, that were read.
    ///
    /// # Errors
    /// If a file of the ledger cannot be read or is damaged.
    pub fn rows_of(&self, refs: &[DocRef]) -> Result<Vec<LedgerRow>, Error> {
        let mut rows = Vec::new();
        for (file, within) in self.by_file(refs) {
            rows.extend(ledger::rows_of(&self.path(file), within)?);
        }
        Ok(rows)
    }

    /// Returns why records, which are in order, were dropped; `None` for one that is kept. Reads less
    /// than [`Lookup::rows_of`].
    ///
    /// # Errors
    /// If a file of the ledger cannot be read or is damaged, or a record is not in it.
    pub fn reasons_of(&self, refs: &[DocRef]) -> Result<Vec<Option<Reason>>, Error> {
        let mut reasons = Vec::new();
        for (file, within) in self.by_file(refs) {
            reasons.extend(ledger::reasons_of(&self.path(file), within)?);
        }
        if reasons.len() == refs.len() {
            return Ok(reasons);
        }
        let what = format!(
            "the ledger of {} lacks rows of documents that the state has: sluice verify shows which",
            self.label.full_name()
        );
        Err(Error::corrupt(self.corpus.root(), what))
    }

    /// Calls `each` with every record that has a witness, and the witness's id.
    ///
    /// # Errors
    /// If a file of the ledger cannot be read or is damaged.
    pub fn witnesses(&self, mut each: impl FnMut(DocRef, &str)) -> Result<(), Error> {
        let files = self.ledger.iter().map(|file| self.path(file));
        files.into_iter().try_for_each(|path| ledger::witnesses(&path, &mut each))
    }

    /// The files of the ledger that may have some of the refs, which are in order, each with these.
    fn by_file<'r>(&self, refs: &'r [DocRef]) -> impl Iterator<Item = (&'c File, &'r [DocRef])> {
        let within = |file: &'c File| {
            let first = refs.partition_point(|at| *at < file.first);
            let end = refs.partition_point(|at| *at <= file.last);
            (file, &refs[first.min(end)..end])
        };
        let all = self.ledger.iter().copied().map(within);
        all.filter(|(_, within)| !within.is_empty())
    }

    /// Returns the rows of all records with this address, in the order of refs, and the number of rows
    /// whose addresses were read one by one: those of earlier versions, which have no filter.
    ///
    /// # Errors
    /// If a file of the ledger cannot be read or is damaged.
    pub fn rows_of_url(&self, url: &str) -> Result<(Vec<LedgerRow>, u64), Error> {
        let (mut rows, mut unfiltered) = (Vec::new(), 0);
        for file in &self.ledger {
            let path = self.path(file);
            let (places, scanned) = ledger::places_of_url(&path, url)?;
            unfiltered += scanned;
            if !places.is_empty() {
                rows.extend(ledger::rows_at(&path, &places)?);
            }
        }
        Ok((rows, unfiltered))
    }

    /// Returns the rows with these numbers among all records with one of `verdicts`, in the order of
    /// refs. `ranks` ascend, and are less than [`Verdicts::count`].
    ///
    /// # Errors
    /// If a file of the ledger cannot be read, is damaged, or has fewer such rows than the manifest
    /// says.
    pub fn rows(&self, verdicts: &Verdicts, ranks: &[u64]) -> Result<Vec<LedgerRow>, Error> {
        let (mut rows, mut waiting, mut before) = (Vec::new(), ranks, 0);
        for file in &self.ledger {
            if waiting.is_empty() {
                break;
            }
            let known = self.known(verdicts, file);
            if known.is_some_and(|known| waiting[0] >= before + known) {
                before += known.unwrap_or(0);
                continue;
            }
            let path = self.path(file);
            let within: Vec<u64> = waiting
                .iter()
                .map(|rank| rank - before)
                .take_while(|rank| known.is_none_or(|known| *rank < known))
                .collect();
            let (places, found) = match verdicts {
                Verdicts::All => (within, file.records),
                _ => {
                    let is_wanted = |reason: Option<&[u8]>| verdicts.include(reason);
                    let (places, found) = ledger::ranked(&path, is_wanted, &within)?;
                    if known.is_some() && places.len() < within.len() {
                        break;
                    }
                    (places, found)
                }
            };
            if !places.is_empty() {
                rows.extend(ledger::rows_at(&path, &places)?);
            }
            waiting = &waiting[places.len()..];
            before += known.unwrap_or(found);
        }
        if waiting.is_empty() {
            return Ok(rows);
        }
        let what = format!(
            "the ledger of {} has fewer rows than the manifest says: sluice verify shows where",
            self.label.full_name()
        );
        Err(Error::corrupt(self.corpus.root(), what))
    }

    /// Passes the columns of a file of the label's ledger to `each`, one row group at a time.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn scan(&self, file: &File, each: impl FnMut(&LedgerColumns)) -> Result<(), Error> {
        ledger::scan(&self.path(file), each)
    }

    /// Returns how many rows of a ledger file have one of `verdicts`, if the manifest says.
    fn known(&self, verdicts: &Verdicts, file: &File) -> Option<u64> {
        let kept = || self.segment_within(file).map_or(0, |segment| segment.records);
        match verdicts {
            Verdicts::All => Some(file.records),
            Verdicts::Kept => Some(kept()),
            Verdicts::Dropped => Some(file.records - kept()),
            Verdicts::DroppedFor(_) => None,
        }
    }

    /// The segment that was written with a ledger file, for the same range of refs.
    fn segment_within(&self, ledger: &File) -> Option<&'c File> {
        let within = |file: &&&File| ledger.first <= file.first && file.last <= ledger.last;
        self.segments.iter().find(within).copied()
    }

    /// Returns the kept documents of the label, to be read one by one.
    pub fn documents(&self) -> Documents<'_> {
        Documents { lookup: self, segments: &self.segments, open: None, line: Vec::new() }
    }

    /// Returns the documents of the label that are kept aside, to be read one by one.
    pub fn documents_aside(&self) -> DocumentsAside<'_> {
        let segments = &self.aside_segments;
        let documents = Documents { lookup: self, segments, open: None, line: Vec::new() };
        DocumentsAside { documents, rows: None }
    }
}

/// Documents of a label, from its segments. Each segment is read once, up to the last document that is wanted
/// of it.
pub struct Documents<'l> {
    lookup: &'l Lookup<'l>,
    segments: &'l [&'l File],
    open: Option<(&'l File, SegmentReader)>,
    line: Vec<u8>,
}

impl Documents<'_> {
    /// Returns the line of a document: a JSON object with `text` and `meta`. Documents must be asked
    /// for in the order of their refs.
    ///
    /// # Errors
    /// If a segment cannot be read or is damaged, or the document is not in it.
    pub fn line(&mut self, row: &LedgerRow) -> Result<&[u8], Error> {
        let holds = |file: &File| (file.first..=file.last).contains(&row.at);
        if self.open.as_ref().is_none_or(|(file, _)| !holds(file)) {
            let segment = self.segments.iter().find(|file| holds(file));
            let Some(segment) = segment else {
                let what = format!("no segment has {}", row.id);
                return Err(Error::corrupt(self.lookup.corpus.root(), what));
            };
            self.open = Some((segment, SegmentReader::open(&self.lookup.path(segment))?));
        }
        let (file, reader) = self.open.as_mut().expect("opened above");
        let end = line_end(&row.id);
        while reader.next_line(&mut self.line)? {
            if self.line.ends_with(&end) {
                return Ok(&self.line);
            }
        }
        let what = format!("{} is not in this segment", row.id);
        Err(Error::corrupt(&self.lookup.path(file), what))
    }
}

/// The documents of a label that decontamination or a later threshold dropped, and that are kept
/// aside.
pub struct DocumentsAside<'l> {
    documents: Documents<'l>,
    /// A file of rows kept aside, from the next row that may be wanted.
    rows: Option<(&'l File, Peekable<Rows>)>,
}

type Rows = Box<dyn Iterator<Item = Result<LedgerRow, Error>>>;

impl DocumentsAside<'_> {
    /// Returns the line of a dropped document; `None` if it is not kept aside. Documents must be
    /// asked for in the order of their refs.
    ///
    /// # Errors
    /// If a file that is kept aside cannot be read or is damaged.
    pub fn line(&mut self, row: &LedgerRow) -> Result<Option<&[u8]>, Error> {
        if self.has(row.at)? { self.documents.line(row).map(Some) } else { Ok(None) }
    }

    fn has(&mut self, at: DocRef) -> Result<bool, Error> {
        let lookup = self.documents.lookup;
        let holds = |file: &File| (file.first..=file.last).contains(&at);
        if self.rows.as_ref().is_none_or(|(file, _)| !holds(file)) {
            let Some(file) = lookup.aside_ledger.iter().find(|file| holds(file)) else {
                return Ok(false);
            };
            let rows: Rows = Box::new(ledger::Rows::open(&lookup.path(file))?);
            self.rows = Some((file, rows.peekable()));
        }
        let (_, rows) = self.rows.as_mut().expect("opened above");
        let is_near =
            |row: &Result<LedgerRow, Error>| row.as_ref().map_or(true, |row| row.at <= at);
        while let Some(row) = rows.next_if(is_near) {
            let row = row?;
            if row.at == at {
                // It was kept when the label was built.
                return Ok(row.reason.is_none());
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PartWriter;
    use document::Document;
    use std::sync::Arc;

    /// A label with 300 records of one source in three parts: every third is kept, the others are
    /// dropped for `short` and `long` in turn.
    fn label(corpus: &Corpus) -> Label {
        let source = crate::Source { name: "a#\"x".into(), ..Default::default() };
        let mut label = Label {
            slice: "s".into(),
            name: "l".into(),
            sources: vec![source],
            ..Label::default()
        };
        for epoch in 0..3 {
            let mut part = PartWriter::new(corpus, Arc::new(label.clone()), epoch + 1, 0);
            for record in epoch * 100..(epoch + 1) * 100 {
                let at = DocRef::new(0, 0, record);
                let (text, url) = (format!("text {record}"), format!("http://a.example/{record}"));
                let mut document = Document { at, text, url, ..Document::default() };
                match record % 3 {
                    0 => document.scores.quality = Some(record as f64),
                    1 => document.reject("short"),
                    _ => document.reject("long"),
                }
                part.push(&document, None).unwrap();
            }
            let mut report = crate::EpochReport::default();
            report.set_files(part.finish().unwrap());
            report.add_to(&mut label);
        }
        // As several workers report them.
        label.ledger.reverse();
        label
    }

    #[test]
    fn rows_and_documents_are_found_by_rank_ref_and_address() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let label = label(&corpus);
        let lookup = Lookup::new(&corpus, &label);
        let records = |verdicts: &Verdicts, ranks: &[u64]| -> Vec<u64> {
            let rows = lookup.rows(verdicts, ranks).unwrap();
            rows.iter().map(|row| row.at.record()).collect()
        };
        assert_eq!(records(&Verdicts::All, &[0, 99, 100, 299]), [0, 99, 100, 299]);
        assert_eq!(records(&Verdicts::Kept, &[0, 33, 34, 99]), [0, 99, 102, 297]);
        let short = Verdicts::DroppedFor("short".into());
        assert_eq!(short.count(&label), 100);
        let all: Vec<u64> = (0..100).collect();
        let expected: Vec<u64> = (0..100).map(|rank| 3 * rank + 1).collect();
        assert_eq!(records(&short, &all), expected);
        assert_eq!(records(&short, &[50, 99]), [151, 298]);
        assert_eq!(records(&Verdicts::Dropped, &[0, 1, 66, 199]), [1, 2, 100, 299]);

        let row = lookup.row(DocRef::new(0, 0, 198)).unwrap().unwrap();
        assert_eq!((row.scores.quality, &*row.url), (Some(198.0), "http://a.example/198"));
        assert_eq!(row.id, "s/l/a#\"x#198");
        assert_eq!(lookup.row(DocRef::new(0, 0, 300)).unwrap(), None);
        let found = lookup.rows_of_url("http://a.example/198").unwrap();
        assert_eq!(found, (vec![row.clone()], 0));
        assert_eq!(lookup.rows_of_url("http://a.example/300").unwrap(), (Vec::new(), 0));
        let refs: Vec<DocRef> =
            [0, 1, 2, 99, 100, 198, 299].map(|record| DocRef::new(0, 0, record)).into();
        let some = lookup.rows_of(&refs).unwrap();
        assert_eq!(some.iter().map(|row| row.at).collect::<Vec<_>>(), refs);
        let reasons: Vec<_> = some.into_iter().map(|row| row.reason).collect();
        assert_eq!(lookup.reasons_of(&refs).unwrap(), reasons);
        assert!(lookup.reasons_of(&[refs[6], DocRef::new(0, 0, 300)]).is_err());
        let other = lookup.row(DocRef::new(0, 0, 3)).unwrap().unwrap();
        let mut documents = lookup.documents();
        for (row, text) in [(&other, "text 3"), (&row, "text 198")] {
            let line = documents.line(row).unwrap();
            assert!(line.starts_with(format!("{{\"text\":\"{text}\"").as_bytes()));
        }
        let error = documents.line(&row).unwrap_err().to_string();
        assert!(error.contains("a#\"x#198 is not in this segment"), "{error}");
    }

    #[test]
    fn every_column_is_read_alike_row_by_row_and_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let label = label(&corpus);
        let lookup = Lookup::new(&corpus, &label);
        let one_by_one = lookup.rows(&Verdicts::All, &(0..300).collect::<Vec<_>>()).unwrap();
        let mut row_by_row = Vec::new();
        for file in &lookup.ledger {
            let path = corpus.root().join(&file.path);
            row_by_row.extend(crate::ledger::Rows::open(&path).unwrap().map(Result::unwrap));
        }
        assert_eq!(one_by_one, row_by_row);
    }

    #[test]
    fn columns_have_the_values_of_rows() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let label = label(&corpus);
        let lookup = Lookup::new(&corpus, &label);
        let rows = lookup.rows(&Verdicts::All, &(0..300).collect::<Vec<_>>()).unwrap();
        let (mut rows, mut seen) = (rows.into_iter(), 0);
        for file in &lookup.ledger {
            let each = |columns: &LedgerColumns| {
                let sources = columns.sources.iter();
                let mut sources =
                    sources.flat_map(|(source, rows)| std::iter::repeat_n(*source, *rows));
                let mut urls = columns.kept_urls.iter();
                for place in 0..columns.rows {
                    let row = rows.next().unwrap();
                    assert_eq!(sources.next(), Some(row.at.source()));
                    assert_eq!(columns.tokens[place], -1);
                    assert_eq!(columns.reason.of(place), row.reason.as_deref());
                    assert_eq!(columns.language.of(place), None);
                    let quality = Some(columns.quality[place]).filter(|value| !value.is_nan());
                    assert_eq!(quality, row.scores.quality);
                    assert_eq!(columns.bytes_kept[place] as u64, row.bytes_kept);
                    if row.reason.is_none() {
                        assert_eq!(urls.next(), Some((place, row.url.as_bytes())));
                    }
                    seen += 1;
                }
            };
            lookup.scan(file, each).unwrap();
        }
        assert_eq!(seen, 300);
    }

    #[test]
    fn a_ledger_with_fewer_rows_than_the_manifest_says_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let label = label(&corpus);
        let lookup = Lookup::new(&corpus, &label);
        let short = Verdicts::DroppedFor("short".into());
        let error = lookup.rows(&short, &[1, 100]).unwrap_err().to_string();
        assert!(error.contains("s/l has fewer rows"), "{error}");
    }
}
