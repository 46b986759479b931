//! Export as Parquet: a column for each field that readers filter by, and everything as JSON.
//!
//! A row group ends at [`ROWS_IN_GROUP`] rows or [`GROUP_BYTES`] bytes. Its columns are encoded and
//! compressed row by row into memory, and are written to the file at its end. So a file takes no
//! more memory than a compressed row group, whatever the size of its documents.

use super::line::{Fields, Line};
use super::record::{self, RecordSchema};
use crate::Error;
use bytes::{Buf, Bytes};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Most rows of a row group. Fixed, because the bytes of the file depend on it.
const ROWS_IN_GROUP: u64 = 10_000;

/// Bytes of texts and their fields, as JSON, at which a row group ends. Fixed for the same reason.
const GROUP_BYTES: u64 = 128 << 20;

/// Compression level. Fixed for the same reason.
const ZSTD_LEVEL: i32 = 3;

/// The type of a column, and how its value is found in a document.
#[derive(Clone, Copy)]
enum Kind {
    /// The text.
    Text,
    /// All fields, as JSON.
    Meta,
    /// The name of the slice.
    Slice,
    /// A string that is computed from the fields.
    Computed(fn(&Fields<'_>) -> String),
    /// The field of the same name, if it is a string.
    String,
    /// The field of the same name, if it is a number.
    Double,
    /// The field of the same name, if it is an integer.
    Long,
}

type Column = (&'static str, Kind);

/// The columns of a schema, the same for all slices. Names are those of the fields in `meta`.
fn columns(records: RecordSchema) -> &'static [Column] {
    match records {
        RecordSchema::Sluice => &[
            ("text", Kind::Text),
            ("id", Kind::String),
            ("url", Kind::String),
            ("title", Kind::String),
            ("timestamp", Kind::String),
            ("language", Kind::String),
            ("language_score", Kind::Double),
            ("perplexity", Kind::Double),
            ("bucket", Kind::String),
            ("wiki_prob", Kind::Double),
            ("tokens", Kind::Long),
            ("meta", Kind::Meta),
        ],
        RecordSchema::Dolma => &[
            ("id", Kind::String),
            ("text", Kind::Text),
            ("source", Kind::Slice),
            ("added", Kind::Computed(record::added)),
            ("created", Kind::Computed(record::created)),
            ("metadata", Kind::Meta),
        ],
        RecordSchema::Datatrove => {
            &[("text", Kind::Text), ("id", Kind::String), ("metadata", Kind::Meta)]
        }
        RecordSchema::RedPajama => &[("text", Kind::Text), ("meta", Kind::Meta)],
    }
}

/// Returns the names of the columns with their types as Hugging Face names them.
pub(super) fn described(records: RecordSchema) -> Vec<(&'static str, &'static str)> {
    let of = |kind: Kind| match kind {
        Kind::Double => "float64",
        Kind::Long => "int64",
        _ => "string",
    };
    columns(records).iter().map(|(name, kind)| (*name, of(*kind))).collect()
}

/// A column is optional unless every document has its value.
fn is_optional((name, kind): &Column) -> bool {
    !matches!(kind, Kind::Text | Kind::Meta | Kind::Slice | Kind::Computed(_)) && *name != "id"
}

/// Why a row cannot be written.
#[derive(Debug)]
pub(super) enum RowError {
    /// The text is not a JSON string.
    Json(serde_json::Error),
    /// The file cannot be written.
    Parquet(ParquetError),
}

impl From<serde_json::Error> for RowError {
    fn from(error: serde_json::Error) -> RowError {
        RowError::Json(error)
    }
}

impl From<ParquetError> for RowError {
    fn from(error: ParquetError) -> RowError {
        RowError::Parquet(error)
    }
}

impl RowError {
    /// The error of this crate, for the file `path`.
    pub fn at(self, path: &Path) -> Error {
        match self {
            RowError::Json(error) => {
                Error::corrupt(path, format!("a document cannot be written: {error}"))
            }
            RowError::Parquet(error) => Error::corrupt(path, format!("cannot be written: {error}")),
        }
    }
}

/// A Parquet file that is written document by document.
pub(super) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: &'static [Column],
    /// The columns of the row group that is being filled; empty between row groups.
    group: Vec<ColumnBuffer>,
    rows: u64,
    bytes: u64,
}

impl<W: Write + Send> ParquetFile<W> {
    pub fn create(file: W, records: RecordSchema) -> Result<ParquetFile<W>, RowError> {
        let columns = columns(records);
        let schema = parse_message_type(&schema(columns)).expect("the schema of the table above");
        let writer =
            SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties(columns)?))?;
        Ok(ParquetFile { writer, columns, group: Vec::new(), rows: 0, bytes: 0 })
    }

    /// Adds a document.
    pub fn push(
        &mut self,
        slice: &str,
        line: &Line<'_>,
        fields: &Fields<'_>,
    ) -> Result<(), RowError> {
        if self.group.is_empty() {
            let (properties, schema) =
                (self.writer.properties().clone(), self.writer.schema_descr());
            let buffer = |column| ColumnBuffer::new(schema.column(column), properties.clone());
            self.group = (0..self.columns.len()).map(buffer).collect();
        }
        for (column, buffer) in self.columns.iter().zip(&mut self.group) {
            buffer.push(column, slice, line, fields)?;
        }
        self.rows += 1;
        self.bytes += (line.text().len() + line.meta().len()) as u64;
        if self.rows >= ROWS_IN_GROUP || self.bytes >= GROUP_BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), RowError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in self.group.drain(..) {
            let close = column.writer.close()?;
            let pages = column.pages.lock().unwrap_or_else(PoisonError::into_inner);
            group.append_column(&*pages, close)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Ends the file and returns what it was written to.
    pub fn finish(mut self) -> Result<W, RowError> {
        self.end_group()?;
        Ok(self.writer.into_inner()?)
    }
}

