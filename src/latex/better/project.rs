//! The files of a paper, and the order in which they are read.

use super::declared::Declared;
use super::inputs::{Input, input, path};
use super::macros::{Definition, defines, definition};
use super::readme::Readme;
use super::scan::{SECTIONS, Scanner, letters};
use super::strip::{Stripped, strip};
use memchr::{memchr_iter, memmem};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Most main files that are compared; no paper has more.
const ROOTS_MAX: usize = 64;

/// Most inputs that are followed to find the main files.
const INPUTS_MAX: usize = 100_000;

/// The files of a paper, without comments.
pub(super) struct Project {
    pub files: Vec<File>,
    by_name: HashMap<String, usize>,
    /// Numbers of files by their names in lower case.
    by_lower_name: HashMap<String, usize>,
    /// Folders that `\input@path` names.
    search: Vec<String>,
    /// Names of the paper's files that were not read.
    unread: Vec<String>,
    readme: Readme,
    /// Macros that occur in names of inputs, with their bodies if these are plain.
    in_names: HashMap<String, String>,
    /// Commands that occur only in conditions: nothing defines or uses them.
    only_tested: HashSet<String>,
}

pub(super) struct File {
    pub name: String,
    /// Its folder with a final `/`, or empty.
    pub folder: String,
    pub stripped: Stripped,
    /// The range between `\begin{document}` and `\end{document}`.
    pub document: Option<Range<usize>>,
    /// It has a section command.
    has_section: bool,
    /// It has a document class.
    has_class: bool,
    /// It is LaTeX by its name. Any other file is read only if one of these inputs it.
    is_source: bool,
    /// It is not a main file according to its author: `%auto-ignore`, or an ancillary file.
    is_aside: bool,
    /// The files that it inputs.
    inputs: Vec<InputName>,
}

/// An input as written.
#[derive(PartialEq, Eq, Hash)]
struct InputName {
    folder: String,
    name: String,
    imports: bool,
}

/// The place from which an input is looked up.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    /// The main file.
    pub root: usize,
    /// The file with the input command.
    pub file: usize,
    /// The folder of the file, if it was imported with `\import` or a similar command.
    pub imported: Option<&'a str>,
}

impl Project {
    /// Returns the project of these files, each a name and a text; `unread` names further files.
    pub fn new(texts: Vec<(String, String)>, unread: &[String]) -> Project {
        let declared = Declared::of(texts.iter().map(|(_, text)| text.as_str()));
        let number = |(number, (name, _)): (usize, &(String, String))| (path("", name), number);
        let by_name: HashMap<_, _> = texts.iter().enumerate().map(number).collect();
        let mut by_lower_name = HashMap::new();
        for (number, (name, _)) in texts.iter().enumerate() {
            by_lower_name.entry(path("", name).to_lowercase()).or_insert(number);
        }
        let search = texts.iter().flat_map(|(_, text)| search_path(text)).collect();
        let readme = Readme::of(&texts);
        let files = texts.into_iter().enumerate();
        let files = files.map(|(number, (name, text))| File::new(name, &text, number, &declared));
        let mut project = Project {
            files: files.collect(),
            by_name,
            by_lower_name,
            search,
            unread: unread.to_vec(),
            readme,
            in_names: HashMap::new(),
            only_tested: HashSet::new(),
        };
        let mut left = INPUTS_MAX;
        for file in &mut project.files {
            file.inputs = file.inputs_up_to(left);
            left -= file.inputs.len();
        }
        project.in_names = project.plain_macros_in_names();
        project.only_tested = project.commands_only_tested();
        project
    }

