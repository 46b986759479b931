//! C4: the shards that AllenAI publishes, in RedPajama's format; and, beyond RedPajama, C4's own
//! rules on a Common Crawl dump, for a C4 of a newer crawl.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/c4`, and for a dump tensorflow_datasets
//! `text/c4_utils.py`. What we do differently, and why, is in docs/fidelity.md under "C4".

use arrangement::Rule;
use engine::Span;
use formats::columns::PAGES;
use formats::{Form, Row, WarcReader, WarcRecord};
use recipe::prelude::*;
use recipe::{language_of, language_score_of};
use signals::rules::c4::{self as rules, TFDS};
use std::ops::Range;
use std::path::Path;
use text::c4;

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// json: shards of allenai/c4, unchanged; wet: a dump, filtered by C4's rules
        source: Source = Source::Json;
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Methods::none(); // data_prep/c4: none; a shard has no copies
        /// what a dump keeps only once: lines (as C4 was made), or spans of three sentences
        repeats: Repeats = Repeats::Lines; // c4_utils.py; spans: Raffel et al. 2020
        /// languages kept of a dump; [] for all
        languages: Vec<String> = list(&["en"]); // c4_utils.py: is_language
        /// pages of a dump with a lower language score are dropped
        min_language_score: f64 = 0.5, range 0.0..=1.0;
        /// bad English words, one per line: pages of a dump that have one are dropped
        bad_words: Option<FilePath> = None; // c4_utils.py: get_badwords_filter_fn
    }
}

choice! {
    /// What the sources are.
    pub enum Source {
        Json = "json",
        Wet = "wet",
    }
}

choice! {
    /// What a dump keeps only once.
    pub enum Repeats {
        Lines = "lines",
        Spans = "spans",
    }
}

/// The slice.
pub struct C4;

impl Slice for C4 {
    const NAME: &'static str = "c4";
    const ABOUT: &'static str = "C4: AllenAI's shards, or C4's rules on WET dumps";
    const TERMS: Terms = Terms {
        licenses: &["odc-by"],
        about: "ODC-BY 1.0 for the collection, and Common Crawl's terms of use for its pages",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn models(settings: &Settings) -> ModelFiles {
        let bad_words = settings.bad_words.as_ref().map(|path| path.0.clone());
        let identified = match settings.source {
            Source::Json => Vec::new(),
            Source::Wet => settings.languages.clone(),
        };
        ModelFiles { bad_words, identified, ..ModelFiles::default() }
    }

    fn identifies_languages(settings: &Settings) -> bool {
        settings.source == Source::Wet
    }

    fn comparisons(settings: &Settings) -> Vec<Comparison> {
        if settings.source == Source::Json {
            return Vec::new();
        }
        vec![
            Comparison::of_ledger(
                "language_score",
                "language_score",
                Bound::AtLeast,
                "min_language_score",
                language_score_of,
            ),
            Comparison::of_ledger("language", "language", Bound::In, "languages", language_of),
        ]
    }

    fn forms(settings: &Settings) -> Forms {
        match settings.source {
            Source::Json => {
                Forms { read: &[Form::Json, Form::Parquet], called: "JSON lines or Parquet" }
            }
            Source::Wet => Forms { read: &[Form::Wet], called: "a WET file" },
        }
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        pages(path, settings)
    }

    fn read_at(
        path: &Path,
        offset: u64,
        settings: &Settings,
    ) -> Option<Result<Documents, ReadError>> {
        let is_dump = settings.source == Source::Wet;
        is_dump.then(|| formats::wet::open_at(path, offset).map(pages_of_dump))
    }

    /// Keeps all pages of shards, and those pages of a dump that pass C4's rules.
    fn graph<'scope>(pages: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        let pages = match setup.settings.source {
            Source::Json => pages,
            Source::Wet => cleaned(pages, setup),
        };
        pages.deduplicate(setup, &setup.settings.dedup).tag("Tokens", setup.models.tokens())
    }
}

/// Applies C4's own rules, in their order (`c4_utils.py`).
fn cleaned<'scope>(pages: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
    let score_min = setup.settings.min_language_score;
    let languages = setup.settings.languages.clone();
    let is_wanted = move |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
    let cleaned = pages
        .reject("too_long", |page| page.chars() > c4::PAGE_CHARS_MAX)
        .reject_repeats("c4_urls", "duplicate_url", url_digest, Rule::first_of_all())
        .tag("Clean", clean);
    without_repeats(cleaned, setup)
        .reject("too_few_sentences", |page| rules::has_sentences(&page.text, &TFDS).is_err())
        .tag("Language", setup.models.language())
        .reject("language_score", move |page| language(page).1 < score_min)
        .reject("language", move |page| !is_wanted(language(page).0))
        .reject("bad_words", setup.models.has_bad_words())
        .tag("Record language", record_language)
}

fn without_repeats<'scope>(pages: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
    let first = Rule::first_of_all();
    match setup.settings.repeats {
        Repeats::Spans => pages
            .cut_repeated_spans("c4_spans", spans, first, "", |page| {
                page.text = c4::tidy(&page.text);
            })
            .reject_empty("duplicate_spans"),
        Repeats::Lines => pages
            .cut_repeated_paragraphs("c4_lines", |line, _| c4::line_key(line), first, |_, _| ())
            .reject_empty("duplicate_lines"),
    }
}

