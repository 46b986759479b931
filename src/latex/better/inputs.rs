//! Commands that read another file: what they look like, and what their names may mean.

use super::scan::Scanner;

/// A command that reads another file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Input<'a> {
    /// The folder that is named beside the file.
    pub folder: &'a str,
    /// The file as it is named.
    pub name: &'a str,
    /// It brings files that the file inputs with it: they are looked for in its folder first.
    pub imports: bool,
    /// What is read before the file, and what in its place where there is none; the command is a
    /// question, so a file that is missing is no loss.
    pub branches: Option<(&'a str, &'a str)>,
    /// Only a question: the file itself is not read.
    pub asks_only: bool,
}

/// The input that the command `name` makes with what `from` comes to next; passes by that.
pub(super) fn input<'a>(name: &str, from: &mut Scanner<'a>) -> Option<Input<'a>> {
    let plain = |name| Input { name, ..Input::default() };
    match name {
        // `\input@path` and its like are other commands.
        _ if from.peek() == Some(b'@') => None,
        "input" | "include" | "subfile" | "subfileinclude" | "SweaveInput" | "loadglsentries"
        | "includestandalone" => {
            from.blanks();
            if matches!(name, "loadglsentries" | "includestandalone") {
                from.bracket();
                from.blanks();
            }
            let file = match from.peek()? {
                b'{' => short_group(from)?,
                _ if name == "input" => bare_name(from)?,
                _ => return None,
            };
            Some(Input { imports: name.starts_with("subfile"), ..plain(file) })
        }
        "import" | "subimport" | "includefrom" | "subincludefrom" | "inputfrom"
        | "subinputfrom" => {
            from.eat("*");
            from.blanks();
            let folder = short_group(from)?.trim();
            from.blanks();
            Some(Input { folder, imports: true, ..plain(short_group(from)?) })
        }
        "InputIfFileExists" | "IfFileExists" => {
            from.blanks();
            let file = short_group(from)?;
            from.blanks();
            let then = from.group()?;
            from.blanks();
            let branches = Some((then, from.group()?));
            Some(Input { branches, asks_only: name == "IfFileExists", ..plain(file) })
        }
        _ => None,
    }
}

/// A group that may be the name of a file.
fn short_group<'a>(from: &mut Scanner<'a>) -> Option<&'a str> {
    const NAME_BYTES_MAX: usize = 1024;
    let inside = from.rest().strip_prefix('{')?;
    let end = inside.bytes().take(NAME_BYTES_MAX).position(|byte| b"{}\n".contains(&byte))?;
    from.at += end + 2;
    inside[end..].starts_with('}').then(|| &inside[..end])
}

/// TeX's own form of `\input`: the name ends at a blank, unless it is in quotes. Macros may be in it.
fn bare_name<'a>(from: &mut Scanner<'a>) -> Option<&'a str> {
    const NAME_BYTES_MAX: usize = 1024;
    let rest = from.rest();
    let is_quoted = rest.starts_with('"');
    let ends = |byte: u8| match is_quoted {
        true => b"\"\n".contains(&byte),
        false => byte.is_ascii_whitespace() || b"{}".contains(&byte),
    };
    let start = usize::from(is_quoted);
    let most = rest.len().min(NAME_BYTES_MAX);
    let end = rest.as_bytes()[start..most].iter().position(|byte| ends(*byte));
    let end = end.map_or(most, |end| start + end);
    // What follows a name without a blank is a command, as in `\input name\relax`; within a path it
    // stands for a part of that.
    let name = rest.get(start..end)?;
    let end = match name.rfind('\\') {
        Some(slash) if slash > 0 && !is_quoted && !name[slash..].contains('/') => start + slash,
        _ => end,
    };
    let name = rest.get(start..end).filter(|name| !name.trim().is_empty())?;
    from.at += end + usize::from(is_quoted && rest.as_bytes().get(end) == Some(&b'"'));
    Some(name)
}

/// A path from `folder`, without `.` and `..`. It only ever names a file of the paper.
pub(super) fn path(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a file of this name comes with TeX, or is made by LaTeX when it runs: then it has none of
/// the paper's text, and no author sends it.
pub(super) fn is_systems(name: &str) -> bool {
    const ENDINGS: [&str; 34] = [
        "4ht", "acr", "aux", "bbl", "bbx", "bib", "bst", "cbx", "cfg", "clo", "cls", "code", "def",
        "dfu", "enc", "fd", "fdd", "gls", "glo", "idx", "ind", "lbx", "ldf", "lof", "lot", "map",
        "mkii", "nls", "out", "sty", "tfm", "toc", "tui", "ver",
    ];
    // Files of plain TeX and of early packages that papers input by name.
    const NAMES: [&str; 57] = [
        "amsppt",
        "amssym",
        "amssymb",
        "amstex",
        "axodraw",
        "blackdvi",
        "boxedeps",
        "colordvi",
        "cyracc",
        "diagrams",
        "dvipsnam",
        "eepic",
        "eplain",
        "epic",
        "epsf",
        "epsfig",
        "feynman",
        "feynmf",
        "fontch",
        "glyphtounicode",
        "graphicx",
        "harvmac",
        "ifpdf",
        "insbox",
        "jyttex",
        "lamstex",
        "lanlmac",
        "latexsym",
        "manfnt",
        "mssymb",
        "mtexsis",
        "multicol",
        "multido",
        "pdfcolor",
        "phyzzx",
        "pictex",
        "pictexwd",
        "postpictex",
        "prepictex",
        "psfig",
        "psfrag",
        "pstcol",
        "pstricks",
        "random",
        "revtex",
        "soul",
        "supp-pdf",
        "tcilatex",
        "texdraw",
        "texnames",
        "tikz",
        "txfonts",
        "ushyphex",
        "verbatim",
        "xy",
        "xypic",
        "youngtab",
    ];
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let stem = name.strip_suffix(".tex").unwrap_or(&name);
    let ending = stem.rsplit_once('.').map(|(_, ending)| ending);
    NAMES.contains(&stem)
        || stem.starts_with("pst-")
        || stem.starts_with("pgf")
        || stem.starts_with("tikzlibrary")
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}
