//! Finding rows of a ledger file, by reading only the columns and rows that are needed.

use super::columns::{COLUMNS, COLUMNS_MIN, check, place_of};
use super::{LedgerRow, parquet_error};
use crate::error::Error;
use document::DocRef;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::path::Path;

/// Values of a column that are read at a time.
const BATCH: usize = 1 << 13;

/// The row groups of a ledger file.
struct Groups {
    file: SerializedFileReader<File>,
    columns: usize,
}

impl Groups {
    fn open(path: &Path) -> Result<Groups, Error> {
        let file = File::open(path).map_err(Error::unopened(path))?;
        let file = SerializedFileReader::new(file).map_err(parquet_error(path))?;
        let columns = file.metadata().file_metadata().schema_descr().num_columns();
        if !(COLUMNS_MIN..=COLUMNS.len()).contains(&columns) {
            let what = format!("{} columns expected, {columns} found", COLUMNS.len());
            return Err(Error::corrupt(path, what));
        }
        Ok(Groups { file, columns })
    }

    fn count(&self) -> usize {
        self.file.num_row_groups()
    }

    fn rows(&self, group: usize) -> u64 {
        self.file.metadata().row_group(group).num_rows().max(0) as u64
    }

    fn column(&self, group: usize, place: usize) -> Result<ColumnReader, ParquetError> {
        self.file.get_row_group(group)?.get_column_reader(place)
    }

