//! Verification of what is kept aside: its rows against the ledger, its documents against its rows.

use super::{Check, REBUILD, segment_ids};
use crate::error::Error;
use crate::manifest::{File, Label};
use crate::revise::{Part, is_within};
use crate::segment::check_whole;

impl<P: FnMut(&str)> Check<'_, P> {
    pub(super) fn aside(&mut self, label: &Label) {
        let mut segments: Vec<&File> = label.aside.segments.iter().collect();
        for rows in &label.aside.ledger {
            (self.progress)(&rows.path);
            let Some(ledger) = label.ledger.iter().find(|ledger| is_within(rows, ledger)) else {
                let what = "what is kept aside here is not of one part of the ledger";
                self.found(self.shown(rows), what, REBUILD);
                continue;
            };
            let at = segments.iter().position(|segment| is_within(segment, ledger));
            let segment = at.map(|at| segments.remove(at));
            let texts = self.aside_rows(ledger, rows);
            let Some(texts) = self.ok_or_found(rows, texts) else { continue };
            if let Some(segment) = segment {
                (self.progress)(&segment.path);
                let done = self.aside_segment(segment, &texts);
                self.ok_or_found(segment, done);
            } else if let Some(id) = texts.first() {
                let what = format!("{id} is kept aside, and no segment has its text");
                self.found(self.shown(rows), what, REBUILD);
            }
        }
        for segment in segments {
            let what = "no rows are kept aside with the documents of this segment";
            self.found(self.shown(segment), what, REBUILD);
        }
    }

    /// Verifies rows kept aside. Returns the ids of those that have a text.
    fn aside_rows(&self, ledger: &File, rows: &File) -> Result<Vec<String>, Error> {
        let path = self.corpus.root().join(&rows.path);
        check_whole(&path, rows)?;
        let part = Part { ledger, segment: None, aside_ledger: Some(rows), aside_segment: None };
        let (mut texts, mut records) = (Vec::new(), 0);
        for row in part.rows(self.corpus)? {
            let row = row?;
            records += u64::from(row.revised.is_some());
            if row.revised.is_some() && row.built.reason.is_none() {
                texts.push(row.built.id);
            }
        }
        if records != rows.records {
            let what = format!("{} rows expected, {records} found", rows.records);
            return Err(Error::corrupt(&path, what));
        }
        Ok(texts)
    }

    /// Verifies a segment kept aside, which must have exactly the documents `texts`.
    fn aside_segment(&self, segment: &File, texts: &[String]) -> Result<(), Error> {
        let path = self.corpus.root().join(&segment.path);
        check_whole(&path, segment)?;
        if segment_ids(&path)? != texts {
            let what = "its documents are not those whose rows are kept aside";
            return Err(Error::corrupt(&path, what));
        }
        Ok(())
    }

    fn shown(&self, file: &File) -> String {
        self.corpus.root().join(&file.path).display().to_string()
    }
}
