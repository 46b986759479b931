//! A text as an evaluation set and as a document: the document has the set's n-grams, and cutting them
//! leaves parts of it.

#![no_main]

use contamination::{Builder, Cutting, Rule, Scratch, cut};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (set, document) = text.split_once('\0').unwrap_or((text, text));
    let rule = Rule { ngram: 3, words_min: 2 };
    let mut builder = Builder::new(rule);
    builder.begin_set("a");
    for (line, text) in (1..).zip(set.split('\n')) {
        builder.add(line, "text", text).expect("a small set");
    }
    let index = builder.finish();
    let mut scratch = Scratch::default();
    if index.sets()[0].texts > 0 {
        assert!(index.scan(set, &mut scratch).is_some(), "a set does not have its own texts");
    }
    let Some(found) = index.scan(document, &mut scratch) else { return };
    let cutting = Cutting { window_chars: 2, piece_chars_min: 3, pieces_max: 4 };
    if let Some(left) = cut(document, &found.passages, cutting) {
        let removed: usize = left.removed.iter().map(|range| document[range.clone()].len()).sum();
        let breaks = left.text.len() + removed - document.len();
        assert!(breaks < cutting.pieces_max && !left.text.is_empty(), "{left:?}");
    }
});
