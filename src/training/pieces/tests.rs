use super::lattice::{Lattice, Piece, Trie};
use super::seeds::{Stretch, seeds};
use super::*;
use double_array::DoubleArray;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn options(vocabulary: usize) -> Options {
    Options { vocabulary, character_coverage: 1.0, ..Options::default() }
}

fn file(text: &[u8], options: Options) -> Result<(Vec<u8>, Summary), TrainingError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pieces.sp.model");
    let summary = train(text, options, &path, &mut |_| {})?;
    Ok((fs::read(path).expect("a model"), summary))
}

fn error(text: &[u8], options: Options) -> String {
    file(text, options).expect_err("an error").to_string()
}

/// Fields of a message: number, and the bytes or the number that it holds.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>, u64)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let number = if tag & 7 == 5 { 4 } else { varint(&mut message) };
        let len = if tag & 7 == 0 { 0 } else { number as usize };
        fields.push((tag >> 3, message[..len].to_vec(), number));
        message = &message[len..];
    }
    fields
}

/// Pieces of a model with their scores and kinds.
fn pieces(file: &[u8]) -> Vec<(String, f32, u64)> {
    let of_model = fields(file).into_iter().filter(|(field, _, _)| *field == 1);
    let piece = |(_, piece, _): (u64, Vec<u8>, u64)| {
        let mut found = (String::new(), f32::NAN, 1);
        for (field, bytes, number) in fields(&piece) {
            match field {
                1 => found.0 = String::from_utf8(bytes).expect("UTF-8"),
                2 => found.1 = f32::from_le_bytes(bytes.try_into().expect("a float")),
                3 => found.2 = number,
                other => panic!("a piece has no field {other}"),
            }
        }
        found
    };
    of_model.map(piece).collect()
}

/// 3,000 words, made of 60 syllables, of which some go together.
fn random_text() -> String {
    let mut state = 7u64;
    let mut next = |end: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % end
    };
    let mut text = String::new();
    for word in 0..3000 {
        for _ in 0..=next(4) {
            let syllable = next(60) * next(60) / 60;
            let (first, second) = (syllable % 12, syllable / 12);
            text.push(char::from(b"bdfgklmnprst"[first as usize]));
            text.push(char::from(b"aeiou"[second as usize]));
        }
        text.push(if word % 10 == 9 { '\n' } else { ' ' });
    }
    text
}

#[test]
fn the_file_holds_special_pieces_then_others_by_score() {
    let (found, summary) = file(random_text().as_bytes(), options(200)).expect("a model");
    let pieces = pieces(&found);
    assert_eq!(pieces.len(), 200);
    assert_eq!((summary.pieces, summary.words, summary.coverage), (200, 3000, 1.0));
    assert_eq!(pieces[0], ("<unk>".into(), 0.0, 2));
    assert_eq!(pieces[1], ("<s>".into(), 0.0, 3));
    assert_eq!(pieces[2], ("</s>".into(), 0.0, 3));
    let own = &pieces[3..];
    assert!(own.is_sorted_by(|left, right| left.1 >= right.1));
    assert!(own.iter().all(|(_, score, kind)| *score < 0.0 && *kind == 1));
    let texts: BTreeSet<&str> = own.iter().map(|(text, _, _)| text.as_str()).collect();
    assert_eq!(texts.len(), own.len());
    for character in "bdfgklmnprstaeiou▁".chars() {
        assert!(texts.contains(character.encode_utf8(&mut [0; 4]) as &str), "{character}");
    }
    let sum: f32 = own.iter().map(|(_, score, _)| score.exp()).sum();
    assert!((0.9..=1.0).contains(&sum), "{sum}");
    // What goes together is together: nearly every syllable, with and without a blank.
    assert!(own.iter().filter(|(text, _, _)| text.chars().count() > 1).count() > 150);
    assert!(texts.contains("ba") && texts.contains("▁ba"));

    let of_model = fields(&found);
    let message = |number| {
        let (_, bytes, _) =
            of_model.iter().find(|(field, _, _)| *field == number).expect("a message");
        fields(bytes)
    };
    assert!(message(2).contains(&(3, Vec::new(), 1)) && message(2).contains(&(4, Vec::new(), 200)));
    assert!(message(3).contains(&(1, b"nmt_nfkc".to_vec(), 8)));
}