    /// Returns the file that an input means. `value` returns the body of a macro in its name. LaTeX
    /// looks in the folder of the main file; inputs of files read with `\import` are relative to
    /// these.
    pub fn resolve<'v>(
        &self,
        from: From,
        input: &Input,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Option<usize> {
        let jobname = self.files[from.root].name.rsplit('/').next().unwrap_or_default();
        let jobname = jobname.rsplit_once('.').map_or(jobname, |(stem, _)| stem);
        let expanded = |name: &str| expanded(name, jobname, &value);
        let name = path(&expanded(input.folder), &expanded(input.name));
        let own = self.files[from.file].folder.as_str();
        let root = self.files[from.root].folder.as_str();
        let parents = own.match_indices('/').rev().map(|(slash, _)| &own[..slash]).skip(1);
        let imported = from.imported.into_iter().flat_map(|folder| [folder, own]);
        let folders = imported.chain([root, own]).chain(parents).chain([""]);
        let searched = self.search.iter().map(|folder| path(root, folder));
        let names: Vec<String> = folders
            .map(|folder| path(folder, &name))
            .chain(searched.map(|folder| path(&folder, &name)))
            .collect();
        // LaTeX tries the name with its extension first. It does not find names with another case
        // or with backslashes, which authors on other systems write and arXiv corrects.
        let exact = |name: &String| {
            let with = |ending: &str| self.by_name.get(&format!("{name}{ending}"));
            with(".tex").or_else(|| with("")).or_else(|| with(".ltx")).copied()
        };
        let any_case = |name: &String| {
            let lower = name.to_lowercase();
            let with = |ending: &str| self.by_lower_name.get(&format!("{lower}{ending}"));
            with(".tex").or_else(|| with("")).copied()
        };
        let corrected = || {
            let slashed = input.name.contains('\\').then(|| input.name.replace('\\', "/"))?;
            let names = [root, own].map(|folder| path(folder, slashed.trim()));
            names.iter().find_map(exact)
        };
        names.iter().find_map(exact).or_else(|| names.iter().find_map(any_case)).or_else(corrected)
    }

    /// Returns the reason why an input has no file.
    pub fn why_missing(&self, input: &Input) -> &'static str {
        let name = path("", input.name).to_lowercase();
        let stem = |name: &str| name.strip_suffix(".tex").unwrap_or(name).to_owned();
        let is_it = |unread: &String| {
            let unread = unread.to_lowercase();
            unread == name || unread.ends_with(&format!("/{name}")) || stem(&unread) == stem(&name)
        };
        if self.unread.iter().any(is_it) {
            "the file is too large to be read"
        } else {
            "no such file in the paper"
        }
    }

    /// Whether this command occurs only in conditions, so that nothing can have defined it.
    pub fn is_only_tested(&self, command: &str) -> bool {
        self.only_tested.contains(command)
    }

    /// Returns the files that are read first, in order: see [`super::clean`].
    pub fn roots(&self) -> Vec<usize> {
        let named = self.readme.top_level.iter().filter_map(|name| self.by_name.get(name).copied());
        let named: Vec<usize> = named.filter(|file| !self.files[*file].is_systems()).collect();
        if !named.is_empty() {
            return named;
        }
        let ignored: HashSet<usize> =
            self.readme.ignored.iter().filter_map(|name| self.by_name.get(name).copied()).collect();
        let with = |wanted: fn(&File) -> bool| -> Vec<usize> {
            let is_root = |file: &usize| wanted(&self.files[*file]) && !ignored.contains(file);
            (0..self.files.len()).filter(is_root).collect()
        };
        let kinds: [fn(&File) -> bool; 5] = [
            |file| file.document.is_some() && file.is_source && !file.is_aside,
            |file| file.document.is_some() && file.is_source,
            |file| file.document.is_some() && file.has_class,
            |file| file.has_section && file.is_source && !file.is_aside,
            |file| file.has_section && file.is_source,
        ];
        let found = kinds.into_iter().map(with).find(|found| !found.is_empty());
        let mut roots = found.unwrap_or_default();
        roots.sort_by(|a, b| self.files[*a].name.cmp(&self.files[*b].name));
        roots.truncate(ROOTS_MAX);
        self.put_wrappers_first(&mut roots);
        self.order(roots)
    }

    /// Replaces a file that has a document but no class by the file that names the class and inputs
    /// it.
    fn put_wrappers_first(&self, roots: &mut Vec<usize>) {
        let is_wrapper = |file: &&usize| {
            let file = &self.files[**file];
            file.has_class && file.document.is_none() && file.is_source && !file.is_aside
        };
        let all: Vec<usize> = (0..self.files.len()).collect();
        let wrappers = all.iter().filter(is_wrapper).take(ROOTS_MAX);
        let wrappers: Vec<_> = wrappers.map(|file| (*file, self.reach(*file))).collect();
        for root in roots.iter_mut().filter(|root| !self.files[**root].has_class) {
            if let Some((wrapper, _)) = wrappers.iter().find(|(_, reach)| reach.contains(root)) {
                *root = *wrapper;
            }
        }
        let mut seen = HashSet::new();
        roots.retain(|root| seen.insert(*root));
    }

    fn order(&self, roots: Vec<usize>) -> Vec<usize> {
        let reached: Vec<HashSet<usize>> = roots.iter().map(|root| self.reach(*root)).collect();
        let mut order: Vec<usize> = (0..roots.len()).collect();
        // A file that another one reads is a part of it, unless they read each other.
        order.retain(|place| {
            let root = roots[*place];
            let is_part_of = |other: usize| {
                reached[other].contains(&root) && !reached[*place].contains(&roots[other])
            };
            !(0..roots.len()).any(is_part_of)
        });
        // The file that reads most, then others that share no text with an earlier one.
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

    /// Returns the files that a root reads, itself included.
    fn reach(&self, root: usize) -> HashSet<usize> {
        let value = |name: &str| self.in_names.get(name).map(String::as_str);
        let mut reached = HashSet::from([root]);
        let mut open = vec![(root, None)];
        while let Some((file, imported)) = open.pop() {
            let from = From { root, file, imported };
            for InputName { folder, name, imports } in &self.files[file].inputs {
                let input = Input { folder, name, ..Input::default() };
                let Some(found) = self.resolve(from, &input, value) else { continue };
                if reached.insert(found) {
                    let own = self.files[found].folder.as_str();
                    open.push((found, if *imports { Some(own) } else { imported }));
                }
            }
        }
        reached
    }

    /// Returns the macros without arguments that occur in names of inputs, with their bodies.
    fn plain_macros_in_names(&self) -> HashMap<String, String> {
        let inputs = self.files.iter().flat_map(|file| &file.inputs);
        let names = inputs.flat_map(|input| [&input.folder, &input.name]);
        let wanted: HashSet<&str> =
            names.flat_map(|name| commands(name, &[]).map(|(macro_, _)| macro_)).collect();
        let mut found = HashMap::new();
        if wanted.is_empty() {
            return found;
        }
        for file in &self.files {
            for (name, at) in file.commands().filter(|(name, _)| defines(name)) {
                let mut from = Scanner::new(&file.stripped.text, at);
                from.group_bytes_max = NAME_BYTES_MAX;
                if let Some(Definition::Is(name, value)) = definition(name, &mut from)
                    && wanted.contains(name)
                    && value.arguments == 0
                {
                    found.entry(name.to_owned()).or_insert(value.body);
                }
            }
        }
        found
    }

    /// Returns the commands that occur only as operands of `\ifdefined` or `\ifx`.
    fn commands_only_tested(&self) -> HashSet<String> {
        let mut asked: HashMap<&str, usize> = HashMap::new();
        for file in &self.files {
            let mut before = ["", ""];
            for (name, _) in file.commands() {
                let is_operand = matches!(before[1], "ifdefined" | "ifx") || before[0] == "ifx";
                if is_operand && !name.is_empty() {
                    *asked.entry(name).or_default() += 1;
                }
                before = [before[1], name];
            }
        }
        if asked.is_empty() {
            return HashSet::new();
        }
        for file in &self.files {
            for (name, _) in file.commands() {
                if let Some(left) = asked.get_mut(name) {
                    *left = left.wrapping_sub(1);
                }
            }
        }
        asked.into_iter().filter(|(_, left)| *left == 0).map(|(name, _)| name.to_owned()).collect()
    }
}

