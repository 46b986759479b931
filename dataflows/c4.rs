//! C4: the shards that AllenAI publishes, in RedPajama's form; and, beyond RedPajama, C4's own rules
//! on a Common Crawl dump, so that there can be a C4 of this year.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/c4`, and for a dump tensorflow_datasets
//! `text/c4_utils.py`. What we do differently, and why, is in docs/fidelity.md under "C4".

use app::prelude::*;
use arrangement::Rule;
use formats::Defect;
use formats::rows::Row;
use serde::Deserialize;
use signals::rules::c4::{self as rules, TFDS};
use std::path::Path;
use text::c4;

/// This slice's row in the table of `lib.rs`.
pub const C4: Slice = Slice {
    name: "c4",
    about: "C4: AllenAI's shards, or C4's rules on WET dumps",
    settings: SETTINGS,
    inputs: Inputs::FILES,
    reader: pages,
    graph,
    fixtures: FIXTURES,
    models: &[],
    demo_settings: "",
};

const SETTINGS: &[Setting] = &[
    Setting {
        name: "source",
        default: Initial::Choice("json", "json", &["json", "wet"]),
        about: "json: shards of allenai/c4, taken as they are; wet: a dump, to which C4's rules apply",
    },
    Setting {
        name: "languages", // c4_utils.py: is_language
        default: Initial::Words(&["en"]),
        about: "languages kept of a dump; [] for all",
    },
    Setting {
        name: "min_language_score",
        default: Initial::Fraction(0.5),
        about: "pages of a dump whose language is less certain are dropped",
    },
    Setting {
        name: "bad_words", // c4_utils.py: get_badwords_filter_fn
        default: Initial::File,
        about: "bad English words, one a line: pages of a dump that have one are dropped",
    },
];

/// Pages in; from shards all of them, from a dump those that C4's rules leave, out.
fn graph<'scope>(pages: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    if setup.settings.word("source") == "json" {
        return pages.tag("Tokens", setup.models.tokens());
    }
    let score_min = setup.settings.fraction("min_language_score");
    let languages = setup.settings.words("languages").to_vec();
    let wanted = move |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
    pages
        .reject("too_long", |page| page.chars() > c4::PAGE_CHARS_MAX)
        .reject_repeats("c4_urls", "duplicate_url", url_digest, Rule::first_of_all())
        .tag("Clean lines", clean)
        // The first page that has a line keeps it; upstream, the one with the smallest hash of its URL.
        .cut_repeated_paragraphs("c4_lines", |line, _| c4::line_key(line), FIRST, |_, _| ())
        .reject("duplicate_lines", |page| page.text.is_empty())
        .reject("too_few_sentences", |page| rules::has_sentences(&page.text, &TFDS).is_err())
        .tag("Language", setup.models.language())
        .reject("language_score", move |page| language(page).1 < score_min)
        .reject("language", move |page| !wanted(language(page).0))
        .reject("bad_words", setup.models.says_bad_words())
        .tag("Record language", |page| page.meta.set("language", language(page).0.to_owned()))
        .tag("Tokens", setup.models.tokens())
}

/// The lines that are prose, or the reason why the page goes (`c4_utils.py`: `clean_page`).
fn clean(page: &mut Document) {
    match rules::clean(&page.text, &TFDS) {
        Ok(text) => page.text = text,
        Err(reason) => page.reject(reason),
    }
}

fn url_digest(page: &Document) -> u128 {
    c4::url_digest(&c4::normalize_url(&page.url))
}

fn language(page: &Document) -> (&str, f64) {
    page.language.as_ref().map_or(("", 0.0), |language| (&language.code, language.score))
}

fn pages(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    match settings.word("source") {
        "wet" => {
            let records = formats::wet::open(path)?;
            Ok(Box::new(records.map(|record| record.map(page_of_dump))))
        }
        _ => {
            let rows = formats::rows(path)?;
            Ok(Box::new(rows.flat_map(|row| match row.map(page_of_shard) {
                Ok((page, defect)) => [Some(Ok(page)), defect.map(Err)],
                Err(defect) => [Some(Err(defect)), None],
            }).flatten()))
        }
    }
}

/// A line of a shard.
#[derive(Deserialize)]
struct Line {
    text: String,
    timestamp: String,
    url: String,
}
