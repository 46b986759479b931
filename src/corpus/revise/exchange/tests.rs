use super::*;
use crate::ledger::{LedgerWriter, Rows};
use crate::manifest::Source;
use crate::part::PartWriter;
use crate::revise::exchange;
use crate::segment::{Frames, SegmentReader};
use document::Document;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

/// Some ten texts of this size are a frame.
const TEXT_BYTES: usize = 100_000;

/// A label with these documents in one part.
fn label(corpus: &Corpus, epoch: u64, documents: &[Document]) -> Label {
    let source = |name: &str| Source { name: name.into(), ..Source::default() };
    let mut label = Label {
        slice: "s".into(),
        name: "l".into(),
        sources: vec![source("a \"quoted\" #name"), source("b")],
        ..Label::default()
    };
    part(corpus, &label, epoch, documents).add_to(&mut label);
    label
}

fn part(corpus: &Corpus, label: &Label, epoch: u64, documents: &[Document]) -> PartFiles {
    let mut part = PartWriter::new(corpus, Arc::new(label.clone()), epoch, 0);
    documents.iter().for_each(|document| part.push(document, None).unwrap());
    part.finish().unwrap()
}

/// The document with this number, of the second source from 35 on.
fn document(number: u64, is_kept: bool, version: u64) -> Document {
    let at = DocRef::new(0, number / 35, number % 35);
    let text = format!("{version} secret {number} ").repeat(TEXT_BYTES / 12);
    let mut document = Document {
        at,
        url: format!("http://{number}.example/"),
        digest: 5 + u128::from(number),
        bytes_read: 100 + number,
        text,
        ..Document::default()
    };
    document.paragraphs.read = version as u32;
    if !is_kept {
        document.reject(if number.is_multiple_of(3) { "short" } else { "long" });
    }
    document
}

fn lines(corpus: &Corpus, file: Option<&File>) -> Vec<Vec<u8>> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    if let Some(file) = file {
        let mut reader = SegmentReader::open(&corpus.root().join(&file.path)).unwrap();
        while reader.next_line(&mut line).unwrap() {
            lines.push(line.clone());
        }
        assert_eq!(lines.len() as u64, file.records);
    }
    lines
}

fn frames(corpus: &Corpus, file: &File) -> Vec<Vec<u8>> {
    let mut frames = Frames::open(&corpus.root().join(&file.path)).unwrap();
    std::iter::from_fn(|| frames.next().unwrap()).map(|frame| frame.bytes).collect()
}

/// Whether a label has some words: in a text, or in a page of its ledger.
fn has(corpus: &Corpus, label: &Label, what: &str) -> bool {
    let contains = |all: &[u8]| String::from_utf8_lossy(all).contains(what);
    let in_lines = label
        .segments
        .iter()
        .any(|file| lines(corpus, Some(file)).iter().any(|line| contains(line)));
    in_lines
        || label.ledger.iter().any(|file| {
            let path = corpus.root().join(&file.path);
            if contains(&fs::read(&path).unwrap()) {
                return true;
            }
            let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
            (0..reader.num_row_groups()).any(|group| {
                let group = reader.get_row_group(group).unwrap();
                (0..group.num_columns()).any(|column| {
                    let mut pages = group.get_column_page_reader(column).unwrap();
                    std::iter::from_fn(|| pages.get_next_page().unwrap())
                        .any(|page| contains(page.buffer()))
                })
            })
        })
}

fn exchanged(
    corpus: &Corpus,
    label: &Label,
    name: &str,
    marked: &[(DocRef, Mark)],
    rounds: &[crate::Rounds],
) -> Result<(Label, Difference), Error> {
    let of = Exchange { marked, rounds, verdict: &|_| None, workers: 2 };
    exchange(corpus, label, name, &of)
}

