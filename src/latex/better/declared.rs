//! What a paper declares of how its files are to be read: environments and commands of its own
//! whose content counts as it stands, and environments that are comments.

use super::scan::{Scanner, letters};
use memchr::memchr_iter;
use std::collections::{HashMap, HashSet};

/// Environments of LaTeX and of packages that show their content as it is written.
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

/// How a command takes text that counts as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inline {
    /// Between two of the same character: `\verb|x|`.
    Verb,
    /// That, or in braces, after options in brackets: `\lstinline[..]{x}`.
    Options,
    /// The same after a group with a name: `\mintinline[..]{c}|x|`, `\SaveVerb{name}|x|`.
    Named,
    /// An address in braces, or between two of the same character.
    Address,
    /// An address in braces, after options in brackets.
    Link,
}

/// The command `name`, if LaTeX or a package has it and it takes such text.
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

/// No declaration is longer: one that never ends costs no more.
const GROUP_BYTES_MAX: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Declared {
    environments: HashSet<String>,
    inline: HashMap<String, Inline>,
    hidden: HashSet<String>,
    shown: HashSet<String>,
    /// Characters that stand for `\verb` with themselves, each with the file that says so.
    pub short: Vec<(usize, char)>,
}

impl Declared {
    /// What these files declare, comments aside.
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

    /// Whether what begins an environment begins one that is verbatim.
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

    /// Whether the content of this environment counts as it stands.
    pub fn is_verbatim(&self, environment: &str) -> bool {
        let plain = environment.strip_suffix('*').unwrap_or(environment);
        VERBATIM.contains(&plain)
            || self.environments.contains(environment)
            || self.environments.contains(plain)
    }

    /// Whether the environment is a comment.
    pub fn is_comment(&self, environment: &str) -> bool {
        (environment == "comment" || self.hidden.contains(environment))
            && !self.shown.contains(environment)
    }

    /// How the command takes text that counts as it stands, if it does.
    pub fn inline(&self, command: &str) -> Option<Inline> {
        known_inline(command).or_else(|| self.inline.get(command).copied())
    }
}

/// The character of `{\|}`, `\|`, `{|}` or `|`, which is next; passes by it.
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

/// A percent sign that is none of the text stands before the end of this, on its last line.
fn is_commented(before: &str) -> bool {
    const LINE_BYTES_MAX: usize = 1024;
    let bytes = before.as_bytes();
    let line = &bytes[bytes.len().saturating_sub(LINE_BYTES_MAX)..];
    let line = line.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let sign = |at: usize| line[at] == b'%' && (at == 0 || line[at - 1] != b'\\');
    (0..line.len()).any(sign)
}
