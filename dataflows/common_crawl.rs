//! CommonCrawl: WET dumps through CCNet's steps, then whole pages compared across dumps.
//!
//! Follows cc_net `mine.py` as RedPajama-Data@rp_v1 `data_prep/cc` drives it. What we do
//! differently, and why, is in docs/fidelity.md under "CommonCrawl".

use app::prelude::*;
use arrangement::Rule;
use formats::{Defect, Form, WarcRecord};
use std::path::Path;
use text::{ccnet, wikiref};

/// This slice's row in the table of `lib.rs`.
pub const COMMON_CRAWL: Slice = Slice {
    name: "common_crawl",
    about: "CommonCrawl: pages of WET dumps through CCNet's steps",
    settings: SETTINGS,
    inputs: Inputs::FILES,
    reader: pages,
    graph,
    fixtures: FIXTURES,
    models: MODELS,
    demo_settings: DEMO_SETTINGS,
};

// The recipe's numbers, each with the file that sets it.
const SETTINGS: &[Setting] = &[
    Setting {
        name: "min_chars", // cc_net mine.py: min_len
        default: Initial::Whole(300),
        about: "pages with fewer characters are dropped, before deduplication",
    },
    dedup_setting("paragraphs"), // and then whole pages, data_prep/cc/dedup
    Setting {
        name: "copies", // the last is what cc_net dedup.py does
        default: Initial::Choice("first", "none", &["first", "none"]),
        about: "how many copies of a repeated paragraph stay: first, none",
    },
    Setting {
        name: "scope",
        default: Initial::Choice("corpus", "shard", &["corpus", "label", "shard"]),
        about: "where paragraphs are compared: corpus, label, shard",
    },
    Setting {
        name: "shards", // data_prep/cc/cc_net README: --num_shards 5000
        default: Initial::Whole(5000),
        about: "parts a label is cut into, where scope is shard",
    },
    Setting {
        name: "hash_in_mem", // data_prep/cc/cc_net README: --hash_in_mem 1
        default: Initial::Whole(1),
        about: "shards compared together, where scope is shard",
    },
    Setting {
        name: "lid", // cc_net Makefile: lid.176.bin
        default: Initial::File,
        about: "fastText model for languages, .bin or .ftz; none: a built-in one",
    },
    Setting {
        name: "min_language_score", // cc_net mine.py: lang_threshold
        default: Initial::Fraction(0.5),
        about: "pages whose language is less certain are dropped",
    },
    Setting {
        name: "languages", // data_prep/cc/cc_net README: -l en
        default: Initial::Words(&["en"]),
        about: "languages kept; [] for all",
    },
    Setting {
        name: "lm", // cc_net Makefile: data/lm_sp
        default: Initial::Folder,
        about: "folder of language models: {lang}.sp.model, {lang}.arpa.bin",
    },
    Setting {
        name: "buckets", // data_prep/cc/dedup: files of head and middle
        default: Initial::Words(&["head", "middle", "all"]),
        about: "buckets of perplexity kept; all: pages without perplexity",
    },
    Setting {
        name: "classifier", // data_prep/cc/classifier: wikiref.model.bin
        default: Initial::File,
        about: "fastText model with the labels wiki and cc, .bin or .ftz",
    },
    Setting {
        name: "min_score", // data_prep/cc README: jq 'select(.wiki_prob >= 0.25)'
        default: Initial::Fraction(0.25),
        about: "pages less likely than this to be wiki are dropped, where there is a classifier",
    },
    Setting {
        name: "keep",
        default: Initial::Text,
        about: "keep only pages for which this holds: ccnet_perplexity < 340 and ...",
    },
    Setting {
        name: "signals", // RedPajama-V2
        default: Initial::Words(&[]),
        about: "quality signals written to the ledger, by name; [\"all\"] for all",
    },
    Setting {
        name: "stop_words",
        default: Initial::File,
        about: "stop words by language, JSON as stopwords-iso has it, for the signals",
    },
    Setting {
        name: "bad_words",
        default: Initial::File,
        about: "bad English words, one a line, for the signals",
    },
    Setting {
        name: "signal_models", // RedPajama-V2: artifacts
        default: Initial::Folder,
        about: "folder of models for the signals: classifiers, counts of words, UT1's blacklists",
    },
];