fn spans(page: &str) -> Vec<Span<u64>> {
    let span = |range: Range<usize>| Span { key: c4::span_key(&page[range.clone()]), range };
    rules::spans(page).into_iter().map(span).collect()
}

/// Keeps the lines that are prose, or rejects the page (`c4_utils.py`: `clean_page`).
fn clean(page: &mut Document) {
    match rules::clean(&page.text, &TFDS) {
        Ok(text) => page.text = text,
        Err(reason) => page.reject(reason),
    }
}

/// Pages are duplicates if their normalised URLs are equal.
fn url_digest(page: &Document) -> u128 {
    c4::url_digest(&c4::normalize_url(&page.url))
}

fn record_language(page: &mut Document) {
    let code = language(page).0.to_owned();
    page.meta.set("language", code);
}

fn language(page: &Document) -> (&str, f64) {
    page.language.as_ref().map_or(("", 0.0), |language| (&language.code, language.score))
}

fn pages(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    if settings.source == Source::Wet {
        return Ok(pages_of_dump(formats::wet::open(path)?));
    }
    let rows = formats::rows(path)?;
    let language = language_of_name(&path.to_string_lossy());
    Ok(documents(rows.map(move |row| row.map(|row| page_of_shard(row, language.as_deref())))))
}

fn pages_of_dump(records: WarcReader) -> Documents {
    documents(records.map(|record| record.map(page_of_dump)))
}

/// The fields of a line of a shard, or of a row of its Parquet form.
struct Line {
    text: String,
    timestamp: String,
    url: String,
    language: Option<String>,
}

impl Line {
    fn read(json: &[u8]) -> Result<Line, String> {
        let mut fields = formats::fields(formats::utf8(json)?).map_err(|error| {
            format!("a JSON object with text, timestamp and url is expected: {error}")
        })?;
        PAGES.rename(&mut fields);
        let find = |field: &str| {
            let (_, value) = fields.iter().find(|(name, _)| name == field)?;
            serde_json::from_str::<String>(value.get()).ok()
        };
        let needed = |name: &str| find(name).ok_or_else(|| PAGES.missing(name, &fields));
        let timestamp = iso_time(needed("timestamp")?);
        Ok(Line {
            text: needed("text")?,
            timestamp,
            url: needed("url")?,
            language: find("language"),
        })
    }
}

/// Converts a time of a Parquet column to the format of the JSON shards: `2019-04-25T12:57:54Z`.
fn iso_time(time: String) -> String {
    let of_column = time.strip_suffix(" +00:00").and_then(|time| time.split_once(' '));
    match of_column {
        Some((date, clock)) => {
            let clock = clock.trim_end_matches('0').trim_end_matches('.');
            let clock = if clock.contains('.') { clock } else { &time[11..19] };
            format!("{date}T{clock}Z")
        }
        None => time,
    }
}

