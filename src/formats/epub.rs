//! EPUB books (W3C EPUB 3.3, and the forms of version 2 before it): a zip archive with a package
//! document that names the chapters and their order.

use crate::archive::{Archive, MEMBER_BYTES_MAX};
use crate::defect::Defect;
use crate::xhtml::add_text;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::HashMap;
use std::ops::Range;

/// Where the package document is named.
const CONTAINER: &str = "META-INF/container.xml";

/// A book.
#[derive(Debug, Default, PartialEq)]
pub struct Book {
    /// What the package document says of it, such as `("title", "Emma")`, in its order; by the
    /// names of the Dublin Core.
    pub metadata: Vec<(String, String)>,
    /// The text of its chapters, in the order of the spine.
    pub text: String,
}

/// Whether an archive is an EPUB book.
pub fn is_epub(archive: &Archive) -> bool {
    archive.find(CONTAINER).is_some()
}

/// Reads a book. Chapters that cannot be read are left out and told in `defects`; an error says why
/// there is no book at all.
///
/// Chapters are the pages of the spine, without the table of contents and what is not `linear`.
pub fn read(archive: &mut Archive, defects: &mut Vec<Defect>) -> Result<Book, Defect> {
    let container = part(archive, CONTAINER)?.1;
    let mut path = None;
    let walked = elements(&container, |element, _| {
        if element.local_name().as_ref() == "rootfile" && path.is_none() {
            path = attribute(element, "full-path");
        }
    });
    let Some(path) = path else {
        let why = walked.err().unwrap_or_else(|| "no rootfile".into());
        return Err(Defect::new(0, format!("EPUB: {CONTAINER} names no package document: {why}")));
    };
    let (offset, package) = part(archive, &path)?;
    let package = Package::parse(&package);
    if let Some(error) = package.error {
        defects.push(Defect::new(offset, format!("EPUB: {path}: {error}; what follows is lost")));
    }
    let mut book = Book { metadata: package.metadata, text: String::new() };
    let (mut read, mut defects_left) = (0, DEFECTS_MAX);
    // Where in the text the pages are that were read: a spine may name one again and again.
    let mut pages: HashMap<String, Range<usize>> = HashMap::new();
    for id in package.spine {
        if defects_left == 0 || read > READ_BYTES_MAX {
            let what = format!("EPUB: {path}: its pages are damaged, or too many; it is left out");
            return Err(Defect::new(offset, shortened(&what)));
        }
        let Some(item) = package.manifest.get(&id) else {
            let what = format!("EPUB: {path}: the spine names {id:?}, which the manifest does not");
            defects.push(Defect::new(offset, shortened(&what)));
            defects_left -= 1;
            continue;
        };
        if !item.is_page {
            continue;
        }
        let name = resolve(&path, &item.href);
        if let Some(page) = pages.get(&name).cloned() {
            // What was wrong with it was told the first time.
            add_again(page, &mut book.text);
            if book.text.len() > MEMBER_BYTES_MAX {
                return Err(too_long());
            }
            continue;
        }
        let (offset, page) = match part(archive, &name) {
            Ok(page) => page,
            Err(defect) => {
                pages.insert(name, 0..0);
                defects.push(defect);
                defects_left -= 1;
                continue;
            }
        };
        read += page.len();
        let before = book.text.len();
        if let Err(error) = add_text(&page, &mut book.text) {
            let what = format!("EPUB: {name}: {error}; the rest of the chapter is left out");
            defects.push(Defect::new(offset, shortened(&what)));
            defects_left -= 1;
        }
        if book.text.len() > MEMBER_BYTES_MAX {
            return Err(too_long());
        }
        // Without the gap before it.
        let gap = if before > 0 && book.text.len() > before { PAGE_GAP.len() } else { 0 };
        pages.insert(name, before + gap..book.text.len());
    }
    Ok(book)
}

/// What stands between two pages.
const PAGE_GAP: &str = "\n\n";

