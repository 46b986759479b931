use super::*;
use flate2::Crc;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;

fn options(order: usize, prune: &[u64]) -> Options {
    Options { order, prune: prune.to_vec(), ..Options::default() }
}

/// Estimates a model and returns its file and its counts.
fn arpa(text: &[u8], options: Options) -> Result<(String, Summary), TrainingError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.arpa");
    let summary = estimate(text, options, &path, &mut |_| {})?;
    Ok((fs::read_to_string(path).expect("a model"), summary))
}

fn error(text: &[u8], options: Options) -> String {
    arpa(text, options).expect_err("an error").to_string()
}

/// A model as its file says it.
struct Model {
    order: usize,
    grams: BTreeMap<Vec<String>, (f64, f64)>,
}

impl Model {
    fn read(arpa: &str) -> Self {
        let mut grams = BTreeMap::new();
        for line in arpa.lines().filter(|line| line.contains('\t')) {
            let mut columns = line.split('\t');
            let mut number = || columns.next().map(|log| log.parse().expect("a number"));
            let probability = number().expect("a probability");
            let words: Vec<String> =
                columns.next().expect("words").split(' ').map(str::to_owned).collect();
            let backoff = columns.next().map_or(0.0, |log| log.parse().expect("a number"));
            grams.insert(words, (probability, backoff));
        }
        Self { order: grams.keys().map(Vec::len).max().expect("n-grams"), grams }
    }

    /// log10 probability of the last word after those before it.
    fn log10(&self, words: &[String]) -> f64 {
        let words = &words[words.len().saturating_sub(self.order)..];
        match (self.grams.get(words), words) {
            (Some((probability, _)), _) => *probability,
            (None, [_]) => self.log10(&["<unk>".to_owned()]),
            (None, _) => {
                let context = &words[..words.len() - 1];
                let backoff = self.grams.get(context).map_or(0.0, |(_, backoff)| *backoff);
                backoff + self.log10(&words[1..])
            }
        }
    }

    /// After each context the probabilities of all words add up to 1.
    fn assert_sums(&self) {
        let is_word = |words: &&Vec<String>| words.len() == 1 && words[0] != "<s>";
        let words: Vec<&Vec<String>> = self.grams.keys().filter(is_word).collect();
        let mut contexts: BTreeSet<&[String]> = BTreeSet::from([&[][..]]);
        contexts
            .extend(self.grams.keys().filter(|gram| gram.len() < self.order).map(Vec::as_slice));
        for context in contexts {
            let after = |word: &&Vec<String>| self.log10(&[context, word].concat());
            let sum: f64 = words.iter().map(|word| 10f64.powf(after(word))).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum} after {context:?}");
        }
    }
}

/// Made by KenLM's `lmplz -o 3 --discount_fallback --prune 0 0 1` from this text.
const TEXT: &[u8] = b"the cat sat on the mat\nthe dog sat on the cat\na cat saw the dog\n\
    the dog saw a mat\n\nthe mat\n";
const LMPLZ: &str = "\\data\\
ngram 1=11
ngram 2=19
ngram 3=3

\\1-grams:
-1.1173856\t<unk>\t0
0\t<s>\t-0.38021123
-0.78506327\t</s>\t0
-0.9531011\tthe\t-0.30103
-1.088422\tcat\t-0.30103
-1.088422\tsat\t-0.30103
-0.9201843\ton\t-0.30103
-1.088422\tmat\t-0.30103
-0.9201843\tdog\t-0.30103
-1.088422\ta\t-0.30103
-1.088422\tsaw\t-0.30103

\\2-grams:
-0.819068\t<s> </s>\t0
-0.60435176\tcat </s>\t0
-0.23506394\tmat </s>\t0
-0.60435176\tdog </s>\t0
-0.3343395\t<s> the\t-0.12493875
-0.25515825\ton the\t0
-0.5147021\tsaw the\t0
-0.6830737\tthe cat\t0
-0.5364213\ta cat\t0
-0.6830737\tcat sat\t0
-0.6830737\tdog sat\t0
-0.25174394\tsat on\t-0.30103
-0.6830737\tthe mat\t-0.30103
-0.5364213\ta mat\t0
-0.6444443\tthe dog\t0
-0.9306111\t<s> a\t0
-0.5364213\tsaw a\t0
-0.6830737\tcat saw\t0
-0.6830737\tdog saw\t0

\\3-grams:
-0.1018187\tthe mat </s>
-0.109103665\tsat on the
-0.3766827\t<s> the dog

\\end\\
";

