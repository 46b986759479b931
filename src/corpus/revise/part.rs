//! The rows of a label as they were built.

use crate::error::Error;
use crate::ledger::{LedgerRow, Rows};
use crate::manifest::{File, Label};
use crate::part::PartFiles;
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
    /// Whether the row `built`, which is kept aside, can be that of a record whose row is `now`.
    pub(super) fn is_pair(built: &LedgerRow, now: &LedgerRow) -> bool {
        let is_changed = now.reason.is_some() || now.contamination.is_some();
        built.at == now.at && built.id == now.id && is_changed && built != now
    }

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

/// The files that one worker wrote in one epoch, or that several such parts became.
pub(crate) struct Part<'l> {
    pub ledger: &'l File,
    pub segment: Option<&'l File>,
    pub aside_ledger: Option<&'l File>,
    pub aside_segment: Option<&'l File>,
}

/// Returns the parts of a label.
pub(super) fn parts(label: &Label) -> impl Iterator<Item = Part<'_>> {
    let segments = InOrder::new(&label.segments);
    let aside_ledger = InOrder::new(&label.aside.ledger);
    let aside_segments = InOrder::new(&label.aside.segments);
    label.ledger.iter().map(move |ledger| Part {
        ledger,
        segment: segments.within(ledger),
        aside_ledger: aside_ledger.within(ledger),
        aside_segment: aside_segments.within(ledger),
    })
}

/// Files in the order of their documents.
struct InOrder<'l>(Vec<&'l File>);

impl<'l> InOrder<'l> {
    fn new(files: &'l [File]) -> InOrder<'l> {
        let mut files: Vec<&File> = files.iter().collect();
        files.sort_by_key(|file| file.first);
        InOrder(files)
    }

    /// Returns the file of a part of the ledger: a worker writes one range of refs of an epoch, to one file of each
    /// kind.
    fn within(&self, ledger: &File) -> Option<&'l File> {
        let place = self.0.partition_point(|file| file.first < ledger.first);
        self.0.get(place).copied().filter(|file| is_within(file, ledger))
    }
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
            let rows = Rows::open(&path)?;
            Ok((path, rows))
        };
        let (_, now) = open(self.ledger)?;
        let aside = self.aside_ledger.map(open).transpose()?;
        Ok(RowsAsBuilt { now, aside: aside.map(|(path, rows)| (path, rows.peekable())) })
    }
}

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
            if !BuiltRow::is_pair(&built, &now) {
                return Err(unmatched(path, &built));
            }
            Ok(BuiltRow { built, revised: Some(now) })
        }))
    }
}

pub(super) fn unmatched(path: &Path, row: &LedgerRow) -> Error {
    let what = format!("it has {}, which the ledger does not say was dropped or changed", row.id);
    Error::corrupt(path, what)
}

impl<'l> Part<'l> {
    /// The part that a run wrote, if it wrote any rows.
    pub fn of(files: &'l PartFiles) -> Option<Part<'l>> {
        Some(Part {
            ledger: files.ledger.as_ref()?,
            segment: files.segment.as_ref(),
            aside_ledger: files.aside_ledger.as_ref(),
            aside_segment: files.aside_segment.as_ref(),
        })
    }

    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        let Part { ledger, segment, aside_ledger, aside_segment } = *self;
        let files = [Some(ledger), segment, aside_ledger, aside_segment];
        files.into_iter().flatten().map(|file| file.bytes).sum()
    }

    /// Its files, without counts.
    pub fn files(&self) -> PartFiles {
        PartFiles {
            ledger: Some(self.ledger.clone()),
            segment: self.segment.cloned(),
            aside_ledger: self.aside_ledger.cloned(),
            aside_segment: self.aside_segment.cloned(),
            ..PartFiles::default()
        }
    }
}
