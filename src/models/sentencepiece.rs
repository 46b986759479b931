//! SentencePiece's unigram models, read from its `.model` files; texts are cut into the pieces that
//! its own library gives.
//!
//! Upstream: google/sentencepiece. Its library rounds the running score of a whole text to single
//! precision, and so lets chance decide between ways to cut a word that are about equal. Here words
//! are cut one by one and remembered, with the distance of the second-best way; where that could
//! drown in upstream's rounding, the word is cut anew with upstream's running score. A text that
//! scores below -100 000, at about 50 KB, begins from 0 again at the next word, in newer versions
//! of the library at the next character.
//!
//! * `proto`: a model file, checked as it is read.
//! * `normalizer`: from a text to words with marks for their blanks.
//! * `trie`, `unigram`, `cache`: from words to pieces.
//!
//! Models of other kinds (BPE, words, characters), symbols defined by the user, and the fallback to
//! bytes are refused: CCNet's models have none.

mod cache;
mod normalizer;
mod proto;
#[cfg(test)]
mod tests;
mod trie;
mod unigram;

#[cfg(test)]
pub(crate) use tests::toy_file;

use crate::ModelError;
use cache::WordCache;
use normalizer::{MARK, Normalizer};
use proto::ModelProto;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use unigram::{Steps, Unigram};

/// A unigram model: give it a text, it gives its pieces.
pub struct Model {
    /// Tells a [`Scratch`] made for another model.
    id: u64,
    normalizer: Normalizer,
    unigram: Unigram,
    texts: Vec<Box<[u8]>>,
    /// No piece has a mark but at its beginning, so that a word may be cut by itself.
    cuts_at_marks: bool,
}

/// What a thread keeps between texts, so that they allocate nothing: buffers, and 512 KiB of words
/// seen lately. It never changes a result.
#[derive(Default)]
pub struct Scratch {
    /// The model that `cache` was filled by; 0 for none.
    model: u64,
    text: Vec<u8>,
    /// Where each word begins in `text`.
    words: Vec<u32>,
    cache: WordCache,
    steps: Steps,
    /// Of one word: the number of each and where it begins.
    pieces: Vec<(u32, u32)>,
    ids: Vec<u32>,
    unknown: Vec<Range<u32>>,
}

/// A text in pieces.
pub struct Encoded<'a> {
    /// The number of each piece.
    pub ids: &'a [u32],
    unknown_id: u32,
    unknown: &'a [Range<u32>],
    text: &'a [u8],
}

/// Longest text that is cut.
pub const TEXT_BYTES_MAX: usize = 1 << 30;

/// The running score is set back below this, as upstream does.
const SCORE_MIN: f32 = -100_000.0;
/// Stands for any distance that no rounding reaches.
const MARGIN_MAX: f64 = 1e4;

impl Model {
    /// Reads a model. The file may be damaged or hostile; it is held to its size.
    pub fn open(path: &Path) -> Result<Model, ModelError> {
        let file = std::fs::read(path)
            .map_err(|source| ModelError::Open { path: path.to_owned(), source })?;
        Self::read(&file, path)
    }

    /// Reads the bytes of a model; `path` is named in errors.
    fn read(file: &[u8], path: &Path) -> Result<Model, ModelError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        let damaged = |offset: usize, problem: &str| {
            let (path, offset) = (path.to_owned(), offset as u64);
            ModelError::Damaged { path, offset, problem: problem.into() }
        };
        let proto = ModelProto::read(file)
            .map_err(|offset| damaged(offset, "it is no SentencePiece model any more"))?;
        check_kind(&proto, path)?;
        let wrong = |problem: String| damaged(file.len(), &problem);
        let (pieces, unknown) = usable_pieces(&proto).map_err(wrong)?;

        let mut normalizer = Normalizer::new(proto.precompiled_charsmap)
            .map_err(|problem| damaged(file.len(), problem))?;
        normalizer.add_dummy_prefix = proto.add_dummy_prefix;
        normalizer.remove_extra_whitespaces = proto.remove_extra_whitespaces;

