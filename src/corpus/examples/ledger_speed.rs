//! Measures the ledger on made-up rows: a scan of its columns, rows by their ref, and addresses.
//!
//!     cargo run --release -p corpus --example ledger_speed -- FOLDER [ROWS]
//!
//! Times are those of the processor. The corpus stays in the folder, and is used again the next time. With
//! a `recipe.toml` there, commands that look into a corpus work on it.

use corpus::{Corpus, Label, Lookup, Manifest, PartWriter, Source};
use document::{DocRef, Document, Language, Scores};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::sync::Arc;

/// Files of the ledger.
const PARTS: u64 = 16;

const LANGUAGES: [&str; 8] = ["en", "de", "ru", "fr", "es", "ja", "zh", "it"];

const REASONS: [&str; 7] = [
    "language",
    "duplicate_paragraphs",
    "too_short",
    "bucket",
    "quality",
    "duplicate",
    "language_score",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: ledger_speed FOLDER [ROWS]")?;
    let rows: u64 = arguments.next().as_deref().unwrap_or("10000000").parse()?;
    let corpus = Corpus::create(Path::new(&folder))?;
    let began = cpu_seconds();
    let label = match corpus.manifest().ok().flatten() {
        Some(manifest) => manifest.labels[0].clone(),
        None => write(&corpus, rows)?,
    };
    let bytes: u64 = label.ledger.iter().map(|file| file.bytes).sum();
    println!("{rows} rows, {} B each, written in {:.1} s", bytes / rows, cpu_seconds() - began);
    let lookup = Lookup::new(&corpus, &label);

    let (began, mut seen, mut sum) = (cpu_seconds(), 0, 0.0);
    for file in &label.ledger {
        lookup.scan(file, |columns| {
            seen += columns.rows as u64;
            sum += columns.quality.iter().filter(|value| !value.is_nan()).sum::<f64>();
            sum += columns.kept_urls.iter().count() as f64;
        })?;
    }
    let seconds = cpu_seconds() - began;
    println!("scan: {:.2} M rows a second (sum {sum:.0})", seen as f64 / seconds / 1e6);

    let each = rows / 100;
    measure("row by ref", (0..100).map(|number| number * each), |number| {
        let row = lookup.row(at(number, rows))?.ok_or("no such row")?;
        assert_eq!(row.url, url(number));
        Ok(())
    })?;
    measure("row by address", (0..20).map(|number| 5 * number * each), |number| {
        let (found, scanned) = lookup.rows_of_url(&url(number))?;
        assert!(found.len() == 1 && scanned == 0);
        Ok(())
    })?;
    measure("no such address", 0..20, |number| {
        assert!(lookup.rows_of_url(&url(rows + number))?.0.is_empty());
        Ok(())
    })
}

/// Calls `each` for all of `numbers`, and prints how long a call takes.
fn measure(
    name: &str,
    numbers: impl Iterator<Item = u64>,
    mut each: impl FnMut(u64) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (mut count, began) = (0, cpu_seconds());
    for number in numbers {
        each(number)?;
        count += 1;
    }
    let each = 1e3 * (cpu_seconds() - began) / f64::from(count);
    println!("{name}: {each:.2} ms each");
    Ok(())
}

/// Time of the processor that this process has taken.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn url(number: u64) -> String {
    let site = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    format!("https://www.site-{site}.example/articles/2019/07/{number:x}/page.html")
}

/// Each part is a source.
fn at(number: u64, rows: u64) -> DocRef {
    let in_part = rows.div_ceil(PARTS);
    DocRef::new(0, number / in_part, number % in_part)
}

fn write(corpus: &Corpus, rows: u64) -> Result<Label, corpus::Error> {
    let source = |part| Source {
        name: format!("CC-MAIN-20190715175205-{part:05}.warc.wet.gz"),
        path: format!("/nowhere/CC-MAIN-20190715175205-{part:05}.warc.wet.gz"),
        ..Source::default()
    };
    let mut label = Label {
        slice: "common_crawl".into(),
        name: "2019-30".into(),
        sources: (0..PARTS).map(source).collect(),
        ..Label::default()
    };
    let in_part = rows.div_ceil(PARTS);
    for part in 0..PARTS {
        let mut writer = PartWriter::new(corpus, Arc::new(label.clone()), part + 1, 0);
        for number in (part * in_part..(part + 1) * in_part).take_while(|number| *number < rows) {
            writer.push(&document(number, rows), None)?;
        }
        let files = writer.finish()?;
        label.counts.add(&files.counts);
        label.segments.extend(files.segment);
        label.ledger.extend(files.ledger);
    }
    let manifest = Manifest {
        labels: vec![label.clone()],
        commit: 1,
        next_epoch: PARTS + 1,
        ..Manifest::empty(String::new())
    };
    corpus.commit(&manifest)?;
    Ok(label)
}

fn document(number: u64, rows: u64) -> Document {
    let random = number.wrapping_mul(0xD134_2543_DE82_EF95) >> 20;
    let part = |modulus: u64| (random / 7 % modulus) as f64 / modulus as f64;
    let mut document = Document {
        at: at(number, rows),
        url: url(number),
        offset: number % 1_000_003 * 1111,
        bytes_read: 200 + random % 9000,
        digest: u128::from(random) << 64 | u128::from(number),
        text: "A text that is kept.".to_owned(),
        ..Document::default()
    };
    document.paragraphs.read = (random % 90) as u32;
    document.paragraphs.duplicate = (random % 60) as u32;
    let reason = REASONS.get((random % 8) as usize);
    if reason.is_none_or(|reason| *reason != "too_short") {
        let code = LANGUAGES[(random / 11 % 8) as usize].to_owned();
        document.language = Some(Language { code, score: part(10_000) });
    }
    if reason.is_none_or(|reason| ["bucket", "quality", "duplicate"].contains(reason)) {
        document.scores = Scores {
            perplexity: Some(50.0 + 2000.0 * part(1_000_003)),
            bucket: Some(["head", "middle", "tail"][(random % 3) as usize].into()),
            quality: Some(part(999_983)),
            tokens: Some(random % 3000),
            ..Scores::default()
        };
    }
    if let Some(reason) = reason {
        document.reject(*reason);
    }
    document
}
