//! Reading and writing JSON lines and Parquet, beside the least that it takes.
//!
//! `cargo bench --bench floor [-- COPIES]` adds COPIES (default 10) copies of the pages of the WET file of the test data
//! (`SLUICE_TEST_DATA`) to a corpus without deduplication, once as JSON lines and once as Parquet, and exports it in these
//! forms. Each run is compared with the sum of its parts, each measured alone and in memory, with the same crates: inflating
//! and nothing else, parsing into strings and nothing else, and so on.

mod common;
mod program;

use common::{Result, cpu_seconds, data};
use corpus::{Corpus, Label, PartWriter};
use document::{DocRef, Document};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use parquet::basic::{Compression as PageCompression, ZstdLevel};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use program::{cpu_seconds_of_children, run, sluice};
use serde_json::Value;
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each is measured so often, and the best counts.
const RUNS: usize = 3;

/// Bytes compressed at a time, as in a segment.
const FRAME_BYTES: usize = 1 << 20;

/// The fields of a record, as in C4.
const FIELDS: [&str; 3] = ["text", "timestamp", "url"];

type Record = [String; FIELDS.len()];

fn main() -> Result<()> {
    // `cargo bench` adds --bench; `cargo test --benches` must not run it for minutes.
    let sample = data().join("commoncrawl/wet_derived/derived_shared.warc.wet.gz");
    if std::env::args().any(|argument| argument == "--test") || !sample.exists() {
        println!("skipped: a test, or no data");
        return Ok(());
    }
    let copies = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10);
    let dir = tempfile::tempdir()?;
    let at = |name: &str| dir.path().join(name);
    let records = pages(&sample)?;
    let lines = json_lines(&records)?;
    for name in ["json", "parquet"] {
        fs::create_dir(at(name))?;
    }
    for file in 0..copies {
        let name = |kind: &str| at(kind).join(format!("{file:03}.{kind}"));
        let mut gzip = GzEncoder::new(File::create(name("json"))?, Compression::new(6));
        gzip.write_all(&lines)?;
        gzip.finish()?;
        write_parquet(File::create(name("parquet"))?, &records)?;
    }

    let texts = copies * records.iter().map(|record| record[0].len()).sum::<usize>();
    let table = Table { megabytes: texts as f64 / 1e6, copies };
    println!("{:.0} MB of text in {} documents", table.megabytes, copies * records.len());
    println!("{:40} {:>10} {:>12}", "", "MB / CPU s", "CPU s / GB");

    let inflated = table.part("inflate", || inflate(&paths(&at("json"))?[..1]))?;
    let parsed = table.part("parse", || parse(&lines))?;
    let hashed = table.part("SHA-1 of the texts", || {
        records.iter().for_each(|record| {
            black_box(Sha1::digest(&record[0]));
        });
        Ok(())
    })?;
    let serialized = table.part("serialize", || serialize(&records))?;
    let compressed = table.part("zstd -1", || compress(&lines, 1))?;
    let ledger = table.whole("ledger", || ledger(&records, copies))?;
    let kept = hashed + serialized + compressed + ledger;
    let whole = table.whole("add of JSON lines", || add(&at("corpus"), &at("json")))?;
    table.ratio(whole, inflated + parsed + kept);

    let of_parquet = paths(&at("parquet"))?;
    let read = table.part("read Parquet", || read_parquet(&of_parquet[0]))?;
    let whole = table.whole("add of Parquet", || add(&at("of_parquet"), &at("parquet")))?;
    table.ratio(whole, read + kept);

    let segments = paths(&at("corpus/data/books/c4"))?;
    let inflated = table.whole("inflate segments", || inflate_segments(&segments))?;
    let written = serialize(&records)?;
    let found = table.part("find text and meta", || find(&written))?;
    let stored = table.part("zstd -3", || compress(&written, 3))?;
    let packed = table.part("write Parquet, zstd -3", || write_parquet(io::sink(), &records))?;
    for (format, form) in [("jsonl", 0.0), ("jsonl.zst", stored), ("parquet", parsed + packed)] {
        let name = format!("export of {format}");
        let whole = table.whole(&name, || export(&at("corpus"), &at("out"), format))?;
        let files = paths(&at("out/books"))?;
        let hashed = table.whole("    SHA-256 of the files", || hash(&files))?;
        table.ratio(whole, inflated + found + form + hashed);
    }
    Ok(())
}

struct Table {
    megabytes: f64,
    copies: usize,
}

impl Table {
    /// Does what one copy needs, and prints it for all. Returns CPU seconds.
    fn part<T>(&self, name: &str, step: impl FnMut() -> Result<T>) -> Result<f64> {
        Ok(self.row(name, self.copies as f64 * best(step)?))
    }

    fn whole<T>(&self, name: &str, step: impl FnMut() -> Result<T>) -> Result<f64> {
        Ok(self.row(name, best(step)?))
    }

    fn row(&self, name: &str, seconds: f64) -> f64 {
        let speed = self.megabytes / seconds;
        println!("{name:40} {speed:>10.0} {:>12.2}", 1e3 / speed);
        seconds
    }

    fn ratio(&self, whole: f64, parts: f64) {
        self.row("    sum of its parts", parts);
        println!("    the whole is {:.2} of its parts", whole / parts);
    }
}

/// CPU seconds of the best of some runs, in this process and its children.
fn best<T>(mut step: impl FnMut() -> Result<T>) -> Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let now =
            || Ok::<f64, Box<dyn std::error::Error>>(cpu_seconds() + cpu_seconds_of_children()?);
        let before = now()?;
        black_box(step()?);
        best = best.min(now()? - before);
    }
    Ok(best)
}

