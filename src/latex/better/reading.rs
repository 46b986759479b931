//! The state of reading a paper: a stack of frames, the output, and the budget.

use super::macros::Macros;
use super::project::Project;
use super::scan::Scanner;
use std::borrow::Cow;
use std::collections::HashMap;

/// Most frames on the stack: macros in macros, files that input files.
pub(super) const FRAMES_MAX: usize = 200;

/// Most bytes that one use of a macro in a file may produce and read.
pub(super) const USE_BYTES_MAX: usize = 256 << 10;

/// Cost of an expansion in addition to the bytes that it produces.
pub(super) const EXPANSION_COST: usize = 16;

/// Number of disabled macros after which all are disabled.
pub(super) const DISABLED_MAX: usize = 32;

/// An open conditional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conditional {
    /// Its shown branch is being read.
    Decided,
    /// It stays as written.
    Undecided,
}

pub(super) struct Reading<'a> {
    pub project: &'a Project,
    /// The main file.
    pub root: usize,
    pub frames: Vec<Frame<'a>>,
    pub macros: Macros,
    /// Values of the author's conditionals by name.
    pub flags: HashMap<String, bool>,
    /// Open conditionals.
    pub conditionals: Vec<Conditional>,
    /// Number of conditionals whose end was not found.
    pub unended: usize,
    /// Options of the main file's class.
    pub class_options: Vec<String>,
    pub left_out: &'a mut Vec<String>,
    pub out: String,
    pub marks: Marks,
    /// The macro use in a file that created the frames above that file.
    pub current_use: Option<Use>,
    /// Whether the next text comes from another frame than the last.
    pub at_seam: bool,
    pub disabled: usize,
    pub work_left: usize,
    pub in_document: bool,
}

/// A file or macro body that is being read.
pub(super) struct Frame<'a> {
    pub text: Cow<'a, str>,
    pub at: usize,
    pub end: usize,
    /// The file's number, if it is a file.
    pub file: Option<usize>,
    /// The next of the file's verbatim ranges.
    pub verbatim: usize,
    /// The folder in which inputs are looked up first, if the file was imported.
    pub imported: Option<&'a str>,
}

/// Offsets in the output at which the paper may begin.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks {
    /// The first section.
    pub section: Option<usize>,
    /// The end of the title or the abstract, whichever is later: for letters without sections.
    pub front: Option<usize>,
}

/// A use of a macro in a file, with the state to undo it.
pub(super) struct Use {
    pub name: String,
    /// The frame of the use, and the offset after the macro's name.
    pub frame: usize,
    pub at: usize,
    pub out_len: usize,
    pub marks: Marks,
    /// Number of conditionals that were open.
    pub conditionals: usize,
    /// Bytes that it has produced and read.
    pub work: usize,
}

impl<'a> Frame<'a> {
    /// Returns the frame of a file: all of it, or only its document if another file inputs it.
    pub fn of_file(
        project: &'a Project,
        number: usize,
        inside: bool,
        imported: Option<&'a str>,
    ) -> Frame<'a> {
        let file = &project.files[number];
        let text = &file.stripped.text;
        let whole = 0..text.len();
        let range = file.document.clone().filter(|_| inside).unwrap_or(whole);
        let before = |range_: &std::ops::Range<usize>| range_.end <= range.start;
        let verbatim = file.stripped.verbatim.partition_point(before);
        let text = Cow::Borrowed(text.as_str());
        Frame { text, at: range.start, end: range.end, file: Some(number), verbatim, imported }
    }

    pub fn of_macro(text: String) -> Frame<'a> {
        let end = text.len();
        Frame { at: 0, end, text: Cow::Owned(text), file: None, verbatim: 0, imported: None }
    }

    pub fn rest(&self) -> &str {
        &self.text[self.at..self.end]
    }

    pub fn scanner(&self) -> Scanner<'_> {
        Scanner::new(&self.text[..self.end], self.at)
    }
}

