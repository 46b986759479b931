//! Rows of a Parquet file, each as a JSON object.
//!
//! The parquet crate decodes pages and assembles nested rows. The meaning of the values is our own
//! code ([`shape`], [`json`]): in the crate, one value that cannot be converted ends its row group, or
//! the process. [`pages`] reads the headers of all pages before any is inflated, so that memory is
//! bounded by bytes and not by rows.
//!
//! | damage | read | reported |
//! |---|---|---|
//! | a text that is not UTF-8 | the row, with those bytes, which is not JSON | by the consumer |
//! | a time without a date, such as infinity | the row, with null | no |
//! | a page that would inflate to more than 256 MiB | the rows that have no cell in it | yes |
//! | a row of more than 256 MiB | the other rows | yes |
//! | a page that cannot be decoded | the row groups after it | yes |

mod footer;
mod json;
mod pages;
mod shape;

use super::{LINE_BYTES_MAX, Row as JsonRow};
use crate::access::Random;
use crate::defect::Defect;
use crate::failure::{self, Failure};
use bytes::Bytes;
use pages::Group;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use parquet::record::Row;
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::schema::types::SchemaDescriptor;
use shape::Shape;
use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(super) struct Table {
    file: Random,
    bytes: u64,
    opened: Option<Opened>,
    is_unopened: bool,
    /// The first row of each row group, and the number of rows at the end.
    groups: Vec<u64>,
    /// The row group that is read next.
    next_group: usize,
    rows: Option<Rows>,
    number: u64,
}

/// The content of the footer.
struct Opened {
    metadata: ParquetMetaData,
    /// The schema that the crate gets.
    schema: Arc<SchemaDescriptor>,
    /// What the values of each column mean.
    columns: Vec<(String, Shape)>,
}

/// The rows of the group that is open.
struct Rows {
    rows: ReaderIter,
    /// The first row of the group.
    first: u64,
    group: Group,
}

impl Table {
    pub fn new(file: Random) -> Table {
        let bytes = file.size();
        let groups = vec![0];
        Table {
            file,
            bytes,
            opened: None,
            is_unopened: true,
            groups,
            next_group: 0,
            rows: None,
            number: 0,
        }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// Reads the footer.
    fn open(&mut self) -> Result<(), Failure> {
        if !footer::is_sane(&self.file)? {
            let what = "its schema is damaged, or nests deeper than 64 levels";
            return Err(Failure::of_content(what));
        }
        let file = &self.file;
        let metadata = unpanicked(|| ParquetMetaDataReader::new().parse_and_finish(file))?;
        let mut rows = 0u64;
        for group in metadata.row_groups() {
            rows = rows.saturating_add(group.num_rows().max(0) as u64);
            self.groups.push(rows);
        }
        let (schema, columns) = unpanicked(|| shape::of(metadata.file_metadata().schema_descr()))?;
        self.opened = Some(Opened { metadata, schema: Arc::new(schema), columns });
        Ok(())
    }

    /// Opens the next row group.
    fn open_group(&mut self) -> Result<(), Failure> {
        let opened = self.opened.as_ref().expect("opened before");
        let number = self.next_group;
        let metadata = opened.metadata.row_group(number);
        let group = Group::new(&self.file, &opened.schema, metadata)?;
        let builder = TreeBuilder::new().with_batch_size(group.rows_at_once());
        let rows = unpanicked(|| builder.as_iter(opened.schema.clone(), &group))?;
        self.rows = Some(Rows { rows, first: self.groups[number], group });
        self.next_group += 1;
        Ok(())
    }

    /// Returns the offset of the current row, by the share of rows before it.
    fn offset(&self) -> u64 {
        let all = self.groups.last().copied().unwrap_or(0).max(1);
        let before = self.number.saturating_sub(1).min(all);
        (u128::from(self.bytes) * u128::from(before) / u128::from(all)) as u64
    }

    /// Returns the defect of a row that cannot be read, and with it the rest of its row group. The next
    /// group follows, unless the device failed.
    fn damaged(&mut self, failure: &Failure) -> Defect {
        if failure.device.is_some() {
            let what = format!("Parquet: {}", short(&failure.what));
            let defect = Failure { what, ..*failure }.at(self.offset());
            self.opened = None;
            return defect;
        }
        let group = match self.rows.take() {
            Some(_) => self.next_group - 1,
            None => {
                self.next_group += 1;
                self.next_group - 1
            }
        };
        let offset = self.offset();
        let last = self.groups[group + 1];
        let lost = format!("rows {} to {last} are left out", self.number);
        self.number = last;
        Defect::new(
            offset,
            format!("Parquet: {}; {lost}: fetch the file again", short(&failure.what)),
        )
    }

    /// Returns the defect of a single row that is left out.
    fn left_out(&self, what: &str) -> Defect {
        let what = format!("Parquet: row {}: {}; it is left out", self.number, short(what));
        Defect::new(self.offset(), what)
    }
}

impl Iterator for Table {
    type Item = Result<JsonRow, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        if std::mem::take(&mut self.is_unopened)
            && let Err(Failure { what, device }) = self.open()
        {
            let what = format!("Parquet: {}; the file is left out: fetch it again", short(&what));
            return Some(Err(Failure { what, device }.at(0)));
        }
        let row = loop {
            let opened = self.opened.as_ref()?;
            if let Some(rows) = &mut self.rows {
                match unpanicked(|| rows.rows.next().transpose()) {
                    Ok(Some(row)) => break row,
                    Ok(None) => self.rows = None,
                    Err(failure) => {
                        self.number += 1;
                        return Some(Err(self.damaged(&failure)));
                    }
                }
            } else if self.next_group == opened.metadata.num_row_groups() {
                return None;
            } else if self.groups[self.next_group] == self.groups[self.next_group + 1] {
                self.next_group += 1;
            } else if let Err(failure) = self.open_group() {
                self.number += 1;
                return Some(Err(self.damaged(&failure)));
            }
        };
        self.number += 1;
        let rows = self.rows.as_ref().expect("a row came of it");
        if let Some(what) = rows.group.lost(self.number - 1 - rows.first) {
            return Some(Err(self.left_out(&what)));
        }
        let columns = &self.opened.as_ref().expect("a row came of it").columns;
        Some(match written(&row, columns) {
            Ok(json) => Ok(JsonRow { offset: self.offset(), number: self.number, json }),
            Err(failure) => Err(self.left_out(&failure.what)),
        })
    }
}

