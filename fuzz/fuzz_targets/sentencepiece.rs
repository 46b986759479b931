//! Any bytes as a model of SentencePiece: opening it does not panic, and an open model cuts any text
//! into its pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use models::sentencepiece::{Model, Scratch};

fuzz_target!(|file: &[u8]| {
    let Ok(model) = shared::read(file, Model::open) else { return };
    let (pieces, mut scratch) = (model.pieces().count() as u32, Scratch::default());
    for text in ["the cat sat  on the mat", "", "▁▁ ﬁ naïve \u{0} 漢字\u{301}\n"] {
        let encoded = model.encode(text, &mut scratch);
        assert!(encoded.ids.iter().all(|id| *id < pieces));
    }
});
