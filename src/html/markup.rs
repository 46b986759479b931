//! Tokenizes HTML into starts and ends of elements, and text: the tokenizer of HTML5, as in libxml2
//! since 2.14 (`HTMLparser.c`: `htmlParseTryOrFinish`).
//!
//! Every byte is read a bounded number of times, whatever the page.

use crate::Sink;
use crate::blank::is_blank;
use crate::elements::{Content, Elements, Name};
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// Begins text without markup in XML.
const CDATA: &[u8] = b"<![CDATA[";

/// Bytes of a name that count (libxml2: `HTML_PARSER_BUFFER_SIZE`).
const NAME_BYTES_MAX: usize = 100;

/// Passes the elements and text of `html` to `sink`. Returns the offset of the tag or comment that
/// is open at the end of the page, if one is.
pub(crate) fn parse<S: Sink>(html: &str, sink: &mut S) -> Option<usize> {
    // The byte order mark is not part of the page.
    let html = html.strip_prefix('\u{feff}').unwrap_or(html);
    let elements = Elements::new(sink);
    let mut page = Page { html, at: 0, elements, content: Content::Markup, cut_at: None };
    page.prolog();
    while page.at < html.len() {
        match page.content {
            Content::Markup => page.markup(),
            content => page.raw(content),
        }
    }
    page.cut_at
}

struct Page<'a, 'sink, S> {
    html: &'a str,
    at: usize,
    elements: Elements<'sink, S>,
    /// How the content of the element that was opened last is read, until its end tag.
    content: Content,
    /// Offset of the tag or comment that is open at the end of the page.
    cut_at: Option<usize>,
}

impl<S: Sink> Page<'_, '_, S> {
    fn rest(&self) -> &[u8] {
        &self.html.as_bytes()[self.at..]
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.html.as_bytes().get(self.at + ahead).copied()
    }

    /// Moves to `place`. Without one, moves to the end of the page, which is within the construct
    /// that begins at `begin`.
    fn go_to(&mut self, place: Option<usize>, begin: usize) {
        self.at = place.unwrap_or(self.html.len());
        if place.is_none() {
            self.cut_at = Some(begin);
        }
    }

    fn skip_blanks(&mut self) {
        let blanks = self.rest().iter().take_while(|byte| is_blank(char::from(**byte)));
        self.at += blanks.count();
    }

    /// Reads blanks, comments and a doctype at the beginning.
    fn prolog(&mut self) {
        loop {
            self.skip_blanks();
            match self.rest() {
                [b'<', b'!', b'-', b'-', ..] => self.comment(),
                [b'<', b'?', ..] => self.bogus_comment(1),
                [b'<', b'!', ..] if self.is_doctype() => {
                    self.document_type();
                    self.second_prolog();
                    return;
                }
                _ => return,
            }
        }
    }

    /// Reads the same after a doctype, except for another doctype.
    fn second_prolog(&mut self) {
        loop {
            self.skip_blanks();
            match self.rest() {
                [b'<', b'!', b'-', b'-', ..] => self.comment(),
                [b'<', b'?', ..] => self.bogus_comment(1),
                _ => return,
            }
        }
    }

    fn is_doctype(&self) -> bool {
        self.rest().get(2..9).is_some_and(|word| word.eq_ignore_ascii_case(b"doctype"))
    }

    /// Reads one tag or comment, or text up to the next one.
    fn markup(&mut self) {
        match self.rest() {
            [b'<', b'/'] => {
                self.elements.prepare_text();
                self.elements.sink.data("</");
                self.at += 2;
            }
            [b'<', b'/', b'>', ..] => self.at += 3,
            [b'<', b'/', letter, ..] if letter.is_ascii_alphabetic() => self.end_tag(),
            [b'<', b'/', ..] => self.bogus_comment(2),
            [b'<', b'!', b'-', b'-', ..] => self.comment(),
            [b'<', b'!', b'[', ..] if S::MAY_BE_XML && self.rest().starts_with(CDATA) => {
                self.cdata();
            }
            [b'<', b'!', ..] => self.bogus_comment(2),
            [b'<', b'?', ..] => self.bogus_comment(1),
            [b'<', letter, ..] if letter.is_ascii_alphabetic() => self.start_tag(),
            [b'<', ..] => {
                self.elements.prepare_text();
                self.elements.sink.data("<");
                self.at += 1;
            }
            text => {
                let end = memchr(b'<', text).map_or(self.html.len(), |length| self.at + length);
                let text = decoded(&self.html[self.at..end]);
                self.at = end;
                self.elements.text(&text);
            }
        }
    }

