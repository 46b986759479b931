//! Decides conditionals as LaTeX does, if the source determines the result: the branch that LaTeX
//! shows is read, and the other one is dropped. Any other conditional stays as written, with both
//! branches.

use super::macros::Macro;
use super::reading::{Conditional, Reading};
use super::scan::{Scanner, letters};
use super::strip::is_conditional;
use memchr::memchr_iter;

/// Number of failed searches for an end after which a file's conditionals are no longer searched.
const UNENDED_MAX: usize = 16;

/// Longest branches and operands that are read.
const GROUP_BYTES_MAX: usize = 16 << 10;

/// The end of a branch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Else,
    Fi,
}

impl<'a> Reading<'a> {
    /// Reads the command `name` if it belongs to a conditional or sets a flag. Returns false, with
    /// nothing read, for any other command.
    pub(super) fn conditional(&mut self, name: &str, length: usize) -> bool {
        // Commands such as `\if@word` are internal to packages.
        let is_internal = self.top().rest().as_bytes().get(length) == Some(&b'@');
        match name {
            "else" | "fi" if !is_internal => self.end_branch(name, length),
            "newif" => return self.new_flag(length),
            "ifthenelse" | "iftoggle" | "ifbool" | "nottoggle" | "notbool" => {
                return self.choose(name, length);
            }
            _ if is_conditional(name) && self.macros.get(name).is_none() => {
                self.begin_branch(name, length, is_internal);
            }
            _ => return self.set_flag(name, length),
        }
        true
    }

    fn begin_branch(&mut self, name: &str, length: usize, is_internal: bool) {
        let text = operands(self.top().rest());
        let mut ahead = Scanner::new(&text, length);
        let decided =
            if is_internal || !self.expands() { None } else { self.decide(name, &mut ahead) };
        let at = ahead.at;
        match decided {
            Some(true) => {
                self.conditionals.push(Conditional::Decided);
                self.drop_command(at);
            }
            Some(false) if self.skip(at, true) => {}
            _ => {
                self.conditionals.push(Conditional::Undecided);
                // Operands are neither text nor conditionals.
                self.copy(if at > length && decided.is_none() { at } else { length });
            }
        }
    }

    fn end_branch(&mut self, name: &str, length: usize) {
        match (name, self.conditionals.last()) {
            ("else", Some(Conditional::Decided)) => {
                if self.skip(length, false) {
                    self.conditionals.pop();
                } else {
                    *self.conditionals.last_mut().expect("one is open") = Conditional::Undecided;
                    self.copy(length);
                }
            }
            ("fi", Some(Conditional::Decided)) => {
                self.conditionals.pop();
                self.drop_command(length);
            }
            ("fi", Some(Conditional::Undecided)) => {
                self.conditionals.pop();
                self.copy(length);
            }
            _ => self.copy(length),
        }
    }

    /// Skips a branch that is not shown, which begins `ahead` bytes from here, and its end. With
    /// `to_else`, the branch after its `\else` is read next. Returns false, with nothing read, if
    /// the branch has no end.
    fn skip(&mut self, ahead: usize, to_else: bool) -> bool {
        if self.unended > UNENDED_MAX {
            return false;
        }
        let mut depth = 0;
        for number in (0..self.frames.len()).rev() {
            let frame = &self.frames[number];
            let from = if number + 1 == self.frames.len() { frame.at + ahead } else { frame.at };
            let end = self.end_of_branch(number, from, &mut depth, to_else);
            self.work_left = self.work_left.saturating_sub(frame.end - from.min(frame.end));
            if let Some((end, at)) = end {
                self.frames.truncate(number + 1);
                self.top().at = at;
                if end == End::Else {
                    self.conditionals.push(Conditional::Decided);
                }
                self.drop_command(0);
                return true;
            }
            // A macro may begin a conditional that ends after its use. A file ends its own.
            if self.frames[number].file.is_some() {
                break;
            }
        }
        self.unended += 1;
        false
    }