/// Pages in; those of the wanted languages, each the first of its kind, out.
fn graph<'scope>(pages: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    let chars_min = setup.settings.whole("min_chars") as usize;
    let score_min = setup.settings.fraction("min_language_score");
    let languages = setup.settings.words("languages").to_vec();
    let wanted = move |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
    let buckets = setup.settings.words("buckets").to_vec();
    let in_bucket = move |page: &Document| {
        let bucket = page.scores.bucket.as_deref();
        buckets.iter().any(|wanted| Some(wanted.as_str()) == bucket)
    };
    let quality_min = setup.settings.fraction("min_score");
    let is_poor = move |page: &Document| {
        page.scores.quality.is_some_and(|q| wikiref::is_below(q, quality_min))
    };
    let long = pages.reject("too_short", move |page| page.chars() < chars_min);
    let likely = without_repeated_paragraphs(long, setup)
        // After the cut, as in CCNet: menus and cookie notices sway the guess.
        .tag("Language", setup.models.language())
        .tag("Record language", record_language)
        .reject("language_score", move |page| score(page) < score_min)
        .reject("language", move |page| !wanted(language(page)))
        .tag("Perplexity", setup.models.perplexity())
        .tag("Record perplexity", record_perplexity)
        .reject("bucket", move |page| !in_bucket(page));
    without_copies(likely, setup)
        .tag("Quality", setup.models.quality())
        // Of poor pages too: `sluice calibrate` asks what another threshold would keep.
        .tag("Tokens", setup.models.tokens())
        .reject("quality", is_poor)
        // Beyond RedPajama-1T.
        .tag("Signals", setup.models.signals())
        .reject("filter", setup.models.fails_filter())
        .tag("Record quality", record_quality)
}

/// CCNet's first step, where the recipe does not choose otherwise.
fn without_repeated_paragraphs<'scope>(pages: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    match setup.settings.word("dedup") {
        "paragraphs" => pages
            .cut_repeated_paragraphs("paragraphs", ccnet::paragraph_key, setup.rule(), record_cut)
            .reject("duplicate_paragraphs", |page| page.text.is_empty()),
        _ => pages,
    }
}

/// From here on RedPajama looks across dumps, at whole pages.
fn without_copies<'scope>(pages: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    match setup.settings.word("dedup") {
        "paragraphs" => {
            pages.reject_repeats("documents", "duplicate", |page| page.digest, Rule::first_of_all())
        }
        _ => pages.deduplicate(setup),
    }
}

/// The pages of a WET file (cc_net `process_wet_file.py`: `parse_doc`).
fn pages(path: &Path, _: &Settings) -> Result<Documents, ReadError> {
    if let Some(defect) = formats::mistaken(path, &[Form::Wet], "a WET file, *.warc.wet.gz,")? {
        return Ok(Box::new(std::iter::once(Err(defect))));
    }
    let records = formats::wet::open(path)?;
    let pages = records.flat_map(|record| match record.map(page) {
        Ok(page) => {
            let defect = malformed(&page);
            [Some(Ok(page)), defect.map(Err)]
        }
        Err(defect) => [Some(Err(defect)), None],
    });
    Ok(Box::new(pages.flatten()))
}

/// What is wrong with a record that is no page, beyond what the reader has said of it.
fn malformed(page: &Document) -> Option<Defect> {
    let what = match page.verdict.as_deref()? {
        INVALID_UTF8 => "the text of this record is not UTF-8; the record is left out",
        NO_URL => "this record has no WARC-Target-URI; it is left out",
        _ => return None,
    };
    Some(Defect { offset: page.offset, what: what.into(), device: None })
}

const INVALID_UTF8: &str = "invalid_utf8";
const NO_URL: &str = "no_url";

