//! The author's macros and their definitions.

use super::scan::{SECTIONS, Scanner, letters};
use std::collections::HashMap;

/// Most macros of a paper.
const MACROS_MAX: usize = 20_000;

/// Most bytes of all bodies together; further macros are not kept.
const BODIES_BYTES_MAX: usize = 64 << 20;

/// The author's macros.
#[derive(Default)]
pub(super) struct Macros {
    by_name: HashMap<String, Macro>,
    /// Size of all bodies and defaults.
    bytes: usize,
}

/// A command that the author defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Macro {
    /// Number of arguments, at most nine.
    pub arguments: usize,
    /// Default of the first argument, if that is optional.
    pub default: Option<String>,
    /// The body, with `#1` for the first argument.
    pub body: String,
}

/// The effect of a definition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Definition<'a> {
    /// Defines the name.
    Is(&'a str, Macro),
    /// Defines the name unless it is defined.
    Unless(&'a str, Macro),
    /// Makes the first name an alias of the second.
    Like(&'a str, &'a str),
    /// Defines the name in a way that is not followed.
    Unknown(&'a str),
    /// Defines an environment, or a command whose name is not a word.
    Other,
}

/// Commands of LaTeX that structure a text. Authors redefine them only to change their appearance.
const KEPT: [&str; 37] = [
    "appendix",
    "author",
    "begin",
    "bf",
    "bibitem",
    "bibliography",
    "caption",
    "cite",
    "date",
    "documentclass",
    "emph",
    "end",
    "eqref",
    "footnote",
    "hline",
    "include",
    "includegraphics",
    "input",
    "item",
    "it",
    "label",
    "left",
    "maketitle",
    "newline",
    "newpage",
    "par",
    "ref",
    "right",
    "rm",
    "tableofcontents",
    "text",
    "textbf",
    "textit",
    "textrm",
    "title",
    "url",
    "usepackage",
];

impl Macro {
    fn bytes(&self) -> usize {
        self.body.len() + self.default.as_ref().map_or(0, String::len)
    }
}

impl Macros {
    pub fn get(&self, name: &str) -> Option<&Macro> {
        self.by_name.get(name)
    }

    pub fn remove(&mut self, name: &str) {
        self.bytes -= self.by_name.remove(name).map_or(0, |gone| gone.bytes());
    }

    /// Removes all macros.
    pub fn clear(&mut self) {
        *self = Macros::default();
    }

    pub fn define(&mut self, definition: Definition) {
        match definition {
            Definition::Is(name, value) => self.set(name, value),
            Definition::Unless(name, value) => {
                if !self.by_name.contains_key(name) {
                    self.set(name, value);
                }
            }
            Definition::Like(name, other) => match self.by_name.get(other).cloned() {
                Some(value) => self.set(name, value),
                None => self.remove(name),
            },
            Definition::Unknown(name) => self.remove(name),
            Definition::Other => {}
        }
    }

    fn set(&mut self, name: &str, value: Macro) {
        // `@` marks internals of packages, which have no meaning in a text.
        let is_internal = || value.body.contains('@');
        let is_kept = || KEPT.contains(&name) || SECTIONS.contains(&name);
        self.remove(name);
        let is_full =
            self.by_name.len() >= MACROS_MAX || self.bytes + value.bytes() > BODIES_BYTES_MAX;
        if !is_kept() && !is_internal() && !is_full {
            self.bytes += value.bytes();
            self.by_name.insert(name.to_owned(), value);
        }
    }
}

/// Whether a command of this name defines something.
pub(super) fn defines(name: &str) -> bool {
    matches!(
        name,
        "newcommand"
            | "renewcommand"
            | "providecommand"
            | "DeclareRobustCommand"
            | "DeclareMathOperator"
            | "newenvironment"
            | "renewenvironment"
            | "def"
            | "gdef"
            | "edef"
            | "xdef"
            | "let"
    )
}

/// Reads the definition of the command `name` from `from`. Returns `None` if it is not understood.
pub(super) fn definition<'a>(name: &str, from: &mut Scanner<'a>) -> Option<Definition<'a>> {
    match name {
        "def" | "gdef" | "edef" | "xdef" => def(from),
        "let" => alias(from),
        "newenvironment" | "renewenvironment" => environment(from),
        _ => command(name, from),
    }
}

