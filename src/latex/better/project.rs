//! The files of a paper, and which of them are read in which order.

use super::scan::{Scanner, letters};
use super::strip::{Stripped, strip};
use memchr::{memchr_iter, memmem};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// As many main files are compared; more are no paper.
const ROOTS_MAX: usize = 64;

/// Commands that begin a section of some level.
pub(super) const SECTIONS: [&str; 7] =
    ["part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph"];

/// The files of a paper, without comments.
pub(super) struct Project {
    pub files: Vec<File>,
    by_name: HashMap<String, usize>,
}

pub(super) struct File {
    name: String,
    /// Folder that it lies in, with `/` behind it, or nothing.
    folder: String,
    pub stripped: Stripped,
    /// What stands between `\begin{document}` and `\end{document}`.
    pub document: Option<Range<usize>>,
    /// Something in it begins a section.
    has_section: bool,
    /// The files that it inputs.
    inputs: Vec<usize>,
}

/// A command that reads another file.
pub(super) struct Input<'a> {
    folder: &'a str,
    name: &'a str,
}

impl Input<'_> {
    /// The file as it is named.
    pub fn name(&self) -> &str {
        self.name
    }
}

impl Project {
    pub fn new(texts: Vec<(String, String)>) -> Project {
        let by_name = texts.iter().enumerate().map(|(number, (name, _))| (path("", name), number));
        let mut project = Project { by_name: by_name.collect(), files: Vec::new() };
        for (name, text) in texts {
            let folder =
                name.rfind('/').map_or(String::new(), |slash| path("", &name[..slash]) + "/");
            let stripped = strip(&text);
            let document = document(&stripped.text);
            let has_section = commands(&stripped.text).any(|(name, _)| SECTIONS.contains(&name));
            project.files.push(File {
                name,
                folder,
                stripped,
                document,
                has_section,
                inputs: Vec::new(),
            });
        }
        for number in 0..project.files.len() {
            let inputs = project.inputs_of(number);
            project.files[number].inputs = inputs;
        }
        project
    }

    /// The file that an input in `file` means. LaTeX looks in the folder of the main file; files that
    /// are read with `\import` mean their own.
    pub fn resolve(&self, file: usize, input: &Input) -> Option<usize> {
        let name = path(input.folder, input.name.trim().trim_matches('"'));
        let folders = ["", &self.files[file].folder];
        let names = folders.map(|folder| path(folder, &name));
        names.iter().find_map(|name| {
            let tex = || self.by_name.get(&format!("{name}.tex"));
            self.by_name.get(name).or_else(tex).copied()
        })
    }

    /// The files that are read first, in order: see [`super::clean`].
    pub fn roots(&self) -> Vec<usize> {
        let with = |wanted: fn(&File) -> bool| -> Vec<usize> {
            (0..self.files.len()).filter(|file| wanted(&self.files[*file])).collect()
        };
        let mut roots = with(|file| file.document.is_some());
        if roots.is_empty() {
            roots = with(|file| file.has_section);
        }
        roots.sort_by(|a, b| self.files[*a].name.cmp(&self.files[*b].name));
        roots.truncate(ROOTS_MAX);
        let reached: Vec<HashSet<usize>> = roots.iter().map(|root| self.reach(*root)).collect();
        let mut order: Vec<usize> = (0..roots.len()).collect();
        // One that another reads is a part of that, unless they read each other.
        order.retain(|place| {
            let root = roots[*place];
            let is_part_of = |other: usize| {
                reached[other].contains(&root) && !reached[*place].contains(&roots[other])
            };
            !(0..roots.len()).any(is_part_of)
        });
        // The one that reads most, then the others that share no text with one before.
        let bytes = |place: &usize| -> usize {
            reached[*place].iter().map(|file| self.files[*file].stripped.text.len()).sum()
        };
        if let Some(first) = (0..order.len()).rev().max_by_key(|place| bytes(&order[*place])) {
            order[..=first].rotate_right(1);
        }
        let mut used: HashSet<usize> = HashSet::new();
        order.retain(|place| {
            let with_text = reached[*place].iter().filter(|file| self.files[**file].has_section);
            let is_new = with_text.clone().all(|file| !used.contains(file));
            used.extend(with_text.filter(|_| is_new));
            is_new
        });
        order.into_iter().map(|place| roots[place]).collect()
    }

    /// The files that are read from a root on, itself included.
    fn reach(&self, root: usize) -> HashSet<usize> {
        let (mut reached, mut open) = (HashSet::from([root]), vec![root]);
        while let Some(file) = open.pop() {
            let new = self.files[file].inputs.iter().filter(|input| reached.insert(**input));
            open.extend(new);
        }
        reached
    }

    fn inputs_of(&self, file: usize) -> Vec<usize> {
        let text = &self.files[file].stripped.text;
        let mut seen = HashSet::new();
        let inputs = commands(text).filter_map(|(name, at)| {
            let input = input(name, &mut Scanner::new(text, at))?;
            self.resolve(file, &input)
        });
        inputs.filter(|other| seen.insert(*other)).collect()
    }
}

/// The commands of a text with the places behind their names.
fn commands(text: &str) -> impl Iterator<Item = (&str, usize)> {
    memchr_iter(b'\\', text.as_bytes()).map(|at| {
        let end = at + 1 + letters(&text[at + 1..]);
        (&text[at + 1..end], end)
    })
}

/// The input that the command `name` makes with what `from` comes to next; passes by that.
pub(super) fn input<'a>(name: &str, from: &mut Scanner<'a>) -> Option<Input<'a>> {
    match name {
        "input" | "include" | "subfile" => {
            from.blanks();
            let name = match from.peek()? {
                b'{' => short_group(from)?,
                _ if name == "input" => bare_name(from)?,
                _ => return None,
            };
            Some(Input { folder: "", name })
        }
        "import" | "subimport" => {
            let folder = short_group(from)?.trim();
            Some(Input { folder, name: short_group(from)? })
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

/// TeX's own form of `\input`: the name ends at a blank.
fn bare_name<'a>(from: &mut Scanner<'a>) -> Option<&'a str> {
    let rest = from.rest();
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"\\{}".contains(&byte);
    let end = rest.bytes().take(1024).position(ends).unwrap_or(rest.len().min(1024));
    let name = rest.get(..end).filter(|name| !name.is_empty())?;
    from.at += end;
    Some(name)
}

/// A path from `folder`, without `.` and `..`. It only ever names a file of the paper.
fn path(folder: &str, name: &str) -> String {
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

fn document(text: &str) -> Option<Range<usize>> {
    const BEGIN: &str = "\\begin{document}";
    let start = memmem::find(text.as_bytes(), BEGIN.as_bytes())? + BEGIN.len();
    let end = memmem::find(&text.as_bytes()[start..], b"\\end{document}");
    Some(start..end.map_or(text.len(), |end| start + end))
}
