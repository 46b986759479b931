//! `dedup = "passages"`: repeated passages are cut, wherever in a text they are.

use arrangement::Rule;
use document::Document;
use engine::{Docs, Span};
use std::ops::RangeInclusive;

/// Which passages are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passages {
    /// The fewest bytes of a passage.
    pub min_bytes: usize,
}

impl Default for Passages {
    fn default() -> Self {
        Passages { min_bytes: 500 }
    }
}

/// What is written where a passage was cut out between two pieces of a text: words at a cut are parts of
/// words, and must not become one.
const SEAM: &str = "\n";

impl Passages {
    /// What [`Passages::min_bytes`] may be. Passages of more bytes would be whole books.
    pub(super) const MIN_BYTES: RangeInclusive<usize> = similarity::Passages::BYTES_MIN..=1_000_000;

    /// Cuts passages that came before, and drops documents that have nothing else.
    pub(super) fn apply<'scope>(self, docs: Docs<'scope>, index: &str) -> Docs<'scope> {
        let mut passages = similarity::Passages::new(self.min_bytes);
        let spans = move |text: &str| -> Vec<Span<u128>> {
            let passages = passages.of(text).into_iter();
            passages.map(|passage| Span { key: passage.key, range: passage.range }).collect()
        };
        docs.cut_repeated_spans(index, spans, Rule::first_of_all(), SEAM, |_| {})
            .reject("duplicate_passages", has_nothing_left)
    }
}

/// Blanks between two passages are nothing.
fn has_nothing_left(document: &Document) -> bool {
    document.paragraphs.duplicate > 0 && document.text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::DocRef;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    const BYTES: usize = similarity::Passages::BYTES_MIN;

    /// The bytes of each text that are cut, by the definition: those of every passage that an earlier
    /// text has, or this one before.
    fn cut_of(texts: &[String]) -> Vec<Vec<bool>> {
        let (mut passages, mut seen) = (similarity::Passages::new(BYTES), HashSet::new());
        let cut = |text: &String| {
            let mut cut = vec![false; text.len()];
            for passage in passages.of(text) {
                if !seen.insert(passage.key) {
                    cut[passage.range].fill(true);
                }
            }
            cut
        };
        texts.iter().map(cut).collect()
    }

    /// Ranges of equal values.
    fn runs(cut: &[bool], wanted: bool) -> Vec<std::ops::Range<usize>> {
        let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
        for place in (0..cut.len()).filter(|place| cut[*place] == wanted) {
            match runs.last_mut() {
                Some(last) if last.end == place => last.end += 1,
                _ => runs.push(place..place + 1),
            }
        }
        runs
    }

    fn left(text: &str, cut: &[bool]) -> String {
        let mut left = String::new();
        for run in runs(cut, false) {
            let apart =
                !left.is_empty() && !left.ends_with('\n') && !text[run.clone()].starts_with('\n');
            left.push_str(if apart { "\n" } else { "" });
            left.push_str(&text[run]);
        }
        left
    }

    /// Whether each byte is in a range of `BYTES` bytes that came before.
    fn are_repeats(text: &[u8], earlier: &HashSet<Vec<u8>>) -> Vec<bool> {
        let mut repeats = vec![false; text.len()];
        let mut here = HashSet::new();
        for (place, part) in text.windows(BYTES).enumerate() {
            if earlier.contains(part) | !here.insert(part) {
                repeats[place..place + BYTES].fill(true);
            }
        }
        repeats
    }

    /// A part of a text: its own, or a part of one of some that many have.
    #[derive(Clone, Debug)]
    enum Part {
        Own(String),
        Common(usize, usize, usize),
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        let words = |chars: usize| {
            prop_oneof![
                proptest::string::string_regex(&format!("[a-f \\n]{{0,{chars}}}")).unwrap(),
                proptest::string::string_regex(&format!("[a-zé語🙂]{{0,{chars}}}")).unwrap(),
                (0..chars).prop_map(|chars| "-".repeat(chars)),
            ]
        };
        let part = prop_oneof![
            words(150).prop_map(Part::Own),
            (0usize..3, 0usize..500, 0usize..500).prop_map(|(of, a, b)| Part::Common(of, a, b)),
        ];
        let common = prop::collection::vec(words(500), 3);
        let texts = prop::collection::vec(prop::collection::vec(part, 0..5), 1..8);
        (common, texts).prop_map(|(common, texts)| {
            let part = |part: Part| match part {
                Part::Own(text) => text,
                Part::Common(of, a, b) => {
                    let text = &common[of];
                    let place = |place: usize| text.floor_char_boundary(place);
                    text[place(a.min(b))..place(a.max(b))].to_owned()
                }
            };
            texts.into_iter().map(|parts| parts.into_iter().map(part).collect()).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..reference::property() })]

        #[test]
        fn what_is_left_is_what_the_definition_leaves_for_any_number_of_workers(
            texts in texts(),
            workers in 1usize..5,
            labels in 1usize..4,
        ) {
            let document = |(place, text): (usize, &String)| {
                let at = DocRef::new((place * labels / texts.len()) as u64, 0, 0);
                Document { at, text: text.clone(), ..Document::default() }
            };
            let documents: Vec<Document> = texts.iter().enumerate().map(document).collect();
            let found = engine::funnel(documents, workers, |docs| {
                Passages { min_bytes: BYTES }.apply(docs, "passages")
            });
            for ((document, text), cut) in found.iter().zip(&texts).zip(cut_of(&texts)) {
                let left = left(text, &cut);
                let is_empty = cut.contains(&true) && left.trim().is_empty();
                let expected = if is_empty { Some("duplicate_passages") } else { None };
                prop_assert_eq!(document.verdict.as_deref(), expected);
                prop_assert_eq!(&document.text, if is_empty { "" } else { &left });
            }
        }

        #[test]
        fn only_repeats_are_cut_and_none_is_left(texts in texts()) {
            let found = similarity::Passages::new(BYTES).found();
            let mut earlier: HashSet<Vec<u8>> = HashSet::new();
            let mut places = HashMap::new();
            for (number, (text, cut)) in texts.iter().zip(cut_of(&texts)).enumerate() {
                let repeats = are_repeats(text.as_bytes(), &earlier);
                prop_assert!(cut.iter().zip(repeats).all(|(is_cut, is_repeat)| !is_cut || is_repeat));
                earlier.extend(text.as_bytes().windows(BYTES).map(<[u8]>::to_vec));
                for run in runs(&cut, false) {
                    for part in text.as_bytes()[run.clone()].windows(found) {
                        let before = places.insert(part.to_vec(), number);
                        prop_assert!(before.is_none(), "text {number} and {before:?}: {run:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_of_repeats_and_blanks_is_dropped_and_a_blank_one_is_not() {
        let line: String = ('a'..='z').cycle().step_by(5).take(40).collect();
        let long = (0..9).map(|number| format!("{line} {number}")).collect::<String>();
        let [fewer, more] = [40, 60].map(|lines| "\n".repeat(lines) + &long);
        let texts = [fewer, more, " ".repeat(50), format!("{long}, and more"), long];
        let documents = texts.map(|text| Document { text, ..Document::default() });
        let found =
            engine::funnel(documents, 2, |docs| Passages { min_bytes: BYTES }.apply(docs, "p"));
        let verdicts: Vec<Option<&str>> =
            found.iter().map(|document| document.verdict.as_deref()).collect();
        let is_dropped = Some("duplicate_passages");
        assert_eq!(verdicts, [None, is_dropped, None, None, is_dropped]);
        let left = &found[3].text;
        assert!(left.ends_with(", and more") && left.len() < 60, "{left}");
    }
}
