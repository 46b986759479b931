//! Reading the lines of the inputs.

use super::input_name;
use std::path::Path;
use std::sync::Arc;

/// The place of a line.
#[derive(Clone)]
pub(super) struct Place {
    pub source: Arc<str>,
    /// `line` or `row`.
    pub unit: &'static str,
    /// Counted from 1, as in editors.
    pub number: u64,
}

/// A line, or an error in its place.
pub(super) enum Item {
    Line(Place, Vec<u8>),
    /// The message, with its place.
    Malformed(String),
    /// The device failed: what was read of this input is not all of it.
    Failed(String),
}

impl Item {
    /// The message, if the device failed.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Item::Failed(what) => Some(what),
            Item::Line(..) | Item::Malformed(_) => None,
        }
    }

    /// Returns its memory.
    pub fn bytes(&self) -> usize {
        match self {
            Item::Line(_, bytes) => bytes.len(),
            Item::Malformed(what) | Item::Failed(what) => what.len(),
        }
    }
}

/// Reads all lines of all inputs. A file that cannot be opened is one malformed item.
pub(super) fn items(inputs: Vec<String>) -> impl Iterator<Item = Item> + Send {
    inputs.into_iter().flat_map(|input| {
        // Files are opened by path; this is the path of standard input.
        let path = Path::new(if input == "-" { "/dev/stdin" } else { &input });
        let items: Box<dyn Iterator<Item = Item> + Send> = match formats::rows_of_stream(path) {
            Ok(rows) => Box::new(items_of(input, rows)),
            Err(error) => {
                let what = format!("{}: {}", input_name(&input), error.source);
                Box::new(std::iter::once(Item::Malformed(what)))
            }
        };
        items
    })
}

fn items_of(input: String, mut rows: formats::Rows) -> impl Iterator<Item = Item> + Send {
    let source: Arc<str> = input.into();
    std::iter::from_fn(move || {
        let row = rows.next()?;
        let place = Place { source: source.clone(), unit: rows.unit(), number: rows.number() };
        Some(match row {
            Ok(row) => Item::Line(place, row.json),
            Err(defect) if defect.device.is_some() => Item::Failed(place.message(defect.what)),
            Err(defect) => Item::Malformed(place.message(defect.what)),
        })
    })
}
