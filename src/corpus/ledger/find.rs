//! Finding rows of a ledger file, by reading only the columns and rows that are needed.

use super::columns::{COLUMNS, COLUMNS_MIN, check, place_of};
use super::pages::Pages;
use super::scan::{Urls, Words};
use super::{LedgerRow, parquet_error};
use crate::error::Error;
use document::{DocRef, Reason};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::file::statistics::Statistics;
use std::fs::File;
use std::path::Path;

/// Values of a column that are read at a time.
const BATCH: usize = 1 << 13;

/// The row groups of a ledger file.
pub(super) struct Groups {
    file: SerializedFileReader<File>,
    pub columns: usize,
}

impl Groups {
    pub fn open(path: &Path) -> Result<Groups, Error> {
        Groups::open_with(path, ReadOptionsBuilder::new())
    }

    /// Opens a file so that whole columns can be copied.
    pub fn open_to_copy(path: &Path) -> Result<Groups, Error> {
        let filters = ReaderProperties::builder().set_read_bloom_filter(true).build();
        let options = ReadOptionsBuilder::new()
            .with_reader_properties(filters)
            .with_page_index()
            .with_encoding_stats_as_mask(false);
        Groups::open_with(path, options)
    }

    /// What is known of a column of a row group, as its writer returned it.
    pub fn closed(&self, group: usize, place: usize) -> Result<ColumnCloseResult, ParquetError> {
        let metadata = self.file.metadata().row_group(group).column(place).clone();
        let statistics = metadata.statistics().cloned().map(as_written);
        let metadata = metadata.into_builder().clear_statistics();
        let metadata = match statistics {
            Some(statistics) => metadata.set_statistics(statistics),
            None => metadata,
        };
        let metadata = metadata.build()?;
        let page_index = self.file.metadata().page_index_for_row_group(group);
        Ok(ColumnCloseResult {
            bytes_written: metadata.compressed_size().max(0) as u64,
            rows_written: self.rows(group),
            bloom_filter: self.file.get_row_group(group)?.get_column_bloom_filter(place).cloned(),
            column_index: page_index.column_index(place).cloned(),
            offset_index: page_index.offset_index(place).cloned(),
            metadata,
        })
    }

    fn open_with(path: &Path, options: ReadOptionsBuilder) -> Result<Groups, Error> {
        let file = File::open(path).map_err(Error::unopened(path))?;
        let file = SerializedFileReader::new_with_options(file, options.build());
        let file = file.map_err(parquet_error(path))?;
        let columns = file.metadata().file_metadata().schema_descr().num_columns();
        if !(COLUMNS_MIN..=COLUMNS.len()).contains(&columns) {
            let what = format!("{} columns expected, {columns} found", COLUMNS.len());
            return Err(Error::corrupt(path, what));
        }
        Ok(Groups { file, columns })
    }

    pub fn count(&self) -> usize {
        self.file.num_row_groups()
    }

    pub fn rows(&self, group: usize) -> u64 {
        self.file.metadata().row_group(group).num_rows().max(0) as u64
    }

    pub fn column(&self, group: usize, place: usize) -> Result<ColumnReader, ParquetError> {
        self.file.get_row_group(group)?.get_column_reader(place)
    }

    /// Whether a row group may have some of the refs, which ascend.
    fn may_have(&self, group: usize, refs: &[DocRef]) -> bool {
        let column = self.file.metadata().row_group(group).column(place_of("ref"));
        let Some(Statistics::Int64(statistics)) = column.statistics() else { return true };
        let (Some(first), Some(last)) = (statistics.min_opt(), statistics.max_opt()) else {
            return true;
        };
        // Refs are stored as signed numbers. Those of a file are of one label, so their order is the
        // same.
        let place = refs.partition_point(|at| (at.0 as i64) < *first);
        refs.get(place).is_some_and(|at| at.0 as i64 <= *last)
    }

    /// Returns the places in a row group of those of the refs, which ascend, that it has.
    fn places(&self, group: usize, refs: &[DocRef]) -> Result<Vec<usize>, ParquetError> {
        let ColumnReader::Int64ColumnReader(mut reader) = self.column(group, place_of("ref"))?
        else {
            return Err(wrong_type());
        };
        let (mut places, mut before) = (Vec::new(), 0);
        loop {
            let (_, found) = batch::<_, i64>(&mut reader)?;
            let Some(last) = found.last() else { return Ok(places) };
            // Both ascend.
            let wanted = refs.iter().skip_while(|at| (at.0 as i64) < found[0]);
            for at in wanted.take_while(|at| at.0 as i64 <= *last) {
                places.extend(found.binary_search(&(at.0 as i64)).map(|place| before + place));
            }
            before += found.len();
        }
    }

    /// Returns the refs of a row group.
    pub fn refs(&self, group: usize) -> Result<Vec<DocRef>, ParquetError> {
        let ColumnReader::Int64ColumnReader(mut reader) = self.column(group, place_of("ref"))?
        else {
            return Err(wrong_type());
        };
        let (_, refs) = values(&mut reader, self.rows(group) as usize)?;
        Ok(refs.into_iter().map(|at| DocRef(at as u64)).collect())
    }

