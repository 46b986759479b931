//! Files of which some documents are others.

use super::damaged;
use super::new_file::NewFile;
use crate::error::Error;
use crate::ledger::{LedgerRow, LedgerWriter, Rows};
use crate::manifest::{File, Label};
use crate::segment::{Frame, Frames, SegmentWriter};
use document::DocRef;
use std::iter::Peekable;
use std::path::PathBuf;

/// A segment in which the lines of some documents are others. Frames without such a document are
/// copied as they are; without any change, no file is written.
pub(super) struct SegmentPatch<'p> {
    ids: LineIds<'p>,
    old: Option<(&'p File, PathBuf)>,
    /// The frames of `old` from the open one on; `None` until a line is looked for.
    frames: Option<OldFrames>,
    output: NewFile<SegmentWriter>,
    is_changed: bool,
    records: u64,
}

struct OldFrames {
    reader: Frames,
    open: Option<OpenFrame>,
    next: Option<(Frame, DocRef)>,
}

/// A frame whose lines are read.
struct OpenFrame {
    start: u64,
    lines: Vec<u8>,
    /// The document of each line, and where the line ends.
    ends: Vec<(DocRef, usize)>,
    /// Lines before the place that was reached, and lines that were written or left out.
    passed: usize,
    done: usize,
}

impl OpenFrame {
    fn line(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before].1);
        &self.lines[start..self.ends[place].1]
    }
}

impl<'p> SegmentPatch<'p> {
    pub fn new(
        label: &'p Label,
        old: Option<(&'p File, PathBuf)>,
        output: NewFile<SegmentWriter>,
    ) -> SegmentPatch<'p> {
        let of_old = old.as_ref().map(|(file, _)| (file.first.label(), file.records));
        let (number, records) = of_old.unwrap_or_default();
        let ids = LineIds { label, number, known: None };
        SegmentPatch { ids, old, frames: None, output, is_changed: false, records }
    }

    /// Puts a line in the place of the document of `row`: the old segment has a line of it if
    /// `was_kept`, and the new one has `line`, if any. Documents must come in order. Returns whether
    /// there was another line.
    pub fn put(
        &mut self,
        row: &LedgerRow,
        was_kept: bool,
        line: Option<&[u8]>,
    ) -> Result<bool, Error> {
        if !was_kept && line.is_none() {
            return Ok(false);
        }
        self.pass(row.at)?;
        let open = self.frames.as_ref().and_then(|frames| frames.open.as_ref());
        let here = open.and_then(|open| {
            let (at, _) = open.ends.get(open.passed)?;
            (*at == row.at).then(|| open.line(open.passed))
        });
        if was_kept != here.is_some() {
            let what = if was_kept { "is expected here, and missing" } else { "is not kept" };
            return Err(self.damaged(&format!("{} {what}", row.id)));
        }
        let is_same = here.is_some() && here == line;
        if !is_same {
            self.write_passed()?;
        }
        if was_kept && let Some(open) = self.frames.as_mut().and_then(|frames| frames.open.as_mut())
        {
            open.passed += 1;
            if !is_same {
                open.done = open.passed;
                self.records -= 1;
            }
        }
        if let Some(line) = line.filter(|_| !is_same) {
            self.output.open(SegmentWriter::create)?.push_line(row.at, line)?;
            self.records += 1;
        }
        Ok(was_kept && !is_same)
    }

    /// Makes the file durable, if any line is another one. Returns the file that the part has now.
    pub fn finish(mut self) -> Result<Option<File>, Error> {
        if !self.is_changed {
            return Ok(self.old.map(|(file, _)| file.clone()));
        }
        self.leave_open()?;
        while self.next_frame(None)? {
            self.leave_open()?;
        }
        let file = self.output.finish(SegmentWriter::finish)?;
        Ok(file.map(|file| File { records: self.records, ..file }))
    }