    /// Returns the end of the branch that is read in this frame, and the offset after it.
    fn end_of_branch(
        &self,
        number: usize,
        from: usize,
        depth: &mut usize,
        to_else: bool,
    ) -> Option<(End, usize)> {
        let frame = &self.frames[number];
        let text = &frame.text[..frame.end];
        let verbatim: &[_] = frame.file.map_or(&[], |file| {
            let all = &self.project.files[file].stripped.verbatim;
            &all[frame.verbatim.min(all.len())..]
        });
        let mut verbatim = verbatim.iter().peekable();
        let mut operands_end = from;
        for slash in memchr_iter(b'\\', &text.as_bytes()[from.min(text.len())..]) {
            let at = from + slash;
            while verbatim.next_if(|range| range.end <= at).is_some() {}
            let is_verbatim = verbatim.peek().is_some_and(|range| range.start <= at);
            if at < operands_end || is_verbatim {
                continue;
            }
            let name = &text[at + 1..][..letters(&text[at + 1..])];
            let end = at + 1 + name.len();
            match name {
                "" => operands_end = at + 2,
                // The two commands after it are named, not executed.
                "let" | "newif" => {
                    let mut ahead = Scanner::new(text, end);
                    ahead.blanks();
                    ahead.command();
                    if name == "let" {
                        ahead.blanks();
                        ahead.eat("=");
                        ahead.blanks();
                        ahead.command();
                    }
                    operands_end = ahead.at;
                }
                "else" if *depth == 0 && to_else => return Some((End::Else, end)),
                "fi" if *depth == 0 => return Some((End::Fi, end)),
                "fi" => *depth -= 1,
                _ if is_conditional(name) && self.macros.get(name).is_none() => *depth += 1,
                _ => {}
            }
        }
        None
    }

    /// Skips a command of this length and the blanks that end its name.
    fn drop_command(&mut self, bytes: usize) {
        let rest = &self.top().rest()[bytes..];
        let blanks = rest.bytes().take(1024).take_while(|byte| *byte == b' ').count();
        self.drop_next(bytes + blanks);
    }

    /// Evaluates a condition as LaTeX does, if the source determines the result. Skips its
    /// operands.
    fn decide(&self, name: &str, ahead: &mut Scanner) -> Option<bool> {
        if let Some(flag) = self.flags.get(name) {
            return Some(*flag);
        }
        match name {
            "iftrue" => Some(true),
            "iffalse" => Some(false),
            // arXiv usually typesets with pdfTeX.
            "ifpdf" | "ifPDFTeX" | "ifpdftex" | "ifCLASSINFOpdf" => Some(true),
            "ifxetex" | "ifXeTeX" | "ifluatex" | "ifLuaTeX" | "iftutex" | "ifTUTeX" | "ifvtex"
            | "ifVTeX" | "ifptex" | "ifpTeX" | "ifuptex" | "ifupTeX" => Some(false),
            "if" => {
                let (one, other) = (self.character(ahead)?, self.character(ahead)?);
                Some(one == other)
            }
            "ifnum" => {
                let one = self.number(ahead)?;
                ahead.blanks();
                let relation = ahead.peek()?;
                ahead.at += 1;
                let other = self.number(ahead)?;
                match relation {
                    b'<' => Some(one < other),
                    b'=' => Some(one == other),
                    b'>' => Some(one > other),
                    _ => None,
                }
            }
            "ifodd" => Some(self.number(ahead)? % 2 != 0),
            "ifdefined" => {
                let what = word(ahead)?;
                self.is_defined(what)
            }
            "ifcsname" => {
                let what = ahead.rest().split("\\endcsname").next()?;
                let is_plain = what.len() < 64 && what.bytes().all(|b| b.is_ascii_alphanumeric());
                if !is_plain {
                    return None;
                }
                ahead.at += what.len();
                ahead.eat("\\endcsname").then_some(())?;
                self.is_defined(what)
            }
            "ifx" => {
                let (one, other) = (word(ahead)?, word(ahead)?);
                self.is_same(one, other)
            }
            _ => {
                let option = name.strip_prefix("ifCLASSOPTION")?;
                Some(self.class_options.iter().any(|known| known == option))
            }
        }
    }

    /// Whether a command is defined, if the source determines it.
    fn is_defined(&self, name: &str) -> Option<bool> {
        const OF_OTHER_ENGINES: [&str; 8] = [
            "HCode",
            "XeTeXrevision",
            "XeTeXversion",
            "directlua",
            "luatexversion",
            "suppressfontnotfounderror",
            "undefined",
            "@undefined",
        ];
        let is_known = self.macros.get(name).is_some() || self.flags.contains_key(name);
        match name {
            _ if is_known || name.starts_with("pdf") || name == "NewDocumentCommand" => Some(true),
            _ if OF_OTHER_ENGINES.contains(&name) => Some(false),
            _ if self.project.is_only_tested(name) => Some(false),
            _ => None,
        }
    }

