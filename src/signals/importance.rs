//! Importance weights: the ratio of a text's probabilities in a collection such as Wikipedia and on
//! the web (RedPajama-V2, `core/quality_signals/importance_weights.py`; DSIR,
//! <https://arxiv.org/abs/2302.03169>).
//!
//! Upstream hashes with Python's `hash`, which differs between versions of Python, so its counts
//! cannot be used elsewhere; collections are counted here with another hash. Upstream's correction
//! for the length compares characters with a mean of words and has nearly no effect; here both are
//! words.

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use text::unicode::{SPACE, WORD, classes};

/// Number of buckets to which words and pairs of words are hashed (`artifacts/hash_dist.py`).
const BUCKETS: usize = 10_000;

/// Added to each probability before its logarithm is taken.
const FLOOR: f64 = 1e-8;

/// Numbers of occurrences of a collection's hashed words and pairs of words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WordCounts {
    /// Texts that were counted.
    pub texts: u64,
    /// Words in all of them.
    pub words: u64,
    counts: Vec<u64>,
}

impl Default for WordCounts {
    fn default() -> Self {
        WordCounts { texts: 0, words: 0, counts: vec![0; BUCKETS] }
    }
}

impl WordCounts {
    /// Counts a text.
    pub fn add(&mut self, text: &str) {
        self.texts += 1;
        self.words += for_each_bucket(text, |bucket| self.counts[bucket] += 1);
    }

    /// Whether the counts are not empty and have the right number of buckets.
    pub(crate) fn is_usable(&self) -> bool {
        self.counts.len() == BUCKETS && self.words > 0 && self.texts > 0
    }

    fn words_mean(&self) -> f64 {
        self.words as f64 / self.texts as f64
    }

    /// Returns the logarithm of each bucket's share.
    fn log_shares(&self) -> impl Iterator<Item = f64> {
        let total: u64 = self.counts.iter().sum();
        self.counts.iter().map(move |count| (*count as f64 / total as f64 + FLOOR).ln())
    }
}

/// The weights of a collection against the web.
pub(crate) struct Weights {
    log_ratios: Vec<f64>,
    words_mean: f64,
    words_mean_web: f64,
}

impl Weights {
    /// Both must be usable.
    pub fn new(collection: &WordCounts, web: &WordCounts) -> Weights {
        let both = collection.log_shares().zip(web.log_shares());
        Weights {
            log_ratios: both.map(|(collection, web)| collection - web).collect(),
            words_mean: collection.words_mean(),
            words_mean_web: web.words_mean(),
        }
    }

    /// Returns the logarithm of the ratio of a text's probabilities, and the same corrected for its
    /// length; `None` for a text without words.
    pub fn of(&self, text: &str) -> Option<(f64, f64)> {
        let mut weight = 0.0;
        let words = for_each_bucket(text, |bucket| weight += self.log_ratios[bucket]);
        let length = |mean| (poisson(words, mean) + FLOOR).ln();
        let correction = length(self.words_mean) - length(self.words_mean_web);
        (words > 0).then_some((weight, weight + correction))
    }
}

/// Visits the bucket of each raw word, and of each word with the one before it. Returns the number
/// of words.
fn for_each_bucket(text: &str, mut each: impl FnMut(usize)) -> u64 {
    let bucket = |hash: u64| (hash % BUCKETS as u64) as usize;
    let (mut words, mut before) = (0, None);
    for_each_word(text, |word| {
        let mut hasher = SipHasher13::new();
        hasher.write(word.as_bytes());
        let hash = hasher.finish();
        each(bucket(hash));
        if let Some(before) = before.replace(hash) {
            let mut hasher = SipHasher13::new();
            hasher.write(&before.to_le_bytes());
            hasher.write(&hash.to_le_bytes());
            each(bucket(hasher.finish()));
        }
        words += 1;
    });
    words
}

/// Visits runs of `\w`, and runs of characters that are neither `\w` nor blank (NLTK's
/// `WordPunctTokenizer`).
fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    let class = classes();
    let (mut start, mut kind) = (0, SPACE);
    for (at, c) in text.char_indices() {
        let of_c = class(c) & (WORD | SPACE);
        if of_c != kind {
            if kind != SPACE {
                each(&text[start..at]);
            }
            (start, kind) = (at, of_c);
        }
    }
    if kind != SPACE && start < text.len() {
        each(&text[start..]);
    }
}

/// Returns the probability of a count under a Poisson distribution.
fn poisson(count: u64, mean: f64) -> f64 {
    let k = count as f64;
    // ln k!, by Stirling's series if that is exact to 1e-9.
    let ln_factorial = match count {
        0..=20 => (1..=count).map(|n| (n as f64).ln()).sum(),
        _ => {
            k * k.ln() - k + 0.5 * (std::f64::consts::TAU * k).ln() + 1.0 / (12.0 * k)
                - 1.0 / (360.0 * k.powi(3))
        }
    };
    (k * mean.ln() - mean - ln_factorial).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(texts: &[&str]) -> WordCounts {
        let mut counts = WordCounts::default();
        texts.iter().for_each(|text| counts.add(text));
        counts
    }

    #[test]
    fn words_and_marks_are_words() {
        let mut found = Vec::new();
        for_each_word(" It's 3.14,\u{a0}naïve_x!? ", |word| found.push(word.to_owned()));
        assert_eq!(found, ["It", "'", "s", "3", ".", "14", ",", "naïve_x", "!?"]);
    }

    #[test]
    fn a_text_weighs_more_where_its_words_are_frequent() {
        let wiki = counts(&["the river is long", "the river is deep"]);
        let web = counts(&["click here to buy", "buy the best here"]);
        let weights = Weights::new(&wiki, &web);
        let weight = |text: &str| weights.of(text).unwrap().0;
        assert!(weight("the river") > 1.0 && weight("buy here") < -1.0);
        assert!(weights.of(" \n").is_none());
        // By hand: "river" is 2 of 14 words and pairs in the collection and none on the web.
        let share = (2.0_f64 / 14.0 + 1e-8).ln() - 1e-8_f64.ln();
        assert!((weight("river") - share).abs() < 1e-9);
        assert_eq!(weight("river river"), 2.0 * weight("river"), "no such pair in either");
    }

    #[test]
    fn probabilities_of_lengths_are_those_of_poisson() {
        // Expected: scipy.stats.poisson.pmf.
        for (count, mean, expected) in [
            (0, 2.0, 0.135335283236),
            (3, 2.5, 0.213763017),
            (25, 20.0, 0.0445876491),
            (500, 480.0, 0.0118265709),
        ] {
            let found = poisson(count, mean);
            assert!((found / expected - 1.0).abs() < 1e-6, "{count} {mean}: {found}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn words_are_the_text_without_blanks(text in "([a-c]|\\.|,| |\u{301}|\\PC){0,30}") {
            let mut found = String::new();
            for_each_word(&text, |word| found.push_str(word));
            prop_assert_eq!(found, text.replace(text::python::is_space, ""));
        }
    }
}