    /// Reads `<!--` up to `-->` or `--!>`, or up to the end.
    fn comment(&mut self) {
        let begin = self.at;
        self.at += 4;
        match self.rest() {
            [b'>', ..] => self.at += 1,
            [b'-', b'>', ..] => self.at += 2,
            _ => {
                let rest = self.rest();
                let ends = memchr::memmem::find_iter(rest, b"-").find_map(|dash| {
                    let length = match &rest[dash..] {
                        [b'-', b'-', b'>', ..] => 3,
                        [b'-', b'-', b'!', b'>', ..] => 4,
                        _ => return None,
                    };
                    Some(self.at + dash + length)
                });
                self.go_to(ends, begin);
            }
        }
        self.elements.sink.end_string();
    }

    /// Reads a bogus comment or a doctype, from `ahead` up to the next `>`.
    fn bogus_comment(&mut self, ahead: usize) {
        let begin = self.at;
        self.at += ahead;
        let end = memchr(b'>', self.rest()).map(|length| self.at + length + 1);
        self.go_to(end, begin);
        self.elements.sink.end_string();
    }

    /// Reads `<!DOCTYPE ...>`, in XML with its declarations in brackets.
    fn document_type(&mut self) {
        let rest = self.rest();
        let declarations = memchr2(b'[', b'>', rest).filter(|at| rest[*at] == b'[');
        let end = declarations.and_then(|from| Some(from + memchr(b']', &rest[from..])?));
        self.bogus_comment(end.filter(|_| S::MAY_BE_XML).unwrap_or(2));
    }

    /// Reads `<![CDATA[` up to `]]>` literally.
    fn cdata(&mut self) {
        let (begin, from) = (self.at, self.at + CDATA.len());
        let length = memchr::memmem::find(&self.html.as_bytes()[from..], b"]]>");
        let text = unix_lines(&self.html[from..length.map_or(self.html.len(), |n| from + n)]);
        self.go_to(length.map(|length| from + length + 3), begin);
        self.elements.prepare_text();
        self.elements.sink.data(&text);
    }

    fn start_tag(&mut self) {
        let begin = self.at;
        self.at += 1;
        let name = self.tag_name();
        let opens = self.elements.prepare(name);
        self.attributes();
        if self.at == self.html.len() {
            self.cut_at = Some(begin);
            return;
        }
        if opens {
            self.elements.open(name);
        }
        if self.byte(0) == Some(b'/') {
            // If the tag opens nothing, this ends the element around it, as in libxml2.
            self.at += 2;
            self.elements.end_innermost();
            return;
        }
        self.at += 1;
        self.content = self.elements.content();
    }

    fn end_tag(&mut self) {
        let begin = self.at;
        self.at += 2;
        let name = self.tag_name();
        self.attributes();
        match self.byte(0) {
            None => {
                self.cut_at = Some(begin);
                return;
            }
            Some(b'/') => self.at += 2,
            Some(_) => self.at += 1,
        }
        self.elements.end(name);
    }

    fn tag_name(&mut self) -> Name {
        let ends = |byte: &u8| matches!(byte, b'/' | b'>') || is_blank(char::from(*byte));
        let length = self.rest().iter().position(ends).unwrap_or(self.rest().len());
        let mut name = String::new();
        for char in self.html[self.at..self.at + length].chars() {
            let char = if char == '\0' { char::REPLACEMENT_CHARACTER } else { char };
            if name.len() + char.len_utf8() <= NAME_BYTES_MAX {
                name.push(char.to_ascii_lowercase());
            }
        }
        self.at += length;
        self.elements.number(&name)
    }

    /// Moves to the `>` or `/>` of a tag, or to the end of the page.
    fn attributes(&mut self) {
        self.skip_blanks();
        loop {
            match self.rest() {
                [] | [b'>', ..] | [b'/', b'>', ..] => return,
                [b'/', ..] => self.at += 1,
                _ => self.attribute(),
            }
            self.skip_blanks();
        }
    }

