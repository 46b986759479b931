//! Upstream's own results, from the shared test data. Without the data, the tests print that and
//! pass.

use crate::{Answer, AnswerOrder, clean, thread_text};
use reference::{cases, text};

#[test]
fn parts_are_cleaned_as_upstream_cleans_them() {
    for case in cases("stackexchange", "cleanhtml") {
        assert_eq!(clean(text(&case["input"])), text(&case["expected"]), "{case}");
    }
}

#[test]
fn threads_are_assembled_as_upstream_does() {
    for case in cases("stackexchange", "qa_format") {
        let answers = case["input"]["answers"].as_array().map_or(&[][..], Vec::as_slice);
        let answers: Vec<_> = answers
            .iter()
            .map(|answer| Answer { html: text(&answer["text"]), score: text(&answer["score"]) })
            .collect();
        let question = text(&case["input"]["question"]["text"]);
        let found = thread_text(question, &answers, AnswerOrder::RedPajama);
        assert_eq!(found, text(&case["expected"]["text"]), "{case}");
    }
}
