//! Strips a file's comments: those after `%`, the environment `comment`, and `\iffalse` to `\fi`.

use super::declared::{Declared, Inline, short};
use super::scan::{Scanner, environment_name, letters};
use memchr::{memchr, memchr2, memmem};
use std::ops::Range;

/// A file's text without comments.
pub(super) struct Stripped {
    pub text: String,
    /// Ranges of verbatim text: listings, `\verb`, addresses.
    pub verbatim: Vec<Range<usize>>,
}

/// Whether a command of this name begins a conditional that ends with `\fi`. Some commands of
/// packages begin with `if` but take their branches as arguments.
pub(super) fn is_conditional(name: &str) -> bool {
    const TAKE_ARGUMENTS: [&str; 37] = [
        "iff",
        "ifaltchapter",
        "ifblank",
        "ifbool",
        "ifboolexpr",
        "ifboolexpe",
        "ifcsdef",
        "ifcsempty",
        "ifcsequal",
        "ifcsstrequal",
        "ifcsstring",
        "ifcsundef",
        "ifcsvoid",
        "ifdef",
        "ifdefempty",
        "ifdefequal",
        "ifdefmacro",
        "ifdefstrequal",
        "ifdefstring",
        "ifdefvoid",
        "ifdimcomp",
        "ifdimequal",
        "ifentrytype",
        "iffieldundef",
        "ifinlist",
        "iflanguage",
        "ifnumcomp",
        "ifnumequal",
        "ifnumgreater",
        "ifnumless",
        "ifnumodd",
        "ifstrempty",
        "ifstrequal",
        "ifthenelse",
        "ifthispageodd",
        "iftoggle",
        "ifundef",
    ];
    name.starts_with("if") && !TAKE_ARGUMENTS.contains(&name)
}

/// Longest part of a line, and longest run of blanks, that are read ahead or back, so that the time
/// per line is linear.
const LINE_BYTES_MAX: usize = 4096;
const LOOK_BACK_BYTES: usize = 1024;

/// Strips the text of the file with this number, using the paper's declarations.
pub(super) fn strip(text: &str, file: usize, declared: &Declared) -> Stripped {
    let mut stripping = Stripping::new(text, file, declared, true);
    stripping.run();
    if stripping.is_hidden() {
        // An `\iffalse` without an end is not one.
        stripping = Stripping::new(text, file, declared, false);
        stripping.run();
    }
    Stripped { text: stripping.out, verbatim: stripping.verbatim }
}

struct Stripping<'a> {
    from: Scanner<'a>,
    declared: &'a Declared,
    /// Short forms of `\verb`: characters that delimit verbatim text.
    short: Vec<char>,
    out: String,
    verbatim: Vec<Range<usize>>,
    /// Whether `\iffalse` hides text.
    hides: bool,
    /// Open conditionals, from an `\iffalse` on.
    open: Vec<Conditional>,
    /// Number of open conditionals that hide their text.
    hidden: usize,
    /// Environments without an end, which is not searched again.
    endless: Vec<&'a str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Conditional {
    /// `\iffalse`, before its `\else`.
    False,
    /// `\iffalse`, after its `\else`.
    Else,
    /// Any other conditional.
    Other,
}

impl<'a> Stripping<'a> {
    fn new(text: &'a str, file: usize, declared: &'a Declared, hides: bool) -> Self {
        let of_others = declared.short.iter().filter(|(by, _)| *by != file);
        Stripping {
            from: Scanner::new(text, 0),
            declared,
            short: of_others.map(|(_, mark)| *mark).collect(),
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
        while let Some(found) = self.next_special() {
            self.copy(found);
            match self.from.peek() {
                Some(b'%') => self.comment(),
                Some(b'\\') => self.command(),
                _ => self.inline(0, Inline::Verb),
            }
        }
        self.copy(self.from.rest().len());
    }

    /// Returns the offset of the next percent sign, backslash or short form of `\verb`.
    fn next_special(&self) -> Option<usize> {
        let rest = self.from.rest().as_bytes();
        if self.short.is_empty() {
            return memchr2(b'%', b'\\', rest);
        }
        let is_short = |byte: u8| self.short.contains(&char::from(byte));
        rest.iter().position(|byte| b"%\\".contains(byte) || byte.is_ascii() && is_short(*byte))
    }

    /// Reads the next bytes, and copies them to the output if they are not hidden.
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

    /// Removes a comment with the blanks before it, and with its line if that has nothing else.
    fn comment(&mut self) {
        let rest = self.from.rest().as_bytes();
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        self.from.at += end;
        if !self.is_hidden() {
            self.close_gap();
        }
    }

    /// Returns the length of the output without trailing blanks, of which a limited number is read.
    fn before_blanks(&self, blanks: &[u8]) -> usize {
        let bytes = self.out.as_bytes().iter().rev().take(LOOK_BACK_BYTES);
        self.out.len() - bytes.take_while(|byte| blanks.contains(byte)).count()
    }

    /// Removes the blanks before a removed part, and its line end if the line has nothing else.
    fn close_gap(&mut self) {
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
            "MakeShortVerb"
            | "DefineShortVerb"
            | "lstMakeShortInline"
            | "DeleteShortVerb"
            | "UndefineShortVerb"
            | "lstDeleteShortInline" => self.change_short(name, length),
            "begin" => self.environment(length),
            // The two commands after it are named, not executed.
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
            _ => match self.declared.inline(name) {
                Some(form) => self.inline(length, form),
                None if self.hides => self.conditional(name, length),
                None => self.copy(length),
            },
        }
    }

