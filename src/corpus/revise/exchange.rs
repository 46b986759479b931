//! An exchange of single documents of a part of a label. All others stay as they are, and what is
//! stored of them is copied where that is possible.

use super::again::{Again, changed};
use super::change::Changed;
use super::lines::LinePair;
use super::new_file::{NewFile, marked};
use super::part::{BuiltRow, Part, unmatched};
use super::patch::{RowsPatch, SegmentPatch};
use super::verdict::Verdict;
use super::{Difference, Exchange, whole};
use crate::error::Error;
use crate::ledger::{LedgerRow, LedgerWriter, Mark, OldLedger, OtherRows};
use crate::manifest::{Counts, File, Label};
use crate::part::PartFiles;
use crate::store::Corpus;
use document::DocRef;
use std::path::PathBuf;

/// An exchange in one part.
pub(super) struct PartExchange<'e> {
    pub corpus: &'e Corpus,
    pub label: &'e Label,
    pub part: &'e Part<'e>,
    pub mark: &'e str,
    pub exchange: &'e Exchange<'e>,
    /// The documents of the label that are marked or were read again, in order.
    pub documents: &'e [DocRef],
}

impl<'e> PartExchange<'e> {
    /// Makes the exchange. `None` if it is of no document of the part.
    pub fn make(&self, again: &mut Again<'_>) -> Result<Option<Changed>, Error> {
        let part = self.part;
        let mut documents = within(self.documents, part.ledger.first, part.ledger.last);
        if documents.is_empty() {
            return Ok(None);
        }
        let ledger_path = whole(self.corpus, part.ledger)?;
        let old = OldLedger::open(&ledger_path)?;
        let mut ledger = LedgerPatch { old: &old, output: self.output("ledger", "parquet") };
        let aside_path = part.aside_ledger.map(|file| whole(self.corpus, file)).transpose()?;
        let mut files = Files {
            segment: self.segment(part.segment, "data")?,
            aside_segment: self.segment(part.aside_segment, "aside")?,
            aside_ledger: RowsPatch::new(aside_path, self.output("aside", "parquet"))?,
        };
        let mut changed = Changed {
            files: PartFiles::default(),
            before: Counts::default(),
            now: Counts::default(),
            difference: Difference::default(),
        };
        let mut lines = LinePair::default();
        for group in 0..old.groups() {
            let refs = old.refs(group)?;
            let Some(last) = refs.last() else { continue };
            let here;
            (here, documents) = documents.split_at(documents.partition_point(|at| at <= last));
            let mut places = Vec::with_capacity(here.len());
            for at in here {
                match refs.binary_search(at) {
                    Ok(place) => places.push(place),
                    Err(_) => return Err(self.unknown(*at, again)),
                }
            }
            let before = old.rows_at(group, &places)?;
            let mut now = Vec::with_capacity(before.len());
            for row in &before {
                now.push(self.document(row, again, &mut lines, &mut files, &mut changed)?);
            }
            ledger.put_group(group, OtherRows { places: &places, before: &before, now: &now })?;
        }
        if let Some(at) = documents.first() {
            return Err(self.unknown(*at, again));
        }
        changed.files = PartFiles {
            segment: files.segment.finish()?,
            aside_segment: files.aside_segment.finish()?,
            ledger: Some(ledger.finish(part.ledger)?),
            aside_ledger: files.aside_ledger.finish()?,
            ..PartFiles::default()
        };
        Ok(Some(changed))
    }