    /// Passes all lines before a document.
    fn pass(&mut self, at: DocRef) -> Result<(), Error> {
        let Some((_, path)) = &self.old else { return Ok(()) };
        if self.frames.is_none() {
            let mut frames = OldFrames { reader: Frames::open(path)?, open: None, next: None };
            frames.next = self.read_frame(&mut frames.reader)?;
            self.frames = Some(frames);
        }
        loop {
            let frames = self.frames.as_mut().expect("opened above");
            if let Some(open) = &mut frames.open {
                let rest = &open.ends[open.passed..];
                open.passed += rest.partition_point(|(of_line, _)| *of_line < at);
                let is_last = frames.next.as_ref().is_none_or(|(_, first)| *first > at);
                if open.passed < open.ends.len() || is_last {
                    return Ok(());
                }
            }
            self.leave_open()?;
            if !self.next_frame(Some(at))? {
                return Ok(());
            }
        }
    }

    /// Goes on to the next frame. It is opened if it may have the place of `at`, or if too few lines
    /// wait to be a frame of their own; otherwise it is copied. Returns false at the end.
    fn next_frame(&mut self, at: Option<DocRef>) -> Result<bool, Error> {
        let Some(mut frames) = self.frames.take() else { return Ok(false) };
        let Some((frame, first)) = frames.next.take() else {
            self.frames = Some(frames);
            return Ok(false);
        };
        frames.next = self.read_frame(&mut frames.reader)?;
        let is_before = |(_, next): &(Frame, DocRef)| at.is_none_or(|at| *next <= at);
        let has_place = at.is_some() && !frames.next.as_ref().is_some_and(is_before);
        let wants_more = self.output.get().is_some_and(SegmentWriter::wants_more);
        if has_place || wants_more {
            if let Some(writer) = self.output.get_mut().filter(|_| wants_more) {
                writer.lengthen_frame();
            }
            let lines = frames.reader.lines(&frame)?;
            let ends = self.ends(&lines)?;
            frames.open = Some(OpenFrame { start: frame.start, lines, ends, passed: 0, done: 0 });
        } else if self.is_changed {
            let (file, _) = self.old.as_ref().expect("it has frames");
            let last = if frames.next.is_none() { file.last } else { first };
            let writer = self.output.open(SegmentWriter::create)?;
            writer.push_frames(&mut &frame.bytes[..], first, last)?;
        }
        self.frames = Some(frames);
        Ok(true)
    }

    /// Ends the open frame. What is left of it is written, if the segment is.
    fn leave_open(&mut self) -> Result<(), Error> {
        if let Some(open) = self.frames.as_mut().and_then(|frames| frames.open.as_mut()) {
            open.passed = open.ends.len();
            if self.is_changed {
                self.write_passed()?;
            }
            self.output.get_mut().map_or(Ok(()), SegmentWriter::end_frame)?;
        }
        if let Some(frames) = &mut self.frames {
            frames.open = None;
        }
        Ok(())
    }

    /// Writes all lines that were passed and not written yet: with the first change, also the frames
    /// before.
    fn write_passed(&mut self) -> Result<(), Error> {
        let open = self.frames.as_mut().and_then(|frames| frames.open.as_mut());
        let is_first = !std::mem::replace(&mut self.is_changed, true);
        let (Some(open), Some((file, path))) = (open, &self.old) else { return Ok(()) };
        if is_first && open.start > 0 {
            let writer = self.output.open(SegmentWriter::create)?;
            Frames::copy(path, open.start, |frames| {
                writer.push_frames(frames, file.first, file.first)
            })?;
        }
        for place in open.done..open.passed {
            let writer = self.output.open(SegmentWriter::create)?;
            writer.push_line(open.ends[place].0, open.line(place))?;
        }
        open.done = open.passed;
        Ok(())
    }

    fn read_frame(&mut self, reader: &mut Frames) -> Result<Option<(Frame, DocRef)>, Error> {
        let Some(frame) = reader.next()? else { return Ok(None) };
        let first = self.document_of(&reader.first_line(&frame)?)?;
        Ok(Some((frame, first)))
    }