/// Returns the language of a shard by its name: `c4-de.tfrecord-00000-of-01024.json.gz` of mC4. All
/// other shards of AllenAI are English.
fn language_of_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let rest = name.strip_prefix("c4-")?;
    if rest.starts_with("train.") || rest.starts_with("validation.") {
        return Some("en".to_owned());
    }
    let code = rest.split('.').next()?;
    let code = code.strip_suffix("-validation").unwrap_or(code);
    let is_code = |code: &str| {
        (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let is_language = is_code(code.split('-').next()?) && rest.contains(".tfrecord");
    is_language.then(|| code.to_owned())
}

/// Converts a page of AllenAI's C4, with RedPajama's fields (`data_prep/c4/c4_reformat.py`).
fn page_of_shard(row: Row, language: Option<&str>) -> Record {
    let mut page = Document {
        offset: row.offset,
        bytes_read: row.json.len() as u64,
        digest: text::digest::sha1(&row.json),
        ..Document::default()
    };
    let line = match Line::read(&row.json) {
        Ok(line) => line,
        Err(what) => {
            let what = format!("record {}: {what}; it is left out", row.number);
            return Record::rejected(page, "not_c4", what);
        }
    };
    page.bytes_read = line.text.len() as u64;
    page.digest = text::digest::sha1(line.text.as_bytes());
    page.text = line.text;
    describe(&mut page, line.timestamp, line.url);
    let language = language.map(str::to_owned).or(line.language);
    page.meta.set("language", language.unwrap_or_else(|| UNKNOWN_LANGUAGE.to_owned()));
    page.meta.set("source", "c4");
    page.into()
}

/// The language if neither the name of the shard nor a field of the page has it.
const UNKNOWN_LANGUAGE: &str = "unknown";

/// Converts a WET record to a page.
fn page_of_dump(record: WarcRecord) -> Record {
    let mut page = Document {
        offset: record.offset,
        bytes_read: record.block_len as u64,
        digest: text::digest::sha1(record.block()),
        ..Document::default()
    };
    if record.truncated {
        page.reject("truncated"); // The reader reports the defect.
        return page.into();
    }
    let Ok(block) = simdutf8::basic::from_utf8(record.block()) else {
        let what = "the text of this record is not UTF-8; it is left out";
        return Record::rejected(page, "invalid_utf8", what);
    };
    let Some(url) = record.url.clone() else {
        let what = "this record has no WARC-Target-URI; it is left out";
        return Record::rejected(page, "no_url", what);
    };
    page.text = c4::page(block);
    describe(&mut page, record.date.clone().unwrap_or_default(), url);
    page.meta.set("language", "");
    page.meta.set("source", "c4");
    let is_validation = c4::is_validation(url_digest(&page));
    page.meta.set("split", if is_validation { "validation" } else { "train" });
    page.into()
}

fn describe(page: &mut Document, timestamp: String, url: String) {
    page.meta.set("timestamp", timestamp);
    page.meta.set("url", url.as_str());
    page.url = url;
}

const FIXTURES: &[Fixture] = fixtures!(
    "c4":
    "en" / "c4-train.00000-of-00001.json.gz",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};

    #[test]
    fn names_of_shards_tell_their_language() {
        let of = |name| language_of_name(name).unwrap_or_default();
        assert_eq!(of("en/c4-train.00000-of-01024.json.gz"), "en");
        assert_eq!(of("c4-validation.00000-of-00008.json.gz"), "en");
        assert_eq!(of("multilingual/c4-de.tfrecord-00000-of-01024.json.gz"), "de");
        assert_eq!(of("c4-bg-Latn.tfrecord-00000-of-00001.json.gz"), "bg-Latn");
        assert_eq!(of("c4-ceb-validation.tfrecord-00000-of-00001.json.gz"), "ceb");
        for other in ["pages.json", "c4-part1.json", "0000.parquet"] {
            assert_eq!(of(other), "", "{other}");
        }
    }

    #[test]
    fn times_of_columns_are_written_as_in_lines() {
        let of = |time: &str| iso_time(time.to_owned());
        assert_eq!(of("2019-04-25T12:57:54Z"), "2019-04-25T12:57:54Z");
        assert_eq!(of("2019-04-25 12:57:54.000 +00:00"), "2019-04-25T12:57:54Z");
        assert_eq!(of("2019-04-25 12:50:00.000000 +00:00"), "2019-04-25T12:50:00Z");
        assert_eq!(of("2019-04-25 12:57:54.120000 +00:00"), "2019-04-25T12:57:54.12Z");
    }

    /// A page of three sentences, of which `first` is the first.
    fn page(url: &str, first: &str) -> Document {
        let rest = "The children of the village go skating every winter.\n\
                    They come home in the evening after dark.";
        Document { url: url.into(), ..document(&format!("{first}\n{rest}")) }
    }

    const FIRST: &str = "The river freezes over in most years.";
    const SECOND: &str = "The library will stay open during the summer.\n\
                          It closes at eight in the evening.\n\
                          Everybody is welcome to come in.";
    const GERMAN: &str = "Der Ausschuss tagte am Donnerstagabend im Rathaus.\n\
                          Die Bibliothek bleibt im ganzen Sommer geöffnet.\n\
                          Am Abend schließt sie um acht Uhr.";

    #[test]
    fn shards_are_kept_as_they_are() {
        let documents = [document("a"), document("a"), document("{")];
        let expected = ["kept: a", "kept: a", "kept: {"];
        assert_funnel::<C4>(&defaults::<C4>(), &documents, &expected);
    }

    #[test]
    fn pages_of_a_dump_pass_the_rules_of_c4() {
        let settings = Settings { source: Source::Wet, ..defaults::<C4>() };
        let with_text = |url: &str, text: &str| Document { url: url.into(), ..document(text) };
        let documents = [
            page("http://a.example/", FIRST),
            page("http://a.example/", SECOND),
            page("http://b.example/", "Lorem ipsum dolor sit amet, as they say."),
            page("http://c.example/", "A page with an { is dropped as code."),
            with_text("http://d.example/", "One sentence is not enough for C4."),
            with_text("http://e.example/", &"long ".repeat(40_000)),
            with_text("http://f.example/", SECOND),
            later(with_text("http://g.example/", SECOND)),
            later(with_text("http://h.example/", GERMAN)),
        ];
        let [first, second] = [&documents[0].text, SECOND].map(|text| format!("kept: {text}"));
        let expected = [
            &first,
            "duplicate_url",
            "lorem_ipsum",
            "curly_bracket",
            "too_few_sentences",
            "too_long",
            &second,
            "duplicate_lines",
            "language",
        ];
        assert_funnel::<C4>(&settings, &documents, &expected);
    }

    #[test]
    fn repeated_spans_of_a_dump_are_cut() {
        let settings =
            Settings { source: Source::Wet, repeats: Repeats::Spans, ..defaults::<C4>() };
        let documents = [page("http://a.example/", FIRST), page("http://b.example/", FIRST)];
        let first = format!("kept: {}", documents[0].text);
        assert_funnel::<C4>(&settings, &documents, &[&first, "duplicate_spans"]);
    }
}
