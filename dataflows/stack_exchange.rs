//! StackExchange: a question and its answers as one text, from the dumps of sites.
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/stack_exchange`. What we do differently, and why, is in
//! docs/fidelity.md under "StackExchange".
//!
//! A record is a thread, or a row that belongs to no thread.

use arrangement::Rule;
use formats::stack_exchange::{self as sites, OrphanRow, SiteRecord, Thread, Threads};
use formats::{Defect, Form, parallel};
use recipe::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use threads::{Answer, AnswerOrder, thread_text};

settings! {
    /// The recipe's numbers, each with the file that sets it.
    pub struct Settings {
        /// at most this many sites of a label are read, those with the most posts; 0 for all
        sites_max: u64 = 28; // README: the 28 largest sites
        /// order of answers by score: numeric, or redpajama, which sorts scores as strings
        answers: Answers = Answers::Numeric, redpajama = Answers::RedPajama; // post_processing.py
        /// date of the dump; empty: the label if it is a date, else the day of the newest post
        timestamp: String = String::new(); // post_processing.py: 2023-03-29
        /// which copies are dropped: none, exact, lines, paragraphs, simhash, minhash, passages; or a list
        dedup: Methods = Methods::none(); // data_prep/stack_exchange: none
        /// which versions of a thread stay that several labels have: all, newest
        versions: Versions = Versions::All;
        /// whether each label is all of its sites: what it lacks was deleted since; with newest only
        complete: bool = false;
    }
}

choice! {
    /// How the answers of a question are sorted.
    pub enum Answers {
        Numeric = "numeric",
        RedPajama = "redpajama",
    }
}

/// The slice.
pub struct StackExchange;

impl Slice for StackExchange {
    const NAME: &'static str = "stack_exchange";
    const ABOUT: &'static str = "StackExchange: questions with their answers, from dumps of sites";
    const TERMS: Terms = Terms {
        licenses: &["cc-by-sa-4.0"],
        about: "CC BY-SA: version 4.0 for posts since May 2018, 3.0 and 2.5 for earlier ones",
    };
    const FIXTURES: &'static [Fixture] = FIXTURES;

    type Settings = Settings;

    fn check(settings: &Settings) -> Result<(), Unusable> {
        settings.versions.check(settings.complete)?;
        let timestamp = &settings.timestamp;
        if timestamp.is_empty() || is_date(timestamp) {
            return Ok(());
        }
        let what = format!(": {timestamp:?} is not a date: write it as \"2023-03-29\"");
        Err(Unusable { key: "timestamp", what })
    }

    fn newest(settings: &Settings) -> Option<Newest> {
        settings.versions.newest(settings.complete)
    }

    fn identifies_languages(_: &Settings) -> bool {
        true
    }

    fn forms(_: &Settings) -> Forms {
        Forms {
            read: &[Form::Posts, Form::Xml, Form::SevenZip, Form::Zip],
            called: "a site's Posts.xml or 7z archive",
        }
    }

    // A site is read to its end before its first thread is known.
    const IS_SLOW_TO_BEGIN: bool = true;

    fn is_source(folder: &Path) -> bool {
        sites::is_site(folder)
    }

    fn select(found: Vec<PathBuf>, settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
        largest(found, settings)
    }

    fn read(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
        records(path, settings)
    }

    /// Keeps threads that are new or have changed.
    fn graph<'scope>(threads: Docs<'scope>, setup: &Setup<Settings>) -> Docs<'scope> {
        // A later dump of a site repeats the threads of the earlier one. If the newest version counts,
        // the earlier one goes, and each label is all that there is of its threads.
        let unchanged = match setup.settings.versions {
            Versions::All => Rule::first_of_all(),
            Versions::Newest => first_of_a_label(),
        };
        threads
            .reject_repeats("stack_exchange_threads", "unchanged", thread_key, unchanged)
            .deduplicate(setup, &setup.settings.dedup)
            .tag("Language", setup.models.language_of_lines())
            .tag("Record", record(setup))
            .tag("Tokens", setup.models.tokens())
    }
}

/// A thread is unchanged if its URL and its text are.
fn thread_key(thread: &Document) -> u128 {
    text::digest::sha1(format!("{}\n{}", thread.url, thread.text).as_bytes())
}

/// Sets the fields that the reader could not know. The date of the dump is the setting, else the
/// label if it is a date, else what the reader found.
fn record(setup: &Setup<Settings>) -> impl FnMut(&mut Document) + 'static {
    let (labels, timestamp) = (setup.labels.clone(), setup.settings.timestamp.clone());
    move |thread| {
        let language = thread.language.as_ref().map_or("", |language| &language.code).to_owned();
        thread.meta.set("language", language);
        let label = &labels[thread.at.label() as usize].name;
        if !timestamp.is_empty() {
            thread.meta.set("timestamp", timestamp.as_str());
        } else if is_date(label) {
            thread.meta.set("timestamp", label.as_str());
        }
    }
}

/// Returns whether a label is a date: `2024-04-02`, `2024-04`, `20240402`.
fn is_date(label: &str) -> bool {
    let parts: Vec<&str> = match label.len() {
        8 if label.is_ascii() => vec![&label[..4], &label[4..6], &label[6..]],
        _ => label.split('-').collect(),
    };
    let within = |part: &str, digits: usize, most: u32| {
        part.len() == digits && part.parse().is_ok_and(|number| (1..=most).contains(&number))
    };
    match parts[..] {
        [year, month] => within(year, 4, 9999) && within(month, 2, 12),
        [year, month, day] => within(year, 4, 9999) && within(month, 2, 12) && within(day, 2, 31),
        _ => false,
    }
}

/// Returns the largest sites (`count.py`, `select.py`), measured as upstream by their rows of
/// posts.
fn largest(mut paths: Vec<PathBuf>, settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    paths.retain(|path| sites::may_hold_posts(path));
    paths.sort();
    paths.dedup();
    let mut sites: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for path in &paths {
        let Some(name) = sites::name(path) else { continue };
        if let Some(other) = sites.insert(name.clone(), path) {
            let (one, two) = (other.display(), path.display());
            anyhow::bail!(
                "the site {name} is there twice, as {one} and as {two}: name one of them"
            );
        }
    }
    let most = settings.sites_max as usize;
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

/// Reads the records of a site.
fn records(path: &Path, settings: &Settings) -> Result<Documents, ReadError> {
    let Some(site) = sites::name(path) else {
        let what = "cannot tell which site this is, so its threads have no address; it is left \
                    out: name the archive or the folder after the site, such as \
                    math.stackexchange.com";
        // Not an error: the other sites of the label can still be read.
        let defect = Defect { offset: 0, what: what.to_owned(), device: None };
        return Ok(Box::new(std::iter::once(Err(defect))));
    };
    let order = match settings.answers {
        Answers::Numeric => AnswerOrder::Numeric,
        Answers::RedPajama => AnswerOrder::RedPajama,
    };
    let mut found = Threads::open(path)?;
    let dated = std::iter::from_fn(move || {
        let record = found.next()?;
        Some((record, found.newest_day().map(str::to_owned)))
    });
    let bytes = |(record, _): &(Result<SiteRecord, Defect>, _)| match record {
        Ok(SiteRecord::Thread(thread)) => thread.bytes(),
        _ => 0,
    };
    Ok(Box::new(parallel::map(dated, bytes, move |(record, day)| {
        record.map(|record| match record {
            SiteRecord::Thread(found) => thread(&site, &found, order, day.as_deref()),
            SiteRecord::Orphan(row) => orphan(&row),
        })
    })))
}

/// Converts a thread, with upstream's fields in their order (`post_processing.py`).
fn thread(site: &str, found: &Thread, order: AnswerOrder, day: Option<&str>) -> Document {
    let Thread { offset, question, answers } = found;
    let html = format!("{} {}", question.title, question.body);
    let answer_texts: Vec<_> =
        answers.iter().map(|answer| Answer { html: &answer.body, score: &answer.score }).collect();
    let text = thread_text(&html, &answer_texts, order);
    let url = format!("https://{site}/questions/{}", question.id);
    let mut thread = Document {
        offset: *offset,
        bytes_read: (html.len() + answers.iter().map(|a| a.body.len()).sum::<usize>()) as u64,
        digest: text::digest::sha1(text.as_bytes()),
        ..Document::default()
    };
    thread.meta.set("language", "");
    thread.meta.set("url", url.as_str());
    thread.meta.set("timestamp", day.map_or(Value::Json("null".to_owned()), Value::from));
    thread.meta.set("source", "stackexchange");
    let score = question.score.as_deref().map_or(Value::Int(0), Value::from);
    thread.meta.set("question_score", score);
    thread.url = url;
    thread.text = text;
    thread
}

/// Rejects a row that belongs to no thread.
fn orphan(row: &OrphanRow) -> Document {
    let mut orphan = Document { offset: row.offset, bytes_read: row.bytes, ..Document::default() };
    orphan.reject(row.reason);
    orphan
}

const FIXTURES: &[Fixture] = fixtures!(
    "stack_exchange":
    "2023-03-29" / "kettles.example.7z",
    "2023-03-29" / "allotments.example.Posts.xml",
    "2024-04-02" / "kettles.example.7z",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_funnel, defaults, document, later};

    fn thread(id: u64, text: &str) -> Document {
        Document { url: format!("https://a.example/questions/{id}"), ..document(text) }
    }

    #[test]
    fn a_later_dump_adds_threads_that_are_new_or_have_changed() {
        let documents = [
            thread(1, "Q: Why? A: Because."),
            thread(2, "Q: Why? A: Because."),
            later(thread(1, "Q: Why? A: Because.")),
            later(thread(2, "Q: Why? A: Because. A: It depends.")),
            later(thread(3, "Q: How? A: Like this.")),
        ];
        let expected = [
            "kept: Q: Why? A: Because.",
            "kept: Q: Why? A: Because.",
            "unchanged",
            "kept: Q: Why? A: Because. A: It depends.",
            "kept: Q: How? A: Like this.",
        ];
        assert_funnel::<StackExchange>(&defaults::<StackExchange>(), &documents, &expected);
    }
}
