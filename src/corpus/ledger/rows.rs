//! All rows of a ledger file, in order.

use super::columns::{COLUMNS, check};
use super::find::Groups;
use super::{LedgerRow, parquet_error};
use crate::error::Error;
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

/// Rows that are read at a time: column after column.
const BATCH: usize = 1 << 11;

/// Iterator over the rows of a file. It ends after an error.
pub(crate) struct Rows {
    path: PathBuf,
    groups: Groups,
    /// The row group that is read next.
    next_group: usize,
    /// The columns of the open row group, and how many of its rows are not read yet.
    columns: Vec<ColumnReader>,
    left: usize,
    read: IntoIter<LedgerRow>,
    has_failed: bool,
}

impl Rows {
    pub fn open(path: &Path) -> Result<Rows, Error> {
        Ok(Rows {
            path: path.to_owned(),
            groups: Groups::open(path)?,
            next_group: 0,
            columns: Vec::new(),
            left: 0,
            read: Vec::new().into_iter(),
            has_failed: false,
        })
    }

    /// Reads some more rows. Returns false at the end of the file.
    fn load(&mut self) -> Result<bool, ParquetError> {
        while self.left == 0 {
            if self.next_group == self.groups.count() {
                return Ok(false);
            }
            let group = self.next_group;
            let open = |place| self.groups.column(group, place);
            self.columns = (0..self.groups.columns).map(open).collect::<Result<_, _>>()?;
            self.left = self.groups.rows(group) as usize;
            self.next_group += 1;
        }
        let mut rows = vec![LedgerRow::default(); self.left.min(BATCH)];
        for (column, reader) in COLUMNS.iter().zip(&mut self.columns) {
            column.read(reader, &mut rows)?;
        }
        rows.iter().try_for_each(check)?;
        self.left -= rows.len();
        self.read = rows.into_iter();
        Ok(true)
    }
}

impl Iterator for Rows {
    type Item = Result<LedgerRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.read.next() {
            return Some(Ok(row));
        }
        if self.has_failed {
            return None;
        }
        match self.load() {
            Ok(true) => self.read.next().map(Ok),
            Ok(false) => None,
            Err(error) => {
                self.has_failed = true;
                Some(Err(parquet_error(&self.path)(error)))
            }
        }
    }
}
