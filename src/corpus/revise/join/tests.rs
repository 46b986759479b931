use super::*;
use crate::ledger::{Rows, places_of_url};
use crate::manifest::Source;
use crate::part::PartWriter;
use crate::revise::rows_as_built;
use crate::segment::SegmentReader;
use document::{Contamination, DocRef, Document, Outcome};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;

fn corpus() -> (tempfile::TempDir, Corpus) {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    (dir, corpus)
}

/// A label with these documents, each list of them in a part of its own.
fn label(corpus: &Corpus, parts: &[Vec<Document>]) -> Label {
    let source = Source { name: "a".into(), ..Source::default() };
    let (slice, name) = ("s".into(), "l".into());
    let mut label = Label { slice, name, sources: vec![source], ..Label::default() };
    let made: Vec<PartFiles> = parts
        .iter()
        .zip(1..)
        .map(|(documents, epoch)| {
            let mut part = PartWriter::new(corpus, Arc::new(label.clone()), epoch, 0);
            documents.iter().for_each(|document| part.push(document, None).unwrap());
            part.finish().unwrap()
        })
        .collect();
    // In any order: each worker reports its own.
    made.into_iter().rev().for_each(|files| files.add_to(&mut label));
    label
}

/// What becomes of a document.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Kept,
    Dropped,
    Cut,
    Contaminated,
}

fn document(record: u64, fate: Fate, bytes: usize) -> Document {
    let (at, url) = (DocRef::new(0, 0, record), format!("http://{record}.example/"));
    // Hardly compressible, so that a large text is a large frame.
    let mut state = record + 1;
    let letter = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + (state >> 58) as u8)
    };
    let text: String = (0..bytes).map(letter).collect();
    let mut document = Document { at, url, text, bytes_read: bytes as u64, ..Document::default() };
    let contaminated = |outcome| Contamination { record: "{\"sets\":[]}".into(), outcome };
    match fate {
        Fate::Kept => {}
        Fate::Dropped => document.reject("short"),
        Fate::Cut => {
            let text = format!("cut {record}");
            document.contaminate(contaminated(Outcome::Cut { text, tokens: None }));
        }
        Fate::Contaminated => document.contaminate(contaminated(Outcome::Dropped)),
    }
    document
}

/// The lines of the segments, in order; `records` of each is right.
fn lines(corpus: &Corpus, files: &[File]) -> Vec<Vec<u8>> {
    let mut files: Vec<&File> = files.iter().collect();
    files.sort_by_key(|file| file.first);
    let mut lines = Vec::new();
    for file in files {
        let (mut reader, before) =
            (SegmentReader::open(&corpus.root().join(&file.path)).unwrap(), lines.len());
        let mut line = Vec::new();
        while reader.next_line(&mut line).unwrap() {
            lines.push(line.clone());
        }
        assert_eq!((lines.len() - before) as u64, file.records, "{}", file.path);
    }
    lines
}

fn assert_same_documents(corpus: &Corpus, joined: &Label, built: &Label) {
    let rows = |label: &Label| -> Vec<_> {
        let mut rows: Vec<_> = rows_as_built(corpus, label).map(Result::unwrap).collect();
        rows.sort_by_key(|row| row.built.at);
        rows
    };
    assert_eq!(rows(joined), rows(built));
    assert_eq!(lines(corpus, &joined.segments), lines(corpus, &built.segments));
    assert_eq!(lines(corpus, &joined.aside.segments), lines(corpus, &built.aside.segments));
    let without_files = |label: &Label| {
        let (segments, ledger, aside) = (Vec::new(), Vec::new(), Aside::default());
        Label { segments, ledger, aside, ..label.clone() }
    };
    assert_eq!(without_files(joined), without_files(built));
    for file in joined.ledger.iter().chain(&joined.aside.ledger) {
        let path = corpus.root().join(&file.path);
        let rows: Vec<_> = Rows::open(&path).unwrap().map(Result::unwrap).collect();
        let refs: Vec<DocRef> = rows.iter().map(|row| row.at).collect();
        for (place, row) in (0..).zip(&rows).step_by(997) {
            assert_eq!(places_of_url(&path, &row.url).unwrap().0, [place], "{}", row.url);
        }
        assert_eq!((refs[0], refs[refs.len() - 1]), (file.first, file.last));
        assert_eq!(refs.len() as u64, file.records);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..reference::property() })]

    #[test]
    fn a_label_of_joined_parts_has_the_same_documents(
        parts in prop::collection::vec(
            prop::collection::vec((0..4usize, 0..300usize), 1..6),
            1..20,
        ),
        workers in 1..3usize,
    ) {
        const FATES: [Fate; 4] = [Fate::Kept, Fate::Dropped, Fate::Cut, Fate::Contaminated];
        let (_dir, corpus) = corpus();
        let mut record = 0..;
        let mut document_of = |(fate, bytes): &(usize, usize)| {
            document(record.next().unwrap(), FATES[*fate], *bytes)
        };
        let parts: Vec<Vec<Document>> =
            parts.iter().map(|part| part.iter().map(&mut document_of).collect()).collect();
        let built = label(&corpus, &parts);
        let joined = join_parts(&corpus, &built, "r1", workers, &|_| ()).unwrap();
        prop_assert_eq!(joined.is_some(), parts.len() >= JOINED_MIN);
        if let Some(joined) = joined {
            prop_assert_eq!(joined.ledger.len(), 1);
            assert_same_documents(&corpus, &joined, &built);
            prop_assert_eq!(join_parts(&corpus, &joined, "r2", 1, &|_| ()).unwrap(), None);
        }
    }
}

