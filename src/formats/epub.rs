//! EPUB books (W3C EPUB 3.3, the forms of version 2 and of the Open eBook before it): a zip archive,
//! or a folder with the same files, with a package document that names the chapters and their order.
//!
//! A part is read by its content and not by its media type: books declare pages of XHTML as
//! `text/html`, as `text/xml` or not at all.

mod package;
mod parts;

use crate::archive::MEMBER_BYTES_MAX;
use crate::defect::Defect;
use crate::encoding::{declared_by_page, decode};
use html::add_text;
use package::{Item, Package};
use std::collections::HashSet;
use std::path::Path;

pub use parts::Parts;

/// The part that names the package document.
const CONTAINER: &str = "META-INF/container.xml";

/// The part that names encrypted parts.
const ENCRYPTION: &str = "META-INF/encryption.xml";

/// A book.
#[derive(Debug, Default, PartialEq)]
pub struct Book {
    /// The metadata of the package document, in its order, by the names of the Dublin Core, such as
    /// `("title", "Emma")`.
    pub metadata: Vec<(String, String)>,
    /// The text of its chapters, in the order of the spine.
    pub text: String,
    /// Whether its pages are encrypted. Then there is no text.
    pub is_encrypted: bool,
}

/// Whether only EPUB books have a file of this name.
pub fn is_part_of_epub(name: &str) -> bool {
    name.eq_ignore_ascii_case(CONTAINER) || name.to_ascii_lowercase().ends_with(".opf")
}

/// Whether a folder is an unpacked EPUB book.
pub fn is_epub_folder(folder: &Path) -> bool {
    folder.join(CONTAINER).is_file()
}

/// Reads a book. Chapters that cannot be read are left out and reported in `defects`.
///
/// Chapters are the pages of the spine, each once, without the table of contents, images, and parts
/// that are not `linear`, unless none is.
///
/// # Errors
/// When there is no package document, its pages are too many or too large, or the device fails.
pub fn read(parts: &mut Parts, defects: &mut Vec<Defect>) -> Result<Book, Defect> {
    let path = package_path(parts, defects)?;
    let (offset, package) = text_of(parts, &path, defects)?;
    let mut package = Package::parse(&package);
    if let Some(error) = package.error.take() {
        defects.push(Defect::new(offset, format!("EPUB: {path}: {error}; what follows is lost")));
    }
    let encrypted = encrypted(parts, defects);
    let (seen, read, images) = (HashSet::new(), 0, 0);
    let mut reading =
        Reading { parts, defects, path, offset, package, encrypted, seen, read, images };
    reading.book()
}

/// Returns the name of the package document: the one that the container names, or else any.
fn package_path(parts: &mut Parts, defects: &mut Vec<Defect>) -> Result<String, Defect> {
    let container = match parts.find(CONTAINER) {
        Some(_) => text_of(parts, CONTAINER, defects)?.1,
        None => String::new(),
    };
    let (named, error) = package::rootfiles(&container);
    if let Some(path) = named.iter().find(|path| parts.find(path).is_some()) {
        return Ok(path.clone());
    }
    let why = match named.first() {
        Some(path) => format!("{path} is not in the archive"),
        None => error.unwrap_or_else(|| "no rootfile".into()),
    };
    let what = format!("EPUB: {CONTAINER} names no package document: {why}");
    match opf(parts) {
        Some(path) => {
            let what = shortened(&format!("{what}; {path} is taken"));
            defects.push(Defect::new(0, what));
            Ok(path)
        }
        None => Err(Defect::new(0, shortened(&what))),
    }
}

/// Finds the package document by its ending: the one in the fewest folders.
fn opf(parts: &Parts) -> Option<String> {
    let names = parts.names().iter().filter(|name| name.to_ascii_lowercase().ends_with(".opf"));
    names.min_by_key(|name| (name.matches('/').count(), *name)).cloned()
}

/// Returns the numbers of the encrypted parts.
fn encrypted(parts: &mut Parts, defects: &mut Vec<Defect>) -> HashSet<usize> {
    if parts.find(ENCRYPTION).is_none() {
        return HashSet::new();
    }
    match text_of(parts, ENCRYPTION, defects) {
        Ok((_, text)) => {
            let names = package::encrypted(&text);
            names.iter().filter_map(|name| parts.find(&resolve("", name))).collect()
        }
        Err(defect) => {
            defects.push(defect);
            HashSet::new()
        }
    }
}

