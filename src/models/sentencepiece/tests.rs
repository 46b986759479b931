//! Generated and damaged models.

use super::*;
use proptest::prelude::*;

/// Returns a model file of `pieces` with their scores and kinds.
fn file(pieces: &[(&str, f32, u8)]) -> Vec<u8> {
    let mut file = Vec::new();
    for (text, score, kind) in pieces {
        let mut piece = vec![0x0a, text.len() as u8];
        piece.extend_from_slice(text.as_bytes());
        piece.push(0x15);
        piece.extend_from_slice(&score.to_le_bytes());
        piece.extend_from_slice(&[0x18, *kind]);
        file.extend_from_slice(&[0x0a, piece.len() as u8]);
        file.extend_from_slice(&piece);
    }
    file
}

const PIECES: &[(&str, f32, u8)] = &[
    ("<unk>", 0.0, 2),
    ("<s>", 0.0, 3),
    ("▁", -3.0, 1),
    ("a", -2.0, 1),
    ("aa", -2.5, 1),
    ("▁ab", -1.0, 1),
    ("b", -4.0, 1),
    ("never", -0.1, 5),
];

/// Returns a small model for tests of other modules.
pub(crate) fn toy_file() -> Vec<u8> {
    file(PIECES)
}

fn open(file: &[u8]) -> Result<Model, ModelError> {
    Model::read(file, Path::new("toy.model"))
}

fn unigram(model: &Model) -> &Unigram {
    match &model.segmenter {
        Segmenter::Unigram(unigram) => unigram,
        _ => panic!("a unigram model"),
    }
}

fn pieces(model: &Model, text: &str) -> Vec<String> {
    let mut scratch = Scratch::default();
    let encoded = model.encode(text, &mut scratch);
    let texts: Vec<&[u8]> = model.pieces().collect();
    let text = |(id, unknown): (u32, Option<&[u8]>)| {
        String::from_utf8_lossy(unknown.unwrap_or(texts[id as usize])).into_owned()
    };
    encoded.iter().map(text).collect()
}

#[test]
fn the_most_probable_pieces_are_taken() {
    let model = open(&file(PIECES)).expect("a model");
    assert_eq!(pieces(&model, "ab aab"), ["▁ab", "▁", "aa", "b"]);
    assert_eq!(pieces(&model, ""), [""; 0]);
    assert_eq!(pieces(&model, "  "), [""; 0]);
    assert_eq!(pieces(&model, "never"), ["▁", "never"], "an unused piece is unknown characters");
}

#[test]
fn consecutive_unknown_characters_are_one_piece() {
    let model = open(&file(PIECES)).expect("a model");
    assert_eq!(pieces(&model, "éüa中 中"), ["▁", "éü", "a", "中", "▁", "中"]);
    assert_eq!(pieces(&model, "<s>"), ["▁", "<s>"], "control pieces never match text");
}

#[test]
fn ties_go_to_the_piece_that_begins_first() {
    let model = open(&file(PIECES)).expect("a model");
    // aa a and a aa have the same score.
    assert_eq!(pieces(&model, "aaa aaa"), ["▁", "a", "aa", "▁", "a", "aa"]);
}

#[test]
fn an_unknown_character_is_worse_than_any_piece() {
    let model = open(&file(&[PIECES, &[("éa", -20.0, 1)]].concat())).expect("a model");
    assert_eq!(pieces(&model, "éa"), ["▁", "éa"]);
}

#[test]
fn the_margin_is_that_to_the_second_best_segmentation() {
    for (score_of_aa, margin) in [(-2.5, 1.5), (-9.0, 5.0), (-4.0, 0.0)] {
        let pieces = [("<unk>", 0.0, 2), ("▁", -3.0, 1), ("a", -2.0, 1), ("aa", score_of_aa, 1)];
        let model = open(&file(&pieces)).expect("a model");
        let mut steps = Steps::default();
        let found = unigram(&model).cut_exactly("▁aa".as_bytes(), &mut steps, &mut Vec::new());
        assert_eq!(found, margin);
    }
}

