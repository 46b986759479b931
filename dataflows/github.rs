//! GitHub: source files through RedPajama's filters, from tables, repositories or archives.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/github`: the query of its README, then
//! `github_clean_dedup_local.py`, `github_global_dedup.py` and `github_run_filter.py`. What we do
//! differently, and why, is in docs/fidelity.md under "GitHub".

use arrangement::Rule;
use code::repository::{self, Repository, RepositoryFile};
use code::row::{Content as Cell, Row};
use code::{header, licence, path, statistics};
use formats::columns::CODE;
use formats::files::{self, Content, StoredFile};
use formats::{Defect, Form, ReadError};
use md5::{Digest, Md5};
use recipe::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// licences kept, by the beginnings of their names; [] for all, even without licence
        licenses: Vec<String> = list(&["mit", "bsd", "apache"]); // data_prep/github README: LIKE 'mit%' ..
        /// what is cut from the head of a file: strict (as upstream), fixed (notices only), none
        clean: Clean = Clean::Strict; // github_clean_dedup_local.py: clean_copyright_comments
        /// files with a longer line are dropped
        max_line_length: u64 = 1000, from 1.0; // github_run_filter.py, and the three below
        /// files whose lines are longer on average are dropped
        max_avg_line_length: f64 = 100.0, from 0.0;
        /// files with a smaller share of letters and digits are dropped
        min_alnum_prop: f64 = 0.25, range 0.0..=1.0;
        /// files with fewer letters per token are dropped, if there is a tokenizer
        min_letters_per_token: f64 = 1.5, from 0.0;
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Dedup::Exact.into(); // github_global_dedup.py
    }
}

choice! {
    /// What is cut from the head of a file.
    pub enum Clean {
        Strict = "strict",
        Fixed = "fixed",
        None = "none",
    }
}

/// The slice.
pub struct GitHub;

impl Slice for GitHub {
    const NAME: &'static str = "github";
    const ABOUT: &'static str = "GitHub: source files of tables, repositories and archives";
    const TERMS: Terms = Terms {
        licenses: &["other"],
        about: "the licence of each repository, in `meta.license` of each file",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn check(settings: &Settings) -> Result<(), Unusable> {
        if settings.dedup.iter().skip(1).any(|method| *method == Dedup::Exact) {
            let what = " names exact after another method: files are compared first, as they were \
                        read, before their heads are cut";
            return Err(Unusable { key: "dedup", what: what.to_owned() });
        }
        match settings.licenses.iter().find(|name| !licence::begins_one(name)) {
            None => Ok(()),
            Some(name) => {
                let hint = licence::nearest(name);
                let what = format!(
                    ": no licence of SPDX's list begins with {name:?}; did you mean {hint}?"
                );
                Err(Unusable { key: "licenses", what })
            }
        }
    }

    fn comparisons(settings: &Settings) -> Vec<Comparison> {
        let cut = cut_header(settings.clean);
        // As the graph does.
        let statistic = move |file: &Document, name: &str| {
            let mut file = file.clone();
            cut(&mut file);
            record_statistics(&mut file);
            file.meta.get(name).cloned()
        };
        let of_lines = |name, bound, setting| {
            let value = move |file: &Document| statistic(file, name);
            Comparison::of_text(name, name, bound, setting, value)
        };
        let licence = |file: &Document| file.meta.get("license").cloned();
        let letters = move |file: &Document| {
            let mut file = file.clone();
            cut(&mut file);
            Some(letters_per_token(&file)).filter(|letters| letters.is_finite()).map(Value::from)
        };
        vec![
            Comparison::of_text("license", "license", Bound::In, "licenses", licence),
            of_lines("max_line_length", Bound::AtMost, "max_line_length"),
            of_lines("avg_line_length", Bound::AtMost, "max_avg_line_length"),
            of_lines("alnum_prop", Bound::AtLeast, "min_alnum_prop"),
            Comparison::of_text(
                "tokens_ratio",
                "letters_per_token",
                Bound::AtLeast,
                "min_letters_per_token",
                letters,
            ),
        ]
    }

    fn forms(_: &Settings) -> Forms {
        Forms { read: &[Form::Json, Form::Parquet, Form::Tar], called: "a table or a tar archive" }
    }

    fn is_source(folder: &Path) -> bool {
        repository::is_repository(folder)
    }

    fn select(found: Vec<PathBuf>, _: &Settings) -> anyhow::Result<Vec<PathBuf>> {
        select(found)
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        source_files(path, settings)
    }

    /// Keeps source code under one of the chosen licences, one copy of each file.
    fn graph<'scope>(files: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        let settings = setup.settings.clone();
        let Settings { licenses, max_avg_line_length, min_alnum_prop, .. } = settings;
        let min_letters = settings.min_letters_per_token;
        let line_max = settings.max_line_length as i64;
        let licensed = files
            .reject("license", move |file| !is_licensed(file, &licenses))
            .reject("certificate", |file| path::is_certificate(at(file)))
            .reject("license_file", |file| path::is_root_licence(at(file)));
        let (exact, methods) = match &settings.dedup[..] {
            [Dedup::Exact, methods @ ..] => (true, methods),
            methods => (false, methods),
        };
        let compared = if exact { without_exact_copies(licensed) } else { licensed };
        let good = compared
            .tag("Cut header", cut_header(settings.clean))
            .tag("Statistics", record_statistics)
            .reject("empty", |file| file.text.is_empty())
            .reject("extension", |file| !path::is_source_code(at(file)))
            .reject("max_line_length", move |file| int(file, "max_line_length") > line_max)
            .reject("avg_line_length", move |f| float(f, "avg_line_length") > max_avg_line_length)
            .reject("alnum_prop", move |file| float(file, "alnum_prop") < min_alnum_prop)
            .tag("Tokens", setup.models.tokens())
            .reject("tokens_ratio", move |file| letters_per_token(file) < min_letters);
        let different = good.deduplicate(setup, methods); // Beyond RedPajama-1T.
        if !methods.iter().any(|method| method.cuts()) {
            return different;
        }
        let count = setup.models.tokens();
        different.tag("Statistics and tokens of what is left", move |file| {
            if file.paragraphs.duplicate > 0 {
                record_statistics(file);
                count(file);
            }
        })
    }
}

