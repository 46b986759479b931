//! Making a ledger file of others: with some other rows, or of several joined. Columns without a change are copied as
//! they are stored. A file with other rows is the one that writing all rows would make.

use super::columns::{COLUMNS, Column, Placed, place_of};
use super::find::Groups;
use super::{LedgerRow, LedgerWriter, ROWS_IN_GROUP, parquet_error, write_group};
use crate::error::Error;
use document::DocRef;
use parquet::errors::ParquetError;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Row groups with at least this many rows are copied when files are joined: smaller ones take more time and space
/// for each row in every later reading than writing them again takes once.
const COPIED_ROWS_MIN: usize = ROWS_IN_GROUP / 16;

/// A ledger file that another one is made of.
pub(crate) struct OldLedger {
    path: PathBuf,
    file: File,
    groups: Groups,
}

impl OldLedger {
    pub fn open(path: &Path) -> Result<OldLedger, Error> {
        let file = File::open(path).map_err(Error::unopened(path))?;
        Ok(OldLedger { path: path.to_owned(), file, groups: Groups::open_to_copy(path)? })
    }

    /// The number of its row groups.
    pub fn groups(&self) -> usize {
        self.groups.count()
    }

    /// Returns the refs of a row group.
    pub fn refs(&self, group: usize) -> Result<Vec<DocRef>, Error> {
        self.groups.refs(group).map_err(parquet_error(&self.path))
    }

    /// Returns the rows of a row group at `places`, which ascend.
    pub fn rows_at(&self, group: usize, places: &[usize]) -> Result<Vec<LedgerRow>, Error> {
        self.groups.rows_at(group, places).map_err(parquet_error(&self.path))
    }

    /// Adds all rows to `new`. Large row groups are copied as they are stored.
    pub fn append_to(&self, new: &mut LedgerWriter) -> Result<(), Error> {
        for group in 0..self.groups() {
            let rows = self.groups.rows(group) as usize;
            if rows >= COPIED_ROWS_MIN {
                new.flush_group()?;
                self.write_group(group, OtherRows::default(), new)?;
            } else {
                let all: Vec<usize> = (0..rows).collect();
                self.rows_at(group, &all)?.into_iter().try_for_each(|row| new.push_row(row))?;
            }
        }
        Ok(())
    }

    /// Writes a row group with some other rows as the next one of `new`.
    pub fn write_group(
        &self,
        group: usize,
        OtherRows { places, before, now }: OtherRows<'_>,
        new: &mut LedgerWriter,
    ) -> Result<(), Error> {
        let OldLedger { path, file, groups } = self;
        let records = groups.rows(group) as usize;
        let placed = Placed { places, rows: now };
        let is_equal = |column: &Column| {
            before.iter().zip(now).all(|(before, now)| column.is_equal(before, now))
        };
        let mut write = || -> Result<(), ParquetError> {
            let mut writer = new.file.next_row_group()?;
            if groups.columns < COLUMNS.len() {
                // Of an earlier version.
                let mut rows = groups.rows_at(group, &(0..records).collect::<Vec<_>>())?;
                places.iter().zip(now).for_each(|(place, row)| rows[*place].clone_from(row));
                write_group(&rows, &mut writer)?;
                return writer.close().map(|_| ());
            }
            for (place, column) in COLUMNS.iter().enumerate() {
                let closed = groups.closed(group, place)?;
                // Addresses of an earlier version have no filter.
                let has_all = place != place_of("url") || closed.bloom_filter.is_some();
                if has_all && is_equal(column) {
                    writer.append_column(file, closed)?;
                    continue;
                }
                let mut reader = groups.column(group, place)?;
                let mut column_writer = writer.next_column()?.expect("one for each column");
                column.rewrite(&mut reader, records, placed, column_writer.untyped())?;
                column_writer.close()?;
            }
            writer.close().map(|_| ())
        };
        write().map_err(|error| {
            // Most failures of the operating system are those of writing.
            let is_of_new = matches!(error, ParquetError::External(_));
            parquet_error(if is_of_new { &new.path } else { path })(error)
        })
    }
}

/// Other rows of a row group: at `places`, which ascend, `now` in place of `before`. None is the group as it is.
#[derive(Clone, Copy, Default)]
pub(crate) struct OtherRows<'r> {
    pub places: &'r [usize],
    pub before: &'r [LedgerRow],
    pub now: &'r [LedgerRow],
}