impl File {
    fn new(name: String, text: &str, number: usize, declared: &Declared) -> File {
        let folder = name.rfind('/').map_or(String::new(), |slash| path("", &name[..slash]) + "/");
        let stripped = strip(text, number, declared);
        let document = document(&stripped);
        let is_aside = text.starts_with("%auto-ignore") || name.starts_with("anc/");
        let mut file = File {
            is_source: super::reads(&name),
            name,
            folder,
            stripped,
            document,
            has_section: false,
            has_class: false,
            is_aside,
            inputs: Vec::new(),
        };
        let is_class = |name: &str| matches!(name, "documentclass" | "documentstyle");
        let has_section = file.commands().any(|(name, _)| SECTIONS.contains(&name));
        let has_class = file.commands().any(|(name, _)| is_class(name));
        (file.has_section, file.has_class) = (has_section, has_class);
        file
    }

    /// Returns the options of its document class.
    pub fn class_options(&self) -> Vec<String> {
        let is_class = |name: &str| matches!(name, "documentclass" | "documentstyle");
        let Some((_, at)) = self.commands().find(|(name, _)| is_class(name)) else {
            return Vec::new();
        };
        let mut from = Scanner::new(&self.stripped.text, at);
        from.group_bytes_max = NAME_BYTES_MAX;
        from.blanks();
        let options = from.bracket().unwrap_or_default();
        options.split(',').map(|option| option.trim().to_owned()).collect()
    }

