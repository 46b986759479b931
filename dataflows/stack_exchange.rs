//! StackExchange: a question and its answers as one text, from the dumps of sites.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/stack_exchange`. What we do differently, and why, is in
//! docs/fidelity.md under "StackExchange".
//!
//! A record is a thread, or a row that is in none.

use app::prelude::*;
use arrangement::Rule;
use formats::stack_exchange::{self as sites, Alone, Found, Thread, Threads};
use formats::{Defect, Form};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use threads::{Answer, AnswerOrder, thread_text};

/// This slice's row in the table of `lib.rs`.
pub const STACK_EXCHANGE: Slice = Slice {
    name: "stack_exchange",
    about: "StackExchange: questions with their answers, from dumps of sites",
    settings: SETTINGS,
    inputs: Inputs { is_source: sites::is_site, select: largest, is_slow_to_begin: true },
    reader: records,
    graph,
    fixtures: FIXTURES,
    models: &[],
    demo_settings: "",
};

const SETTINGS: &[Setting] = &[
    Setting {
        name: "sites_max", // README: the 28 largest sites
        default: Initial::Whole(28),
        about: "so many sites of a label are read, those with most posts; 0 for all",
    },
    Setting {
        name: "answers", // the last is what post_processing.py does
        default: Initial::Choice("numeric", "redpajama", &["numeric", "redpajama"]),
        about: "answers by score: numeric, or redpajama, which sorts scores as words",
    },
    Setting {
        name: "timestamp", // post_processing.py: 2023-03-29
        default: Initial::Text,
        about: "date of the dump, as it is published; empty: the label",
    },
    dedup_setting("none"), // data_prep/stack_exchange: none
];

/// Threads in; those that are new, or not as they were, out.
fn graph<'scope>(threads: Docs<'scope>, setup: &Setup) -> Docs<'scope> {
    threads
        // A later dump of a site has the threads of the earlier one again.
        .reject_repeats("stack_exchange_threads", "unchanged", thread_key, Rule::first_of_all())
        .deduplicate(setup)
        .tag("Language", setup.models.language_of_lines())
        .tag("Record", record(setup))
        .tag("Tokens", setup.models.tokens())
}

/// A thread is what it was where its URL and its text are.
fn thread_key(thread: &Document) -> u128 {
    text::digest::sha1(format!("{}\n{}", thread.url, thread.text).as_bytes())
}

/// Writes what is known only now into the places that the reader left.
fn record(setup: &Setup) -> impl FnMut(&mut Document) + 'static {
    let (labels, timestamp) = (setup.labels.clone(), setup.settings.word("timestamp").to_owned());
    move |thread| {
        let language = thread.language.as_ref().map_or("", |language| &language.code).to_owned();
        thread.meta.set("language", language);
        let label = &labels[thread.at.label() as usize];
        let date = if timestamp.is_empty() { label } else { &timestamp };
        thread.meta.set("timestamp", date.as_str());
    }
}

/// The largest sites (`count.py`, `select.py`): upstream's measure, the rows of their posts.
fn largest(mut paths: Vec<PathBuf>, settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    paths.retain(|path| sites::may_hold_posts(path));
    paths.sort();
    paths.dedup();
    refuse_other_forms(&paths)?;
    let mut sites: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for path in &paths {
        let name = sites::name(path);
        if let Some(other) = sites.insert(name.clone(), path) {
            let (one, two) = (other.display(), path.display());
            anyhow::bail!(
                "the site {name} is there twice, as {one} and as {two}: give one of them"
            );
        }
    }
    let most = settings.whole("sites_max") as usize;
    if most == 0 || paths.len() <= most {
        return Ok(paths);
    }
    let mut counted = Vec::new();
    for path in paths {
        counted.push((Reverse(sites::rows(&path)?), path));
    }
    counted.sort();
    counted.truncate(most);
    Ok(counted.into_iter().map(|(_, path)| path).collect())
}

/// Forms that are read, and how they are called.
const OWN: &[Form] = &[Form::Posts, Form::Xml, Form::SevenZip, Form::Zip];
const READS: &str = "a site's Posts.xml or 7z archive";

/// A label of which no file has the form of a dump is refused before it is added.
fn refuse_other_forms(paths: &[PathBuf]) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for path in paths {
        match formats::mistaken(path, OWN, READS)? {
            Some(defect) => wrong.push(format!("{}: {defect}", path.display())),
            None => return Ok(()),
        }
    }
    anyhow::ensure!(wrong.is_empty(), "nothing of the label can be read:\n{}", wrong.join("\n"));
    Ok(())
}

/// The records of a site.
fn records(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    let site = sites::name(path);
    let order = match settings.word("answers") {
        "redpajama" => AnswerOrder::RedPajama,
        _ => AnswerOrder::Numeric,
    };
    if let Some(defect) = formats::mistaken(path, OWN, READS)? {
        return Ok(Box::new(std::iter::once(Err(defect))));
    }
    let found = Threads::open(path)?;
    let document = move |found: Result<Found, Defect>| match found? {
        Found::Thread(found) => Ok(thread(&site, &found, order)),
        Found::Alone(row) => Ok(alone(&row)),
    };
    Ok(Box::new(found.map(document)))
}

/// A thread with upstream's fields in their order (`post_processing.py`).
fn thread(site: &str, found: &Thread, order: AnswerOrder) -> Document {
    let Thread { offset, question, answers } = found;
    let html = format!("{} {}", question.title, question.body);
    let of_answers: Vec<_> =
        answers.iter().map(|answer| Answer { html: &answer.body, score: &answer.score }).collect();
    let text = thread_text(&html, &of_answers, order);
    let url = format!("https://{site}/questions/{}", question.id);
    let mut thread = Document {
        offset: *offset,
        bytes_read: (html.len() + answers.iter().map(|a| a.body.len()).sum::<usize>()) as u64,
        digest: text::digest::sha1(text.as_bytes()),
        ..Document::default()
    };
    thread.meta.set("language", "");
    thread.meta.set("url", url.as_str());
    thread.meta.set("timestamp", "");
    thread.meta.set("source", "stackexchange");
    let score = question.score.as_deref().map_or(Value::Int(0), Value::from);
    thread.meta.set("question_score", score);
    thread.url = url;
    thread.text = text;
    thread
}

/// A row that is in no thread.
fn alone(row: &Alone) -> Document {
    let mut alone = Document { offset: row.offset, bytes_read: row.bytes, ..Document::default() };
    alone.reject(row.reason);
    alone
}

macro_rules! fixture {
    ($label:literal, $name:literal) => {
        Fixture {
            label: $label,
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/stack_exchange/", $label, "/", $name)),
        }
    };
}

const FIXTURES: &[Fixture] = &[
    fixture!("2023-03-29", "kettles.example.7z"),
    fixture!("2023-03-29", "allotments.example.Posts.xml"),
    fixture!("2024-04-02", "kettles.example.7z"),
];