    fn attribute(&mut self) {
        let ends = |byte: &u8| matches!(byte, b'/' | b'>' | b'=') || is_blank(char::from(*byte));
        let rest = &self.rest()[1..];
        let length = 1 + rest.iter().position(ends).unwrap_or(rest.len());
        self.at += length;
        self.skip_blanks();
        if self.byte(0) != Some(b'=') {
            return;
        }
        self.at += 1;
        self.skip_blanks();
        let (from, end) = match self.byte(0) {
            Some(quote @ (b'"' | b'\'')) => {
                let from = self.at + 1;
                (from + 1, memchr(quote, &self.html.as_bytes()[from..]).map(|n| from + n))
            }
            _ => {
                let ends = |byte: &u8| *byte == b'>' || is_blank(char::from(*byte));
                (self.at, self.rest().iter().position(ends).map(|n| self.at + n))
            }
        };
        let is_quoted = from > self.at;
        self.at = end.map_or(self.html.len(), |end| end + usize::from(is_quoted));
    }

    /// Reads the text of an element that has no child elements.
    fn raw(&mut self, content: Content) {
        let name = self.elements.innermost().map(|name| self.elements.name(name).as_bytes());
        let end = match content {
            Content::Plain => self.rest().len(),
            Content::Script => script_end(self.rest(), name.unwrap_or_default()),
            _ => text_end(self.rest(), name.unwrap_or_default()),
        };
        let text = &self.html[self.at..self.at + end];
        let text = match content {
            Content::Rcdata => decoded(text),
            _ => unix_lines(text),
        };
        self.at += end;
        self.elements.sink.data(&text);
        self.content = Content::Markup;
    }
}

/// Whether a tag of that name begins here: a blank, `/` or `>` follows the name.
fn begins_tag(bytes: &[u8], name: &[u8]) -> bool {
    let Some((begin, rest)) = bytes.split_at_checked(name.len()) else { return false };
    let ends = |byte: &u8| matches!(byte, b'/' | b'>') || is_blank(char::from(*byte));
    begin.eq_ignore_ascii_case(name) && rest.first().is_some_and(ends)
}

/// Returns the offset of an element's end tag, or the end of the page.
fn text_end(bytes: &[u8], name: &[u8]) -> usize {
    let mut tags = memchr::memchr_iter(b'<', bytes);
    let is_end =
        |at: &usize| bytes.get(at + 1) == Some(&b'/') && begins_tag(&bytes[at + 2..], name);
    tags.find(is_end).unwrap_or(bytes.len())
}

/// Returns the same for a script, where `<!--` hides an end tag that has a start tag of its own.
fn script_end(bytes: &[u8], name: &[u8]) -> usize {
    #[derive(PartialEq)]
    enum Where {
        Outside,
        InComment,
        InScriptOfComment,
    }
    let (mut state, mut from) = (Where::Outside, 0);
    while let Some(found) = memchr2(b'<', b'-', &bytes[from..]) {
        let at = from + found;
        from = at + 1;
        match &bytes[at..] {
            [b'<', b'!', b'-', b'-', ..] if state == Where::Outside => state = Where::InComment,
            [b'<', b'/', rest @ ..] if begins_tag(rest, name) => match state {
                Where::InScriptOfComment => state = Where::InComment,
                _ => return at,
            },
            [b'<', rest @ ..] if state == Where::InComment && begins_tag(rest, name) => {
                state = Where::InScriptOfComment;
            }
            [b'-', b'-', b'>', ..] => state = Where::Outside,
            _ => {}
        }
    }
    bytes.len()
}

/// Decodes the references of a text.
fn decoded(text: &str) -> Cow<'_, str> {
    match unix_lines(text) {
        Cow::Borrowed(text) => htmlize::unescape(text),
        Cow::Owned(text) => Cow::Owned(htmlize::unescape(text).into_owned()),
    }
}

/// Converts line ends to `\n` and removes NULs.
fn unix_lines(text: &str) -> Cow<'_, str> {
    if memchr2(b'\r', b'\0', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(text.replace('\0', "\u{fffd}"))
}