/// A book while it is read.
struct Reading<'p> {
    parts: &'p mut Parts,
    defects: &'p mut Vec<Defect>,
    /// The package document, and where it begins.
    path: String,
    offset: u64,
    package: Package,
    encrypted: HashSet<usize>,
    /// Parts that were read.
    seen: HashSet<usize>,
    /// The size of these parts.
    read: usize,
    /// How many of them are images.
    images: usize,
}

impl Reading<'_> {
    fn book(&mut self) -> Result<Book, Defect> {
        let mut book = Book::default();
        std::mem::swap(&mut book.metadata, &mut self.package.metadata);
        let before = self.defects.len();
        for item in self.items() {
            if self.defects.len() > before + DEFECTS_MAX || self.read > READ_BYTES_MAX {
                let path = &self.path;
                let what =
                    format!("EPUB: {path}: its pages are damaged, or too many; it is left out");
                return Err(Defect::new(self.offset, shortened(&what)));
            }
            let Some((number, name)) = self.part(&item) else { continue };
            if self.encrypted.contains(&number) {
                let what = "EPUB: this book is encrypted against copying (DRM), so it has no text; \
                            it is left out: give an edition without DRM";
                self.defects.push(Defect::new(self.offset, what));
                return Ok(Book { text: String::new(), is_encrypted: true, ..book });
            }
            self.add_part(number, &name, &item, &mut book.text);
            if book.text.len() > MEMBER_BYTES_MAX {
                let most = MEMBER_BYTES_MAX >> 20;
                let what = format!("EPUB: a book of more than {most} MiB of text; it is left out");
                return Err(Defect::new(0, what));
            }
        }
        if book.text.trim().is_empty() && self.defects.len() == before {
            let what = format!(
                "EPUB: no text: of the {} parts in the order of reading, {} are images, and the \
                 others are pages without text",
                self.seen.len(),
                self.images
            );
            self.defects.push(Defect::new(self.offset, what));
        }
        Ok(book)
    }

    /// Returns the parts to read, in order.
    fn items(&mut self) -> Vec<Item> {
        let package = &self.package;
        if package.spine.is_empty() && !package.manifest.is_empty() {
            let what = "the spine is empty: the pages are taken in the order of the manifest";
            let what = shortened(&format!("EPUB: {}: {what}", self.path));
            self.defects.push(Defect::new(self.offset, what));
            let is_page = |item: &&Item| is_called_page(&item.media_type) && !item.is_contents;
            return package.manifest.iter().filter(is_page).cloned().collect();
        }
        let is_linear = package.spine.iter().any(|(_, is_linear)| *is_linear);
        let mut items = Vec::new();
        for (id, _) in package.spine.iter().filter(|(_, linear)| *linear || !is_linear) {
            match package.by_id.get(id) {
                Some(at) if package.manifest[*at].is_contents => {}
                Some(at) => items.push(package.manifest[*at].clone()),
                None if self.defects.len() <= DEFECTS_MAX => {
                    let path = &self.path;
                    let what = format!(
                        "EPUB: {path}: the spine names {id:?}, which the manifest does not"
                    );
                    self.defects.push(Defect::new(self.offset, shortened(&what)));
                }
                None => {}
            }
        }
        items
    }

    /// Returns the number and the name of an item's part. Reports a defect if there is none.
    fn part(&mut self, item: &Item) -> Option<(usize, String)> {
        let name = resolve(&self.path, &item.href);
        // Some tools escape the names in the archive as well.
        let plain = join(&self.path, without_fragment(&item.href));
        let found = self.parts.find(&name).or_else(|| self.parts.find(&plain));
        if found.is_none() {
            let what = shortened(&format!("EPUB: {name} is not in the archive"));
            self.defects.push(Defect::new(0, what));
        }
        Some((found?, name))
    }

    /// Adds the text of a part of the spine, the first time.
    fn add_part(&mut self, number: usize, name: &str, item: &Item, text: &mut String) {
        if !self.seen.insert(number) {
            return;
        }
        let (offset, bytes) = match self.parts.read(number) {
            Ok(part) => part,
            Err(defect) => return self.defects.push(defect),
        };
        self.read += bytes.len();
        if is_image(item, &bytes) {
            match self.fallback(item) {
                Some((number, name, page)) => return self.add_part(number, &name, &page, text),
                None => self.images += 1,
            }
            return;
        }
        let defect = |what: String| Defect::new(offset, shortened(&format!("EPUB: {name}{what}")));
        let is_called_page = is_called_page(&item.media_type);
        let declared = declared_by_page(&bytes);
        let page = decode(&bytes, declared.as_deref());
        let page = match page {
            Ok(page) if is_called_page || page.text.trim_start().starts_with('<') => page,
            Err(error) if is_called_page => {
                return self
                    .defects
                    .push(defect(format!(": {error}, or encrypted; it is left out")));
            }
            _ => {
                if let Some((number, name, page)) = self.fallback(item) {
                    return self.add_part(number, &name, &page, text);
                }
                let kind = &item.media_type;
                let what = format!(
                    " ({kind}) is in the order of reading and is not a page; it is left out"
                );
                return self.defects.push(defect(what));
            }
        };
        if page.damaged > 0 {
            let count = page.damaged;
            self.defects.push(defect(format!(
                ": {count} damaged places of the page are replaced by U+FFFD"
            )));
        }
        if let Some(at) = add_text(&page.text, text).cut_at {
            let what =
                format!(": the page ends within the tag or comment at byte {at}: it is cut short");
            self.defects.push(defect(what));
        }
    }

    /// Returns the part that the package names as the fallback of this one. Its own fallback is ignored,
    /// so there is no loop.
    fn fallback(&mut self, item: &Item) -> Option<(usize, String, Item)> {
        let at = self.package.by_id.get(item.fallback.as_ref()?)?;
        let page = Item { fallback: None, ..self.package.manifest[*at].clone() };
        let (number, name) = self.part(&page)?;
        Some((number, name, page))
    }
}

