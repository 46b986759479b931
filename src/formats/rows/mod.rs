//! Records that have fields: JSON lines, or the rows of a Parquet file, each as its JSON text.
//!
//! Which of the two a file is, and how it is compressed, is told by what it holds. A row of Parquet
//! becomes the object that says the same, its columns in their order. What a line holds is not
//! looked at: it may be no JSON, and no UTF-8.

mod fields;
mod footer;
mod lines;
mod parquet;

use crate::compressed::Stored;
use crate::defect::{Defect, ReadError};
use crate::regular;
use std::fs::File;
use std::path::Path;

pub use fields::fields;

/// Longer lines are passed by. No crawl has such a page, and no shelf such a book.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where about in the file, as stored, it begins: to the byte in plain lines, as far as was
    /// read in compressed ones, by its share of all rows in Parquet. Never goes back.
    pub offset: u64,
    /// Which line or row it is, from 1 on, as editors count.
    pub number: u64,
    /// The line, without its end.
    pub json: Vec<u8>,
}

/// The records of a file, and what of it could not be read.
pub struct Rows(Form);

enum Form {
    Lines(Box<lines::Lines>),
    Parquet(Box<parquet::Table>),
}

/// Opens a file of JSON lines (plain, or of any compression that [`open`](crate::open) knows) or
/// of Parquet. Empty lines are no records.
///
/// A damaged gzip member is a [`Defect`], and reading goes on with the next.
pub fn rows(path: &Path) -> Result<Rows, ReadError> {
    of_file(path, regular::open(path).map_err(|error| ReadError::new(path, error))?)
}

/// The same for a path that a user names and that may be a pipe, such as standard input.
pub fn rows_of_stream(path: &Path) -> Result<Rows, ReadError> {
    of_file(path, File::open(path).map_err(|error| ReadError::new(path, error))?)
}

fn of_file(path: &Path, file: File) -> Result<Rows, ReadError> {
    let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
    let mut stored = Stored::new(Box::new(file));
    // Parquet is read from its end on, which a pipe has not.
    if is_file && stored.peek(parquet::MAGIC.len()).starts_with(parquet::MAGIC) {
        let file = regular::open(path).map_err(|error| ReadError::new(path, error))?;
        return Ok(Rows(Form::Parquet(Box::new(parquet::Table::new(file)))));
    }
    Ok(Rows(Form::Lines(Box::new(lines::Lines::new(stored, LINE_BYTES_MAX)))))
}

impl Rows {
    /// What one record is called: `line` or `row`.
    pub fn unit(&self) -> &'static str {
        match self.0 {
            Form::Lines(_) => "line",
            Form::Parquet(_) => "row",
        }
    }

    /// The number of the line or row that was read last, whether it could be read or not.
    pub fn number(&self) -> u64 {
        match &self.0 {
            Form::Lines(lines) => lines.number(),
            Form::Parquet(table) => table.number(),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::Lines(lines) => lines.next(),
            Form::Parquet(table) => table.next(),
        }
    }
}

#[cfg(test)]
mod tests;
