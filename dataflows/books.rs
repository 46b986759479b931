//! Books: PG19's and like collections, Project Gutenberg's own files, and EPUB, with near copies
//! dropped.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/book/dedup.py`. What we do differently, and why, is in
//! docs/fidelity.md under "Books".

use app::prelude::*;
use formats::columns::BOOKS as BOOKS_COLUMNS;
use formats::{Archive, Defect, Field, Form, Row, epub};
use std::path::Path;
use text::gutenberg;

/// This slice's row in the table of `lib.rs`.
pub const BOOKS: Slice = Slice {
    name: "books",
    about: "Books: JSON lines, Parquet, Gutenberg's texts and EPUB, near copies dropped",
    settings: SETTINGS,
    inputs: Inputs::FILES,
    reader: books,
    graph,
    fixtures: FIXTURES,
    models: &[],
    demo_settings: "",
};

/// RedPajama's scripts set nothing else: window and distance of the SimHash are constants of `near`.
const SETTINGS: &[Setting] = &[dedup_setting("simhash")];

/// Books in; each but those near to one before it out.
fn graph<'scope>(books: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    books
        // Upstream compares what is empty too, and keeps the first.
        .reject("empty", |book| book.text.trim().is_empty())
        .deduplicate(setup)
        .tag("Tokens", setup.models.tokens())
        .tag("Record tokens", record_tokens)
}

fn record_tokens(book: &mut Document) {
    if let Some(tokens) = book.scores.tokens {
        book.meta.set("tokens", tokens as usize);
    }
}

/// The books of a file: the rows of JSON lines or Parquet, the files of a zip archive, or one book.
fn books(path: &Path, _settings: &Settings) -> Result<Documents, ReadError> {
    if let Some(defect) = formats::mistaken(path, OWN, "a book or a table of books")? {
        return Ok(Box::new(std::iter::once(Err(defect))));
    }
    let form = Form::of(path).map_err(|source| ReadError { path: path.to_owned(), source })?;
    let is_text = form == Form::Text || is_named_text(path);
    Ok(match form {
        Form::Zip => match Archive::open(path) {
            Ok(archive) if epub::is_epub(&archive) => epub_book(archive, path),
            Ok(archive) => zip_books(archive),
            Err(defect) => Box::new([Err(defect)].into_iter()),
        },
        Form::Json | Form::Parquet if !is_text => row_books(path)?,
        // RedPajama's own splits have no ending; a text that is JSON by its name is no book.
        _ if formats::is_named_json(path) => row_books(path)?,
        _ => {
            let name = stem(&path.to_string_lossy()).to_owned();
            let book = formats::whole(path).map(|bytes| text_book(0, &name, &bytes));
            Box::new(told(book).into_iter())
        }
    })
}

/// Forms that are read, beside plain text.
const OWN: &[Form] = &[Form::Json, Form::Parquet, Form::Zip];

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

/// Whether the name of a file says that it is one text.
fn is_named_text(path: &Path) -> bool {
    formats::without_compression(&path.to_string_lossy().to_lowercase()).ends_with(".txt")
}

/// A document, and after it what is wrong with a file that is no text.
fn told(book: Result<Document, Defect>) -> Vec<Result<Document, Defect>> {
    let is_wrong = |book: &&Document| book.verdict.as_deref() == Some(NOT_TEXT);
    let defect = book.as_ref().ok().filter(is_wrong).map(|book| {
        Err(Defect::new(
            book.offset,
            "this file is neither text nor any other form that is read; it is left out",
        ))
    });
    [book].into_iter().chain(defect).collect()
}

const NO_JSON: &str = "no_json";
const NO_TEXT: &str = "no_text";
const NOT_TEXT: &str = "not_text";

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

/// A book of a text file, without what is Gutenberg's in it.
fn text_book(offset: u64, name: &str, bytes: &[u8]) -> Document {
    let mut book = Document { offset, bytes_read: bytes.len() as u64, ..Document::default() };
    let Some(text) = gutenberg::decode(bytes) else {
        book.reject(NOT_TEXT);
        return book;
    };
    let found = gutenberg::book(&text);
    if found.fields.iter().all(|(field, _)| *field != "title") {
        book.meta.set("title", name);
    }
    for (field, value) in found.fields {
        book.meta.set(field, value);
    }
    if let Some(number) = found.number {
        // As PG19 has it.
        book.url = format!("http://www.gutenberg.org/ebooks/{number}");
        book.meta.set("url", book.url.as_str());
    }
    book.text = found.text.replace("\r\n", "\n").replace('\r', "\n");
    book
}

/// The texts of a zip archive, each a book.
fn zip_books(mut archive: Archive) -> Documents {
    let mut files = archive.files();
    // macOS packs a file of its own beside each.
    let is_of_macos = |name: &str| name.split('/').any(|part| part == "__MACOSX");
    files.retain(|(_, name)| name.to_lowercase().ends_with(".txt") && !is_of_macos(name));
    if files.is_empty() {
        let what = "zip: it is no EPUB, and no file in it ends in .txt; it is left out";
        return Box::new([Err(Defect { offset: 0, what: what.into(), device: None })].into_iter());
    }
    Box::new(files.into_iter().flat_map(move |(number, name)| {
        let read = archive.read(number);
        told(read.map(|(offset, bytes)| text_book(offset, stem(&name), &bytes)))
    }))
}

/// One EPUB, one book.
fn epub_book(mut archive: Archive, path: &Path) -> Documents {
    let mut defects = Vec::new();
    let book = epub::read(&mut archive, &mut defects).map(|found| {
        let mut book = Document { bytes_read: found.text.len() as u64, ..Document::default() };
        if found.metadata.iter().all(|(field, _)| field != "title") {
            book.meta.set("title", stem(&path.to_string_lossy()));
        }
        for (field, value) in found.metadata {
            // Where there are several, the first is the chief one.
            if book.meta.get(&field).is_none() {
                book.meta.set(field, value);
            }
        }
        book.text = found.text;
        book
    });
    Box::new([book].into_iter().chain(defects.into_iter().map(Err)))
}

/// The name of a file without its folders and endings.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

macro_rules! fixture {
    ($label:literal, $name:literal) => {
        Fixture {
            label: $label,
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/books/", $label, "/", $name)),
        }
    };
}

const FIXTURES: &[Fixture] = &[
    fixture!("pg19", "books.jsonl.gz"),
    fixture!("shelf", "fernley.epub"),
    fixture!("shelf", "harrowmere.txt"),
    fixture!("shelf", "larkfield.txt"),
    fixture!("shelf", "texts.zip"),
];
