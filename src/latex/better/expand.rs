//! Reads a main file as LaTeX does: inserts inputs and expands macros.
//!
//! The reader keeps a stack of frames, which are files and macro bodies, so nothing recurses. Text
//! is copied to the output; one of the author's commands pushes a frame. The cost of a paper is
//! limited in three ways: by the output of one macro use ([`Use`]; beyond the limit, the use stays
//! as written and the macro is disabled), by the number of disabled macros, and by the size of all
//! frames in proportion to the paper.

use super::inputs::{input, is_systems};
use super::macros::{Definition, Macros, defines, definition};
use super::project::{From, Project};
use super::reading::{
    EXPANSION_COST, FRAMES_MAX, Frame, Marks, Reading, USE_BYTES_MAX, Use, push_apart,
};
use super::scan::{SECTIONS, Scanner, environment_name, letters};
use crate::{NoText, TEXT_BYTES_MAX};
use memchr::{memchr, memmem};
use std::collections::HashMap;

/// Most bytes that are produced and read for a paper: a multiple of its size, and a minimum.
const WORK_OF_PAPER: usize = 64;
const WORK_BYTES_MIN: usize = 16 << 20;

/// Returns the text of the document with the main file `root`; `None` if it has no section,
/// abstract or title. Missing parts are added to `left_out`.
pub(super) fn body(
    project: &Project,
    root: usize,
    left_out: &mut Vec<String>,
) -> Result<Option<String>, NoText> {
    let paper: usize = project.files.iter().map(|file| file.stripped.text.len()).sum();
    let mut reading = Reading {
        project,
        root,
        frames: Vec::new(),
        macros: Macros::default(),
        flags: HashMap::new(),
        conditionals: Vec::new(),
        unended: 0,
        class_options: project.files[root].class_options(),
        left_out,
        out: String::new(),
        marks: Marks::default(),
        current_use: None,
        at_seam: false,
        disabled: 0,
        work_left: paper.saturating_mul(WORK_OF_PAPER) + WORK_BYTES_MIN,
        in_document: false,
    };
    reading.frames.push(Frame::of_file(project, root, false, None));
    while reading.step() {
        if reading.out.len() > TEXT_BYTES_MAX {
            return Err(NoText::MacroBomb);
        }
    }
    let Reading { mut out, marks, .. } = reading;
    Ok(marks.section.or(marks.front).map(|start| out.split_off(start)))
}

/// Longest text that an input command reads before its file, or in place of a missing file.
const BRANCH_BYTES_MAX: usize = 16 << 10;

/// Most missing inputs that are reported.
const LEFT_OUT_MAX: usize = 200;

/// Cost of opening a file, in bytes of work.
const INPUT_COST: usize = 4 << 10;

