//! A paper's declarations that affect how its files are read: its own verbatim environments and
//! commands, and environments that are comments.

use super::scan::{Scanner, letters};
use memchr::memchr_iter;
use std::collections::{HashMap, HashSet};

/// Verbatim environments of LaTeX and of packages.
const VERBATIM: [&str; 37] = [
    "BVerbatim",
    "CodeInput",
    "CodeOutput",
    "LVerbatim",
    "SaveVerbatim",
    "Sinput",
    "Soutput",
    "Verbatim",
    "VerbatimOut",
    "alltt",
    "asy",
    "asydef",
    "boxedverbatim",
    "filecontents",
    "lstlisting",
    "minted",
    "pyblock",
    "pycode",
    "pyconsole",
    "pyverbatim",
    "sageblock",
    "sageexample",
    "sagesilent",
    "sageverbatim",
    "spverbatim",
    "sverbatim",
    "sympyblock",
    "sympycode",
    "sympyverbatim",
    "tcblisting",
    "tcboutputlisting",
    "verbatim",
    "verbatimtab",
    "verbatimwrite",
    "VerbatimWrite",
    "VerbatimBuffer",
    "xverbatim",
];

/// How a command takes verbatim text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inline {
    /// Between two copies of a character: `\verb|x|`.
    Verb,
    /// The same or in braces, after options in brackets: `\lstinline[..]{x}`.
    Options,
    /// The same, after a group with a name: `\mintinline[..]{c}|x|`, `\SaveVerb{name}|x|`.
    Named,
    /// An address in braces, or between two copies of a character.
    Address,
    /// An address in braces, after options in brackets.
    Link,
}

/// Returns how the command `name` of LaTeX or a package takes verbatim text, if it does.
fn known_inline(name: &str) -> Option<Inline> {
    Some(match name {
        "verb" => Inline::Verb,
        "lstinline" | "Verb" | "spverb" => Inline::Options,
        "mintinline" | "mint" | "SaveVerb" => Inline::Named,
        "url" | "nolinkurl" | "path" | "burl" => Inline::Address,
        "href" => Inline::Link,
        _ => return None,
    })
}

/// Longest declaration, which bounds the cost of one that never ends.
const GROUP_BYTES_MAX: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Declared {
    environments: HashSet<String>,
    inline: HashMap<String, Inline>,
    hidden: HashSet<String>,
    shown: HashSet<String>,
    /// Short forms of `\verb`: characters that delimit verbatim text, each with the declaring file.
    pub short: Vec<(usize, char)>,
}

