//! Any text through the rules of CCNet, C4 and near copies: nothing panics, and results are
//! reproducible.

#![no_main]

use libfuzzer_sys::fuzz_target;
use models::language::LanguageIdentifier;
use models::wikiref;
use similarity::{MinHash, Passages, Scratch, Shape, Sketch, simhash, similarity};
use std::cell::{LazyCell, RefCell};
use text::{c4, ccnet, python, references::references};

thread_local! {
    static MINHASH: LazyCell<MinHash> = LazyCell::new(|| MinHash::new(Shape::default()));
    static PASSAGES: RefCell<Passages> = RefCell::new(Passages::new(Passages::BYTES_MIN));
    static LANGUAGE: LazyCell<LanguageIdentifier> = LazyCell::new(LanguageIdentifier::builtin);
}

fuzz_target!(|text: &str| {
    let (mut normal, mut scratch) = (String::new(), Vec::new());
    ccnet::normalize_for_lm(text, &mut normal);
    for line in text.split('\n') {
        let key = ccnet::paragraph_key(line, &mut scratch);
        assert_eq!(key, ccnet::paragraph_key(line, &mut Vec::new()), "{line:?}");
        ccnet::normalize_paragraph(line);
        c4::line_key(line);
    }
    if let Some(page) = ccnet::page(text) {
        let _ = page;
    }
    ccnet::source_domain(text);
    let page = c4::page(text);
    c4::tidy(&page);
    c4::normalize_url(text);
    assert!(!python::strip(text).starts_with(' '));
    wikiref::in_one_line(text);
    references(text);
    simhash(text);
    let sketch =
        MINHASH.with(|minhash| minhash.bands(text, &mut Scratch::default(), &mut Vec::new()));
    assert!(sketch == Sketch::default() || similarity(&sketch, &sketch) == 1.0);
    for passage in PASSAGES.with_borrow_mut(|passages| passages.of(text)) {
        assert!(text[passage.range].len() >= Passages::BYTES_MIN, "{text:?}");
    }
    LANGUAGE.with(|language| {
        let found = language.identify(text);
        assert!((0.0..=1.0).contains(&found.score), "{found:?}");
    });
});
