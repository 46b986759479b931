//! Hostile texts: every signal and every rule accepts them and takes linear time.

use crate::rules::{c4, dclm, dolma, fineweb, gopher};
use crate::{Facts, Keep, Lists, SIGNALS, Scratch, Value, View};
use proptest::prelude::*;
use std::io::Write;
use std::time::{Duration, Instant};

fn english() -> Facts<'static> {
    Facts { language: Some("en"), source_domain: Some("a.com"), ..Facts::default() }
}

fn lists() -> Lists {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"a\na a\na a a a a a a a\n\xcc\x81\n").expect("written");
    let mut lists = Lists::default();
    lists.read_stop_words("en", file.path()).expect("a list");
    lists.read_bad_words("en", file.path()).expect("a list");
    lists
}

/// Returns all values of all signals, after checking that they are numbers and their spans sorted.
fn all_values(text: &str, lists: &Lists, scratch: &mut Scratch) -> Vec<Value> {
    let facts = english();
    let mut view = View::new(text, &facts, lists, scratch);
    let mut values = Vec::new();
    let mut spans = Vec::new();
    for signal in &SIGNALS {
        values.push(signal.value(&mut view));
        signal.spans(&mut view, &mut spans);
        let mut end = 0;
        for span in &spans {
            assert!(span.start == end && span.end <= view.chars(), "{}", signal.name);
            assert!(span.value.number().is_none_or(f64::is_finite), "{}", signal.name);
            values.push(span.value);
            end = span.end;
        }
    }
    values
}

fn huge_texts() -> Vec<(&'static str, String)> {
    let words = |n: u32| (0..n).map(|at| format!("{at:x} ")).collect::<String>();
    vec![
        ("one line", "x".repeat(10 << 20)),
        ("identical words", "a ".repeat(1_000_000)),
        ("two words in turn", "a b ".repeat(500_000)),
        ("distinct words", words(1_000_000)),
        ("the same words twice", words(300_000).repeat(2)),
        ("NUL bytes", "\0".repeat(5 << 20)),
        ("marks without a letter", "\u{301}".repeat(2 << 20)),
        ("marks in the wrong order", "\u{301}\u{323}".repeat(1 << 20)),
        ("empty lines", "\n".repeat(2 << 20)),
        ("dots", ".".repeat(5 << 20)),
        ("sigmas", "Σ".repeat(1 << 20)),
        ("sigmas apart", "Σ ".repeat(1 << 20)),
        ("letters that grow", "\u{1e9e}İ\u{fdfa} ".repeat(1 << 18)),
        ("braces", "{ } ".repeat(1 << 20)),
        ("brackets", "([1][[1".repeat(1 << 18)),
        ("clitics", "'s".repeat(1 << 20)),
        ("units", "5km".repeat(1 << 20)),
        ("an address", "@".repeat(1 << 20)),
    ]
}

/// Calls `work` with each text. More than linear time would be hours.
fn takes_linear_time(mut work: impl FnMut(&str)) {
    for (name, text) in huge_texts() {
        let start = Instant::now();
        work(&text);
        // Without optimization, on a busy machine.
        assert!(start.elapsed() < Duration::from_secs(60), "{name}: {:?}", start.elapsed());
    }
}

#[test]
fn signals_of_huge_texts_take_linear_time() {
    let lists = lists();
    takes_linear_time(|text| drop(all_values(text, &lists, &mut Scratch::default())));
}

#[test]
fn rules_on_huge_texts_take_linear_time() {
    let lists = lists();
    let bad_words = c4::BadWords::new(lists.bad_words(Some("en")).expect("a list"), "en");
    takes_linear_time(|text| {
        let _ = c4::clean(text, &c4::TFDS);
        let _ = bad_words.check(text);
        let _ = gopher::quality(text);
        let _ = gopher::repetition(text);
        let _ = fineweb::quality(text);
        dolma::GopherAttributes::of(text);
        let _ = dclm::quality(text);
        let _ = dclm::repetition(text);
        let _ = dclm::clean_lines(text);
    });
}

#[test]
fn a_huge_text_does_not_affect_the_next() {
    let (lists, mut scratch) = (lists(), Scratch::default());
    let small = "a small text, a small text, and then some.\n• A small text.";
    let expected = all_values(small, &lists, &mut Scratch::default());
    all_values(&"a b c d e f g h i j k l ".repeat(100_000), &lists, &mut scratch);
    assert_eq!(all_values(small, &lists, &mut scratch), expected);
    assert_eq!(
        all_values("", &lists, &mut scratch),
        all_values("", &lists, &mut Scratch::default())
    );
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_text_has_values(texts in prop::collection::vec(any::<String>(), 1..4)) {
        let (lists, mut scratch) = (lists(), Scratch::default());
        for text in texts {
            let anew = all_values(&text, &lists, &mut Scratch::default());
            prop_assert_eq!(all_values(&text, &lists, &mut scratch), anew);
        }
    }

    #[test]
    fn repetitive_texts_have_values(text in "([ab ]|a a a |\n|[.…#{}•-]|\u{301}|\0){0,60}") {
        let (lists, facts, mut scratch) = (lists(), english(), Scratch::default());
        all_values(&text, &lists, &mut scratch);
        let names: Vec<String> =
            SIGNALS.iter().filter(|signal| signal.missing(&lists).is_none())
                .map(|signal| format!("{} >= 0", signal.name)).collect();
        let keep = Keep::new(&names.join(" or "), &lists).expect("an expression");
        keep.holds(&mut View::new(&text, &facts, &lists, &mut scratch));
    }
}