impl Declared {
    /// Reads the declarations of these files, except those in comments.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Declared {
        let mut declared = Declared::default();
        for (file, text) in texts.enumerate() {
            for at in memchr_iter(b'\\', text.as_bytes()) {
                let name = &text[at + 1..][..letters(&text[at + 1..])];
                if declares(name) && !is_commented(&text[..at]) {
                    let mut from = Scanner::new(text, at + 1 + name.len());
                    from.group_bytes_max = GROUP_BYTES_MAX;
                    declared.read(file, name, &mut from);
                }
            }
        }
        declared
    }

    fn read(&mut self, file: usize, name: &str, from: &mut Scanner) -> Option<()> {
        from.eat("*");
        from.blanks();
        let options = from.bracket();
        from.blanks();
        match name {
            "lstnewenvironment"
            | "DefineVerbatimEnvironment"
            | "newtcblisting"
            | "renewtcblisting"
            | "DeclareTCBListing"
            | "NewTCBListing"
            | "CustomVerbatimEnvironment" => {
                self.environments.insert(from.group()?.trim().to_owned());
            }
            "newminted" => {
                let language = from.group()?;
                let own = options.map(str::to_owned);
                self.environments.insert(own.unwrap_or_else(|| format!("{language}code")));
            }
            "newmint" | "newmintinline" => {
                let language = from.group()?;
                let ending = if name == "newmint" { "" } else { "inline" };
                let own = options.map(|own| own.trim_start_matches('\\').to_owned());
                let command = own.unwrap_or_else(|| format!("{language}{ending}"));
                self.inline.insert(command, Inline::Options);
            }
            "newenvironment" | "renewenvironment" | "NewDocumentEnvironment" => {
                let environment = from.group()?.trim();
                for _ in 0..2 {
                    from.blanks();
                    from.bracket();
                }
                if name == "NewDocumentEnvironment" {
                    from.group()?;
                }
                from.blanks();
                if self.begins_verbatim(from.group()?) {
                    self.environments.insert(environment.to_owned());
                }
            }
            "newcommand"
            | "renewcommand"
            | "providecommand"
            | "def"
            | "let"
            | "CustomVerbatimCommand"
            | "DeclareUrlCommand" => {
                let command = match from.peek()? {
                    b'{' => from.group()?.trim(),
                    _ => from.argument()?,
                };
                from.blanks();
                if name == "let" {
                    from.eat("=");
                    from.blanks();
                }
                let form = match name {
                    "DeclareUrlCommand" => Inline::Address,
                    "CustomVerbatimCommand" => Inline::Options,
                    _ => {
                        let body = if name == "let" { from.argument()? } else { from.group()? };
                        let body = body.trim().strip_prefix('\\')?;
                        let (other, rest) = body.split_at(letters(body));
                        let rest = rest.trim();
                        let has_options = rest.starts_with('[') && rest.ends_with(']');
                        self.inline(other).filter(|_| rest.is_empty() || has_options)?
                    }
                };
                self.inline.insert(command.trim_start_matches('\\').to_owned(), form);
            }
            "MakeShortVerb" | "DefineShortVerb" | "lstMakeShortInline" => {
                self.short.push((file, short(from)?));
            }
            "excludecomment" | "excludeversion" => {
                self.hidden.insert(from.group()?.trim().to_owned());
            }
            "includecomment" | "includeversion" | "specialcomment" => {
                self.shown.insert(from.group()?.trim().to_owned());
            }
            _ => {}
        }
        Some(())
    }

    /// Whether the begin part of an environment begins a verbatim one.
    fn begins_verbatim(&self, body: &str) -> bool {
        memchr_iter(b'\\', body.as_bytes()).any(|at| {
            let rest = &body[at + 1..];
            let name = &rest[..letters(rest)];
            let inner =
                rest[name.len()..].strip_prefix('{').and_then(|rest| rest.split('}').next());
            match (name, inner) {
                ("begin", Some(inner)) => self.is_verbatim(inner),
                ("VerbatimEnvironment", _) => true,
                _ => self.is_verbatim(name),
            }
        })
    }

    /// Whether this environment is verbatim.
    pub fn is_verbatim(&self, environment: &str) -> bool {
        let plain = environment.strip_suffix('*').unwrap_or(environment);
        VERBATIM.contains(&plain)
            || self.environments.contains(environment)
            || self.environments.contains(plain)
    }

    /// Whether this environment is a comment.
    pub fn is_comment(&self, environment: &str) -> bool {
        (environment == "comment" || self.hidden.contains(environment))
            && !self.shown.contains(environment)
    }

    /// Returns how the command takes verbatim text, if it does.
    pub fn inline(&self, command: &str) -> Option<Inline> {
        known_inline(command).or_else(|| self.inline.get(command).copied())
    }
}

/// Reads the character of `{\|}`, `\|`, `{|}` or `|`, which is next.
pub(super) fn short(from: &mut Scanner) -> Option<char> {
    let written = match from.peek()? {
        b'{' => from.group()?,
        _ => from.argument()?,
    };
    let mut chars = written.trim().trim_start_matches('\\').chars();
    let mark = chars.next().filter(|mark| mark.is_ascii_punctuation())?;
    chars.next().is_none().then_some(mark)
}

fn declares(name: &str) -> bool {
    matches!(
        name,
        "CustomVerbatimCommand"
            | "CustomVerbatimEnvironment"
            | "DeclareTCBListing"
            | "DeclareUrlCommand"
            | "DefineShortVerb"
            | "DefineVerbatimEnvironment"
            | "MakeShortVerb"
            | "NewDocumentEnvironment"
            | "NewTCBListing"
            | "def"
            | "excludecomment"
            | "excludeversion"
            | "includecomment"
            | "includeversion"
            | "let"
            | "lstMakeShortInline"
            | "lstnewenvironment"
            | "newcommand"
            | "newenvironment"
            | "newmint"
            | "newminted"
            | "newmintinline"
            | "newtcblisting"
            | "providecommand"
            | "renewcommand"
            | "renewenvironment"
            | "renewtcblisting"
            | "specialcomment"
    )
}

/// Whether the last line of this text has a percent sign that begins a comment.
fn is_commented(before: &str) -> bool {
    const LINE_BYTES_MAX: usize = 1024;
    let bytes = before.as_bytes();
    let line = &bytes[bytes.len().saturating_sub(LINE_BYTES_MAX)..];
    let line = line.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let sign = |at: usize| line[at] == b'%' && (at == 0 || line[at - 1] != b'\\');
    (0..line.len()).any(sign)
}
