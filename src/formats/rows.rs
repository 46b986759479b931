//! Records with fields: JSON lines, or the rows of a Parquet file, each as its JSON text.
//!
//! The form of a file and its compression are detected from its content. A row of Parquet becomes the
//! equivalent object, its columns in their order. The content of a line is not checked: it may be
//! neither JSON nor UTF-8.

pub mod columns;
mod compact;
mod fields;
mod lines;
mod parquet;

use crate::access;
use crate::compressed::{Begun, Codec, begin, begin_stream, head};
use crate::defect::{Defect, ReadError};
use crate::form::Form as FileForm;
use std::path::Path;

use lines::Split;

pub use compact::compact;
pub use fields::{Field, Fields, fields, utf8};

/// Longer lines are skipped. No page and no book is as long.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where in the stored file it begins: exactly in plain lines, as far as was read in compressed
    /// ones, by its share of all rows in Parquet. Never decreases.
    pub offset: u64,
    /// Number of the line or row, from 1 on, as in editors.
    pub number: u64,
    /// The line, without its end.
    pub json: Vec<u8>,
}

/// The records of a file, and what of it could not be read.
pub struct Rows(Form);

enum Form {
    Lines(Box<lines::Lines>),
    Parquet(Box<parquet::Table>),
    /// A file that has no rows.
    Other(Option<Defect>),
}

/// Opens a file of JSON objects, on lines, over several lines or in an array (plain, or in any
/// compression that [`open`](crate::open) knows), or a Parquet file. Empty lines are not records.
///
/// A damaged gzip member is a [`Defect`], and reading resumes with the next. A file of another form
/// is one defect.
///
/// # Errors
/// When the file cannot be opened.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("a.jsonl");
/// std::fs::write(&path, "{\"text\":\"a\"}\n\n{\"text\":\"b\"}\n")?;
/// let rows: Vec<_> = formats::rows(&path)?.collect::<Result<_, _>>()?;
/// assert_eq!((rows[1].number, &rows[1].json[..]), (3, &b"{\"text\":\"b\"}"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rows(path: &Path) -> Result<Rows, ReadError> {
    of_begun(path, begin(path).map_err(|error| ReadError::new(path, error))?)
}

/// Opens a path that a user names and that may be a pipe, such as standard input, as [`rows()`] does.
///
/// # Errors
/// When the path cannot be opened.
pub fn rows_of_stream(path: &Path) -> Result<Rows, ReadError> {
    of_begun(path, begin_stream(path).map_err(|error| ReadError::new(path, error))?)
}

fn of_begun(path: &Path, mut begun: Begun) -> Result<Rows, ReadError> {
    let is_packed = begun.codec != Codec::Plain || begun.stored.is_layer();
    let head = head(begun.codec, &mut begun.stored);
    let form = FileForm::of_head(&head, is_packed);
    let lines = |begun| {
        let lines = lines::Lines::new(begun, Split::of(&head), LINE_BYTES_MAX);
        Ok(Rows(Form::Lines(Box::new(lines))))
    };
    match form {
        FileForm::Parquet => {
            // Parquet is read from its end, which a pipe does not have.
            if !path.is_file() && !access::is_address(path) {
                let what = "Parquet cannot be read from a pipe: name the file";
                return Ok(Rows(Form::Other(Some(Defect::new(0, what)))));
            }
            let file = access::random(path).map_err(|error| ReadError::new(path, error))?;
            Ok(Rows(Form::Parquet(Box::new(parquet::Table::new(file)))))
        }
        FileForm::Json | FileForm::Empty | FileForm::Damaged => lines(begun),
        FileForm::Text | FileForm::Binary if is_named_json(path) => lines(begun),
        other => Ok(Rows(Form::Other(Some(other.mistaken("JSON lines or Parquet"))))),
    }
}

/// Whether the name of a file says that it is JSON.
pub fn is_named_json(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = crate::without_compression(&name);
    [".jsonl", ".json", ".ndjson"].iter().any(|end| name.ends_with(end))
}

impl Rows {
    /// Returns the name of a record: `line`, `object` or `row`.
    pub fn unit(&self) -> &'static str {
        match &self.0 {
            Form::Lines(lines) => lines.unit(),
            Form::Parquet(_) | Form::Other(_) => "row",
        }
    }

    /// Returns the number of the last line or row, whether it could be read or not.
    pub fn number(&self) -> u64 {
        match &self.0 {
            Form::Lines(lines) => lines.number(),
            Form::Parquet(table) => table.number(),
            Form::Other(_) => 0,
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::Lines(lines) => lines.next(),
            Form::Parquet(table) => table.next(),
            Form::Other(defect) => defect.take().map(Err),
        }
    }
}

#[cfg(test)]
mod tests;
