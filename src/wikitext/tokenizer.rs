//! Tokenizes wikitext like mwparserfromhell: each construct is tried at its beginning, and is plain
//! text if it does not close.
//!
//! An open construct is a *frame*: its context, and the index of its first token. If it fails, its
//! tokens are removed and reading restarts at its first byte. A failed *route*, identified by its
//! offset and context, is not tried again.
//!
//! Trying takes time. Upstream is quadratic on, for example, a thousand `<ref>` before one
//! `</ref>`. Here the steps are counted, and a page that takes too many is
//! [`TooComplex`](crate::TooComplex). A construct whose closing mark does not occur later is not
//! tried.

mod link;
mod running;
mod style;
mod table;
mod tag;
mod template;

use crate::context::{self as cx, Context};
use crate::token::{Kind, Token};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use memchr::memmem;

/// Most open frames (mwparserfromhell `Tokenizer.MAX_DEPTH`).
const DEPTH_MAX: usize = 100;

/// Most nested calls of [`Tokenizer::parse`]. Frames limit all of them except for ends of headings.
const RECURSION_MAX: usize = 300;

/// Why a construct was left.
#[derive(Debug)]
pub(super) enum Stop {
    /// It failed; with its last context.
    BadRoute(Context),
    /// The page takes too many steps.
    TooComplex,
}

pub(super) type Route<T> = Result<T, Stop>;

struct Frame {
    context: Context,
    /// The index of its first token.
    start: usize,
    /// Offset and context at its beginning.
    route: u64,
}

/// The last offset of each closing mark, after which its constructs cannot close.
struct LastOf {
    braces: usize,
    bracket: usize,
    brackets: usize,
    ticks: usize,
    tag_end: usize,
    closing_tag: usize,
    table_end: usize,
    comment_end: usize,
}

pub(crate) struct Tokenizer<'a> {
    source: &'a str,
    head: usize,
    tokens: Vec<Token>,
    frames: Vec<Frame>,
    failed: HashSet<u64, FixedState>,
    in_heading: bool,
    /// Level of the heading that closed last.
    level: usize,
    /// Whether the argument that closed last had a default.
    had_default: bool,
    recursion: usize,
    last_of: LastOf,
    dead_end: Option<tag::DeadEnd>,
    /// Steps left.
    steps: &'a mut u64,
}

/// Returns the limit of steps for a page of `bytes`. Real pages take some 0.3 steps per byte, the
/// worst one seen 33.
pub(crate) fn steps_for(bytes: usize) -> u64 {
    100_000 + 64 * bytes as u64
}

/// Returns the tokens of a page, or `None` if it is too complex. The page must not contain NUL.
pub(crate) fn tokenize(source: &str, steps: &mut u64) -> Option<Vec<Token>> {
    debug_assert!(!source.contains('\0'));
    let mut tokenizer = Tokenizer::new(source, steps);
    tokenizer.push(0);
    tokenizer.parse_on().ok()?;
    Some(tokenizer.tokens)
}

/// Whether a byte may begin markup. 0 marks the end.
const fn is_marker(byte: u8) -> bool {
    matches!(
        byte,
        b'{' | b'}'
            | b'['
            | b']'
            | b'<'
            | b'>'
            | b'|'
            | b'='
            | b'&'
            | b'\''
            | b'#'
            | b'*'
            | b';'
            | b':'
            | b'/'
            | b'-'
            | b'!'
            | b'\n'
            | 0
    )
}

const MARKERS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_marker(byte as u8);
        byte += 1;
    }
    table
};

/// Whether a text has anything to tokenize.
pub(crate) fn has_markup(text: &str) -> bool {
    text.bytes().any(|byte| MARKERS[usize::from(byte)])
}

