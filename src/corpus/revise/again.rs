//! Documents that were read again, in the order of their refs.

use super::{Lines, Rounds, Rows};
use crate::error::Error;
use crate::ledger::{self, LedgerRow};
use crate::manifest::File;
use crate::store::Corpus;
use document::DocRef;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// The documents that several rounds wrote. Of a document in several rounds, the last one counts.
pub(super) struct Again {
    rounds: Vec<Round>,
}

/// The documents that one round wrote.
struct Round {
    root: PathBuf,
    parts: VecDeque<(File, Option<File>)>,
    open: Option<Part>,
}

struct Part {
    path: PathBuf,
    rows: Peekable<Rows>,
    lines: Option<Lines>,
}

impl Again {
    pub fn open(corpus: &Corpus, rounds: &[Rounds]) -> Again {
        let round = |parts: &Rounds| {
            let mut parts = parts.clone();
            parts.sort_by_key(|(ledger, _)| ledger.first);
            Round { root: corpus.root().to_owned(), parts: parts.into(), open: None }
        };
        Again { rounds: rounds.iter().map(round).collect() }
    }

    /// Returns the row of a document if it was read again; `line` becomes its line if it is kept.
    /// Documents must be asked for in order, each of those that were read again.
    pub fn take(&mut self, at: DocRef, line: &mut Vec<u8>) -> Result<Option<LedgerRow>, Error> {
        let mut newest = None;
        for round in &mut self.rounds {
            newest = round.take(at, line)?.or(newest);
        }
        Ok(newest)
    }

    /// Fails if a document is left.
    pub fn end(mut self) -> Result<(), Error> {
        for round in &mut self.rounds {
            if let Some(row) = round.next()? {
                return Err(changed(&row));
            }
        }
        Ok(())
    }
}

impl Round {
    /// The next row, which stays.
    fn next(&mut self) -> Result<Option<LedgerRow>, Error> {
        loop {
            if let Some(part) = &mut self.open
                && let Some(row) = part.rows.peek()
            {
                return match row {
                    Ok(row) => Ok(Some(row.clone())),
                    Err(_) => Err(part.rows.next().expect("peeked above").expect_err("an error")),
                };
            }
            let Some((ledger, segment)) = self.parts.pop_front() else {
                self.open = None;
                return Ok(None);
            };
            let path = self.root.join(&ledger.path);
            let rows: Rows = Box::new(ledger::rows(&path)?);
            let lines = segment.map(|file| Lines::open(self.root.join(&file.path))).transpose()?;
            self.open = Some(Part { path, rows: rows.peekable(), lines });
        }
    }

    fn take(&mut self, at: DocRef, line: &mut Vec<u8>) -> Result<Option<LedgerRow>, Error> {
        let Some(row) = self.next()? else { return Ok(None) };
        if row.at > at {
            return Ok(None);
        }
        if row.at < at {
            return Err(changed(&row));
        }
        let part = self.open.as_mut().expect("it has the next row");
        part.rows.next();
        if row.reason.is_none() {
            match &mut part.lines {
                Some(lines) => lines.read_line_of(&row.id, line)?,
                None => {
                    let what = format!("no segment has the line of {}", row.id);
                    return Err(Error::corrupt(&part.path, what));
                }
            }
        }
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
