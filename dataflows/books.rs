//! Books: PG19 and similar collections, Project Gutenberg's own files, and EPUB, without near
//! duplicates.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/book/dedup.py`. What we do differently, and why, is in
//! docs/fidelity.md under "Books".

use book::NoBook;
use formats::columns::BOOKS as BOOKS_COLUMNS;
use formats::{Defect, Field, Form, Row, epub, shelf};
use recipe::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

settings! {
    /// RedPajama's scripts have no other settings: window and distance of the SimHash are constants
    /// of the crate `similarity`.
    pub struct Settings {
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Dedup::Simhash(Simhash::default()).into(); // data_prep/book/dedup.py
        /// with which books before it simhash compares a book: kept, all (those that were dropped too)
        compare: Compare = Compare::Kept, redpajama = Compare::All; // data_prep/book/dedup.py
    }
}

choice! {
    /// With which books before it a book is compared.
    pub enum Compare {
        Kept = "kept",
        All = "all",
    }
}

/// The slice.
pub struct Books;

impl Slice for Books {
    const NAME: &'static str = "books";
    const ABOUT: &'static str =
        "Books: JSON lines, Parquet, texts, HTML and EPUB, similar copies dropped";
    const TERMS: Terms = Terms {
        licenses: &["other"],
        about: "those of each book: books of Project Gutenberg and PG-19 are in the public domain in \
                the USA",
    };
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
        Ok(without_page_parts(found))
    }

    fn read(path: &Path, _: &Settings) -> Result<Documents, ReadError> {
        books(path)
    }

    /// Drops empty books, and books similar to an earlier one.
    fn graph<'scope>(books: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        // Upstream also compares empty books, and keeps the first.
        let books = books.reject("empty", |book| book.text.trim().is_empty());
        let different = setup.settings.dedup.iter().fold(books, |books, method| match method {
            Dedup::Simhash(simhash) => simhash.apply(books, "books_simhash", counts(setup)),
            method => books.deduplicate(setup, std::slice::from_ref(method)),
        });
        different.tag("Tokens", setup.models.tokens())
    }
}

/// Which books before it a book is compared with.
fn counts(setup: &Setup<Settings>) -> Counts {
    match setup.settings.compare {
        Compare::Kept => Counts::Kept,
        Compare::All => Counts::All,
    }
}

/// Returns whether a folder is one book: several forms of it, as on Gutenberg's mirrors, or an
/// unpacked EPUB.
fn is_one_book(folder: &Path) -> bool {
    epub::is_epub_folder(folder) || shelf::is_shelf(folder)
}

/// Removes the pictures and style sheets of pages.
fn without_page_parts(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.retain(|path| path.is_dir() || !shelf::is_part_of_a_page(path));
    paths
}

/// Reads the books of a source.
fn books(path: &Path) -> Result<Documents, ReadError> {
    let read_error = |source| ReadError { path: path.to_owned(), source };
    let books: Records = if !path.is_dir() {
        of_file(path)?
    } else if epub::is_epub_folder(path) {
        let parts = epub::Parts::of_folder(path).map_err(read_error)?;
        let mut defects = Vec::new();
        let book = book::epub(parts, path, &mut defects).map(record);
        Box::new(std::iter::once(book).chain(defects.into_iter().map(Err)))
    } else {
        let shelf = shelf::shelf(path).map_err(read_error)?;
        Box::new(of_shelf(shelf).into_iter())
    };
    Ok(documents(books))
}

type Records = Box<dyn Iterator<Item = Result<Record, Defect>> + Send>;

/// Reads the books of a file: the rows of JSON lines or Parquet, the files of a zip archive, or one
/// book.
fn of_file(path: &Path) -> Result<Records, ReadError> {
    let form = Form::of(path).map_err(|source| ReadError { path: path.to_owned(), source })?;
    Ok(match form {
        Form::Zip => Box::new(book::zip(path).map(|book| book.map(record))),
        Form::Json | Form::Parquet if !is_named_text(path) => row_books(path)?,
        // RedPajama's own splits have no extension.
        _ if formats::is_named_json(path) => row_books(path)?,
        _ => Box::new(std::iter::once(book::file(path).map(record))),
    })
}

fn row_books(path: &Path) -> Result<Records, ReadError> {
    Ok(Box::new(formats::rows(path)?.map(|row| row.map(row_book))))
}

/// Returns whether a file is one text, by its name.
fn is_named_text(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    book::is_text_name(formats::without_compression(&name))
}

