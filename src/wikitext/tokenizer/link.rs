//! Wikilinks and external links.

use super::{Route, Stop, Tokenizer};
use crate::context as cx;
use crate::token::{Kind, Token};

/// Schemes of addresses, and whether they need `//` (mwparserfromhell `URI_SCHEMES`, which follows
/// MediaWiki's `DefaultSettings.php`).
const SCHEMES: &[(&str, bool)] = &[
    ("bitcoin", false),
    ("ftp", true),
    ("ftps", true),
    ("geo", false),
    ("git", true),
    ("gopher", true),
    ("http", true),
    ("https", true),
    ("irc", true),
    ("ircs", true),
    ("magnet", false),
    ("mailto", false),
    ("mms", true),
    ("news", false),
    ("nntp", true),
    ("redis", true),
    ("sftp", true),
    ("sip", false),
    ("sips", false),
    ("sms", false),
    ("ssh", true),
    ("svn", true),
    ("tel", false),
    ("telnet", true),
    ("urn", false),
    ("worldwind", true),
    ("xmpp", false),
];

const SCHEME_BYTES_MAX: usize = 9;

fn is_scheme(name: &str, slashes: bool) -> bool {
    let fits =
        |(known, needs): &(&str, bool)| known.eq_ignore_ascii_case(name) && (slashes || !needs);
    SCHEMES.iter().any(fits)
}

