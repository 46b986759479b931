//! Reading some columns of all rows of a ledger file, without rows.

use super::columns::place_of;
use super::find::reader_is_optional;
use super::parquet_error;
use crate::error::Error;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::path::Path;

/// Rows that are passed on at a time: their columns fit into the second-level cache.
const BATCH: usize = 1 << 13;

/// Columns of consecutive rows, in the order of refs.
#[derive(Default)]
pub struct LedgerColumns {
    /// `ref`.
    pub refs: Vec<i64>,
    /// `bytes_read`.
    pub bytes_read: Vec<i64>,
    /// `bytes_kept`.
    pub bytes_kept: Vec<i64>,
    /// `reason`: absent for documents that are kept.
    pub reason: Words,
    /// `language`.
    pub language: Words,
    /// `bucket`.
    pub bucket: Words,
    /// `language_score`; not a number where it is absent, as in all columns of numbers.
    pub language_score: Vec<f64>,
    /// `perplexity`.
    pub perplexity: Vec<f64>,
    /// `quality`.
    pub quality: Vec<f64>,
    /// `tokens`; -1 where they are not counted.
    pub tokens: Vec<i64>,
    /// `url` of each document that is kept, with the place of its row in these columns.
    pub kept_urls: Vec<(usize, ByteArray)>,
}

/// A column with few different values.
#[derive(Default)]
pub struct Words {
    /// The values, in the order in which they were first seen.
    pub names: Vec<String>,
    /// For each row the number of its value, from 1 on; 0 if it is absent.
    pub values: Vec<u32>,
    /// The values of the dictionary of the current row group, the last ones used first.
    known: Vec<(ByteArray, u32)>,
}

impl Words {
    /// Returns the value of a row; `None` if it is absent.
    pub fn of(&self, row: usize) -> Option<&str> {
        let number = self.values[row] as usize;
        number.checked_sub(1).map(|place| self.names[place].as_str())
    }

    /// Returns the number of a value. Values of one dictionary are told by where they are in memory:
    /// `known` keeps them there.
    fn number(&mut self, value: &ByteArray) -> u32 {
        let is_it = |(known, _): &(ByteArray, u32)| {
            known.data().as_ptr() == value.data().as_ptr() && known.len() == value.len()
        };
        if let Some(place) = self.known.iter().position(is_it) {
            let number = self.known[place].1;
            self.known.swap(place, place.saturating_sub(1));
            return number;
        }
        let name = String::from_utf8_lossy(value.data());
        let place = self.names.iter().position(|known| *known == name);
        let place = place.unwrap_or_else(|| {
            self.names.push(name.into_owned());
            self.names.len() - 1
        });
        let number = place as u32 + 1;
        // Without a dictionary each value is somewhere else.
        if self.known.len() < self.names.len() + 64 {
            self.known.push((value.clone(), number));
        }
        number
    }
}

/// Passes the columns of a ledger file to `each`, some rows at a time.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub(crate) fn scan(path: &Path, mut each: impl FnMut(&LedgerColumns)) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::unopened(path))?;
    let file = SerializedFileReader::new(file).map_err(parquet_error(path))?;
    let mut columns = LedgerColumns::default();
    for group in 0..file.num_row_groups() {
        scan_group(&file, group, &mut columns, &mut each).map_err(parquet_error(path))?;
    }
    Ok(())
}

fn scan_group(
    file: &SerializedFileReader<File>,
    group: usize,
    columns: &mut LedgerColumns,
    each: &mut impl FnMut(&LedgerColumns),
) -> Result<(), ParquetError> {
    let group = file.get_row_group(group)?;
    let open = |name: &str| {
        let place = place_of(name);
        let is_optional = reader_is_optional(file, place);
        Ok::<_, ParquetError>(Column { reader: group.get_column_reader(place)?, is_optional })
    };
    let mut longs = [open("ref")?, open("bytes_read")?, open("bytes_kept")?, open("tokens")?];
    let mut doubles = [open("language_score")?, open("perplexity")?, open("quality")?];
    let mut words = [open("reason")?, open("language")?, open("bucket")?];
    let mut urls = open("url")?;
    let mut rest = group.metadata().num_rows().max(0) as usize;
    for words in [&mut columns.reason, &mut columns.language, &mut columns.bucket] {
        words.known.clear();
    }
    while rest > 0 {
        let rows = rest.min(BATCH);
        let LedgerColumns { refs, bytes_read, bytes_kept, tokens, .. } = columns;
        for (column, into) in longs.iter_mut().zip([refs, bytes_read, bytes_kept, tokens]) {
            column.longs(rows, into)?;
        }
        let LedgerColumns { language_score, perplexity, quality, .. } = columns;
        for (column, into) in doubles.iter_mut().zip([language_score, perplexity, quality]) {
            column.doubles(rows, into)?;
        }
        let LedgerColumns { reason, language, bucket, .. } = columns;
        for (column, into) in words.iter_mut().zip([reason, language, bucket]) {
            column.words(rows, into)?;
        }
        urls.kept(&columns.reason.values, &mut columns.kept_urls)?;
        each(columns);
        rest -= rows;
    }
    Ok(())
}