/// A page of a WET record. The title is no part of the text: it is neither compared nor scored.
///
/// A record that cannot be a page is one that is turned away at once, so that it is counted.
fn page(record: WarcRecord) -> Document {
    let digest = document_digest(&record);
    let mut page = Document {
        offset: record.offset,
        url: record.url.clone().unwrap_or_default(),
        bytes_read: record.block_len as u64,
        digest,
        ..Document::default()
    };
    if record.truncated {
        page.reject("truncated");
        return page;
    }
    let Ok(body) = simdutf8::basic::from_utf8(&record.body) else {
        page.reject(INVALID_UTF8);
        return page;
    };
    let (Some(url), Some(content)) = (&record.url, ccnet::page(body)) else {
        page.reject(if record.url.is_none() { NO_URL } else { "empty" });
        return page;
    };
    page.meta.set("url", url.as_str());
    page.meta.set("date_download", record.date.as_deref().unwrap_or_default());
    page.meta.set("digest", record.digest.as_deref().unwrap_or_default());
    page.meta.set("length", record.content_length as usize);
    page.meta.set("nlines", content.nlines);
    page.meta.set("source_domain", ccnet::source_domain(url));
    page.meta.set("title", content.title);
    page.text = content.text;
    page
}

/// The first 128 bits of the digest of the whole WET block, title included (RedPajama
/// `data_prep/cc/dedup`: pages are one where their digests are). Computed where the record has none.
fn document_digest(record: &WarcRecord) -> u128 {
    let named = record.digest.as_deref().and_then(text::digest::parse_sha1);
    named.unwrap_or_else(|| text::digest::sha1(record.block()))
}

/// What CCNet records of the cut (cc_net `dedup.py`: `DuplicatesRemover.do`). `length` is in bytes
/// before it and in characters after it, as upstream has it.
fn record_cut(page: &mut Document, lines: &[u32]) {
    for (name, original) in [("nlines", "original_nlines"), ("length", "original_length")] {
        if let Some(Value::Int(number)) = page.meta.get(name).cloned() {
            page.meta.set(original, number as usize);
        }
    }
    page.meta.set("nlines", lines.len());
    page.meta.set("length", page.chars());
    page.meta.set("line_ids", lines.to_vec());
}

fn record_language(page: &mut Document) {
    let (language, score) = (language(page).to_owned(), score(page));
    page.meta.set("language", language);
    page.meta.set("language_score", score);
}

/// As cc_net `perplexity.py` does; a page without perplexity has no such field.
fn record_perplexity(page: &mut Document) {
    if let Some(perplexity) = page.scores.perplexity {
        page.meta.set("perplexity", perplexity);
    }
    if let Some(bucket) = &page.scores.bucket {
        page.meta.set("bucket", bucket.clone().into_owned());
    }
}

/// What RedPajama's classifier and tokenizer found, where there are such.
fn record_quality(page: &mut Document) {
    if let Some(quality) = page.scores.quality {
        page.meta.set("wiki_prob", quality);
    }
    if let Some(tokens) = page.scores.tokens {
        page.meta.set("tokens", tokens as usize);
    }
}

fn language(page: &Document) -> &str {
    page.language.as_ref().map_or("", |language| &language.code)
}

fn score(page: &Document) -> f64 {
    page.language.as_ref().map_or(0.0, |language| language.score)
}

macro_rules! fixture {
    ($label:literal, $name:literal) => {
        Fixture {
            label: $label,
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/common_crawl/", $label, "/", $name)),
        }
    };
}

const FIXTURES: &[Fixture] = &[
    fixture!("2019-30", "CC-MAIN-20190715175205-20190715200159-00000.warc.wet.gz"),
    fixture!("2019-30", "CC-MAIN-20190715175205-20190715200159-00001.warc.wet.gz"),
    fixture!("2019-30", "CC-MAIN-20190715175205-20190715200159-00002.warc.wet.gz"),
    fixture!("2019-30", "CC-MAIN-20190715175205-20190715200159-00003.warc.wet.gz"),
    fixture!("2020-05", "CC-MAIN-20200117152059-20200117180059-00000.warc.wet.gz"),
    fixture!("2020-05", "CC-MAIN-20200117152059-20200117180059-00001.warc.wet.gz"),
];

macro_rules! model {
    ($name:literal) => {
        FixtureModel { name: $name, bytes: include_bytes!(concat!("../fixtures/models/", $name)) }
    };
}

/// Toys, made by fixtures/models/train.sh: for the demo, and for no corpus.
const MODELS: &[FixtureModel] = &[model!("en.sp.model"), model!("en.arpa.gz"), model!("wiki.bin")];

const DEMO_SETTINGS: &str = "lm = \"models\"\nclassifier = \"models/wiki.bin\"\n";