    /// Returns the rows of a row group at `places`, which ascend.
    pub fn rows_at(&self, group: usize, places: &[usize]) -> Result<Vec<LedgerRow>, ParquetError> {
        let mut rows = vec![LedgerRow::default(); places.len()];
        for (place, column) in COLUMNS.iter().enumerate().take(self.columns) {
            column.read_at(&mut self.column(group, place)?, places, &mut rows)?;
        }
        rows.iter().try_for_each(check)?;
        Ok(rows)
    }

    /// Returns the places in the file of those of the refs, which ascend, that it has.
    fn places_of(&self, refs: &[DocRef]) -> Result<Vec<u64>, ParquetError> {
        let (mut places, mut start) = (Vec::new(), 0);
        for group in 0..self.count() {
            if self.may_have(group, refs) {
                let within = self.places(group, refs)?;
                places.extend(within.into_iter().map(|place| start + place as u64));
            }
            start += self.rows(group);
        }
        Ok(places)
    }

    /// Returns whether a row group may have an address, by its filter; `None` if it has no filter.
    fn may_have_url(&self, group: usize, url: &str) -> Result<Option<bool>, ParquetError> {
        let group = self.file.get_row_group(group)?;
        let filter = group.get_column_bloom_filter(place_of("url"));
        Ok(filter.map(|filter| filter.check(&url)))
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

/// Returns statistics as their writer had them: for integers it repeats them in fields of Parquet's
/// first version, which a reader passes over.
fn as_written(statistics: Statistics) -> Statistics {
    match statistics {
        Statistics::Int32(of) => of.with_backwards_compatible_min_max(true).into(),
        Statistics::Int64(of) => of.with_backwards_compatible_min_max(true).into(),
        other => other,
    }
}

/// Whether a column may lack values.
pub(super) fn reader_is_optional(file: &SerializedFileReader<File>, place: usize) -> bool {
    file.metadata().file_metadata().schema_descr().column(place).max_def_level() > 0
}

/// Reads the next rows: a level for each, if the column is optional, and the values that are present.
pub(super) fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
) -> Result<(Vec<i16>, Vec<T::T>), ParquetError> {
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
    if read != rows {
        return Err(ParquetError::General("a column is too short".to_owned()));
    }
    Ok((levels, values))
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
        rows.append(&mut groups.rows_at(group, &within).map_err(parquet_error(path))?);
    }
    if rows.len() != places.len() {
        let what = format!("row {} expected, {start} rows found", places.last().unwrap_or(&0));
        return Err(Error::corrupt(path, what));
    }
    Ok(rows)
}

/// Returns the rows of those of the documents, which are in order, that the file has.
pub(crate) fn rows_of(path: &Path, refs: &[DocRef]) -> Result<Vec<LedgerRow>, Error> {
    let places = Groups::open(path)?.places_of(refs).map_err(parquet_error(path))?;
    if places.is_empty() { Ok(Vec::new()) } else { rows_at(path, &places) }
}

/// Returns why documents, which are in order and in the file, were rejected; `None` for one that is
/// kept.
pub(crate) fn reasons_of(path: &Path, refs: &[DocRef]) -> Result<Vec<Option<Reason>>, Error> {
    let groups = Groups::open(path)?;
    let places = groups.places_of(refs).map_err(parquet_error(path))?;
    if places.len() != refs.len() {
        let what = format!("{} of {} documents found", places.len(), refs.len());
        return Err(Error::corrupt(path, what));
    }
    let (mut reasons, mut start, mut waiting) = (Vec::new(), 0, places.into_iter().peekable());
    for group in 0..groups.count() {
        let end = start + groups.rows(group);
        if waiting.peek().is_some_and(|place| *place < end) {
            let mut place = start;
            let each = |reason: Option<&[u8]>| {
                if waiting.next_if_eq(&place).is_some() {
                    let reason = reason.map(|reason| String::from_utf8_lossy(reason).into_owned());
                    reasons.push(reason.map(Reason::from));
                }
                place += 1;
                waiting.peek().is_some_and(|next| *next < end)
            };
            groups.texts(group, place_of("reason"), each).map_err(parquet_error(path))?;
        }
        start = end;
    }
    Ok(reasons)
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

/// Returns the places of the rows with this address, and the number of rows whose addresses were read
/// because they have no filter: those of earlier versions.
pub(crate) fn places_of_url(path: &Path, url: &str) -> Result<(Vec<u64>, u64), Error> {
    let filters = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(filters);
    let groups = Groups::open_with(path, options)?;
    let (mut places, mut start, mut unfiltered) = (Vec::new(), 0, 0);
    for group in 0..groups.count() {
        let rows = groups.rows(group);
        let may_have = groups.may_have_url(group, url).map_err(parquet_error(path))?;
        if may_have.is_none() {
            unfiltered += rows;
        }
        if may_have != Some(false) {
            let mut place = start;
            let each = |found: Option<&[u8]>| {
                if found == Some(url.as_bytes()) {
                    places.push(place);
                }
                place += 1;
                true
            };
            groups.texts(group, place_of("url"), each).map_err(parquet_error(path))?;
        }
        start += rows;
    }
    Ok((places, unfiltered))
}

/// What is known of a record without reading its whole row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate<'r> {
    /// Its ref.
    pub at: DocRef,
    /// Its address; empty if it has none, or if the addresses are not read.
    pub url: &'r str,
    /// The number that its site gives it, if the addresses are read.
    pub page: Option<u64>,
    /// Why it was dropped; `None` if it is kept.
    pub reason: Option<&'r str>,
}

