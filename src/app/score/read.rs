//! The lines of the inputs, one after another.

use super::named;
use std::path::Path;
use std::sync::Arc;

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

/// All lines of all inputs. A file that cannot be opened is one malformed item, and the next file
/// follows.
pub(super) fn items(inputs: Vec<String>) -> impl Iterator<Item = Item> + Send {
    inputs.into_iter().flat_map(|input| {
        // A file is opened by its path, and this is one.
        let path = Path::new(if input == "-" { "/dev/stdin" } else { &input });
        let items: Box<dyn Iterator<Item = Item> + Send> = match formats::rows_of_stream(path) {
            Ok(rows) => Box::new(of_one(input, rows)),
            Err(error) => {
                let what = format!("{}: {}", named(&input), error.source);
                Box::new(std::iter::once(Item::Malformed(what)))
            }
        };
        items
    })
}

fn of_one(input: String, mut rows: formats::Rows) -> impl Iterator<Item = Item> + Send {
    let source: Arc<str> = input.into();
    std::iter::from_fn(move || {
        let row = rows.next()?;
        let place = Place { source: source.clone(), unit: rows.unit(), number: rows.number() };
        Some(match row {
            Ok(row) => Item::Line(place, row.json),
            Err(defect) => Item::Malformed(place.wrong(defect.what)),
        })
    })
}
