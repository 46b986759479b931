//! Changing documents of a corpus after the fact.
//!
//! A revision of thresholds or of evaluation sets is a function of the label as it was built, without
//! decontamination: its verdict decides for each row as built, so the order of revisions leaves no
//! trace. What it changes is kept aside, in files that the manifest lists in [`Aside`]: the line of
//! each document that was kept, and the row of each document that changed. A build writes what
//! decontamination changes in the same way.
//!
//! A revision of exclusions is an [`Exchange`]: it changes what the label as built is. It takes
//! documents out, and puts others, which were read again because of that, in their places. All others
//! stay as they are, so most of what is stored is copied and not read.

mod again;
mod change;
mod difference;
mod exchange;
mod join;
mod lines;
mod new_file;
mod part;
mod patch;
mod verdict;

pub use self::difference::Difference;
pub use self::join::join_parts;
pub use self::part::{BuiltRow, rows_as_built};
pub(crate) use self::part::{Part, is_within};

use self::again::Again;
use self::change::{Change, Changed};
use self::exchange::PartExchange;
use self::part::parts;
use crate::error::Error;
use crate::ledger::{LedgerRow, Mark, Rejection, refs};
use crate::manifest::{Aside, File, Label};
use crate::part::{EpochReport, PartFiles};
use crate::segment::check_whole;
use crate::store::Corpus;
use document::{Contamination, DocRef};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// What a revision changes in a label.
#[derive(Clone, Copy)]
pub struct Changes<'c> {
    /// Rejects documents by their rows as built; all others become as they were built.
    pub verdict: &'c (dyn Fn(&LedgerRow) -> Option<Rejection> + Sync),
    /// Which documents are compared with evaluations.
    pub comparison: Comparison<'c>,
    /// How many parts are revised at a time.
    pub workers: usize,
    /// Called after each part, with its file of the ledger.
    pub done: &'c (dyn Fn(&File) + Sync),
}

/// Returns what a text has of evaluations, and what becomes of its document.
pub type Judge<'c> = dyn Fn(&str) -> Option<Contamination> + Sync + 'c;

/// Which documents a revision compares with evaluations. Without a judge, none has anything of them.
#[derive(Clone, Copy)]
pub enum Comparison<'c> {
    /// Those that were dropped by an earlier verdict and are not any more. Others were compared, and
    /// stay what they are.
    OfReturning(Option<&'c Judge<'c>>),
    /// All that no earlier verdict dropped. The earlier verdicts stay.
    Anew(Option<&'c Judge<'c>>),
}

/// Documents of a label that are taken out, or take the place of what was read before.
#[derive(Clone, Copy)]
pub struct Exchange<'c> {
    /// Which documents are taken out, in order, and why.
    pub marked: &'c [(DocRef, Mark)],
    /// Documents that were read again take the place of their rows and lines.
    pub rounds: &'c [Rounds],
    /// Rejects documents that were read again by their rows as built: as an earlier revision did
    /// with all others.
    pub verdict: &'c (dyn Fn(&LedgerRow) -> Option<Rejection> + Sync),
    /// How many parts are revised at a time.
    pub workers: usize,
}

/// The parts that one run over documents of the label wrote.
pub type Rounds = Vec<PartFiles>;

impl<'c> Changes<'c> {
    /// Another verdict, and nothing else.
    pub fn of_verdict(
        verdict: &'c (dyn Fn(&LedgerRow) -> Option<Rejection> + Sync),
    ) -> Changes<'c> {
        let comparison = Comparison::OfReturning(None);
        Changes { verdict, comparison, workers: 1, done: &|_| {} }
    }

    /// Other evaluations, and nothing else.
    pub fn of_evaluations(judge: Option<&'c Judge<'c>>) -> Changes<'c> {
        Changes { comparison: Comparison::Anew(judge), ..Changes::of_verdict(&|_| None) }
    }
}

/// Makes `changes` in `label`. Files that change are written as copies with `mark` in their names.
/// Returns the label with the new files, which become part of the corpus when it is committed.
///
/// # Errors
/// If a file cannot be read or written, or is damaged.
pub fn revise(
    corpus: &Corpus,
    label: &Label,
    mark: &str,
    changes: &Changes<'_>,
) -> Result<(Label, Difference), Error> {
    let in_order = in_order(label);
    let of_part = |number: usize| {
        let part: &Part<'_> = &in_order[number];
        let changed = Change { corpus, part, mark, changes }.make()?;
        (changes.done)(part.ledger);
        Ok(changed)
    };
    let all = each(in_order.len(), changes.workers, of_part)?;
    Ok(revised(label, &in_order, all))
}

