//! Export as Parquet: a column for each field that readers filter by, and everything as JSON.
//!
//! Pages and row groups end where `cut` says. The columns of a row group are encoded and compressed
//! page by page into memory, and are written to the file at its end. So a file takes no more memory
//! than a compressed row group and a page of each column, whatever the size of its documents.

use super::cut::{self, Piece};
use super::line::{Fields, Line};
use super::record::{self, RecordSchema};
use crate::Error;
use bytes::{Buf, Bytes};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{
    ColumnCloseResult, ColumnWriter, ColumnWriterImpl, get_column_writer,
};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
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

/// Compression level. Fixed, because the bytes of the file depend on it.
const ZSTD_LEVEL: i32 = 3;

/// A number of rows, and of bytes, that no page has.
const NEVER: usize = 1 << 40;

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
    /// Its rows, and the bytes of its texts and their fields.
    pieces: [Piece; 2],
}

impl<W: Write + Send> ParquetFile<W> {
    pub fn create(file: W, records: RecordSchema) -> Result<ParquetFile<W>, RowError> {
        let columns = columns(records);
        let schema = parse_message_type(&schema(columns)).expect("the schema of the table above");
        let writer =
            SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties(columns)?))?;
        let pieces = [cut::GROUP_ROWS, cut::GROUP_BYTES].map(Piece::new);
        Ok(ParquetFile { writer, columns, group: Vec::new(), pieces })
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
        let hash = cut::hash(&fields.string("id").unwrap_or_default());
        for (column, buffer) in self.columns.iter().zip(&mut self.group) {
            buffer.push(hash, column, slice, line, fields)?;
        }
        let [rows, bytes] = &mut self.pieces;
        let ends_by_rows = rows.add(hash, 1);
        let ends_by_bytes = bytes.add(hash, (line.text().len() + line.meta().len()) as u64);
        if ends_by_rows || ends_by_bytes { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), RowError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in self.group.drain(..) {
            let pages = column.pages.clone();
            let close = column.close()?;
            let pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
            group.append_column(&*pages, close)?;
        }
        group.close()?;
        self.pieces.iter_mut().for_each(Piece::restart);
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

/// A page is what is written at once: the crate ends it after one row, and writes are not cut.
///
/// Few values of `language`, `bucket` and `source` are different, so they have a dictionary. Texts
/// and JSON have no statistics: nothing is compared with them. All have an index of their pages.
fn properties(columns: &[Column]) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(false)
        .set_data_page_row_count_limit(1)
        .set_data_page_size_limit(NEVER)
        .set_write_batch_size(NEVER)
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
    /// The values of the page that is being filled.
    values: Values,
    /// Whether each of its rows has a value, if the column is optional.
    levels: Vec<i16>,
    piece: Piece,
    pages: Arc<Mutex<Pages>>,
}