#[test]
fn frames_and_columns_without_a_change_are_copied_and_what_is_forgotten_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let documents: Vec<Document> = (0..60).map(|number| document(number, true, 1)).collect();
    let built = label(&corpus, 1, &documents);
    let old = frames(&corpus, &built.segments[0]);
    assert_eq!(old.len(), 6);
    // The first document of a frame, the last one of another, and one between.
    let first_of = |frame: usize| {
        let mut number = 0;
        for bytes in &old[..frame] {
            let text = zstd::decode_all(&bytes[..]).unwrap();
            number += text.iter().filter(|byte| **byte == b'\n').count();
        }
        number
    };
    // Most of one, so that what is left is put together with the next one.
    let most_of_one = (first_of(1)..first_of(2) - 1).collect();
    let of_one = [vec![first_of(2)], vec![first_of(3) - 1], vec![0], vec![59], vec![13, 14, 15]];
    for gone in of_one.into_iter().chain([most_of_one]) {
        let marked: Vec<(DocRef, Mark)> =
            gone.iter().map(|number| (documents[*number].at, Mark::Forgotten)).collect();
        let mark = format!("r{}", gone[0]);
        let (revised, difference) = exchanged(&corpus, &built, &mark, &marked, &[]).unwrap();
        assert_eq!(difference.excluded_kept, gone.len() as u64);
        let new = frames(&corpus, &revised.segments[0]);
        let copied = new.iter().filter(|frame| old.contains(frame)).count();
        assert!(copied >= old.len() - 2 && copied < old.len(), "{gone:?}: {copied} frames copied");
        let found = lines(&corpus, revised.segments.first());
        let mut expected = lines(&corpus, built.segments.first());
        gone.iter().rev().for_each(|number| drop(expected.remove(*number)));
        assert!(found == expected, "{gone:?}");
        for number in &gone {
            let (text, url) = (format!("secret {number} "), format!("//{number}.example"));
            for what in [&text, &url] {
                assert!(has(&corpus, &built, what) && !has(&corpus, &revised, what), "{what}");
            }
        }
        let ends = |label: &Label| (label.segments[0].first, label.segments[0].last);
        let kept: Vec<DocRef> = documents.iter().map(|document| document.at).collect();
        let kept: Vec<DocRef> =
            kept.into_iter().filter(|at| marked.iter().all(|(gone, _)| gone != at)).collect();
        assert_eq!(ends(&revised), (kept[0], *kept.last().unwrap()), "{gone:?}");
    }
}

#[test]
fn files_without_a_change_stay() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let documents: Vec<Document> = (0..20).map(|number| document(number, number != 3, 1)).collect();
    let built = label(&corpus, 1, &documents);
    // It was dropped, so only its row changes.
    let (revised, _) =
        exchanged(&corpus, &built, "r1", &[(documents[3].at, Mark::Removed)], &[]).unwrap();
    assert_eq!(revised.segments, built.segments);
    assert_ne!(revised.ledger, built.ledger);
    assert_eq!(revised.counts.dropped["removed"], 1);
    let rounds = [vec![part(&corpus, &built, 2, &documents[5..8])]];
    let (same, difference) = exchanged(&corpus, &built, "r2", &[], &rounds).unwrap();
    assert_eq!((same, difference), (built.clone(), Difference::default()));
    let all: Vec<(DocRef, Mark)> =
        documents.iter().map(|document| (document.at, Mark::Removed)).collect();
    let (none, _) = exchanged(&corpus, &built, "r3", &all, &[]).unwrap();
    assert_eq!((none.segments.len(), none.counts.kept), (0, 0));
    let rounds = [vec![part(&corpus, &built, 3, &documents)]];
    let (back, difference) = exchanged(&corpus, &none, "r4", &[], &rounds).unwrap();
    assert_eq!(back.counts, built.counts);
    assert_eq!((difference.restored, difference.restored_kept), (20, 19));
    let bytes = |file: &File| fs::read(corpus.root().join(&file.path)).unwrap();
    assert_eq!(bytes(&back.segments[0]), bytes(&built.segments[0]));
    assert_eq!(bytes(&back.ledger[0]), bytes(&built.ledger[0]));
}

#[test]
fn damage_in_what_would_be_copied_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let documents: Vec<Document> = (0..40).map(|number| document(number, true, 1)).collect();
    let built = label(&corpus, 1, &documents);
    for file in [&built.segments[0], &built.ledger[0]] {
        let path = corpus.root().join(&file.path);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() - 20] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = exchanged(&corpus, &built, "r1", &[(documents[0].at, Mark::Removed)], &[]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&file.path) && error.contains("restore this file"), "{error}");
        fs::write(&path, whole).unwrap();
    }
    let unknown = [(DocRef::new(0, 1, 5), Mark::Removed), (DocRef::new(0, 1, 6), Mark::Removed)];
    let error = exchanged(&corpus, &built, "r2", &unknown, &[]);
    assert!(error.is_ok(), "those after the last document are of no part");
}

