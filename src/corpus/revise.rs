//! Rejecting documents of a corpus after the fact, by copies of their files without them.

use crate::error::Error;
use crate::ledger::{self, LedgerRow, LedgerWriter};
use crate::manifest::{Counts, File, Label};
use crate::segment::{SegmentReader, SegmentWriter};
use crate::store::Corpus;
use document::Reason;

/// Returns the rows of a ledger file.
///
/// # Errors
/// If the file cannot be opened or is damaged.
pub fn ledger_rows(
    corpus: &Corpus,
    file: &File,
) -> Result<impl Iterator<Item = Result<LedgerRow, Error>> + use<>, Error> {
    ledger::rows(&corpus.root().join(&file.path))
}

/// Rejects the documents of `label` for which `verdict` returns a reason; documents that are rejected
/// already get the new reason. Files that change are written as copies with `mark` in their names.
/// Returns the label with the new files, which become part of the corpus when it is committed.
///
/// # Errors
/// If a file cannot be read or written, or is damaged.
pub fn revise(
    corpus: &Corpus,
    label: &Label,
    mark: &str,
    verdict: impl Fn(&LedgerRow) -> Option<Reason>,
) -> Result<Label, Error> {
    let mut revised = Label { counts: Counts::default(), ..label.clone() };
    revised.segments.clear();
    revised.ledger.clear();
    for ledger in &label.ledger {
        // A worker writes one range of refs of an epoch, to one ledger file and one segment.
        let within = |file: &&File| ledger.first <= file.first && file.last <= ledger.last;
        let segment = label.segments.iter().find(within);
        let changes = ledger_rows(corpus, ledger)?.any(|row| match row {
            Ok(row) => verdict(&row).is_some_and(|reason| row.reason.as_ref() != Some(&reason)),
            Err(_) => true,
        });
        if changes {
            revise_part(corpus, (ledger, segment), mark, &verdict, &mut revised)?;
            continue;
        }
        for row in ledger_rows(corpus, ledger)? {
            row?.count(&mut revised.counts);
        }
        revised.ledger.push(ledger.clone());
        revised.segments.extend(segment.cloned());
    }
    Ok(revised)
}

fn revise_part(
    corpus: &Corpus,
    (ledger, segment): (&File, Option<&File>),
    mark: &str,
    verdict: &impl Fn(&LedgerRow) -> Option<Reason>,
    revised: &mut Label,
) -> Result<(), Error> {
    let path = |name: &str| corpus.root().join(name);
    let ledger_name = marked(&ledger.path, mark, "parquet");
    let mut rows = LedgerWriter::create(&path(&ledger_name))?;
    let mut lines = segment.map(|file| SegmentReader::open(&path(&file.path))).transpose()?;
    let segment_name = segment.map(|file| marked(&file.path, mark, "jsonl.zst"));
    let mut kept: Option<SegmentWriter> = None;
    let mut line = Vec::new();
    for row in ledger_rows(corpus, ledger)? {
        let mut row = row?;
        let had_line = row.reason.is_none();
        if had_line {
            let has_line = lines.as_mut().map(|lines| lines.next_line(&mut line)).transpose()?;
            if has_line != Some(true) {
                let what = format!("the segment has no line for {}", row.id);
                return Err(Error::corrupt(&path(&ledger.path), what));
            }
        }
        if let Some(reason) = verdict(&row) {
            row.reject(reason);
        } else if had_line {
            let name = segment_name.as_ref().expect("a line comes from a segment");
            if kept.is_none() {
                kept = Some(SegmentWriter::create(&path(name))?);
            }
            kept.as_mut().expect("made above").push_line(row.at, &line)?;
        }
        row.count(&mut revised.counts);
        rows.push_row(row)?;
    }
    revised.ledger.push(rows.finish(ledger_name)?);
    if let (Some(kept), Some(name)) = (kept, segment_name) {
        revised.segments.push(kept.finish(name)?);
    }
    Ok(())
}

/// Returns the name of a revision: `00000001-0000.jsonl.zst` becomes `00000001-0000.r7.jsonl.zst`.
fn marked(name: &str, mark: &str, kind: &str) -> String {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let stem = name[file..].find('.').map_or(name.len(), |dot| file + dot);
    format!("{}.{mark}.{kind}", &name[..stem])
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn a_revision_of_a_revision_has_one_mark() {
        let first = marked("data/s/2019.x/00000001-0000.jsonl.zst", "r7", "jsonl.zst");
        assert_eq!(first, "data/s/2019.x/00000001-0000.r7.jsonl.zst");
        assert_eq!(marked(&first, "r8", "jsonl.zst"), "data/s/2019.x/00000001-0000.r8.jsonl.zst");
    }
}
