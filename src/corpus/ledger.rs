//! The ledger: one row for each record read, as Parquet, so that any tool can ask it questions.

use crate::Error;
use crate::manifest::{Counts, File as PartFile};
use crate::segment::Summed;
use document::{DocRef, Document, Language, Paragraphs, Reason, Scores};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::reader::RowIter;
use parquet::record::{Row, RowAccessor};
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

const KEPT: &str = "kept";
const DROPPED: &str = "dropped";

/// A row: what became of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    /// Where the document stands.
    pub at: DocRef,
    pub(crate) id: String,
    url: String,
    source: String,
    offset: u64,
    digest: u128,
    bytes_read: u64,
    bytes_kept: u64,
    paragraphs: Paragraphs,
    language: Option<Language>,
    /// Why it was turned away; `None` of a document that is kept.
    pub reason: Option<Reason>,
    /// What models found, but for signals.
    pub scores: Scores,
    /// The signals as JSON.
    signals: Option<String>,
}

impl LedgerRow {
    fn new(document: &Document, id: String, source: &str) -> LedgerRow {
        LedgerRow {
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
            scores: Scores { signals: Vec::new(), ..document.scores.clone() },
            signals: signals_json(&document.scores),
        }
    }

    /// The row of the same document, had it been turned away with `reason` before its signals were
    /// looked at.
    pub(crate) fn reject(&mut self, reason: Reason) {
        self.reason = Some(reason);
        self.bytes_kept = 0;
        self.signals = None;
    }

    /// Adds itself to the sums.
    pub(crate) fn count(&self, counts: &mut Counts) {
        counts.read += 1;
        counts.bytes_read += self.bytes_read;
        counts.paragraphs.read += u64::from(self.paragraphs.read);
        counts.paragraphs.duplicate += u64::from(self.paragraphs.duplicate);
        match &self.reason {
            None => {
                counts.kept += 1;
                counts.bytes_kept += self.bytes_kept;
                counts.add_tokens(self.scores.tokens);
            }
            Some(reason) => *counts.dropped.entry(reason.clone()).or_default() += 1,
        }
    }
}

/// Writes one ledger file.
pub(crate) struct LedgerWriter {
    path: PathBuf,
    file: SerializedFileWriter<Summed>,
    rows: Vec<LedgerRow>,
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
        self.push_row(LedgerRow::new(document, id, source))
    }

    /// Adds a row. They come in the order of their refs.
    pub fn push_row(&mut self, row: LedgerRow) -> Result<(), Error> {
        self.first.get_or_insert(row.at);
        self.last = row.at;
        self.rows.push(row);
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
    rows: &[LedgerRow],
    group: &mut SerializedRowGroupWriter<'_, Summed>,
) -> Result<(), ParquetError> {
    let ints = |of: fn(&LedgerRow) -> i64| Column::Int64(rows.iter().map(of).collect());
    let shorts = |of: fn(&LedgerRow) -> i32| Column::Int32(rows.iter().map(of).collect());
    let texts =
        |of: fn(&LedgerRow) -> String| Column::Text(rows.iter().map(|r| Some(of(r))).collect());
    let optional =
        |of: fn(&LedgerRow) -> Option<String>| Column::Text(rows.iter().map(of).collect());
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
        optional(|row| row.signals.clone()),
    ];
    for column in columns {
        let mut writer = group.next_column()?.expect("as many columns as the schema has");
        column.write(writer.untyped())?;
        writer.close()?;
    }
    Ok(())
}

/// The signals as one JSON object, in their order.
fn signals_json(scores: &Scores) -> Option<String> {
    let signals = &scores.signals;
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

/// Adds up a ledger file again.
pub(crate) fn recount(path: &Path) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    rows(path)?.try_for_each(|row| row.map(|row| row.count(&mut counts)))?;
    Ok(counts)
}

/// The rows of a ledger file.
pub(crate) fn rows(
    path: &Path,
) -> Result<impl Iterator<Item = Result<LedgerRow, Error>> + use<>, Error> {
    let file = File::open(path).map_err(Error::unopened(path))?;
    let reader = SerializedFileReader::new(file).map_err(wrong(path))?;
    let rows = RowIter::from_file_into(Box::new(reader));
    let path = path.to_owned();
    Ok(rows.map(move |row| row.and_then(|row| read_row(&row)).map_err(wrong(&path))))
}

fn read_row(row: &Row) -> Result<LedgerRow, ParquetError> {
    let wrong = |what: &str| ParquetError::General(what.to_owned());
    let long = |column| row.get_long(column).map(|value| value as u64);
    let int = |column| row.get_int(column).map(|value| value as u32);
    let text = |column| row.get_string(column).cloned();
    // Absent values are of another type than their column.
    let optional = |column| text(column).ok();
    let digest = u128::from_str_radix(&text(6)?, 16).map_err(|_| wrong("a digest of no digits"))?;
    let language = optional(11).zip(row.get_double(12).ok());
    let reason: Option<Reason> = optional(14).map(Into::into);
    if (text(13)? == KEPT) != reason.is_none() {
        return Err(wrong("a verdict and a reason that contradict each other"));
    }
    let scores = Scores {
        perplexity: row.get_double(15).ok(),
        bucket: optional(16).map(Into::into),
        quality: row.get_double(17).ok(),
        tokens: long(18).ok(),
        signals: Vec::new(),
    };
    Ok(LedgerRow {
        at: DocRef(long(0)?),
        id: text(1)?,
        url: text(2)?,
        source: text(3)?,
        offset: long(5)?,
        digest,
        bytes_read: long(7)?,
        bytes_kept: long(8)?,
        paragraphs: Paragraphs { read: int(9)?, duplicate: int(10)? },
        language: language.map(|(code, score)| Language { code, score }),
        reason,
        scores,
        signals: optional(19),
    })
}