impl Tokenizer<'_> {
    pub(super) fn wikilink(&mut self) -> Route<()> {
        let (begin, at) = (self.head, self.tokens.len());
        self.head += 2;
        match self.bracketed_link() {
            Ok(()) if self.context() & cx::EXT_LINK_TITLE != 0 => {
                // Inside an external link: an external link that looks like a wikilink.
                self.tokens.truncate(at);
                self.head = begin + 1;
                self.emit_text(begin, begin + 2);
                return Ok(());
            }
            Ok(()) => return self.insert_text(at, begin, begin + 1),
            Err(Stop::BadRoute(_)) => {}
            Err(stop) => return Err(stop),
        }
        self.head = begin + 2;
        self.tokens.push(Token::spanning(Kind::Link, begin + 2, begin + 2));
        let title = if self.last_of.brackets < self.head {
            Err(Stop::BadRoute(0))
        } else {
            self.parse(cx::WIKILINK_TITLE)
        };
        match title {
            Ok(()) => self.emit(Kind::Close),
            Err(Stop::BadRoute(_)) => {
                self.tokens.truncate(at);
                self.head = begin + 1;
                self.emit_text(begin, begin + 2);
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// Ends the title and begins the text, which replaces the title.
    pub(super) fn wikilink_separator(&mut self) {
        self.set(self.context() ^ cx::WIKILINK_TITLE | cx::WIKILINK_TEXT);
        self.tokens.truncate(self.start());
    }

    /// Reads a link from `[`, or from the colon of an address without brackets.
    pub(super) fn external_link(&mut self, brackets: bool) -> Route<()> {
        let reset = self.head;
        if self.context() & cx::NO_EXT_LINKS == 0 && self.can_recurse() {
            self.head += 1;
            let link = if brackets { self.bracketed_link() } else { self.free_link() };
            match link {
                Ok(()) => return Ok(()),
                Err(Stop::BadRoute(_)) => self.head = reset,
                Err(stop) => return Err(stop),
            }
        }
        if !brackets && self.context() & cx::DL_TERM != 0 {
            self.definition_end();
        } else {
            self.emit_byte();
        }
        Ok(())
    }

    /// Reads a link in brackets from its scheme on, and emits its label, if any. Emits nothing on
    /// failure.
    fn bracketed_link(&mut self) -> Route<()> {
        if self.last_of.bracket < self.head {
            return Err(Stop::BadRoute(0));
        }
        let scheme_end = self.bracketed_scheme_end().ok_or(Stop::BadRoute(0))?;
        self.check(cx::EXT_LINK_URI)?;
        let at = self.tokens.len();
        self.emit(Kind::Group);
        self.push(cx::EXT_LINK_URI);
        self.head = scheme_end;
        match self.bracketed_rest() {
            Ok(true) => self.emit(Kind::Close),
            Ok(false) => {
                self.tokens.truncate(at);
                self.emit(Kind::Empty);
            }
            Err(stop) => {
                self.tokens.truncate(at);
                return Err(stop);
            }
        }
        Ok(())
    }

    /// Returns the offset after the scheme, if there is a scheme.
    fn bracketed_scheme_end(&self) -> Option<usize> {
        let rest = &self.source[self.head..];
        if rest.starts_with("//") {
            return Some(self.head + 2);
        }
        let ends = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+.-".contains(byte);
        let colon = rest.bytes().take(SCHEME_BYTES_MAX + 1).position(|byte| ends(&byte))?;
        let (scheme, rest) = rest.split_at(colon);
        let rest = rest.strip_prefix(':')?;
        let slashes = rest.starts_with("//");
        let end = self.head + colon + 1 + if slashes { 2 } else { 0 };
        is_scheme(scheme, slashes).then_some(end)
    }

    /// Reads from the end of the scheme to the closing bracket. Returns whether there is a label.
    fn bracketed_rest(&mut self) -> Route<bool> {
        if matches!(self.at(0), 0 | b'\n' | b' ' | b']') {
            return self.fail();
        }
        loop {
            self.spend(1)?;
            if !self.address_markup()? {
                let (this, next) = (self.at(0), self.at(1));
                if matches!(this, 0 | b'\n') {
                    return self.fail();
                }
                if this == b']' {
                    self.pop()?;
                    return Ok(false);
                }
                if self.address_ends(this, next) {
                    if this == b' ' {
                        self.head += 1;
                    }
                    self.tokens.truncate(self.start());
                    self.set(self.context() ^ cx::EXT_LINK_URI | cx::EXT_LINK_TITLE);
                    self.parse_on()?;
                    return Ok(true);
                }
            }
            self.head += 1;
        }
    }

    /// Reads markup that any address may contain: an entity, a comment, a template. Returns false
    /// if there is none.
    fn address_markup(&mut self) -> Route<bool> {
        match (self.at(0), self.at(1)) {
            (b'&', _) => self.entity(),
            (b'<', b'!') if self.at(2) == b'-' && self.at(3) == b'-' => self.comment()?,
            (b'{', b'{') if self.can_recurse() => self.template_or_argument()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn address_ends(&self, this: u8, next: u8) -> bool {
        let within = |contexts: u64| self.context() & contexts != 0;
        match this {
            0 | b'\n' | b'[' | b']' | b'<' | b'>' | b'"' | b' ' => true,
            b'\'' => next == b'\'',
            b'|' => within(cx::TEMPLATE),
            b'=' => within(cx::TEMPLATE_PARAM_KEY | cx::HEADING),
            b'}' if next == b'}' => {
                within(cx::TEMPLATE) || (self.at(2) == b'}' && within(cx::ARGUMENT))
            }
            _ => false,
        }
    }

    /// Reads an address without brackets after its colon. The scheme was emitted as text and is
    /// removed. Emits nothing on failure.
    fn free_link(&mut self) -> Route<()> {
        let colon = self.head - 1;
        let scheme = self.free_scheme(colon).ok_or(Stop::BadRoute(0))?;
        let slashes = self.at(0) == b'/' && self.at(1) == b'/';
        if !is_scheme(&self.source[scheme..colon], slashes) {
            return Err(Stop::BadRoute(0));
        }
        let context = self.context() | cx::EXT_LINK_URI;
        self.check(context)?;
        let at = self.tokens.len();
        self.emit(Kind::Group);
        self.push(context);
        if slashes {
            self.head += 2;
        }
        self.emit_text(scheme, self.head);
        let tail = match self.free_rest() {
            Ok(tail) => tail,
            Err(stop) => {
                self.tokens.truncate(at);
                return Err(stop);
            }
        };
        self.emit(Kind::Close);
        // The last token before the link ends with the scheme.
        self.tokens[at - 1].to = scheme as u32;
        if !tail.is_empty() {
            self.tokens.push(Token::spanning(Kind::Text, tail.start, tail.end));
        }
        Ok(())
    }

    /// Returns the beginning of the scheme that ends at `colon`, in the text just read.
    fn free_scheme(&self, colon: usize) -> Option<usize> {
        let text = self.tokens[self.start()..].last()?;
        if text.kind != Kind::Text || text.to as usize != colon {
            return None;
        }
        let mut begin = colon;
        for c in self.source[text.range()].chars().rev().take(SCHEME_BYTES_MAX + 1) {
            match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' => begin -= 1,
                c if c.is_alphanumeric() || c == '_' => return None,
                _ => break,
            }
        }
        Some(begin)
    }

    /// Reads from the end of the scheme to the end of the address. Returns the range of the text
    /// that follows directly: punctuation that is not part of the address, and the blank that ended
    /// it.
    fn free_rest(&mut self) -> Route<std::ops::Range<usize>> {
        if matches!(self.at(0), 0 | b'\n' | b' ' | b'[' | b']') {
            return self.fail();
        }
        let (mut parentheses, mut tail) = (false, self.head);
        loop {
            self.spend(1)?;
            let (this, next) = (self.at(0), self.at(1));
            let is_markup = matches!((this, next), (b'&', _) | (b'{', b'{'))
                || self.source.as_bytes()[self.head..].starts_with(b"<!--");
            if is_markup && tail < self.head {
                // Punctuation that turned out to belong to the address.
                self.emit_text(tail, self.head);
                tail = self.head;
            }
            if self.address_markup()? {
                self.head += 1;
                tail = self.head;
                continue;
            }
            if self.address_ends(this, next) {
                let end = self.head + usize::from(this == b' ');
                if this != b' ' {
                    self.head -= 1;
                }
                self.pop()?;
                return Ok(tail..end);
            }
            self.head += 1;
            match this {
                b',' | b';' | b'\\' | b'.' | b':' | b'!' | b'?' => {}
                b')' if !parentheses => {}
                _ => {
                    parentheses |= this == b'(';
                    self.emit_text(tail, self.head);
                    tail = self.head;
                }
            }
        }
    }
}