    fn is_systems(&self) -> bool {
        !self.is_source && self.document.is_none()
    }

    /// Returns its commands outside of verbatim text.
    fn commands(&self) -> impl Iterator<Item = (&str, usize)> {
        commands(&self.stripped.text, &self.stripped.verbatim)
    }

    fn inputs_up_to(&self, most: usize) -> Vec<InputName> {
        let text = &self.stripped.text;
        let inputs = self.commands().filter_map(|(name, at)| {
            let mut from = Scanner::new(text, at);
            from.group_bytes_max = NAME_BYTES_MAX;
            let Input { folder, name, imports, .. } = input(name, &mut from)?;
            let (folder, name) = (folder.to_owned(), name.to_owned());
            (!name.contains('#')).then_some(InputName { folder, name, imports })
        });
        // Each once, in order.
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for input in inputs.take(INPUTS_MAX) {
            let key = (input.folder.clone(), input.name.clone());
            if found.len() < most && seen.insert(key) {
                found.push(input);
            }
        }
        found
    }
}

/// Longest name, or branch of an input.
const NAME_BYTES_MAX: usize = 4096;

/// Expands the macros of a name and removes quotes and surrounding blanks.
fn expanded<'v>(name: &str, jobname: &str, value: &impl Fn(&str) -> Option<&'v str>) -> String {
    const ROUNDS_MAX: usize = 8;
    let mut name = name.to_owned();
    for _ in 0..ROUNDS_MAX {
        let mut next = String::new();
        let mut rest = name.as_str();
        while let Some(slash) = rest.find('\\') {
            next.push_str(&rest[..slash]);
            let word = letters(&rest[slash + 1..]);
            let macro_ = &rest[slash + 1..slash + 1 + word];
            rest = &rest[slash + 1 + word..];
            match (macro_, value(macro_)) {
                (_, Some(value)) => next.push_str(value),
                ("jobname", _) => next.push_str(jobname),
                ("space", _) => next.push(' '),
                ("string" | "detokenize" | "relax", _) => continue,
                _ => {
                    next.push('\\');
                    next.push_str(macro_);
                    continue;
                }
            }
            // A blank only ends the name of the macro.
            rest = rest.trim_start().strip_prefix("{}").unwrap_or(rest.trim_start());
        }
        next.push_str(rest);
        let is_done = next == name || next.len() > NAME_BYTES_MAX;
        name = next;
        if is_done {
            break;
        }
    }
    name.retain(|c| !"\"{}".contains(c));
    name.trim().to_owned()
}

/// Returns the folders that `\def\input@path{{a/}{b/}}` names.
fn search_path(text: &str) -> Vec<String> {
    const SETS: &str = "\\input@path";
    const FOLDERS_MAX: usize = 16;
    let sets = memmem::find_iter(text.as_bytes(), SETS).take(FOLDERS_MAX).flat_map(|at| {
        let mut from = Scanner::new(text, at + SETS.len());
        from.group_bytes_max = NAME_BYTES_MAX;
        let all = from.group().unwrap_or_default();
        all.split(['{', '}']).map(str::trim).filter(|folder| !folder.is_empty())
    });
    sets.map(str::to_owned).take(FOLDERS_MAX).collect()
}

/// Returns the commands of a text outside of these ranges, with the offsets after their names.
fn commands<'t>(
    text: &'t str,
    verbatim: &'t [Range<usize>],
) -> impl Iterator<Item = (&'t str, usize)> {
    let mut verbatim = verbatim.iter().peekable();
    memchr_iter(b'\\', text.as_bytes()).filter_map(move |at| {
        while verbatim.next_if(|range| range.end <= at).is_some() {}
        if verbatim.peek().is_some_and(|range| range.start <= at) {
            return None;
        }
        let end = at + 1 + letters(&text[at + 1..]);
        Some((&text[at + 1..end], end))
    })
}

fn document(file: &Stripped) -> Option<Range<usize>> {
    let text = &file.text;
    let find = |words: &str, from: usize| {
        let places = memmem::find_iter(&text.as_bytes()[from..], words).map(|at| from + at);
        let mut verbatim = file.verbatim.iter().peekable();
        places.into_iter().find(|at| {
            while verbatim.next_if(|range| range.end <= *at).is_some() {}
            verbatim.peek().is_none_or(|range| range.start > *at)
        })
    };
    const BEGIN: &str = "\\begin{document}";
    let start = find(BEGIN, 0)? + BEGIN.len();
    Some(start..find("\\end{document}", start).unwrap_or(text.len()))
}
