//! The model file, a protocol buffer (`sentencepiece_model.proto`). Omitted fields have their default
//! in the schema.

use super::Options;
use super::normalization::Rules;

/// Kinds of pieces (`ModelProto.SentencePiece.Type`); 1 is the default.
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
/// `TrainerSpec.ModelType`.
const UNIGRAM: u64 = 1;

/// Pieces that do not occur in text; they come first.
pub(super) const SPECIAL: [(&str, u64); 3] =
    [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)];

/// The file's bytes.
pub(super) fn encode(
    pieces: &[(String, f32)],
    options: &Options,
    rules: Option<&Rules>,
) -> Vec<u8> {
    let mut model = Message::default();
    for (text, kind) in SPECIAL {
        let mut piece = Message::default();
        piece.bytes(1, text.as_bytes());
        piece.float(2, 0.0);
        piece.number(3, kind);
        model.bytes(1, &piece.0);
    }
    for (text, score) in pieces {
        let mut piece = Message::default();
        piece.bytes(1, text.as_bytes());
        piece.float(2, *score);
        model.bytes(1, &piece.0);
    }
    let mut trainer = Message::default();
    trainer.number(3, UNIGRAM);
    trainer.number(4, (pieces.len() + SPECIAL.len()) as u64);
    trainer.float(10, options.character_coverage as f32);
    trainer.number(14, options.seeds_max as u64);
    trainer.number(20, options.piece_chars_max as u64);
    trainer.number(33, u64::from(options.hard_limit));
    model.bytes(2, &trainer.0);

    let mut normalizer = Message::default();
    normalizer.bytes(1, options.normalization.name().as_bytes());
    normalizer.bytes(2, &rules.map(Rules::precompiled).unwrap_or_default());
    model.bytes(3, &normalizer.0);
    model.0
}

/// A message, field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
