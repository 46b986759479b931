//! Rows of a `Posts.xml`: one `<row .../>` a line, as a rule.
//!
//! A row may span lines. A row that cannot be read is malformed, and reading resumes at the next line.
//! Comments, processing instructions and a document type are skipped. Other lines are counted
//! together. Entities are those of XML only: a document type that declares others is not read, so
//! they are never expanded.

use crate::failure::Failure;
use memchr::{memchr, memchr2, memchr3, memmem};
use quick_xml::Reader;
use quick_xml::escape::{resolve_xml_entity, unescape_with};
use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, BufRead};

/// A row of the dump, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Post {
    /// Byte of the unpacked file at which it begins.
    pub offset: u64,
    pub id: u64,
    /// The post that it is an answer to.
    pub parent: Option<u64>,
    pub title: Option<String>,
    /// As written.
    pub score: Option<String>,
    /// HTML.
    pub body: String,
    /// The latest of its dates, as written: `2023-03-29T10:00:00.000`.
    #[serde(skip)]
    pub date: Option<String>,
}

/// A line, or lines, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Malformed {
    pub offset: u64,
    /// Whether it is a row, which counts as a record.
    pub is_row: bool,
    pub bytes: u64,
    pub what: String,
}

/// A line of a file.
pub(crate) enum Line {
    Post(Post),
    Malformed(Malformed),
}

/// A line that is not parsed yet.
pub(crate) enum RawLine {
    Rows(RawRows),
    Malformed(Malformed),
}

/// The text of a row, or of several in one line.
pub(crate) struct RawRows {
    offset: u64,
    /// Number of its line.
    number: u64,
    text: Vec<u8>,
}

/// Finds all rows. The error is what is wrong with the file as a whole.
pub(crate) fn read(
    input: &mut dyn BufRead,
    row_bytes_max: usize,
    each: &mut dyn FnMut(RawLine) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut rows = Rows {
        each,
        others: None,
        number: 0,
        offset: 0,
        row: Vec::new(),
        row_at: (0, 0),
        until: None,
        is_open: false,
        is_closed: false,
    };
    let result = rows.read(input, row_bytes_max);
    rows.end_row()?;
    rows.report_others()?;
    result?;
    if let Some(mark) = rows.until {
        let mark = String::from_utf8_lossy(mark).into_owned();
        return Err(Failure::of_content(format!(
            "the file ends before the {mark} of what it passes over"
        )));
    }
    match (rows.is_open, rows.is_closed) {
        (false, _) => {
            Err(Failure::of_content("no posts: neither <posts> nor a <row> is in this file"))
        }
        (true, false) => Err(Failure::of_content(
            "the file ends without </posts>: it was cut short, fetch it again",
        )),
        _ => Ok(()),
    }
}

struct Rows<'a> {
    each: &'a mut dyn FnMut(RawLine) -> io::Result<()>,
    /// Consecutive lines that are not rows: the first, and how many.
    others: Option<(Malformed, u64)>,
    number: u64,
    offset: u64,
    /// The lines so far of an unfinished row, and the number and the offset of the first.
    row: Vec<u8>,
    row_at: (u64, u64),
    /// What ends the unfinished comment, instruction or document type.
    until: Option<&'static [u8]>,
    /// Whether `<posts>` or a row was read, and whether `</posts>` was.
    is_open: bool,
    is_closed: bool,
}