fn pages(wet: &Path) -> Result<Vec<Record>> {
    let mut pages = Vec::new();
    for record in formats::wet::open(wet)?.flatten() {
        let text = String::from_utf8_lossy(record.block()).into_owned();
        pages.push([text, "2023-02-01T00:00:00Z".into(), record.url.unwrap_or_default()]);
    }
    Ok(pages)
}

fn json_lines(records: &[Record]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for [text, timestamp, url] in records {
        let record = serde_json::json!({"text": text, "timestamp": timestamp, "url": url});
        serde_json::to_writer(&mut lines, &record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn inflate(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| {
        drain(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, File::open(file)?)))
    })
}

fn inflate_segments(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| drain(zstd::Decoder::new(File::open(file)?)?))
}

fn drain(from: impl Read) -> Result<()> {
    io::copy(&mut BufReader::with_capacity(1 << 16, from), &mut io::sink())?;
    Ok(())
}

fn parse(lines: &[u8]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for line in std::str::from_utf8(lines)?.lines() {
        let Value::Object(mut object) = serde_json::from_str(line)? else {
            return Err("an object".into());
        };
        records.push(FIELDS.map(|name| match object.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        }));
    }
    Ok(records)
}

fn serialize(records: &[Record]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for [text, timestamp, url] in records {
        lines.extend_from_slice(b"{\"text\":");
        json_escape_simd::escape_into(text, &mut lines);
        lines.extend_from_slice(b",\"meta\":");
        let meta = serde_json::json!({"timestamp": timestamp, "url": url});
        serde_json::to_writer(&mut lines, &meta)?;
        lines.extend_from_slice(b"}\n");
    }
    Ok(lines)
}

fn compress(lines: &[u8], level: i32) -> Result<()> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    let mut frame = Vec::with_capacity(zstd::zstd_safe::compress_bound(FRAME_BYTES));
    for bytes in lines.chunks(FRAME_BYTES) {
        frame.clear();
        compressor.compress_to_buffer(bytes, &mut frame)?;
        black_box(&frame);
    }
    Ok(())
}

/// Finds the text and the fields of each line, and leaves them as they are.
fn find(lines: &[u8]) -> Result<()> {
    for line in std::str::from_utf8(lines)?.lines() {
        black_box(serde_json::from_str::<BTreeMap<&str, &RawValue>>(line)?);
    }
    Ok(())
}

fn hash(files: &[PathBuf]) -> Result<()> {
    for file in files {
        black_box(Sha256::digest(fs::read(file)?));
    }
    Ok(())
}

/// Writes the rows of documents whose texts are not written.
fn ledger(records: &[Record], copies: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (slice, name) = ("s".into(), "l".into());
    let label = Label { slice, name, sources: vec![Default::default()], ..Label::default() };
    let mut part = PartWriter::new(&Corpus::create(dir.path())?, Arc::new(label), 1, 0);
    let all = std::iter::repeat_n(records, copies).flatten();
    for (record, [text, _, url]) in all.enumerate() {
        let mut document = Document {
            at: DocRef::new(0, 0, record as u64),
            url: url.clone(),
            bytes_read: text.len() as u64,
            // Digests cannot be compressed.
            digest: (record as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            ..Document::default()
        };
        document.reject("not_written");
        part.push(&document, None)?;
    }
    part.finish()?;
    Ok(())
}

fn read_parquet(file: &Path) -> Result<()> {
    let reader = SerializedFileReader::new(File::open(file)?)?;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = group.metadata().num_rows() as usize;
        for column in 0..group.num_columns() {
            let ColumnReader::ByteArrayColumnReader(mut column) =
                group.get_column_reader(column)?
            else {
                return Err("a column of strings".into());
            };
            let mut values = Vec::new();
            let mut left = rows;
            while left > 0 {
                values.clear();
                left -= column.read_records(left.min(1_000), None, None, &mut values)?.0;
                for value in &values {
                    black_box(value.as_utf8()?.to_owned());
                }
            }
        }
    }
    Ok(())
}

fn write_parquet(to: impl Write + Send, records: &[Record]) -> Result<()> {
    let fields = FIELDS.map(|name| format!("required binary {name} (string);")).concat();
    let schema = Arc::new(parse_message_type(&format!("message c4 {{ {fields} }}"))?);
    let properties = WriterProperties::builder()
        .set_compression(PageCompression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(false)
        .build();
    let mut file = SerializedFileWriter::new(to, schema, Arc::new(properties))?;
    for rows in records.chunks(10_000) {
        let mut group = file.next_row_group()?;
        for field in 0..FIELDS.len() {
            let mut column = group.next_column()?.ok_or("a column for each field")?;
            for rows in rows.chunks(1_000) {
                let values: Vec<ByteArray> =
                    rows.iter().map(|r| r[field].as_str().into()).collect();
                column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            }
            column.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn add(corpus: &Path, input: &Path) -> Result<()> {
    if corpus.exists() {
        fs::remove_dir_all(corpus)?;
    }
    let recipe = corpus.with_extension("toml");
    let rules = "[books]\ndedup = \"none\"\n[[input]]\nslice = \"books\"\nlabel = \"c4\"\n";
    fs::write(&recipe, format!("{rules}paths = [{input:?}]\n"))?;
    run(sluice().arg("build").arg(recipe).arg("--corpus").arg(corpus).args(["-w", "1"]))
}

fn export(corpus: &Path, out: &Path, format: &str) -> Result<()> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    run(sluice()
        .arg("export")
        .arg(corpus)
        .arg("--out")
        .arg(out)
        .args(["--format", format, "-w", "1"]))
}

/// The files of a folder, in order.
fn paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