/// Compares files as read, before the head is cut. As upstream, files that differ only in their
/// heads are all kept.
fn without_exact_copies(files: Docs<'_>) -> Docs<'_> {
    files.reject_repeats("github_files", "duplicate", |file| file.digest, Rule::first_of_all())
}

/// Checks the column `license`, which is one licence or a list. Of a list, all must be wanted.
fn is_licensed(file: &Document, wanted: &[String]) -> bool {
    let is_wanted = |licence: &String| licence::is_wanted(licence, wanted);
    wanted.is_empty()
        || match file.meta.get("license") {
            Some(Value::Text(licence)) => is_wanted(licence),
            Some(Value::Json(list)) => {
                let list = serde_json::from_str::<Vec<String>>(list).unwrap_or_default();
                !list.is_empty() && list.iter().all(is_wanted)
            }
            _ => false,
        }
}

fn cut_header(rule: Clean) -> fn(&mut Document) {
    match rule {
        Clean::Strict => |file| header::cut(&mut file.text),
        Clean::Fixed => |file| header::cut_notice(&mut file.text),
        Clean::None => |_| (),
    }
}

fn record_statistics(file: &mut Document) {
    let found = statistics::statistics(&file.text);
    file.meta.set("line_count", found.line_count);
    file.meta.set("max_line_length", found.max_line_length);
    file.meta.set("avg_line_length", found.avg_line_length);
    file.meta.set("alnum_prop", found.alnum_prop);
}

/// Returns infinity if no tokens were counted, so that the file passes.
fn letters_per_token(file: &Document) -> f64 {
    let letters = |tokens| statistics::alphabetic(&file.text) as f64 / tokens as f64;
    file.scores.tokens.filter(|tokens| *tokens > 0).map_or(f64::INFINITY, letters)
}

fn at(file: &Document) -> &str {
    match file.meta.get("path") {
        Some(Value::Text(path)) => path,
        _ => "",
    }
}

fn int(file: &Document, name: &str) -> i64 {
    match file.meta.get(name) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

fn float(file: &Document, name: &str) -> f64 {
    match file.meta.get(name) {
        Some(Value::Float(number)) => *number,
        _ => 0.0,
    }
}

/// Returns all sources found. Fails if one can never be read.
fn select(found: Vec<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(bare) = found.iter().find(|path| repository::is_bare(path)) {
        anyhow::bail!(
            "{} is a bare git repository, without the files themselves: make a working tree with \
             git clone, and name that",
            bare.display()
        );
    }
    Ok(found)
}

/// Reads the files of a table, of a repository's folder, or of an archive.
fn source_files(source: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    if source.is_dir() || files::is_archive(source)? {
        let mut unlicensed = Unlicensed::new(&settings.licenses);
        let mut files = repository::files(source)?.map(Some).chain(std::iter::once(None));
        let records = std::iter::from_fn(move || {
            Some(match files.next()? {
                Some(Ok(file)) => {
                    let repository = file.repository.clone();
                    let record = repository_file(file);
                    unlicensed.add(record.document(), &repository);
                    vec![Ok(record)]
                }
                Some(Err(defect)) => vec![Err(defect)],
                None => unlicensed.defects().map(Err).collect(),
            })
        });
        return Ok(documents(records.flatten()));
    }
    let rows = formats::rows(source)?;
    Ok(documents(rows.map(|row| row.map(row_file))))
}

/// Repositories whose files are rejected because they state no usable licence. Each is reported
/// once.
struct Unlicensed {
    wanted: Vec<String>,
    /// By name: the reason, and the number of files.
    found: BTreeMap<String, (String, u64)>,
    offset: u64,
}

impl Unlicensed {
    fn new(wanted: &[String]) -> Unlicensed {
        Unlicensed { wanted: wanted.to_vec(), found: BTreeMap::new(), offset: 0 }
    }

    fn add(&mut self, file: &Document, repository: &Repository) {
        self.offset = file.offset;
        if let Some(why) = &repository.stated.why
            && file.is_kept()
            && !is_licensed(file, &self.wanted)
        {
            let new = || (why.clone(), 0);
            self.found.entry(repository.name.clone()).or_insert_with(new).1 += 1;
        }
    }

    fn defects(&mut self) -> impl Iterator<Item = Defect> {
        let offset = self.offset;
        std::mem::take(&mut self.found).into_iter().map(move |(name, (why, files))| {
            let what = format!(
                "{name}: no usable licence: {why}; {files} files are left out \
                 (licenses = [] keeps them)"
            );
            Defect { offset, what, device: None }
        })
    }
}

/// Converts a row of a table to a file.
fn row_file(row: formats::Row) -> Record {
    let formats::Row { offset, number, json } = row;
    let rejected = |reason: &'static str, what: String| {
        let file = Document { offset, bytes_read: json.len() as u64, ..Document::default() };
        Record::rejected(file, reason, format!("row {number}: {what}; it is left out"))
    };
    let object = match formats::utf8(&json) {
        Ok(object) => object,
        Err(what) => return rejected("invalid_utf8", what),
    };
    let row = match Row::parse(object) {
        Ok(row) => row,
        Err(error) => {
            let what = format!(
                "a JSON object with path, repo_name, license and content is expected ({error}); \
                 a source tree is a folder with .git or a licence file in it"
            );
            return rejected("no_json", what);
        }
    };
    let Some(path) = row.path.as_deref() else {
        return rejected("no_path", CODE.missing("path", &row.columns));
    };
    let text = match row.content {
        Some(Cell::Text(text)) => Some(text),
        Some(Cell::Null) => None,
        Some(Cell::Malformed(error)) => {
            return rejected("no_content", format!("the field content is not a string: {error}"));
        }
        None => {
            return rejected("no_content", CODE.missing("content", &row.columns));
        }
    };
    let is_null = text.is_none();
    let mut file = document(offset, text.unwrap_or_default());
    row.columns.into_iter().for_each(|(name, value)| record_column(&mut file, name, &value));
    file.url = place(&row.repository, path);
    if is_null {
        // BigQuery has no content for binary and large files; upstream's query leaves them out.
        file.reject("no_content");
    }
    file.into()
}

/// Records a column of a row as upstream publishes it, with two exceptions: fields that are
/// computed here are not replaced, and `id` becomes `blob_id`, since a corpus gives every document
/// its own
/// `id`.
fn record_column(file: &mut Document, name: String, value: &RawValue) {
    let name = if name == "id" { "blob_id".to_owned() } else { name };
    if FIRST_FIELDS.contains(&&*name) {
        return;
    }
    let value = match serde_json::from_str::<String>(value.get()) {
        Ok(text) => Value::Text(text),
        Err(_) => Value::Json(formats::compact(value)),
    };
    file.meta.set(name, value);
}

/// Returns the address of a file, on any host.
fn place(repository: &str, path: &str) -> String {
    format!("{repository}/{path}")
}

/// Converts a file of a working tree or an archive.
fn repository_file(found: RepositoryFile) -> Record {
    let RepositoryFile { file: StoredFile { offset, path, content }, repository } = found;
    let (text, bytes_read, reason, defect) = read_text(content);
    let defect = defect.or_else(|| {
        let what = format!("{path}: a path that leads out of the archive; the file is left out");
        (reason == Some(UNSAFE_PATH)).then_some(Defect { offset, what, device: None })
    });
    let mut file = document(offset, text);
    file.url = place(&repository.name, &path);
    file.bytes_read = bytes_read;
    file.meta.set("repo_name", repository.name.as_str());
    file.meta.set("path", path.as_str());
    // A string, as in BigQuery.
    file.meta.set("size", bytes_read.to_string());
    match &repository.stated.of_file(&path, &file.text)[..] {
        [] => {}
        [one] => file.meta.set("license", one.as_str()),
        several => {
            let list = serde_json::to_string(several).expect("texts can be written");
            file.meta.set("license", Value::Json(list));
        }
    }
    if let Some(reason) = reason {
        file.reject(reason);
    }
    Record::from(file).with_defects(defect)
}

const UNSAFE_PATH: &str = "unsafe_path";

/// Returns the text of a file and its size in bytes, or the reason why it is rejected, and a
/// defect.
fn read_text(content: Content) -> (String, u64, Option<&'static str>, Option<Defect>) {
    let none = |reason, defect| (String::new(), 0, Some(reason), defect);
    let bytes = match content {
        Content::Bytes(bytes) => bytes,
        Content::Link => return none("link", None),
        Content::Special => return none("special_file", None),
        Content::TooLarge => return none("too_large", None),
        Content::UnsafePath => return none(UNSAFE_PATH, None),
        Content::Unreadable(defect) => return none("unreadable", Some(defect)),
    };
    let size = bytes.len() as u64;
    // As git detects binary files: a NUL among the first bytes (git, xdiff-interface.c).
    let first = &bytes[..bytes.len().min(BINARY_CHECK_BYTES)];
    if first.contains(&0) {
        return (String::new(), size, Some("binary"), None);
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, size, None, None),
        Err(_) => (String::new(), size, Some("invalid_utf8"), None),
    }
}