    fn segment(&self, old: Option<&'e File>, folder: &str) -> Result<SegmentPatch<'e>, Error> {
        let path = old.map(|file| whole(self.corpus, file)).transpose()?;
        Ok(SegmentPatch::new(self.label, old.zip(path), self.output(folder, "jsonl.zst")))
    }

    fn output<W>(&self, folder: &str, kind: &str) -> NewFile<W> {
        let name = marked(&self.part.ledger.path, folder, self.mark, kind);
        NewFile::new(self.corpus.root(), name)
    }

    /// Exchanges one document, whose row is `now`. Returns its new row.
    fn document(
        &self,
        now: &LedgerRow,
        again: &mut Again<'_>,
        lines: &mut LinePair,
        files: &mut Files<'_>,
        changes: &mut Changed,
    ) -> Result<LedgerRow, Error> {
        let at = now.at;
        let mut row = match files.aside_ledger.take(at)? {
            None => BuiltRow { built: now.clone(), revised: None },
            Some(built) if BuiltRow::is_pair(&built, now) => {
                BuiltRow { built, revised: Some(now.clone()) }
            }
            Some(built) => {
                let aside = self.part.aside_ledger.unwrap_or(self.part.ledger);
                return Err(unmatched(&self.path(aside), &built));
            }
        };
        let (was_kept, was_aside) =
            (row.now().reason.is_none(), row.revised.is_some() && row.built.reason.is_none());
        if let Some(new) = again.take(at, lines)? {
            if !new.built.is_of_same_record(&row.built) {
                return Err(changed(&row.built));
            }
            row = new;
        }
        if let Some(mark) = self.exchange.mark(at) {
            row = BuiltRow { built: row.built.marked(mark), revised: None };
        }
        let rejection = (self.exchange.verdict)(&row.built);
        let verdict = rejection.map_or(Verdict::Stays, Verdict::Rejected);
        let after = verdict.apply(row, lines)?;
        let has_other_text = files.segment.put(now, was_kept, after.line.as_deref())?;
        let aside = after.aside.as_ref().filter(|built| built.reason.is_none());
        let line_aside = aside.map(|_| &*lines.built);
        files.aside_segment.put(now, was_aside, line_aside)?;
        if let Some(built) = after.aside {
            files.aside_ledger.put(built)?;
        }
        now.count(&mut changes.before);
        after.row.count(&mut changes.now);
        changes.difference.count(now, &after.row, has_other_text);
        Ok(after.row)
    }

    fn path(&self, file: &File) -> PathBuf {
        self.corpus.root().join(&file.path)
    }

    /// The error about a document that the part lacks.
    fn unknown(&self, at: DocRef, again: &mut Again<'_>) -> Error {
        match again.take(at, &mut LinePair::default()) {
            Ok(Some(row)) => changed(&row.built),
            Ok(None) => {
                let id = self.label.document_id(at);
                Error::corrupt(&self.path(self.part.ledger), format!("it has no row of {id}"))
            }
            Err(error) => error,
        }
    }
}

/// Returns those of `documents`, which are in order, from `first` to `last`.
fn within(documents: &[DocRef], first: DocRef, last: DocRef) -> &[DocRef] {
    let start = documents.partition_point(|at| *at < first);
    let end = documents.partition_point(|at| *at <= last);
    &documents[start..end.max(start)]
}

/// The files of a part, but for its rows.
struct Files<'e> {
    segment: SegmentPatch<'e>,
    aside_segment: SegmentPatch<'e>,
    aside_ledger: RowsPatch,
}

/// A ledger file of which some rows are others. It is written only if any is.
struct LedgerPatch<'e> {
    old: &'e OldLedger,
    output: NewFile<LedgerWriter>,
}

impl LedgerPatch<'_> {
    /// The next row group, with some other rows.
    fn put_group(&mut self, group: usize, rows: OtherRows<'_>) -> Result<(), Error> {
        let (old, is_first) = (self.old, self.output.get().is_none());
        if is_first && rows.before == rows.now {
            return Ok(());
        }
        let writer = self.output.open(LedgerWriter::create)?;
        if is_first {
            (0..group)
                .try_for_each(|group| old.write_group(group, OtherRows::default(), writer))?;
        }
        old.write_group(group, rows, writer)
    }

    /// Makes the file durable, if any row is another one. It has the documents of `old`.
    fn finish(self, old: &File) -> Result<File, Error> {
        let File { first, last, records, .. } = *old;
        let new = self.output.finish(LedgerWriter::finish)?;
        Ok(new.map_or_else(|| old.clone(), |new| File { first, last, records, ..new }))
    }
}

impl Exchange<'_> {
    /// Why a document is taken out, if it is.
    fn mark(&self, at: DocRef) -> Option<Mark> {
        let place = self.marked.binary_search_by_key(&at, |(at, _)| *at);
        place.ok().map(|place| self.marked[place].1)
    }
}

#[cfg(test)]
mod tests;
