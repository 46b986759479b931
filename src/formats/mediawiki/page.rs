//! One page, parsed.

use super::Site;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use std::sync::Arc;

/// A page as it was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Byte of the stored file at which it begins; in compressed files, at which its member or block
    /// begins.
    pub offset: u64,
    /// Its wiki.
    pub site: Arc<Site>,
    /// Its number in the wiki, which stays when the page is moved.
    pub id: Option<u64>,
    /// Its title.
    pub title: String,
    /// Its namespace; 0 for articles.
    pub namespace: Option<i64>,
    /// Whether it is a redirect to another page.
    pub redirect: bool,
    /// The content model of its text, `wikitext` as a rule. Old exports have none.
    pub model: Option<String>,
    /// The text of its last revision. `None` where it is missing or was deleted.
    pub text: Option<String>,
}

/// The deepest nesting of elements. A page has three levels.
const DEPTH_MAX: usize = 64;

/// Parses `<page>` to `</page>`. The error says what is wrong.
pub(super) fn parse(xml: &[u8]) -> Result<Page, String> {
    let xml = std::str::from_utf8(xml)
        .map_err(|error| format!("byte {} of the page is not UTF-8", error.valid_up_to()))?;
    let mut page = Page::default();
    elements(xml, |path, event| match (path, event) {
        (["page", "redirect"], Part::Begin) => page.redirect = true,
        (["page", "id"], Part::Text(text)) => page.id = text.trim().parse().ok(),
        (["page", "title"], Part::Text(text)) => page.title = text,
        (["page", "ns"], Part::Text(text)) => page.namespace = text.trim().parse().ok(),
        // The last revision is the one that counts.
        (["page", "revision"], Part::Begin) => (page.model, page.text) = (None, None),
        (["page", "revision", "model"], Part::Text(text)) => page.model = Some(text),
        (["page", "revision", "text"], Part::Text(text)) => {
            page.text = (!text.is_empty()).then_some(text);
        }
        _ => {}
    })?;
    Ok(page)
}

/// Parses the wiki from the head of an export. Damage in it is ignored.
pub(super) fn site(head: &[u8]) -> Site {
    let mut site = Site::default();
    let head = String::from_utf8_lossy(head);
    let Some(begin) = head.find("<siteinfo") else { return site };
    let _ = elements(&head[begin..], |path, event| match (path, event) {
        (["siteinfo", "dbname"], Part::Text(text)) => site.dbname = Some(text),
        (["siteinfo", "base"], Part::Text(text)) => site.base = Some(text),
        _ => {}
    });
    site
}

/// Returns the title of a page whose end is missing, as written.
pub(super) fn title(xml: &[u8]) -> Option<String> {
    let xml = String::from_utf8_lossy(&xml[..xml.len().min(4096)]);
    let (_, rest) = xml.split_once("<title>")?;
    Some(rest.split_once("</title>")?.0.chars().take(200).collect())
}

enum Part {
    Begin,
    /// All of an element's own text.
    Text(String),
}

/// Calls `visit` for each element of an XML text, with its path.
fn elements(xml: &str, mut visit: impl FnMut(&[&str], Part)) -> Result<(), String> {
    let mut reader = Reader::from_str(xml);
    // Names, and the text so far.
    let mut path: Vec<&str> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    loop {
        let begin = reader.buffer_position() as usize;
        match reader.read_event().map_err(|error| format!("broken XML: {error}"))? {
            Event::Start(_) => {
                if path.len() == DEPTH_MAX {
                    return Err(format!("elements more than {DEPTH_MAX} deep"));
                }
                path.push(name(&xml[begin..]));
                texts.push(String::new());
                visit(&path, Part::Begin);
            }
            Event::Empty(_) => {
                path.push(name(&xml[begin..]));
                visit(&path, Part::Begin);
                path.pop();
            }
            Event::End(_) => {
                let text = texts.pop().ok_or("broken XML: an end without a beginning")?;
                visit(&path, Part::Text(text));
                path.pop();
            }
            Event::Text(part) => push(&mut texts, &part.xml10_content()),
            Event::CData(part) => push(&mut texts, &part.xml10_content()),
            Event::GeneralRef(entity) => {
                push(&mut texts, resolve(&entity)?.encode_utf8(&mut [0; 4]));
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn push(texts: &mut [String], part: &str) {
    if let Some(text) = texts.last_mut() {
        text.push_str(part);
    }
}

/// Returns the name of the element that begins here.
fn name(xml: &str) -> &str {
    let xml = xml.trim_start_matches('<');
    let end = xml.find([' ', '\t', '\r', '\n', '/', '>']).unwrap_or(xml.len());
    &xml[..end]
}

/// Resolves the five entities of XML 1.0 and characters by number. Other entities would have to be
/// declared by a document type, and are never expanded.
fn resolve(entity: &BytesRef) -> Result<char, String> {
    let unknown =
        |name: &str| format!("unknown entity &{};", name.chars().take(40).collect::<String>());
    let name: &str = entity;
    match entity.resolve_char_ref() {
        Ok(Some(c)) => return Ok(c),
        Ok(None) => {}
        Err(_) => return Err(unknown(name)),
    }
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(unknown(other)),
    }
}
