//! The ledger: one row for each record read, as Parquet, so that any tool can ask it questions.

use crate::Error;
use crate::manifest::{Counts, File as PartFile};
use crate::segment::Summed;
use document::{DocRef, Document, Reason, Scores};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows held in memory before they are written as a group.
const ROWS_IN_GROUP: usize = 1 << 16;

/// The columns. `ref` orders the rows; `id`, `source`, `record` and `offset` find the record again.
const SCHEMA: &str = "message ledger {
    required int64 ref;
    required binary id (string);
    required binary url (string);
    required binary source (string);
    required int64 record;
    required int64 offset;
    required binary digest (string);
    required int64 bytes_read;
    required int64 bytes_kept;
    required int32 paragraphs_read;
    required int32 paragraphs_duplicate;
    optional binary language (string);
    optional double language_score;
    required binary verdict (string);
    optional binary reason (string);
    optional double perplexity;
    optional binary bucket (string);
    optional double quality;
    optional int64 tokens;
    optional binary signals (json);
}";

/// Place of the column of tokens.
const TOKENS: usize = 18;

const KEPT: &str = "kept";
const DROPPED: &str = "dropped";

/// A row, without the texts that the document shares with others.
struct Row {
    at: DocRef,
    id: String,
    url: String,
    source: String,
    offset: u64,
    digest: u128,
    bytes_read: u64,
    bytes_kept: u64,
    paragraphs: document::Paragraphs,
    language: Option<document::Language>,
    reason: Option<Reason>,
    scores: Scores,
}

/// Writes one ledger file.
pub(crate) struct LedgerWriter {
    path: PathBuf,
    file: SerializedFileWriter<Summed>,
    rows: Vec<Row>,
    first: Option<DocRef>,
    last: DocRef,
    records: u64,
}

impl LedgerWriter {
    pub fn create(path: &Path) -> Result<LedgerWriter, Error> {
        let schema = parse_message_type(SCHEMA).expect("the schema above");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(Default::default()))
            .set_created_by("sluicebox".into())
            .build();
        let file = SerializedFileWriter::new(
            Summed::create(path)?,
            Arc::new(schema),
            Arc::new(properties),
        )
        .map_err(wrong(path))?;
        let (path, rows) = (path.to_owned(), Vec::new());
        Ok(LedgerWriter { path, file, rows, first: None, last: DocRef(0), records: 0 })
    }

    /// Adds the row of a document at its end, kept or dropped.
    pub fn push(&mut self, document: &Document, id: String, source: &str) -> Result<(), Error> {
        self.rows.push(Row {
            at: document.at,
            id,
            url: document.url.clone(),
            source: source.to_owned(),
            offset: document.offset,
            digest: document.digest,
            bytes_read: document.bytes_read,
            bytes_kept: document.text.len() as u64,
            paragraphs: document.paragraphs,
            language: document.language.clone(),
            reason: document.verdict.clone(),
            scores: document.scores.clone(),
        });
        self.first.get_or_insert(document.at);
        self.last = document.at;
        self.records += 1;
        if self.rows.len() == ROWS_IN_GROUP { self.flush_group() } else { Ok(()) }
    }

    fn flush_group(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        let write = |file: &mut SerializedFileWriter<Summed>| {
            let mut group = file.next_row_group()?;
            write_group(&rows, &mut group)?;
            group.close().map(|_| ())
        };
        write(&mut self.file).map_err(wrong(&self.path))
    }

    /// Makes the file durable; `name` is its path in the corpus.
    pub fn finish(mut self, name: String) -> Result<PartFile, Error> {
        if !self.rows.is_empty() {
            self.flush_group()?;
        }
        let summed = self.file.into_inner().map_err(wrong(&self.path))?;
        let (bytes, crc32c) = summed.finish()?;
        let (first, last) = (self.first.unwrap_or_default(), self.last);
        Ok(PartFile { path: name, first, last, records: self.records, bytes, crc32c })
    }
}

fn wrong(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |error| match error {
        // What the operating system says of a full disk, for example, comes wrapped up.
        ParquetError::External(error) => match error.downcast() {
            Ok(error) => Error::io(path)(*error),
            Err(error) => Error::corrupt(path, error.to_string()),
        },
        error => Error::corrupt(path, error.to_string()),
    }
}