impl Length for Random {
    fn len(&self) -> u64 {
        self.size()
    }
}

impl ChunkReader for Random {
    type T = BufReader<Random>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.starting_at(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A damaged length must not allocate more than there is.
        let mut bytes = Vec::new();
        self.starting_at(start).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            let found = bytes.len();
            let what = format!("expected {length} bytes at byte {start}, found {found}");
            return Err(ParquetError::EOF(what));
        }
        Ok(bytes.into())
    }
}

/// Writes a row as a JSON object, its columns in their order.
fn written(row: &Row, columns: &[(String, Shape)]) -> Result<Vec<u8>, Failure> {
    let write = || {
        json::object(row, columns, LINE_BYTES_MAX).ok_or_else(|| {
            ParquetError::General(format!("it has more than {} MiB", LINE_BYTES_MAX >> 20))
        })
    };
    unpanicked(write)
}

/// Calls the library. For some damage it panics instead of returning an error: that is one too.
fn unpanicked<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Failure> {
    // Nothing that the panic may have left inconsistent is used again: a new reader is opened.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(Failure::from),
        Err(_) => Err(Failure::of_content("it holds what its reader did not expect")),
    }
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Failure {
        let device = match &error {
            ParquetError::External(inner) => inner.downcast_ref().and_then(failure::of_device),
            _ => None,
        };
        match error {
            ParquetError::General(what) => Failure { what, device },
            other => Failure { what: other.to_string(), device },
        }
    }
}

/// Shortens a message of the library, which may quote all that it read.
fn short(what: &str) -> String {
    const CHARS_MAX: usize = 120;
    match what.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{} [...]", &what[..end]),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_failing_device_is_no_damage() {
        let of = |error: io::Error| Failure::from(ParquetError::from(error)).device;
        let timed_out = io::ErrorKind::TimedOut;
        assert_eq!(of(timed_out.into()), Some(timed_out));
        assert_eq!(of(io::ErrorKind::InvalidData.into()), None);
    }
}
