//! Scans LaTeX's commands and groups from left to right.

use memchr::memchr3;

/// The longest group that may be an argument of a macro.
const GROUP_BYTES_MAX: usize = 256 << 10;

/// Commands that begin a section of some level.
pub(super) const SECTIONS: [&str; 7] =
    ["part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph"];

/// Returns the number of leading letters, which are the name of a command.
pub(super) fn letters(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_alphabetic).count()
}

/// Returns the name in the braces that `text` begins with, as after `\begin`.
pub(super) fn environment_name(text: &str) -> Option<&str> {
    const NAME_BYTES_MAX: usize = 32;
    let inside = text.strip_prefix('{')?;
    let end = inside.bytes().take(NAME_BYTES_MAX).position(|byte| byte == b'}')?;
    Some(&inside[..end])
}

/// A position in a text.
pub(super) struct Scanner<'a> {
    pub text: &'a str,
    pub at: usize,
    /// Bytes that were read.
    pub cost: usize,
    /// Longest group that is read, which bounds the cost of a brace that never closes.
    pub group_bytes_max: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str, at: usize) -> Scanner<'a> {
        Scanner { text, at, cost: 0, group_bytes_max: GROUP_BYTES_MAX }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips `prefix` if it is next, and returns whether it was.
    pub fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    /// Skips blanks and at most one line end, since two begin a paragraph.
    pub fn blanks(&mut self) {
        let rest = self.rest().as_bytes();
        let mut lines = 0;
        let is_blank = |byte: &&u8| match **byte {
            b' ' | b'\t' => true,
            b'\n' => {
                lines += 1;
                lines < 2
            }
            _ => false,
        };
        let blanks = rest.iter().take_while(is_blank).count();
        self.at += blanks;
        self.cost += blanks;
    }

    /// Reads a command and returns its name without the backslash.
    pub fn command(&mut self) -> Option<&'a str> {
        let name = letters(self.rest().strip_prefix('\\')?);
        let from = self.at + 1;
        self.at = if name > 0 { from + name } else { self.at };
        (name > 0).then(|| &self.text[from..self.at])
    }

    /// Reads the `{..}` that is next and returns its content.
    pub fn group(&mut self) -> Option<&'a str> {
        self.between("{", b'}')
    }

    /// Reads the `[..]` that is next and returns its content.
    pub fn bracket(&mut self) -> Option<&'a str> {
        self.between("[", b']')
    }

    /// Reads an argument: a group, a command, or one character.
    pub fn argument(&mut self) -> Option<&'a str> {
        match self.peek()? {
            b'{' => self.group(),
            b'}' => None,
            _ => {
                let from = self.at;
                self.token();
                Some(&self.text[from..self.at])
            }
        }
    }

    /// Skips a command or one character.
    pub fn token(&mut self) {
        let mut chars = self.rest().chars();
        let first = chars.next();
        let mut bytes = first.map_or(0, char::len_utf8);
        if first == Some('\\') {
            bytes += match letters(&self.text[self.at + 1..]) {
                0 => chars.next().map_or(0, char::len_utf8),
                letters => letters,
            };
        }
        self.at += bytes;
    }

    /// Reads from `open` to the first `close` outside of inner braces, and returns the content.
    fn between(&mut self, open: &str, close: u8) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let from = self.at + self.rest().starts_with(open).then_some(open.len())?;
        let window = &bytes[..bytes.len().min(from + self.group_bytes_max)];
        let (mut at, mut depth) = (from, 0usize);
        let next = |at: usize| match close {
            b'}' => memchr3(b'\\', b'{', b'}', &window[at..]),
            _ => window[at..].iter().position(|byte| b"\\{}]".contains(byte)),
        };
        while let Some(found) = next(at.min(window.len())) {
            at += found;
            match window[at] {
                b'\\' => at += 1,
                byte if byte == close && depth == 0 => {
                    self.cost += at - from;
                    self.at = at + 1;
                    return Some(&self.text[from..at]);
                }
                b'{' => depth += 1,
                b'}' if depth == 0 => break,
                b'}' => depth -= 1,
                _ => {}
            }
            at += 1;
        }
        self.cost += at.min(window.len()) - from;
        None
    }
}