impl Rows<'_> {
    fn read(&mut self, input: &mut dyn BufRead, row_bytes_max: usize) -> Result<(), Failure> {
        let mut line = Vec::new();
        loop {
            let length = read_line(input, &mut line, row_bytes_max)?;
            if length == 0 {
                return Ok(());
            }
            self.number += 1;
            let begins_row = is_tag(line.trim_ascii_start(), b"row");
            if begins_row || line.trim_ascii_start().starts_with(b"</posts") {
                self.end_row()?;
            }
            let is_whole = self.row.len() as u64 + length <= row_bytes_max as u64;
            if is_whole {
                self.line(&line)?;
            } else if begins_row || !self.row.is_empty() {
                self.is_open = true;
                let length = length + std::mem::take(&mut self.row).len() as u64;
                let what = format!("a row of more than {row_bytes_max} bytes is not read");
                self.malformed(length, what)?;
            } else {
                self.other(length);
            }
            self.offset += length;
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        if !self.row.is_empty() {
            self.row.extend_from_slice(line);
            return Ok(self.rows_so_far()?);
        }
        let mut text = self.without_asides(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line));
        if let Some(rest) = text.strip_prefix(b"<posts>") {
            self.is_open = true;
            text = self.without_asides(rest);
        }
        if let Some(rest) = text.strip_suffix(b"</posts>") {
            self.is_closed = true;
            text = rest.trim_ascii();
        }
        if text.is_empty() || text == b"<posts/>" {
            self.is_open |= text == b"<posts/>";
            self.is_closed |= text == b"<posts/>";
            return Ok(());
        }
        if is_tag(text, b"row") {
            self.is_open = true;
            self.report_others()?;
            self.row_at = (self.number, self.offset);
            self.row.extend_from_slice(text);
            self.row.push(b'\n');
            return Ok(self.rows_so_far()?);
        }
        if !self.is_open && is_tag(text, b"posts") {
            self.is_open = true;
            return Ok(());
        }
        let is_element = text.len() > 1 && text[0] == b'<' && text[1].is_ascii_alphabetic();
        if !self.is_open && is_element {
            let name = text[1..].split(|byte| !byte.is_ascii_alphanumeric()).next();
            let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
            return Err(Failure::of_content(format!(
                "this file holds <{name:.40}> and not <posts>; of a site only Posts.xml is read"
            )));
        }
        self.other(line.len() as u64);
        Ok(())
    }

    /// Returns a line without the comments, processing instructions and document type at its beginning.
    fn without_asides<'l>(&mut self, line: &'l [u8]) -> &'l [u8] {
        let mut text = line.trim_ascii();
        loop {
            let Some(mark) = self.until.take() else {
                self.until = match text {
                    [b'<', b'!', b'-', b'-', ..] => Some(b"-->"),
                    [b'<', b'?', ..] => Some(b"?>"),
                    [b'<', b'!', b'D' | b'd', rest @ ..] => match memchr2(b'[', b'>', rest) {
                        Some(at) if rest[at] == b'[' => Some(b"]>"),
                        _ => Some(b">"),
                    },
                    _ => return text,
                };
                continue;
            };
            match memmem::find(text, mark) {
                Some(at) => text = text[at + mark.len()..].trim_ascii(),
                None => {
                    self.until = Some(mark);
                    return b"";
                }
            }
        }
    }

    /// Returns the lines of a row, once its tag is closed.
    fn rows_so_far(&mut self) -> io::Result<()> {
        if is_in_tag(&self.row) {
            return Ok(());
        }
        self.end_row()
    }

    /// Returns the lines of a row, complete or not.
    fn end_row(&mut self) -> io::Result<()> {
        if self.row.is_empty() {
            return Ok(());
        }
        let mut text = std::mem::take(&mut self.row);
        let (number, offset) = self.row_at;
        text.truncate(text.trim_ascii_end().len());
        if text.ends_with(b"</posts>") {
            self.is_closed = true;
            text.truncate(text.len() - b"</posts>".len());
        }
        (self.each)(RawLine::Rows(RawRows { offset, number, text }))
    }

    fn malformed(&mut self, bytes: u64, what: String) -> io::Result<()> {
        self.report_others()?;
        (self.each)(RawLine::Malformed(malformed(self.offset, self.number, bytes, what)))
    }

    /// Counts a line that is not a row.
    fn other(&mut self, bytes: u64) {
        let begun = self.others.get_or_insert_with(|| {
            let what = format!("line {}", self.number);
            (Malformed { offset: self.offset, is_row: false, bytes: 0, what }, 0)
        });
        begun.0.bytes += bytes;
        begun.1 += 1;
    }

    fn report_others(&mut self) -> io::Result<()> {
        let Some((mut lines, count)) = self.others.take() else { return Ok(()) };
        lines.what += &match count {
            1 => ": not a row of posts".to_owned(),
            _ => format!(" and {} after it: not rows of posts", count - 1),
        };
        (self.each)(RawLine::Malformed(lines))
    }
}

impl RawLine {
    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            RawLine::Rows(rows) => rows.text.len(),
            RawLine::Malformed(_) => 0,
        }
    }

    /// Parses the line: one row, as a rule.
    pub fn parse(self) -> Vec<Line> {
        match self {
            RawLine::Rows(rows) => rows.parse(),
            RawLine::Malformed(lines) => vec![Line::Malformed(lines)],
        }
    }
}

impl RawRows {
    fn parse(self) -> Vec<Line> {
        let RawRows { offset, number, text } = self;
        let wrong =
            |bytes: usize, what| Line::Malformed(malformed(offset, number, bytes as u64, what));
        let mut lines = Vec::with_capacity(1);
        let Ok(text) = std::str::from_utf8(&text) else {
            return vec![wrong(text.len(), "a row that is not UTF-8".to_owned())];
        };
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        loop {
            match reader.read_event() {
                Ok(Event::Empty(row) | Event::Start(row)) if row.name().0 == "row" => {
                    lines.push(match post(&row) {
                        Ok(post) => Line::Post(Post { offset, ..post }),
                        Err(what) => wrong(row.len(), what),
                    });
                }
                Ok(Event::Eof) => return lines,
                Ok(Event::Text(text)) if text.trim_ascii().is_empty() => {}
                Ok(Event::End(_) | Event::Comment(_)) => {}
                Ok(_) => {
                    lines.push(wrong(
                        text.len(),
                        "a line that is not a `<row .../>` element".to_owned(),
                    ));
                    return lines;
                }
                Err(error) => {
                    lines.push(wrong(text.len(), format!("broken XML: {error}")));
                    return lines;
                }
            }
        }
    }
}

