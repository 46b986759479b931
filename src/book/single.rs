//! One file, or one EPUB, that is one book.

use crate::page;
use crate::{Book, NoBook, bounded};
use formats::Defect;
use formats::encoding::{NoText, declared_by_page, decode};
use formats::epub::{self, Parts};
use std::path::Path;
use text::gutenberg;

/// Project Gutenberg's header and licence take about 30 kB. Removing more than this, and more than
/// half of the file, is suspicious.
const NOTICE_BYTES_MAX: usize = 64 << 10;

/// Unsupported formats of books: an offset, the bytes there, and the name.
const FOREIGN: [(usize, &[u8], &str); 7] = [
    (0, b"%PDF", "PDF"),
    (60, b"BOOKMOBI", "Mobipocket or Kindle"),
    (60, b"TEXtREAd", "PalmDOC"),
    (0, b"{\\rtf", "RTF"),
    (0, b"\xd0\xcf\x11\xe0", "Word"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"ITOLITLS", "Microsoft Reader"),
];

/// Reads the book in a file: a text or an HTML page.
///
/// # Errors
/// If the file cannot be read.
pub fn file(path: &Path) -> Result<Book, Defect> {
    let bytes = formats::whole(path)?;
    Ok(of_bytes(0, &path.to_string_lossy(), &bytes))
}

/// Reads the book in an EPUB. An EPUB without a title gets the name of its file. Defects of parts
/// are added to `defects`, also on failure.
///
/// # Errors
/// If nothing of the EPUB can be read.
pub fn epub(mut parts: Parts, path: &Path, defects: &mut Vec<Defect>) -> Result<Book, Defect> {
    let found = epub::read(&mut parts, defects)?;
    let mut book = Book::without_text(0, found.text.len() as u64, NoBook::Encrypted);
    if found.is_encrypted {
        return Ok(book);
    }
    if found.metadata.iter().all(|(field, _)| field != "title") {
        book.fields.push(("title".to_owned(), stem(&path.to_string_lossy()).to_owned()));
    }
    for (field, value) in found.metadata {
        // Of several values the first one is the main one.
        if book.fields.iter().all(|(known, _)| *known != field) {
            book.fields.push((field, value));
        }
    }
    let parted = gutenberg::book(&found.text);
    book.number = parted.number;
    book.text = Ok(parted.text.into_owned());
    Ok(book)
}

/// Returns the book in the bytes of a file, without Project Gutenberg's notices. The format is
/// recognised by content.
pub(crate) fn of_bytes(offset: u64, path: &str, bytes: &[u8]) -> Book {
    let bytes_read = bytes.len() as u64;
    let defect = |what: String| Defect { offset, what: bounded(&what), device: None };
    let without_text = |reason, what: String| Book {
        defects: vec![defect(what)],
        ..Book::without_text(offset, bytes_read, reason)
    };
    if let Some((_, _, form)) = FOREIGN.iter().find(|(at, magic, _)| has(bytes, *at, magic)) {
        let what = format!("this is a {form} file; it is left out: convert it to text or EPUB");
        return without_text(NoBook::NotText, what);
    }
    let declared = gutenberg::declared_encoding(bytes).or_else(|| declared_by_page(bytes));
    let decoded = match decode(bytes, declared.as_deref()) {
        Ok(decoded) => decoded,
        Err(error) => {
            let (reason, remedy) = match error {
                NoText::Binary => (NoBook::NotText, "if it is a book, convert it to text or EPUB"),
                NoText::UnknownEncoding => (NoBook::UnknownEncoding, "convert it to UTF-8"),
            };
            return without_text(reason, format!("{error}; it is left out: {remedy}"));
        }
    };
    let mut defects = Vec::new();
    let (text, title) = if page::is_page(path, &decoded.text) {
        page::text(&decoded.text, &mut defects)
    } else {
        (decoded.text.replace("\r\n", "\n").replace('\r', "\n"), None)
    };
    let parted = gutenberg::book(&text);
    let mut fields = Vec::new();
    if parted.fields.iter().all(|(field, _)| *field != "title") {
        fields.push(("title".to_owned(), title.unwrap_or_else(|| stem(path).to_owned())));
    }
    fields.extend(parted.fields.into_iter().map(|(field, value)| (field.into(), value)));
    if decoded.damaged > 0 {
        let count = decoded.damaged;
        defects.push(format!(
            "{count} invalid byte sequences of this UTF-8 text were replaced by U+FFFD"
        ));
    }
    let removed = text.len() - parted.text.len();
    if removed > NOTICE_BYTES_MAX && removed > parted.text.len() {
        defects.push(format!(
            "{removed} of the {} bytes of this text were removed as Gutenberg's notices: compare \
             it with what is kept",
            text.len()
        ));
    }
    Book {
        offset,
        bytes_read,
        text: Ok(parted.text.into_owned()),
        fields,
        number: parted.number,
        encoding: Some(decoded.encoding).filter(|encoding| *encoding != "UTF-8"),
        defects: defects.into_iter().map(defect).collect(),
    }
}

fn has(bytes: &[u8], at: usize, magic: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// Returns the name of a file without its folders and extensions.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_are_not_read_are_named() {
        for (at, magic, name) in FOREIGN {
            let bytes = [vec![b' '; at], magic.to_vec()].concat();
            let book = of_bytes(7, "a/b.txt", &bytes);
            assert_eq!(book.text, Err(NoBook::NotText));
            let [defect] = &book.defects[..] else { panic!("{:?}", book.defects) };
            assert!(defect.offset == 7 && defect.what.contains(name), "{defect}");
        }
    }

    #[test]
    fn a_text_without_a_title_is_named_after_its_file() {
        let book = of_bytes(0, "shelf/emma.txt.gz", "Emma.\r\nEmma again.".as_bytes());
        assert_eq!(book.text.as_deref(), Ok("Emma.\nEmma again."));
        assert_eq!(book.fields, [("title".to_owned(), "emma".to_owned())]);
        assert!(book.encoding.is_none() && book.defects.is_empty());
    }
}