fn schema(columns: &[Column]) -> String {
    let field = |column: &Column| {
        let (name, kind) = column;
        let repetition = if is_optional(column) { "optional" } else { "required" };
        match kind {
            Kind::Double => format!("{repetition} double {name};"),
            Kind::Long => format!("{repetition} int64 {name};"),
            _ => format!("{repetition} binary {name} (string);"),
        }
    };
    let fields: Vec<String> = columns.iter().map(field).collect();
    format!("message corpus {{ {} }}", fields.join(" "))
}

/// Few values of `language`, `bucket` and `source` are different, so they have a dictionary. Texts
/// and JSON have no statistics: nothing is compared with them.
fn properties(columns: &[Column]) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(false)
        .set_created_by("sluicebox".into());
    for (name, kind) in columns {
        let path = ColumnPath::from(*name);
        if matches!(*name, "language" | "bucket" | "source") {
            builder = builder.set_column_dictionary_enabled(path, true);
        } else if matches!(kind, Kind::Text | Kind::Meta) {
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    Ok(builder.build())
}

/// A column of a row group, encoded in memory.
struct ColumnBuffer {
    writer: ColumnWriter<'static>,
    pages: Arc<Mutex<Pages>>,
}

impl ColumnBuffer {
    fn new(column: ColumnDescPtr, properties: WriterPropertiesPtr) -> ColumnBuffer {
        let pages = Arc::new(Mutex::new(Pages::default()));
        let writer = get_column_writer(column, properties, Box::new(PagesWriter(pages.clone())));
        ColumnBuffer { writer, pages }
    }

    fn push(
        &mut self,
        column: &Column,
        slice: &str,
        line: &Line<'_>,
        fields: &Fields<'_>,
    ) -> Result<(), RowError> {
        let (name, kind) = column;
        let levels = |is_there: bool| is_optional(column).then_some([i16::from(is_there)]);
        match &mut self.writer {
            ColumnWriter::DoubleColumnWriter(writer) => {
                let value = fields.number(name);
                let levels = levels(value.is_some());
                writer.write_batch(value.as_slice(), levels.as_ref().map(|l| &l[..]), None)?;
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                let value = fields.integer(name);
                let levels = levels(value.is_some());
                writer.write_batch(value.as_slice(), levels.as_ref().map(|l| &l[..]), None)?;
            }
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let value = match kind {
                    Kind::Text => Some(serde_json::from_str(line.text())?),
                    Kind::Meta => Some(line.meta().to_owned()),
                    Kind::Slice => Some(slice.to_owned()),
                    Kind::Computed(of) => Some(of(fields)),
                    _ if is_optional(column) => fields.string(name),
                    _ => Some(fields.string(name).unwrap_or_default()),
                };
                let value: Option<ByteArray> = value.map(|text| text.into_bytes().into());
                let levels = levels(value.is_some());
                // One value at a time, so that a page ends at its size even if texts are large.
                writer.write_batch(value.as_slice(), levels.as_ref().map(|l| &l[..]), None)?;
            }
            _ => unreachable!("the schema has columns of these three types only"),
        }
        Ok(())
    }
}

