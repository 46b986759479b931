//! Upstream's own verdicts, from the shared test data. Some cases only describe their text, which
//! is built here. An unknown case fails the test.

use super::*;
use crate::lists::{Lists, Phrases};
use reference::{cases_where, file, text};
use serde_json::{Value, json};

fn assert_verdict(found: Verdict, case: &Value) {
    let expected = &case["expected"];
    assert_eq!(found.is_ok(), expected["keep"] == true, "{found:?} {case}");
    if let Some(reason) = expected["reason"].as_str() {
        assert_eq!(found, Err(reason), "{case}");
    }
}

const SENTENCE: &str = "The cat sat with the dog and the bird that have been to the park. ";

fn gopher_text(description: &str) -> String {
    match description {
        "'The cat sat with the dog and the bird that have been to the park. ' x 3" => {
            SENTENCE.repeat(3)
        }
        "same sentence x 4" => SENTENCE.repeat(4),
        "'Cats run fast every single day now. ' x 10" => {
            "Cats run fast every single day now. ".repeat(10)
        }
        "sentence x 4 + ' #' x 8" => SENTENCE.repeat(4) + &" #".repeat(8),
        "sentence x 4 + ' #' x 6" => SENTENCE.repeat(4) + &" #".repeat(6),
        "'a b ' x 40 + 'the of and to'" => "a b ".repeat(40) + "the of and to",
        "5 lines of '- ' + sentence" => format!("- {SENTENCE}\n").repeat(5),
        "5 lines of the sentence with '...' at the end" => {
            format!("{}..\n", SENTENCE.trim_end()).repeat(5)
        }
        other => panic!("no text for {other}"),
    }
}

#[test]
fn gopher_quality_is_datatroves() {
    for case in cases_where("gopher(datatrove)", |rule| rule == "gopher_quality") {
        assert_verdict(gopher::quality(&gopher_text(text(&case["input"]))), &case);
    }
}

#[test]
fn gopher_repetition_is_datatroves() {
    for case in cases_where("gopher_repetition(datatrove)", |rule| rule == "gopher_repetition") {
        let text = match text(&case["input"]) {
            "4 x 'same line here' + distinct line" => {
                "same line here\n".repeat(4) + "a distinct line"
            }
            other => other.to_owned(),
        };
        assert_verdict(gopher::repetition(&text), &case);
    }
}

#[test]
fn copies_are_datatroves() {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().expect("words").iter().map(|word| text(word).to_owned()).collect()
    };
    for case in cases_where("gopher_repetition(datatrove)", |rule| rule.starts_with("find_")) {
        let input = &case["input"];
        let (words, n) = match input {
            Value::Array(_) => (strings(input), 0),
            _ => (strings(&input["words"]), input["n"].as_u64().expect("n") as usize),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let found = match text(&case["rule"]) {
            "find_duplicates" => {
                let copies = copies::later_copies(words.iter().copied());
                json!([copies.elements, copies.chars])
            }
            "find_all_duplicate" => json!(copies::jumped_over(&words, n)),
            "find_top_duplicate" => {
                let (mut ngrams, lengths) = copies::repeated_ngrams(&words);
                while ngrams.n() < n {
                    ngrams.grow();
                }
                let (first, count) = ngrams.top().unwrap_or((0, 1));
                let length = lengths[first..first + n].iter().sum::<usize>() + n - 1;
                json!(length * count)
            }
            other => panic!("no rule {other}"),
        };
        assert_eq!(found, case["expected"], "{case}");
    }
}

fn fineweb_text(description: &str) -> String {
    let lines = |line: &dyn Fn(usize) -> String, count: usize| -> String {
        (0..count).map(line).collect::<Vec<_>>().join("\n")
    };
    let long =
        |at: usize| format!("Line number {at} is a long enough line that ends with a full stop.");
    match description {
        "10 distinct lines 'Line number N is a long enough line that ends with a full stop.'" => {
            lines(&long, 10)
        }
        "same without the full stops" => lines(&long, 10).replace('.', ""),
        "3 x 'ab.' + the ten lines" => "ab.\n".repeat(3) + &lines(&long, 10),
        "20 short lines w0. ... w19." => lines(&|at| format!("w{at}."), 20),
        "blank" => " \n ".to_owned(),
        "'Line number N xxxxxxxx(32).' x 10" => {
            lines(&|at| format!("Line number {at} {}.", "x".repeat(32)), 10)
        }
        other => panic!("no text for {other}"),
    }
}

#[test]
fn fineweb_is_datatroves() {
    for case in cases_where("fineweb(datatrove)", |rule| rule == "fineweb_quality") {
        assert_verdict(fineweb::quality(&fineweb_text(text(&case["input"]))), &case);
    }
}

#[test]
fn c4_is_datatroves() {
    for case in cases_where("c4(datatrove)", |rule| rule == "c4_quality") {
        let found = c4::clean(text(&case["input"]), &c4::DATATROVE);
        assert_eq!(found.as_deref().ok(), case["expected"]["text"].as_str(), "{case}");
        assert_verdict(found.map(|_| ()), &case);
    }
}