impl<'a> Reading<'a> {
    pub fn top(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("a frame is being read")
    }

    /// Copies the next bytes to the output.
    pub fn copy(&mut self, bytes: usize) {
        let frame = self.frames.last_mut().expect("a frame is being read");
        let text = &frame.text[frame.at..frame.at + bytes];
        frame.at += bytes;
        if std::mem::take(&mut self.at_seam) {
            push_apart(&mut self.out, text);
        } else {
            self.out.push_str(text);
        }
        self.spend(bytes);
    }

    /// Skips the next bytes, and the rest of the line if it has nothing else.
    pub fn drop_next(&mut self, bytes: usize) {
        const BLANKS_MAX: usize = 1024;
        let is_blank = |byte: &&u8| b" \t".contains(byte);
        let out = self.out.as_bytes();
        let kept = out.len() - out.iter().rev().take(BLANKS_MAX).take_while(is_blank).count();
        let line_is_blank = kept == 0 || out[kept - 1] == b'\n';
        let frame = self.frames.last_mut().expect("a frame is being read");
        frame.at += bytes;
        let rest = frame.rest().as_bytes();
        let blanks = rest.iter().take(BLANKS_MAX).take_while(is_blank).count();
        if line_is_blank && matches!(rest.get(blanks), None | Some(b'\n')) {
            frame.at += (blanks + 1).min(rest.len());
            // Keeps the output from before the current use, since that may be undone.
            let before = self.current_use.as_ref().map_or(0, |current| current.out_len);
            self.out.truncate(kept.max(before));
        }
    }

    /// Skips the next bytes, and reads `text` in their place.
    pub fn read_in_place(&mut self, bytes: usize, text: String) {
        self.top().at += bytes;
        self.at_seam = true;
        self.spend(text.len() + EXPANSION_COST);
        self.frames.push(Frame::of_macro(text));
    }

    /// Whether macros and inputs are still followed.
    pub fn expands(&self) -> bool {
        self.work_left > 0 && self.disabled <= DISABLED_MAX && self.frames.len() < FRAMES_MAX
    }

    /// Counts bytes that were produced or read.
    pub fn spend(&mut self, bytes: usize) {
        self.work_left = self.work_left.saturating_sub(bytes);
        if self.work_left == 0 {
            self.macros.clear();
        }
        if let Some(current) = &mut self.current_use {
            current.work += bytes;
            if current.work > USE_BYTES_MAX {
                self.undo(true);
            }
        }
    }

    /// Leaves the current use as written. With `disable`, disables the macro.
    pub fn undo(&mut self, disable: bool) {
        let Some(undone) = self.current_use.take() else { return };
        self.frames.truncate(undone.frame + 1);
        let project = self.project;
        let top = self.top();
        top.at = undone.at;
        let ranges = top.file.map(|file| &project.files[file].stripped.verbatim);
        top.verbatim = ranges.map_or(0, |all| all.partition_point(|range| range.end <= undone.at));
        self.out.truncate(undone.out_len);
        self.marks = undone.marks;
        self.conditionals.truncate(undone.conditionals);
        self.out.push('\\');
        self.out.push_str(&undone.name);
        self.at_seam = false;
        if disable {
            self.macros.remove(&undone.name);
            self.disabled += 1;
            if self.disabled > DISABLED_MAX {
                self.macros.clear();
            }
        }
    }
}

/// Appends `more`, after a blank if a command's name would run into it.
pub(super) fn push_apart(text: &mut String, more: &str) {
    const NAME_BYTES_MAX: usize = 64;
    if more.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let back = text.bytes().rev().take(NAME_BYTES_MAX);
        let name = back.clone().take_while(u8::is_ascii_alphabetic).count();
        let slashes = back.skip(name).take_while(|byte| *byte == b'\\').count();
        if name > 0 && slashes % 2 == 1 {
            text.push(' ');
        }
    }
    text.push_str(more);
}
