//! Reading dropped records again from their sources.

use crate::inputs;
use crate::terminal::Progress;
use anyhow::Result;
use corpus::{Label, LedgerRow, Source};
use document::Document;
use engine::Reader;
use indicatif::HumanBytes;
use std::io::ErrorKind;
use std::path::Path;

/// A record that was read again, or the reason why it was not.
pub(super) enum Again {
    /// The document as the reader made it, and what the reader found wrong with it.
    Read(Box<Document>, Vec<String>),
    /// Its source is gone, has changed, or cannot be read.
    Lost(String),
}

/// Reads records of a label again. `rows` are in the order of refs, so each source is read once, up
/// to the last record that is wanted of it.
pub(super) fn read_again(
    reader: &Reader,
    label: &Label,
    rows: &[&LedgerRow],
) -> Result<Vec<Again>> {
    let progress = Progress::new();
    let mut all = Vec::new();
    for rows in rows.chunk_by(|a, b| a.at.source() == b.at.source()) {
        let source = &label.sources[rows[0].at.source() as usize];
        let mut found = Vec::new();
        if let Err(why) = read_source(reader, source, rows, &progress, &mut found) {
            let lost = || Again::Lost(format!("{}: {why}", source.path));
            // Those found before stay.
            found.resize_with(rows.len(), lost);
        }
        all.append(&mut found);
    }
    Ok(all)
}

/// Reads records of one source into `found`. Returns why the rest cannot be read.
fn read_source(
    reader: &Reader,
    source: &Source,
    rows: &[&LedgerRow],
    progress: &Progress,
    found: &mut Vec<Again>,
) -> Result<(), String> {
    let path = Path::new(&source.path);
    let bytes = match inputs::source_size(path) {
        Ok(bytes) => bytes,
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(is_not_found) => {
            return Err("this source is gone".into());
        }
        Err(error) => return Err(format!("{error:#}")),
    };
    let changed = || match bytes == source.bytes {
        true => "this source has changed since it was added".to_owned(),
        false => format!(
            "this source has changed since it was added: it had {} and has {} now",
            HumanBytes(source.bytes),
            HumanBytes(bytes)
        ),
    };
    let mut row = progress.row(&source.name);
    let mut waiting = rows.iter().peekable();
    let mut record = 0;
    // The record that was just found: its defects follow it.
    let mut is_found = false;
    for read in reader(path).map_err(|error| format!("{:#}", anyhow::Error::from(error)))? {
        let document = match read {
            Err(defect) => {
                if defect.device.is_some() {
                    return Err(defect.to_string());
                }
                if let (true, Some(Again::Read(_, defects))) = (is_found, found.last_mut()) {
                    defects.push(defect.bounded().to_string());
                }
                continue;
            }
            Ok(document) => document,
        };
        let Some(wanted) = waiting.peek() else { return Ok(()) };
        row.update(document.offset, Some(source.bytes), || format!("record {record}"));
        is_found = wanted.at.record() == record;
        if is_found {
            let as_before = (wanted.offset, wanted.digest, wanted.bytes_read);
            found.push(if (document.offset, document.digest, document.bytes_read) == as_before {
                Again::Read(Box::new(document), Vec::new())
            } else {
                Again::Lost(format!("{}: {}", source.path, changed()))
            });
            waiting.next();
        }
        record += 1;
    }
    match waiting.peek() {
        None => Ok(()),
        Some(_) => Err(changed()),
    }
}

fn is_not_found(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
