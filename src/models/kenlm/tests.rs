//! Compares the forms of a model with each other and with KenLM's own results.

use super::*;
use proptest::prelude::*;

fn parse(bytes: &[u8]) -> Result<Model, ModelError> {
    Model::read(bytes, bytes.len() as u64, Path::new("toy.arpa"))
}

fn words(model: &Model, sentence: &str) -> Vec<u32> {
    sentence.split_whitespace().map(|word| model.word(word.as_bytes())).collect()
}

/// Trigrams as left by a pruning program: `b c` is missing below `a b c`.
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
fn backing_off_goes_as_far_as_needed() {
    let model = parse(PRUNED.as_bytes()).expect("a model");
    assert_eq!(model.order(), 3);
    // a after <s>, b after a, c after a b, </s> after c.
    close(model.score(&words(&model, "a b c")), -0.3 - (0.4 + 0.03125) - 0.2 - 0.6);
    // b c was derived: its probability is that of c and the backoff of b.
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
    // Each other repetition begins with a after c; the first ends with </s> after c.
    let expected = f64::from(once) - 199.0 * (1.1 + 0.0625 + 0.4 + 0.2);
    assert!((f64::from(model.score(&sentence)) - expected).abs() < 1e-2);
}

#[test]
fn unknown_words_score_minus_100_if_the_file_has_no_unk() {
    let text = PRUNED.replace("-2.5\t<unk>\n", "").replace("ngram 1=6", "ngram 1=5");
    let model = parse(text.as_bytes()).expect("a model");
    close(model.score(&words(&model, "z")), -(0.5 + 100.0) - 0.9);
}

#[test]
fn invalid_lines_are_reported() {
    for (good, bad, line, problem) in [
        ("-0.4\ta b", "0.4\ta b", 16, "at most 0"),
        ("-0.4\ta b\t-0.015625", "-0.4\ta", 16, "fewer than 2 words"),
        ("-0.4\ta b\t-0.015625", "-0.4\ta b\t-0.015625 7", 16, "more than 2 words"),
        ("-0.4\ta b\t-0.015625", "-0.4\ta b\tx", 16, "not a number"),
        ("-0.4\ta b", "nan\ta b", 16, "at most 0"),
        ("a b c", "a b c\t-1", 20, "no backoff"),
        ("a b c", "c b c", 20, "first 2 words"),
        ("ngram 2=3", "ngram 3=3", 3, "ngram 2="),
        ("ngram 3=1", "ngram 3=2", 22, "log10"),
        ("ngram 2=3", "ngram 2=2", 17, "expected \\3-grams:"),
        ("-1.2\tb", "-1.2\ta", 10, "twice"),
        ("-0.9\t</s>", "-0.9\tend", 12, "</s> is not among"),
        ("\\end\\", "", 23, "ends before"),
    ] {
        let text = PRUNED.replacen(good, bad, 1);
        assert_ne!(text, PRUNED);
        let error = parse(text.as_bytes()).err().expect(bad).to_string();
        assert!(error.contains(problem), "{error}");
        assert!(error.contains(&format!("toy.arpa, line {line}:")), "{error}");
    }
}

