//! The package document of a book, and the documents that name parts.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::HashMap;

/// A package document.
#[derive(Default)]
pub struct Package {
    pub metadata: Vec<(String, String)>,
    /// The parts, in the order in which they are named.
    pub manifest: Vec<Item>,
    /// The index of a part in the manifest, by its id.
    pub by_id: HashMap<String, usize>,
    /// Ids in the order of reading, and whether the page is `linear`.
    pub spine: Vec<(String, bool)>,
    pub error: Option<String>,
}

/// A part that the manifest names.
#[derive(Clone, Debug)]
pub struct Item {
    pub href: String,
    /// As declared. It may be wrong.
    pub media_type: String,
    /// Whether it is the table of contents.
    pub is_contents: bool,
    /// The id of the part to read in its place.
    pub fallback: Option<String>,
}

/// The metadata that is kept.
const METADATA: [&str; 7] =
    ["title", "creator", "language", "date", "publisher", "identifier", "rights"];

impl Package {
    pub fn parse(text: &str) -> Package {
        let mut package = Package::default();
        // Names of version 1 have capitals: `dc:Title`.
        let walked = elements(text, |element, content| {
            let name = element.local_name().as_ref().to_ascii_lowercase();
            match &name[..] {
                "item" => package.item(element),
                "itemref" => {
                    let is_linear = attribute(element, "linear").as_deref() != Some("no");
                    let id = attribute(element, "idref").unwrap_or_default();
                    package.spine.push((id, is_linear));
                }
                name if METADATA.contains(&name) && !content.trim().is_empty() => {
                    let value = content.split_whitespace().collect::<Vec<_>>().join(" ");
                    package.metadata.push((name.to_owned(), value));
                }
                _ => {}
            }
        });
        package.error = walked.err();
        package
    }

    fn item(&mut self, element: &BytesStart) {
        let get = |name| attribute(element, name);
        let (Some(id), Some(href)) = (get("id"), get("href")) else { return };
        let properties = get("properties").unwrap_or_default();
        let is_contents = properties.split_ascii_whitespace().any(|word| word == "nav");
        let media_type = media_type(&get("media-type").unwrap_or_default());
        self.by_id.insert(id, self.manifest.len());
        self.manifest.push(Item { href, media_type, is_contents, fallback: get("fallback") });
    }
}

/// Returns a media type without its parameters, in lower case.
fn media_type(label: &str) -> String {
    label.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns the package documents that a container names, the most likely first: those with the media
/// type of a package, then those with its ending, then the others.
pub fn rootfiles(container: &str) -> (Vec<String>, Option<String>) {
    let mut found = Vec::new();
    let walked = elements(container, |element, _| {
        if element.local_name().as_ref() == "rootfile" {
            let kind = media_type(&attribute(element, "media-type").unwrap_or_default());
            found.extend(attribute(element, "full-path").map(|path| (kind, path)));
        }
    });
    found.sort_by_key(|(kind, path)| {
        (kind != "application/oebps-package+xml", !path.to_ascii_lowercase().ends_with(".opf"))
    });
    (found.into_iter().map(|(_, path)| path).collect(), walked.err())
}

/// Obfuscation of fonts, which does not affect text.
const OF_FONTS: [&str; 2] =
    ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// Returns the parts that `META-INF/encryption.xml` names as encrypted, without fonts.
pub fn encrypted(encryption: &str) -> Vec<String> {
    let (mut found, mut is_of_fonts) = (Vec::new(), false);
    // Of a damaged document, the part before the damage counts.
    let _ = elements(encryption, |element, _| match element.local_name().as_ref() {
        "EncryptedData" => is_of_fonts = false,
        "EncryptionMethod" => {
            let method = attribute(element, "Algorithm").unwrap_or_default();
            is_of_fonts |= OF_FONTS.contains(&&method[..]);
        }
        "CipherReference" if !is_of_fonts => found.extend(attribute(element, "URI")),
        _ => {}
    });
    found
}

/// Calls `each` for every element, with the text that follows it up to the next tag.
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
