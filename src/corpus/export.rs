//! Export of a corpus as files for training. Their bytes do not depend on how the corpus was built.

use crate::manifest::{Label, Manifest};
use crate::schema::Schema;
use crate::segment::SegmentReader;
use crate::{Corpus, Error, sync_dir};
use data_encoding::HEXLOWER;
use durable::{AtomicFile, Finished};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// The format of the exported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// The same, compressed with Zstandard.
    JsonlZst,
    /// Two string columns: `text`, and `meta` as JSON.
    Parquet,
}

impl Format {
    /// Returns the extension of its files, without the leading dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::JsonlZst => "jsonl.zst",
            Format::Parquet => "parquet",
        }
    }
}

/// A file of the export, as `manifest.json` lists it.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// Path relative to the folder of the export.
    pub path: String,
    /// Documents in it.
    pub documents: u64,
    /// Bytes of their texts.
    pub text_bytes: u64,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Rows of a Parquet row group. Fixed, because the bytes of the file depend on it.
const ROWS_IN_GROUP: usize = 10_000;

/// The name of the list of the exported files.
const LIST: &str = "manifest.json";

/// Compression level of [`Format::JsonlZst`]. Fixed, because the bytes of the file depend on it.
const ZSTD_LEVEL: i32 = 3;

/// Writes every label of `slices` (all slices if empty) to `out/<slice>/<label>.<extension>`, with
/// a dataset card and a list of the files with their digests. Calls `progress` with the name of
/// each label before it is written. Returns the files, sorted by path.
///
/// # Errors
/// - [`Error::Unopened`] if a segment is missing or cannot be opened
/// - [`Error::Corrupt`] if a line of a segment is not valid, a segment has another number of
///   documents than `manifest` says, segments of a label overlap, or a Parquet file cannot be
///   written
/// - [`Error::Io`] if a segment cannot be read, or a file in `out` cannot be written
///
/// Files that were written before an error remain.
pub fn export(
    corpus: &Corpus,
    manifest: &Manifest,
    out: &Path,
    slices: &[String],
    format: Format,
    mut progress: impl FnMut(&str),
) -> Result<Vec<Exported>, Error> {
    fs::create_dir_all(out).map_err(Error::io(out))?;
    // Marks the folder as that of an export, so that the same command can be repeated after a
    // failure.
    if !out.join(LIST).exists() {
        write_list(out, &[])?;
    }
    let wanted = |label: &&Label| slices.is_empty() || slices.contains(&label.slice);
    let mut files = Vec::new();
    let schemas = schemas(corpus, manifest.labels.iter().filter(wanted))?;
    for label in manifest.labels.iter().filter(wanted) {
        progress(&label.full_name());
        files.push(export_label(corpus, label, &schemas[&label.slice], out, format)?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    write_list(out, &files)?;
    write(&out.join("README.md"), card(&files, &schemas).as_bytes())?;
    sync_dir(out)?;
    Ok(files)
}

/// Infers the schema of each slice from all its labels.
fn schemas<'a>(
    corpus: &Corpus,
    labels: impl Iterator<Item = &'a Label>,
) -> Result<BTreeMap<String, Schema>, Error> {
    let mut schemas: BTreeMap<String, Schema> = BTreeMap::new();
    for label in labels {
        let schema = schemas.entry(label.slice.clone()).or_default();
        lines(corpus, label, |line| {
            let seen =
                serde_json::from_slice(line).and_then(|line: Line| schema.see(line.meta.get()));
            seen.map_err(|error| malformed(corpus, error))
        })?;
    }
    Ok(schemas)
}

fn malformed(corpus: &Corpus, error: serde_json::Error) -> Error {
    Error::corrupt(corpus.root(), format!("a line of a segment: {error}"))
}

#[derive(Serialize)]
struct ExportList<'a> {
    files: &'a [Exported],
}

