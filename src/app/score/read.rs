//! The lines of the inputs, one after another. A row of a Parquet file becomes the line that says
//! the same.

use super::{LINE_BYTES_MAX, named};
use parquet::file::reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde::{Serialize, Serializer};
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;

/// What a Parquet file begins with.
const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// Rows decoded at once: texts may be long.
const ROWS_AT_ONCE: usize = 64;

/// Where something stands.
#[derive(Clone)]
pub(super) struct Place {
    pub source: Arc<str>,
    /// `line` or `row`.
    pub unit: &'static str,
    /// From 1 on, as editors count.
    pub number: u64,
}

/// A line, or what is there in its stead.
pub(super) enum Item {
    Line(Place, Vec<u8>),
    /// What is wrong, its place included.
    Malformed(String),
}

impl Item {
    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Item::Line(_, bytes) => bytes.len(),
            Item::Malformed(what) => what.len(),
        }
    }
}

/// All lines of all inputs. A file that breaks off is one malformed item, and the next file follows.
pub(super) fn items(inputs: Vec<String>) -> impl Iterator<Item = Item> + Send {
    inputs.into_iter().flat_map(|input| {
        let malformed = |error: io::Error| Item::Malformed(format!("{}: {error}", named(&input)));
        open(&input).unwrap_or_else(|error| Box::new(std::iter::once(malformed(error))))
    })
}

fn open(input: &str) -> io::Result<Box<dyn Iterator<Item = Item> + Send>> {
    // `formats::open` takes a path, and this is one.
    let path = Path::new(if input == "-" { "/dev/stdin" } else { input });
    let place = |unit| Place { source: input.into(), unit, number: 0 };
    // Only a file that can be read from its end on, which a pipe cannot.
    if path.is_file() && input != "-" && is_parquet(path)? {
        let reader = SerializedFileReader::new(File::open(path)?).map_err(io::Error::other)?;
        let rows = RowIter::from_file_into(Box::new(reader)).with_batch_size(ROWS_AT_ONCE);
        return Ok(Box::new(Rows { place: place("row"), rows, ended: false }));
    }
    let bytes = formats::open(path)?;
    Ok(Box::new(Lines { place: place("line"), bytes, ended: false }))
}

fn is_parquet(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?.take(PARQUET_MAGIC.len() as u64).read_to_end(&mut first)?;
    Ok(first == PARQUET_MAGIC)
}

struct Lines {
    place: Place,
    bytes: Box<dyn BufRead + Send>,
    ended: bool,
}

impl Iterator for Lines {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.ended {
            self.place.number += 1;
            match line(&mut self.bytes) {
                Ok(Line::End) => self.ended = true,
                Ok(Line::TooLong) => {
                    let what = format!("longer than {} MiB, passed by", LINE_BYTES_MAX >> 20);
                    return Some(Item::Malformed(self.place.wrong(what)));
                }
                // Empty lines are no documents.
                Ok(Line::Whole(bytes)) if bytes.trim_ascii().is_empty() => {}
                Ok(Line::Whole(bytes)) => return Some(Item::Line(self.place.clone(), bytes)),
                Err(error) => {
                    self.ended = true;
                    return Some(Item::Malformed(self.place.wrong(error)));
                }
            }
        }
        None
    }
}

enum Line {
    Whole(Vec<u8>),
    /// Read to its end, and not kept.
    TooLong,
    End,
}

/// The next line, without its end. Takes no more memory than the longest line may have.
fn line(bytes: &mut dyn BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    let bounded = &mut *bytes;
    let read = bounded.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read > LINE_BYTES_MAX {
        bytes.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Whole(line))
}

struct Rows {
    place: Place,
    rows: RowIter<'static>,
    ended: bool,
}

impl Iterator for Rows {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        let row = self.rows.next()?;
        self.place.number += 1;
        match row {
            Ok(row) => Some(match row_json(&row) {
                Ok(line) => Item::Line(self.place.clone(), line),
                Err(error) => Item::Malformed(self.place.wrong(error)),
            }),
            Err(error) => {
                self.ended = true;
                Some(Item::Malformed(self.place.wrong(error)))
            }
        }
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
