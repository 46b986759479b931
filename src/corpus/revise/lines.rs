//! The lines of documents, as they are and as they were built.

use super::damaged;
use super::part::{BuiltRow, Part};
use crate::contamination::text_of;
use crate::error::Error;
use crate::ledger::LedgerRow;
use crate::manifest::File;
use crate::segment::{SegmentReader, line_end};
use crate::store::Corpus;
use std::borrow::Cow;
use std::path::PathBuf;

/// The lines of a document.
#[derive(Default)]
pub(super) struct LinePair {
    /// Its line in the segment; empty if it is dropped.
    pub now: Vec<u8>,
    /// Its line when it was built; empty if it was dropped then.
    pub built: Vec<u8>,
}

impl LinePair {
    /// Returns the text of the document as it was built.
    pub fn built_text(&self, row: &LedgerRow) -> Result<Cow<'_, str>, Error> {
        text_of(&self.built).map_err(|error| {
            let what = format!("its line is not a record: {error}; `sluice verify` finds the file");
            Error::corrupt(row.id.as_ref(), what)
        })
    }
}

/// The lines of a part, one document after another.
pub(super) struct PartLines {
    ledger: PathBuf,
    now: Option<Lines>,
    aside: Option<Lines>,
}

impl PartLines {
    pub fn open(corpus: &Corpus, part: &Part<'_>) -> Result<PartLines, Error> {
        let path = |file: &File| corpus.root().join(&file.path);
        let open = |file: Option<&File>| file.map(|file| Lines::open(path(file))).transpose();
        Ok(PartLines {
            ledger: path(part.ledger),
            now: open(part.segment)?,
            aside: open(part.aside_segment)?,
        })
    }

    /// Reads the lines of the next document.
    pub fn read(&mut self, row: &BuiltRow, lines: &mut LinePair) -> Result<(), Error> {
        let id = &row.built.id;
        let missing = || {
            let what = format!("no segment has the line of {id}");
            Error::corrupt(&self.ledger, what)
        };
        let (is_kept, was_kept) = (row.now().reason.is_none(), row.built.reason.is_none());
        lines.now.clear();
        lines.built.clear();
        if is_kept {
            self.now.as_mut().ok_or_else(missing)?.read_line_of(id, &mut lines.now)?;
        }
        if was_kept && row.revised.is_some() {
            self.aside.as_mut().ok_or_else(missing)?.read_line_of(id, &mut lines.built)?;
        } else if was_kept {
            lines.built.clone_from(&lines.now);
        }
        Ok(())
    }

    /// Fails if a line is left.
    pub fn end(self) -> Result<(), Error> {
        [self.now, self.aside].into_iter().flatten().try_for_each(Lines::end)
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
        damaged(&self.path, what)
    }
}