#[test]
fn the_file_is_that_of_lmplz() {
    let (found, summary) = arpa(TEXT, options(3, &[0, 0, 1])).expect("a model");
    assert_eq!(found, LMPLZ);
    assert_eq!((summary.sentences, summary.tokens, summary.types), (6, 24, 11));
    let kept: Vec<_> = summary.orders.iter().map(|(statistics, _)| statistics.kept).collect();
    assert_eq!(kept, [11, 19, 3]);
    let fallback: Vec<_> =
        summary.orders.iter().map(|(_, discounts)| discounts.is_fallback).collect();
    assert_eq!(fallback, [false, true, true]);
}

/// 400 sentences of up to 8 words out of 39, of which low numbers are frequent.
fn random_text() -> String {
    let mut state = 1u64;
    let mut next = |end: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % end
    };
    let mut text = String::new();
    for _ in 0..400 {
        let words = next(9);
        let words: Vec<_> = (0..words).map(|_| format!("w{}", next(40) * next(40) / 40)).collect();
        text += &words.join(" ");
        text.push('\n');
    }
    text
}

#[test]
fn orders_pruning_and_estimated_discounts_are_those_of_lmplz() {
    // Length and CRC-32 of what lmplz wrote for this text with `--discount_fallback`.
    let lmplz: [(usize, &[u64], usize, u32); 6] = [
        (3, &[], 46_181, 0x5557_57a3),
        (3, &[0, 1, 2], 8_752, 0xf603_40e1),
        (4, &[0, 0, 1], 19_278, 0xdd6c_cf17),
        (1, &[], 638, 0xc24b_a2a1),
        (5, &[], 122_069, 0x0f4d_ac33),
        (2, &[3], 3_359, 0xb6f2_5cf4),
    ];
    for (order, prune, len, sum) in lmplz {
        let (found, _) = arpa(random_text().as_bytes(), options(order, prune)).expect("a model");
        let mut crc = Crc::new();
        crc.update(found.as_bytes());
        assert_eq!((found.len(), crc.sum()), (len, sum), "order {order}, pruned {prune:?}");
        Model::read(&found).assert_sums();
    }
}

#[test]
fn the_last_n_gram_of_an_order_counts_as_in_lmplz() {
    // The last word was seen twice, after one and the same word.
    let text = random_text() + "y z\ny z\n";
    let (found, _) = arpa(text.as_bytes(), options(3, &[])).expect("a model");
    let mut crc = Crc::new();
    crc.update(found.as_bytes());
    assert_eq!((found.len(), crc.sum()), (46_374, 0xd80d_46c7));
}

#[test]
fn a_case_done_by_hand() {
    let (found, _) = arpa(b"a b c\nc d\n\na b\n", options(2, &[])).expect("a model");
    let model = Model::read(&found);
    let log10 = |text: &str| {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        model.log10(&words)
    };
    // Before a, b, d there is one word, before c two, before </s> four: 9. Of that 3 × 0.5 + 1 + 1.5
    // is shared by six words.
    let left = 4.0 / 9.0;
    let a: f64 = 0.5 / 9.0 + left / 6.0;
    assert!((log10("a") - a.log10()).abs() < 1e-6);
    assert!((log10("never") - (left / 6.0).log10()).abs() < 1e-6);
    // Of four sentences two begin with a; of the four 1 + 0.5 + 0.5 is left to shorter contexts.
    assert!((log10("<s> a") - (1.0 / 4.0 + 2.0 / 4.0 * a).log10()).abs() < 1e-6);
    assert!((log10("<s> never") - (2.0 / 4.0 * left / 6.0).log10()).abs() < 1e-6);
}

#[test]
fn memory_and_the_last_line_end_do_not_show() {
    let text = random_text().repeat(30);
    let whole = arpa(text.as_bytes(), options(5, &[])).expect("a model");
    let little = Options { memory_bytes: 1 << 20, ..options(5, &[]) };
    assert!(arpa(text.as_bytes(), little).expect("a model") == whole);
    assert!(arpa(text.trim_end().as_bytes(), options(5, &[])).expect("a model") == whole);
}

#[test]
fn n_grams_sort_through_many_runs_as_in_memory() {
    let folder = std::env::temp_dir();
    let mut sorter = super::grams::sorter(2, 0, &folder);
    let (total, different) = (300_000u64, 200_003);
    for n in 0..total {
        let word = (n * 7919 % different) as u32;
        sorter
            .push(Gram { words: [word % 1000, word / 1000, 0, 0, 0, 0], value: 1 })
            .expect("disk space");
    }
    let mut sorted = sorter.finish().expect("runs");
    let mut last = None;
    let (mut grams, mut sum) = (0, 0);
    while let Some(gram) = sorted.next().expect("a run") {
        assert!(last.is_none_or(|last| last < gram.words));
        last = Some(gram.words);
        (grams, sum) = (grams + 1, sum + gram.value);
    }
    assert_eq!((grams, sum), (different, total));
}

