//! Looking for the n-grams of an index in a text.

use crate::cut::push_merged;
use crate::index::{Index, hash_of};
use crate::words::Words;
use std::ops::Range;

/// What a text has of the evaluations of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The sets of which it has an n-gram, in the order of the index.
    pub sets: Vec<FoundSet>,
    /// Its parts that are made of n-grams, in bytes of the text, in order. They do not meet.
    pub passages: Vec<Range<usize>>,
}

/// What a text has of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSet {
    /// Number of the set.
    pub set: usize,
    /// Where the first n-gram comes from that the text has of the set: the line, or the row.
    pub line: u64,
    /// The field of the line.
    pub field: String,
    /// The n-gram, as it is compared.
    pub ngram: String,
    /// At how many words of the text an n-gram of the set begins.
    pub places: u64,
}

impl Index {
    /// Looks for the n-grams in a text. `None` if it has none.
    pub fn scan(&self, text: &str, words: &mut Words) -> Option<Found> {
        words.read(text);
        let mut found: Option<Found> = None;
        let mut last: Vec<(usize, usize)> = Vec::new();
        let (window, stride) = (self.rule.window(), self.rule.stride());
        let last_window = words.count().checked_sub(window)?;
        for first in (0..=last_window).step_by(stride) {
            if !self.filter.may_have(hash_of(&words.hashes()[first..first + window])) {
                continue;
            }
            // Every n-gram that has this window, and none of those before it.
            for word in (first + 1).saturating_sub(stride)..=first {
                self.look_up(word, words, &mut found, &mut last);
            }
        }
        if let Some(found) = &mut found {
            found.sets.sort_by_key(|found| found.set);
        }
        found
    }

    /// Looks for the n-grams that begin at `word`, the longest first.
    fn look_up(
        &self,
        word: usize,
        words: &Words,
        found: &mut Option<Found>,
        last: &mut Vec<(usize, usize)>,
    ) {
        for count in &self.lengths {
            let ngram = word..word + count;
            if ngram.end > words.count() {
                continue;
            }
            let hash = hash_of(&words.hashes()[ngram.clone()]);
            let letters = words.letters(ngram.clone());
            self.find(hash, letters, |text| {
                let found =
                    found.get_or_insert_with(|| Found { sets: Vec::new(), passages: Vec::new() });
                push_merged(&mut found.passages, words.place(ngram.clone()));
                self.count(found, last, word, text, letters);
            });
        }
    }

