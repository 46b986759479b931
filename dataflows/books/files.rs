//! Files that are a book, or archives of such: texts, pages of HTML, EPUB.

use formats::encoding::{Decoded, NoText, declared_by_page, decode};
use formats::epub::{self, Parts};
use formats::{Archive, Defect, shelf};
use recipe::prelude::*;
use std::path::Path;
use text::gutenberg;

/// A book or a defect, and what else there is to say.
pub(super) type Found = Vec<Result<Document, Defect>>;

/// What an RTF file begins with.
pub(super) const RTF_MAGIC: &[u8] = b"{\\rtf";

/// A file of which so much less than half is the book's is suspicious: header and licence of
/// Gutenberg's have some 30 kB.
const NOTICE_BYTES_MAX: usize = 64 << 10;

const NOT_TEXT: &str = "not_text";
const UNKNOWN_ENCODING: &str = "unknown_encoding";
const ENCRYPTED: &str = "encrypted";

/// Forms of books that are not read, by their first bytes from some place on.
const FOREIGN: [(usize, &[u8], &str); 7] = [
    (0, b"%PDF", "PDF"),
    (60, b"BOOKMOBI", "Mobipocket or Kindle"),
    (60, b"TEXtREAd", "PalmDOC"),
    (0, RTF_MAGIC, "RTF"),
    (0, b"\xd0\xcf\x11\xe0", "Word"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"ITOLITLS", "Microsoft Reader"),
];

/// The book that a file is.
pub(super) fn book(path: &Path) -> Found {
    match formats::whole(path) {
        Ok(bytes) => one_book(0, &path.to_string_lossy(), &bytes),
        Err(defect) => vec![Err(defect)],
    }
}

/// The texts and pages of a zip archive, each a book; or one EPUB.
pub(super) fn zip_books(path: &Path) -> Documents {
    let mut archive = match Archive::open(path) {
        Ok(archive) => archive,
        Err(defect) => return Box::new([Err(defect)].into_iter()),
    };
    let mut files = archive.files();
    files.retain(|(_, name)| !shelf::is_part_of_a_page(Path::new(name)) && !is_of_macos(name));
    let is_text = |name: &String| {
        let name = name.to_lowercase();
        [".txt", ".htm", ".html", ".xhtml"].iter().any(|end| name.ends_with(end))
    };
    if files.iter().any(|(_, name)| epub::is_part_of_epub(name)) {
        return Box::new(epub_book(Parts::of_archive(archive), path).into_iter());
    }
    let (texts, mut others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(_, name)| is_text(name));
    others.retain(|(_, name)| may_be_a_book(name));
    let what = match (&texts[..], &others[..]) {
        ([], _) => Some(
            "zip: it is no EPUB, and no text or page of HTML is in it; it is left out".to_owned(),
        ),
        (_, []) => None,
        (_, [(_, first), ..]) => Some(shortened(&format!(
            "zip: {} files may be books and are neither texts nor pages of HTML, {first} the first; \
             they are left out: unpack them",
            others.len()
        ))),
    };
    let defect = what.map(|what| Err(Defect { offset: 0, what, device: None }));
    let books = texts.into_iter().flat_map(move |(number, name)| match archive.read(number) {
        Ok((offset, bytes)) => one_book(offset, &name, &bytes),
        Err(defect) => vec![Err(defect)],
    });
    Box::new(books.chain(defect))
}

/// One EPUB, one book.
pub(super) fn epub_book(mut parts: Parts, path: &Path) -> Found {
    let mut defects = Vec::new();
    let book = epub::read(&mut parts, &mut defects).map(|found| {
        let mut book = Document { bytes_read: found.text.len() as u64, ..Document::default() };
        if found.is_encrypted {
            book.reject(ENCRYPTED);
            return book;
        }
        if found.metadata.iter().all(|(field, _)| field != "title") {
            book.meta.set("title", stem(&path.to_string_lossy()));
        }
        for (field, value) in found.metadata {
            // Where there are several, the first is the chief one.
            if book.meta.get(&field).is_none() {
                book.meta.set(field, value);
            }
        }
        let parted = gutenberg::book(&found.text);
        if let Some(number) = parted.number {
            set_number(&mut book, number);
        }
        book.text = parted.text.into_owned();
        book
    });
    [book].into_iter().chain(defects.into_iter().map(Err)).collect()
}