/// Reads `\newcommand*{\name}[2][default]{body}` and similar commands. The braces around the name
/// are optional.
fn command<'a>(command: &str, from: &mut Scanner<'a>) -> Option<Definition<'a>> {
    let star = from.eat("*");
    from.blanks();
    let name = match from.peek()? {
        b'{' => from.group()?.trim(),
        _ => from.argument()?,
    };
    let name = name.strip_prefix('\\')?;
    from.blanks();
    let arguments = from.bracket().map_or(Some(0), |number| number.trim().parse().ok());
    from.blanks();
    let default = from.bracket().map(str::to_owned);
    from.blanks();
    let body = trimmed(from.group()?);
    if name.is_empty() || letters(name) != name.len() {
        return Some(Definition::Other);
    }
    let Some(arguments) = arguments.filter(|number| *number <= 9) else {
        return Some(Definition::Unknown(name));
    };
    let body = match (command, star) {
        ("DeclareMathOperator", false) => format!("\\operatorname{{{body}}}"),
        ("DeclareMathOperator", true) => format!("\\operatorname*{{{body}}}"),
        _ => body.to_owned(),
    };
    let value = Macro { arguments, default: default.filter(|_| arguments > 0), body };
    Some(match command {
        "providecommand" => Definition::Unless(name, value),
        _ => Definition::Is(name, value),
    })
}

/// Reads `\def\name#1#2{body}`. A macro with delimiters between its parameters is not followed,
/// since they would have to match the text.
fn def<'a>(from: &mut Scanner<'a>) -> Option<Definition<'a>> {
    from.blanks();
    let name = from.argument()?.strip_prefix('\\')?;
    let mut arguments = 0;
    let mut is_plain = true;
    while from.peek()? != b'{' {
        let number = from.rest().strip_prefix('#').and_then(|rest| rest.bytes().next());
        if number == Some(b'1' + arguments) && arguments < 9 {
            arguments += 1;
            from.at += 2;
            continue;
        }
        is_plain &= from.peek()?.is_ascii_whitespace();
        from.token();
        from.cost += 1;
        if from.cost > 256 {
            return None;
        }
    }
    let body = trimmed(from.group()?);
    if name.is_empty() || letters(name) != name.len() {
        return Some(Definition::Other);
    }
    let value = Macro { arguments: arguments.into(), default: None, body: body.to_owned() };
    Some(if is_plain { Definition::Is(name, value) } else { Definition::Unknown(name) })
}

/// Reads `\let\name=\other`.
fn alias<'a>(from: &mut Scanner<'a>) -> Option<Definition<'a>> {
    from.blanks();
    let name = from.command()?;
    from.blanks();
    from.eat("=");
    from.blanks();
    Some(match from.command() {
        Some(other) => Definition::Like(name, other),
        None => {
            from.token();
            Definition::Unknown(name)
        }
    })
}

/// Reads `\newenvironment{name}[1][default]{begin}{end}`.
fn environment<'a>(from: &mut Scanner<'a>) -> Option<Definition<'a>> {
    from.eat("*");
    from.blanks();
    from.group()?;
    for _ in 0..2 {
        from.blanks();
        from.bracket();
    }
    for _ in 0..2 {
        from.blanks();
        from.group()?;
    }
    Some(Definition::Other)
}

/// Returns a body without commands that only adjust the blank after it.
fn trimmed(body: &str) -> &str {
    let body = body.trim();
    body.strip_suffix("\\xspace").unwrap_or(body)
}
