//! Reads SentencePiece's unigram models from its `.model` files, and segments texts into the same
//! pieces as its own library.
//!
//! Upstream: google/sentencepiece. Its library rounds the running score of a whole text to single
//! precision, so rounding decides between segmentations of a word with nearly equal scores. Here
//! words are segmented one by one and cached, with the margin to the second-best segmentation. If
//! the margin is within upstream's rounding error, the word is segmented again with upstream's
//! running score. When a text's score falls below -100 000, at about 50 KB, it restarts from 0 at
//! the next word; newer versions of the library restart at the next character.
//!
//! * `proto`: a model file, checked as it is read.
//! * `normalizer`: from a text to words with marks for their blanks.
//! * `trie`, `unigram`, `cache`: from words to pieces.
//!
//! Models of other kinds (BPE, words, characters), user-defined symbols and byte fallback are
//! refused, since CCNet's models have none.

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

/// A unigram model, which segments texts into pieces.
pub struct Model {
    /// Identifies the model to a [`Scratch`].
    id: u64,
    normalizer: Normalizer,
    unigram: Unigram,
    texts: Vec<Box<[u8]>>,
    /// Whether pieces have marks only at their beginning, so that words can be segmented
    /// separately.
    cuts_at_marks: bool,
}

/// Reusable memory of a thread, so that segmenting does not allocate: buffers, and a cache of words
/// of 512 KiB. It does not affect results.
#[derive(Default)]
pub struct Scratch {
    /// The model that filled `cache`; 0 for none.
    model: u64,
    text: Vec<u8>,
    /// The offset of each word in `text`.
    words: Vec<u32>,
    cache: WordCache,
    steps: Steps,
    /// The pieces of one word: the number and offset of each.
    pieces: Vec<(u32, u32)>,
    ids: Vec<u32>,
    unknown: Vec<Range<u32>>,
}

/// A segmented text.
pub struct Encoded<'a> {
    /// The number of each piece.
    pub ids: &'a [u32],
    unknown_id: u32,
    unknown: &'a [Range<u32>],
    text: &'a [u8],
}

/// Longest text that can be segmented.
pub const TEXT_BYTES_MAX: usize = 1 << 30;

/// The running score is reset below this, as upstream.
const SCORE_MIN: f32 = -100_000.0;
/// A margin that exceeds any rounding error.
const MARGIN_MAX: f64 = 1e4;

impl Model {
    /// Reads a model. The file is not trusted: memory is bounded by its size.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is damaged, or is not a supported unigram model.
    ///
    /// ```no_run
    /// use models::sentencepiece::{Model, Scratch};
    ///
    /// # fn main() -> Result<(), models::ModelError> {
    /// let model = Model::open("en.sp.model".as_ref())?;
    /// println!("{:?}", model.encode("the rain fell", &mut Scratch::default()).ids);
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(path: &Path) -> Result<Model, ModelError> {
        let file = std::fs::read(path)
            .map_err(|source| ModelError::Open { path: path.to_owned(), source })?;
        Self::read(&file, path)
    }

    /// Reads the bytes of a model; `path` is for errors.
    fn read(file: &[u8], path: &Path) -> Result<Model, ModelError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        let damaged = |offset: usize, problem: &str| {
            let (path, offset) = (path.to_owned(), offset as u64);
            ModelError::Damaged { path, offset, problem: problem.into() }
        };
        let proto = ModelProto::read(file).map_err(|offset| {
            damaged(offset, "it is not a valid SentencePiece model from here on")
        })?;
        check_kind(&proto, path)?;
        let invalid = |problem: String| damaged(file.len(), &problem);
        let (pieces, unknown) = usable_pieces(&proto).map_err(invalid)?;

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

    /// Returns the texts of all pieces by number, including control pieces and unused ones.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(|text| &**text)
    }

    /// Returns the number of unknown pieces.
    pub fn unknown(&self) -> u32 {
        self.unigram.unknown
    }

    /// Segments a text. A scratch of another model is cleared first.
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

    /// Adds the pieces of a word from the cache, or caches them. Returns the running score, or
    /// `None` if the segmentation depends on that score.
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
        // Each addition on either path, at most one per byte, is off by at most half a unit in the
        // last place.
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
                // Consecutive unknown characters are one piece.
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
    /// Returns the text of each unknown piece, in order.
    pub fn unknown(&self) -> impl Iterator<Item = &'a [u8]> {
        let text = self.text;
        self.unknown.iter().map(move |range| &text[range.start as usize..range.end as usize])
    }

    /// Returns the number of each piece, with its text if it is unknown.
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
        "is not a SentencePiece model: it has no pieces"
    } else if proto.model_type != TYPE_UNIGRAM {
        "is not a unigram model"
    } else if proto.byte_fallback {
        "uses byte fallback"
    } else if proto.treat_whitespace_as_suffix || !proto.escape_whitespaces {
        "does not mark blanks at the beginning of words"
    } else if !proto.pieces.iter().all(|piece| is_known(piece.kind)) {
        "has user-defined symbols or byte pieces"
    } else {
        return Ok(());
    };
    Err(ModelError::Unsupported {
        path: path.to_owned(),
        problem: problem.into(),
        remedy: "use a unigram model such as CCNet's",
    })
}

/// Pieces with their numbers, sorted by text.
type Pieces<'f> = Vec<(&'f [u8], u32)>;

/// Returns the pieces that occur in texts, and the number of unknown pieces.
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
    let unknown = unknown.ok_or("it has no unknown piece")?;
    if !pieces.is_empty() {
        Ok((pieces, unknown))
    } else {
        Err("it has no pieces for texts".into())
    }
}