#[test]
fn other_files_and_orders_are_refused_with_their_kind() {
    for (bytes, problem) in [
        (&b"PK\x03\x04"[..], "not a KenLM model"),
        (b"\\data\\\nngram 1=0\n\n\\1-grams:\n", "has order 1"),
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

/// Small models of every form, from the shared test data.
fn binaries() -> Vec<Vec<u8>> {
    let forms = ["probing", "trie", "trie_a22", "trie_q8b8", "trie_q8b8a22"];
    let names = ["kenlm_test", "kenlm_test_nounk"]
        .into_iter()
        .flat_map(|name| forms.map(|form| format!("models/kenlm_formats/{name}.{form}.bin")));
    names
        .filter_map(|name| reference::file(&name))
        .map(|path| std::fs::read(path).expect("a model file"))
        .collect()
}

/// Damage of a file: one byte, eight bytes, or a cut at the end.
#[derive(Clone, Debug)]
enum Damage {
    Byte(usize, u8),
    Number(usize, u64),
    Cut(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let number =
        prop_oneof![any::<u64>(), Just(u64::MAX), 0..64u64, (0..64u32).prop_map(|bit| 1 << bit)];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        // The header, with its counts, is tested more densely.
        (0..160usize, any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<usize>(), number.clone()).prop_map(|(at, number)| Damage::Number(at, number)),
        (88..160usize, number).prop_map(|(at, number)| Damage::Number(at, number)),
        any::<usize>().prop_map(Damage::Cut),
    ]
}

fn damaged(mut file: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let len = file.len().max(9);
        file.resize(len, 0);
        match damage {
            Damage::Byte(at, byte) => file[at % len] = *byte,
            Damage::Number(at, number) => {
                let at = at % (len - 8);
                file[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
            Damage::Cut(left) => file.truncate(left % len),
        }
    }
    file
}

#[test]
fn every_cut_binary_file_is_refused() {
    for file in binaries() {
        for len in (0..file.len() / 2).step_by(7) {
            let error = parse(&file[..len]).err().expect("it is cut short").to_string();
            assert!(error.contains("toy.arpa"), "{error}");
        }
    }
}

#[test]
fn impossible_numbers_are_reported() {
    let errors = |file: &Vec<u8>| -> Vec<String> {
        let damage = |at: usize| {
            let mut file = file.clone();
            file[at] = 0xff;
            Some(parse(&file).err()?.to_string())
        };
        (0..file.len()).filter_map(damage).collect()
    };
    for file in binaries() {
        let is_trie = file[96] != 0;
        let errors = errors(&file);
        let problems: &[&str] = if is_trie {
            &["an n-gram has word", "words besides <unk> do not match", "follow n-gram"]
        } else {
            &[": word ", "n-grams of one order"]
        };
        for problem in problems {
            let is_reported = errors.iter().any(|error| error.contains(problem));
            assert!(is_reported, "{problem}: {errors:?}");
        }
    }
}

#[test]
fn other_byte_orders_and_versions_are_refused_with_a_reason() {
    for file in binaries() {
        for (at, byte, problem) in [
            (49, b'6', "format version 6"),
            (60, 1, "byte order"),
            (96, 1, "rest costs"),
            (96, 9, "model kind 9"),
            (88, 1, "has order 1"),
            (88, 40, "has order 40"),
            (104, 7, "search version 7"),
            (95, 0xff, "probing multiplier"),
        ] {
            let mut file = file.clone();
            file[at] = byte;
            let error = parse(&file).err().expect(problem).to_string();
            assert!(error.contains(problem), "{error}");
        }
        let incomplete = b"mmap lm http://kheafield.com/code incomplete\n";
        let file = [incomplete, &file[incomplete.len()..]].concat();
        let error = parse(&file).err().expect("incomplete").to_string();
        assert!(error.contains("never finished"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..reference::property() })]

    #[test]
    fn a_damaged_binary_file_never_panics(
        form: prop::sample::Index,
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        static BINARIES: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(binaries);
        if BINARIES.is_empty() {
            return Ok(());
        }
        if let Ok(model) = parse(&damaged(form.get(&BINARIES).clone(), &damages)) {
            model.score(&[0, 1, 2, 3, 4, 5, 6, u32::MAX]);
        }
    }
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn no_binary_file_panics(tail in prop::collection::vec(any::<u8>(), 0..300), kind in 0..7u8) {
        let mut file = binaries().first().map_or(Vec::new(), |file| file[..108].to_vec());
        if let Some(place) = file.get_mut(96) {
            *place = kind;
        }
        file.extend(tail);
        let _ = parse(&file);
    }

    #[test]
    fn no_text_panics(text in "(\\\\data\\\\\n)?(ngram [1-3]=[0-9]{1,12}\n|\\\\[1-3]-grams:\n|-?[0-9.]{1,4}\t(<s>|</s>|<unk>|[a-c])( [a-c])?(\t-?[0-9.e]{1,4})?\n|\\PC\n){0,30}(\\\\end\\\\)?") {
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
