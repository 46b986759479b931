//! Rows of a Parquet file, each as a JSON object.

use super::Row as JsonRow;
use crate::defect::Defect;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde::{Serialize, Serializer};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a Parquet file begins with.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";

/// Rows decoded at once: texts may be long.
const ROWS_AT_ONCE: usize = 64;

pub(super) struct Table {
    file: File,
    bytes: u64,
    /// The first row of each row group, and the number of rows at the end.
    groups: Vec<u64>,
    rows: Option<RowIter<'static>>,
    number: u64,
    /// Not opened yet.
    unopened: bool,
}

impl Table {
    pub fn new(file: File) -> Table {
        let bytes = file.metadata().map_or(0, |meta| meta.len());
        Table { file, bytes, groups: vec![0], rows: None, number: 0, unopened: true }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// Goes on with the row groups from the `from`-th on.
    fn open(&mut self, from: usize) -> Result<(), String> {
        let file = self.file.try_clone().map_err(|error| error.to_string())?;
        if self.unopened && !super::footer::is_sane(&file).map_err(|error| error.to_string())? {
            return Err("its schema is damaged, or nests deeper than 64 levels".to_owned());
        }
        let wanted = ReadOptionsBuilder::new().with_predicate(Box::new(move |_, at| at >= from));
        let opened = unpanicked(|| SerializedFileReader::new_with_options(file, wanted.build()))?;
        if self.unopened {
            let mut rows = 0u64;
            for group in opened.metadata().row_groups() {
                rows = rows.saturating_add(group.num_rows().max(0) as u64);
                self.groups.push(rows);
            }
        }
        let rows = || Ok(RowIter::from_file_into(Box::new(opened)).with_batch_size(ROWS_AT_ONCE));
        self.rows = Some(unpanicked(rows)?);
        Ok(())
    }

    /// By the share of rows before it.
    fn offset(&self) -> u64 {
        let all = self.groups.last().copied().unwrap_or(0).max(1);
        let before = self.number.saturating_sub(1).min(all);
        (u128::from(self.bytes) * u128::from(before) / u128::from(all)) as u64
    }

    /// A row that cannot be read, and with it the rest of its row group: the next group follows.
    fn damaged(&mut self, what: &str) -> Defect {
        let offset = self.offset();
        // Groups without rows begin where the next one does; the last of them is meant.
        let group = self.groups.partition_point(|first| *first < self.number).max(1);
        let last = self.groups.get(group).copied().unwrap_or(self.number);
        let lost = format!("rows {} to {last} are left out", self.number);
        self.rows = None;
        if group + 1 < self.groups.len() && self.open(group).is_ok() {
            self.number = last;
        }
        Defect::new(offset, format!("Parquet: {what}; {lost}: fetch the file again"))
    }
}

impl Iterator for Table {
    type Item = Result<JsonRow, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.unopened {
            let opened = self.open(0);
            self.unopened = false;
            if let Err(what) = opened {
                let what = format!("Parquet: {what}; the file is left out: fetch it again");
                return Some(Err(Defect::new(0, what)));
            }
        }
        let rows = self.rows.as_mut()?;
        let row = unpanicked(|| rows.next().transpose());
        if matches!(row, Ok(None)) {
            self.rows = None;
            return None;
        }
        self.number += 1;
        let json = row.map(|row| row.as_ref().map(row_json));
        match json {
            Ok(Some(Ok(json))) => {
                Some(Ok(JsonRow { offset: self.offset(), number: self.number, json }))
            }
            // Not by any type there is: numbers that are none become null.
            Ok(Some(Err(error))) => Some(Err(Defect::new(self.offset(), error.to_string()))),
            Ok(None) => None,
            Err(what) => Some(Err(self.damaged(&what))),
        }
    }
}

/// The library means to give errors for damage; where it panics, that is one too.
fn unpanicked<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    // Nothing that was touched is used again: a new reader is opened.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it holds what its reader did not expect".into()),
    }
}

/// A row as a JSON object, its columns in their order.
fn row_json(row: &Row) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Object(row))
}

struct Object<'a>(&'a Row);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.get_column_iter();
        serializer.collect_map(columns.map(|(name, field)| (name, Cell(field))))
    }
}

struct Cell<'a>(&'a Field);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Field::Null => serializer.serialize_none(),
            Field::Bool(value) => value.serialize(serializer),
            Field::Byte(value) => value.serialize(serializer),
            Field::Short(value) => value.serialize(serializer),
            Field::Int(value) => value.serialize(serializer),
            Field::Long(value) => value.serialize(serializer),
            Field::UByte(value) => value.serialize(serializer),
            Field::UShort(value) => value.serialize(serializer),
            Field::UInt(value) => value.serialize(serializer),
            Field::ULong(value) => value.serialize(serializer),
            Field::Float(value) => value.serialize(serializer),
            Field::Double(value) => value.serialize(serializer),
            Field::Str(text) => text.serialize(serializer),
            // Some writers do not say that a column is text.
            Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
                Ok(text) => text.serialize(serializer),
                Err(_) => serializer.collect_str(self.0),
            },
            Field::Group(row) => Object(row).serialize(serializer),
            Field::ListInternal(list) => serializer.collect_seq(list.elements().iter().map(Cell)),
            // Keys may be of any type, which those of a JSON object may not.
            Field::MapInternal(map) => {
                let pairs = map.entries().iter();
                serializer.collect_seq(pairs.map(|(key, value)| (Cell(key), Cell(value))))
            }
            // Dates and decimals, as Parquet's library shows them.
            other => serializer.collect_str(other),
        }
    }
}