#[test]
fn a_scratch_may_serve_two_models() {
    let one = open(&file(PIECES)).expect("a model");
    let other = open(&file(&[&PIECES[..5], &[("▁", -3.0, 1), ("b", -4.0, 1)]].concat()));
    assert!(other.is_err(), "▁ occurs twice");
    let other = open(&file(&[&PIECES[..4], &[("b", -4.0, 1)]].concat())).expect("a model");
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        assert_eq!(one.encode("ab", &mut scratch).ids, [5]);
        assert_eq!(other.encode("ab", &mut scratch).ids, [2, 3, 4]);
    }
}

#[test]
fn replacements_are_those_of_the_model() {
    let Some(path) = reference::file("models/ccnet_like/en.sp.model") else { return };
    let model = Model::open(&path).expect("a model");
    for (text, expected) in [
        ("cafe\u{301}s", "▁cafés"),
        ("x\u{301} ①ﬁ", "▁x\u{301}▁1fi"),
        ("ｶｶﾞ", "▁カガ"),
        ("\u{1112}\u{1161}\u{11ab}", "▁한"),
        ("a\u{200b}\u{3000}b\u{ad}", "▁a▁b\u{ad}"),
    ] {
        let mut normalized = Vec::new();
        model.normalizer.normalize(text, &mut normalized, &mut Vec::new());
        assert_eq!(String::from_utf8_lossy(&normalized), expected, "{text}");
    }
}

#[test]
fn damaged_models_are_refused_with_a_reason() {
    let mut kind = file(PIECES);
    kind.extend_from_slice(&[0x12, 2, 0x18, 9]);
    let mut bytes = file(&[PIECES, &[("<0x00>", 0.0, 6)]].concat());
    bytes.extend_from_slice(&[0x12, 3, 0x98, 2, 1]);
    for (file, problem) in [
        (kind, "its kind of model, 9, is not known"),
        (bytes, "has no piece <0x01>"),
        (Vec::new(), "it has no pieces"),
        (file(&[("<unk>", 0.0, 2), ("x", -1.0, 7)]), "piece 1 is of the unknown kind 7"),
        (file(&[("x", -1.0, 1)]), "no unknown piece"),
        (file(&[("<unk>", 0.0, 2)]), "no pieces for texts"),
        (file(&[("<unk>", 0.0, 2), ("x", -1.0, 1), ("x", -1.0, 1)]), "1 and 2 are the same"),
        (file(&[("<unk>", 0.0, 2), ("x", f32::NAN, 1)]), "NaN"),
        (vec![0x0a, 5, 1], "before byte 2"),
    ] {
        let error = open(&file).err().expect(problem).to_string();
        assert!(error.contains(problem) && error.contains("toy.model"), "{error}");
    }
}

/// A model file of another kind: 1 unigram, 2 BPE, 3 words, 4 characters.
fn of_kind(kind: u8, pieces: &[(&str, f32, u8)]) -> Model {
    let mut file = file(pieces);
    file.extend_from_slice(&[0x12, 2, 0x18, kind]);
    open(&file).expect("a model")
}

#[test]
fn pairs_are_merged_by_score_and_unused_pieces_are_taken_apart() {
    let table = [
        ("<unk>", 0.0, 2),
        ("ab", -1.0, 1),
        ("bc", 0.0, 1),
        ("abc", -2.0, 5),
        ("▁", -3.0, 1),
        ("a", -4.0, 1),
        ("b", -5.0, 1),
        ("c", -6.0, 1),
    ];
    let model = of_kind(2, &table);
    assert_eq!(pieces(&model, "abc ab"), ["▁", "a", "bc", "▁", "ab"]);
    assert_eq!(pieces(&model, "xyabc"), ["▁", "xy", "a", "bc"]);
    // Without the unused piece, the whole text need not be merged at once.
    let used = table.map(|(text, score, kind)| (text, score, if kind == 5 { 1 } else { kind }));
    assert_eq!(pieces(&of_kind(2, &used), "abc ab"), ["▁", "abc", "▁", "ab"]);
}

#[test]
fn characters_words_and_symbols_are_pieces() {
    let table = [("<unk>", 0.0, 2), ("▁ab", 0.0, 1), ("a", 0.0, 1), ("b", 0.0, 1), ("bb ", 0.0, 4)];
    assert_eq!(pieces(&of_kind(3, &table), "ab  abb ab"), ["▁ab", "▁abb", "▁ab"]);
    assert_eq!(pieces(&of_kind(4, &table), "ab éüa"), ["▁", "a", "b", "▁éü", "a"]);
    let table = [("<unk>", 0.0, 2), ("a", -1.0, 1), ("aa", -0.01, 1), ("ﬁa", 0.0, 4)];
    for kind in [1, 2, 4] {
        let model = of_kind(kind, &table);
        assert_eq!(pieces(&model, "ﬁaa")[1..], ["ﬁa", "a"], "kind {kind}");
    }
}