    /// Notes that an n-gram of `text` begins at `word`. `last` has the last such word of each set.
    fn count(
        &self,
        found: &mut Found,
        last: &mut Vec<(usize, usize)>,
        word: usize,
        text: usize,
        letters: &[u8],
    ) {
        let text = &self.texts[text];
        let set = text.set as usize;
        let Some(at) = found.sets.iter().position(|found| found.set == set) else {
            let (line, field) = (text.line, self.fields[text.field as usize].clone());
            let ngram = String::from_utf8_lossy(letters).into_owned();
            found.sets.push(FoundSet { set, line, field, ngram, places: 1 });
            last.push((set, word));
            return;
        };
        let (_, before) = last.iter_mut().find(|(known, _)| *known == set).expect("noted first");
        if *before != word {
            *before = word;
            found.sets[at].places += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Builder, Rule};
    use proptest::prelude::*;

    fn index(rule: Rule, sets: &[Vec<String>]) -> Index {
        let mut builder = Builder::new(rule);
        for (number, texts) in sets.iter().enumerate() {
            builder.begin_set(&format!("set {number}"));
            for (line, text) in texts.iter().enumerate() {
                builder.add(line as u64 + 1, "text", text).unwrap();
            }
        }
        builder.finish()
    }

    /// The words of a text of ASCII, found in another way.
    fn words_of(text: &str) -> Vec<(String, Range<usize>)> {
        let mut words = Vec::new();
        for part in text.split_ascii_whitespace() {
            let begin = part.as_ptr() as usize - text.as_ptr() as usize;
            let is_letter = |c: char| c.is_ascii_alphanumeric();
            let (Some(first), Some(last)) = (part.find(is_letter), part.rfind(is_letter)) else {
                continue;
            };
            let word: String = part.chars().filter(|c| is_letter(*c)).collect();
            words.push((word.to_lowercase(), begin + first..begin + last + 1));
        }
        words
    }

    /// What [`Index::scan`] finds, by comparing every n-gram with every other.
    fn naive(rule: Rule, sets: &[Vec<String>], text: &str) -> Option<Found> {
        let words = words_of(text);
        let mut found = Found { sets: Vec::new(), passages: Vec::new() };
        for begin in 0..words.len() {
            for (set, texts) in sets.iter().enumerate() {
                let mut here: Option<(usize, u64, String)> = None;
                for (line, known) in texts.iter().enumerate() {
                    let known: Vec<String> = words_of(known).into_iter().map(|(w, _)| w).collect();
                    let length = rule.ngram.min(known.len());
                    if known.len() < rule.words_min || begin + length > words.len() {
                        continue;
                    }
                    let ours = &words[begin..begin + length];
                    let ours: Vec<String> = ours.iter().map(|(word, _)| word.clone()).collect();
                    if !known.windows(length).any(|theirs| theirs == ours) {
                        continue;
                    }
                    let place = words[begin].1.start..words[begin + length - 1].1.end;
                    match found.passages.last_mut().filter(|last| place.start <= last.end) {
                        Some(last) => last.end = last.end.max(place.end),
                        None => found.passages.push(place),
                    }
                    if here.as_ref().is_none_or(|(longest, ..)| length > *longest) {
                        here = Some((length, line as u64 + 1, ours.join(" ")));
                    }
                }
                let Some((_, line, ngram)) = here else { continue };
                match found.sets.iter_mut().find(|found| found.set == set) {
                    Some(known) => known.places += 1,
                    None => {
                        let field = "text".into();
                        found.sets.push(FoundSet { set, line, field, ngram, places: 1 });
                    }
                }
            }
        }
        found.sets.sort_by_key(|found| found.set);
        (!found.sets.is_empty()).then_some(found)
    }

    /// A text of few words, so that n-grams repeat, with case, punctuation and blanks at random.
    fn text(words: impl Into<proptest::sample::SizeRange>) -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec!["a", "b", "C", "d", "e'e", "(f)"]);
        let blank = prop::sample::select(vec![" ", "\n", " - ", "\t", ",  ", ".\r\n"]);
        prop::collection::vec((word, blank), words)
            .prop_map(|parts| parts.iter().map(|(word, blank)| format!("{word}{blank}")).collect())
    }

    /// Writes words in another way.
    fn disguised(words: &str) -> impl Strategy<Value = String> + use<> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let count = words.len();
        let blanks =
            prop::sample::select(vec![" ", "\n\n", "\u{a0}", " \u{2014} ", "\t\r\n", "  "]);
        let marks =
            prop::sample::select(vec!["", ",", "\u{2019}", "\"", "...", "\u{301}", "\u{200b}"]);
        let each = prop::collection::vec((blanks, marks, any::<bool>()), count);
        each.prop_map(move |styles| {
            let mut text = String::new();
            for (word, (blank, mark, is_upper)) in words.iter().zip(styles) {
                let middle = word.len() / 2;
                let word = format!("{}{mark}{}{mark}", &word[..middle], &word[middle..]);
                text += &if is_upper { word.to_uppercase() } else { word };
                text += blank;
            }
            text
        })
    }

    /// Sets, and a text that has parts of them.
    fn sets_and_text() -> impl Strategy<Value = (Vec<Vec<String>>, String)> {
        let sets = prop::collection::vec(prop::collection::vec(text(0..20), 0..4), 1..4);
        let part = (any::<prop::sample::Index>(), 0..12_usize, 0..20_usize, text(0..4));
        (sets, prop::collection::vec(part, 0..5), text(0..20)).prop_map(|(sets, parts, mut all)| {
            let texts: Vec<&String> = sets.iter().flatten().collect();
            for (which, from, count, more) in parts.iter().filter(|_| !texts.is_empty()) {
                let words = which.get(&texts).split_inclusive(char::is_whitespace);
                all.extend(words.skip(*from).take(*count));
                all += more;
            }
            (sets.clone(), all)
        })
    }

    fn rules() -> impl Strategy<Value = Rule> {
        // The last ones search at each second and third word.
        prop::sample::select(vec![(3, 3), (4, 2), (5, 1), (2, 2), (8, 7), (9, 8), (13, 13)])
            .prop_map(|(ngram, words_min)| Rule { ngram, words_min })
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn a_scan_finds_what_comparing_everything_finds(
            rule in rules(),
            (sets, text) in sets_and_text(),
        ) {
            let found = index(rule, &sets).scan(&text, &mut Words::default());
            prop_assert_eq!(found, naive(rule, &sets, &text));
        }

        #[test]
        fn a_planted_ngram_is_found_however_it_is_written(
            before in "[ g-z,.\n]{0,40}",
            (planted, written) in "[a-f]{1,4}( [a-f]{1,4}){12}"
                .prop_flat_map(|planted| (Just(planted.clone()), disguised(&planted))),
            after in "[ g-z,.\n]{0,40}",
        ) {
            let rule = Rule { ngram: 13, words_min: 8 };
            let index = index(rule, &[vec![planted.clone()]]);
            let text = format!("{before} {written} {after}");
            let found = index.scan(&text, &mut Words::default());
            let found = found.ok_or_else(|| TestCaseError::fail("it is not found"))?;
            prop_assert_eq!(&found.sets[0].ngram, &planted);
            prop_assert_eq!(found.passages.len(), 1);
            // Without its last word it is not there.
            let cut = written.trim_end_matches(|c: char| !c.is_alphanumeric());
            let cut = cut.trim_end_matches(|c: char| !c.is_whitespace());
            prop_assert_eq!(index.scan(&format!("{before} {cut} {after}"), &mut Words::default()), None);
        }
    }
}
