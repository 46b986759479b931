//! Small models, which can be computed by hand and damaged in every byte.

use super::*;
use proptest::prelude::*;

/// The options of a model file. The words are `</s>`, `a` and `b`, the labels `x` and `y`.
#[derive(Clone, Copy)]
struct Recipe {
    loss: i32,
    word_ngrams: i32,
    maxn: i32,
    quantized: bool,
}

const SOFTMAX: i32 = 3;
const PLAIN: Recipe = Recipe { loss: SOFTMAX, word_ngrams: 1, maxn: 0, quantized: false };
const BUCKET: i32 = 4;
/// Offset of the numbers of words and labels.
const SIZE_AT: usize = 64;

impl Recipe {
    fn file(self) -> Vec<u8> {
        let mut file = Vec::new();
        let ints = |file: &mut Vec<u8>, ints: &[i32]| {
            ints.iter().for_each(|int| file.extend(int.to_le_bytes()));
        };
        ints(&mut file, &[793_712_314, 12]);
        ints(
            &mut file,
            &[2, 5, 5, 1, 5, self.word_ngrams, self.loss, 3, BUCKET, 1, self.maxn, 100],
        );
        file.extend(1e-4f64.to_le_bytes());

        ints(&mut file, &[5, 3, 2]);
        file.extend(99i64.to_le_bytes());
        file.extend(if self.quantized { 1i64 } else { -1 }.to_le_bytes());
        for (word, is_label) in
            [("</s>", 0), ("a", 0), ("b", 0), ("__label__x", 1), ("__label__y", 1)]
        {
            file.extend(word.as_bytes());
            file.push(0);
            file.extend(7i64.to_le_bytes());
            file.push(is_label);
        }
        if self.quantized {
            ints(&mut file, &[2, 0]);
        }

        file.push(u8::from(self.quantized));
        let words = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]];
        if self.quantized {
            self.quantized_matrix(&mut file, &[words.as_slice(), &[[1.0, 1.0]]].concat());
        } else {
            dense_matrix(&mut file, &[words.as_slice(), &[[1.0, 1.0]; BUCKET as usize]].concat());
        }
        file.push(u8::from(self.quantized));
        let labels = [[1.0, 0.0], [0.0, 1.0]];
        if self.quantized {
            self.quantized_matrix(&mut file, &labels);
        } else {
            dense_matrix(&mut file, &labels);
        }
        file
    }

    fn quantized_matrix(self, file: &mut Vec<u8>, rows: &[[f32; 2]]) {
        let quantizer = |file: &mut Vec<u8>, dim: i32| {
            [dim, dim, 1, 1].iter().for_each(|int| file.extend(int.to_le_bytes()));
            // In every piece, centroid n is n / 2.
            for _ in 0..dim {
                (0..256u16).for_each(|n| file.extend((f32::from(n) / 2.0).to_le_bytes()));
            }
        };
        file.push(1);
        file.extend((rows.len() as i64).to_le_bytes());
        file.extend(2i64.to_le_bytes());
        file.extend((2 * rows.len() as i32).to_le_bytes());
        // Half the weight as a centroid, and a norm of two.
        file.extend(rows.as_flattened().iter().map(|weight| *weight as u8));
        quantizer(file, 2);
        file.extend(rows.iter().map(|_| 4));
        quantizer(file, 1);
    }
}

fn dense_matrix(file: &mut Vec<u8>, rows: &[[f32; 2]]) {
    file.extend((rows.len() as i64).to_le_bytes());
    file.extend(2i64.to_le_bytes());
    rows.as_flattened().iter().for_each(|weight| file.extend(weight.to_le_bytes()));
}

fn read(file: &[u8]) -> Result<FastText, ModelError> {
    FastText::read(file, file.len() as u64, Path::new("tiny.bin"))
}

fn model(recipe: Recipe) -> FastText {
    read(&recipe.file()).expect("a sound model")
}

/// Returns the probability of `x` under a softmax if its score exceeds that of `y` by `lead`.
fn probability_of_x(lead: f32) -> f32 {
    1.0 / (1.0 + (-lead).exp())
}

#[track_caller]
fn assert_lead(model: &FastText, text: &str, lead: f32) {
    let found = model.predict(text, 2).into_iter().find(|(label, _)| *label == "x");
    let (_, probability) = found.expect("both labels are likely");
    assert!((probability - probability_of_x(lead)).abs() < 2e-5, "{text:?}: {probability}");
}

#[test]
fn a_text_is_the_average_of_its_words_and_its_end() {
    for quantized in [false, true] {
        let model = model(Recipe { quantized, ..PLAIN });
        assert_lead(&model, "a", 1.0);
        assert_lead(&model, "a a\tb", 0.5);
        assert_lead(&model, "", 0.0);
    }
}

#[test]
fn words_end_at_ascii_blanks_only() {
    let model = model(PLAIN);
    assert_lead(&model, "a\nb\0b\x0bb", -1.0 + 0.2);
    assert_lead(&model, "b b\x0cb", -1.5);
    assert_lead(&model, "a\u{a0}b", 0.0);
    assert_lead(&model, "a\u{2003}", 0.0);
}

#[test]
fn a_written_end_of_line_ends_the_text() {
    assert_lead(&model(PLAIN), "b </s> a a a", -1.0);
}