struct Column {
    reader: ColumnReader,
    is_optional: bool,
}

impl Column {
    fn longs(&mut self, rows: usize, into: &mut Vec<i64>) -> Result<(), ParquetError> {
        let ColumnReader::Int64ColumnReader(reader) = &mut self.reader else {
            return Err(wrong_type());
        };
        read(reader, self.is_optional, rows, into, -1)
    }

    fn doubles(&mut self, rows: usize, into: &mut Vec<f64>) -> Result<(), ParquetError> {
        let ColumnReader::DoubleColumnReader(reader) = &mut self.reader else {
            return Err(wrong_type());
        };
        read(reader, self.is_optional, rows, into, f64::NAN)
    }

    fn words(&mut self, rows: usize, into: &mut Words) -> Result<(), ParquetError> {
        let (levels, values) = values(self.texts()?, rows)?;
        let numbers: Vec<u32> = values.iter().map(|value| into.number(value)).collect();
        into.values.clear();
        if numbers.len() == rows {
            into.values = numbers;
        } else {
            let mut numbers = numbers.into_iter();
            let of = |level: &i16| if *level > 0 { numbers.next().unwrap_or(0) } else { 0 };
            into.values.extend(levels.iter().map(of));
        }
        check(into.values.len(), rows)
    }

    /// Reads the values of the rows that have no reason; the others are skipped.
    fn kept(
        &mut self,
        reasons: &[u32],
        into: &mut Vec<(usize, ByteArray)>,
    ) -> Result<(), ParquetError> {
        into.clear();
        let reader = self.texts()?;
        let mut row = 0;
        for same in reasons.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            if same[0] == 0 {
                let (_, read) = values(reader, same.len())?;
                check(read.len(), same.len())?;
                into.extend((row..).zip(read));
            } else {
                check(reader.skip_records(same.len())?, same.len())?;
            }
            row += same.len();
        }
        Ok(())
    }

    fn texts(&mut self) -> Result<&mut ColumnReaderImpl<ByteArrayType>, ParquetError> {
        match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => Ok(reader),
            _ => Err(wrong_type()),
        }
    }
}

type Values<V> = (Vec<i16>, Vec<V>);

/// Reads the next rows: a level for each, if the column is optional, and the values that are present.
pub(super) fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Values<T::T>, ParquetError> {
    let (mut levels, mut values) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    // A call may end at a page.
    let mut read = 0;
    while read < rows {
        let (records, ..) =
            reader.read_records(rows - read, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    check(read, rows)?;
    Ok((levels, values))
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    is_optional: bool,
    rows: usize,
    into: &mut Vec<T::T>,
    absent: T::T,
) -> Result<(), ParquetError> {
    let (levels, values) = values(reader, rows)?;
    if !is_optional || values.len() == rows {
        *into = values;
    } else {
        into.clear();
        let mut values = values.into_iter();
        let of = |level: &i16| if *level > 0 { values.next() } else { None };
        into.extend(levels.iter().map(of).map(|value| value.unwrap_or_else(|| absent.clone())));
    }
    check(into.len(), rows)
}

fn check(found: usize, rows: usize) -> Result<(), ParquetError> {
    if found == rows { Ok(()) } else { Err(ParquetError::General("a column is too short".into())) }
}

fn wrong_type() -> ParquetError {
    ParquetError::General("a column has another type".into())
}