/// Adds a page that the text has already.
fn add_again(page: Range<usize>, text: &mut String) {
    if page.is_empty() {
        return;
    }
    let page = text[page].to_owned();
    text.push_str(PAGE_GAP);
    text.push_str(&page);
}

fn too_long() -> Defect {
    let most = MEMBER_BYTES_MAX >> 20;
    Defect::new(0, format!("EPUB: a book of more than {most} MiB of text; it is left out"))
}

/// Pages of a book that may be damaged.
const DEFECTS_MAX: usize = 100;

/// Bytes of all pages of a book. No book has a tenth of it, and to parse them takes seconds.
const READ_BYTES_MAX: usize = 256 << 20;

/// A message of bounded length, whatever the names in it are.
fn shortened(what: &str) -> String {
    const BYTES_MAX: usize = 500;
    what[..what.floor_char_boundary(BYTES_MAX)].to_owned()
}

/// A part as text, and where it begins.
fn part(archive: &mut Archive, name: &str) -> Result<(u64, String), Defect> {
    let Some(number) = archive.find(name) else {
        return Err(Defect::new(0, shortened(&format!("EPUB: {name} is not in the archive"))));
    };
    let (offset, bytes) = archive.read(number)?;
    // UTF-8, or UTF-16 with its mark: the specification knows no others.
    let (text, _, damaged) = encoding_rs::UTF_8.decode(&bytes);
    match damaged {
        true => Err(Defect::new(offset, format!("EPUB: {name} is no Unicode text, or encrypted"))),
        false => Ok((offset, text.into_owned())),
    }
}

/// A package document.
#[derive(Default)]
struct Package {
    metadata: Vec<(String, String)>,
    /// By id.
    manifest: HashMap<String, Item>,
    /// Ids, in the order of reading.
    spine: Vec<String>,
    error: Option<String>,
}

struct Item {
    href: String,
    /// XHTML, and not the table of contents.
    is_page: bool,
}

/// What of the metadata is told.
const METADATA: [&str; 7] =
    ["title", "creator", "language", "date", "publisher", "identifier", "rights"];

impl Package {
    fn parse(text: &str) -> Package {
        let mut package = Package::default();
        let walked = elements(text, |element, content| match element.local_name().as_ref() {
            "item" => {
                let get = |name| attribute(element, name);
                let (Some(id), Some(href)) = (get("id"), get("href")) else { return };
                let kind = get("media-type").unwrap_or_default();
                let properties = get("properties").unwrap_or_default();
                let is_contents = properties.split_ascii_whitespace().any(|word| word == "nav");
                let is_page = matches!(&kind[..], "application/xhtml+xml" | "text/html");
                package.manifest.insert(id, Item { href, is_page: is_page && !is_contents });
            }
            "itemref" if attribute(element, "linear").as_deref() != Some("no") => {
                package.spine.extend(attribute(element, "idref"));
            }
            name if METADATA.contains(&name) && !content.trim().is_empty() => {
                let value = content.split_whitespace().collect::<Vec<_>>().join(" ");
                package.metadata.push((name.to_owned(), value));
            }
            _ => {}
        });
        package.error = walked.err();
        package
    }
}

