//! HTML tags and their attributes. Attributes are not part of the text, but they decide where a tag
//! ends, and may contain links and templates with any characters.

use super::{MARKERS, Route, Stop, Tokenizer};
use crate::context as cx;
use crate::token::{Kind, Token};

/// Tags whose contents are not wikitext (mwparserfromhell `PARSER_BLACKLIST`, which follows
/// <https://www.mediawiki.org/wiki/Parser_extension_tags>).
const UNPARSED: &[&str] = &[
    "categorytree",
    "ce",
    "chem",
    "gallery",
    "graph",
    "hiero",
    "imagemap",
    "inputbox",
    "math",
    "nowiki",
    "pre",
    "score",
    "section",
    "source",
    "syntaxhighlight",
    "templatedata",
    "timeline",
];

/// Tags whose contents are not text (`INVISIBLE_TAGS`).
const INVISIBLE: &[&str] = &[
    "categorytree",
    "gallery",
    "graph",
    "imagemap",
    "inputbox",
    "math",
    "score",
    "section",
    "templatedata",
    "timeline",
];

/// Tags that never have contents (`SINGLE_ONLY`), and those that need not be closed (`SINGLE`).
const LONE: &[&str] = &["br", "wbr", "hr", "meta", "link", "img"];
const MAY_STAY_OPEN: &[&str] = &["li", "dt", "dd", "th", "td", "tr"];

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The part of an attribute that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The tag's own name. `true` once it has begun.
    TagName(bool),
    /// Blanks before an attribute.
    Ready,
    /// An attribute's name. `true` once blanks follow it.
    Name(bool),
    /// After `=`, where a quote may follow.
    Equals,
    /// A value without quotes.
    Value,
    /// A value in quotes of this kind. `true` after the closing quote.
    Quoted(u8, bool),
}

/// A closing tag at which a tag at the maximal depth failed. Nothing opens at that depth, so each
/// tag between the two, at this depth and with another name, fails in the same way. Upstream takes
/// quadratic time here on pages of unclosed `<td>`.
pub(super) struct DeadEnd {
    from: usize,
    to: usize,
    name: Option<String>,
}

/// The handling of a character.
enum Step {
    /// It is text or begins a construct.
    Text,
    /// It was handled.
    Taken,
    /// The head was moved; reading continues there.
    Again,
}

/// The state of attributes (mwparserfromhell `_TagOpenData`). The name and value have a frame, a
/// quoted value has another one.
pub(super) struct Attributes {
    phase: Phase,
    /// The offset of the opening quote.
    quote: usize,
}

impl Attributes {
    pub(super) fn new(phase: Phase) -> Self {
        Attributes { phase, quote: 0 }
    }

    /// Whether the tag can end here, outside of a name or a quoted value.
    pub(super) fn may_end(&self) -> bool {
        !matches!(self.phase, Phase::TagName(false) | Phase::Quoted(_, false))
    }
}

