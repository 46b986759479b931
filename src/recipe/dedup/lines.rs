//! Lines that were seen before, compared byte by byte.

use super::first_bits;
use crate::choice;
use arrangement::Rule;
use document::Document;
use engine::{Docs, Repeated};

/// What the method `lines` does with lines that were seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Whether they are cut or counted.
    pub action: LinesAction,
}

choice! {
    /// What becomes of a line that was seen before.
    pub enum LinesAction {
        Cut = "cut",
        Count = "count",
    }
}

impl Default for Lines {
    fn default() -> Self {
        Lines { action: LinesAction::Cut }
    }
}

impl Lines {
    /// Cuts, or counts, the lines that are in an earlier document too, or earlier in the same one. Drops
    /// documents of which nothing is left, as `duplicate_lines`. After each cut, calls `after` with the
    /// numbers of the lines that stay.
    pub fn apply<'scope>(
        self,
        docs: Docs<'scope>,
        index: &str,
        after: impl Fn(&mut Document, &[u32]) + 'static,
    ) -> Docs<'scope> {
        let first = Rule::first_of_all();
        match self.action {
            LinesAction::Cut => docs
                .cut_repeated_lines(index, line_key, first, Repeated::Cut, after)
                .reject_empty("duplicate_lines"),
            LinesAction::Count => {
                docs.cut_repeated_lines(index, line_key, first, Repeated::Count, after)
            }
        }
    }
}

/// The first 128 bits of the BLAKE3 digest of a line; `None` if it has only white space, or nothing.
///
/// 64 bits would not do: among 10^11 different lines, some 270 pairs would have one key, and one line of
/// each would be lost.
fn line_key(line: &str) -> Option<u128> {
    let is_blank = line.chars().all(char::is_whitespace);
    (!is_blank).then(|| first_bits(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// The definition, on the lines of a document: those that are in `seen` go. Where some go, the blank
    /// lines around and between them become one, or none at an end of the text.
    fn without_repeats(text: &str, seen: &mut HashSet<String>) -> (String, u32, u32) {
        /// A stretch between two lines that stay.
        #[derive(Default)]
        struct Gap<'t> {
            blank: Vec<&'t str>,
            has_cut: bool,
        }
        let (mut gaps, mut lines): (Vec<Gap<'_>>, Vec<&str>) = (vec![Gap::default()], Vec::new());
        let (mut compared, mut repeated) = (0, 0);
        for line in text.split('\n') {
            let gap = gaps.last_mut().unwrap();
            if line.trim().is_empty() {
                gap.blank.push(line);
                continue;
            }
            compared += 1;
            if seen.insert(line.to_owned()) {
                lines.push(line);
                gaps.push(Gap::default());
            } else {
                repeated += 1;
                gap.has_cut = true;
            }
        }
        let last = gaps.len() - 1;
        let mut out: Vec<&str> = Vec::new();
        for (place, gap) in gaps.iter().enumerate() {
            match (gap.has_cut, place == 0 || place == last) {
                (false, _) => out.extend(&gap.blank),
                (true, true) => {}
                (true, false) => out.extend(gap.blank.first()),
            }
            out.extend(lines.get(place));
        }
        (out.join("\n"), compared, repeated)
    }

    fn texts() -> impl Strategy<Value = Vec<(bool, String)>> {
        let line = prop_oneof![
            4 => "[a-d]",
            2 => "[a-cA-C][1-2]?[ .]?",
            2 => Just(String::new()),
            1 => Just(" \t".to_owned()),
        ];
        let text = prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"));
        prop::collection::vec((prop::bool::weighted(0.2), text), 1..24)
    }

    /// Documents of labels: some begin the next one.
    fn documents(texts: &[(bool, String)]) -> Vec<Document> {
        let mut label = 0;
        let document = |(is_next, text): &(bool, String)| {
            label += u64::from(*is_next);
            let at = document::DocRef::new(label, 0, 0);
            Document { at, text: text.clone(), ..Document::default() }
        };
        texts.iter().map(document).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..reference::property() })]

        #[test]
        fn lines_are_cut_and_counted_by_the_definition(texts in texts(), workers in 1usize..5) {
            let run = |action| {
                let docs = documents(&texts);
                engine::funnel(docs, workers, move |docs| {
                    Lines { action }.apply(docs, "lines", |_, _| {})
                })
            };
            let (cut, counted) = (run(LinesAction::Cut), run(LinesAction::Count));
            let mut seen = HashSet::new();
            for ((_, text), (cut, counted)) in texts.iter().zip(cut.iter().zip(&counted)) {
                let (expected, compared, repeated) = without_repeats(text, &mut seen);
                prop_assert_eq!(&cut.text, &expected);
                let is_empty = expected.is_empty().then_some("duplicate_lines");
                prop_assert_eq!(cut.verdict.as_deref(), is_empty);
                prop_assert_eq!(cut.paragraphs.read, compared);
                prop_assert_eq!(cut.paragraphs.duplicate, repeated);
                prop_assert_eq!(&counted.text, text);
                let signals: Vec<(&str, f64)> =
                    counted.scores.signals.iter().map(|(name, value)| (&**name, *value)).collect();
                let expected = [("lines", compared.into()), ("repeated_lines", repeated.into())];
                prop_assert_eq!(signals, expected);
                prop_assert_eq!(counted.paragraphs, document::Paragraphs::default());
            }
        }
    }

    #[test]
    fn lines_that_differ_in_one_byte_have_different_keys_and_blank_ones_have_none() {
        let lines =
            ["A line.", "a line.", "A line", "A line 1", "A line 2", " A line.", "A line.\r"];
        let keys: HashSet<Option<u128>> = lines.iter().map(|line| line_key(line)).collect();
        assert_eq!(keys.len(), lines.len());
        assert!(!keys.contains(&None));
        for blank in ["", " ", "\t\r", "\u{3000}"] {
            assert_eq!(line_key(blank), None, "{blank:?}");
        }
    }
}