        let has_mark = |text: &[u8]| text.windows(MARK.len()).any(|part| part == MARK);
        let cuts_at_marks = pieces.iter().all(|(text, _)| !has_mark(&text[1..]))
            && proto.pieces.iter().all(|piece| piece.score <= 0.0);
        let scores = proto.pieces.iter().map(|piece| piece.score).collect();
        let unigram = Unigram::new(&pieces, scores, unknown);
        let texts = proto.pieces.iter().map(|piece| piece.text.into()).collect();
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Self { id, normalizer, unigram, texts, cuts_at_marks })
    }

    /// The texts of the pieces by their numbers, those included that no text ever gives.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(|text| &**text)
    }

    /// The number of what is no piece.
    pub fn unknown(&self) -> u32 {
        self.unigram.unknown
    }

    /// The pieces of a text. A scratch that served another model is cleared first.
    ///
    /// # Panics
    ///
    /// If the text is longer than [`TEXT_BYTES_MAX`].
    pub fn encode<'s>(&self, text: &str, scratch: &'s mut Scratch) -> Encoded<'s> {
        assert!(text.len() <= TEXT_BYTES_MAX, "a text of {} bytes", text.len());
        if scratch.model != self.id {
            (scratch.model, scratch.cache) = (self.id, WordCache::default());
        }
        scratch.ids.clear();
        scratch.unknown.clear();
        self.normalizer.normalize(text, &mut scratch.text, &mut scratch.words);
        self.cut_words(scratch);
        Encoded {
            ids: &scratch.ids,
            unknown_id: self.unigram.unknown,
            unknown: &scratch.unknown,
            text: &scratch.text,
        }
    }

    fn cut_words(&self, scratch: &mut Scratch) {
        let mut start = 0;
        let mut score = 0.0;
        for at in 0..scratch.words.len() {
            let end = scratch.words[at] as usize;
            let is_last = at + 1 == scratch.words.len();
            if start == end || !(self.cuts_at_marks || is_last) {
                continue;
            }
            if score < SCORE_MIN {
                score = 0.0;
            }
            score = match self.cut_cached(start..end, score, scratch) {
                Some(score) => score,
                None => self.cut_anew(start..end, score, scratch),
            };
            start = end;
        }
    }

    /// Adds the pieces of a word that was seen lately or is worth remembering. Gives the running score,
    /// `None` where the way to cut it depends on that.
    #[inline]
    fn cut_cached(&self, word: Range<usize>, before: f32, scratch: &mut Scratch) -> Option<f32> {
        let Scratch { text, cache, steps, pieces, ids, .. } = scratch;
        let word = &text[word];
        if !WordCache::takes(word) {
            return None;
        }
        let slot = cache.slot(word);
        if cache.get(slot, word).is_none() {
            let margin = self.unigram.cut_exactly(word, steps, pieces);
            let start = ids.len();
            ids.extend(pieces.iter().map(|(id, _)| *id));
            if !ids[start..].contains(&self.unigram.unknown) {
                cache.put(slot, word, &ids[start..], margin.min(MARGIN_MAX) as f32);
            }
            ids.truncate(start);
        }
        let cached = cache.get(slot, word)?;
        let score =
            cached.ids().iter().fold(before, |sum, id| sum + self.unigram.scores[*id as usize]);
        // Each of the additions on either way, one a byte at most, is off by half a unit in the
        // last place at most.
        let rounding = word.len() as f32 * (score.abs() + cached.margin) * f32::EPSILON;
        (cached.margin > rounding).then(|| {
            ids.extend_from_slice(cached.ids());
            score
        })
    }

    fn cut_anew(&self, word: Range<usize>, before: f32, scratch: &mut Scratch) -> f32 {
        let Scratch { text, steps, pieces, ids, unknown, .. } = scratch;
        self.unigram.cut(&text[word.clone()], before, steps, pieces);
        let ends = pieces.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([word.len() as u32]);
        let mut score = before;
        for ((id, start), end) in pieces.iter().zip(ends) {
            score += self.unigram.score(*id);
            let (start, end) = (start + word.start as u32, end + word.start as u32);
            if *id == self.unigram.unknown {
                // Unknown characters in a row are one piece.
                let open = unknown.last_mut().filter(|open| open.end == start);
                if let (Some(open), Some(last)) = (open, ids.last())
                    && *last == *id
                {
                    open.end = end;
                    continue;
                }
                unknown.push(start..end);
            }
            ids.push(*id);
        }
        score
    }
}

impl<'a> Encoded<'a> {
    /// The text of each unknown piece, in order.
    pub fn unknown(&self) -> impl Iterator<Item = &'a [u8]> {
        let text = self.text;
        self.unknown.iter().map(move |range| &text[range.start as usize..range.end as usize])
    }

    /// The number of each piece, with its text where it is unknown.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Option<&'a [u8]>)> {
        let mut unknown = self.unknown();
        let unknown_id = self.unknown_id;
        self.ids.iter().map(move |id| {
            let text = if *id == unknown_id { unknown.next() } else { None };
            (*id, text)
        })
    }
}

fn check_kind(proto: &ModelProto<'_>, path: &Path) -> Result<(), ModelError> {
    use proto::{PIECE_CONTROL, PIECE_NORMAL, PIECE_UNKNOWN, PIECE_UNUSED, TYPE_UNIGRAM};
    let is_known =
        |kind: u64| matches!(kind, PIECE_NORMAL | PIECE_UNKNOWN | PIECE_CONTROL | PIECE_UNUSED);
    let problem = if proto.pieces.is_empty() {
        "is no SentencePiece model: it has no pieces"
    } else if proto.model_type != TYPE_UNIGRAM {
        "is no unigram model"
    } else if proto.byte_fallback {
        "falls back to bytes"
    } else if proto.treat_whitespace_as_suffix || !proto.escape_whitespaces {
        "marks blanks in another way than at the beginning of words"
    } else if !proto.pieces.iter().all(|piece| is_known(piece.kind)) {
        "has symbols defined by its user, or bytes"
    } else {
        return Ok(());
    };
    Err(ModelError::Unsupported {
        path: path.to_owned(),
        problem: problem.into(),
        remedy: "give a unigram model as CCNet trains them",
    })
}

/// Pieces with their numbers, in order of their texts.
type Pieces<'f> = Vec<(&'f [u8], u32)>;

/// The pieces that texts are cut into, and the number of what is none.
fn usable_pieces<'f>(proto: &ModelProto<'f>) -> Result<(Pieces<'f>, u32), String> {
    let mut pieces = Vec::new();
    let mut unknown = None;
    for (id, piece) in (0..).zip(&proto.pieces) {
        if !piece.score.is_finite() {
            return Err(format!("the score of piece {id} is {}", piece.score));
        }
        match piece.kind {
            proto::PIECE_NORMAL if piece.text.is_empty() => {
                return Err(format!("piece {id} is empty"));
            }
            proto::PIECE_NORMAL => pieces.push((piece.text, id)),
            proto::PIECE_UNKNOWN => unknown = unknown.or(Some(id)),
            _ => {}
        }
    }
    pieces.sort_unstable();
    if let Some(pair) = pieces.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("pieces {} and {} are the same", pair[0].1, pair[1].1));
    }
    let unknown = unknown.ok_or("it has no piece for what is unknown")?;
    match pieces.is_empty() {
        false => Ok((pieces, unknown)),
        true => Err("it has no pieces for texts".into()),
    }
}
