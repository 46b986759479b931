//! One scan of the ledger: distributions of each slice, what each step removed of each source, and web
//! sites.

use super::domains::{Domains, Sites};
use super::histogram::{Histogram, Scale};
use crate::look::Look;
use anyhow::Result;
use corpus::{File, Label, LedgerColumns, Lookup, Words};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Documents with one value.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Documents read.
    pub read: u64,
    /// Documents kept.
    pub kept: u64,
    /// Bytes of text kept.
    pub bytes_kept: u64,
    /// Tokens kept.
    pub tokens: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.kept += other.kept;
        self.bytes_kept += other.bytes_kept;
        self.tokens += other.tokens;
    }
}

/// Distributions over documents.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scanned {
    /// By language; the empty one is that of documents that did not get that far.
    pub languages: BTreeMap<String, Tally>,
    /// By bucket of perplexity.
    pub buckets: BTreeMap<String, Tally>,
    /// Scores of the language.
    pub language_score: Histogram,
    /// Perplexity.
    pub perplexity: Histogram,
    /// Quality.
    pub quality: Histogram,
}

impl Default for Scanned {
    fn default() -> Scanned {
        Scanned {
            languages: BTreeMap::new(),
            buckets: BTreeMap::new(),
            language_score: Histogram::new(Scale::Unit),
            perplexity: Histogram::new(Scale::Octaves),
            quality: Histogram::new(Scale::Unit),
        }
    }
}

impl Scanned {
    /// Adds the distributions of other documents.
    pub fn merge(&mut self, other: &Scanned) {
        for (name, tally) in &other.languages {
            self.languages.entry(name.clone()).or_default().add(tally);
        }
        for (name, tally) in &other.buckets {
            self.buckets.entry(name.clone()).or_default().add(tally);
        }
        self.language_score.merge(&other.language_score);
        self.perplexity.merge(&other.perplexity);
        self.quality.merge(&other.quality);
    }
}

/// What became of the documents of a source: their number by reason, kept ones without.
pub(super) type OfSource = BTreeMap<Option<String>, u64>;

/// The sources of all labels, by the number of the label and that of the source.
pub(super) type OfSources = BTreeMap<(u64, u64), OfSource>;

/// A part of the ledger, while it is read.
struct Part {
    first_source: u64,
    /// For each source, the number of documents by the number of the reason.
    sources: Vec<Vec<u64>>,
    languages: Vec<Tally>,
    buckets: Vec<Tally>,
    scanned: Scanned,
    sites: Sites,
}

impl Part {
    fn new(file: &File) -> Part {
        let first_source = file.first.source();
        let sources = file.last.source().saturating_sub(first_source) as usize + 1;
        Part {
            first_source,
            sources: vec![Vec::new(); sources],
            languages: Vec::new(),
            buckets: Vec::new(),
            scanned: Scanned::default(),
            sites: Sites::default(),
        }
    }

    fn add(&mut self, columns: &LedgerColumns) {
        let LedgerColumns { rows, sources, reason, language, bucket, .. } = columns;
        self.languages.resize(language.names.len() + 1, Tally::default());
        self.buckets.resize(bucket.names.len() + 1, Tally::default());
        let mut reasons = reason.values.iter();
        for (source, rows) in sources {
            let reasons = reasons.by_ref().take(*rows);
            // A source beyond the file's last one is damage that `verify` names.
            let place = source.checked_sub(self.first_source);
            let Some(of_source) = place.and_then(|place| self.sources.get_mut(place as usize))
            else {
                let _ = reasons.count();
                continue;
            };
            if of_source.len() <= reason.names.len() {
                of_source.resize(reason.names.len() + 1, 0);
            }
            reasons.for_each(|number| of_source[*number as usize] += 1);
        }
        for row in 0..*rows {
            let is_kept = reason.values[row] == 0;
            let tally = Tally {
                read: 1,
                kept: u64::from(is_kept),
                bytes_kept: columns.bytes_kept[row].max(0) as u64,
                tokens: if is_kept { columns.tokens[row].max(0) as u64 } else { 0 },
            };
            self.languages[language.values[row] as usize].add(&tally);
            self.buckets[bucket.values[row] as usize].add(&tally);
            self.scanned.language_score.add(columns.language_score[row], is_kept);
            self.scanned.perplexity.add(columns.perplexity[row], is_kept);
            self.scanned.quality.add(columns.quality[row], is_kept);
        }
        for (row, url) in columns.kept_urls.iter() {
            self.sites.add(url, columns.bytes_kept[row].max(0) as u64);
        }
    }
}

/// All parts together.
#[derive(Default)]
struct All {
    slices: BTreeMap<String, Scanned>,
    sources: OfSources,
    sites: Sites,
}

impl All {
    fn add(&mut self, number: u64, label: &Label, part: Part, names: Names) {
        let Part { first_source, sources, languages, buckets, mut scanned, sites } = part;
        let by_name = |tallies: Vec<Tally>, names: &[String]| {
            let names = [String::new()].into_iter().chain(names.iter().cloned());
            names.zip(tallies).filter(|(_, tally)| tally.read > 0).collect()
        };
        scanned.languages = by_name(languages, &names.languages);
        scanned.buckets = by_name(buckets, &names.buckets);
        self.slices.entry(label.slice.clone()).or_default().merge(&scanned);
        for (source, counts) in (first_source..).zip(sources) {
            let of_source = self.sources.entry((number, source)).or_default();
            for (reason, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let reason = reason.checked_sub(1).map(|place| names.reasons[place].clone());
                *of_source.entry(reason).or_default() += count;
            }
        }
        self.sites.merge(sites);
    }
}

/// The values of the columns of a file, by number.
#[derive(Default)]
struct Names {
    reasons: Vec<String>,
    languages: Vec<String>,
    buckets: Vec<String>,
}

/// What a scan of the ledger found.
pub(super) struct Found {
    /// Distributions of each slice, in the order in which slices were added.
    pub slices: Vec<(String, Scanned)>,
    /// What became of each source.
    pub sources: OfSources,
    /// The sites.
    pub domains: Domains,
}

/// Scans the ledger of all labels, with some threads.
pub(super) fn scan(look: &Look, workers: usize) -> Result<Found> {
    let files: Vec<(u64, &Label, &File)> = (0..)
        .zip(&look.manifest.labels)
        .filter(|(_, label)| !label.removed)
        .flat_map(|(number, label)| label.ledger.iter().map(move |file| (number, label, file)))
        .collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(All::default()));
    let work = || -> Result<()> {
        while let Some((number, label, file)) = files.get(next.fetch_add(1, Relaxed)) {
            let (mut part, mut names) = (Part::new(file), Names::default());
            Lookup::new(&look.corpus, label).scan(file, |columns| {
                part.add(columns);
                let fresh = |words: &Words, known: &mut Vec<String>| {
                    known.extend_from_slice(&words.names[known.len()..]);
                };
                fresh(&columns.reason, &mut names.reasons);
                fresh(&columns.language, &mut names.languages);
                fresh(&columns.bucket, &mut names.buckets);
            })?;
            let mut all = all.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            all.add(*number, label, part, names);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a panic ends the process"))
    })?;
    let All { mut slices, sources, sites } =
        all.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut in_order: Vec<(String, Scanned)> = Vec::new();
    for label in look.manifest.present() {
        if in_order.iter().all(|(slice, _)| *slice != label.slice) {
            let scanned = slices.remove(&label.slice).unwrap_or_default();
            in_order.push((label.slice.clone(), scanned));
        }
    }
    Ok(Found { slices: in_order, sources, domains: sites.domains() })
}
