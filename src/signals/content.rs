//! The content of a text, by lists of words and domains and by marks (RedPajama-V2,
//! `core/quality_signals/content.py`).

use crate::signal::{Of, Signal, Source};
use crate::value::Value;
use crate::view::View;
use memchr::memmem;

/// Words and phrases of the list of bad words.
pub const LDNOOBW_WORDS: Signal = Signal {
    name: "rps_doc_ldnoobw_words",
    about: "occurrences of bad words and phrases, after normalization",
    source: Source::BadWords,
    of: Of::Document(|view| bad_words(view)),
};

/// Filler text.
pub const LOREM_IPSUM: Signal = Signal {
    name: "rps_doc_lorem_ipsum",
    about: "occurrences of \"lorem ipsum\" per character, after normalization",
    source: Source::Text,
    of: Of::Document(|view| {
        let found = memmem::find_iter(view.normal().as_bytes(), "lorem ipsum").count();
        Value::ratio_or_zero(found, view.all_normal_chars())
    }),
};

/// Braces, a sign of code.
pub const CURLY_BRACKET: Signal = Signal {
    name: "rps_doc_curly_bracket",
    about: "braces per character",
    source: Source::Text,
    of: Of::Document(|view| {
        let braces = memchr::memchr2_iter(b'{', b'}', view.text().as_bytes()).count();
        Value::ratio_or_zero(braces, view.chars())
    }),
};

/// Categories of the web site.
pub const UT1_BLACKLIST: Signal = Signal {
    name: "rps_doc_ut1_blacklist",
    about: "number of the domain's combination of UT1 categories",
    source: Source::Domains,
    of: Of::Document(|view| blacklist(view)),
};

/// Stop words among the raw words.
pub const STOP_WORD_FRACTION: Signal = Signal {
    name: "rps_doc_stop_word_fraction",
    about: "share of words that are stop words, case-sensitive",
    source: Source::StopWords,
    of: Of::Document(|view| stop_word_share(view)),
};

/// The words of a phrase are adjacent in the normalized text, separated by a blank as in the list,
/// so a phrase is looked up as a slice of that text.
fn bad_words(view: &View) -> Value {
    let Some(list) = view.lists().bad_words(view.facts().language) else { return Value::Absent };
    let words = view.words();
    let mut found: usize = 0;
    for (at, first) in words.iter().enumerate() {
        let lengths = list.lengths(view.word(first)).iter();
        let phrases = lengths.filter_map(|length| words.get(at..at + length));
        found += phrases.filter(|words| list.contains(view.phrase(words))).count();
    }
    Value::Real(found as f64)
}

fn blacklist(view: &View) -> Value {
    let number = view.lists().domains().zip(view.facts().source_domain);
    let number = number.and_then(|(domains, domain)| domains.combination(domain));
    number.map_or(Value::Absent, |number| Value::Count(number.into()))
}

fn stop_word_share(view: &View) -> Value {
    if view.lists().stop_words(view.facts().language).is_none() {
        return Value::Absent;
    }
    if view.words().is_empty() {
        return Value::Real(0.0);
    }
    let words = view.raw_words();
    Value::ratio(words.stop, words.count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::lists::Lists;
    use crate::view::Scratch;
    use std::io::Write;

    fn english() -> Facts<'static> {
        Facts { language: Some("en"), ..Facts::default() }
    }

    fn lists(content: &str) -> Lists {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        let mut lists = Lists::default();
        lists.read_stop_words("en", file.path()).expect("a list");
        lists.read_bad_words("en", file.path()).expect("a list");
        lists
    }

    fn value(signal: &Signal, text: &str, facts: &Facts, lists: &Lists) -> Value {
        signal.value(&mut View::new(text, facts, lists, &mut Scratch::default()))
    }

    #[test]
    fn phrases_count_at_each_occurrence() {
        let lists = lists("foo\nfoo bar\na b c\nit's\n");
        let count = |text| value(&LDNOOBW_WORDS, text, &english(), &lists);
        assert_eq!(count("Foo, bar! foo"), Value::Real(3.0));
        assert_eq!(count("a b a b c"), Value::Real(1.0));
        assert_eq!(count("a b"), Value::Real(0.0));
        // Normalization deletes the apostrophe, so the entry can never match.
        assert_eq!(count("it's"), Value::Real(0.0));
        assert_eq!(count(""), Value::Real(0.0));
    }

    #[test]
    fn signals_without_their_list_are_absent_and_report_what_is_missing() {
        let none = Lists::default();
        for signal in [&LDNOOBW_WORDS, &UT1_BLACKLIST, &STOP_WORD_FRACTION] {
            assert_eq!(value(signal, "the cat", &english(), &none), Value::Absent);
            assert!(signal.missing(&none).is_some(), "{}", signal.name);
        }
        let lists = lists("the\n");
        assert_eq!(STOP_WORD_FRACTION.missing(&lists), None);
        let german = Facts { language: Some("de"), ..Facts::default() };
        assert_eq!(value(&STOP_WORD_FRACTION, "the cat", &german, &lists), Value::Absent);
        assert_eq!(value(&STOP_WORD_FRACTION, "the cat", &english(), &lists), Value::Real(0.5));
    }

    #[test]
    fn text_of_punctuation_alone_has_no_stop_words() {
        let lists = lists("?\n");
        assert_eq!(value(&STOP_WORD_FRACTION, "? ?", &english(), &lists), Value::Real(0.0));
    }
}