#[test]
fn large_frames_and_row_groups_are_copied_and_small_ones_are_put_together() {
    let (_dir, corpus) = corpus();
    let large = |record| vec![document(record, Fate::Kept, 2 * COPIED_FRAME_BYTES_MIN)];
    let small = |record| vec![document(record, Fate::Kept, 100)];
    let many = |first: u64| (first..first + 5000).map(|record| document(record, Fate::Dropped, 9));
    let mut parts: Vec<Vec<Document>> = (0..4).map(small).collect();
    parts.extend([large(4), large(5), many(6).collect(), small(5006), small(5007)]);
    let built = label(&corpus, &parts);
    let joined = join_parts(&corpus, &built, "r1", 1, &|_| ()).unwrap().expect("nine parts");
    assert_same_documents(&corpus, &joined, &built);

    let mut frames = Frames::open(&corpus.root().join(&joined.segments[0].path)).unwrap();
    let frames: Vec<Vec<u8>> =
        std::iter::from_fn(|| frames.next().unwrap()).map(|frame| frame.bytes).collect();
    assert_eq!(frames.len(), 4, "four small texts, two large ones, two small ones");
    let bytes = |file: &File| fs::read(corpus.root().join(&file.path)).unwrap();
    for copied in &frames[1..3] {
        assert!(built.segments.iter().any(|file| bytes(file) == *copied));
    }
    let reader = fs::File::open(corpus.root().join(&joined.ledger[0].path)).unwrap();
    let reader = SerializedFileReader::new(reader).unwrap();
    let rows: Vec<i64> =
        reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [6, 5000, 2]);
}

#[test]
fn a_segment_that_is_of_no_part_is_not_lost() {
    let (_dir, corpus) = corpus();
    let parts: Vec<Vec<Document>> =
        (0..8).map(|record| vec![document(record, Fate::Kept, 100)]).collect();
    let mut built = label(&corpus, &parts);
    let at = DocRef::new(0, 0, 100);
    built.segments[0] = File { first: at, last: at, ..built.segments[0].clone() };
    let error = join_parts(&corpus, &built, "r1", 1, &|_| ()).unwrap_err().to_string();
    assert!(error.contains("not of one part") && error.contains("s/l"), "{error}");
}

#[test]
fn a_series_ends_before_its_files_are_too_large_and_short_ones_stay() {
    let file = |number: u64, bytes| File {
        first: DocRef(number),
        last: DocRef(number),
        bytes,
        ..File::default()
    };
    let lengths = |sizes: &[u64]| -> Vec<usize> {
        let files: Vec<File> = (0..).zip(sizes).map(|(number, size)| file(number, *size)).collect();
        let part = |ledger| Part { ledger, segment: None, aside_ledger: None, aside_segment: None };
        let parts: Vec<Part<'_>> = files.iter().map(part).collect();
        series(&parts).iter().map(|series| series.len()).collect()
    };
    let (all, half) = (JOINED_BYTES_MAX, JOINED_BYTES_MAX / 2);
    assert_eq!(lengths(&[]), [0; 0]);
    assert_eq!(lengths(&[1; 7]), [1; 7]);
    assert_eq!(lengths(&[1; 8]), [8]);
    assert_eq!(lengths(&[all / 8; 17]), [8, 8, 1]);
    assert_eq!(lengths(&[&[all + 1][..], &[1; 8], &[all + 1]].concat()), [1, 8, 1]);
    assert_eq!(lengths(&[half, half, half, 1, 1, 1, 1, 1, 1, 1]), [1, 1, 8]);
    let many = |records| {
        let files = [(); 16].map(|()| File { records, ..File::default() });
        let part = |ledger| Part { ledger, segment: None, aside_ledger: None, aside_segment: None };
        series(&files.each_ref().map(part)).len()
    };
    assert_eq!((many(1), many(JOINED_ROWS_MAX / 8), many(JOINED_ROWS_MAX)), (1, 2, 16));
}

#[test]
fn a_damaged_file_is_named_and_nothing_is_joined() {
    let (_dir, corpus) = corpus();
    let parts: Vec<Vec<Document>> =
        (0..8).map(|record| vec![document(record, Fate::Kept, 100)]).collect();
    let built = label(&corpus, &parts);
    for (file, mark) in [(&built.segments[3], "r1"), (&built.ledger[5], "r2")] {
        let path = corpus.root().join(&file.path);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = join_parts(&corpus, &built, mark, 1, &|_| ()).unwrap_err().to_string();
        assert!(error.contains(&file.path) && error.contains("restore this file"), "{error}");
        fs::write(&path, whole).unwrap();
    }
}