/// Media types of pages: of EPUB, of the Open eBook before it, of DTBook, and those that are used in
/// their place.
fn is_called_page(media_type: &str) -> bool {
    let pages = [
        "application/xhtml+xml",
        "application/xhtml",
        "text/xhtml",
        "text/html",
        "text/xml",
        "application/xml",
        "application/x-dtbook+xml",
        "text/x-oeb1-document",
        "text/x-oeb-document",
        "",
    ];
    pages.contains(&media_type)
}

/// Whether a part is a picture.
fn is_image(item: &Item, bytes: &[u8]) -> bool {
    let magic: [&[u8]; 4] = [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"];
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    item.media_type.starts_with("image/")
        || magic.iter().any(|magic| bytes.starts_with(magic))
        || head.contains("<svg") && !head.contains("<html")
}

/// The most damaged pages of a book.
const DEFECTS_MAX: usize = 100;

/// The size of all pages of a book. No book has a tenth of it, and parsing takes seconds.
const READ_BYTES_MAX: usize = 256 << 20;

/// Bounds the length of a message with names.
fn shortened(what: &str) -> String {
    const BYTES_MAX: usize = 500;
    what[..what.floor_char_boundary(BYTES_MAX)].to_owned()
}

/// Returns where a part begins, and its text.
fn text_of(
    parts: &mut Parts,
    name: &str,
    defects: &mut Vec<Defect>,
) -> Result<(u64, String), Defect> {
    let Some(number) = parts.find(name) else {
        return Err(Defect::new(0, shortened(&format!("EPUB: {name} is not in the archive"))));
    };
    let (offset, bytes) = parts.read(number)?;
    let defect = |what: String| Defect::new(offset, shortened(&format!("EPUB: {name}: {what}")));
    let text = decode(&bytes, declared_by_page(&bytes).as_deref());
    let text = text.map_err(|error| defect(format!("{error}, or encrypted")))?;
    if text.damaged > 0 {
        defects.push(defect(format!("{} damaged places are replaced by U+FFFD", text.damaged)));
    }
    Ok((offset, text.text.into_owned()))
}

/// Returns the name of the part that `href`, in the part `base`, refers to.
fn resolve(base: &str, href: &str) -> String {
    join(base, &unescape_percent(without_fragment(href)))
}

fn without_fragment(href: &str) -> &str {
    href.split(['#', '?']).next().unwrap_or_default().trim()
}

/// Joins a path to that of a part. Steps beyond the root are ignored. A path that begins with `/`
/// begins at the root.
fn join(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    let path = path.strip_prefix('/').inspect(|_| parts.clear()).unwrap_or(path);
    for step in path.split(['/', '\\']) {
        match step {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(step),
        }
    }
    parts.join("/")
}

fn unescape_percent(href: &str) -> String {
    let mut bytes = Vec::with_capacity(href.len());
    let mut rest = href.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| href.to_owned())
}

#[cfg(test)]
mod tests;
