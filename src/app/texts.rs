//! Texts of files: what models are trained on, and what `sluice bench dedup --input` compares.

pub(crate) mod keys;

use crate::inputs;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use corpus::Corpus;
use formats::Form;
use recipe::usage::usage;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// One text after the other. An error names file and line.
pub(crate) type Texts = Box<dyn Iterator<Item = Result<String>>>;

/// What is taken of inputs that are a corpus.
#[derive(Args)]
pub(crate) struct Part {
    /// Of a corpus, only this slice
    #[arg(long, value_name = "S")]
    pub slice: Option<String>,
    /// Of a corpus, only this label
    #[arg(long, value_name = "L")]
    pub label: Option<String>,
}

impl Part {
    /// Fails where a part of a corpus is asked for and none of all the inputs is one.
    pub fn check<'a>(&self, inputs: impl IntoIterator<Item = &'a [String]>) -> Result<()> {
        let inputs: Vec<&str> = inputs.into_iter().flatten().map(String::as_str).collect();
        let is_asked = self.slice.is_some() || self.label.is_some();
        if is_asked && !inputs.iter().any(|input| is_corpus(input)) {
            let shown = inputs.join(" ");
            return Err(usage(format!(
                "--slice and --label take a part of a corpus: {shown} is none"
            )));
        }
        Ok(())
    }

    /// The part of those of `inputs` that are corpora; where none is, there is nothing to choose.
    pub fn of(&self, inputs: &[String]) -> Part {
        let is_there = inputs.iter().any(|input| is_corpus(input));
        let chosen = |name: &Option<String>| name.clone().filter(|_| is_there);
        Part { slice: chosen(&self.slice), label: chosen(&self.label) }
    }
}

fn is_corpus(input: &str) -> bool {
    Path::new(input).join("commits").is_dir()
}

/// Files with texts in them.
pub(crate) struct TextFiles {
    files: Vec<PathBuf>,
    /// Texts whose `meta.language` is another are passed over.
    language: Option<String>,
}

impl TextFiles {
    /// What `inputs` name: files, patterns, folders, `@lists`, and corpora, of which `part` is taken.
    pub fn find(inputs: &[String], part: &Part, language: Option<&str>) -> Result<TextFiles> {
        let mut files = Vec::new();
        let mut named = Vec::new();
        let mut has_corpus = false;
        for input in inputs {
            let folder = Path::new(input);
            if is_corpus(input) {
                has_corpus = true;
                files.extend(segments(&Corpus::open(folder)?, part)?);
            } else {
                named.push(input.clone());
            }
        }
        if !has_corpus {
            part.check([inputs])?;
        }
        if !named.is_empty() {
            let sources = inputs::files(&named)?;
            files.extend(sources.into_iter().map(|source| PathBuf::from(source.path)));
        }
        if let Some(dump) = files.iter().find(|path| is_dump(path)) {
            let shown = dump.display();
            return Err(usage(format!(
                "{shown} is a dump and no text: add it to a corpus, and name the folder of that"
            )));
        }
        Ok(TextFiles { files, language: language.map(str::to_owned) })
    }

    /// Gives each text to `each`, file by file.
    pub fn for_each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        for path in &self.files {
            let texts = match is_json(path) {
                true => json_lines(path, self.language.as_deref())?,
                false => plain_lines(path)?,
            };
            for text in texts {
                each(&text?)?;
            }
        }
        Ok(())
    }
}

/// The files of documents that the corpus' newest commit names.
fn segments(corpus: &Corpus, part: &Part) -> Result<Vec<PathBuf>> {
    let manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|w| w == name);
    let labels = manifest.labels.iter();
    let wanted: Vec<_> =
        labels.filter(|l| is(&part.slice, &l.slice) && is(&part.label, &l.name)).collect();
    if wanted.is_empty() {
        let known: Vec<String> = manifest.labels.iter().map(|label| label.full_name()).collect();
        let (shown, known) = (corpus.root().display(), known.join(", "));
        return Err(usage(format!("{shown} has no such slice or label; it has: {known}")));
    }
    let files = wanted.iter().flat_map(|label| &label.segments);
    Ok(files.map(|file| corpus.root().join(&file.path)).collect())
}