    /// Begins or ends the use of a character as a short form of `\verb`.
    fn change_short(&mut self, name: &str, length: usize) {
        let mut ahead = Scanner::new(line(self.from.rest()), length);
        ahead.eat("*");
        ahead.bracket();
        if let Some(mark) = short(&mut ahead) {
            self.short.retain(|known| *known != mark);
            if name.contains("Make") || name == "DefineShortVerb" {
                self.short.push(mark);
            }
            return self.copy(ahead.at);
        }
        self.copy(length);
    }

    fn conditional(&mut self, name: &str, length: usize) {
        let in_definition = || self.out[..self.before_blanks(b" \t\n")].ends_with('{');
        let is_if = is_conditional(name);
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
                    self.close_gap();
                }
            }
            _ => self.copy(length),
        }
    }

    /// Reads a command and its verbatim text.
    fn inline(&mut self, length: usize, form: Inline) {
        match inline_bytes(line(self.from.rest()), length, form) {
            Some(bytes) => self.copy_verbatim(bytes),
            // A short form of `\verb` without a second one on its line.
            None => self.copy(length.max(1)),
        }
    }

    fn environment(&mut self, length: usize) {
        let rest = self.from.rest();
        let Some(name) = environment_name(&rest[length..]) else { return self.copy(length) };
        let inside = length + name.len() + 2;
        let is_comment = self.declared.is_comment(name);
        let is_listing = matches!(name, "listing" | "listing*") && !is_float(&rest[inside..]);
        let is_verbatim = is_listing || self.declared.is_verbatim(name);
        if !is_comment && !is_verbatim || self.endless.contains(&name) {
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
            self.close_gap();
        }
    }
}

/// Whether an environment `listing` with this content is a float around listings, not a listing
/// itself: several packages have an environment of that name.
fn is_float(content: &str) -> bool {
    let window = &content.as_bytes()[..content.len().min(LINE_BYTES_MAX)];
    let end = memmem::find(window, b"\\end{listing").unwrap_or(window.len());
    let marks: [&[u8]; 3] = [b"\\begin{", b"\\caption", b"\\input"];
    marks.iter().any(|mark| memmem::find(&window[..end], mark).is_some())
}

/// Returns the length of a command of this form with its verbatim text, if it ends on this line.
fn inline_bytes(line: &str, length: usize, form: Inline) -> Option<usize> {
    let mut ahead = Scanner::new(line, length);
    ahead.eat("*");
    if form != Inline::Verb && form != Inline::Address {
        ahead.bracket();
    }
    if form == Inline::Named {
        ahead.group()?;
        ahead.bracket();
    }
    if matches!(form, Inline::Address | Inline::Link) {
        ahead.blanks();
    }
    let begin = ahead.at;
    if form != Inline::Verb && ahead.peek() == Some(b'{') {
        // Braces are counted; a backslash usually does not escape them here.
        return ahead
            .group()
            .map(|_| ahead.at)
            .or_else(|| Some(begin + line[begin..].find('}')? + 1));
    }
    let mut chars = line[begin..].chars();
    let mark = chars.next().filter(|c| !c.is_whitespace() && form != Inline::Link)?;
    let is_mark = mark.is_ascii_punctuation() && !"\\{}%".contains(mark);
    if form != Inline::Verb && !is_mark {
        return None;
    }
    Some(begin + chars.as_str().find(mark)? + 2 * mark.len_utf8())
}

/// Returns the first line of `text`, up to the limit.
fn line(text: &str) -> &str {
    let most = text.len().min(LINE_BYTES_MAX);
    let most = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..memchr(b'\n', &text.as_bytes()[..most]).unwrap_or(most)]
}
