//! Texts of files, for training models and for `sluice bench dedup --input`.

mod corpus;
mod field;
pub(crate) mod keys;
mod passed;
#[cfg(test)]
mod tests;

pub(crate) use corpus::{CorpusPart, is_corpus, segments};
pub(crate) use field::TextField;
pub(crate) use passed::Passed;

use crate::inputs;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use formats::{Form, is_named_json, without_compression};
use recipe::usage::usage;
use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// How texts are found in lines of JSON.
#[derive(Args)]
pub(crate) struct TextFlags {
    /// The field that has the text of a JSON line, or a path to it, such as meta.content
    #[arg(long, default_value = "text", value_name = "NAME")]
    pub text_field: TextField,
}

/// Files with texts.
pub(crate) struct TextFiles {
    files: Vec<PathBuf>,
    /// The files before this one are segments of corpora.
    segments: usize,
    lines: Lines,
    /// Whether texts of a corpus without a language are used though a language is wanted: not if no
    /// slice is selected, since the slices of code and books identify none.
    takes_unmarked: bool,
}

/// How the lines of a file become texts.
#[derive(Clone)]
struct Lines {
    field: TextField,
    /// Texts whose `meta.language` is another are skipped.
    language: Option<String>,
}

/// What a line of a file is.
enum Line {
    Text(String),
    /// A text without `meta.language`, though a language is wanted.
    Unmarked(String),
    OtherLanguage(String),
    /// Where, and why.
    Malformed(String),
}

type LineIterator = Box<dyn Iterator<Item = Result<Line>>>;

impl TextFiles {
    /// Finds the files that `inputs` name: files, patterns, folders, `@lists`, and `part` of
    /// corpora.
    pub fn find(
        inputs: &[String],
        part: &CorpusPart,
        language: Option<&str>,
        flags: &TextFlags,
    ) -> Result<TextFiles> {
        let (of_corpora, named): (Vec<&String>, Vec<&String>) =
            inputs.iter().partition(|input| is_corpus(input));
        if of_corpora.is_empty() {
            part.check([inputs])?;
        }
        let mut files = Vec::new();
        for folder in &of_corpora {
            files.extend(segments(folder, part)?);
        }
        let segments = files.len();
        for input in named {
            let found = inputs::files(std::slice::from_ref(input))?;
            let found = found.into_iter().map(|source| PathBuf::from(source.path)).collect();
            files.extend(without_card(input, found));
        }
        files[segments..].iter().try_for_each(|path| check_form(path))?;
        let lines =
            Lines { field: flags.text_field.clone(), language: language.map(str::to_owned) };
        Ok(TextFiles { files, segments, lines, takes_unmarked: part.slice.is_some() })
    }

    /// Calls `each` with every text, file by file, and records in `passed` what is not one.
    pub fn for_each(
        &self,
        passed: &mut Passed,
        each: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        for (number, path) in self.files.iter().enumerate() {
            let is_named = number >= self.segments;
            for line in self.lines.of(path)? {
                match line? {
                    Line::Text(text) => each(&text)?,
                    Line::Unmarked(text) if is_named => each(&text)?,
                    Line::Unmarked(text) if self.takes_unmarked => {
                        passed.unmarked += 1;
                        each(&text)?;
                    }
                    Line::Unmarked(_) => passed.no_language(),
                    Line::OtherLanguage(language) => passed.other_language(language),
                    Line::Malformed(what) => passed.malformed(what),
                }
            }
        }
        Ok(())
    }
}

/// Removes the dataset card and the list of files that `sluice export` writes beside the data, from
/// the files that `input` names.
pub(crate) fn without_card(input: &str, mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let beside = ["README.md", "manifest.json"].map(|name| Path::new(input).join(name));
    if beside.iter().all(|path| path.is_file()) {
        files.retain(|file| !beside.contains(file));
    }
    files
}

/// Fails if a file is certainly not text or JSON lines of text, such as a dump that a slice reads.
fn check_form(path: &Path) -> Result<()> {
    use Form::{Binary, Json, Parquet};
    let (shown, name) = (path.display(), file_name(path).to_lowercase());
    let name = without_compression(&name);
    if name.ends_with(".wet") || name.ends_with(".warc") {
        return Err(usage(format!(
            "{shown} is a dump, not text: add it to a corpus, and name the folder of the corpus"
        )));
    }
    // A file that cannot be opened is reported when it is read.
    let form = Form::of(path).ok();
    if form == Some(Binary) {
        return Err(usage(format!(
            "{shown} is binary, not text; give files of JSON lines, Parquet, or one text per line"
        )));
    }
    match form.filter(|form| ![Json, Parquet].contains(form)).and_then(Form::known) {
        Some((what, hint)) => Err(usage(format!(
            "{shown} is a dump, not text: it is {what} ({hint}). If a slice reads it, add it to a \
             corpus, and name the folder of the corpus"
        ))),
        None => Ok(()),
    }
}