/// A book of a text or a page of HTML, told apart by what it holds, without what is Gutenberg's.
fn one_book(offset: u64, path: &str, bytes: &[u8]) -> Found {
    let mut book = Document { offset, bytes_read: bytes.len() as u64, ..Document::default() };
    let told = |what: String| Err(Defect { offset, what: shortened(&what), device: None });
    if let Some((_, _, form)) = FOREIGN.iter().find(|(at, magic, _)| has(bytes, *at, magic)) {
        book.reject(NOT_TEXT);
        let what = format!("this is a file of {form}; it is left out: convert it to text or EPUB");
        return vec![Ok(book), told(what)];
    }
    let declared = gutenberg::declared_encoding(bytes).or_else(|| declared_by_page(bytes));
    let decoded = match decode(bytes, declared.as_deref()) {
        Ok(decoded) => decoded,
        Err(error) => {
            let (reason, remedy) = match error {
                NoText::Binary => (NOT_TEXT, "if it is a book, convert it to text or EPUB"),
                NoText::UnknownEncoding => (UNKNOWN_ENCODING, "convert it to UTF-8"),
            };
            book.reject(reason);
            return vec![Ok(book), told(format!("{error}; it is left out: {remedy}"))];
        }
    };
    let mut defects = Vec::new();
    let (text, title) = match is_page(path, &decoded.text) {
        true => page(&decoded.text, &mut defects),
        false => (decoded.text.replace("\r\n", "\n").replace('\r', "\n"), None),
    };
    let parted = gutenberg::book(&text);
    if parted.fields.iter().all(|(field, _)| *field != "title") {
        book.meta.set("title", title.unwrap_or_else(|| stem(path).to_owned()));
    }
    for (field, value) in parted.fields {
        book.meta.set(field, value);
    }
    if let Some(number) = parted.number {
        set_number(&mut book, number);
    }
    say_encoding(&mut book, &decoded, &mut defects);
    let lost = text.len() - parted.text.len();
    if lost > NOTICE_BYTES_MAX && lost > parted.text.len() {
        defects.push(format!(
            "{lost} of the {} bytes of this text are taken for Gutenberg's notices: compare it with \
             what is kept",
            text.len()
        ));
    }
    book.text = parted.text.into_owned();
    [Ok(book)].into_iter().chain(defects.into_iter().map(told)).collect()
}

/// Publishes an encoding that is not UTF-8, and says what was damaged.
fn say_encoding(book: &mut Document, decoded: &Decoded, defects: &mut Vec<String>) {
    if decoded.encoding != "UTF-8" {
        book.meta.set("encoding", decoded.encoding);
    }
    if decoded.damaged > 0 {
        let count = decoded.damaged;
        defects.push(format!("{count} damaged places of this UTF-8 text are U+FFFD now"));
    }
}

/// Publishes the number of a book, as PG19 has it.
fn set_number(book: &mut Document, number: u64) {
    book.url = format!("http://www.gutenberg.org/ebooks/{number}");
    book.meta.set("url", book.url.as_str());
}

/// The text and the title of a page of HTML.
fn page(page: &str, defects: &mut Vec<String>) -> (String, Option<String>) {
    let mut text = String::new();
    let said = html::add_text(page, &mut text);
    if let Some(at) = said.cut_at {
        defects.push(format!(
            "the page ends within the tag or comment at byte {at}: it is cut short; fetch it again"
        ));
    }
    (text, said.title)
}

/// Whether a text is a page of HTML: by its beginning, or by a name that says so and a tag in it.
fn is_page(path: &str, text: &str) -> bool {
    let head: String =
        text.trim_start().chars().take(1000).collect::<String>().to_ascii_lowercase();
    let path = path.to_ascii_lowercase();
    let packed = [".gz", ".zst", ".bz2", ".lz4", ".utf8"];
    let path = packed.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
    let is_named = |path: &str| [".htm", ".html", ".xhtml"].iter().any(|end| path.ends_with(end));
    head.starts_with("<!doctype html")
        || head.starts_with("<html")
        || head.starts_with("<?xml") && head.contains("<html")
        || head.contains('<') && is_named(path)
}

/// Whether a member that is not read may be a book, by its name: not a list or a remark beside books.
fn may_be_a_book(name: &str) -> bool {
    let ends = [
        "epub", "pdf", "mobi", "azw", "azw3", "prc", "lit", "djvu", "fb2", "rtf", "doc", "docx",
        "odt", "tex", "rst", "xml", "md", "json", "jsonl", "parquet", "zip", "gz", "bz2", "zst",
        "xz", "7z", "tar", "utf8",
    ];
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    ends.contains(&&end[..])
}

/// Whether a member is one of those that macOS puts into archives beside each file.
fn is_of_macos(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.rsplit('/').next().is_some_and(|n| n.starts_with("._"))
}

fn has(bytes: &[u8], at: usize, magic: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// A message of bounded length, whatever the names in it are.
fn shortened(what: &str) -> String {
    what[..what.floor_char_boundary(500)].to_owned()
}

/// The name of a file without its folders and endings.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}