#[test]
fn the_same_text_makes_the_same_file() {
    let text = random_text();
    assert!(
        file(text.as_bytes(), options(150)).expect("a model")
            == file(text.as_bytes(), options(150)).expect("a model")
    );
}

#[test]
fn pieces_stay_within_a_script_and_begin_with_their_blank() {
    let text = "abc-123 東京タワー abc-123 東京タワー über123 e\u{324} e\u{324}x ".repeat(50);
    let identity = Options { normalization: Normalization::Identity, ..options(200) };
    let (found, _) = file(text.as_bytes(), identity).expect("a model");
    let found = pieces(&found);
    let texts: BTreeSet<&str> = found.iter().map(|(text, _, _)| text.as_str()).collect();
    assert!(texts.contains("▁東京タワー"), "{texts:?}");
    assert!(texts.contains("▁abc") && !texts.contains("abc-") && !texts.contains("c-"));
    assert!(texts.contains("123") && !texts.contains("r123"));
    assert!(texts.contains("▁e\u{324}"), "{texts:?}");
    assert!(texts.iter().all(|text| !text.chars().skip(1).any(|other| other == PIECE_BLANK)));
}

#[test]
fn rare_characters_have_no_piece() {
    let text = format!("{} ñ", "aa bb ab ".repeat(1000));
    let most = Options { character_coverage: 0.999, ..options(50) };
    let (found, summary) = file(text.as_bytes(), most).expect("a model");
    assert!(summary.coverage > 0.999 && summary.coverage < 1.0);
    assert_eq!(summary.alphabet, 3);
    assert!(pieces(&found).iter().all(|(text, _, _)| !text.contains('ñ')));
}

#[test]
fn a_text_without_so_many_pieces_makes_fewer_or_is_refused() {
    let (found, summary) = file(b"ab ab ab", options(1000)).expect("a model");
    assert_eq!(pieces(&found).len() as u64, summary.pieces);
    assert!(summary.pieces < 20);
    let hard = Options { hard_limit: true, ..options(1000) };
    assert!(error(b"ab ab ab", hard).contains("1000 are asked for"));
}

#[test]
fn a_text_that_teaches_nothing_is_refused_or_modelled() {
    for nothing in ["", "\n", " \0 \t \u{2581}\n", "\u{200b}\u{1}\u{2}"] {
        assert!(error(nothing.as_bytes(), options(100)).contains("has no words"), "{nothing:?}");
    }
    for little in ["a", "a\0b", "<s> </s> <unk>", "\u{301}", "\u{301}a", "\u{10ffff}", "x▁y▁"] {
        let (found, _) = file(little.as_bytes(), options(100)).expect("a model");
        assert!(pieces(&found).len() > 3, "{little:?}");
    }
    assert!(error(b"a\n\xff", options(100)).contains("line 2"));
}

#[test]
fn a_word_of_a_million_characters_is_a_word() {
    for word in ["a".repeat(1_000_000), "ab7東".repeat(250_000)] {
        let (_, summary) = file(word.as_bytes(), options(100)).expect("a model");
        assert_eq!(summary.words, 1);
    }
}

#[test]
fn impossible_options_are_named() {
    assert!(error(b"a b c", options(5)).contains("vocabulary is 5"));
    let coverage = |character_coverage| Options { character_coverage, ..options(100) };
    assert!(error(b"a", coverage(0.0)).contains("character_coverage is 0"));
    assert!(error(b"a", coverage(f64::NAN)).contains("character_coverage is NaN"));
    let long = Options { piece_chars_max: 0, ..options(100) };
    assert!(error(b"a", long).contains("piece_chars_max is 0"));
    let few = Options { seeds_max: 10, ..options(100) };
    assert!(error(b"a", few).contains("seeds_max is 10"));
}