    /// Calls `each` with every value of a text column, `None` for one that is absent, until it
    /// returns false.
    fn texts(
        &self,
        group: usize,
        place: usize,
        mut each: impl FnMut(Option<&[u8]>) -> bool,
    ) -> Result<(), ParquetError> {
        let ColumnReader::ByteArrayColumnReader(mut reader) = self.column(group, place)? else {
            return Err(wrong_type());
        };
        let is_optional = reader_is_optional(&self.file, place);
        let mut goes_on = true;
        while goes_on {
            let (levels, values) = batch::<_, ByteArray>(&mut reader)?;
            let mut values = values.iter();
            let count = if is_optional { levels.len() } else { values.len() };
            if count == 0 {
                break;
            }
            for at in 0..count {
                let is_present = !is_optional || levels.get(at) == Some(&1);
                let value = if is_present { values.next() } else { None };
                goes_on = each(value.map(ByteArray::data));
                if !goes_on {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn reader_is_optional(file: &SerializedFileReader<File>, place: usize) -> bool {
    file.metadata().file_metadata().schema_descr().column(place).max_def_level() > 0
}

fn batch<T: DataType<T = V>, V>(
    reader: &mut ColumnReaderImpl<T>,
) -> Result<(Vec<i16>, Vec<V>), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
    Ok((levels, values))
}

fn wrong_type() -> ParquetError {
    ParquetError::General("a column has another type".to_owned())
}

/// Returns the rows of a file at `places`, which ascend.
pub(crate) fn rows_at(path: &Path, places: &[u64]) -> Result<Vec<LedgerRow>, Error> {
    let groups = Groups::open(path)?;
    let (mut rows, mut start) = (Vec::new(), 0);
    for group in 0..groups.count() {
        let end = start + groups.rows(group);
        let within = places.iter().filter(|place| (start..end).contains(place));
        let within: Vec<usize> = within.map(|place| (place - start) as usize).collect();
        start = end;
        if within.is_empty() {
            continue;
        }
        let mut read = vec![LedgerRow::default(); within.len()];
        let mut columns = || -> Result<(), ParquetError> {
            for (place, column) in COLUMNS.iter().enumerate().take(groups.columns) {
                column.read_at(&mut groups.column(group, place)?, &within, &mut read)?;
            }
            read.iter().try_for_each(check)
        };
        columns().map_err(parquet_error(path))?;
        rows.append(&mut read);
    }
    if rows.len() != places.len() {
        let what = format!("row {} expected, {start} rows found", places.last().unwrap_or(&0));
        return Err(Error::corrupt(path, what));
    }
    Ok(rows)
}

/// Returns the row of a document; `None` if the file has none.
pub(crate) fn row_at(path: &Path, at: DocRef) -> Result<Option<LedgerRow>, Error> {
    let groups = Groups::open(path)?;
    let mut start = 0;
    for group in 0..groups.count() {
        let find = || -> Result<Option<u64>, ParquetError> {
            let ColumnReader::Int64ColumnReader(mut reader) =
                groups.column(group, place_of("ref"))?
            else {
                return Err(wrong_type());
            };
            let mut before = 0;
            loop {
                let (_, refs) = batch::<_, i64>(&mut reader)?;
                match refs.last() {
                    None => return Ok(None),
                    // Refs ascend.
                    Some(last) if (*last as u64) < at.0 => before += refs.len() as u64,
                    Some(_) => {
                        let found = refs.iter().position(|found| *found as u64 == at.0);
                        return Ok(found.map(|place| before + place as u64));
                    }
                }
            }
        };
        if let Some(place) = find().map_err(parquet_error(path))? {
            return Ok(rows_at(path, &[start + place])?.pop());
        }
        start += groups.rows(group);
    }
    Ok(None)
}

/// Returns the places of the rows whose number among those with a reason that `is_wanted` is in
/// `ranks`, which ascend, and the number of such rows up to the last one that was needed. The
/// reason of a kept document is `None`.
pub(crate) fn ranked(
    path: &Path,
    is_wanted: impl Fn(Option<&[u8]>) -> bool,
    ranks: &[u64],
) -> Result<(Vec<u64>, u64), Error> {
    let groups = Groups::open(path)?;
    let (mut places, mut place, mut rank) = (Vec::new(), 0, 0);
    let mut waiting = ranks.iter().peekable();
    for group in 0..groups.count() {
        let each = |reason: Option<&[u8]>| {
            if is_wanted(reason) {
                if waiting.next_if(|wanted| **wanted == rank).is_some() {
                    places.push(place);
                }
                rank += 1;
            }
            place += 1;
            // All rows are counted if the last rank is in a later file.
            waiting.peek().is_some()
        };
        groups.texts(group, place_of("reason"), each).map_err(parquet_error(path))?;
        if waiting.peek().is_none() {
            break;
        }
    }
    Ok((places, rank))
}

/// Returns the places of the rows with this address.
pub(crate) fn places_of_url(path: &Path, url: &str) -> Result<Vec<u64>, Error> {
    let groups = Groups::open(path)?;
    let (mut places, mut place) = (Vec::new(), 0);
    for group in 0..groups.count() {
        let each = |found: Option<&[u8]>| {
            if found == Some(url.as_bytes()) {
                places.push(place);
            }
            place += 1;
            true
        };
        groups.texts(group, place_of("url"), each).map_err(parquet_error(path))?;
    }
    Ok(places)
}

/// What is known of a record without reading its whole row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate<'r> {
    /// Its ref.
    pub at: DocRef,
    /// Its address; empty if it has none, or if the addresses are not read.
    pub url: &'r str,
    /// Why it was dropped; `None` if it is kept.
    pub reason: Option<&'r str>,
}

/// Calls `each` with every record of a ledger file, in order.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub fn fates(path: &Path, with_urls: bool, mut each: impl FnMut(Fate<'_>)) -> Result<(), Error> {
    let groups = Groups::open(path)?;
    let mut group_fates = |group: usize| -> Result<(), ParquetError> {
        let ColumnReader::Int64ColumnReader(mut refs) = groups.column(group, place_of("ref"))?
        else {
            return Err(wrong_type());
        };
        let ColumnReader::ByteArrayColumnReader(mut reasons) =
            groups.column(group, place_of("reason"))?
        else {
            return Err(wrong_type());
        };
        let mut urls = match groups.column(group, place_of("url"))? {
            ColumnReader::ByteArrayColumnReader(urls) => with_urls.then_some(urls),
            _ => return Err(wrong_type()),
        };
        loop {
            let (_, refs) = batch::<_, i64>(&mut refs)?;
            let (dropped, reasons) = batch::<_, ByteArray>(&mut reasons)?;
            let urls = urls.as_mut().map(batch::<_, ByteArray>).transpose()?;
            let urls = urls.map(|(_, urls)| urls);
            let is_even = dropped.len() == refs.len()
                && urls.as_ref().is_none_or(|urls| urls.len() == refs.len());
            if !is_even {
                return Err(ParquetError::General("columns of different lengths".to_owned()));
            }
            if refs.is_empty() {
                return Ok(());
            }
            let mut reasons = reasons.iter();
            for (place, at) in refs.iter().enumerate() {
                let reason = if dropped[place] == 1 { reasons.next() } else { None };
                let reason = reason.map(ByteArray::as_utf8).transpose()?;
                let url = urls.as_ref().map_or(Ok(""), |urls| urls[place].as_utf8())?;
                each(Fate { at: DocRef(*at as u64), url, reason });
            }
        }
    };
    (0..groups.count()).try_for_each(&mut group_fates).map_err(parquet_error(path))
}
