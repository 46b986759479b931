//! Books: PG19's and like collections, Project Gutenberg's own files, and EPUB, with near copies
//! dropped.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/book/dedup.py`. What we do differently, and why, is in
//! docs/fidelity.md under "Books".

mod files;

use formats::columns::BOOKS as BOOKS_COLUMNS;
use formats::{Defect, Field, Form, Row, epub, shelf};
use recipe::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

settings! {
    /// RedPajama's scripts set nothing else: window and distance of the SimHash are constants of the
    /// crate `similarity`.
    pub struct Settings {
        /// which copies are dropped: none, exact, paragraphs, simhash, minhash
        dedup: Dedup = Dedup::Simhash; // data_prep/book/dedup.py
    }
}

/// The slice.
pub struct Books;

impl Slice for Books {
    const NAME: &'static str = "books";
    const ABOUT: &'static str =
        "Books: JSON lines, Parquet, texts, HTML and EPUB, similar copies dropped";
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn forms(_: &Settings) -> Forms {
        Forms {
            read: &[Form::Json, Form::Parquet, Form::Zip, Form::Html],
            called: "a book or a table of books",
        }
    }

    fn is_source(folder: &Path) -> bool {
        is_one_book(folder)
    }

    fn select(found: Vec<PathBuf>, _: &Settings) -> anyhow::Result<Vec<PathBuf>> {
        Ok(works(found))
    }

    fn read(path: &Path, _: &Settings) -> Result<Documents, ReadError> {
        books(path)
    }

    /// Books in; each but those similar to an earlier one out.
    fn graph<'scope>(books: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        books
            // Upstream compares what is empty too, and keeps the first.
            .reject("empty", |book| book.text.trim().is_empty())
            .deduplicate(setup, setup.settings.dedup)
            .tag("Tokens", setup.models.tokens())
    }
}

/// Whether a folder is one book: in the forms that Gutenberg's mirrors have, or an EPUB unpacked.
fn is_one_book(folder: &Path) -> bool {
    epub::is_epub_folder(folder) || shelf::is_shelf(folder)
}

/// What is no picture or style sheet of a page.
fn works(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.retain(|path| path.is_dir() || !shelf::is_part_of_a_page(path));
    paths
}

/// The books of a source.
fn books(path: &Path) -> Result<Documents, ReadError> {
    let open = |source| ReadError { path: path.to_owned(), source };
    if !path.is_dir() {
        return of_file(path);
    }
    if epub::is_epub_folder(path) {
        let parts = epub::Parts::of_folder(path).map_err(open)?;
        return Ok(Box::new(files::epub_book(parts, path).into_iter()));
    }
    let shelf = shelf::shelf(path).map_err(open)?;
    Ok(Box::new(of_shelf(shelf).into_iter()))
}

/// The books of a file: the rows of JSON lines or Parquet, the files of a zip archive, or one book.
fn of_file(path: &Path) -> Result<Documents, ReadError> {
    let form = Form::of(path).map_err(|source| ReadError { path: path.to_owned(), source })?;
    Ok(match form {
        Form::Zip => files::zip_books(path),
        Form::Json | Form::Parquet if !is_named_text(path) => row_books(path)?,
        // RedPajama's own splits have no ending.
        _ if formats::is_named_json(path) => row_books(path)?,
        _ => Box::new(files::book(path).into_iter()),
    })
}

/// Whether the name of a file says that it is one text.
fn is_named_text(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = formats::without_compression(&name);
    [".txt", ".htm", ".html", ".xhtml"].iter().any(|end| name.ends_with(end))
}

fn row_books(path: &Path) -> Result<Documents, ReadError> {
    let rows = formats::rows(path)?;
    Ok(Box::new(rows.flat_map(|row| match row {
        Ok(row) => {
            let (number, offset) = (row.number, row.offset);
            let (book, wrong) = row_book(row);
            let what = wrong.map(|what| format!("record {number}: {what}; it is left out"));
            vec![Ok(book)].into_iter().chain(what.map(|what| Err(Defect::new(offset, what))))
        }
        Err(defect) => vec![Err(defect)].into_iter().chain(None),
    })))
}

