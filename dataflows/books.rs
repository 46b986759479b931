//! Books: PG19's and like collections, Project Gutenberg's own files, and EPUB, with near copies
//! dropped.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/book/dedup.py`. What we do differently, and why, is in
//! docs/fidelity.md under "Books".

mod files;

use formats::{Defect, Row, ZIP_MAGIC, epub, shelf};
use recipe::prelude::*;
use std::io::{self, BufRead, Read};
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
    let form = form(path).map_err(|source| ReadError { path: path.to_owned(), source })?;
    Ok(match form {
        Form::Rows => {
            let rows = formats::rows(path)?;
            Box::new(rows.flat_map(|row| told(row.map(row_book))))
        }
        Form::Zip => files::zip_books(path),
        Form::One => Box::new(files::book(path).into_iter()),
    })
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

/// What a file can be.
enum Form {
    Rows,
    Zip,
    One,
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
    if [".txt", ".htm", ".html", ".xhtml"].iter().any(|end| name.ends_with(end)) {
        return Ok(Form::One);
    }
    if magic == b"PAR1" || [".jsonl", ".json", ".ndjson"].iter().any(|end| name.ends_with(end)) {
        return Ok(Form::Rows);
    }
    // What cannot be inflated is told when it is read.
    let mut begin = formats::open(path)?;
    let begin = begin.fill_buf().unwrap_or_default().trim_ascii_start();
    let is_rows = begin.starts_with(b"{") && !begin.starts_with(files::RTF_MAGIC);
    Ok(if is_rows { Form::Rows } else { Form::One })
}

/// A document, and behind it what is wrong with a record that cannot be one.
fn told(book: Result<Document, Defect>) -> Vec<Result<Document, Defect>> {
    let what = book.as_ref().ok().and_then(|book| match book.verdict.as_deref()? {
        NO_JSON => Some("this record is no JSON object; it is left out"),
        NO_TEXT => Some("this record has no field text with a string; it is left out"),
        _ => None,
    });
    let defect = what
        .zip(book.as_ref().ok())
        .map(|(what, book)| Err(Defect { offset: book.offset, what: what.into(), device: None }));
    [book].into_iter().chain(defect).collect()
}

const NO_JSON: &str = "no_json";
const NO_TEXT: &str = "no_text";
const OTHER_FORM: &str = "other_form";

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

const FIXTURES: &[Fixture] = fixtures!(
    "books":
    "pg19" / "books.jsonl.gz",
    "shelf" / "fernley.epub",
    "shelf" / "harrowmere.txt",
    "shelf" / "larkfield.txt",
    "shelf" / "texts.zip",
);