/// Reads one book: the first of its forms that can be read. The other forms are only counted.
fn of_shelf(shelf: shelf::Shelf) -> Vec<Result<Record, Defect>> {
    let (mut found, mut offset, mut is_found) = (Vec::new(), 0, false);
    let forms = shelf.forms.into_iter().map(|path| (path, true));
    for (path, is_form) in forms.chain(shelf.others.into_iter().map(|path| (path, false))) {
        if is_form && is_found {
            let mut other = Document { offset, ..Document::default() };
            other.reject(OTHER_FORM);
            found.push(Ok(other.into()));
        } else {
            let books = of_file(&path).unwrap_or_else(|error| {
                // A form that cannot be opened is left out, unless the device fails.
                use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied};
                let kind = error.source.kind();
                let is_of_file = [IsADirectory, NotFound, PermissionDenied].contains(&kind);
                let device = (!is_of_file).then_some(kind);
                let what = format!("{error}; it is left out");
                Box::new(std::iter::once(Err(Defect { offset, what, device })))
            });
            for book in books {
                let book = book.map(|book| book.at_offset(offset));
                is_found |= is_form
                    && book.as_ref().is_ok_and(|record| {
                        let book = record.document();
                        book.is_kept() && !book.text.trim().is_empty()
                    });
                found.push(book);
            }
        }
        offset += formats::access::bytes(&path).unwrap_or(0);
    }
    found
}

const NO_JSON: &str = "no_json";
const NO_TEXT: &str = "no_text";
const OTHER_FORM: &str = "other_form";

/// Converts a book of a file, with its fields in their order.
fn record(book: book::Book) -> Record {
    let mut document =
        Document { offset: book.offset, bytes_read: book.bytes_read, ..Document::default() };
    for (field, value) in book.fields {
        document.meta.set(field, value);
    }
    if let Some(number) = book.number {
        // As in PG19.
        document.url = format!("http://www.gutenberg.org/ebooks/{number}");
        document.meta.set("url", document.url.as_str());
    }
    if let Some(encoding) = book.encoding {
        document.meta.set("encoding", encoding);
    }
    match book.text {
        Ok(text) => {
            document.digest = text::digest::sha1(text.as_bytes());
            document.text = text;
        }
        Err(NoBook::NotText) => document.reject("not_text"),
        Err(NoBook::UnknownEncoding) => document.reject("unknown_encoding"),
        Err(NoBook::Encrypted) => document.reject("encrypted"),
    }
    Record::from(document).with_defects(book.defects)
}

/// Converts a row to a book. Every field but the text is published unchanged (`dedup.py`: `meta`).
fn row_book(row: Row) -> Record {
    let mut book = Document { offset: row.offset, ..Document::default() };
    let rejected = |book: Document, reason: &'static str, what: String| {
        Record::rejected(book, reason, format!("record {}: {what}; it is left out", row.number))
    };
    let json = match formats::utf8(&row.json) {
        Ok(json) => json,
        Err(what) => return rejected(book, NO_JSON, what),
    };
    let mut fields = match formats::fields(json) {
        Ok(fields) => fields,
        Err(error) => {
            let what = format!("a JSON object with text is expected: {error}");
            return rejected(book, NO_JSON, what);
        }
    };
    BOOKS_COLUMNS.rename(&mut fields);
    let is_text = |(name, value): &Field| name == "text" && value.get().starts_with('"');
    let missing = (!fields.iter().any(is_text)).then(|| BOOKS_COLUMNS.missing("text", &fields));
    let mut text = None;
    for (name, value) in fields {
        let string = serde_json::from_str::<String>(value.get()).ok();
        // A corpus gives every document its own `id`.
        let name = if name == "id" { "source_id".to_owned() } else { name };
        match (&name[..], string) {
            ("text", string) => text = string,
            (_, Some(string)) => {
                if name == "url" {
                    book.url.clone_from(&string);
                }
                book.meta.set(name, string);
            }
            (_, None) => book.meta.set(name, Value::Json(formats::compact(&value))),
        }
    }
    match text {
        Some(text) => {
            book.digest = text::digest::sha1(text.as_bytes());
            book.bytes_read = text.len() as u64;
            book.text = text;
            book.into()
        }
        None => match missing {
            Some(what) => rejected(book, NO_TEXT, what),
            None => {
                book.reject(NO_TEXT);
                book.into()
            }
        },
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
    fn the_digest_is_that_of_the_text_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in
            [("a.txt", "It was night."), ("a.jsonl", "{\"text\":\"It was night.\"}\n")]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let book = books(&path).unwrap().next().unwrap().unwrap();
            assert_eq!(book.digest, text::digest::sha1(b"It was night."), "{name}");
        }
    }

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