/// One book: the first of its forms that can be read. The others are counted.
fn of_shelf(shelf: shelf::Shelf) -> files::Found {
    let (mut found, mut offset, mut is_found) = (Vec::new(), 0, false);
    let forms = shelf.forms.into_iter().map(|path| (path, true));
    for (path, is_form) in forms.chain(shelf.others.into_iter().map(|path| (path, false))) {
        if is_form && is_found {
            let mut other = Document { offset, ..Document::default() };
            other.reject(OTHER_FORM);
            found.push(Ok(other));
        } else {
            let books = of_file(&path).unwrap_or_else(|error| {
                // What cannot be opened is one form less, unless it is the device that fails.
                use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied};
                let kind = error.source.kind();
                let of_file = [IsADirectory, NotFound, PermissionDenied].contains(&kind);
                let device = (!of_file).then_some(kind);
                let what = format!("{error}; it is left out");
                Box::new(std::iter::once(Err(Defect { offset, what, device })))
            });
            for book in books {
                let book = book.map(|book| Document { offset, ..book });
                is_found |= is_form
                    && book.as_ref().is_ok_and(|b| b.is_kept() && !b.text.trim().is_empty());
                found.push(book);
            }
        }
        offset += std::fs::metadata(&path).map_or(0, |meta| meta.len());
    }
    found
}

const NO_JSON: &str = "no_json";
const NO_TEXT: &str = "no_text";
const OTHER_FORM: &str = "other_form";

/// A book of a row, and what is wrong with one that is none: every field but the text is published
/// as it is (`dedup.py`: `meta`).
fn row_book(row: Row) -> (Document, Option<String>) {
    let mut book = Document { offset: row.offset, ..Document::default() };
    if let Err(error) = simdutf8::compat::from_utf8(&row.json) {
        book.reject(NO_JSON);
        return (book, Some(format!("not UTF-8 from byte {} of it on", error.valid_up_to())));
    }
    let mut fields = match formats::fields(&row.json) {
        Ok(fields) => fields,
        Err(error) => {
            book.reject(NO_JSON);
            return (book, Some(format!("a JSON object with text is expected: {error}")));
        }
    };
    BOOKS_COLUMNS.rename(&mut fields);
    let is_text = |(name, value): &Field| name == "text" && value.get().starts_with('"');
    let missing = (!fields.iter().any(is_text))
        .then(|| BOOKS_COLUMNS.missing("text", fields.iter().map(|(name, _)| name.as_str())));
    let mut text = None;
    for (name, value) in fields {
        let string = serde_json::from_str::<String>(value.get()).ok();
        // Every document of a corpus has an `id` of its own.
        let name = if name == "id" { "source_id".to_owned() } else { name };
        match (&name[..], string) {
            ("text", string) => text = string,
            (_, Some(string)) => {
                if name == "url" {
                    book.url.clone_from(&string);
                }
                book.meta.set(name, string);
            }
            (_, None) => book.meta.set(name, Value::Json(value.get().to_owned())),
        }
    }
    match text {
        Some(text) => {
            book.bytes_read = text.len() as u64;
            book.text = text;
            (book, None)
        }
        None => {
            book.reject(NO_TEXT);
            (book, missing)
        }
    }
}

const FIXTURES: &[Fixture] = fixtures!(
    "books":
    "pg19" / "books.jsonl.gz",
    "shelf" / "fernley.epub",
    "shelf" / "harrowmere.txt",
    "shelf" / "larkfield.txt",
    "shelf" / "texts.zip",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};

    #[test]
    fn a_book_near_to_an_earlier_one_is_dropped() {
        let text = "It was a cold morning in the year of the great frost, and nobody was about. ";
        let book = text.repeat(20);
        let bees = "An entirely different book, on the keeping of bees in small gardens.";
        let near = later(document(&format!("{book}The end.")));
        let documents = [document(&book), document(" \n"), document(bees), near];
        let [book, bees] = [&book, bees].map(|text| format!("kept: {text}"));
        let expected = [&book, "empty", &bees, "near_duplicate"];
        assert_funnel::<Books>(&defaults::<Books>(), &documents, &expected);
    }
}