/// Values, and what they are written to.
enum Values {
    Bytes(Vec<ByteArray>, ColumnWriterImpl<'static, ByteArrayType>),
    Doubles(Vec<f64>, ColumnWriterImpl<'static, DoubleType>),
    Longs(Vec<i64>, ColumnWriterImpl<'static, Int64Type>),
}

impl ColumnBuffer {
    fn new(column: ColumnDescPtr, properties: WriterPropertiesPtr) -> ColumnBuffer {
        let pages = Arc::new(Mutex::new(Pages::default()));
        let writer = get_column_writer(column, properties, Box::new(PagesWriter(pages.clone())));
        let values = match writer {
            ColumnWriter::ByteArrayColumnWriter(writer) => Values::Bytes(Vec::new(), writer),
            ColumnWriter::DoubleColumnWriter(writer) => Values::Doubles(Vec::new(), writer),
            ColumnWriter::Int64ColumnWriter(writer) => Values::Longs(Vec::new(), writer),
            _ => unreachable!("the schema has columns of these three types only"),
        };
        ColumnBuffer { values, levels: Vec::new(), piece: Piece::new(cut::PAGE), pages }
    }

    fn push(
        &mut self,
        hash: u64,
        column: &Column,
        slice: &str,
        line: &Line<'_>,
        fields: &Fields<'_>,
    ) -> Result<(), RowError> {
        let (name, kind) = column;
        let size = match &mut self.values {
            Values::Bytes(values, _) => {
                let value = match kind {
                    Kind::Text => Some(serde_json::from_str(line.text())?),
                    Kind::Meta => Some(line.meta().to_owned()),
                    Kind::Slice => Some(slice.to_owned()),
                    Kind::Computed(of) => Some(of(fields)),
                    _ if is_optional(column) => fields.string(name),
                    _ => Some(fields.string(name).unwrap_or_default()),
                };
                add(values, value.map(|text| ByteArray::from(text.into_bytes())), ByteArray::len)
            }
            Values::Doubles(values, _) => add(values, fields.number(name), |_| size_of::<f64>()),
            Values::Longs(values, _) => add(values, fields.integer(name), |_| size_of::<i64>()),
        };
        if is_optional(column) {
            self.levels.push(i16::from(size.is_some()));
        }
        if self.piece.add(hash, size.unwrap_or(1)) {
            self.end_page()?;
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), ParquetError> {
        match &mut self.values {
            Values::Bytes(values, writer) => write(writer, values, &mut self.levels)?,
            Values::Doubles(values, writer) => write(writer, values, &mut self.levels)?,
            Values::Longs(values, writer) => write(writer, values, &mut self.levels)?,
        }
        self.piece.restart();
        Ok(())
    }

    fn close(mut self) -> Result<ColumnCloseResult, ParquetError> {
        self.end_page()?;
        match self.values {
            Values::Bytes(_, writer) => writer.close(),
            Values::Doubles(_, writer) => writer.close(),
            Values::Longs(_, writer) => writer.close(),
        }
    }
}

/// Adds a value, if there is one, and returns its size.
fn add<T>(values: &mut Vec<T>, value: Option<T>, size: fn(&T) -> usize) -> Option<u64> {
    let value = value?;
    // An empty one has a length at least.
    let size = 1 + size(&value) as u64;
    values.push(value);
    Some(size)
}

/// Writes values as one page.
fn write<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    values: &mut Vec<T::T>,
    levels: &mut Vec<i16>,
) -> Result<(), ParquetError> {
    if values.len().max(levels.len()) > 0 {
        let levels = (!levels.is_empty()).then_some(&levels[..]);
        writer.write_batch(values, levels, None)?;
    }
    values.clear();
    levels.clear();
    Ok(())
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
    use parquet::file::serialized_reader::ReadOptionsBuilder;
    use parquet::record::{Row, RowAccessor};
    use std::collections::HashSet;

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
        assert_eq!(groups(5, 50 << 20), [2, 2, 1]);
    }

    /// A file of the documents with these numbers, with texts of made-up words.
    fn of_numbers(numbers: impl Iterator<Item = u64>) -> Bytes {
        let mut file = ParquetFile::create(Vec::new(), RecordSchema::Sluice).unwrap();
        for number in numbers {
            let word = |n: u64| (number * 1000 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
            let text: Vec<String> =
                (0..100 + word(0) % 300).map(|n| word(n + 1).to_string()).collect();
            let language = if number % 3 == 0 { "null" } else { "\"en\"" };
            let json = format!(
                r#"{{"text":"{}","meta":{{"url":"http://{number}","language":{language},"id":"{number}"}}}}"#,
                text.join(" ")
            );
            let line = Line::parse(json.as_bytes()).unwrap();
            file.push("s", &line, &line.fields().unwrap()).unwrap();
        }
        file.finish().unwrap().into()
    }

    /// The pages of a file, by its index of pages.
    fn pages(file: &Bytes) -> Vec<Bytes> {
        let options = ReadOptionsBuilder::new().with_page_index().build();
        let reader = SerializedFileReader::new_with_options(file.clone(), options).unwrap();
        let metadata = reader.metadata();
        let mut pages = Vec::new();
        for (group, of_group) in metadata.row_groups().iter().enumerate() {
            let index = metadata.page_index_for_row_group(group);
            for column in 0..of_group.num_columns() {
                let rows = of_group.num_rows();
                let locations = index.offset_index(column).unwrap().page_locations().clone();
                assert!(locations.windows(2).all(|p| p[0].first_row_index < p[1].first_row_index));
                assert!(locations.last().unwrap().first_row_index < rows);
                let has_statistics = !matches!(column, 0 | 11);
                let has_index = of_group.column(column).column_index_offset().is_some();
                assert_eq!(has_index, has_statistics, "{column}");
                pages.extend(locations.iter().map(|page| {
                    let begin = page.offset as usize;
                    file.slice(begin..begin + page.compressed_page_size as usize)
                }));
            }
        }
        pages
    }

    #[test]
    fn a_document_that_goes_changes_its_own_pages_and_rows_read_back() {
        let all = of_numbers(0..12_000);
        let rest = of_numbers((0..12_000).filter(|number| *number != 7_000));
        let (all_pages, rest_pages) = (pages(&all), pages(&rest));
        let known: HashSet<&Bytes> = all_pages.iter().collect();
        let new: Vec<&Bytes> = rest_pages.iter().filter(|page| !known.contains(page)).collect();
        // Of texts and meta a page each, of the other columns that of a row group.
        assert!(all_pages.len() > 50, "{}", all_pages.len());
        assert!(new.len() <= 14, "{} of {} pages are new", new.len(), rest_pages.len());

        let reader = SerializedFileReader::new(rest).unwrap();
        assert!(reader.metadata().num_row_groups() > 1);
        let id = |row: Row| row.get_string(1).unwrap().parse::<u64>().unwrap();
        let ids = reader.get_row_iter(None).unwrap().map(|row| id(row.unwrap()));
        assert!(ids.eq((0..12_000).filter(|number| *number != 7_000)));
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