/// Returns whether a file has JSON lines or the rows of Parquet, by its name or else its content.
pub(crate) fn is_json(path: &Path) -> bool {
    let has_rows = |form| matches!(form, Form::Json | Form::Parquet);
    file_name(path).contains(".json") || is_named_json(path) || Form::of(path).is_ok_and(has_rows)
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

impl Lines {
    /// Reads the lines of a file.
    fn of(&self, path: &Path) -> Result<LineIterator> {
        if is_json(path) { self.of_json(path) } else { of_text(path) }
    }

    /// Reads the text of each row. Blank lines are not rows.
    fn of_json(&self, path: &Path) -> Result<LineIterator> {
        let mut rows = formats::rows(path)
            .map_err(|error| anyhow!(error.source).context(cannot_open(path)))?;
        let (lines, path) = (self.clone(), path.to_owned());
        let next = move || {
            let row = rows.next()?;
            let place = format!("{}: {} {}", path.display(), rows.unit(), rows.number());
            Some(match row {
                Ok(row) => Ok(lines.of_row(&row.json, &place)),
                Err(defect) if defect.device.is_some() => Err(anyhow!("{place}: {defect}")),
                Err(defect) => Ok(Line::Malformed(format!("{place}: {}", defect.what))),
            })
        };
        Ok(Box::new(std::iter::from_fn(next)))
    }

    fn of_row(&self, json: &[u8], place: &str) -> Line {
        let malformed = |what: String| Line::Malformed(format!("{place}: {what}"));
        let fields = match formats::utf8(json).map(formats::fields) {
            Ok(Ok(fields)) => fields,
            Ok(Err(error)) => return malformed(format!("a JSON object is expected: {error}")),
            Err(what) => return malformed(what),
        };
        let text = match self.field.text(&fields) {
            Ok(text) => text,
            Err(what) => return malformed(what),
        };
        let Some(wanted) = &self.language else { return Line::Text(text) };
        // Other pipelines may use the name `meta` for something else.
        let language = field::value(&fields, "meta.language");
        match language.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()) {
            Some(language) if language == *wanted => Line::Text(text),
            Some(language) => Line::OtherLanguage(language),
            None => Line::Unmarked(text),
        }
    }
}

/// Reads each line that is not blank as a text.
fn of_text(path: &Path) -> Result<LineIterator> {
    let open = formats::open(path).with_context(|| cannot_open(path))?;
    let mut lines = BufReader::with_capacity(1 << 18, open);
    let (path, mut line, mut number) = (path.to_owned(), Vec::new(), 0);
    let next = move || loop {
        line.clear();
        number += 1;
        let place = || format!("{}: line {number}", path.display());
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => match text_of_line(&line) {
                Ok("") => {}
                Ok(text) => return Some(Ok(Line::Text(text.to_owned()))),
                Err(what) => return Some(Ok(Line::Malformed(format!("{}: {what}", place())))),
            },
            Err(error) => return Some(Err(anyhow!(error).context(place()))),
        }
    };
    Ok(Box::new(std::iter::from_fn(next)))
}

/// Returns a line without white space around it, nor the byte order mark of a file.
fn text_of_line(line: &[u8]) -> Result<&str, String> {
    let text = str::from_utf8(line).map_err(|error| {
        format!("not UTF-8 at its byte {}; convert the file", error.valid_up_to())
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim())
}

fn cannot_open(path: &Path) -> String {
    format!("cannot open {}", path.display())
}

/// Reads `text` of each row of a file. A malformed row is an error.
pub(crate) fn json_texts(path: &Path) -> Result<impl Iterator<Item = Result<String>> + use<>> {
    let lines = Lines { field: TextField::default(), language: None }.of_json(path)?;
    Ok(lines.filter_map(Line::strict))
}

/// Calls `each` with the lines of a plain or compressed file of text, for other uses than training,
/// and records in `passed` what is not one.
pub(crate) fn plain_lines(
    path: &Path,
    passed: &mut Passed,
    each: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    for line in of_text(path)? {
        match line? {
            Line::Text(text) | Line::Unmarked(text) => each(&text)?,
            Line::OtherLanguage(_) => {}
            Line::Malformed(what) => passed.malformed(what),
        }
    }
    Ok(())
}

impl Line {
    /// Returns the text of a line; an error if it is malformed.
    fn strict(line: Result<Line>) -> Option<Result<String>> {
        match line {
            Ok(Line::Text(text) | Line::Unmarked(text)) => Some(Ok(text)),
            Ok(Line::OtherLanguage(_)) => None,
            Ok(Line::Malformed(what)) => Some(Err(anyhow!(what))),
            Err(error) => Some(Err(error)),
        }
    }
}
