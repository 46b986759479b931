//! Zip archives: of texts and pages, each a book, or one EPUB.

use crate::single::{epub, of_bytes};
use crate::{Books, bounded};
use formats::epub::{Parts, is_part_of_epub};
use formats::{Archive, Defect, shelf};
use std::path::Path;

/// Reads the books in a zip archive. One that cannot be opened is a defect.
pub fn zip(path: &Path) -> Books {
    let mut archive = match Archive::open(path) {
        Ok(archive) => archive,
        Err(defect) => return Box::new(std::iter::once(Err(defect))),
    };
    let lost = archive.defect();
    let mut files = archive.files();
    files.retain(|(_, name)| !shelf::is_part_of_a_page(Path::new(name)) && !is_of_macos(name));
    if files.iter().any(|(_, name)| is_part_of_epub(name)) {
        let mut defects: Vec<Defect> = lost.into_iter().collect();
        let book = epub(Parts::of_archive(archive), path, &mut defects);
        return Box::new(std::iter::once(book).chain(defects.into_iter().map(Err)));
    }
    let (texts, mut unread): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(_, name)| is_text_name(name));
    unread.retain(|(_, name)| may_be_a_book(name));
    let what = match (&texts[..], &unread[..]) {
        ([], _) => Some(
            "zip: it is not an EPUB, and no text or HTML page is in it; it is left out".to_owned(),
        ),
        (_, []) => None,
        (_, [(_, first), ..]) => Some(bounded(&format!(
            "zip: {} files may be books but are neither texts nor HTML pages, {first} the first; \
             they are left out: unpack them",
            unread.len()
        ))),
    };
    let defects = what.map(|what| Defect::new(0, what)).into_iter().chain(lost).map(Err);
    let books = texts.into_iter().map(move |(number, name)| {
        archive.read(number).map(|(offset, bytes)| of_bytes(offset, &name, &bytes))
    });
    Box::new(books.chain(defects))
}

/// Returns whether a file is one text or page, by its name.
pub fn is_text_name(name: &str) -> bool {
    let name = name.to_lowercase();
    [".txt", ".htm", ".html", ".xhtml"].iter().any(|end| name.ends_with(end))
}

/// Returns whether a member that is not read may be a book, by its name, and not a list or a note.
fn may_be_a_book(name: &str) -> bool {
    let ends = [
        "epub", "pdf", "mobi", "azw", "azw3", "prc", "lit", "djvu", "fb2", "rtf", "doc", "docx",
        "odt", "tex", "rst", "xml", "md", "json", "jsonl", "parquet", "zip", "gz", "bz2", "zst",
        "xz", "7z", "tar", "utf8",
    ];
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    ends.contains(&&end[..])
}

/// Returns whether a member is one that macOS adds to an archive for each file.
fn is_of_macos(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.rsplit('/').next().is_some_and(|n| n.starts_with("._"))
}
