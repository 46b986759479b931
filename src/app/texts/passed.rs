//! What was passed over while texts were read, for messages and summaries.

use anyhow::anyhow;
use indicatif::HumanCount;
use recipe::usage::Usage;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Malformed lines that are printed one by one.
const PRINTED_MAX: usize = 20;
/// Malformed lines that are in the JSON summary. All are counted.
const LISTED_MAX: usize = 1_000;

/// What was passed over.
#[derive(Default)]
pub(crate) struct Passed {
    /// Lines and files that could not be read, and the first of them.
    pub malformed: u64,
    listed: Vec<String>,
    /// Texts of another language than the wanted one, by language.
    other_language: BTreeMap<String, u64>,
    /// Texts of a corpus that say no language.
    no_language: u64,
    /// Texts of a selected slice that say no language, and were used.
    pub unmarked: u64,
    /// Texts that are too long for a language model.
    pub too_long: u64,
    /// Texts of which nothing is left when they are normalized.
    pub empty: u64,
}

impl Passed {
    pub fn malformed(&mut self, what: String) {
        self.malformed += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(what);
        }
    }

    pub fn other_language(&mut self, language: String) {
        *self.other_language.entry(language).or_default() += 1;
    }

    pub fn no_language(&mut self) {
        self.no_language += 1;
    }

    /// Prints the first malformed lines, and the sums.
    pub fn print(&self) {
        self.listed.iter().take(PRINTED_MAX).for_each(|what| tracing::error!("{what}"));
        let more = self.malformed.saturating_sub(PRINTED_MAX as u64);
        if more > 0 {
            tracing::error!("and {} more", HumanCount(more));
        }
        self.sums().iter().for_each(|sum| tracing::warn!("{sum}"));
    }

    /// What was passed over, in words.
    fn sums(&self) -> Vec<String> {
        let mut sums = Vec::new();
        let count = |count: u64, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{} {many}", HumanCount(count)),
        };
        let others: u64 = self.other_language.values().sum();
        if others > 0 {
            let mut largest: Vec<_> = self.other_language.iter().collect();
            largest.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let shown = largest.iter().take(5).map(|(name, count)| format!("{name} {count}"));
            let shown: Vec<String> = shown.collect();
            let texts = count(others, "text is", "texts are");
            sums.push(format!("{texts} of another language and skipped ({})", shown.join(", ")));
        }
        if self.no_language > 0 {
            let texts = count(self.no_language, "text", "texts");
            sums.push(format!(
                "{texts} of the corpus without meta.language skipped; to use texts of a slice that \
                 does not identify languages, select it with --slice"
            ));
        }
        if self.unmarked > 0 {
            let texts = count(self.unmarked, "text says", "texts say");
            sums.push(format!("{texts} no language in meta.language and were used"));
        }
        if self.too_long > 0 {
            let texts = count(self.too_long, "text", "texts");
            sums.push(format!("{texts} skipped: too long to be scored"));
        }
        if self.empty > 0 {
            let texts = count(self.empty, "text", "texts");
            sums.push(format!("{texts} skipped: empty when normalized"));
        }
        if self.malformed > 0 {
            let lines = count(self.malformed, "malformed line", "malformed lines");
            sums.push(format!("{lines} skipped"));
        }
        sums
    }

    /// Adds what was passed over to an error: it may be the reason why too few texts are left.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let sums: Vec<String> =
            self.sums().into_iter().filter(|sum| !sum.ends_with("were used")).collect();
        if sums.is_empty() {
            return error;
        }
        let message = format!("{error:#}; {}", sums.join("; "));
        if error.is::<Usage>() { Usage(message).into() } else { anyhow!(message) }
    }

    /// Adds what was passed over to a JSON summary.
    pub fn add_to(&self, summary: &mut Value) {
        summary["malformed"] = json!(self.malformed);
        summary["listed"] = json!(self.listed);
        summary["other_language"] = json!(self.other_language);
        summary["no_language"] = json!(self.no_language);
    }
}