#[test]
fn gzip_holds_the_same_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.arpa.gz");
    estimate(TEXT, options(3, &[0, 0, 1]), &path, &mut |_| {}).expect("a model");
    let mut text = String::new();
    let file = fs::File::open(&path).expect("a model");
    GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, LMPLZ);
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
}

#[test]
fn a_text_that_teaches_nothing_is_refused_or_modelled() {
    assert!(error(b"", options(5, &[])).contains("is empty"));
    for text in ["\n", "a", "a\n", "\0", " \t \r\n"] {
        let (found, _) = arpa(text.as_bytes(), options(5, &[])).expect("a model");
        Model::read(&found).assert_sums();
    }
    let strict = Options { discount_fallback: None, ..options(2, &[]) };
    assert!(error(b"a b\n", strict).contains("too small or too even"));
}

#[test]
fn a_line_of_a_million_words_is_a_line() {
    let line = "word ".repeat(1_000_000);
    let (_, summary) = arpa(line.as_bytes(), options(5, &[])).expect("a model");
    assert_eq!((summary.sentences, summary.tokens, summary.types), (1, 1_000_000, 4));
}

#[test]
fn words_end_where_lmplz_ends_them() {
    let (plain, _) = arpa(b"a b c d\n", options(2, &[])).expect("a model");
    assert_eq!(arpa(b"a\tb\0c \r d\r\n", options(2, &[])).expect("a model").0, plain);
    let (one, _) = arpa("a\u{a0}b\u{2003}c\u{b}d\n".as_bytes(), options(2, &[])).expect("a model");
    assert!(one.contains("\ta\u{a0}b\u{2003}c\u{b}d\t"));
}

#[test]
fn marks_in_the_text_are_refused_or_skipped() {
    for mark in SPECIAL {
        let text = format!("a b\na {mark} b\n");
        let error = error(text.as_bytes(), options(2, &[]));
        assert!(error.contains("line 2") && error.contains(mark), "{error}");
        let skip = Options { skip_symbols: true, ..options(2, &[]) };
        let skipped = arpa(text.as_bytes(), skip).expect("a model");
        assert_eq!(skipped, arpa(b"a b\na b\n", options(2, &[])).expect("a model"));
    }
}

#[test]
fn what_is_not_utf8_is_named_by_its_line() {
    let error = error(b"a\nb \xff c\n", options(2, &[]));
    assert!(error.contains("line 2") && error.contains("byte 2"), "{error}");
}

#[test]
fn single_words_without_interpolation_leave_all_to_the_unknown() {
    let srilm = Options { interpolate_unigrams: false, ..options(2, &[]) };
    let (found, _) = arpa(TEXT, srilm).expect("a model");
    let model = Model::read(&found);
    model.assert_sums();
    let unknown = model.grams[&vec!["<unk>".to_owned()]].0;
    assert!(unknown > -0.5, "{unknown}");
}

#[test]
fn impossible_options_are_named() {
    assert!(error(TEXT, options(0, &[])).contains("order is 0"));
    assert!(error(TEXT, options(7, &[])).contains("order is 7"));
    assert!(error(TEXT, options(2, &[0, 0, 0])).contains("prune is [0, 0, 0]"));
    assert!(error(TEXT, options(3, &[2, 1])).contains("prune is [2, 1]"));
    let discounts = Options { discount_fallback: Some([0.5, f32::NAN, 1.0]), ..options(2, &[]) };
    assert!(error(TEXT, discounts).contains("discount_fallback"));
    let little = Options { memory_bytes: 10, ..options(2, &[]) };
    assert!(error(TEXT, little).contains("memory_bytes is 10"));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let path = Path::new("/nowhere/model.arpa");
    let error = estimate(TEXT, options(2, &[]), path, &mut |_| {}).expect_err("no folder");
    assert!(error.to_string().contains("/nowhere/model.arpa"), "{error}");
    let nowhere = Options { temporary_folder: "/nowhere".into(), ..options(2, &[]) };
    assert!(self::error(TEXT, nowhere).contains("temporary file in /nowhere"));
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_text_makes_a_model_that_sums_to_one(
        lines in prop::collection::vec(prop::collection::vec(0..9u8, 0..8), 1..40),
        order in 1..=6usize,
        prune in prop::collection::vec(0..3u64, 0..4),
    ) {
        let line = |line: &Vec<u8>| line.iter().map(|word| format!("w{word} ")).collect::<String>();
        let text = lines.iter().map(line).collect::<Vec<_>>().join("\n") + "\n";
        let mut prune = prune;
        prune.sort();
        prune.truncate(order);
        let (found, _) = arpa(text.as_bytes(), options(order, &prune)).expect("a model");
        Model::read(&found).assert_sums();
    }

    #[test]
    fn any_bytes_are_a_model_or_an_error(text: Vec<u8>, order in 1..=6usize) {
        let _ = arpa(&text, options(order, &[]));
    }
}