/// Hands every element to `each`, with the text that follows it up to the next tag.
fn elements(text: &str, mut each: impl FnMut(&BytesStart, &str)) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut open: Option<BytesStart> = None;
    let mut content = String::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("byte {}: {error}", reader.error_position()))?;
        match &event {
            Event::Text(piece) => content.push_str(piece),
            Event::CData(piece) => content.push_str(piece),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(c)) => content.push(c),
                _ => content
                    .push_str(quick_xml::escape::resolve_html5_entity(entity).unwrap_or_default()),
            },
            _ => {
                open.take().inspect(|element| each(element, &content));
                content.clear();
            }
        }
        match event {
            Event::Start(start) | Event::Empty(start) => open = Some(start),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let attributes = attributes.with_checks(false).flatten();
    let mut named = attributes.filter(|attribute| attribute.key.local_name().as_ref() == name);
    named.next()?.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// The part that `href`, in the part `base`, means.
fn resolve(base: &str, href: &str) -> String {
    let href = href.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    let href = unescape_percent(href);
    for step in href.split('/') {
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
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| href.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Cursor, Write};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    const PACKAGE: &str = r#"<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf">
        <metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A &amp; B</dc:title>
        <dc:creator>N.&#160;N.</dc:creator><dc:rights/></metadata><manifest>
        <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
        <item id="i2" href="../two%20b.xhtml#x" media-type="application/xhtml+xml"/>
        <item id="i1" href="sub/./one.xhtml" media-type="application/xhtml+xml"/>
        <item id="notes" href="notes.xhtml" media-type="application/xhtml+xml"/>
        <item id="cover" href="cover.svg" media-type="image/svg+xml"/></manifest>
        <spine><itemref idref="cover"/><itemref idref="nav"/><itemref idref="i1"/>
        <itemref idref="notes" linear="no"/><itemref idref="i2"/></spine></package>"#;

    fn book() -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let container = "<container><rootfile full-path=\"o/b.opf\"/></container>";
        for (name, text) in [
            ("mimetype", "application/epub+zip"),
            (CONTAINER, container),
            ("o/b.opf", PACKAGE),
            ("o/nav.xhtml", "contents"),
            ("two b.xhtml", "<p>Two.</p>"),
            ("o/sub/one.xhtml", "<p>One.</p>"),
            ("o/notes.xhtml", "notes"),
        ] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read_bytes(bytes: &[u8]) -> (Result<Book, Defect>, Vec<Defect>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut defects = Vec::new();
        let book = Archive::open(file.path()).and_then(|mut a| read(&mut a, &mut defects));
        (book, defects)
    }

    #[test]
    fn chapters_come_in_the_order_of_the_spine() {
        let (book, defects) = read_bytes(&book());
        let metadata = [("title", "A & B"), ("creator", "N. N.")];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = Book { metadata: metadata.to_vec(), text: "One.\n\nTwo.".into() };
        assert_eq!((book, defects), (Ok(expected), vec![]));
    }

    #[test]
    fn a_page_named_again_and_again_is_read_once_and_stands_in_the_text_each_time() {
        let deep = format!("{}deep{}", "<i>".repeat(200_000), "</i>".repeat(200_000));
        let again = "<itemref idref=\"deep\"/><itemref idref=\"gone\"/>".repeat(400);
        let package = format!(
            "<package><manifest><item id=\"deep\" href=\"deep.xhtml\" \
             media-type=\"text/html\"/><item id=\"gone\" href=\"gone.xhtml\" \
             media-type=\"text/html\"/></manifest><spine>{again}</spine></package>"
        );
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let container = "<container><rootfile full-path=\"b.opf\"/></container>";
        for (name, text) in [(CONTAINER, container), ("b.opf", &package), ("deep.xhtml", &deep)] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        // 400 times is more than a book may have, if each time counts.
        assert!(400 * deep.len() > READ_BYTES_MAX);
        let (book, defects) = read_bytes(&writer.finish().unwrap().into_inner());
        assert_eq!(book.unwrap().text, vec!["deep"; 400].join("\n\n"));
        assert_eq!(defects.len(), 1, "{defects:?}");
    }

    #[test]
    fn steps_out_of_the_archive_lead_nowhere() {
        assert_eq!(resolve("a/b.opf", "../../../etc/passwd"), "etc/passwd");
        assert_eq!(resolve("b.opf", "c%2Fd%zz%C3%A9.xhtml?q#f"), "c/d%zzé.xhtml");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn damage_anywhere_is_a_defect_at_most(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(), is_cut in any::<bool>(),
        ) {
            let mut bytes = book();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let (book, defects) = read_bytes(&bytes);
            prop_assert!(book.is_err() || book.unwrap().text.len() < 1000);
            prop_assert!(defects.iter().all(|defect| defect.device.is_none()));
        }
    }
}