    /// Whether two operands of `\ifx` are the same, if the source determines it.
    fn is_same(&self, one: &str, other: &str) -> Option<bool> {
        let is_nothing = |name: &str| matches!(name, "undefined" | "@undefined" | "UnDeFiNeD");
        let is_empty = |name: &str| matches!(name, "empty" | "@empty");
        if is_nothing(one) || is_nothing(other) {
            let asked = if is_nothing(one) { other } else { one };
            return self.is_defined(asked).map(|is_defined| !is_defined);
        }
        match (self.macros.get(one), self.macros.get(other)) {
            _ if one == other => Some(true),
            (Some(one), Some(other)) => Some(one == other),
            (Some(value), None) if is_empty(other) => Some(*value == Macro::default()),
            (None, Some(value)) if is_empty(one) => Some(*value == Macro::default()),
            (Some(_), None) | (None, Some(_)) => Some(false),
            (None, None) => None,
        }
    }

    /// Returns the body of a macro without arguments.
    fn value(&self, name: &str) -> Option<&str> {
        let value = self.macros.get(name).filter(|value| value.arguments == 0)?;
        Some(value.body.trim())
    }

    /// Reads an operand of `\if`: a character, or a macro whose body is one.
    fn character(&self, ahead: &mut Scanner) -> Option<char> {
        // Blanks before it end the name of the preceding command.
        let after_word = ahead.text[..ahead.at].ends_with(|c: char| c.is_ascii_alphabetic());
        if after_word {
            ahead.blanks();
        }
        if ahead.peek() != Some(b'\\') {
            let found = ahead.rest().chars().next()?;
            ahead.at += found.len_utf8();
            return Some(if found == '\n' { ' ' } else { found })
                .filter(|c| !"{}#$%&".contains(*c));
        }
        let name = ahead.command()?;
        let mut chars = self.value(name)?.chars();
        let found = chars.next().filter(|c| *c != '\\')?;
        chars.next().is_none().then_some(found)
    }

    /// Reads an operand of `\ifnum`: digits, or a macro whose body has digits.
    fn number(&self, ahead: &mut Scanner) -> Option<i64> {
        ahead.blanks();
        let sign = if ahead.eat("-") { -1 } else { 1 };
        let digits = |text: &str| text.bytes().take(10).take_while(u8::is_ascii_digit).count();
        if ahead.peek() == Some(b'\\') {
            let name = ahead.command()?;
            if name == "pdfoutput" {
                return Some(sign);
            }
            let value = self.value(name)?;
            let is_number = !value.is_empty() && digits(value) == value.len();
            return value.parse::<i64>().ok().filter(|_| is_number).map(|number| sign * number);
        }
        let count = digits(ahead.rest());
        let number: i64 = ahead.rest()[..count].parse().ok()?;
        ahead.at += count;
        ahead.eat(" ");
        Some(sign * number)
    }

    /// Reads `\newif\ifname`: the flag is false until `\nametrue`.
    fn new_flag(&mut self, length: usize) -> bool {
        let mut ahead = Scanner::new(self.top().rest(), length);
        ahead.blanks();
        let name = ahead.command().filter(|name| name.starts_with("if")).map(str::to_owned);
        let (at, is_internal) = (ahead.at, ahead.peek() == Some(b'@'));
        let Some(name) = name.filter(|_| !is_internal) else { return false };
        self.flags.insert(name, false);
        self.drop_next(at);
        true
    }