/// Exchanges documents of `label`. Otherwise as [`revise`].
///
/// # Errors
/// If a file cannot be read or written, or is damaged; and if a document that was read again is
/// another one than when the label was built.
pub fn exchange(
    corpus: &Corpus,
    label: &Label,
    mark: &str,
    exchange: &Exchange<'_>,
) -> Result<(Label, Difference), Error> {
    let in_order = in_order(label);
    let mut documents: Vec<DocRef> = exchange.marked.iter().map(|(at, _)| *at).collect();
    for file in exchange.rounds.iter().flatten().filter_map(|files| files.ledger.as_ref()) {
        documents.extend(refs(&corpus.root().join(&file.path))?);
    }
    documents.sort_unstable();
    documents.dedup();
    let documents = &documents[..];
    // What was read again is in order, and the parts that a worker changes one after the other are.
    let workers = exchange.workers.clamp(1, in_order.len().max(1));
    let consecutive = if exchange.rounds.is_empty() { 1 } else { in_order.len().div_ceil(workers) };
    let groups: Vec<&[Part<'_>]> = in_order.chunks(consecutive.max(1)).collect();
    let of_group = |number: usize| {
        let first = |number: usize| groups.get(number).map(|group| group[0].ledger.first);
        let mut again = Again::open(corpus, exchange.rounds);
        if number > 0 {
            again.skip_to(first(number).expect("one of the groups"))?;
        }
        let of_part =
            |part| PartExchange { corpus, label, part, mark, exchange, documents }.make(&mut again);
        let changed: Vec<_> = groups[number].iter().map(of_part).collect::<Result<_, Error>>()?;
        again.end_before(first(number + 1))?;
        Ok(changed)
    };
    let all = each(groups.len(), workers, of_group)?;
    Ok(revised(label, &in_order, all.into_iter().flatten().collect()))
}

/// The error about a file of the corpus that is not what it should be.
fn damaged(path: &Path, what: &str) -> Error {
    let remedy = "restore this file from a copy, or rebuild the corpus";
    Error::corrupt(path, format!("{what}; {remedy}"))
}

/// Returns the path of a file. Fails if it is not as it was written: what is copied is not read.
fn whole(corpus: &Corpus, file: &File) -> Result<PathBuf, Error> {
    let path = corpus.root().join(&file.path);
    match check_whole(&path, file) {
        Err(Error::Corrupt { path, what }) => Err(damaged(&path, &what)),
        done => done.map(|()| path),
    }
}

/// The parts of a label, in the order of their documents.
fn in_order(label: &Label) -> Vec<Part<'_>> {
    let mut in_order: Vec<Part<'_>> = parts(label).collect();
    in_order.sort_by_key(|part| part.ledger.first);
    in_order
}

