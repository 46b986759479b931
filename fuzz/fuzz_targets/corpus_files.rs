//! Any bytes as a segment or a ledger part of a corpus: reading it does not panic, and the export of a
//! file that `verify` finds sound agrees with its manifest. The first byte chooses the kind of file;
//! the manifest has the size and checksum of the rest, so that the code after their check runs.

#![no_main]

use corpus::export::{Format, Options, export};
use corpus::{Corpus, Counts, File, Label, Manifest, Source, rows_as_built};
use document::DocRef;
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEGMENT: &str = "data/c4/en/00000001-0000.jsonl.zst";
const LEDGER: &str = "ledger/c4/en/00000001-0000.parquet";

fuzz_target!(|input: &[u8]| {
    let _catching = shared::Catching::new();
    let Some(([which, records], bytes)) = input.split_first_chunk() else { return };
    let root = shared::path("corpus");
    let corpus = Corpus::create(&root).expect("a folder");
    let (path, is_ledger) = if which & 1 == 1 { (LEDGER, true) } else { (SEGMENT, false) };
    fs::create_dir_all(root.join(path).parent().expect("a folder")).expect("a folder");
    fs::write(root.join(path), bytes).expect("disk space");
    let file = File {
        path: path.to_owned(),
        first: DocRef(0),
        last: DocRef(u64::from(*records)),
        records: u64::from(*records),
        bytes: bytes.len() as u64,
        crc32c: crc32c::crc32c(bytes),
    };
    if is_ledger {
        let label = Label { ledger: vec![file], ..Label::default() };
        let rows = rows_as_built(&corpus, &label);
        // Readers of a ledger stop at the first error. With a correct checksum, the parquet crate
        // reads only what it wrote; other panics are its own.
        let read = AssertUnwindSafe(|| rows.take(10_000).take_while(Result::is_ok).for_each(drop));
        let _ = catch_unwind(read);
        return;
    }
    let counts =
        Counts { read: u64::from(*records), kept: u64::from(*records), ..Counts::default() };
    let label = Label {
        slice: "c4".into(),
        name: "en".into(),
        sources: vec![Source { name: "a".into(), path: "a".into(), bytes: 1, ..Source::default() }],
        counts,
        segments: vec![file],
        ..Label::default()
    };
    let manifest = Manifest { labels: vec![label], ..Manifest::empty(String::new()) };
    let out = shared::path("out");
    let format = if which & 2 == 2 { Format::Parquet } else { Format::Jsonl };
    let options = Options { format, workers: 1, ..Options::default() };
    let labels: Vec<_> = manifest.labels.iter().collect();
    if let Ok(report) =
        export(&corpus, &labels, &out.as_path(), &options, &(), |_, _| String::new())
    {
        assert!(report.files.iter().all(|file| file.documents == u64::from(*records)));
    }
    let _ = fs::remove_dir_all(&out);
});
