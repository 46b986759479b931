use super::*;
use std::fs;

const TREES: [&str; 6] = ["oak", "elm", "ash", "fir", "yew", "larch"];
const TOOLS: [&str; 6] = ["saw", "file", "plane", "hammer", "awl", "clamp"];

/// 300 texts of two kinds.
fn texts() -> Vec<(&'static str, String)> {
    let text = |n: usize| {
        let (label, words) = if n.is_multiple_of(3) { ("tool", TOOLS) } else { ("tree", TREES) };
        (label, format!("the {} and the {} number {n}", words[n % 6], words[n / 6 % 6]))
    };
    (0..300).map(text).collect()
}

fn small() -> Options {
    Options { dimension: 8, learning_rate: 0.5, ..Options::default() }
}

fn train(texts: &[(&str, String)], options: Options) -> Result<(Vec<u8>, Summary), TrainingError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.bin");
    let mut trainer = Trainer::new(options)?;
    for (label, text) in texts {
        trainer.example(label, text)?;
    }
    let summary = trainer.train(&path, &mut |_| ())?;
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    Ok((fs::read(path).expect("a model"), summary))
}

fn model(file: &[u8]) -> FastText {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.bin");
    fs::write(&path, file).expect("disk space");
    FastText::open(&path).expect("a model")
}

fn error(texts: &[(&str, String)], options: Options) -> String {
    train(texts, options).expect_err("an error").to_string()
}

#[test]
fn what_was_held_out_is_told_apart() {
    let (file, summary) = train(&texts(), small()).expect("a model");
    let [tool, tree] = &summary.labels[..] else { panic!("two labels") };
    assert_eq!((tool.label.as_str(), tree.label.as_str()), ("tool", "tree"));
    assert_eq!((tool.trained + tool.held_out, tree.trained + tree.held_out), (100, 200));
    assert!((10..60).contains(&(tool.held_out + tree.held_out)), "{summary:?}");
    assert_eq!(tool.found + tree.found, tool.held_out + tree.held_out);
    assert!(summary.accuracy().is_some_and(|accuracy| accuracy > 0.95), "{summary:?}");
    assert!(tree.precision().is_some_and(|precision| precision > 0.95));
    assert!(tool.recall().is_some_and(|recall| recall > 0.9));
    assert_eq!(model(&file).predict("an awl and a clamp", 1)[0].0, "tool");
}

#[test]
fn what_cannot_be_told_apart_is_found_wrong() {
    // The label of a text does not depend on its words.
    let texts: Vec<_> =
        (0..400).map(|n| (["x", "y"][n % 2], format!("number {}", n / 2))).collect();
    let (_, summary) = train(&texts, Options { held_out: 0.5, ..small() }).expect("a model");
    let right: u64 = summary.labels.iter().map(|label| label.right).sum();
    let held_out: u64 = summary.labels.iter().map(|label| label.held_out).sum();
    // Two equal texts are held out together, so of each pair one is right.
    assert_eq!(2 * right, held_out, "{summary:?}");
    assert_eq!(summary.accuracy(), Some(0.5));
}

#[test]
fn the_same_texts_in_any_order_make_the_same_file() {
    let mut texts = texts();
    let first = train(&texts, small()).expect("a model");
    texts.reverse();
    assert!(train(&texts, small()).expect("a model") == first);
    let other = train(&texts, Options { seed: 1, ..small() }).expect("a model");
    assert!(other.0 != first.0);
    let part =
        |summary: &Summary| summary.labels.iter().map(|label| label.held_out).collect::<Vec<_>>();
    assert_eq!(part(&other.1), part(&first.1), "what is held out does not depend on the seed");
}

#[test]
fn languages_are_told_by_runs_of_characters() {
    let options =
        Options { word_count_min: 1, buckets: 5000, learning_rate: 0.5, ..crate::lid::options() };
    let (file, summary) = train(&texts(), options.clone()).expect("a model");
    assert!(summary.accuracy().is_some_and(|accuracy| accuracy > 0.9), "{summary:?}");
    let model = self::model(&file);
    assert_eq!(model.predict("larches", 1)[0].0, "tree");
    assert_eq!(model.predict("clamping", 1)[0].0, "tool");

    let quantization = Quantization { features_max: 300, ..crate::lid::quantization() };
    let quantized = Options { quantization: Some(quantization), ..options };
    let (small, summary) = train(&texts(), quantized).expect("a model");
    assert!(small.len() < file.len() / 4, "{} {}", small.len(), file.len());
    assert!(summary.accuracy().is_some_and(|accuracy| accuracy > 0.9), "{summary:?}");
}