#[test]
fn text_is_rewritten_as_sentencepiece_does() {
    let rules = Normalization::NmtNfkc.rules().expect("rules");
    // From SentencePiece 0.2.3, but for the blanks that it adds and merges.
    let cases = [
        ("ＡＢＣ ﬁ ²", "ABC fi 2"),
        ("a\u{200b}b\tc\u{feff}", "a b c "),
        ("e\u{323}\u{302} ẹ\u{302}", "\u{1ec7} \u{1ec7}"),
        (
            "\u{1112}\u{1161}\u{11ab} \u{1100}\u{1161} \u{d558}\u{11ab}",
            "\u{d55c} \u{ac00} \u{d55c}",
        ),
        ("a\u{7}b\u{85}", "ab\u{85}"),
        ("～\u{a0}x\u{3000}y", "～ x y"),
        ("\u{fdfa}", "صلى الله عليه وسلم"),
        ("\u{958}\u{212b}", "\u{915}\u{93c}\u{c5}"),
        ("か\u{3099}x\u{fe0f}\u{200d}", "がx\u{fe0f}\u{200d}"),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(rules.normalize(text), expected, "{text:?}");
    }
}

/// All ways to cut `text`, with their log probabilities.
fn ways(text: &[u32], pieces: &[Piece], chars: &[u32]) -> Vec<(Vec<u32>, f64)> {
    if text.is_empty() {
        return vec![(Vec::new(), 0.0)];
    }
    let mut all = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        if let Some(rest) = text.strip_prefix(piece.text.of(chars)) {
            for (mut way, score) in ways(rest, pieces, chars) {
                way.insert(0, number as u32);
                all.push((way, score + piece.score));
            }
        }
    }
    all
}

