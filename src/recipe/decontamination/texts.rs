//! The texts of evaluation sets.
//!
//! Whatever of a set cannot be read is an error: a set must never be compared in part, in silence.

use super::Decontamination;
use crate::usage::usage;
use anyhow::{Result, bail};
use contamination::{Builder, Index};
use corpus::Evaluation;
use formats::{Form, is_named_json};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Reads sets, which are in the order of their names, into an index.
///
/// # Errors
/// If a file cannot be read as a whole, has no text that can be compared, or has none of the fields
/// that the settings name.
pub(super) fn index(settings: &Decontamination, sets: &[Evaluation]) -> Result<Index> {
    let mut builder = Builder::new(settings.rule());
    let mut fields = Fields { wanted: &settings.fields, found: BTreeSet::new() };
    for set in sets {
        builder.begin_set(&set.name);
        read(Path::new(&set.path), &mut fields, &mut builder)?;
    }
    if let Some(missing) = settings.fields.iter().find(|field| !fields.found.contains(field)) {
        bail!(usage(format!("decontaminate.fields: no evaluation set has the field {missing}")));
    }
    let index = builder.finish();
    for (set, counts) in sets.iter().zip(index.sets()) {
        if counts.texts == 0 {
            let (path, least) = (&set.path, settings.min_words);
            let found = match counts.short {
                0 => "it has no text".to_owned(),
                short => format!("its texts ({short}) have fewer than {least} words each"),
            };
            bail!(usage(format!(
                "{path}: {found}, so nothing could be found of this evaluation set; leave it out, \
                 or set min_words, or other fields, in [decontaminate]"
            )));
        }
    }
    Ok(index)
}

fn read(path: &Path, fields: &mut Fields<'_>, builder: &mut Builder) -> Result<()> {
    let shown = path.display();
    let form = Form::of(path).map_err(|error| usage(format!("cannot open {shown}: {error}")))?;
    match form {
        Form::Json | Form::Parquet => rows(path, fields, builder),
        _ if is_named_json(path) => rows(path, fields, builder),
        Form::Text | Form::Html | Form::Xml | Form::Empty => paragraphs(path, builder),
        other => {
            let what = other.known().map_or("of an unknown form", |(what, _)| what);
            bail!(usage(format!(
                "{shown} is {what}: an evaluation set is JSON lines, Parquet or text"
            )))
        }
    }
}

/// Adds the strings of JSON objects or of the rows of Parquet.
fn rows(path: &Path, fields: &mut Fields<'_>, builder: &mut Builder) -> Result<()> {
    let mut rows = formats::rows(path)
        .map_err(|error| usage(format!("cannot open {}: {}", path.display(), error.source)))?;
    let (mut found, mut others) = (false, BTreeSet::new());
    while let Some(row) = rows.next() {
        let place = format!("{}: {} {}", path.display(), rows.unit(), rows.number());
        let row = row.map_err(|defect| usage(format!("{place}: {}", defect.what)))?;
        let json = formats::utf8(&row.json).map_err(|what| usage(format!("{place}: {what}")))?;
        let record = formats::fields(json)
            .map_err(|error| usage(format!("{place}: a JSON object is expected: {error}")))?;
        for (name, value) in record {
            let value: Value = serde_json::from_str(value.get())
                .map_err(|error| usage(format!("{place}: the field {name}: {error}")))?;
            fields.strings(name.clone(), &value, &mut |field, text| {
                found = true;
                Ok(builder.add(row.number, field, text)?)
            })?;
            others.insert(name);
        }
    }
    if !found && !fields.wanted.is_empty() && !others.is_empty() {
        let (shown, wanted) = (path.display(), fields.wanted.join(", "));
        let others = others.into_iter().collect::<Vec<_>>().join(", ");
        bail!(usage(format!(
            "decontaminate.fields: {shown} has no text in {wanted}; its fields are: {others}"
        )));
    }
    Ok(())
}

/// The fields that are compared.
struct Fields<'s> {
    /// All, if empty.
    wanted: &'s [String],
    /// Those that a set has.
    found: BTreeSet<&'s String>,
}