#[test]
fn row_groups_without_a_change_are_copied() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let rows = 70_000;
    let documents: Vec<Document> = (0..rows)
        .map(|record| {
            let mut document = document(record % 30, false, 1);
            document.at = DocRef::new(0, 0, record);
            document
        })
        .collect();
    let built = label(&corpus, 1, &documents);
    for gone in [3, 69_000] {
        let marked = [(documents[gone].at, Mark::Forgotten)];
        let mark = format!("r{gone}");
        let (revised, _) = exchanged(&corpus, &built, &mark, &marked, &[]).unwrap();
        let mut expected: Vec<LedgerRow> = rows_of(&corpus, &built);
        expected[gone] = expected[gone].marked(Mark::Forgotten);
        assert_same_rows(&corpus, &revised, expected);
    }
}

fn rows_of(corpus: &Corpus, label: &Label) -> Vec<LedgerRow> {
    let rows = Rows::open(&corpus.root().join(&label.ledger[0].path)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Fails unless the ledger of a label is, byte for byte, the file that `rows` make.
fn assert_same_rows(corpus: &Corpus, label: &Label, rows: Vec<LedgerRow>) {
    let path = corpus.root().join("expected.parquet");
    let mut writer = LedgerWriter::create(&path).unwrap();
    rows.into_iter().for_each(|row| writer.push_row(row).unwrap());
    let expected = writer.finish(String::new()).unwrap();
    let found = &label.ledger[0];
    let of = |file: &File| (file.first, file.last, file.records, file.bytes, file.crc32c);
    let is_same = of(&expected) == of(found);
    let is_same =
        is_same && fs::read(&path).unwrap() == fs::read(corpus.root().join(&found.path)).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(is_same, "{expected:?} {found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..reference::property() })]

    /// Each document is kept or not, and then stays, is taken out, or is read again with another text,
    /// and kept or not.
    #[test]
    fn an_exchange_has_the_rows_and_lines_of_a_build(
        fates in prop::collection::vec((any::<bool>(), 0..12u8, any::<bool>()), 1..60),
        is_in_two_rounds in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let documents: Vec<Document> = (0..)
            .zip(&fates)
            .map(|(number, (is_kept, ..))| document(number, *is_kept, 1))
            .collect();
        let built = label(&corpus, 1, &documents);
        let (mut marked, mut again) = (Vec::new(), BTreeMap::new());
        let mut after = documents.clone();
        for (number, (_, fate, is_kept)) in (0..).zip(&fates) {
            let at = documents[number as usize].at;
            match fate {
                0 => marked.push((at, Mark::Removed)),
                1 => marked.push((at, Mark::Forgotten)),
                2 | 3 => {
                    // One is not changed by being read again.
                    let version = if *fate == 2 { 1 } else { 2 };
                    let new = document(number, *is_kept, version);
                    after[number as usize] = new.clone();
                    again.insert(at, new);
                }
                _ => {}
            }
        }
        let mut rounds = Vec::new();
        if is_in_two_rounds && !again.is_empty() {
            // The last round counts.
            let stale: Vec<Document> =
                again.values().map(|d| Document { text: "stale".into(), ..d.clone() }).collect();
            rounds.push(vec![part(&corpus, &built, 2, &stale)]);
        }
        let again: Vec<Document> = again.into_values().collect();
        rounds.push(vec![part(&corpus, &built, 3, &again)]);
        let (revised, difference) = exchanged(&corpus, &built, "r1", &marked, &rounds).unwrap();
        prop_assert_eq!(difference.excluded as usize, marked.len());

        let without: BTreeSet<DocRef> = marked.iter().map(|(at, _)| *at).collect();
        let kept: Vec<Document> =
            after.iter().filter(|d| !without.contains(&d.at)).cloned().collect();
        let expected = label(&corpus, 4, &kept);
        let (found, wanted) =
            (lines(&corpus, revised.segments.first()), lines(&corpus, expected.segments.first()));
        prop_assert!(found == wanted);
        let file = |label: &Label| label.segments.first().map(|file| (file.first, file.last));
        prop_assert_eq!(file(&revised), file(&expected));
        let all = label(&corpus, 5, &after);
        let rows = rows_of(&corpus, &all).into_iter().zip(&documents).map(|(row, document)| {
            let mark = marked.iter().find(|(at, _)| *at == document.at);
            mark.map_or(row.clone(), |(_, mark)| row.marked(*mark))
        });
        let rows: Vec<LedgerRow> = rows.collect();
        let mut counts = Counts::default();
        rows.iter().for_each(|row| row.count(&mut counts));
        prop_assert_eq!(&revised.counts, &counts);
        assert_same_rows(&corpus, &revised, rows);
    }
}
