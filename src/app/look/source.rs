//! Reading records again from their sources.

use super::Explained;
use crate::inputs;
use crate::terminal::{Progress, Row};
use corpus::{Label, LedgerRow, Source};
use document::Document;
use engine::{Documents, Reader};
use indicatif::HumanBytes;
use std::io::ErrorKind;
use std::path::Path;

/// A record that was read again, or the reason why it was not.
pub(crate) enum Again {
    /// The document as the reader made it, and what the reader found wrong with it.
    Read(Box<Document>, Vec<String>),
    /// Its source is gone, has changed, or cannot be read.
    Lost(String),
}

/// The sources of a label. Each is read once, up to the last record that is wanted of it.
pub(super) struct Sources<'l> {
    label: &'l Label,
    reader: Reader,
    progress: Progress,
    /// The number of a source, and the source, or why it cannot be read (any more).
    open: Option<(u64, Result<Open, String>)>,
}

/// A source that is being read.
struct Open {
    bytes_before: u64,
    bytes_now: u64,
    documents: Documents,
    /// The next document, if it was read to find the defects of the one before.
    ahead: Option<Document>,
    /// Number of the next document.
    record: u64,
    row: Row,
}

impl<'l> Sources<'l> {
    pub fn new(label: &'l Label, reader: Reader) -> Sources<'l> {
        Sources { label, reader, progress: Progress::new(), open: None }
    }

    /// Reads a record again. Records must be asked for in the order of their refs.
    pub fn read(&mut self, row: &LedgerRow) -> Again {
        let number = row.at.source();
        let source = &self.label.sources[number as usize];
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let opened = open(&self.reader, source, &self.progress);
            self.open = Some((number, opened));
        }
        let (_, opened) = self.open.as_mut().expect("opened above");
        let found = match opened {
            Ok(open) => open.find(row),
            Err(why) => Err(why.clone()),
        };
        let why = match found {
            Ok(Again::Lost(why)) => why,
            Ok(read) => return read,
            Err(why) => {
                *opened = Err(why.clone());
                why
            }
        };
        Again::Lost(format!("{}: {why}", source.path))
    }
}

fn open(reader: &Reader, source: &Source, progress: &Progress) -> Result<Open, String> {
    let path = Path::new(&source.path);
    let bytes_now = inputs::source_size(path).map_err(|error| {
        let is_gone = error.downcast_ref::<std::io::Error>().is_some_and(is_not_found);
        if is_gone { "this source is gone".to_owned() } else { format!("{error:#}") }
    })?;
    let documents = reader(path).map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
    let row = progress.row(&source.name);
    Ok(Open { bytes_before: source.bytes, bytes_now, documents, ahead: None, record: 0, row })
}

/// Reads a record again at its byte, without those before it, if its slice can do that and it is there.
pub(super) fn read_at(explained: Explained<'_>, source: &Source, row: &LedgerRow) -> Option<Again> {
    let Explained { slice, settings } = explained;
    let path = Path::new(&source.path);
    let documents = slice.read_at(path, row.offset, settings)?.ok()?;
    let (mut found, mut defects) = (None, Vec::new());
    for read in documents {
        match read {
            Ok(document) if found.is_none() => found = Some(document),
            // The defects of a record follow it.
            Ok(_) => break,
            Err(defect) if defect.device.is_some() => return None,
            Err(_) if found.is_none() => return None,
            Err(mut defect) => {
                defect.offset += row.offset;
                defects.push(defect.bounded().to_string());
            }
        }
    }
    let mut document = found?;
    document.offset += row.offset;
    is_same(&document, row).then(|| Again::Read(Box::new(document), defects))
}

/// Whether a document is the one of a row, unchanged.
fn is_same(document: &Document, row: &LedgerRow) -> bool {
    let now = (document.offset, document.digest, document.bytes_read);
    now == (row.offset, row.digest, row.bytes_read)
}

fn is_not_found(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

impl Open {
    /// Reads up to a record. Fails if it and all later records cannot be read.
    fn find(&mut self, wanted: &LedgerRow) -> Result<Again, String> {
        let document = loop {
            let Some(document) = self.next()? else { return Err(self.changed()) };
            let (record, offset) = (self.record, document.offset);
            self.record += 1;
            self.row.update(offset, Some(self.bytes_before), || format!("record {record}"));
            if record == wanted.at.record() {
                break document;
            }
        };
        if !is_same(&document, wanted) {
            return Ok(Again::Lost(self.changed()));
        }
        // The defects of a record follow it.
        let mut defects = Vec::new();
        for read in &mut self.documents {
            match read {
                Ok(next) => {
                    self.ahead = Some(next);
                    break;
                }
                Err(defect) if defect.device.is_some() => break,
                Err(defect) => defects.push(defect.bounded().to_string()),
            }
        }
        Ok(Again::Read(Box::new(document), defects))
    }

    /// The next document, without the defects before it.
    fn next(&mut self) -> Result<Option<Document>, String> {
        if let Some(document) = self.ahead.take() {
            return Ok(Some(document));
        }
        for read in &mut self.documents {
            match read {
                Ok(document) => return Ok(Some(document)),
                Err(defect) if defect.device.is_some() => return Err(defect.to_string()),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn changed(&self) -> String {
        let mut why = "this source has changed since it was added".to_owned();
        if self.bytes_now != self.bytes_before {
            let (before, now) = (HumanBytes(self.bytes_before), HumanBytes(self.bytes_now));
            why += &format!(": it had {before} and has {now} now");
        }
        why
    }
}