impl Fields<'_> {
    /// Calls `each` with the strings in a value that are wanted, each with the names that lead to it,
    /// separated by dots.
    fn strings(
        &mut self,
        name: String,
        value: &Value,
        each: &mut dyn FnMut(&str, &str) -> Result<()>,
    ) -> Result<()> {
        match value {
            Value::String(text) => {
                let leads = |field: &&String| {
                    let rest = name.strip_prefix(&field[..]);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                let before = self.found.len();
                let mut named = self.wanted.iter().filter(leads).peekable();
                if !self.wanted.is_empty() && named.peek().is_none() {
                    return Ok(());
                }
                self.found.extend(named);
                debug_assert!(self.found.len() >= before);
                each(&name, text)
            }
            Value::Array(list) => {
                list.iter().try_for_each(|value| self.strings(name.clone(), value, each))
            }
            Value::Object(fields) => fields.iter().try_for_each(|(inner, value)| {
                self.strings(format!("{name}.{inner}"), value, each)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
}

/// Adds the paragraphs of a text, which blank lines separate.
fn paragraphs(path: &Path, builder: &mut Builder) -> Result<()> {
    let shown = path.display();
    let bytes =
        formats::whole(path).map_err(|defect| usage(format!("{shown}: {}", defect.what)))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let at = error.valid_up_to();
        usage(format!("{shown}: not UTF-8 at its byte {at}; convert the file"))
    })?;
    let (mut begin, mut paragraph) = (1, String::new());
    for (number, line) in (1..).zip(text.lines().chain([""])) {
        if !line.trim().is_empty() {
            paragraph += line;
            paragraph.push('\n');
            continue;
        }
        builder.add(begin, "", &paragraph)?;
        paragraph.clear();
        begin = number + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Preset, Settings};
    use contamination::Scratch;

    fn settings(fields: &[&str]) -> Decontamination {
        let fields = crate::list(fields);
        Decontamination {
            fields,
            ngram: 3,
            min_words: 3,
            ..Decontamination::defaults(Preset::Global)
        }
    }

    fn index_of(name: &str, bytes: &[u8], fields: &[&str]) -> Result<Index, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name).to_string_lossy().into_owned();
        std::fs::write(&path, bytes).unwrap();
        let set = Evaluation { name: name.into(), path, digest: String::new() };
        index(&settings(fields), &[set]).map_err(|error| format!("{error:#}"))
    }

    /// The field and the line of each text.
    fn places(name: &str, bytes: &[u8], fields: &[&str], texts: &[&str]) -> Vec<String> {
        let index = index_of(name, bytes, fields).unwrap();
        let found = |text: &&str| {
            let found = index.scan(text, &mut Scratch::default());
            let found = found.map(|found| (found.sets[0].line, found.sets[0].field.clone()));
            found.map_or("none".to_owned(), |(line, field)| format!("{line} {field}"))
        };
        texts.iter().map(found).collect()
    }

    const ROWS: &[u8] = br#"{"id":7,"question":"one two three"}

{"question":null,"choices":{"text":["four five six","seven eight nine"],"label":["a","b"]}}
"#;

    #[test]
    fn every_string_of_a_record_is_compared_or_those_of_some_fields() {
        let texts = ["one two three", "four five six", "seven eight nine", "six seven eight"];
        let all = ["1 question", "3 choices.text", "3 choices.text", "none"];
        assert_eq!(places("a.jsonl", ROWS, &[], &texts), all);
        assert_eq!(places("a", &zstd::encode_all(ROWS, 1).unwrap(), &[], &texts), all);
        let some = ["none", "3 choices.text", "3 choices.text", "none"];
        for fields in [&["choices"][..], &["choices.text"]] {
            assert_eq!(places("a.jsonl", ROWS, fields, &texts), some);
        }
    }

    #[test]
    fn the_paragraphs_of_a_text_are_compared() {
        let text = b"one two\nthree\n\n\nfour five six\n";
        let texts = ["one two three", "four five six", "two three four"];
        assert_eq!(places("a.txt", text, &[], &texts), ["1 ", "5 ", "none"]);
    }

    #[test]
    fn a_set_that_cannot_be_compared_is_an_error() {
        let cases: [(&str, &[u8], &[&str], &str); 9] = [
            ("a.jsonl", b"{\"a\":\"one two three\"}\n{\"a\":", &[], "a.jsonl: line 2"),
            ("a.jsonl", b"[1]\n{}", &[], "a.jsonl: object 1: a JSON object is expected"),
            ("a.jsonl", b"{\"a\":\"one two\"}", &[], "fewer than 3 words"),
            ("a.jsonl", b"{\"a\":1}", &[], "it has no text"),
            ("a.jsonl", b"", &[], "it has no text"),
            ("a.jsonl", ROWS, &["qestion"], "has no text in qestion; its fields are: choices, id"),
            ("a.jsonl", ROWS, &["question", "answer"], "no evaluation set has the field answer"),
            ("a.txt", b"caf\xe9 one two three", &[], "not UTF-8 at its byte 3"),
            ("a.pdf", b"%PDF-1.4\nx", &[], "an evaluation set is JSON lines, Parquet or text"),
        ];
        for (name, bytes, fields, expected) in cases {
            let error = index_of(name, bytes, fields).err().expect(expected);
            assert!(error.contains(expected), "{error}");
        }
        let mut damaged = zstd::encode_all(&ROWS.repeat(100)[..], 1).unwrap();
        damaged.truncate(damaged.len() / 2);
        assert!(index_of("a.jsonl.zst", &damaged, &[]).is_err());
    }
}