    /// Reads a command that sets a flag.
    fn set_flag(&mut self, name: &str, length: usize) -> bool {
        let of_newif = |ending: &str| {
            let flag = format!("if{}", name.strip_suffix(ending)?);
            self.flags.contains_key(&flag).then_some(flag)
        };
        let found = of_newif("true").map(|flag| (flag, true));
        if let Some((flag, value)) = found.or_else(|| Some((of_newif("false")?, false))) {
            self.flags.insert(flag, value);
            self.drop_command(length);
            return true;
        }
        // Commands of the packages ifthen and etoolbox.
        let (value, has_value) = match name {
            "newboolean" | "provideboolean" | "newbool" | "providebool" | "newtoggle"
            | "providetoggle" => (Some(false), false),
            "booltrue" | "toggletrue" => (Some(true), false),
            "boolfalse" | "togglefalse" => (Some(false), false),
            "setboolean" | "setbool" | "settoggle" => (None, true),
            _ => return false,
        };
        let mut ahead = Scanner::new(self.top().rest(), length);
        ahead.group_bytes_max = 256;
        ahead.blanks();
        let Some(flag) = ahead.group().map(|flag| flag.trim().to_owned()) else { return false };
        let mut value = value;
        if has_value {
            ahead.blanks();
            value = match ahead.group().map(str::trim) {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => return false,
            };
        }
        let at = ahead.at;
        let prefix = if name.contains("toggle") { "toggle:" } else { "if" };
        self.flags.insert(format!("{prefix}{flag}"), value.unwrap_or_default());
        self.drop_next(at);
        true
    }

    /// Reads a command that takes its branches as arguments: the branch that is shown replaces it.
    fn choose(&mut self, name: &str, length: usize) -> bool {
        if !self.expands() {
            return false;
        }
        let mut ahead = Scanner::new(self.top().rest(), length);
        ahead.group_bytes_max = GROUP_BYTES_MAX;
        let mut groups: [&str; 3] = [""; 3];
        for group in &mut groups {
            ahead.blanks();
            let Some(found) = ahead.group() else { return false };
            *group = found;
        }
        let (at, cost) = (ahead.at, ahead.cost);
        let [asked, yes, no] = groups.map(str::to_owned);
        self.work_left = self.work_left.saturating_sub(cost);
        let decided = match name {
            "ifthenelse" => self.test(asked.trim()),
            "iftoggle" | "nottoggle" => {
                self.flags.get(&format!("toggle:{}", asked.trim())).copied()
            }
            _ => self.flags.get(&format!("if{}", asked.trim())).copied(),
        };
        let Some(decided) = decided.map(|decided| decided != name.starts_with("not")) else {
            return false;
        };
        self.read_in_place(at, if decided { yes } else { no });
        true
    }

    /// Evaluates a test of the package ifthen.
    fn test(&self, test: &str) -> Option<bool> {
        let mut from = Scanner::new(test, 0);
        let negated = from.eat("\\NOT") || from.eat("\\not");
        from.blanks();
        let found = if from.eat("\\boolean") {
            from.blanks();
            *self.flags.get(&format!("if{}", from.group()?.trim()))?
        } else if from.eat("\\equal") {
            from.blanks();
            let one = self.plain(from.group()?)?;
            from.blanks();
            one == self.plain(from.group()?)?
        } else if from.eat("\\isundefined") {
            from.blanks();
            !self.is_defined(from.group()?.trim().strip_prefix('\\')?)?
        } else {
            let one = self.number(&mut from)?;
            from.blanks();
            let relation = from.peek()?;
            from.at += 1;
            let other = self.number(&mut from)?;
            match relation {
                b'<' => one < other,
                b'=' => one == other,
                b'>' => one > other,
                _ => return None,
            }
        };
        from.rest().trim().is_empty().then_some(found != negated)
    }

    /// Returns a plain text, or the plain body of a macro.
    fn plain(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let value = match text.strip_prefix('\\') {
            Some(name) => self.value(name)?,
            None => text,
        };
        (!value.contains('\\')).then(|| value.to_owned())
    }
}

/// Reads an operand of `\ifx`: the name of a command. Other operands are not decided.
fn word<'a>(ahead: &mut Scanner<'a>) -> Option<&'a str> {
    ahead.blanks();
    let rest = ahead.rest().strip_prefix('\\')?;
    let internal = usize::from(rest.starts_with('@'));
    let length = internal + letters(&rest[internal..]);
    let name = &rest[..length];
    let ends = matches!(name, "" | "@" | "fi" | "else" | "or") || name.starts_with("if");
    ahead.at += if ends { 0 } else { 1 + length };
    (!ends).then_some(name)
}

/// Returns the part of a text that has the operands of a condition.
fn operands(text: &str) -> String {
    const OPERANDS_BYTES_MAX: usize = 256;
    let most = text.len().min(OPERANDS_BYTES_MAX);
    let most = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..most].to_owned()
}
