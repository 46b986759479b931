//! Documents that were read again, in the order of their refs.

use super::Rounds;
use super::lines::{LinePair, PartLines};
use super::part::{BuiltRow, Part, RowsAsBuilt};
use crate::error::Error;
use crate::ledger::LedgerRow;
use crate::part::PartFiles;
use crate::store::Corpus;
use document::DocRef;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::path::Path;

/// The documents that several rounds wrote. Of a document in several rounds, the last one counts.
pub(super) struct Again<'c> {
    rounds: Vec<Round<'c>>,
}

/// The documents that one round wrote.
struct Round<'c> {
    corpus: &'c Corpus,
    parts: VecDeque<&'c PartFiles>,
    open: Option<(Peekable<RowsAsBuilt>, PartLines)>,
}

impl<'c> Again<'c> {
    pub fn open(corpus: &'c Corpus, rounds: &'c [Rounds]) -> Again<'c> {
        let round = |parts: &'c Rounds| {
            let mut parts: Vec<&PartFiles> = parts.iter().collect();
            parts.sort_by_key(|files| files.ledger.as_ref().map(|ledger| ledger.first));
            Round { corpus, parts: parts.into(), open: None }
        };
        Again { rounds: rounds.iter().map(round).collect() }
    }

    /// Returns the row of a document if it was read again; `lines` become its lines. Documents must be
    /// asked for in order, each of those that were read again.
    pub fn take(&mut self, at: DocRef, lines: &mut LinePair) -> Result<Option<BuiltRow>, Error> {
        let mut newest = None;
        for round in &mut self.rounds {
            newest = round.take(at, lines)?.or(newest);
        }
        Ok(newest)
    }

    /// Skips the documents before `first`.
    pub fn skip_to(&mut self, first: DocRef) -> Result<(), Error> {
        self.rounds.iter_mut().try_for_each(|round| round.skip_to(first))
    }

    /// Fails if a document before `end` is left; without an end, if any is.
    pub fn end_before(mut self, end: Option<DocRef>) -> Result<(), Error> {
        for round in &mut self.rounds {
            if let Some(row) = round.next()?
                && end.is_none_or(|end| row.built.at < end)
            {
                return Err(changed(&row.built));
            }
        }
        Ok(())
    }
}

impl Round<'_> {
    /// The next row, which stays.
    fn next(&mut self) -> Result<Option<BuiltRow>, Error> {
        loop {
            if let Some((rows, _)) = &mut self.open
                && let Some(row) = rows.peek()
            {
                return match row {
                    Ok(row) => Ok(Some(row.clone())),
                    Err(_) => Err(rows.next().expect("peeked above").expect_err("an error")),
                };
            }
            let Some(files) = self.parts.pop_front() else {
                self.open = None;
                return Ok(None);
            };
            if let Some(part) = Part::of(files) {
                let rows = part.rows(self.corpus)?.peekable();
                self.open = Some((rows, PartLines::open(self.corpus, &part)?));
            }
        }
    }

    fn skip_to(&mut self, first: DocRef) -> Result<(), Error> {
        let is_before =
            |files: &&PartFiles| files.ledger.as_ref().is_none_or(|ledger| ledger.last < first);
        while self.parts.front().is_some_and(is_before) {
            self.parts.pop_front();
        }
        let mut lines = LinePair::default();
        while let Some(row) = self.next()?
            && row.built.at < first
        {
            self.take(row.built.at, &mut lines)?;
        }
        Ok(())
    }

    fn take(&mut self, at: DocRef, lines: &mut LinePair) -> Result<Option<BuiltRow>, Error> {
        let Some(row) = self.next()? else { return Ok(None) };
        if row.built.at > at {
            return Ok(None);
        }
        if row.built.at < at {
            return Err(changed(&row.built));
        }
        let (rows, of_part) = self.open.as_mut().expect("it has the next row");
        rows.next();
        of_part.read(&row, lines)?;
        Ok(Some(row))
    }
}

/// The error about a record that is another one than when its label was built.
pub(super) fn changed(row: &LedgerRow) -> Error {
    let what = format!(
        "record {} is not what was read when {} was added; put the file back as it was, or remove \
         the whole label and add it again",
        row.at.record(),
        row.id.split('/').take(2).collect::<Vec<_>>().join("/"),
    );
    Error::corrupt(Path::new(&row.source), what)
}