/// The pages of a column, each with its header, one after the other. They are not joined: that would
/// take twice their memory.
#[derive(Default)]
struct Pages {
    pages: Vec<Bytes>,
    bytes: u64,
}

/// Collects the pages of a column.
struct PagesWriter(Arc<Mutex<Pages>>);

impl PageWriter for PagesWriter {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec, ParquetError> {
        let buffer = Vec::with_capacity(page.compressed_size() + HEADER_BYTES);
        let mut written = TrackedWrite::new(buffer);
        let mut spec = SerializedPageWriter::new(&mut written).write_page(page)?;
        let page = written.into_inner()?;
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spec.offset += pages.bytes;
        pages.bytes += page.len() as u64;
        pages.pages.push(page.into());
        Ok(spec)
    }

    fn close(&mut self) -> Result<(), ParquetError> {
        Ok(())
    }
}

/// About the size of the header of a page.
const HEADER_BYTES: usize = 64;

impl Length for Pages {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Pages {
    type T = PagesReader;

    fn get_read(&self, start: u64) -> Result<PagesReader, ParquetError> {
        let mut pages: VecDeque<Bytes> = self.pages.iter().cloned().collect();
        let mut skipped = start;
        while let Some(first) = pages.front_mut()
            && skipped > 0
        {
            let skip = skipped.min(first.len() as u64);
            first.advance(skip as usize);
            skipped -= skip;
            if first.is_empty() {
                pages.pop_front();
            }
        }
        Ok(PagesReader(pages))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads pages.
struct PagesReader(VecDeque<Bytes>);

impl Read for PagesReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(first) = self.0.front_mut() else { return Ok(0) };
        let count = first.len().min(out.len());
        first.split_to(count).copy_to_slice(&mut out[..count]);
        if first.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    /// Writes `count` documents with texts of `chars` characters. Returns the rows of each group.
    fn groups(count: usize, chars: usize) -> Vec<i64> {
        let text = "a".repeat(chars);
        let json = format!(r#"{{"text":"{text}","meta":{{"language":"en","tokens":7,"id":"i"}}}}"#);
        let line = Line::parse(json.as_bytes()).unwrap();
        let fields = line.fields().unwrap();
        let mut file = ParquetFile::create(Vec::new(), RecordSchema::Sluice).unwrap();
        for _ in 0..count {
            file.push("s", &line, &fields).unwrap();
        }
        let reader = SerializedFileReader::new(Bytes::from(file.finish().unwrap())).unwrap();
        let metadata = reader.metadata();
        let text = metadata.row_groups().iter().map(|group| group.column(0));
        assert!(text.clone().all(|column| column.statistics().is_none()));
        let tokens = metadata.row_groups().iter().map(|group| group.column(10));
        assert!(tokens.clone().all(|column| column.statistics().is_some()));
        metadata.row_groups().iter().map(|group| group.num_rows()).collect()
    }

    #[test]
    fn a_row_group_ends_at_a_number_of_rows_or_of_bytes() {
        assert_eq!(groups(0, 0), [] as [i64; 0]);
        assert_eq!(groups(10_001, 1), [10_000, 1]);
        assert_eq!(groups(5, 50 << 20), [3, 2]);
    }

    #[test]
    fn values_of_another_type_are_null() {
        let json = r#"{"text":"t","meta":{"language":["en"],"tokens":"7","url":1,"id":"i"}}"#;
        let line = Line::parse(json.as_bytes()).unwrap();
        let mut file = ParquetFile::create(Vec::new(), RecordSchema::Sluice).unwrap();
        file.push("s", &line, &line.fields().unwrap()).unwrap();
        let reader = SerializedFileReader::new(Bytes::from(file.finish().unwrap())).unwrap();
        let row = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
        let values: Vec<String> =
            row.get_column_iter().map(|(name, value)| format!("{name}={value}")).collect();
        for expected in ["language=null", "tokens=null", "url=null", "id=\"i\"", "text=\"t\""] {
            assert!(values.iter().any(|value| value == expected), "{values:?}");
        }
    }
}