impl<'a> Reading<'a> {
    /// Reads the next piece. Returns false at the end.
    fn step(&mut self) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        if frame.at >= frame.end {
            let is_file = frame.file.is_some();
            self.frames.pop();
            self.at_seam = true;
            if is_file && !self.out.ends_with('\n') {
                self.out.push('\n');
            }
            return true;
        }
        if self.current_use.as_ref().is_some_and(|of| self.frames.len() <= of.frame + 1) {
            self.current_use = None;
        }
        let frame = self.frames.last_mut().expect("checked above");
        let ranges = frame.file.map(|file| &self.project.files[file].stripped.verbatim);
        let range = ranges.and_then(|ranges| ranges.get(frame.verbatim)).cloned();
        match range {
            // A definition or an argument has already read its beginning.
            Some(range) if range.start < frame.at => frame.verbatim += 1,
            Some(range) if range.start == frame.at => {
                let bytes = range.end.min(frame.end) - frame.at;
                frame.verbatim += 1;
                self.copy(bytes);
            }
            _ => {
                let rest = frame.rest();
                let most = range.map_or(rest.len(), |range| range.start - frame.at).min(rest.len());
                match memchr(b'\\', &rest.as_bytes()[..most]) {
                    Some(0) => self.command(),
                    Some(found) => self.copy(found),
                    None => self.copy(most),
                }
            }
        }
        true
    }

    /// Reads a command, whose backslash is next.
    fn command(&mut self) {
        let frame = self.frames.last().expect("a frame is being read");
        let rest = &frame.rest()[1..];
        let name = &rest[..letters(rest)];
        let length = 1 + name.len();
        match name {
            "" => {
                let at_input = ["@input{", "@@input{", "@@input "]
                    .iter()
                    .find_map(|internal| rest.starts_with(internal).then_some(internal.len()));
                let symbol = rest.chars().next().map_or(0, char::len_utf8);
                match at_input {
                    Some(length) => self.input("input", length),
                    None => self.copy(1 + symbol),
                }
            }
            "begin" => self.begin(),
            "end" => self.end(),
            "maketitle" => {
                self.copy(length);
                self.marks.front = Some(self.out.len());
            }
            "appendix" if self.has_begun() => self.frames.clear(),
            "bibliography" | "bibliographystyle" | "printbibliography" => {
                let mut ahead = Scanner::new(frame.rest(), length);
                ahead.group_bytes_max = 4096;
                ahead.blanks();
                let _ = if name.starts_with('p') { ahead.bracket() } else { ahead.group() };
                self.drop_next(ahead.at);
            }
            "endinput" => {
                let file = self.frames.iter().rposition(|frame| frame.file.is_some());
                self.frames.truncate(file.map_or(0, |file| file + 1));
                self.current_use = None;
                if let Some(frame) = self.frames.last_mut() {
                    frame.at = frame.end;
                }
            }
            "long" | "global" | "protected" | "outer" => {
                let next = rest[name.len()..].trim_start_matches([' ', '\n']);
                let next = next.strip_prefix('\\').map(|next| &next[..letters(next)]);
                let sets = |next: &str| {
                    let flag = next.strip_suffix("true").or_else(|| next.strip_suffix("false"));
                    flag.is_some_and(|flag| self.flags.contains_key(&format!("if{flag}")))
                };
                if next.is_some_and(|next| defines(next) || sets(next)) {
                    self.top().at += length;
                } else {
                    self.copy(length);
                }
            }
            _ if SECTIONS.contains(&name) => {
                let marks = &mut self.marks;
                marks.section = marks.section.or(Some(self.out.len()));
                self.copy(length);
            }
            _ if defines(name) && self.expands() => self.define(length),
            _ if self.macros.get(name).is_some() => self.expand(name.to_owned()),
            _ => {
                let name = name.to_owned();
                if !self.conditional(&name, length) {
                    self.input(&name, length);
                }
            }
        }
    }

    /// Whether the text that is kept has begun.
    fn has_begun(&self) -> bool {
        self.marks.section.or(self.marks.front).is_some()
    }

    fn begin(&mut self) {
        const BEGIN: usize = "\\begin".len();
        let rest = self.frames.last().expect("a frame is being read").rest();
        match environment_name(&rest[BEGIN..]) {
            Some("document") if !self.in_document => {
                self.in_document = true;
                self.top().at += "\\begin{document}".len();
                self.out.clear();
                self.marks = Marks::default();
                self.current_use = None;
            }
            Some("appendix" | "appendices") if self.has_begun() => self.frames.clear(),
            Some(name @ ("thebibliography" | "references" | "REFERENCES")) => {
                let end = format!("\\end{{{name}}}");
                let found = memmem::find(rest.as_bytes(), end.as_bytes());
                let bytes = found.map_or(rest.len(), |found| found + end.len());
                self.drop_next(bytes);
            }
            _ => self.copy(BEGIN),
        }
    }

    fn end(&mut self) {
        const END: usize = "\\end".len();
        let rest = self.frames.last().expect("a frame is being read").rest();
        match environment_name(&rest[END..]) {
            Some("document") => self.frames.clear(),
            Some("abstract") => {
                self.copy(END + "{abstract}".len());
                self.marks.front = Some(self.out.len());
            }
            _ => self.copy(END),
        }
    }

    /// Reads a definition and removes it, if it is understood.
    fn define(&mut self, length: usize) {
        let frame = self.frames.last().expect("a frame is being read");
        let mut ahead = Scanner::new(frame.rest(), length);
        let found = definition(&frame.rest()[1..length], &mut ahead);
        let (bytes, cost) = (ahead.at, ahead.cost);
        match found {
            Some(definition) => {
                if let Definition::Like(name, other) = definition {
                    let flag = match other {
                        "iftrue" => Some(true),
                        "iffalse" => Some(false),
                        other => self.flags.get(other).copied(),
                    };
                    self.flags.extend(flag.map(|flag| (name.to_owned(), flag)));
                }
                self.macros.define(definition);
                self.drop_next(bytes);
            }
            None => self.copy(length),
        }
        self.spend(cost);
    }

    /// Replaces an input command by its file. Copies any other command.
    fn input(&mut self, name: &str, length: usize) {
        let frame = self.frames.last().expect("a frame is being read");
        let mut ahead = Scanner::new(frame.rest(), length);
        ahead.group_bytes_max = BRANCH_BYTES_MAX;
        let found = input(name, &mut ahead);
        self.work_left = self.work_left.saturating_sub(ahead.cost);
        let Some(input) = found else {
            return self.copy(length);
        };
        let bytes = ahead.at;
        let reads = self.frames.iter().rev().find_map(|frame| Some((frame.file?, frame.imported)));
        let (file, imported) = reads.expect("the bottom frame is a file");
        let value = |name: &str| {
            let value = self.macros.get(name).filter(|value| value.arguments == 0)?;
            Some(value.body.trim())
        };
        let from = From { root: self.root, file, imported };
        let found = self.project.resolve(from, &input, value);
        if let Some((then, otherwise)) = input.branches {
            if !self.expands() {
                return self.copy(length);
            }
            let branch = if found.is_some() { then } else { otherwise }.to_owned();
            let file = found.filter(|_| !input.asks_only);
            self.read_in_place(bytes, String::new());
            file.into_iter().for_each(|file| self.open(file, imported));
            return self.frames.push(Frame::of_macro(branch));
        }
        let project = self.project;
        let name = input.name.trim();
        match found {
            // The bibliography from BibTeX.
            _ if name.ends_with(".bbl") => self.drop_next(bytes),
            Some(number) if self.frames.iter().any(|frame| frame.file == Some(number)) => {
                self.leave_out(file, bytes, "it reads itself");
            }
            Some(number) if self.expands() => {
                let own = project.files[number].folder.as_str();
                let imported = if input.imports { Some(own) } else { imported };
                self.top().at += bytes;
                self.open(number, imported);
            }
            Some(_) => {
                const WHY: &str = "the paper's macros make too much for its files to be read on";
                self.leave_out(file, bytes, WHY);
            }
            // Part of the definition of a macro that is not followed.
            None if name.contains('#') => self.copy(length),
            None if is_systems(name) => self.drop_next(bytes),
            None => {
                let why = project.why_missing(&input);
                self.leave_out(file, bytes, why);
            }
        }
    }

    /// Pushes the frame of a file.
    fn open(&mut self, number: usize, imported: Option<&'a str>) {
        // The content of a file does not count as output of the macro that inputs it.
        self.current_use = None;
        // Files that only input others produce no text, but take time.
        self.spend(INPUT_COST);
        self.at_seam = true;
        self.frames.push(Frame::of_file(self.project, number, self.in_document, imported));
    }

    /// Skips an input of `file` that is left out, and records it with the reason.
    fn leave_out(&mut self, file: usize, bytes: usize, why: &str) {
        const SHOWN_CHARS_MAX: usize = 80;
        let written = &self.top().rest()[..bytes];
        let written: String = written.trim().chars().take(SHOWN_CHARS_MAX).collect();
        let file = &self.project.files[file].name;
        let what = format!("{file}: {written}: {why}");
        if self.left_out.len() < LEFT_OUT_MAX && !self.left_out.contains(&what) {
            self.left_out.push(what);
        }
        self.drop_next(bytes);
    }

    /// Expands a use of the macro `name`, which is next.
    fn expand(&mut self, name: String) {
        let frame = self.frames.len() - 1;
        let top = self.top();
        top.at += 1 + name.len();
        let at = top.at;
        if self.current_use.is_none() {
            let (out_len, marks) = (self.out.len(), self.marks);
            let (name, conditionals) = (name.clone(), self.conditionals.len());
            let work = 0;
            self.current_use = Some(Use { name, frame, at, out_len, marks, conditionals, work });
        }
        let Some(arguments) = self.arguments(&name) else { return self.undo(false) };
        let Some(value) = self.macros.get(&name) else { return self.undo(false) };
        let text = substituted(&value.body, &arguments);
        if self.frames.len() >= FRAMES_MAX {
            return self.undo(true);
        }
        self.at_seam = true;
        let cost = text.len() + EXPANSION_COST;
        self.frames.push(Frame::of_macro(text));
        self.spend(cost);
    }

    /// Returns the arguments that follow a use. At the end of a macro body, they are taken from the
    /// text after that macro's use.
    fn arguments(&mut self, name: &str) -> Option<Vec<String>> {
        let wanted = self.macros.get(name)?;
        let (count, mut default) = (wanted.arguments, wanted.default.clone());
        let mut arguments = Vec::with_capacity(count);
        if count == 0 && self.top().rest().starts_with("{}") {
            self.top().at += 2;
        }
        while arguments.len() < count {
            let lowest = self.current_use.as_ref().map_or(usize::MAX, |current| current.frame);
            let can_pop = self.frames.len() > lowest.saturating_add(1);
            let frame = self.frames.last_mut()?;
            let mut ahead = frame.scanner();
            ahead.blanks();
            if ahead.peek().is_none() && frame.file.is_none() && can_pop {
                self.frames.pop();
                continue;
            }
            let argument = match default.take() {
                Some(_) if ahead.peek() == Some(b'[') => ahead.bracket().map(str::to_owned),
                Some(default) => Some(default),
                None => ahead.argument().map(str::to_owned),
            };
            let (at, cost) = (ahead.at, ahead.cost);
            self.work_left = self.work_left.saturating_sub(cost);
            frame.at = at;
            arguments.push(argument?);
        }
        Some(arguments)
    }
}

/// Returns a macro's body with its arguments. It may exceed [`USE_BYTES_MAX`] slightly.
fn substituted(body: &str, arguments: &[String]) -> String {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(found) = memchr(b'#', rest.as_bytes()).filter(|_| text.len() <= USE_BYTES_MAX) {
        push_apart(&mut text, &rest[..found]);
        rest = &rest[found + 1..];
        match rest.bytes().next() {
            // A definition in the body has its own parameters.
            Some(b'#') => {
                text.push('#');
                rest = &rest[1..];
            }
            Some(digit @ b'1'..=b'9') if usize::from(digit - b'1') < arguments.len() => {
                push_apart(&mut text, &arguments[usize::from(digit - b'1')]);
                rest = &rest[1..];
            }
            _ => text.push('#'),
        }
    }
    push_apart(&mut text, rest);
    text
}
