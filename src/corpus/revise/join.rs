//! Joining the small parts of a label. Nothing changes but the files.
//!
//! Each worker writes files of its own in each epoch. A label of many epochs of which little is kept would otherwise
//! have thousands of small files, which the manifest names, and which every reading of the label opens.

use super::new_file::marked;
use super::part::Part;
use super::{each, in_order, whole};
use crate::crash;
use crate::error::Error;
use crate::ledger::{LedgerWriter, OldLedger};
use crate::manifest::{Aside, File, Label};
use crate::part::{EpochReport, PartFiles};
use crate::segment::{Frames, SegmentWriter};
use crate::store::Corpus;
use std::path::{Path, PathBuf};

/// Bytes of a part that is made of others, at most. A revision of one document copies its part.
const JOINED_BYTES_MAX: u64 = 64 << 20;

/// Rows of such a part, at most. Some commands have a few dozen bytes for each row of a part in memory.
const JOINED_ROWS_MAX: u64 = 1 << 20;

/// Parts that are joined into one, at least: fewer are not worth the copy.
const JOINED_MIN: usize = 8;

/// Frames of fewer bytes, as stored, are compressed again with those around them.
const COPIED_FRAME_BYTES_MIN: usize = 128 << 10;

/// Joins each series of small parts of `label`. New files have `mark` in their names. `done` is called with the number of
/// rows of each series. Returns the label with the new files, which become part of the corpus when it is committed; `None` if there
/// is no such series.
///
/// # Errors
/// If a file cannot be read or written, or is damaged.
pub fn join_parts(
    corpus: &Corpus,
    label: &Label,
    mark: &str,
    workers: usize,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Option<Label>, Error> {
    let in_order = in_order(label);
    let series = series(&in_order);
    if series.iter().all(|parts| parts.len() == 1) {
        return Ok(None);
    }
    let join = |number: usize| {
        let parts = series[number];
        let joined = match parts {
            [part] => part.files(),
            parts => Join { corpus, parts, mark }.make()?,
        };
        done(parts.iter().map(|part| part.ledger.records).sum());
        Ok(joined)
    };
    let files = each(series.len(), workers, join)?;
    let aside = Aside { built: label.aside.built.clone(), ..Aside::default() };
    let mut joined = Label { segments: Vec::new(), ledger: Vec::new(), aside, ..label.clone() };
    for files in files {
        let mut report = EpochReport::default();
        report.set_files(files);
        report.add_to(&mut joined);
    }
    // What is in no part would be lost.
    if records(&joined) != records(label) {
        let what =
            "a file of this label is not of one part of its ledger; `sluice verify` names it";
        return Err(Error::corrupt(label.full_name().as_ref(), what));
    }
    Ok(Some(joined))
}

/// The records of all files of a label, by kind.
fn records(label: &Label) -> [u64; 4] {
    let Aside { segments, ledger, .. } = &label.aside;
    [&label.segments, &label.ledger, segments, ledger]
        .map(|files| files.iter().map(|file| file.records).sum())
}

/// Cuts the parts of a label, which are in order, into series that become one part each.
fn series<'p, 'l>(in_order: &'p [Part<'l>]) -> Vec<&'p [Part<'l>]> {
    let mut series = Vec::new();
    let mut rest = in_order;
    while !rest.is_empty() {
        let (mut bytes, mut rows) = (0, 0);
        let fits = |part: &&Part<'_>| {
            bytes += part.bytes();
            rows += part.ledger.records;
            bytes <= JOINED_BYTES_MAX && rows <= JOINED_ROWS_MAX
        };
        let small = rest.iter().take_while(fits).count();
        let taken;
        (taken, rest) = rest.split_at(small.max(1));
        if taken.len() < JOINED_MIN {
            series.extend(taken.chunks(1));
        } else {
            series.push(taken);
        }
    }
    series
}

/// A series of parts that become one.
struct Join<'j> {
    corpus: &'j Corpus,
    parts: &'j [Part<'j>],
    mark: &'j str,
}

impl<'j> Join<'j> {
    fn make(&self) -> Result<PartFiles, Error> {
        let files = |of: fn(&Part<'j>) -> Option<&'j File>| self.parts.iter().filter_map(of);
        let segments = |files, folder| self.file(files, folder, "jsonl.zst", join_segments);
        let ledgers = |files, folder| self.file(files, folder, "parquet", join_ledgers);
        let joined = PartFiles {
            segment: segments(files(|part| part.segment).collect(), "data")?,
            ledger: ledgers(files(|part| Some(part.ledger)).collect(), "ledger")?,
            aside_segment: segments(files(|part| part.aside_segment).collect(), "aside")?,
            aside_ledger: ledgers(files(|part| part.aside_ledger).collect(), "aside")?,
            ..PartFiles::default()
        };
        crash::point("part-joined");
        Ok(joined)
    }

    /// Makes one file of `files`, if there are several.
    fn file(
        &self,
        files: Vec<&File>,
        folder: &str,
        kind: &str,
        join: fn(&[PathBuf], &Path, String) -> Result<File, Error>,
    ) -> Result<Option<File>, Error> {
        let [first, .., last] = &files[..] else {
            return Ok(files.first().map(|file| (*file).clone()));
        };
        let paths: Vec<PathBuf> =
            files.iter().map(|file| whole(self.corpus, file)).collect::<Result<_, Error>>()?;
        let name = marked(&self.parts[0].ledger.path, folder, self.mark, kind);
        let path = self.corpus.root().join(&name);
        let new = join(&paths, &path, name)?;
        let records = files.iter().map(|file| file.records).sum();
        Ok(Some(File { first: first.first, last: last.last, records, ..new }))
    }
}

fn join_segments(paths: &[PathBuf], new: &Path, name: String) -> Result<File, Error> {
    let mut writer = SegmentWriter::create(new)?;
    for path in paths {
        let mut frames = Frames::open(path)?;
        while let Some(frame) = frames.next()? {
            if frame.bytes.len() < COPIED_FRAME_BYTES_MIN {
                writer.push_lines(&frames.lines(&frame)?)?;
            } else {
                writer.push_frame(&frame)?;
            }
        }
    }
    writer.finish(name)
}

fn join_ledgers(paths: &[PathBuf], new: &Path, name: String) -> Result<File, Error> {
    let mut writer = LedgerWriter::create(new)?;
    paths.iter().try_for_each(|path| OldLedger::open(path)?.append_to(&mut writer))?;
    writer.finish(name)
}

#[cfg(test)]
mod tests;