fn write_list(out: &Path, files: &[Exported]) -> Result<(), Error> {
    let list = serde_json::to_string_pretty(&ExportList { files }).expect("plain data");
    write(&out.join(LIST), (list + "\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable::write(path, bytes).map_err(Error::io(path))
}

fn export_label(
    corpus: &Corpus,
    label: &Label,
    schema: &Schema,
    out: &Path,
    format: Format,
) -> Result<Exported, Error> {
    let dir = out.join(&label.slice);
    fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
    let path = dir.join(format!("{}.{}", label.name, format.extension()));
    let file = AtomicFile::create(&path).map_err(Error::io(&path))?;
    let mut hashed = Hashed { file, sha256: Sha256::new(), bytes: 0 };
    let (documents, text_bytes) = match format {
        Format::Jsonl => copy_lines(corpus, label, schema, &path, &mut hashed)?,
        Format::JsonlZst => {
            let mut encoder =
                zstd::Encoder::new(&mut hashed, ZSTD_LEVEL).map_err(Error::io(&path))?;
            let counts = copy_lines(corpus, label, schema, &path, &mut encoder)?;
            encoder.finish().map_err(Error::io(&path))?;
            counts
        }
        Format::Parquet => write_parquet(corpus, label, &path, &mut hashed)?,
    };
    hashed.file.finish().and_then(Finished::publish).map_err(Error::io(&path))?;
    Ok(Exported {
        path: format!("{}/{}.{}", label.slice, label.name, format.extension()),
        documents,
        text_bytes,
        bytes: hashed.bytes,
        sha256: HEXLOWER.encode(&hashed.sha256.finalize()),
    })
}

/// A file whose digest and size are computed as it is written.
struct Hashed {
    file: AtomicFile,
    sha256: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Calls `each` with every line of the label, in the order of refs. Returns the number of
/// documents.
fn lines(
    corpus: &Corpus,
    label: &Label,
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<u64, Error> {
    let mut segments: Vec<_> = label.segments.iter().collect();
    segments.sort_by_key(|segment| segment.first);
    // The ranges of refs of the segments are disjoint, so reading one after the other keeps the
    // order.
    if let Some(pair) = segments.windows(2).find(|pair| pair[0].last >= pair[1].first) {
        let what = format!("overlaps {}: the manifest is damaged", pair[0].path);
        return Err(Error::corrupt(&corpus.root().join(&pair[1].path), what));
    }
    let mut line = Vec::new();
    let mut documents = 0;
    for segment in segments {
        let path = corpus.root().join(&segment.path);
        let mut reader = SegmentReader::open(&path)?;
        let mut records = 0;
        while reader.next_line(&mut line)? {
            each(&line)?;
            records += 1;
        }
        if records != segment.records {
            let what = format!("{} documents expected, {records} found", segment.records);
            return Err(Error::corrupt(&path, what));
        }
        documents += records;
    }
    Ok(documents)
}

/// Writes the lines of the label to `out`, with the same fields in each. Returns the number of
/// documents and of bytes of text.
fn copy_lines(
    corpus: &Corpus,
    label: &Label,
    schema: &Schema,
    path: &Path,
    out: &mut impl Write,
) -> Result<(u64, u64), Error> {
    let documents = lines(corpus, label, |line| {
        if schema.is_even() {
            return out.write_all(line).map_err(Error::io(path));
        }
        let line: Line = serde_json::from_slice(line).map_err(|error| malformed(corpus, error))?;
        let meta = schema.write(line.meta.get()).map_err(|error| malformed(corpus, error))?;
        writeln!(out, "{{\"text\":{},\"meta\":{meta}}}", line.text.get()).map_err(Error::io(path))
    })?;
    Ok((documents, label.counts.bytes_kept))
}

/// A parsed line with its values unchanged.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
    #[serde(borrow)]
    meta: &'a RawValue,
}

/// Writes the lines of the label to `out` as Parquet. Returns the number of documents and of bytes
/// of text.
fn write_parquet(
    corpus: &Corpus,
    label: &Label,
    path: &Path,
    out: &mut (impl Write + Send),
) -> Result<(u64, u64), Error> {
    let wrong = |error: ParquetError| Error::corrupt(path, error.to_string());
    let schema = "message corpus { required binary text (string); required binary meta (string); }";
    let schema = Arc::new(parse_message_type(schema).expect("the schema above"));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .set_created_by("sluicebox".into())
        .build();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(wrong)?;
    let mut rows = [Vec::new(), Vec::new()];
    let mut flush = |rows: &mut [Vec<ByteArray>; 2]| -> Result<(), ParquetError> {
        if rows[0].is_empty() {
            return Ok(());
        }
        let mut group = writer.next_row_group()?;
        for values in rows.iter_mut() {
            let mut column = group.next_column()?.expect("two columns");
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(typed) => {
                    typed.write_batch(values, None, None)?;
                }
                _ => unreachable!("both columns are binary"),
            }
            column.close()?;
            values.clear();
        }
        group.close().map(|_| ())
    };
    let documents = lines(corpus, label, |line| {
        let line: Line = serde_json::from_slice(line).map_err(|error| malformed(corpus, error))?;
        let text: String =
            serde_json::from_str(line.text.get()).map_err(|error| malformed(corpus, error))?;
        rows[0].push(ByteArray::from(text.into_bytes()));
        rows[1].push(ByteArray::from(line.meta.get()));
        if rows[0].len() == ROWS_IN_GROUP { flush(&mut rows).map_err(wrong) } else { Ok(()) }
    })?;
    flush(&mut rows).map_err(wrong)?;
    writer.close().map_err(wrong)?;
    Ok((documents, label.counts.bytes_kept))
}

/// Returns a dataset card with a configuration for each slice, so that `load_dataset(OUT)` works.
fn card(files: &[Exported], schemas: &BTreeMap<String, Schema>) -> String {
    let mut slices: BTreeMap<&str, Vec<&Exported>> = BTreeMap::new();
    for file in files {
        let slice = file.path.split('/').next().expect("slice/label");
        slices.entry(slice).or_default().push(file);
    }
    let mut card = String::from("---\nconfigs:\n");
    for (slice, files) in &slices {
        card += &format!("- config_name: {slice}\n  data_files:\n  - split: train\n    path:\n");
        for file in files {
            card += &format!("    - {}\n", file.path);
        }
    }
    let is_json = files.iter().any(|file| !file.path.ends_with(".parquet"));
    let described = || schemas.iter().filter(|(_, schema)| is_json && !schema.is_empty());
    if described().next().is_some() {
        card += "dataset_info:\n";
    }
    for (slice, schema) in described() {
        card += &format!("- config_name: {slice}\n  features:\n{}", schema.card());
    }
    card += "---\n\n# Corpus\n\nMade by sluicebox. Every record is `{\"text\", \"meta\"}`; \
             `meta.id` is `slice/label/source#record`.\n\n\
             | file | documents | bytes of text |\n|---|---|---|\n";
    for file in files {
        card += &format!("| {} | {} | {} |\n", file.path, file.documents, file.text_bytes);
    }
    card
}