#[test]
fn labels_in_the_text_are_not_words() {
    let model = model(Recipe { word_ngrams: 2, maxn: 2, ..PLAIN });
    assert_eq!(model.predict("a __label__x __label__z", 2), model.predict("a", 2));
}

#[test]
fn character_ngrams_dilute_a_known_word() {
    // `a`, `<a`, `a>` and `a` again as a single character, and the end: 2 / 5.
    assert_lead(&model(Recipe { maxn: 2, ..PLAIN }), "a", 2.0 / 5.0);
    // Word n-grams: `a b` and `b </s>`, with three words.
    assert_lead(&model(Recipe { word_ngrams: 2, ..PLAIN }), "a b b b", -4.0 / 9.0);
}

#[test]
fn every_loss_prefers_the_same_label() {
    for loss in 1..=4 {
        let model = model(Recipe { loss, ..PLAIN });
        assert_eq!(model.predict("a", 1)[0].0, "x", "loss {loss}");
    }
}

#[test]
fn a_scratch_may_serve_several_models_and_changes_nothing() {
    let models = [1, 2, 3].map(|maxn| model(Recipe { maxn, ..PLAIN }));
    let mut scratch = Scratch::default();
    for text in ["a", "ab a ab", "", "abababababababababababababababababab ab", "ab a ab"] {
        for model in &models {
            let again: Vec<_> = model.predict_with(text, 2, &mut scratch).collect();
            assert_eq!(again, model.predict(text, 2), "{text:?}");
            // Two models seldom have a word in the same slot, so the results alone prove little.
            assert_eq!(scratch.model, model.id);
        }
    }
}

#[test]
fn nothing_is_predicted_for_k_of_zero() {
    assert_eq!(model(PLAIN).predict("a", 0), []);
}

#[test]
fn other_files_are_refused_with_their_kind() {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
    assert!(matches!(read(&gzip), Err(ModelError::NotFastText { found: 0x0008_8b1f, .. })));
    let mut later = PLAIN.file();
    later[4] = 13;
    assert!(matches!(read(&later), Err(ModelError::Version { found: 13, .. })));
    assert!(matches!(FastText::open(Path::new("/nowhere")), Err(ModelError::Open { .. })));
}

#[test]
fn probabilities_are_a_hundred_thousandth_too_large_as_in_fasttext() {
    let total: f32 = model(PLAIN).predict("a", 2).iter().map(|(_, probability)| probability).sum();
    assert!((total - 1.00002).abs() < 1e-6, "{total}");
}

#[test]
fn large_scores_do_not_overflow() {
    let mut file = PLAIN.file();
    let x_at = file.len() - 16;
    file[x_at..x_at + 4].copy_from_slice(&1000f32.to_le_bytes());
    let model = read(&file).expect("a sound model");
    let (label, probability) = model.predict("a", 1)[0];
    assert!(label == "x" && (probability - 1.0).abs() < 2e-5, "{label} {probability}");
}

#[test]
fn contradictions_are_reported() {
    const KIND_AT: usize = 36;
    let with = |at: usize, value: u8| {
        let mut file = PLAIN.file();
        file[at] = value;
        read(&file).err().expect("a contradiction").to_string()
    };
    let a = PLAIN.file().windows(2).position(|bytes| bytes == b"a\0").expect("the word");
    let type_of_a = a + 2 + 8;
    assert!(with(SIZE_AT, 6).contains("3 words and 2 labels are not 6"));
    assert!(with(type_of_a, 1).contains("mixed"));
    assert!(with(KIND_AT, 1).contains("unsupervised"));
    let long = Recipe { word_ngrams: 1000, ..PLAIN }.file();
    assert!(matches!(read(&long), Err(ModelError::Damaged { .. })));
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    for quantized in [false, true] {
        let file = Recipe { quantized, ..PLAIN }.file();
        for len in 0..file.len() {
            let error = read(&file[..len]).err().expect("a part is missing").to_string();
            assert!(error.contains("tiny.bin") && error.contains("fetch the file"), "{error}");
        }
    }
}

#[test]
fn a_header_with_too_large_counts_is_refused_before_anything_is_allocated() {
    let mut file = PLAIN.file();
    file[SIZE_AT..SIZE_AT + 12]
        .copy_from_slice(&[i32::MAX, i32::MAX - 2, 2].map(i32::to_le_bytes).concat());
    assert!(matches!(read(&file), Err(ModelError::Truncated { part: "dictionary", .. })));
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let mut file = PLAIN.file();
    let end = file.len();
    file[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(matches!(read(&file), Err(ModelError::Damaged { .. })));
}

#[test]
fn a_model_damaged_in_one_byte_is_refused_or_runs() {
    for loss in [1, SOFTMAX] {
        for quantized in [false, true] {
            let file = Recipe { loss, word_ngrams: 2, maxn: 3, quantized }.file();
            for at in 0..file.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut file = file.clone();
                    file[at] = value;
                    if let Ok(model) = read(&file) {
                        model.predict("a ab é b", 3);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_text_has_a_label_and_no_bytes_panic(text in any::<String>(), damage in any::<[(u16, u8); 4]>()) {
        let mut file = Recipe { word_ngrams: 3, maxn: 4, ..PLAIN }.file();
        prop_assert_eq!(read(&file).expect("a sound model").predict(&text, 1).len(), 1);
        for (at, value) in damage {
            let at = usize::from(at) % file.len();
            file[at] = value;
        }
        if let Ok(model) = read(&file) {
            model.predict(&text, 2);
        }
    }
}