fn segments_of(text: &str) -> Segments {
    let mut words = Strings::new();
    let mut counts = Vec::new();
    for word in text.split_whitespace() {
        let number = words.number(word).expect("few words") as usize;
        counts.resize(counts.len().max(number + 1), 0);
        counts[number] += 1;
    }
    Segments::new(&words, &counts, 1.0).expect("segments")
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn all_ways_to_cut_a_text_are_counted(text in "[ab]{1,9}", scores in prop::collection::vec(-9.0..-0.1f64, 14)) {
        let chars = [1, 1, 1, 2, 2, 1, 2, 1];
        let mut texts: Vec<Stretch> = [(0, 1), (0, 2), (0, 3), (1, 3), (2, 2), (3, 1), (3, 2), (4, 2), (4, 3)]
            .map(|(begin, chars)| Stretch { begin, chars }).to_vec();
        texts.sort_by(|left, right| left.of(&chars).cmp(right.of(&chars)));
        let pieces: Vec<Piece> =
            texts.iter().zip(&scores).map(|(text, score)| Piece { text: *text, score: *score }).collect();
        let trie = Trie::new(&pieces, &chars, 2);
        let text: Vec<u32> = text.bytes().map(|byte| u32::from(byte - b'a') + 1).collect();
        let all = ways(&text, &pieces, &chars);
        let sum: f64 = all.iter().map(|(_, score)| score.exp()).sum();
        let mut expected: BTreeMap<u32, f64> = BTreeMap::new();
        for (way, score) in &all {
            for piece in way {
                *expected.entry(*piece).or_default() += score.exp() / sum;
            }
        }
        let mut lattice = Lattice::default();
        let mut found: BTreeMap<u32, f64> = BTreeMap::new();
        let log = lattice.marginals(&text, &trie, &pieces, |piece, share| *found.entry(piece).or_default() += share);
        prop_assert!((log - sum.ln()).abs() < 1e-9);
        for (piece, share) in &expected {
            prop_assert!((found[piece] - share).abs() < 1e-9);
        }
        let best = all.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
        let mut way = Vec::new();
        let score = lattice.best(&text, &trie, &pieces, None, |piece| way.push(piece)).expect("a way");
        way.reverse();
        prop_assert!((score - best).abs() < 1e-9);
        prop_assert!(all.iter().any(|(other, score)| *other == way && (score - best).abs() < 1e-9));
        let without = all.iter().filter(|(way, _)| !way.contains(&0)).map(|(_, score)| *score).reduce(f64::max);
        let found = lattice.best(&text, &trie, &pieces, Some(0), |_| ());
        prop_assert_eq!(found.is_some(), without.is_some());
        prop_assert!(found.zip(without).is_none_or(|(left, right)| (left - right).abs() < 1e-9));
    }

    #[test]
    fn candidates_are_what_repeats_and_goes_on_differently(text in "[abc]{1,6}( [abc]{1,6}){0,12}") {
        let segments = segments_of(&text);
        let chars_max = 4;
        // For each stretch: how often it was seen, and what came after it. Ends all differ.
        let mut counts: BTreeMap<Vec<u32>, (u64, BTreeSet<Option<u32>>)> = BTreeMap::new();
        for (segment, count) in segments.iter() {
            for begin in 0..segment.len() {
                for end in begin + 1..=segment.len() {
                    let (seen, after) = counts.entry(segment[begin..end].to_vec()).or_default();
                    *seen += count;
                    after.insert(segment.get(end).copied());
                }
            }
        }
        let expected: Vec<(Vec<u32>, f64)> = counts
            .into_iter()
            .filter(|(text, (seen, after))| {
                let differs = after.len() > 1 || after.contains(&None);
                text.len() == 1 || (text.len() <= chars_max && *seen > 1 && differs)
            })
            .map(|(text, (seen, _))| { let weight = seen * text.len() as u64; (text, weight as f64) })
            .collect();
        let found: Vec<(Vec<u32>, f64)> = seeds(&segments, chars_max, 1_000_000)
            .into_iter()
            .map(|(text, weight)| (text.of(&segments.chars).to_vec(), weight))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn keys_are_found_again(keys in prop::collection::btree_map("[a-d\u{e9}]{1,5}", 0..1000u32, 1..60), text in "[a-d\u{e9}]{0,7}") {
        let sorted: Vec<(&[u8], u32)> = keys.iter().map(|(key, value)| (key.as_bytes(), *value)).collect();
        let array = DoubleArray::new(&sorted);
        for (key, value) in &sorted {
            prop_assert_eq!(array.longest_prefix(key), Some((key.len(), *value)));
        }
        let longest = keys.iter().filter(|(key, _)| text.starts_with(*key)).max_by_key(|(key, _)| key.len());
        let expected = longest.map(|(key, value)| (key.len(), *value));
        prop_assert_eq!(array.longest_prefix(text.as_bytes()), expected);
    }

    #[test]
    fn what_is_no_key_is_not_found(keys in prop::collection::btree_set("[\u{1}-\u{7ff}]{1,3}", 1..200)) {
        let sorted: Vec<(&[u8], u32)> = keys.iter().map(|key| (key.as_bytes(), 7)).collect();
        let array = DoubleArray::new(&sorted);
        let is_key = |text: &[u8]| sorted.binary_search_by(|(key, _)| (*key).cmp(text)).is_ok();
        for (key, _) in sorted.iter().take(40) {
            for len in 0..key.len() {
                for byte in 1..=255 {
                    let text = [&key[..len], &[byte]].concat();
                    let longest = (1..=text.len()).rev().find(|len| is_key(&text[..*len]));
                    prop_assert_eq!(array.longest_prefix(&text).map(|(len, _)| len), longest);
                }
            }
        }
    }

    #[test]
    fn any_text_makes_a_model_or_an_error(text: String, identity: bool) {
        let normalization = if identity { Normalization::Identity } else { Normalization::NmtNfkc };
        let _ = file(text.as_bytes(), Options { normalization, ..options(300) });
    }
}
