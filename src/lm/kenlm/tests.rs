//! The forms of a model against each other and against KenLM's own results.

use super::*;
use proptest::prelude::*;

fn parse(bytes: &[u8]) -> Result<Model, ModelError> {
    Model::read(bytes, bytes.len() as u64, Path::new("toy.arpa"))
}

fn words(model: &Model, sentence: &str) -> Vec<u32> {
    sentence.split_whitespace().map(|word| model.word(word.as_bytes())).collect()
}

/// Trigrams as a pruning program leaves them: `b c` is missing below `a b c`.
const PRUNED: &str = "\\data\\
ngram 1=6
ngram 2=3
ngram 3=1

\\1-grams:
-99\t<s>\t-0.5
-0.9\t</s>
-1.1\ta\t-0.25
-1.2\tb\t-0.125
-1.3\tc\t-0.0625
-2.5\t<unk>

\\2-grams:
-0.3\t<s> a\t-0.03125
-0.4\ta b\t-0.015625
-0.6\tc </s>

\\3-grams:
-0.2\ta b c

\\end\\
";

fn close(found: f32, expected: f64) {
    assert!((f64::from(found) - expected).abs() < 1e-5, "{found}, not {expected}");
}

#[test]
fn backing_off_goes_as_far_as_it_must() {
    let model = parse(PRUNED.as_bytes()).expect("a model");
    assert_eq!(model.order(), 3);
    // a after <s>, b after a, c after a b, </s> after c.
    close(model.score(&words(&model, "a b c")), -0.3 - (0.4 + 0.03125) - 0.2 - 0.6);
    // b c was made up: its probability is c's and b's backoff.
    close(model.score(&words(&model, "b c")), -(0.5 + 1.2) - (0.125 + 1.3) - 0.6);
    close(model.score(&words(&model, "z")), -(0.5 + 2.5) - 0.9);
    close(model.score(&[]), -(0.5 + 0.9));
    close(model.score(&[u32::MAX]), -(0.5 + 2.5) - 0.9);
}

#[test]
fn long_sentences_are_scored_as_short_ones_word_by_word() {
    let model = parse(PRUNED.as_bytes()).expect("a model");
    let sentence = words(&model, &"a b c ".repeat(200));
    let once = model.score(&words(&model, "a b c"));
    // Each of the others begins with a after c, where the first ends with </s> after c.
    let expected = f64::from(once) - 199.0 * (1.1 + 0.0625 + 0.4 + 0.2);
    assert!((f64::from(model.score(&sentence)) - expected).abs() < 1e-2);
}

#[test]
fn unknown_words_get_a_hundred_where_the_file_does_not_name_them() {
    let text = PRUNED.replace("-2.5\t<unk>\n", "").replace("ngram 1=6", "ngram 1=5");
    let model = parse(text.as_bytes()).expect("a model");
    close(model.score(&words(&model, "z")), -(0.5 + 100.0) - 0.9);
}

#[test]
fn lines_that_are_wrong_are_named() {
    for (good, bad, line, problem) in [
        ("-0.4\ta b", "0.4\ta b", 16, "at most 0"),
        ("-0.4\ta b\t-0.015625", "-0.4\ta", 16, "not 2 words"),
        ("-0.4\ta b\t-0.015625", "-0.4\ta b\t-0.015625 7", 16, "more than 2 words"),
        ("-0.4\ta b\t-0.015625", "-0.4\ta b\tx", 16, "no number"),
        ("-0.4\ta b", "nan\ta b", 16, "at most 0"),
        ("a b c", "a b c\t-1", 20, "no backoff"),
        ("a b c", "c b c", 20, "first 2 words"),
        ("ngram 2=3", "ngram 3=3", 3, "ngram 2="),
        ("ngram 3=1", "ngram 3=2", 22, "log10"),
        ("ngram 2=3", "ngram 2=2", 17, "expected \\3-grams:"),
        ("-1.2\tb", "-1.2\ta", 10, "twice"),
        ("-0.9\t</s>", "-0.9\tend", 12, "no </s>"),
        ("\\end\\", "", 22, "ends before"),
    ] {
        let text = PRUNED.replacen(good, bad, 1);
        assert_ne!(text, PRUNED);
        let error = parse(text.as_bytes()).err().expect(bad).to_string();
        assert!(error.contains(problem), "{error}");
        assert!(error.contains(&format!("toy.arpa, line {line}:")), "{error}");
    }
}

#[test]
fn other_files_and_orders_are_refused_by_name() {
    for (bytes, problem) in [
        (&b"PK\x03\x04"[..], "no KenLM model"),
        (b"\\data\\\nngram 1=0\n\n\\1-grams:\n", "is of order 1"),
        (b"mmap lm http://kheafield.com/code format version 4\n", "cut short"),
    ] {
        let error = parse(bytes).err().expect("no model").to_string();
        assert!(error.contains(problem) && error.contains("toy.arpa"), "{error}");
    }
    let mut other = b"mmap lm http://kheafield.com/code format version 4\n".to_vec();
    other.resize(200, 0);
    let error = parse(&other).err().expect("no model").to_string();
    assert!(error.contains("format version 4"), "{error}");
}

proptest! {
    #![proptest_config(crate::property())]

    #[test]
    fn no_text_is_too_odd(text in "(\\\\data\\\\\n)?(ngram [1-3]=[0-9]{1,12}\n|\\\\[1-3]-grams:\n|-?[0-9.]{1,4}\t(<s>|</s>|<unk>|[a-c])( [a-c])?(\t-?[0-9.e]{1,4})?\n|\\PC\n){0,30}(\\\\end\\\\)?") {
        if let Ok(model) = parse(text.as_bytes()) {
            model.score(&[0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_damaged_text_never_panics(at in 0..PRUNED.len(), byte: u8, cut in 0..PRUNED.len()) {
        let mut text = PRUNED.as_bytes().to_vec();
        text[at] = byte;
        for text in [&text[..], &text[..cut]] {
            if let Ok(model) = parse(text) {
                model.score(&[0, 1, 2, 3, 4, 5, 6]);
            }
        }
    }
}