/// JSON lines are told by the file's name: `pages.jsonl.zst`, `c4-train.json.gz`.
pub(crate) fn is_json(path: &Path) -> bool {
    file_name(path).contains(".json")
}

/// Whether a file is one that a slice reads, and not text or JSON lines of text.
fn is_dump(path: &Path) -> bool {
    use Form::{Arc, Html, MediaWiki, Pdf, Posts, SevenZip, Tar, Warc, Wat, Wet, Xml, Zip};
    let name = file_name(path);
    let is_form = |form| {
        [Arc, Html, MediaWiki, Pdf, Posts, SevenZip, Tar, Warc, Wat, Wet, Xml, Zip].contains(&form)
    };
    name.contains(".wet") || name.contains(".warc") || Form::of(path).is_ok_and(is_form)
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    /// Others may keep something else under this name.
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    language: Cow<'a, str>,
}

/// `text` of each line, but for those that say they are in another language.
pub(crate) fn json_lines(path: &Path, language: Option<&str>) -> Result<Texts> {
    let language = language.map(str::to_owned);
    lines(path, move |line| {
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| anyhow!("an object with a text expected: {error}"))?;
        let is_other = language.as_deref().is_some_and(|wanted| {
            let meta = line.meta.and_then(|meta| serde_json::from_str::<Meta>(meta.get()).ok());
            meta.is_some_and(|meta| meta.language != wanted)
        });
        Ok((!is_other).then(|| line.text.into_owned()))
    })
}

/// Each line that is not blank, as a text.
fn plain_lines(path: &Path) -> Result<Texts> {
    lines(path, |line| {
        let text = str::from_utf8(line).map_err(|error| {
            anyhow!("not UTF-8 at its byte {}; convert the file", error.valid_up_to())
        })?;
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    })
}

fn lines(path: &Path, text: impl Fn(&[u8]) -> Result<Option<String>> + 'static) -> Result<Texts> {
    let open = formats::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut lines = BufReader::with_capacity(1 << 18, open);
    let (path, mut line, mut number) = (path.to_owned(), Vec::new(), 0);
    let next = move || {
        line.clear();
        number += 1;
        let place = || format!("{}: line {number}", path.display());
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(text(&line).with_context(place)),
            Err(error) => Some(Err(anyhow!(error).context(place()))),
        }
    };
    Ok(Box::new(std::iter::from_fn(next).filter_map(Result::transpose)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, bytes: &str, language: Option<&str>) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let part = Part { slice: None, label: None };
        let files = TextFiles::find(&[path.to_string_lossy().into_owned()], &part, language)?;
        let mut found = Vec::new();
        files.for_each(&mut |text| {
            found.push(text.to_owned());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn only_what_says_it_is_in_another_language_is_passed_over() {
        let lines = "{\"text\":\"one\",\"meta\":{\"language\":\"en\"}}\n\
                     {\"text\":\"zwei\",\"meta\":{\"language\":\"de\"}}\n\
                     {\"text\":\"thr\\u00e9e\",\"meta\":\"a note\"}\n{\"text\":\"four\"}\n";
        assert_eq!(texts("a.jsonl", lines, Some("en")).unwrap(), ["one", "thrée", "four"]);
        assert_eq!(texts("a.jsonl", lines, None).unwrap().len(), 4);
    }

    #[test]
    fn plain_lines_are_texts_and_blank_ones_are_not() {
        assert_eq!(
            texts("a.txt", "one\n\n  \r\ntwo \r\nthree", None).unwrap(),
            ["one", "two", "three"]
        );
    }

    #[test]
    fn errors_name_the_line_and_dumps_are_no_text() {
        let error = format!("{:#}", texts("a.jsonl", "{\"text\":\"a\"}\n{\n", None).unwrap_err());
        assert!(error.contains("a.jsonl: line 2: an object with a text expected"), "{error}");
        let error = format!("{:#}", texts("a.warc.wet", "WARC/1.0", None).unwrap_err());
        assert!(error.contains("add it to a corpus"), "{error}");
    }
}