#[test]
fn c4_is_the_code_that_made_it() {
    for case in cases_where("c4", |rule| rule == "clean_page") {
        let long = "x".repeat(1001);
        let page = text(&case["input"]).replace(&format!("{}... (1001 x)", "x".repeat(30)), &long);
        let found = c4::clean(&page, &c4::TFDS).ok();
        assert_eq!(found.as_deref(), case["expected"].as_str(), "{case}");
    }
    for case in cases_where("c4", |rule| rule == "badwords") {
        let input = &case["input"];
        let list: Phrases = input["list"].as_array().expect("a list").iter().map(text).collect();
        let found = c4::BadWords::new(&list, "en").check(text(&input["text"]));
        assert_eq!(Some(found.is_ok()), case["expected"].as_bool(), "{case}");
    }
    for case in cases_where("mc4", |rule| rule == "paragraph_filter") {
        let page = match text(&case["input"]) {
            "3 lines of 200 chars" => ["x"; 3].map(|x| x.repeat(200)).join("\n"),
            "5 lines of 199 chars" => ["x"; 5].map(|x| x.repeat(199)).join("\n"),
            other => panic!("no text for {other}"),
        };
        assert_eq!(Some(c4::has_paragraphs(&page)), case["expected"].as_bool(), "{case}");
    }
}

#[test]
fn attributes_are_dolmas() {
    for case in cases_where("gopher(dolma)", |rule| rule == "gopher_attributes") {
        let found = dolma::GopherAttributes::of(text(&case["input"]));
        let found = json!({
            "fraction_of_characters_in_most_common_ngram":
                found.fraction_of_characters_in_most_common_ngram,
            "fraction_of_characters_in_duplicate_ngrams":
                found.fraction_of_characters_in_duplicate_ngrams,
            "character_count": found.character_count,
            "word_count": found.word_count,
            "median_word_length": found.median_word_length,
            "symbol_to_word_ratio": found.symbol_to_word_ratio,
            "fraction_of_words_with_alpha_character": found.fraction_of_words_with_alpha_character,
            "required_word_count": found.required_word_count,
            "fraction_of_lines_starting_with_bullet_point":
                found.fraction_of_lines_starting_with_bullet_point,
            "fraction_of_lines_ending_with_ellipsis": found.fraction_of_lines_ending_with_ellipsis,
            "fraction_of_duplicate_lines": found.fraction_of_duplicate_lines,
            "fraction_of_characters_in_duplicate_lines":
                found.fraction_of_characters_in_duplicate_lines,
        });
        assert_eq!(found, case["expected"], "{case}");
    }
}

#[test]
fn rules_are_dclms() {
    // DCLM's rules on URLs are not implemented, and its deduplication is in another crate.
    let is_here = |rule: &str| !rule.starts_with("bff_") && rule != "url_removal_modifier";
    for case in cases_where("dclm", is_here) {
        let input = || text(&case["input"]);
        let found = match text(&case["rule"]) {
            "massive_web_repetition_filters" => json!({"keep": dclm::repetition(input()).is_ok()}),
            "symbol_ratio_filter(0.1)" => json!({"keep": dclm::symbols_are_rare(input())}),
            "stop_word_filter(2,count_unique=False)" => {
                json!({"keep": dclm::stop_words(input(), false) >= 2})
            }
            "stop_word_filter(2,count_unique=True)" => {
                json!({"keep": dclm::stop_words(input(), true) >= 2})
            }
            "counter_line_modifier" => json!(dclm::no_counters(input())),
            "uppercase_ratio_line_modifier(0.5)" => json!(dclm::few_capitals(input())),
            "numeric_ratio_line_modifier(0.999999)" => json!(dclm::few_digits(input())),
            "substring_line_modifier(items in cart)" => {
                json!(dclm::without_phrase(input(), &dclm::CART))
            }
            "substring_line_modifier(Read more...)" => {
                json!(dclm::without_phrase(input(), &dclm::READ_MORE))
            }
            "quality_threshold" => {
                let scores = case["input"]["score"].as_array().expect("scores").iter();
                let passes = |score: &Value| score.as_f64() >= Some(dclm::QUALITY_SCORE_MIN);
                scores.map(passes).collect()
            }
            other => panic!("no rule {other}"),
        };
        assert_eq!(found, case["expected"], "{case}");
    }
}

#[test]
fn the_published_list_of_bad_words_is_read() {
    let Some(path) = file("models/wordlists/ldnoobw_en.txt") else { return };
    let mut lists = Lists::default();
    lists.read_bad_words("en", &path).expect("a list");
    let list = lists.bad_words(Some("en")).expect("bad words");
    assert!(list.iter().count() > 300);
    assert_eq!(c4::BadWords::new(list, "en").check("A fair and decent page."), Ok(()));
}