    /// Returns the document of each line and where the line ends.
    fn ends(&mut self, lines: &[u8]) -> Result<Vec<(DocRef, usize)>, Error> {
        let (mut ends, mut end) = (Vec::new(), 0);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            ends.push((self.document_of(line)?, end));
        }
        Ok(ends)
    }

    fn document_of(&mut self, line: &[u8]) -> Result<DocRef, Error> {
        let at = self.ids.document_of(line);
        at.ok_or_else(|| self.damaged("a line does not end with an id of the label"))
    }

    fn damaged(&self, what: &str) -> Error {
        damaged(self.old.as_ref().map_or(self.output.path(), |(_, path)| path), what)
    }
}

/// Finds the documents of lines.
struct LineIds<'p> {
    label: &'p Label,
    /// The number of the label.
    number: u64,
    /// The source of the last line, and how a line begins to name it.
    known: Option<(Vec<u8>, u64)>,
}

impl LineIds<'_> {
    /// Returns the document of a line: the identifier is its last field. Its record is after the last `#`.
    fn document_of(&mut self, line: &[u8]) -> Option<DocRef> {
        const FIELD: &[u8] = b"\"id\":\"";
        let line = line.strip_suffix(b"\"}}\n")?;
        let hash = line.iter().rposition(|byte| *byte == b'#')?;
        let record: u64 = std::str::from_utf8(&line[hash + 1..]).ok()?.parse().ok()?;
        if let Some((known, source)) = &self.known
            && record < DocRef::RECORDS_MAX
            && line[..hash].ends_with(known)
        {
            return Some(DocRef::new(self.number, *source, record));
        }
        let start = line[..hash].windows(FIELD.len()).rposition(|bytes| bytes == FIELD)?;
        let id: String =
            serde_json::from_slice(&[&line[start + FIELD.len() - 1..], b"\""].concat()).ok()?;
        let at = self.label.ref_of_id(self.number, &id)?;
        self.known = Some((line[start..hash].to_owned(), at.source()));
        Some(at)
    }
}

/// A ledger file, of which some rows are taken out and others put in.
pub(super) struct RowsPatch {
    old: Option<Peekable<Rows>>,
    output: NewFile<LedgerWriter>,
}

impl RowsPatch {
    pub fn new(old: Option<PathBuf>, output: NewFile<LedgerWriter>) -> Result<RowsPatch, Error> {
        let old = old.map(|path| Rows::open(&path)).transpose()?.map(Iterator::peekable);
        Ok(RowsPatch { old, output })
    }

    /// Takes out the row of a document. Documents must come in order.
    pub fn take(&mut self, at: DocRef) -> Result<Option<LedgerRow>, Error> {
        self.copy(Some(at))?;
        let is_it = |row: &Result<LedgerRow, Error>| row.as_ref().map_or(true, |row| row.at == at);
        self.old.as_mut().and_then(|rows| rows.next_if(is_it)).transpose()
    }

    /// Puts in the row of the document that was taken out last.
    pub fn put(&mut self, row: LedgerRow) -> Result<(), Error> {
        self.output.open(LedgerWriter::create)?.push_row(row)
    }

    /// Makes the file durable; `None` if it has no rows.
    pub fn finish(mut self) -> Result<Option<File>, Error> {
        self.copy(None)?;
        self.output.finish(LedgerWriter::finish)
    }

    /// Copies the rows before a document, or all.
    fn copy(&mut self, at: Option<DocRef>) -> Result<(), Error> {
        let is_before = |row: &Result<LedgerRow, Error>| {
            row.as_ref().map_or(true, |row| at.is_none_or(|at| row.at < at))
        };
        while let Some(row) = self.old.as_mut().and_then(|rows| rows.next_if(is_before)) {
            self.put(row?)?;
        }
        Ok(())
    }
}