fn malformed(offset: u64, number: u64, bytes: u64, what: String) -> Malformed {
    Malformed { offset, is_row: true, bytes, what: format!("line {number}: {what}") }
}

/// Whether a text ends within a tag: its `>` is missing, or the quotation mark of a value.
fn is_in_tag(text: &[u8]) -> bool {
    let (mut rest, mut quote) = (text, None);
    let mut is_open = false;
    loop {
        let next = match quote {
            Some(mark) => memchr(mark, rest),
            None if is_open => memchr3(b'"', b'\'', b'>', rest),
            None => memchr(b'<', rest),
        };
        let Some(at) = next else { return is_open };
        match (quote, rest[at]) {
            (Some(_), _) => quote = None,
            (None, b'<') => is_open = true,
            (None, b'>') => is_open = false,
            (None, mark) => quote = Some(mark),
        }
        rest = &rest[at + 1..];
    }
}

/// Whether `text` begins with a tag of this name.
fn is_tag(text: &[u8], name: &[u8]) -> bool {
    let rest = text.strip_prefix(b"<").and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| {
        matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>'))
    })
}

/// Reads up to a line end, at most `bytes_max` bytes of it into `line`. Returns its length; 0 at the
/// end.
pub(crate) fn read_line(
    input: &mut dyn BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<u64> {
    line.clear();
    let mut length = 0;
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        let left = (bytes_max + 1).saturating_sub(line.len());
        line.extend_from_slice(&bytes[..taken.min(left)]);
        input.consume(taken);
        length += taken as u64;
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

/// Parses the post of a row (upstream `filter.py` reads the attributes Id, ParentId, Title, Body,
/// Score). The error says what is wrong with it.
fn post(row: &BytesStart) -> Result<Post, String> {
    let [mut id, mut parent, mut title, mut score, mut body] = [const { None }; 5];
    let mut date: Option<String> = None;
    // The parser's own check for duplicate names compares each with each.
    for attribute in row.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| format!("broken XML: {error}"))?;
        let name = attribute.key.0;
        let place = match name {
            "Id" => &mut id,
            "ParentId" => &mut parent,
            "Title" => &mut title,
            "Score" => &mut score,
            "Body" => &mut body,
            "CreationDate" | "LastEditDate" | "LastActivityDate" => {
                date = date.max(Some(attribute.value.to_string()));
                continue;
            }
            _ => continue,
        };
        if place.is_some() {
            return Err(format!("broken XML: {name} occurs twice"));
        }
        *place = Some(value(&attribute.value).map_err(|what| format!("{name}: {what}"))?);
    }
    let number = |name: &str, text: &str| -> Result<u64, String> {
        let number = text.parse().ok().filter(|number| *number <= i64::MAX as u64);
        number.ok_or_else(|| format!("{name} is {text:.40?} and not a number"))
    };
    let id = id.ok_or("a row without Id")?;
    Ok(Post {
        offset: 0,
        id: number("Id", &id)?,
        parent: parent.map(|parent| number("ParentId", &parent)).transpose()?,
        title,
        score,
        body: body.unwrap_or_default(),
        date,
    })
}

/// Unescapes the value of an attribute (XML 1.0, 3.3.3).
fn value(raw: &str) -> Result<String, String> {
    let blanked = if raw.contains(['\t', '\r', '\n']) {
        Cow::Owned(raw.replace(['\t', '\r', '\n'], " "))
    } else {
        Cow::Borrowed(raw)
    };
    let text = match unescape_with(&blanked, resolve_xml_entity) {
        Ok(text) => text,
        // References by number to what is not a character, such as half a surrogate pair: some dumps have
        // them.
        Err(_) => match unescape_with(&with_characters(&blanked), resolve_xml_entity) {
            Ok(text) => Cow::Owned(text.into_owned()),
            Err(error) => return Err(error.to_string()),
        },
    };
    Ok(text.into_owned())
}

/// Replaces references to what is not a character by U+FFFD.
fn with_characters(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("&#") {
        text.push_str(before);
        let end = after.bytes().take(10).position(|byte| byte == b';');
        let digits = end.map_or("", |end| &after[..end]);
        let number = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        match (number, end) {
            (Ok(number), Some(end)) => {
                text.push(char::from_u32(number).filter(|c| *c != '\0').unwrap_or('\u{fffd}'));
                // Markup stays escaped for the second reading.
                if let Some(escaped @ ('&' | '<')) = text.chars().next_back() {
                    text.pop();
                    text.push_str(if escaped == '&' { "&amp;" } else { "&lt;" });
                }
                rest = &after[end + 1..];
            }
            _ => {
                text.push_str("&#");
                rest = after;
            }
        }
    }
    text + rest
}
