//! Texts of files, for training models and for `sluice bench dedup --input`.

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

/// Texts in order. An error names file and line.
pub(crate) type Texts = Box<dyn Iterator<Item = Result<String>>>;

/// The part of a corpus that is read.
#[derive(Args)]
pub(crate) struct CorpusPart {
    /// Of a corpus, only this slice
    #[arg(long, value_name = "S")]
    pub slice: Option<String>,
    /// Of a corpus, only this label
    #[arg(long, value_name = "L")]
    pub label: Option<String>,
}

impl CorpusPart {
    /// Fails if a part of a corpus is selected and none of the inputs is a corpus.
    pub fn check<'a>(&self, inputs: impl IntoIterator<Item = &'a [String]>) -> Result<()> {
        let inputs: Vec<&str> = inputs.into_iter().flatten().map(String::as_str).collect();
        let is_selected = self.slice.is_some() || self.label.is_some();
        if is_selected && !inputs.iter().any(|input| is_corpus(input)) {
            let shown = inputs.join(" ");
            return Err(usage(format!(
                "--slice and --label select a part of a corpus: {shown} is not a corpus"
            )));
        }
        Ok(())
    }

    /// Returns this part if one of `inputs` is a corpus, else a part without a selection.
    pub fn of(&self, inputs: &[String]) -> CorpusPart {
        let has_corpus = inputs.iter().any(|input| is_corpus(input));
        let chosen = |name: &Option<String>| name.clone().filter(|_| has_corpus);
        CorpusPart { slice: chosen(&self.slice), label: chosen(&self.label) }
    }
}

fn is_corpus(input: &str) -> bool {
    Path::new(input).join("commits").is_dir()
}

/// Files with texts.
pub(crate) struct TextFiles {
    files: Vec<PathBuf>,
    /// Texts whose `meta.language` is another are skipped.
    language: Option<String>,
}

impl TextFiles {
    /// Finds the files that `inputs` name: files, patterns, folders, `@lists`, and `part` of
    /// corpora.
    pub fn find(inputs: &[String], part: &CorpusPart, language: Option<&str>) -> Result<TextFiles> {
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
                "{shown} is a dump, not text: add it to a corpus, and name the folder of the corpus"
            )));
        }
        Ok(TextFiles { files, language: language.map(str::to_owned) })
    }

    /// Calls `each` with every text, file by file.
    pub fn for_each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        for path in &self.files {
            let texts = if is_json(path) {
                json_lines(path, self.language.as_deref())?
            } else {
                plain_lines(path)?
            };
            for text in texts {
                each(&text?)?;
            }
        }
        Ok(())
    }
}

/// Returns the files of documents of a corpus' newest commit.
fn segments(corpus: &Corpus, part: &CorpusPart) -> Result<Vec<PathBuf>> {
    let manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|w| w == name);
    let labels = manifest.labels.iter();
    let selected: Vec<_> =
        labels.filter(|l| is(&part.slice, &l.slice) && is(&part.label, &l.name)).collect();
    if selected.is_empty() {
        let known: Vec<String> = manifest.labels.iter().map(|label| label.full_name()).collect();
        let (shown, known) = (corpus.root().display(), known.join(", "));
        return Err(usage(format!("{shown} has no such slice or label; it has: {known}")));
    }
    let files = selected.iter().flat_map(|label| &label.segments);
    Ok(files.map(|file| corpus.root().join(&file.path)).collect())
}

/// Returns whether a file has JSON lines, by its name: `pages.jsonl.zst`, `c4-train.json.gz`.
pub(crate) fn is_json(path: &Path) -> bool {
    file_name(path).contains(".json")
}

/// Returns whether a file is one that a slice reads, and not text or JSON lines of text.
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
    /// Other pipelines may use this name for something else.
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    language: Cow<'a, str>,
}

/// Reads `text` of each line, except lines with another language.
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

/// Reads each line that is not blank as a text.
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
        let part = CorpusPart { slice: None, label: None };
        let files = TextFiles::find(&[path.to_string_lossy().into_owned()], &part, language)?;
        let mut found = Vec::new();
        files.for_each(&mut |text| {
            found.push(text.to_owned());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn only_texts_marked_as_another_language_are_skipped() {
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
    fn errors_name_the_line_and_dumps_are_rejected() {
        let error = format!("{:#}", texts("a.jsonl", "{\"text\":\"a\"}\n{\n", None).unwrap_err());
        assert!(error.contains("a.jsonl: line 2: an object with a text expected"), "{error}");
        let error = format!("{:#}", texts("a.warc.wet", "WARC/1.0", None).unwrap_err());
        assert!(error.contains("add it to a corpus"), "{error}");
    }
}