#[test]
fn labels_and_ends_in_the_text_teach_nothing() {
    let plain = texts();
    let odd: Vec<_> = plain
        .iter()
        .map(|(label, text)| {
            (
                *label,
                format!(
                    "\0__label__x\t{}\r\n__label__tree </s> larch __label__y",
                    text.replace(' ', "\u{b}\n")
                ),
            )
        })
        .collect();
    assert!(train(&odd, small()).expect("a model") == train(&plain, small()).expect("a model"));
}

#[test]
fn texts_that_teach_nothing_are_refused_or_modelled() {
    assert!(error(&[], small()).contains("0 labels"));
    let one = vec![("tree", "oak".to_owned()); 10];
    let all = Options { held_out: 0.0, ..small() };
    assert!(error(&one, all.clone()).contains("1 labels"));
    for text in ["", "\0", "</s>", "__label__x", "a", "\u{feff}"] {
        let two = [("x", text.to_owned()), ("y", text.to_owned())];
        let (_, summary) = train(&two, all.clone()).expect("a model");
        assert_eq!(summary.accuracy(), None);
    }
}

#[test]
fn a_text_of_a_million_words_is_a_text() {
    let long = [("x", "word ".repeat(1_000_000)), ("y", "w".repeat(1_000_000))];
    let all = Options { held_out: 0.0, epochs: 1, ..small() };
    assert!(train(&long, all).is_ok());
}

#[test]
fn odd_labels_are_named() {
    for label in ["", "a b", "a\nb", "a\0", "__label__en", "a\u{a0}b"] {
        let error = error(&[(label, "text".into())], small());
        assert!(error.contains("a label is a word"), "{error}");
    }
}

#[test]
fn impossible_options_are_named() {
    let error = |options| error(&texts(), options);
    assert!(error(Options { dimension: 0, ..small() }).contains("dimension is 0"));
    assert!(error(Options { epochs: 0, ..small() }).contains("epochs is 0"));
    assert!(error(Options { threads: 0, ..small() }).contains("threads is 0"));
    assert!(error(Options { word_ngrams: 0, ..small() }).contains("word_ngrams is 0"));
    assert!(error(Options { buckets: 0, ..small() }).contains("buckets is 0"));
    assert!(error(Options { char_ngrams: (3, 2), ..small() }).contains("char_ngrams is (3, 2)"));
    assert!(error(Options { char_ngrams: (0, 2), ..small() }).contains("char_ngrams is (0, 2)"));
    assert!(error(Options { learning_rate: 0.0, ..small() }).contains("learning_rate is 0"));
    assert!(error(Options { learning_rate: f64::NAN, ..small() }).contains("learning_rate is NaN"));
    assert!(error(Options { held_out: 1.0, ..small() }).contains("held_out is 1"));
    let codes = Quantization { weights_per_code: 9, ..crate::lid::quantization() };
    let quantized = Options { quantization: Some(codes), ..small() };
    assert!(error(quantized).contains("weights_per_code is 9"));
}

#[test]
fn a_model_that_cannot_be_used_is_not_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.bin");
    let mut trainer = Trainer::new(Options { learning_rate: 100.0, epochs: 50, ..small() })
        .expect("a rate that may do");
    for (label, text) in texts() {
        trainer.example(label, &text).expect("disk space");
    }
    let error = trainer.train(&path, &mut |_| ()).expect_err("weights are not numbers").to_string();
    assert!(error.contains("the weights diverged; a smaller learning rate"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn several_threads_learn_the_same() {
    let (_, summary) = train(&texts(), Options { threads: 3, ..small() }).expect("a model");
    assert!(summary.accuracy().is_some_and(|accuracy| accuracy > 0.9), "{summary:?}");
}