const EXPECTED: &str = include_str!("../../../fixtures/pieces/expected.json");

#[test]
fn models_of_all_kinds_return_the_pieces_of_the_python_package() {
    let expected: serde_json::Value = serde_json::from_str(EXPECTED).expect("JSON");
    let texts = expected["texts"].as_array().expect("texts");
    let models = expected["models"].as_object().expect("models");
    assert_eq!((texts.len(), models.len()), (23, 11));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pieces");
    let mut scratch = Scratch::default();
    for (name, expected) in models {
        let model = Model::open(&folder.join(format!("{name}.model"))).expect("a model");
        for (text, ids) in texts.iter().zip(expected.as_array().expect("ids")) {
            let text = text.as_str().expect("a text");
            let ids: Vec<u64> = serde_json::from_value(ids.clone()).expect("numbers");
            for _ in ["new", "from the cache"] {
                let found = model.encode(text, &mut scratch).ids.iter().copied();
                let found: Vec<u64> = found.map(u64::from).collect();
                assert_eq!(found, ids, "{name}: {text:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn cached_words_are_segmented_as_new_ones(
        texts in prop::collection::vec("[ab ]{0,30}|[abé ]{0,80}|(a{1,12} ){1,60}", 1..20),
        tweak in 0.0f32..0.5,
    ) {
        // Scores that are rounded in every sum.
        let pieces = PIECES.iter().map(|(text, score, kind)| (*text, *score * (1.0 + tweak), *kind));
        let model = open(&file(&pieces.collect::<Vec<_>>())).expect("a model");
        let mut scratch = Scratch::default();
        for text in &texts {
            let found: Vec<u32> = model.encode(text, &mut scratch).ids.to_vec();
            // The whole text at once, as upstream.
            let (mut steps, mut whole) = (Steps::default(), Vec::new());
            unigram(&model).cut(&scratch.text.clone(), 0.0, &mut steps, &mut whole);
            let mut expected: Vec<u32> = whole.iter().map(|(id, _)| *id).collect();
            expected.dedup_by(|right, left| *left == model.unknown() && left == right);
            prop_assert_eq!(found, expected, "{}", text);
        }
    }

    #[test]
    fn no_model_of_any_kind_panics(kind in 0u8..6, flags in any::<[bool; 3]>(), kinds in
        prop::collection::vec(1u8..7, 8), text in "[ab éé▁]{0,30}") {
        let table = PIECES.iter().zip(&kinds).map(|((text, score, _), kind)| (*text, *score, *kind));
        let mut file = file(&table.collect::<Vec<_>>());
        let [suffix, keep, escape] = flags.map(u8::from);
        file.extend_from_slice(&[0x12, 5, 0x18, kind, 0xc0, 1, suffix]);
        file.extend_from_slice(&[0x1a, 4, 0x20, keep, 0x28, escape]);
        if let Ok(model) = open(&file) {
            let mut scratch = Scratch::default();
            let encoded = model.encode(&text, &mut scratch);
            let texts: Vec<&[u8]> = model.pieces().collect();
            let joined: Vec<u8> = encoded
                .iter()
                .flat_map(|(id, unknown)| unknown.unwrap_or(texts[id as usize]).to_vec())
                .collect();
            prop_assert_eq!(String::from_utf8_lossy(&joined), String::from_utf8_lossy(&scratch.text));
        }
    }

    #[test]
    fn no_file_panics(file in prop::collection::vec(any::<u8>(), 0..100), text in "\\PC{0,9}") {
        if let Ok(model) = open(&file) {
            model.encode(&text, &mut Scratch::default());
        }
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0..100usize, byte: u8, text in "[ab é]{0,9}") {
        let mut file = file(PIECES);
        file[at] = byte;
        if let Ok(model) = open(&file) {
            model.encode(&text, &mut Scratch::default());
        }
    }
}
