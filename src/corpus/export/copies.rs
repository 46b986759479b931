//! How many documents hold each text that is exported.

use super::line::Fields;
use crate::Error;
use crate::manifest::{File as Segment, Label};
use document::DocRef;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

/// Size of a record: the ref, the number of documents and that of labels.
const RECORD_BYTES: u64 = 16;

/// Records that are read at a time.
const READ_RECORDS: u64 = 4096;

/// The fields that an export has for it.
const DOCUMENTS: &str = "copy_count";
const LABELS: &str = "copy_labels";

/// Of each document of which there are copies, how many documents and labels hold its text, itself
/// included. In a temporary file without a name, so that any number fits into memory.
#[derive(Debug)]
pub struct Copies {
    file: File,
    records: u64,
}

/// Writes [`Copies`].
pub struct CopiesWriter {
    file: BufWriter<File>,
    records: u64,
    last: Option<DocRef>,
}

impl CopiesWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new() -> io::Result<CopiesWriter> {
        Ok(CopiesWriter { file: BufWriter::new(tempfile::tempfile()?), records: 0, last: None })
    }

    /// Adds a document. They come in the order of their refs.
    ///
    /// # Errors
    /// If the file cannot be written.
    ///
    /// # Panics
    /// If refs do not ascend.
    pub fn push(&mut self, at: DocRef, documents: u32, labels: u32) -> io::Result<()> {
        assert!(self.last.is_none_or(|last| last < at), "refs ascend");
        self.last = Some(at);
        self.records += 1;
        self.file.write_all(&at.0.to_le_bytes())?;
        self.file.write_all(&documents.to_le_bytes())?;
        self.file.write_all(&labels.to_le_bytes())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> io::Result<Copies> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Copies { file, records: self.records })
    }
}

impl Copies {
    /// Returns what adds the fields to the documents of a segment, in their order.
    pub(super) fn of_segment<'c>(
        &'c self,
        label: &'c Label,
        segment: &Segment,
    ) -> Result<OfSegment<'c>, Error> {
        let first = segment.first;
        let cursor = self.cursor(first).map_err(temporary)?;
        let prefix = format!("{}/", label.full_name());
        Ok(OfSegment { cursor, label, number: first.label(), prefix, source: None })
    }

    /// The records from the first one at or after `first`.
    fn cursor(&self, first: DocRef) -> io::Result<Cursor<'_>> {
        let (mut low, mut high) = (0, self.records);
        while low < high {
            let middle = low.midpoint(high);
            let mut at = [0; 8];
            self.file.read_exact_at(&mut at, middle * RECORD_BYTES)?;
            if u64::from_le_bytes(at) < first.0 {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Cursor { copies: self, next: low, read: Vec::new() })
    }
}

struct Cursor<'c> {
    copies: &'c Copies,
    /// The next record that is not in `read`.
    next: u64,
    /// Records that were read, the first one last.
    read: Vec<(u64, u32, u32)>,
}

impl Cursor<'_> {
    /// How many documents and labels hold the text at this ref. Refs ascend over calls.
    fn of(&mut self, at: DocRef) -> io::Result<(u32, u32)> {
        loop {
            if self.read.is_empty() && !self.fill()? {
                return Ok((1, 1));
            }
            match self.read.last() {
                Some(record) if record.0 < at.0 => drop(self.read.pop()),
                Some(record) if record.0 == at.0 => return Ok((record.1, record.2)),
                _ => return Ok((1, 1)),
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let count = READ_RECORDS.min(self.copies.records - self.next);
        let mut bytes = vec![0; (count * RECORD_BYTES) as usize];
        self.copies.file.read_exact_at(&mut bytes, self.next * RECORD_BYTES)?;
        self.next += count;
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
        let records = bytes.as_chunks::<{ RECORD_BYTES as usize }>().0.iter().rev();
        self.read.extend(records.map(|record| {
            let at = u64::from_le_bytes(record[..8].try_into().expect("8 bytes"));
            (at, number(&record[8..12]), number(&record[12..]))
        }));
        Ok(!self.read.is_empty())
    }
}

/// Adds the fields to the documents of a segment.
pub(super) struct OfSegment<'c> {
    cursor: Cursor<'c>,
    label: &'c Label,
    /// Number of the label.
    number: u64,
    /// Of the ids of its documents.
    prefix: String,
    /// The source of the document before, and its number.
    source: Option<(String, u64)>,
}

impl OfSegment<'_> {
    /// Writes a line with the fields added to `out`. `text` and `meta` are its JSON.
    pub fn write(
        &mut self,
        text: &str,
        meta: &str,
        fields: &Fields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let id = fields.string("id").unwrap_or_default();
        let wrong = |what: String| Error::corrupt(id.as_ref(), what);
        for name in [DOCUMENTS, LABELS] {
            if fields.get(name).is_some() {
                return Err(wrong(format!(
                    "this document has a field {name} already: export without the numbers of copies"
                )));
            }
        }
        let at = self.at(&id).ok_or_else(|| {
            wrong("this id is not one of its label: the segment is not of this corpus".to_owned())
        })?;
        let (documents, labels) = self.cursor.of(at).map_err(temporary)?;
        let open = meta.trim_end().strip_suffix('}').unwrap_or(meta);
        let comma = if open.trim_end().ends_with('{') { "" } else { "," };
        out.clear();
        writeln!(
            out,
            "{{\"text\":{text},\"meta\":{open}{comma}\"{DOCUMENTS}\":{documents},\
             \"{LABELS}\":{labels}}}}}"
        )
        .expect("memory can be written to");
        Ok(())
    }

    /// The ref of a document of the label.
    fn at(&mut self, id: &str) -> Option<DocRef> {
        let (source, record) = id.strip_prefix(&self.prefix)?.rsplit_once('#')?;
        let record: u64 = record.parse().ok().filter(|record| *record < DocRef::RECORDS_MAX)?;
        if self.source.as_ref().is_none_or(|(known, _)| known != source) {
            self.source = Some((source.to_owned(), self.label.source_named(source)?));
        }
        let (_, source) = self.source.as_ref()?;
        Some(DocRef::new(self.number, *source, record))
    }
}

/// An error of the temporary file.
fn temporary(source: io::Error) -> Error {
    Error::Io { path: std::env::temp_dir(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_from_any_place_on_and_others_have_no_copies() {
        let mut writer = CopiesWriter::new().unwrap();
        let count = 3 * READ_RECORDS as u32 + 7;
        for number in 0..count {
            writer.push(DocRef(u64::from(number) * 3 + 1), number + 2, 1 + number % 5).unwrap();
        }
        let copies = writer.finish().unwrap();
        for first in [0, 1, 2, 5000, u64::from(count) * 3, u64::from(count) * 3 + 9] {
            let mut cursor = copies.cursor(DocRef(first)).unwrap();
            for at in first..u64::from(count) * 3 + 5 {
                let number = (at / 3) as u32;
                let is_one = at % 3 == 1 && number < count;
                let expected = if is_one { (number + 2, 1 + number % 5) } else { (1, 1) };
                assert_eq!(cursor.of(DocRef(at)).unwrap(), expected, "{first} {at}");
            }
        }
        let none = CopiesWriter::new().unwrap().finish().unwrap();
        assert_eq!(none.cursor(DocRef(4)).unwrap().of(DocRef(4)).unwrap(), (1, 1));
    }
}