/// Returns a label after its parts have changed, and what changed.
fn revised(
    label: &Label,
    parts: &[Part<'_>],
    changed: Vec<Option<Changed>>,
) -> (Label, Difference) {
    let built = label.aside.built.clone();
    let mut revised = Label {
        segments: Vec::new(),
        ledger: Vec::new(),
        aside: Aside { built, ..Aside::default() },
        ..label.clone()
    };
    let (mut sum, mut reports) = (Difference::default(), Vec::new());
    for (part, changed) in parts.iter().zip(changed) {
        let mut report = EpochReport::default();
        report.set_files(match changed {
            None => part.files(),
            Some(Changed { files, before, now, difference }) => {
                revised.counts.subtract(&before);
                sum.add(&difference);
                PartFiles { counts: now, ..files }
            }
        });
        reports.push(report);
    }
    reports.iter_mut().for_each(|report| report.add_to(&mut revised));
    (revised, sum)
}

/// Calls `work` with all numbers below `count`, on some threads. Returns the results in order.
fn each<T: Send>(
    count: usize,
    workers: usize,
    work: impl Fn(usize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= count || has_failed.load(Relaxed) {
                return done;
            }
            let of_number = work(number);
            has_failed.fetch_or(of_number.is_err(), Relaxed);
            done.push((number, of_number));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others = 1..workers.min(count);
        let others: Vec<_> = others.map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for thread in others {
            let of_thread = thread.join();
            done.extend(of_thread.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, of_number)| of_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PartWriter;
    use crate::segment::SegmentReader;
    use document::{DocRef, Document, Outcome};
    use std::fs;
    use std::sync::Arc;

    /// A label with six documents.
    fn label(corpus: &Corpus) -> Label {
        let source = crate::Source { name: "a".into(), ..Default::default() };
        let (slice, name) = ("s".into(), "l".into());
        let mut label = Label { slice, name, sources: vec![source], ..Label::default() };
        let mut part = PartWriter::new(corpus, Arc::new(label.clone()), 1, 0);
        for record in 0..6 {
            let (at, text) = (DocRef::new(0, 0, record), format!("text {record}"));
            part.push(&Document { at, text, ..Document::default() }, None).unwrap();
        }
        let mut report = EpochReport::default();
        report.set_files(part.finish().unwrap());
        report.add_to(&mut label);
        label
    }

    fn odd(row: &LedgerRow) -> Option<Rejection> {
        let is_odd = row.at.record() % 2 == 1;
        is_odd.then(|| Rejection { reason: "odd".into(), has_signals: false })
    }

    /// Changes the lines of a segment.
    fn damage(corpus: &Corpus, file: &File, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let path = corpus.root().join(&file.path);
        let mut reader = SegmentReader::open(&path).unwrap();
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while reader.next_line(&mut line).unwrap() {
            lines.push(line.clone());
        }
        change(&mut lines);
        fs::write(&path, zstd::encode_all(&lines.concat()[..], 1).unwrap()).unwrap();
    }

    #[test]
    fn a_segment_whose_documents_are_not_those_of_the_ledger_is_not_revised() {
        type Change = fn(&mut Vec<Vec<u8>>);
        let changes: [(&str, Change); 4] = [
            ("is expected, and another document is in its place", |lines| lines.swap(0, 1)),
            ("is expected, and another document is in its place", |lines| {
                lines[0] = lines[1].clone();
            }),
            ("is expected, and the file ends", |lines| drop(lines.pop())),
            ("it has more documents than the ledger", |lines| lines.push(lines[0].clone())),
        ];
        let (all, none) = (Changes::of_verdict(&odd), Changes::of_verdict(&|_| None));
        for (expected, change) in changes {
            let dir = tempfile::tempdir().unwrap();
            let corpus = Corpus::create(dir.path()).unwrap();
            let built = label(&corpus);
            let (revised, _) = revise(&corpus, &built, "r1", &all).unwrap();
            assert_eq!((revised.counts.kept, revised.aside.segments[0].records), (3, 3));
            damage(&corpus, &built.segments[0], change);
            let error = revise(&corpus, &built, "r2", &all).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("data/s/l"), "{error}");

            damage(&corpus, &revised.aside.segments[0], change);
            let error = revise(&corpus, &revised, "r3", &none).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("aside/s/l"), "{error}");
        }
    }

    /// What decontamination finds in a text, by the number in it.
    fn judge(text: &str) -> Option<Contamination> {
        let number: u64 = text.strip_prefix("text ")?.parse().unwrap();
        let outcome = match number % 4 {
            0 => return None,
            1 => Outcome::Dropped,
            2 => Outcome::Flagged,
            _ => Outcome::Cut { text: text.replace("text", "cut"), tokens: None },
        };
        Some(Contamination { record: format!("{{\"sets\":[],\"number\":{number}}}"), outcome })
    }

    /// A label with twelve documents in two parts, decontaminated if `is_clean`.
    fn label_of_twelve(corpus: &Corpus, epoch: u64, is_clean: bool) -> Label {
        let source = crate::Source { name: "a".into(), ..Default::default() };
        let (slice, name) = ("s".into(), "l".into());
        let mut label = Label { slice, name, sources: vec![source], ..Label::default() };
        for (worker, records) in [(0, 0..5), (1, 5..12)] {
            let mut part = PartWriter::new(corpus, Arc::new(label.clone()), epoch, worker);
            for record in records {
                part.push(&document(record, is_clean), None).unwrap();
            }
            let mut report = EpochReport::default();
            report.set_files(part.finish().unwrap());
            report.add_to(&mut label);
        }
        label
    }

    fn document(record: u64, is_clean: bool) -> Document {
        let (at, text) = (DocRef::new(0, 0, record), format!("text {record}"));
        let mut document = Document { at, text, ..Document::default() };
        document.scores.quality = Some(record as f64 / 12.0);
        if record == 5 {
            document.reject("short");
        } else if let Some(found) = judge(&document.text).filter(|_| is_clean) {
            document.contaminate(found);
        }
        document
    }

    /// The files of a label, one kind after another.
    fn contents(corpus: &Corpus, label: &Label) -> Vec<Vec<u8>> {
        let Aside { segments, ledger, .. } = &label.aside;
        let files = label.segments.iter().chain(&label.ledger).chain(segments).chain(ledger);
        files.map(|file| fs::read(corpus.root().join(&file.path)).unwrap()).collect()
    }

    fn poor(row: &LedgerRow) -> Option<Rejection> {
        let is_poor = row.scores.quality.unwrap() < 0.6;
        is_poor.then(|| Rejection { reason: "quality".into(), has_signals: false })
    }

    #[test]
    fn a_revision_that_decontaminates_equals_a_build_that_does_and_can_be_undone() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let (built, clean) =
            (label_of_twelve(&corpus, 1, false), label_of_twelve(&corpus, 2, true));
        assert_eq!(clean.counts.dropped["contaminated"], 2);
        assert_eq!((clean.counts.contamination.documents, clean.aside.documents()), (8, 8));
        let revised = |label: &Label, mark: &str, changes: &Changes<'_>| {
            revise(&corpus, label, mark, changes).unwrap()
        };
        let anew = Changes { workers: 2, ..Changes::of_evaluations(Some(&judge)) };
        let (later, difference) = revised(&built, "r1", &anew);
        assert_eq!(later.counts, clean.counts);
        assert_eq!(contents(&corpus, &later), contents(&corpus, &clean));
        let expected = Difference { dropped: 2, changed: 6, ..Difference::default() };
        assert_eq!(difference, expected);
        let (again, difference) = revised(&later, "r2", &anew);
        assert_eq!((again, difference), (later.clone(), Difference::default()), "nothing changes");

        // Other verdicts leave what was found, and compare what comes back.
        let (high, _) = revised(&later, "r3", &Changes::of_verdict(&poor));
        assert_eq!((high.counts.kept, high.counts.dropped["contaminated"]), (3, 1));
        let (still_high, _) = revised(&high, "r4", &anew);
        assert_eq!(contents(&corpus, &still_high), contents(&corpus, &high));
        let returning = Comparison::OfReturning(Some(&judge));
        let low = Changes { comparison: returning, ..Changes::of_verdict(&|_| None) };
        assert_eq!(contents(&corpus, &revised(&high, "r5", &low).0), contents(&corpus, &clean));
        let (high_first, _) = revised(&built, "r6", &Changes::of_verdict(&poor));
        let (high_then, _) = revised(&high_first, "r7", &anew);
        assert_eq!(contents(&corpus, &high_then), contents(&corpus, &high));

        for (label, mark) in [(&clean, "r8"), (&later, "r9")] {
            let (undone, _) = revised(label, mark, &Changes::of_evaluations(None));
            assert_eq!(contents(&corpus, &undone), contents(&corpus, &built));
            assert!(undone.aside.is_empty() && undone.counts == built.counts);
        }
    }

    #[test]
    fn documents_that_are_read_again_bring_what_they_have_of_evaluations() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let (built, clean) =
            (label_of_twelve(&corpus, 1, false), label_of_twelve(&corpus, 2, true));
        let mut part = PartWriter::new(&corpus, Arc::new(built.clone()), 3, 0);
        for record in [1, 2, 3, 4, 6, 7, 9, 10, 11] {
            part.push(&document(record, true), None).unwrap();
        }
        let rounds = [vec![part.finish().unwrap()]];
        let of_rounds = Exchange { marked: &[], rounds: &rounds, verdict: &|_| None, workers: 1 };
        let (revised, _) = exchange(&corpus, &built, "r1", &of_rounds).unwrap();
        assert_eq!(revised.counts, clean.counts);
        assert_eq!(contents(&corpus, &revised), contents(&corpus, &clean));
    }
}
