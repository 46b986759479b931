//! A file without its comments: what `%` hides, the environment `comment`, and `\iffalse` to `\fi`.

use super::scan::{Scanner, environment_name, letters};
use memchr::{memchr, memchr2, memmem};
use std::ops::Range;

/// A file's text without comments.
pub(super) struct Stripped {
    pub text: String,
    /// Where what is written counts as it stands: listings, `\verb`, addresses.
    pub verbatim: Vec<Range<usize>>,
}

/// Environments in which a percent sign is one.
const VERBATIM: [&str; 8] = [
    "verbatim",
    "verbatim*",
    "Verbatim",
    "lstlisting",
    "minted",
    "filecontents",
    "filecontents*",
    "alltt",
];

/// Commands that begin with `if` and have no `\fi`.
const NO_CONDITIONALS: [&str; 9] = [
    "iff",
    "ifthenelse",
    "iflanguage",
    "iftoggle",
    "ifbool",
    "ifboolexpr",
    "ifstrequal",
    "ifstrempty",
    "ifblank",
];

/// What is looked at of a line, and of blanks behind each other: then no line takes longer than its
/// length.
const LINE_BYTES_MAX: usize = 4096;
const LOOK_BACK_BYTES: usize = 1024;

pub(super) fn strip(text: &str) -> Stripped {
    let mut stripping = Stripping::new(text, true);
    stripping.run();
    if stripping.is_hidden() {
        // An `\iffalse` that nothing ends is none.
        stripping = Stripping::new(text, false);
        stripping.run();
    }
    Stripped { text: stripping.out, verbatim: stripping.verbatim }
}

struct Stripping<'a> {
    from: Scanner<'a>,
    out: String,
    verbatim: Vec<Range<usize>>,
    /// Whether `\iffalse` hides.
    hides: bool,
    /// Conditionals that are open, from an `\iffalse` on.
    open: Vec<Conditional>,
    /// Of these, how many hide what is in them.
    hidden: usize,
    /// Environments whose end was sought in vain: they are not sought again.
    endless: Vec<&'a str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Conditional {
    /// `\iffalse`, before its `\else`.
    False,
    /// The same, behind it.
    Else,
    /// Any other.
    Other,
}

impl<'a> Stripping<'a> {
    fn new(text: &'a str, hides: bool) -> Self {
        Stripping {
            from: Scanner::new(text, 0),
            out: String::with_capacity(text.len()),
            verbatim: Vec::new(),
            hides,
            open: Vec::new(),
            hidden: 0,
            endless: Vec::new(),
        }
    }

    fn is_hidden(&self) -> bool {
        self.hidden > 0
    }

    fn run(&mut self) {
        while let Some(found) = memchr2(b'%', b'\\', self.from.rest().as_bytes()) {
            self.copy(found);
            match self.from.peek() {
                Some(b'%') => self.comment(),
                _ => self.command(),
            }
        }
        self.copy(self.from.rest().len());
    }

    /// The next bytes, to the output if they are not hidden.
    fn copy(&mut self, bytes: usize) {
        if !self.is_hidden() {
            self.out.push_str(&self.from.rest()[..bytes]);
        }
        self.from.at += bytes;
    }

    fn copy_verbatim(&mut self, bytes: usize) {
        let start = self.out.len();
        self.copy(bytes);
        if self.out.len() > start {
            self.verbatim.push(start..self.out.len());
        }
    }

    /// A comment goes with the blanks before it, and with its line where nothing else is on that.
    fn comment(&mut self) {
        let rest = self.from.rest().as_bytes();
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        self.from.at += end;
        if !self.is_hidden() {
            self.end_of_what_went();
        }
    }

    /// The output without the blanks at its end, of which only so many are looked at.
    fn before_blanks(&self, blanks: &[u8]) -> usize {
        let bytes = self.out.as_bytes().iter().rev().take(LOOK_BACK_BYTES);
        self.out.len() - bytes.take_while(|byte| blanks.contains(byte)).count()
    }

    /// Takes the blanks before a place, and its line end too where nothing else is on the line.
    fn end_of_what_went(&mut self) {
        let kept = self.before_blanks(b" \t");
        let line_is_blank = kept == 0 || self.out.as_bytes()[kept - 1] == b'\n';
        if line_is_blank || self.from.peek().is_none_or(|byte| byte == b'\n') {
            self.out.truncate(kept);
        }
        if line_is_blank && self.from.peek() == Some(b'\n') {
            self.from.at += 1;
        }
    }