/// Whether the byte continues a UTF-8 character.
fn continues_char(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

impl<'a> Tokenizer<'a> {
    fn new(source: &'a str, steps: &'a mut u64) -> Self {
        let last = |mark: &str| memmem::rfind(source.as_bytes(), mark.as_bytes()).unwrap_or(0);
        Tokenizer {
            source,
            head: 0,
            tokens: Vec::with_capacity(source.len() / 16),
            frames: Vec::new(),
            failed: HashSet::with_hasher(FixedState::default()),
            in_heading: false,
            level: 1,
            had_default: false,
            recursion: 0,
            dead_end: None,
            last_of: LastOf {
                braces: last("}}"),
                bracket: last("]"),
                brackets: last("]]"),
                ticks: last("''"),
                tag_end: last(">"),
                closing_tag: last("</"),
                table_end: last("|}"),
                comment_end: last("-->"),
            },
            steps,
        }
    }

    /// Returns the byte `ahead` of the head; 0 at the end.
    fn at(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.head + ahead).copied().unwrap_or(0)
    }

    /// Returns the byte before the head, at this distance; 0 before the beginning.
    fn before(&self, distance: usize) -> u8 {
        let place = self.head.checked_sub(distance);
        place.and_then(|place| self.source.as_bytes().get(place)).copied().unwrap_or(0)
    }

    /// Returns the character at the head; NUL at the end.
    fn char(&self) -> char {
        self.source.get(self.head..).and_then(|rest| rest.chars().next()).unwrap_or('\0')
    }

    fn is_space(&self) -> bool {
        text::python::is_space(self.char())
    }

    /// Subtracts `steps` from the remaining ones.
    fn spend(&mut self, steps: usize) -> Route<()> {
        match self.steps.checked_sub(steps as u64) {
            Some(left) => {
                *self.steps = left;
                Ok(())
            }
            None => Err(Stop::TooComplex),
        }
    }

    fn context(&self) -> Context {
        self.frames.last().map_or(0, |frame| frame.context)
    }

    fn set(&mut self, context: Context) {
        if let Some(frame) = self.frames.last_mut() {
            frame.context = context;
        }
    }

    /// Returns the index of the first token of the current frame.
    fn start(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.start)
    }

    fn can_recurse(&self) -> bool {
        self.frames.len() < DEPTH_MAX
    }

    fn route(&self, context: Context) -> u64 {
        (self.head as u64) << cx::BITS | context
    }

    fn push(&mut self, context: Context) {
        let route = self.route(context);
        self.frames.push(Frame { context, start: self.tokens.len(), route });
    }

    /// Fails if the route that begins here has failed before.
    fn check(&self, context: Context) -> Route<()> {
        if !self.failed.is_empty() && self.failed.contains(&self.route(context)) {
            return Err(Stop::BadRoute(context));
        }
        Ok(())
    }

    /// Closes a frame. Its tokens now belong to its parent.
    fn pop(&mut self) -> Route<Frame> {
        // The frame of the page itself never closes.
        if self.frames.len() <= 1 {
            return Err(Stop::TooComplex);
        }
        self.frames.pop().ok_or(Stop::TooComplex)
    }

    /// Closes a frame and removes its tokens.
    fn discard(&mut self) -> Route<()> {
        let frame = self.pop()?;
        self.tokens.truncate(frame.start);
        Ok(())
    }

    fn remember_as_failed(&mut self) {
        if let Some(frame) = self.frames.last() {
            self.failed.insert(frame.route);
        }
    }

    /// Undoes the current frame, which is not the construct that it began as.
    fn fail<T>(&mut self) -> Route<T> {
        let context = self.context();
        self.remember_as_failed();
        self.discard()?;
        Err(Stop::BadRoute(context))
    }

    fn emit(&mut self, kind: Kind) {
        self.tokens.push(Token::new(kind));
    }

    /// Emits source text, joined to the text before if they are adjacent.
    fn emit_text(&mut self, from: usize, to: usize) {
        let start = self.start();
        if let Some(last) = self.tokens[start..].last_mut()
            && last.kind == Kind::Text
            && last.to as usize == from
        {
            last.to = to as u32;
            return;
        }
        self.tokens.push(Token::spanning(Kind::Text, from, to));
    }

    /// Inserts text before the tokens from `at` on.
    fn insert_text(&mut self, at: usize, from: usize, to: usize) -> Route<()> {
        self.spend((self.tokens.len() - at) / 8)?;
        self.tokens.insert(at, Token::spanning(Kind::Text, from, to));
        Ok(())
    }

    /// Emits the byte at the head as text.
    fn emit_byte(&mut self) {
        self.emit_text(self.head, self.head + 1);
    }

    /// Reads a construct to its end in a new frame.
    fn parse(&mut self, context: Context) -> Route<()> {
        self.check(context)?;
        self.push(context);
        self.parse_on()
    }

    /// Continues reading to the end of the current frame.
    fn parse_on(&mut self) -> Route<()> {
        self.recursion += 1;
        if self.recursion > RECURSION_MAX {
            return Err(Stop::TooComplex);
        }
        let read = self.read_frame();
        self.recursion -= 1;
        read
    }

    fn read_frame(&mut self) -> Route<()> {
        loop {
            self.spend(1)?;
            let this = self.at(0);
            let context = self.context();
            if context & cx::UNSAFE != 0 && !self.is_safe(context, this) {
                if context & cx::DOUBLE != 0 {
                    self.discard()?;
                }
                return self.fail();
            }
            if !MARKERS[usize::from(this)] {
                self.read_text()?;
                continue;
            }
            if this == 0 {
                return self.end_of_page(context);
            }
            if self.read_markup(this, context)? {
                return Ok(());
            }
            self.head += 1;
        }
    }

    /// Reads text up to a point where it may end or markup may begin.
    fn read_text(&mut self) -> Route<()> {
        let from = self.head;
        let rest = &self.source.as_bytes()[from..];
        // One character if the context checks them one by one.
        let run = if self.is_quiet() {
            rest.iter().position(|&byte| MARKERS[usize::from(byte)])
        } else {
            rest[1..].iter().position(|&byte| !continues_char(byte)).map(|more| more + 1)
        };
        self.head += run.unwrap_or(rest.len());
        self.spend((self.head - from) / 16)?;
        self.emit_text(from, self.head);
        Ok(())
    }

    /// Reads markup at the head. Returns true if it ended the frame.
    fn read_markup(&mut self, this: u8, context: Context) -> Route<bool> {
        let within = |contexts: Context| context & contexts != 0;
        let (next, last) = (self.at(1), self.before(1));
        let doubled = this == next;
        let line_begins = last == 0 || last == b'\n';
        match this {
            b'{' if doubled => {
                if self.can_recurse() {
                    self.template_or_argument()?;
                } else {
                    self.emit_byte();
                }
            }
            b'|' if within(cx::TEMPLATE) => self.template_param()?,
            b'=' if within(cx::TEMPLATE_PARAM_KEY) => {
                if !self.in_heading && line_begins && doubled {
                    self.heading()?;
                } else {
                    self.template_param_value()?;
                }
            }
            b'}' if doubled && within(cx::TEMPLATE) => return self.template_end(),
            b'|' if within(cx::ARGUMENT_NAME) => self.argument_separator(),
            b'}' if doubled && within(cx::ARGUMENT) => {
                if self.at(2) == b'}' {
                    return self.argument_end();
                }
                self.emit_byte();
            }
            b'[' if doubled && self.can_recurse() => {
                if within(cx::NO_WIKILINKS) {
                    self.emit_byte();
                } else {
                    self.wikilink()?;
                }
            }
            b'|' if within(cx::WIKILINK_TITLE) => self.wikilink_separator(),
            b']' if doubled && within(cx::WIKILINK) => {
                self.head += 1;
                self.pop()?;
                return Ok(true);
            }
            b'[' => self.external_link(true)?,
            b':' if !MARKERS[usize::from(last)] => self.external_link(false)?,
            b']' if within(cx::EXT_LINK_TITLE) => {
                self.pop()?;
                return Ok(true);
            }
            b'=' if !self.in_heading && !within(cx::TEMPLATE) => {
                if line_begins {
                    self.heading()?;
                } else {
                    self.emit_byte();
                }
            }
            b'=' if within(cx::HEADING) => {
                self.heading_end()?;
                return Ok(true);
            }
            b'\n' if within(cx::HEADING) => return self.fail(),
            b'&' => self.entity(),
            b'<' if next == b'!' => {
                if self.at(2) == b'-' && self.at(3) == b'-' {
                    self.comment()?;
                } else {
                    self.emit_byte();
                }
            }
            b'<' if next == b'/' && self.at(2) != 0 => {
                if within(cx::TAG_BODY) {
                    self.push(cx::TAG_CLOSE);
                    self.head += 1;
                } else {
                    self.invalid_tag()?;
                }
            }
            b'<' if !within(cx::TAG_CLOSE) => {
                if self.can_recurse() {
                    self.tag()?;
                } else {
                    self.emit_byte();
                }
            }
            b'>' if within(cx::TAG_CLOSE) => return self.closing_tag_end(),
            b'\'' if doubled => return self.style(),
            b'#' | b'*' | b';' | b':' if line_begins => self.list(),
            b'-' if line_begins && doubled && self.at(2) == b'-' && self.at(3) == b'-' => {
                self.rule();
            }
            b'\n' | b':' if within(cx::DL_TERM) => {
                self.definition_end();
                if this == b'\n' {
                    self.set(self.context() & !cx::TABLE_CELL_LINE);
                }
            }
            b'{' if next == b'|' && self.only_blanks_before() => {
                if self.can_recurse() {
                    self.table()?;
                } else {
                    self.emit_byte();
                }
            }
            _ if within(cx::TABLE_OPEN) => return self.table_markup(this, next, context),
            _ => self.emit_byte(),
        }
        Ok(false)
    }

    /// Whether the character at the head is allowed in a context that checks each one. It may
    /// change which characters are allowed next (mwparserfromhell `_verify_safe`).
    fn is_safe(&mut self, context: Context, this: u8) -> bool {
        let within = |contexts: Context| context & contexts != 0;
        if continues_char(this) {
            return true;
        }
        if within(cx::FAIL_NEXT) {
            return false;
        }
        let comment = this == b'<' && self.at(1) == b'!';
        if within(cx::WIKILINK_TITLE) {
            return match this {
                b']' | b'{' => self.also(cx::FAIL_NEXT),
                b'<' if comment => self.also(cx::FAIL_NEXT),
                b'\n' | b'[' | b'}' | b'>' | b'<' => false,
                _ => true,
            };
        }
        if within(cx::EXT_LINK_TITLE) {
            return this != b'\n';
        }
        if within(cx::TAG_CLOSE) {
            return this != b'<';
        }
        if within(cx::TEMPLATE_NAME) {
            return match this {
                b'{' => self.also(cx::HAS_TEMPLATE | cx::FAIL_NEXT),
                b'}' => self.also(cx::FAIL_NEXT),
                b'<' if comment => self.also(cx::FAIL_NEXT),
                b'[' | b']' | b'<' | b'>' => false,
                b'|' => true,
                _ if within(cx::HAS_TEXT) => {
                    if within(cx::FAIL_ON_TEXT) {
                        self.is_space()
                    } else {
                        this != b'\n' || self.also(cx::FAIL_ON_TEXT)
                    }
                }
                _ => self.is_space() || self.also(cx::HAS_TEXT),
            };
        }
        if within(cx::FAIL_ON_EQUALS) {
            return this != b'=';
        }
        if within(cx::FAIL_ON_LBRACE) {
            if this == b'{' || (self.before(1) == b'{' && self.before(2) == b'{') {
                let then = if within(cx::TEMPLATE) { cx::FAIL_ON_EQUALS } else { cx::FAIL_NEXT };
                return self.also(then);
            }
            self.set(context ^ cx::FAIL_ON_LBRACE);
        } else if within(cx::FAIL_ON_RBRACE) {
            if this == b'}' {
                return self.also(cx::FAIL_NEXT);
            }
            self.set(context ^ cx::FAIL_ON_RBRACE);
        } else if this == b'{' {
            self.also(cx::FAIL_ON_LBRACE);
        } else if this == b'}' {
            self.also(cx::FAIL_ON_RBRACE);
        }
        true
    }

    /// Whether characters other than markers can no longer change the context of this frame.
    fn is_quiet(&self) -> bool {
        let context = self.context();
        let within = |contexts: Context| context & contexts != 0;
        if !within(cx::UNSAFE) {
            true
        } else if within(cx::FAIL_NEXT) {
            false
        } else if within(cx::WIKILINK_TITLE | cx::EXT_LINK_TITLE) {
            true
        } else if within(cx::TEMPLATE_NAME) {
            within(cx::HAS_TEXT) && !within(cx::FAIL_ON_TEXT)
        } else {
            within(cx::FAIL_ON_EQUALS) || !within(cx::FAIL_ON_LBRACE | cx::FAIL_ON_RBRACE)
        }
    }

    /// Adds to the context. Always returns true.
    fn also(&mut self, contexts: Context) -> bool {
        self.set(self.context() | contexts);
        true
    }

    /// Handles the end of the page within a frame.
    fn end_of_page(&mut self, mut context: Context) -> Route<()> {
        if self.frames.len() == 1 {
            return Ok(());
        }
        if context & cx::FAIL == 0 {
            self.pop()?;
            return Ok(());
        }
        if context & cx::TAG_BODY != 0 {
            if self.may_stay_open() {
                return self.leave_open();
            }
        } else {
            if context & cx::TABLE_CELL_OPEN != 0 {
                self.discard()?;
                context = self.context();
            }
            if context & cx::DOUBLE != 0 {
                self.discard()?;
            }
        }
        self.fail()
    }

    /// Whether only blanks are between the beginning of the line and the head.
    fn only_blanks_before(&self) -> bool {
        let before = &self.source[..self.head];
        let ink = before.chars().rev().find(|&c| c == '\n' || !text::python::is_space(c));
        ink.is_none_or(|c| c == '\n')
    }
}