/// Calls `each` with every record of a ledger file, in order.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub fn fates(path: &Path, with_urls: bool, mut each: impl FnMut(Fate<'_>)) -> Result<(), Error> {
    let groups = Groups::open(path)?;
    let (mut reasons, mut urls) = (Words::default(), Urls::default());
    let mut group_fates = |group: usize| -> Result<(), ParquetError> {
        let pages = |name: &str| Pages::open(&groups.file, group, name);
        let refs = groups.refs(group)?;
        reasons.read(pages("reason")?)?;
        let with_url = if with_urls { urls.read(pages("url")?, |_| true)? } else { refs.len() };
        // Ledgers of earlier versions have no such column.
        let has_pages = with_urls && place_of("page") < groups.columns;
        let (paged, numbers) = match has_pages.then(|| groups.column(group, place_of("page"))) {
            None => (Vec::new(), Vec::new()),
            Some(reader) => match reader? {
                ColumnReader::Int64ColumnReader(mut reader) => values(&mut reader, refs.len())?,
                _ => return Err(wrong_type()),
            },
        };
        if reasons.values.len() != refs.len() || with_url != refs.len() {
            return Err(ParquetError::General("columns of different lengths".to_owned()));
        }
        let (mut of_rows, mut numbers) = (urls.iter(), numbers.into_iter());
        for (row, at) in refs.into_iter().enumerate() {
            let url = if with_urls { of_rows.next().map_or(&[][..], |(_, url)| url) } else { &[] };
            let url = std::str::from_utf8(url);
            let url = url.map_err(|error| ParquetError::General(error.to_string()))?;
            let page = if paged.get(row) == Some(&1) { numbers.next() } else { None };
            each(Fate { at, url, page: page.map(|page| page as u64), reason: reasons.of(row) });
        }
        Ok(())
    };
    (0..groups.count()).try_for_each(&mut group_fates).map_err(parquet_error(path))
}

/// Returns the refs of all records of a ledger file.
pub(crate) fn refs(path: &Path) -> Result<Vec<DocRef>, Error> {
    let groups = Groups::open(path)?;
    let of_groups = (0..groups.count()).map(|group| groups.refs(group));
    let of_groups: Result<Vec<_>, ParquetError> = of_groups.collect();
    Ok(of_groups.map_err(parquet_error(path))?.concat())
}

/// Calls `each` with every record of a ledger file and the byte at which it begins in its source.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub fn offsets(path: &Path, mut each: impl FnMut(DocRef, u64)) -> Result<(), Error> {
    let groups = Groups::open(path)?;
    let mut of_group = |group: usize| -> Result<(), ParquetError> {
        let (refs, offsets) =
            (groups.column(group, place_of("ref"))?, groups.column(group, place_of("offset"))?);
        let (
            ColumnReader::Int64ColumnReader(mut refs),
            ColumnReader::Int64ColumnReader(mut offsets),
        ) = (refs, offsets)
        else {
            return Err(wrong_type());
        };
        loop {
            let (_, refs) = batch::<_, i64>(&mut refs)?;
            let (_, offsets) = batch::<_, i64>(&mut offsets)?;
            if refs.is_empty() {
                return Ok(());
            }
            refs.iter().zip(offsets).for_each(|(at, byte)| each(DocRef(*at as u64), byte as u64));
        }
    };
    (0..groups.count()).try_for_each(&mut of_group).map_err(parquet_error(path))
}

/// Calls `each` with every record of a ledger file that has a witness, and the witness's id.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub(crate) fn witnesses(path: &Path, mut each: impl FnMut(DocRef, &str)) -> Result<(), Error> {
    let (groups, place) = (Groups::open(path)?, place_of("witness"));
    if groups.columns <= place {
        // Of an earlier version.
        return Ok(());
    }
    let mut of_group = |group: usize| -> Result<(), ParquetError> {
        let (
            ColumnReader::Int64ColumnReader(mut refs),
            ColumnReader::ByteArrayColumnReader(mut witnesses),
        ) = (groups.column(group, place_of("ref"))?, groups.column(group, place)?)
        else {
            return Err(wrong_type());
        };
        loop {
            let (_, refs) = batch::<_, i64>(&mut refs)?;
            let (levels, witnesses) = batch::<_, ByteArray>(&mut witnesses)?;
            if refs.is_empty() {
                return Ok(());
            }
            let with_witness = refs.iter().zip(levels).filter(|(_, level)| *level == 1);
            for ((at, _), witness) in with_witness.zip(witnesses) {
                each(DocRef(*at as u64), witness.as_utf8()?);
            }
        }
    };
    (0..groups.count()).try_for_each(&mut of_group).map_err(parquet_error(path))
}
