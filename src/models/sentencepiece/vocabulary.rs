//! The pieces of a model by their kinds, checked.

use super::normalizer::MARK;
use super::proto::{
    ModelProto, PIECE_BYTE, PIECE_CONTROL, PIECE_NORMAL, PIECE_UNKNOWN, PIECE_UNUSED,
    PIECE_USER_DEFINED,
};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Pieces with their numbers, sorted by text.
pub(super) type Pieces<'f> = Vec<(&'f [u8], u32)>;

/// The pieces of a model file.
pub(super) struct Vocabulary<'f> {
    /// Pieces that occur in texts: normal ones and user-defined symbols.
    pub(super) pieces: Pieces<'f>,
    /// The texts of the user-defined symbols, sorted.
    pub(super) symbols: Vec<&'f [u8]>,
    /// Pieces that text is not segmented into, though it may be merged into them on the way.
    pub(super) unused: Pieces<'f>,
    /// The number of unknown pieces.
    pub(super) unknown: u32,
    /// The piece of each byte, if unknown characters are written as bytes.
    pub(super) bytes: Option<Box<[u32; 256]>>,
}

/// Where a text can be cut so that no piece crosses the cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    BeforeMarks,
    AfterMarks,
    Nowhere,
}

impl<'f> Vocabulary<'f> {
    /// Sorts the pieces of a file. The error describes what is wrong with them.
    pub(super) fn new(proto: &ModelProto<'f>) -> Result<Vocabulary<'f>, String> {
        let (mut pieces, mut symbols, mut unused) = (Vec::new(), Vec::new(), Vec::new());
        let mut unknown = None;
        for (id, piece) in (0..).zip(&proto.pieces) {
            if !piece.score.is_finite() {
                return Err(format!("the score of piece {id} is {}", piece.score));
            }
            if piece.text.is_empty() && piece.kind != PIECE_UNKNOWN {
                return Err(format!("piece {id} is empty"));
            }
            match piece.kind {
                PIECE_NORMAL => pieces.push((piece.text, id)),
                PIECE_USER_DEFINED => {
                    pieces.push((piece.text, id));
                    symbols.push(piece.text);
                }
                PIECE_UNUSED => unused.push((piece.text, id)),
                PIECE_UNKNOWN => unknown = unknown.or(Some(id)),
                // These stand for something else than their text.
                PIECE_CONTROL | PIECE_BYTE => {}
                other => return Err(format!("piece {id} is of the unknown kind {other}")),
            }
        }
        symbols.sort_unstable();
        pieces.sort_unstable();
        let mut texts = [&pieces[..], &unused].concat();
        texts.sort_unstable();
        if let Some(pair) = texts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("pieces {} and {} are the same", pair[0].1, pair[1].1));
        }
        let unknown = unknown.ok_or("it has no unknown piece")?;
        if pieces.is_empty() {
            return Err("it has no pieces for texts".into());
        }
        let bytes = if proto.byte_fallback { Some(byte_pieces(proto)?) } else { None };
        Ok(Vocabulary { pieces, symbols, unused, unknown, bytes })
    }

    /// Where a text can be cut, by the marks of blanks in the pieces.
    pub(super) fn cut(&self) -> Cut {
        let has_mark = |text: &[u8]| text.windows(MARK.len()).any(|part| part == MARK);
        let all = |is: &dyn Fn(&[u8]) -> bool| self.pieces.iter().all(|(text, _)| is(text));
        if all(&|text| !has_mark(&text[1..])) {
            Cut::BeforeMarks
        } else if all(&|text| !has_mark(&text[..text.len() - 1])) {
            Cut::AfterMarks
        } else {
            Cut::Nowhere
        }
    }
}

/// Returns the number of the piece of each byte, `<0x00>` to `<0xFF>`.
fn byte_pieces(proto: &ModelProto<'_>) -> Result<Box<[u32; 256]>, String> {
    let mut found = Box::new([u32::MAX; 256]);
    for (id, piece) in (0..).zip(&proto.pieces).filter(|(_, piece)| piece.kind == PIECE_BYTE) {
        let text = str::from_utf8(piece.text).unwrap_or_default();
        let digits = text.strip_prefix("<0x").and_then(|text| text.strip_suffix('>'));
        let byte = digits.filter(|digits| digits.len() == 2);
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let byte = byte.ok_or_else(|| format!("piece {id} is not the name of a byte"))?;
        found[usize::from(byte)] = id;
    }
    match found.iter().position(|id| *id == u32::MAX) {
        Some(byte) => Err(format!("it uses byte fallback, but has no piece <0x{byte:02X}>")),
        None => Ok(found),
    }
}

/// Finds the number of a piece by its text. Reserved pieces are never found in texts.
pub(super) struct Numbers {
    pieces: HashMap<Box<[u8]>, u32, RandomState>,
    unknown: u32,
}

impl Numbers {
    pub(super) fn new(vocabulary: &Vocabulary<'_>) -> Numbers {
        let all = vocabulary.pieces.iter().chain(&vocabulary.unused);
        let pieces = all.map(|(text, id)| (Box::from(*text), *id)).collect();
        Numbers { pieces, unknown: vocabulary.unknown }
    }

    /// Returns the piece with this text, if there is one.
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        self.pieces.get(text).copied()
    }

    /// Returns the piece with this text, or that of unknown texts.
    pub(super) fn of(&self, text: &[u8]) -> u32 {
        self.find(text).unwrap_or(self.unknown)
    }
}