/// Writes the columns in the order of the schema.
fn write_group(
    rows: &[Row],
    group: &mut SerializedRowGroupWriter<'_, Summed>,
) -> Result<(), ParquetError> {
    let ints = |of: fn(&Row) -> i64| Column::Int64(rows.iter().map(of).collect());
    let shorts = |of: fn(&Row) -> i32| Column::Int32(rows.iter().map(of).collect());
    let texts = |of: fn(&Row) -> String| Column::Text(rows.iter().map(|r| Some(of(r))).collect());
    let optional = |of: fn(&Row) -> Option<String>| Column::Text(rows.iter().map(of).collect());
    let columns = [
        ints(|row| row.at.0 as i64),
        texts(|row| row.id.clone()),
        texts(|row| row.url.clone()),
        texts(|row| row.source.clone()),
        ints(|row| row.at.record() as i64),
        ints(|row| row.offset as i64),
        texts(|row| format!("{:032x}", row.digest)),
        ints(|row| row.bytes_read as i64),
        ints(|row| row.bytes_kept as i64),
        shorts(|row| row.paragraphs.read as i32),
        shorts(|row| row.paragraphs.duplicate as i32),
        optional(|row| row.language.as_ref().map(|language| language.code.clone())),
        Column::Double(rows.iter().map(|r| r.language.as_ref().map(|l| l.score)).collect()),
        texts(|row| if row.reason.is_none() { KEPT.into() } else { DROPPED.into() }),
        optional(|row| row.reason.as_ref().map(|reason| reason.to_string())),
        Column::Double(rows.iter().map(|row| row.scores.perplexity).collect()),
        optional(|row| row.scores.bucket.as_ref().map(|bucket| bucket.to_string())),
        Column::Double(rows.iter().map(|row| row.scores.quality).collect()),
        Column::Count(rows.iter().map(|row| row.scores.tokens).collect()),
        optional(signals_json),
    ];
    for column in columns {
        let mut writer = group.next_column()?.expect("as many columns as the schema has");
        column.write(writer.untyped())?;
        writer.close()?;
    }
    Ok(())
}

/// The signals of a row as one JSON object, in their order.
fn signals_json(row: &Row) -> Option<String> {
    let signals = &row.scores.signals;
    let pairs = signals.iter().map(|(name, value)| format!("{name:?}:{value}"));
    (!signals.is_empty()).then(|| format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")))
}

enum Column {
    Int64(Vec<i64>),
    Count(Vec<Option<u64>>),
    Int32(Vec<i32>),
    Text(Vec<Option<String>>),
    Double(Vec<Option<f64>>),
}

impl Column {
    /// Absent values have no entry in the column but a definition level of 0. Required columns
    /// ignore the levels.
    fn write(self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, writer) {
            (Column::Int64(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&values, None, None)?;
            }
            (Column::Count(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
                let values: Vec<i64> = values.into_iter().flatten().map(|v| v as i64).collect();
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Column::Int32(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(&values, None, None)?;
            }
            (Column::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
                let values: Vec<ByteArray> =
                    values.iter().flatten().map(|v| ByteArray::from(v.as_str())).collect();
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Column::Double(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
                let values: Vec<f64> = values.into_iter().flatten().collect();
                writer.write_batch(&values, Some(&levels), None)?;
            }
            _ => unreachable!("columns stand in the order of the schema"),
        }
        Ok(())
    }
}

/// Adds up a ledger file again, and checks that its rows are in order.
pub(crate) fn recount(path: &Path, first: DocRef, last: DocRef) -> Result<Counts, Error> {
    let file = File::open(path).map_err(Error::io(path))?;
    let reader = SerializedFileReader::new(file).map_err(wrong(path))?;
    let mut counts = Counts::default();
    let mut previous = None;
    for row in reader.get_row_iter(None).map_err(wrong(path))? {
        let row = row.map_err(wrong(path))?;
        let long = |column| row.get_long(column).map(|value| value as u64);
        let int = |column| row.get_int(column).map(|value| value as u64);
        let mut add = || -> Result<u64, ParquetError> {
            counts.read += 1;
            counts.bytes_read += long(7)?;
            counts.paragraphs.read += int(9)?;
            counts.paragraphs.duplicate += int(10)?;
            if row.get_string(13)? == KEPT {
                counts.kept += 1;
                counts.bytes_kept += long(8)?;
                counts.add_tokens(long(TOKENS).ok());
            } else {
                *counts.dropped.entry(row.get_string(14)?.clone().into()).or_default() += 1;
            }
            long(0)
        };
        let at = add().map_err(wrong(path))?;
        if !(first.0..=last.0).contains(&at) || previous.is_some_and(|previous| previous >= at) {
            return Err(Error::corrupt(path, format!("row {} is out of order", counts.read)));
        }
        previous = Some(at);
    }
    Ok(counts)
}
