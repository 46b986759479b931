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

use super::table::{Group, Table, column};
use super::{Sequence, Writer, Written};
use crate::Error;
use corpus::export::Destination;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;

/// Rows of a row group. Fixed, because the bytes of the file depend on it.
const ROWS_IN_GROUP: usize = 1 << 14;

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
    table: Table,
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
        let table = Table::create(out, &files[0], SCHEMA, |properties| {
            properties
                .set_column_dictionary_enabled("id".into(), false)
                .set_column_bloom_filter_max_ndv("id".into(), ROWS_IN_GROUP as u64)
                .set_column_bloom_filter_fpp("id".into(), ID_FILTER_ERRORS)
        })?;
        Ok(Provenance { table, rows: Rows::default(), tokens: 0 })
    }

    fn flush(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        self.table.group(|group| rows.write(group))
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

    fn write(&self, group: &mut Group<'_>) -> Result<(), ParquetError> {
        column::<Int64Type>(group, &self.begins, None, None)?;
        column::<Int64Type>(group, &self.ends, None, None)?;
        for texts in [&self.ids, &self.slices, &self.labels, &self.sources] {
            column::<ByteArrayType>(group, texts, None, None)?;
        }
        column::<Int64Type>(group, &self.records, None, None)?;
        column::<Int64Type>(group, &self.offsets, Some(&self.has_offset), None)?;
        column::<Int32Type>(group, &self.copies, None, None)
    }
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
        let Provenance { table, tokens, .. } = *self;
        Ok(vec![table.finish(tokens)?])
    }
}
