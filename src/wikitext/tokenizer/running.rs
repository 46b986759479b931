//! Markup in running text: headings, lists, entities, comments.

use super::{Route, Stop, Tokenizer};
use crate::context as cx;
use crate::entities;
use crate::token::{Kind, Token};

/// Most digits or letters of an entity, without leading zeros (`MAX_ENTITY_SIZE`).
const ENTITY_BYTES_MAX: usize = 8;

impl Tokenizer<'_> {
    pub(super) fn heading(&mut self) -> Route<()> {
        let (begin, at) = (self.head, self.tokens.len());
        let marks = self.equal_signs();
        self.emit(Kind::Heading);
        // Signs in excess of the level are its first text.
        self.tokens.push(Token::spanning(Kind::Text, begin, begin));
        self.in_heading = true;
        let heading = self.parse(cx::HEADING_LEVEL_1 << (marks - 1).min(5));
        self.in_heading = false;
        match heading {
            Ok(()) => {
                self.tokens[at + 1].to += marks.saturating_sub(self.level) as u32;
                self.emit(Kind::Close);
            }
            Err(Stop::BadRoute(_)) => {
                self.tokens.truncate(at);
                self.head = begin + marks - 1;
                self.emit_text(begin, begin + marks);
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// Reads signs within a heading: its end, unless there are more on the line.
    pub(super) fn heading_end(&mut self) -> Route<()> {
        let (begin, context) = (self.head, self.context());
        let marks = self.equal_signs();
        let level = ((context & cx::HEADING) / cx::HEADING_LEVEL_1).trailing_zeros() as usize + 1;
        let level = level.min(marks).min(6);
        let at = self.tokens.len();
        self.tokens.push(Token::spanning(Kind::Text, begin, begin + marks));
        match self.parse(context) {
            Ok(()) => {}
            Err(Stop::BadRoute(_)) => {
                self.tokens.truncate(at);
                if level < marks {
                    self.emit_text(begin, begin + marks - level);
                }
                self.head = begin + marks - 1;
                self.level = level;
            }
            Err(stop) => return Err(stop),
        }
        self.pop()?;
        Ok(())
    }

    /// Skips the equal signs at the head and returns their number.
    fn equal_signs(&mut self) -> usize {
        let begin = self.head;
        while self.at(0) == b'=' {
            self.head += 1;
        }
        self.head - begin
    }

    /// Reads `&`, and the character if it begins an entity. Moves the head to its last byte.
    pub(super) fn entity(&mut self) {
        match entity(&self.source.as_bytes()[self.head + 1..]) {
            Some((c, bytes)) => {
                self.tokens.push(Token { kind: Kind::Char, from: u32::from(c), to: 0 });
                self.head += bytes;
            }
            None => self.emit_byte(),
        }
    }

    /// Reads `<!--`, and the comment if it closes.
    pub(super) fn comment(&mut self) -> Route<()> {
        let (begin, inside) = (self.head, self.head + 4);
        let end = if self.last_of.comment_end < inside {
            None
        } else {
            memchr::memmem::find(&self.source.as_bytes()[inside..], b"-->")
        };
        let Some(end) = end else {
            self.emit_text(begin, inside);
            self.head = begin + 3;
            return Ok(());
        };
        self.spend(end / 16)?;
        self.emit(Kind::Empty);
        self.head = inside + end + 2;
        self.set(self.context() & !cx::FAIL_NEXT);
        Ok(())
    }

    /// Reads list markers at the beginning of a line.
    pub(super) fn list(&mut self) {
        self.list_marker();
        while matches!(self.at(1), b'#' | b'*' | b';' | b':') {
            self.head += 1;
            self.list_marker();
        }
    }

    fn list_marker(&mut self) {
        if self.at(0) == b';' {
            self.also(cx::DL_TERM);
        }
        self.emit(Kind::Empty);
    }

    /// Reads the end of a line that began with `;`, or its colon.
    pub(super) fn definition_end(&mut self) {
        self.set(self.context() ^ cx::DL_TERM);
        if self.at(0) == b':' {
            self.list_marker();
        } else {
            self.emit_byte();
        }
    }

    /// Reads four dashes or more.
    pub(super) fn rule(&mut self) {
        self.head += 3;
        while self.at(1) == b'-' {
            self.head += 1;
        }
        self.emit(Kind::Empty);
    }
}

/// Returns the character of an entity from the bytes after `&`, and their number, `;` included.
/// Surrogates, which text cannot contain, become U+FFFD.
fn entity(rest: &[u8]) -> Option<(char, usize)> {
    let (digits, radix) = match rest {
        [b'#', b'x' | b'X', ..] => (2, 16),
        [b'#', ..] => (1, 10),
        _ => (0, 36),
    };
    let name = &rest[digits..];
    let is_number = radix < 36;
    let zeros = if is_number { name.iter().take_while(|&&byte| byte == b'0').count() } else { 0 };
    let name = &name[zeros..];
    let end = name.iter().take(ENTITY_BYTES_MAX + 1).position(|&byte| byte == b';')?;
    let fits = |byte: &u8| char::from(*byte).is_digit(radix);
    let name = std::str::from_utf8(&name[..end]).ok()?;
    if name.is_empty() || !name.as_bytes().iter().all(fits) {
        return None;
    }
    let code = if is_number {
        let code = u32::from_str_radix(name, radix).ok()?;
        (1..=0x10_ffff).contains(&code).then_some(code)?
    } else {
        entities::code_point(name)?
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((c, digits + zeros + end + 1))
}
