//! Books: PG19's and like collections, Project Gutenberg's own files, and EPUB, with near copies
//! dropped.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/book/dedup.py`. What we do differently, and why, is in
//! docs/fidelity.md under "Books".

use app::prelude::*;
use formats::{Archive, Defect, Row, ZIP_MAGIC, epub};
use std::io::{self, BufRead, Read};
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
    let form = form(path).map_err(|source| ReadError { path: path.to_owned(), source })?;
    Ok(match form {
        Form::Rows => {
            let rows = formats::rows(path)?;
            Box::new(rows.flat_map(|row| told(row.map(row_book))))
        }
        Form::Zip => match Archive::open(path) {
            Ok(archive) if epub::is_epub(&archive) => epub_book(archive, path),
            Ok(archive) => zip_books(archive),
            Err(defect) => Box::new([Err(defect)].into_iter()),
        },
        Form::Text => {
            let name = stem(&path.to_string_lossy()).to_owned();
            let book = formats::whole(path).map(|bytes| text_book(0, &name, &bytes));
            Box::new(told(book).into_iter())
        }
    })
}

/// What a file can be.
enum Form {
    Rows,
    Zip,
    Text,
}

/// Told by what the file holds: of texts, those that begin as an object does are rows, unless their
/// name says otherwise. RedPajama's own splits have no ending.
fn form(path: &Path) -> io::Result<Form> {
    let mut magic = Vec::new();
    formats::regular::open(path)?.take(4).read_to_end(&mut magic)?;
    if magic == ZIP_MAGIC {
        return Ok(Form::Zip);
    }
    let name = path.to_string_lossy().to_lowercase();
    let name = [".gz", ".zst", ".bz2", ".lz4"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    if name.ends_with(".txt") {
        return Ok(Form::Text);
    }
    if magic == b"PAR1" || [".jsonl", ".json", ".ndjson"].iter().any(|end| name.ends_with(end)) {
        return Ok(Form::Rows);
    }
    // What cannot be inflated is told when it is read.
    let mut begin = formats::open(path)?;
    let begin = begin.fill_buf().unwrap_or_default().trim_ascii_start();
    Ok(if begin.starts_with(b"{") { Form::Rows } else { Form::Text })
}

/// A document, and behind it what is wrong with a record that cannot be one.
fn told(book: Result<Document, Defect>) -> Vec<Result<Document, Defect>> {
    let what = book.as_ref().ok().and_then(|book| match book.verdict.as_deref()? {
        NO_JSON => Some("this record is no JSON object; it is left out"),
        NO_TEXT => Some("this record has no field text with a string; it is left out"),
        NOT_TEXT => Some("this file is no text; it is left out: name it otherwise than .txt"),
        _ => None,
    });
    let defect = what
        .zip(book.as_ref().ok())
        .map(|(what, book)| Err(Defect { offset: book.offset, what: what.into(), device: None }));
    [book].into_iter().chain(defect).collect()
}

const NO_JSON: &str = "no_json";
const NO_TEXT: &str = "no_text";
const NOT_TEXT: &str = "not_text";

/// A book of a row: every field but the text is published as it is (`dedup.py`: `meta`).
fn row_book(row: Row) -> Document {
    let mut book = Document { offset: row.offset, ..Document::default() };
    let Ok(fields) = formats::fields(&row.json) else {
        book.reject(NO_JSON);
        return book;
    };
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
        }
        None => book.reject(NO_TEXT),
    }
    book
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
    files.retain(|(_, name)| name.to_lowercase().ends_with(".txt"));
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