impl Tokenizer<'_> {
    /// Reads `<`, which may begin a tag.
    pub(super) fn tag(&mut self) -> Route<()> {
        let reset = self.head;
        self.head += 1;
        match self.whole_tag() {
            Err(Stop::BadRoute(_)) => {
                self.head = reset;
                self.emit_byte();
                Ok(())
            }
            other => other,
        }
    }

    /// Reads `</` if no tag is open: some tags are written as `</br>`.
    pub(super) fn invalid_tag(&mut self) -> Route<()> {
        let begin = self.head;
        self.head += 2;
        let rest = &self.source[self.head..];
        let ends = |c: char| text::python::is_space(c) || c.is_ascii() && MARKERS[c as usize];
        let name = rest.split(ends).next().unwrap_or_default();
        let tag = if is_one_of(LONE, name) { self.whole_tag() } else { Err(Stop::BadRoute(0)) };
        match tag {
            Err(Stop::BadRoute(_)) => {
                self.head = begin + 1;
                self.emit_text(begin, begin + 2);
                Ok(())
            }
            other => other,
        }
    }

    /// Reads a tag from its name to the end of its contents. Emits nothing on failure.
    fn whole_tag(&mut self) -> Route<()> {
        if self.last_of.tag_end < self.head {
            return Err(Stop::BadRoute(0));
        }
        self.check(cx::TAG_OPEN)?;
        self.push(cx::TAG_OPEN);
        let (at, name) = (self.tokens.len(), self.head);
        self.tokens.push(Token::spanning(Kind::Tag, name, name));
        let mut attributes = Attributes::new(Phase::TagName(false));
        loop {
            self.spend(1)?;
            let (this, next) = (self.at(0), self.at(1));
            if this == 0 {
                if self.back_to_quote(&mut attributes)? {
                    continue;
                }
                return self.fail();
            }
            let closed = this == b'/' && next == b'>';
            if attributes.may_end() && (this == b'>' || closed) {
                self.end_attribute(&mut attributes)?;
                self.tokens.truncate(at + 1);
                if closed {
                    self.head += 1;
                    self.tokens[at].kind = Kind::LoneTag;
                    self.pop()?;
                    return Ok(());
                }
                return self.tag_body(at);
            }
            self.attribute_char(&mut attributes)?;
            if matches!(attributes.phase, Phase::TagName(_)) {
                self.tokens[at].to = self.head as u32;
            }
        }
    }

    /// Reads the contents after the `>` of the tag whose token is `at`.
    fn tag_body(&mut self, at: usize) -> Route<()> {
        let name = &self.source[self.tokens[at].range()];
        self.set(cx::TAG_BODY);
        if is_one_of(LONE, name) {
            self.tokens[at].kind = Kind::LoneTag;
            self.pop()?;
            return Ok(());
        }
        self.head += 1;
        let parsed = !is_one_of(UNPARSED, name);
        let must_close = !parsed || !is_one_of(MAY_STAY_OPEN, name);
        if must_close && self.last_of.closing_tag < self.head {
            return self.fail();
        }
        if parsed && self.is_at_dead_end(at) {
            return self.fail();
        }
        if parsed { self.parse_on() } else { self.unparsed_body(at) }
    }

    /// Reads the `>` of a closing tag. Its name must match the tag.
    pub(super) fn closing_tag_end(&mut self) -> Route<bool> {
        let frame = self.pop()?;
        let (name, begin) = match self.tokens[frame.start..] {
            [text] if text.kind == Kind::Text => (self.tag_name(text), text.from as usize),
            [first, ..] if first.kind == Kind::Text => (None, first.from as usize),
            _ => (None, 0),
        };
        self.tokens.truncate(frame.start);
        let tag = self.tokens.get(self.start()).copied();
        if name.is_none() || name != tag.and_then(|tag| self.tag_name(tag)) {
            if let Some(tag) = tag.filter(|_| !self.can_recurse()) {
                self.dead_end = Some(DeadEnd { from: tag.from as usize, to: begin, name });
            }
            return self.fail();
        }
        self.emit(Kind::Close);
        self.pop()?;
        Ok(true)
    }

    /// Whether the tag whose token is `at` would fail as an earlier one did.
    fn is_at_dead_end(&self, at: usize) -> bool {
        self.dead_end.as_ref().is_some_and(|end| {
            !self.can_recurse()
                && (end.from..end.to).contains(&self.head)
                && self.tag_name(self.tokens[at]) != end.name
        })
    }

    fn tag_name(&self, token: Token) -> Option<String> {
        let name = self.source.get(token.range())?;
        Some(name.trim_end_matches(text::python::is_space).to_lowercase())
    }

    /// Reads contents literally, except for entities.
    fn unparsed_body(&mut self, at: usize) -> Route<()> {
        let name = &self.source[self.tokens[at].range()];
        let (bytes, invisible) = (self.source.as_bytes(), is_one_of(INVISIBLE, name));
        loop {
            let from = self.head;
            let run = memchr::memchr2(b'<', b'&', &bytes[from.min(bytes.len())..]);
            let Some(run) = run else {
                self.head = bytes.len();
                return self.fail();
            };
            self.spend(1 + run / 16)?;
            self.head += run;
            if run > 0 {
                self.emit_text(from, self.head);
            }
            if self.at(0) == b'&' {
                self.entity();
            } else if self.at(1) != b'/' {
                self.emit_byte();
            } else if let Some(end) = self.closing_tag_of(name) {
                if invisible {
                    self.tokens.truncate(at + 1);
                    self.tokens[at].kind = Kind::LoneTag;
                } else {
                    self.emit(Kind::Close);
                }
                self.head = end;
                self.pop()?;
                return Ok(());
            } else {
                self.emit_text(self.head, self.head + 2);
                self.head += 1;
            }
            self.head += 1;
        }
    }

    /// Returns the offset of the `>` if a closing tag of that name is at the head.
    fn closing_tag_of(&self, name: &str) -> Option<usize> {
        let begin = self.head + 2;
        let found = self.source.get(begin..begin + name.len())?;
        let rest = &self.source[begin + name.len()..];
        let blank = rest.find(|c| c == '\n' || !text::python::is_space(c))?;
        let closes = found.eq_ignore_ascii_case(name) && rest[blank..].starts_with('>');
        closes.then_some(begin + name.len() + blank)
    }

    /// Whether the page may end within the current tag.
    pub(super) fn may_stay_open(&self) -> bool {
        let tag = self.tokens.get(self.start());
        let name = tag.and_then(|tag| self.source.get(tag.range())).unwrap_or_default();
        is_one_of(MAY_STAY_OPEN, name) || is_one_of(LONE, name)
    }

    /// Ends a tag without a closing tag. The text after it is not its contents.
    pub(super) fn leave_open(&mut self) -> Route<()> {
        let at = self.start();
        self.tokens[at].kind = Kind::LoneTag;
        self.pop()?;
        Ok(())
    }

    /// Handles an unexpected end: moves back to an opening quote that is never closed, to read it
    /// as a character of the value. Returns false if there is none.
    pub(super) fn back_to_quote(&mut self, attributes: &mut Attributes) -> Route<bool> {
        if self.context() & cx::TAG_ATTR == 0 {
            return Ok(false);
        }
        if let Phase::Quoted(..) = attributes.phase {
            attributes.phase = Phase::Value;
            self.remember_as_failed();
            self.discard()?;
            self.head = attributes.quote;
            return Ok(true);
        }
        self.discard()?;
        Ok(false)
    }

    /// Closes the frames of the current attribute.
    pub(super) fn end_attribute(&mut self, attributes: &mut Attributes) -> Route<()> {
        match attributes.phase {
            Phase::TagName(_) | Phase::Ready => return Ok(()),
            Phase::Quoted(..) => {
                self.discard()?;
                self.discard()?;
            }
            Phase::Name(_) | Phase::Equals | Phase::Value => self.discard()?,
        }
        attributes.phase = Phase::Ready;
        Ok(())
    }

    /// Reads one character of a tag, or a construct that begins with it (mwparserfromhell
    /// `_handle_tag_data`).
    pub(super) fn attribute_char(&mut self, attributes: &mut Attributes) -> Route<()> {
        match self.attribute_step(attributes)? {
            Step::Again => return Ok(()),
            Step::Text if self.can_recurse() => match (self.at(0), self.at(1)) {
                (b'{', b'{') => self.template_or_argument()?,
                (b'[', b'[') => self.wikilink()?,
                (b'<', _) => self.tag()?,
                _ => {}
            },
            Step::Text | Step::Taken => {}
        }
        self.head += self.char().len_utf8();
        Ok(())
    }

    /// Handles the character at the head of a tag.
    fn attribute_step(&mut self, attributes: &mut Attributes) -> Route<Step> {
        let (this, is_space) = (self.at(0), self.is_space());
        match attributes.phase {
            Phase::TagName(begun) => {
                if MARKERS[usize::from(this)] || is_space && !begun {
                    return self.fail();
                }
                attributes.phase = if is_space { Phase::Ready } else { Phase::TagName(true) };
                return Ok(Step::Taken);
            }
            Phase::Ready | Phase::Equals | Phase::Quoted(_, false) if is_space => {
                return Ok(Step::Taken);
            }
            Phase::Name(_) if is_space => {
                attributes.phase = Phase::Name(true);
                return Ok(Step::Taken);
            }
            Phase::Value | Phase::Quoted(_, true) if is_space => {
                self.end_attribute(attributes)?;
                return Ok(Step::Taken);
            }
            Phase::Quoted(_, true) => {
                // Text follows the closing quote directly, so they are not quotes.
                self.back_to_quote(attributes)?;
                return Ok(Step::Again);
            }
            Phase::Name(_) if this == b'=' => {
                attributes.phase = Phase::Equals;
                return Ok(Step::Taken);
            }
            Phase::Ready | Phase::Name(true) => {
                self.end_attribute(attributes)?;
                attributes.phase = Phase::Name(false);
                self.push(cx::TAG_ATTR);
            }
            Phase::Equals => {
                attributes.phase = Phase::Value;
                if matches!(this, b'"' | b'\'') && !self.is_escaped() {
                    if self.check(self.context()).is_err() {
                        // Known not to close.
                        return Ok(Step::Again);
                    }
                    attributes.phase = Phase::Quoted(this, false);
                    attributes.quote = self.head;
                    self.push(self.context());
                    return Ok(Step::Taken);
                }
            }
            Phase::Quoted(quote, false) if this == quote && !self.is_escaped() => {
                attributes.phase = Phase::Quoted(quote, true);
                return Ok(Step::Taken);
            }
            Phase::Name(false) | Phase::Value | Phase::Quoted(_, false) => {}
        }
        Ok(Step::Text)
    }

    fn is_escaped(&self) -> bool {
        self.before(1) == b'\\' && self.before(2) != b'\\'
    }
}