const BINARY_CHECK_BYTES: usize = 8_000;

/// The first fields of a record (`github_clean_dedup_local.py`: `process_file`).
const FIRST_FIELDS: [&str; 7] = [
    "content_hash",
    "timestamp",
    "source",
    "line_count",
    "max_line_length",
    "avg_line_length",
    "alnum_prop",
];

/// Makes a file with this text, and the first fields of its record in their order.
fn document(offset: u64, text: String) -> Document {
    let digest = u128::from_be_bytes(Md5::digest(text.as_bytes()).into());
    let mut file =
        Document { offset, bytes_read: text.len() as u64, digest, text, ..Document::default() };
    for name in FIRST_FIELDS {
        // `record_statistics` sets the counts, after the head is cut.
        file.meta.set(name, "");
    }
    file.meta.set("content_hash", format!("{digest:032x}"));
    file.meta.set("source", "github");
    file
}

const FIXTURES: &[Fixture] = fixtures!(
    "github":
    "2022-11" / "github_000000000000.gz",
    "2023-03" / "github_000000000000.gz",
    "2023-03" / "harbour-tools-1.2.tar.gz",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, later};

    fn file(path: &str, license: &str, text: &str) -> Document {
        let mut file = document(0, text.into());
        file.meta.set("path", path);
        file.meta.set("license", license);
        file
    }

    #[test]
    fn files_are_filtered_in_the_order_of_upstream() {
        let code = "fn main() {\n    let answer = 6 * 7;\n    println!(\"{answer}\");\n}\n";
        let documents = [
            file("a.rs", "gpl-3.0", code),
            file("a.crt", "mit", code),
            file("LICENSE", "mit", code),
            file("a.rs", "mit", code),
            file("b.rs", "apache-2.0", code),
            file("c.rs", "mit", ""),
            file("d.unknown", "mit", "some text"),
            file("e.rs", "mit", &format!("x = 1\n{}\n", "x".repeat(1001))),
            file("f.rs", "mit", &format!("{}\n", "y".repeat(300))),
            file("g.rs", "mit", "!!! ??? ... ;;; a"),
            later(file("h.rs", "mit", code)),
        ];
        let kept = format!("kept: {code}");
        let expected = [
            "license",
            "certificate",
            "license_file",
            &kept,
            "duplicate",
            "empty",
            "extension",
            "max_line_length",
            "avg_line_length",
            "alnum_prop",
            "duplicate",
        ];
        assert_funnel::<GitHub>(&defaults::<GitHub>(), &documents, &expected);
    }
}