    fn command(&mut self) {
        let rest = self.from.rest();
        let name = &rest[1..1 + letters(&rest[1..])];
        let length = 1 + name.len();
        match name {
            "" => {
                let symbol = rest[1..].chars().next().map_or(0, char::len_utf8);
                self.copy(1 + symbol);
            }
            "verb" => self.verb(length),
            "url" | "nolinkurl" | "path" | "href" => self.address(length),
            "begin" => self.environment(length),
            // Two commands are named behind it, and done by neither.
            "let" | "newif" => {
                let mut ahead = Scanner::new(rest, length);
                ahead.blanks();
                ahead.command();
                if name == "let" && ahead.peek() != Some(b'%') {
                    ahead.blanks();
                    ahead.eat("=");
                    ahead.blanks();
                    ahead.command();
                }
                self.copy(ahead.at);
            }
            _ if self.hides => self.conditional(name, length),
            _ => self.copy(length),
        }
    }

    fn conditional(&mut self, name: &str, length: usize) {
        let in_definition = || self.out[..self.before_blanks(b" \t\n")].ends_with('{');
        let is_if = name.starts_with("if") && !NO_CONDITIONALS.contains(&name);
        match (name, self.open.last()) {
            ("iffalse", _) if self.is_hidden() || !in_definition() => {
                self.open.push(Conditional::False);
                self.hidden += 1;
                self.from.at += length;
            }
            (_, Some(_)) if is_if => {
                self.open.push(Conditional::Other);
                self.copy(length);
            }
            ("else", Some(Conditional::False)) => {
                self.from.at += length;
                *self.open.last_mut().expect("one is open") = Conditional::Else;
                self.hidden -= 1;
            }
            ("fi", Some(last)) => {
                let last = *last;
                self.open.pop();
                if last == Conditional::Other {
                    return self.copy(length);
                }
                self.from.at += length;
                self.hidden -= usize::from(last == Conditional::False);
                if !self.is_hidden() {
                    self.end_of_what_went();
                }
            }
            _ => self.copy(length),
        }
    }

    /// `\verb` and what stands between two of the same character.
    fn verb(&mut self, length: usize) {
        let rest = self.from.rest();
        let star = usize::from(rest[length..].starts_with('*'));
        let mut chars = rest[length + star..].chars();
        let inside = chars.next().filter(|c| !c.is_whitespace()).and_then(|mark| {
            let line = line(chars.as_str());
            Some(length + star + line.find(mark)? + 2 * mark.len_utf8())
        });
        match inside {
            Some(bytes) => self.copy_verbatim(bytes),
            None => self.copy(length),
        }
    }

    /// A command whose argument is an address, in which a percent sign is one.
    fn address(&mut self, length: usize) {
        let rest = self.from.rest();
        let mut ahead = Scanner::new(line(rest), length);
        ahead.blanks();
        match ahead.group() {
            Some(_) => self.copy_verbatim(ahead.at),
            None => self.copy(length),
        }
    }

    fn environment(&mut self, length: usize) {
        let rest = self.from.rest();
        let Some(name) = environment_name(&rest[length..]) else { return self.copy(length) };
        let inside = length + name.len() + 2;
        let is_comment = name == "comment";
        if !is_comment && !VERBATIM.contains(&name) || self.endless.contains(&name) {
            return self.copy(inside);
        }
        let end = format!("\\end{{{name}}}");
        let Some(found) = memmem::find(&rest.as_bytes()[inside..], end.as_bytes()) else {
            self.endless.push(name);
            return self.copy(inside);
        };
        let bytes = inside + found + end.len();
        if !is_comment {
            return self.copy_verbatim(bytes);
        }
        self.from.at += bytes;
        if !self.is_hidden() {
            self.end_of_what_went();
        }
    }
}

/// The line that `text` begins with, or as much of it as is looked at.
fn line(text: &str) -> &str {
    let most = text.len().min(LINE_BYTES_MAX);
    let most = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..memchr(b'\n', &text.as_bytes()[..most]).unwrap_or(most)]
}
