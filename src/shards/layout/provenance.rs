//! Where the tokens of a shard are from: a Parquet table with a row for each document, in their order.
//!
//! | column | type | |
//! |---|---|---|
//! | `begin`, `end` | `INT64` | the document's first token in the shard, and the one after its last |
//! | `id` | `STRING` | `slice/label/source#record`; found without reading the others, by a Bloom filter |
//! | `slice`, `label`, `source` | `STRING` | the parts of the id |
//! | `record` | `INT64` | number of the record in the source |
//! | `offset` | `INT64`, optional | byte of the source, as stored, where the record begins |
//! | `copy` | `INT32` | number of the copy, from 0 |

use super::file::Output;
use super::{Sequence, Writer, Written};
use crate::Error;
use corpus::export::Destination;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a row group. Fixed, because the bytes of the file depend on it.
const ROWS_IN_GROUP: usize = 1 << 14;

/// Compression level. Fixed for the same reason.
const ZSTD_LEVEL: i32 = 3;

/// Share of the ids that a row group lacks for which its filter says that it may have them.
const ID_FILTER_ERRORS: f64 = 0.01;

const SCHEMA: &str = "message provenance {
    required int64 begin;
    required int64 end;
    required binary id (string);
    required binary slice (string);
    required binary label (string);
    required binary source (string);
    required int64 record;
    optional int64 offset;
    required int32 copy;
}";

/// The table of a shard.
pub(super) struct Provenance {
    path: PathBuf,
    file: SerializedFileWriter<Output>,
    rows: Rows,
    tokens: u64,
}

#[derive(Default)]
struct Rows {
    begins: Vec<i64>,
    ends: Vec<i64>,
    ids: Vec<ByteArray>,
    slices: Vec<ByteArray>,
    labels: Vec<ByteArray>,
    sources: Vec<ByteArray>,
    records: Vec<i64>,
    offsets: Vec<i64>,
    /// 1 for a row that has an offset.
    has_offset: Vec<i16>,
    copies: Vec<i32>,
}

impl Provenance {
    pub fn create(out: &dyn Destination, files: &[String]) -> Result<Provenance, Error> {
        let path = out.path(&files[0]);
        let schema = parse_message_type(SCHEMA).expect("a valid schema");
        let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level of Zstandard");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_column_dictionary_enabled("id".into(), false)
            .set_column_bloom_filter_max_ndv("id".into(), ROWS_IN_GROUP as u64)
            .set_column_bloom_filter_fpp("id".into(), ID_FILTER_ERRORS)
            .set_created_by("sluicebox".into())
            .build();
        let file = Output::create(out, &files[0])?;
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(wrong(&path))?;
        let rows = Rows::default();
        Ok(Provenance { path, file, rows, tokens: 0 })
    }

    fn flush(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        let write = |file: &mut SerializedFileWriter<Output>| {
            let mut group = file.next_row_group()?;
            rows.write(&mut group)?;
            group.close().map(|_| ())
        };
        write(&mut self.file).map_err(wrong(&self.path))
    }
}

impl Rows {
    fn push(&mut self, document: &Sequence<'_>) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let Sequence { source, record, .. } = document;
        let id = format!("{source}#{record}");
        let mut parts = source.splitn(3, '/');
        let mut part = || ByteArray::from(parts.next().unwrap_or_default());
        self.slices.push(part());
        self.labels.push(part());
        self.sources.push(part());
        self.begins.push(number(document.begin));
        self.ends.push(number(document.end));
        self.ids.push(ByteArray::from(id.into_bytes()));
        self.records.push(record.parse().unwrap_or(-1));
        self.offsets.extend(document.offset.map(number));
        self.has_offset.push(i16::from(document.offset.is_some()));
        self.copies.push(document.copy as i32);
    }

    fn write(&self, group: &mut SerializedRowGroupWriter<'_, Output>) -> Result<(), ParquetError> {
        column::<Int64Type>(group, &self.begins, None)?;
        column::<Int64Type>(group, &self.ends, None)?;
        for texts in [&self.ids, &self.slices, &self.labels, &self.sources] {
            column::<ByteArrayType>(group, texts, None)?;
        }
        column::<Int64Type>(group, &self.records, None)?;
        column::<Int64Type>(group, &self.offsets, Some(&self.has_offset))?;
        column::<Int32Type>(group, &self.copies, None)
    }
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Output>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("the schema has every column");
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

impl Writer for Provenance {
    fn push(&mut self, document: &Sequence<'_>) -> Result<(), Error> {
        self.tokens = document.end;
        self.rows.push(document);
        if self.rows.begins.len() == ROWS_IN_GROUP { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Written>, Error> {
        if !self.rows.begins.is_empty() {
            self.flush()?;
        }
        let Provenance { path, file, tokens, .. } = *self;
        let output = file.into_inner().map_err(wrong(&path))?;
        Ok(vec![output.publish(tokens)?])
    }
}

pub(super) fn wrong(path: &Path) -> impl FnOnce(ParquetError) -> Error + '_ {
    move |error| match error {
        // Errors of the operating system, such as a full disk, are wrapped.
        ParquetError::External(error) => match error.downcast() {
            Ok(error) => Error::io(path)(*error),
            Err(error) => Error::corrupt(path, format!("cannot be written: {error}")),
        },
        error => Error::corrupt(path, format!("cannot be written: {error}")),
    }
}
