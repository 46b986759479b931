//! Reads SentencePiece's models from their `.model` files, and segments texts into the same pieces as
//! its own library.
//!
//! Upstream: google/sentencepiece. Its unigram models, such as CCNet's, round the running score of a
//! whole text to single precision, so rounding decides between segmentations of a word with nearly
//! equal scores. Here words are segmented one by one and cached, with the margin to the second-best
//! segmentation. If the margin is within upstream's rounding error, the word is segmented again with
//! upstream's running score. When that falls below -100 000, at about 50 KB, it restarts from 0 at the
//! next character, as in version 0.2.3.
//!
//! * `proto`: a model file, checked as it is read.
//! * `vocabulary`: its pieces, by their kinds.
//! * `normalizer`: from a text to words with marks for their blanks.
//! * `symbols`: user-defined symbols, which are always pieces.
//! * `unigram`, `bpe`: from words to pieces; `trie`, `cache`: their tools. Models of characters and of
//!   words need none.

mod bpe;
mod cache;
mod normalizer;
mod proto;
mod symbols;
#[cfg(test)]
mod tests;
mod trie;
mod unigram;
mod vocabulary;

#[cfg(test)]
pub(crate) use tests::toy_file;

use crate::ModelError;
use bpe::{Bpe, Merges};
use cache::WordCache;
use normalizer::{MARK, Normalizer};
use proto::ModelProto;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use symbols::Symbols;
use unigram::{Steps, Unigram};
use vocabulary::{Cut, Numbers, Vocabulary};

/// A model, which segments texts into pieces.
pub struct Model {
    /// Identifies the model to a [`Scratch`].
    id: u64,
    normalizer: Normalizer,
    segmenter: Segmenter,
    symbols: Symbols,
    texts: Vec<Box<[u8]>>,
    /// The number of unknown pieces.
    unknown: u32,
    /// The pieces that unknown characters are replaced with, byte by byte.
    bytes: Option<Box<[u32; 256]>>,
    /// Where words can be segmented separately.
    cut: Cut,
}

/// How a model segments.
enum Segmenter {
    Unigram(Unigram),
    Bpe(Bpe),
    Characters(Numbers),
    Words(Numbers),
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
    merges: Merges,
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

/// A margin that exceeds any rounding error.
const MARGIN_MAX: f64 = 1e4;

impl Model {
    /// Reads a model. The file is not trusted: memory is bounded by its size.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is damaged, or is not a SentencePiece model.
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
        if proto.pieces.is_empty() {
            return Err(ModelError::Unsupported {
                path: path.to_owned(),
                problem: "is not a SentencePiece model: it has no pieces".into(),
                remedy: "use the .model file that spm_train or `sluice train lm` writes",
            });
        }
        let invalid = |problem: String| damaged(file.len(), &problem);
        let vocabulary = Vocabulary::new(&proto).map_err(invalid)?;
        let scores: Vec<f32> = proto.pieces.iter().map(|piece| piece.score).collect();
        let segmenter = match proto.model_type {
            proto::TYPE_UNIGRAM => Segmenter::Unigram(Unigram::new(&vocabulary, scores)),
            proto::TYPE_BPE => Segmenter::Bpe(Bpe::new(&vocabulary, scores)),
            proto::TYPE_CHAR => Segmenter::Characters(Numbers::new(&vocabulary)),
            proto::TYPE_WORD => Segmenter::Words(Numbers::new(&vocabulary)),
            other => return Err(invalid(format!("its kind of model, {other}, is not known"))),
        };
        // How an unused piece is taken apart may depend on any other place in the text.
        let cut = match segmenter {
            Segmenter::Bpe(_) if !vocabulary.unused.is_empty() => Cut::Nowhere,
            _ => vocabulary.cut(),
        };
        let symbols = || Symbols::new(&vocabulary.symbols);
        let mut normalizer = Normalizer::new(proto.precompiled_charsmap, symbols())
            .map_err(|problem| damaged(file.len(), problem))?;
        normalizer.add_dummy_prefix = proto.add_dummy_prefix;
        normalizer.remove_extra_whitespaces = proto.remove_extra_whitespaces;
        normalizer.escape_whitespaces = proto.escape_whitespaces;
        normalizer.treat_whitespace_as_suffix = proto.treat_whitespace_as_suffix;

        let texts = proto.pieces.iter().map(|piece| piece.text.into()).collect();
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let (symbols, unknown) = (symbols(), vocabulary.unknown);
        let bytes = vocabulary.bytes;
        Ok(Self { id, normalizer, segmenter, symbols, texts, unknown, bytes, cut })
    }

    /// Returns the texts of all pieces by number, including control pieces and unused ones.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(|text| &**text)
    }

    /// Returns the number of unknown pieces.
    pub fn unknown(&self) -> u32 {
        self.unknown
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
        match &self.segmenter {
            Segmenter::Unigram(unigram) => self.by_unigram(unigram, scratch),
            Segmenter::Bpe(bpe) => self.by_bpe(bpe, scratch),
            Segmenter::Characters(numbers) => {
                self.by_ends(numbers, scratch, |text, at| self.symbols.next(text, at).0);
            }
            Segmenter::Words(numbers) => self.by_ends(numbers, scratch, word_end),
        }
        Encoded {
            ids: &scratch.ids,
            unknown_id: self.unknown,
            unknown: &scratch.unknown,
            text: &scratch.text,
        }
    }

    /// Returns the word of the normalized text that begins at `start` and ends at `words[at]`, or
    /// later if the text cannot be cut there.
    fn word(&self, start: usize, at: usize, scratch: &Scratch) -> Option<Range<usize>> {
        let is_last = at + 1 == scratch.words.len();
        let end = match self.cut {
            _ if is_last => scratch.text.len(),
            Cut::BeforeMarks => scratch.words[at] as usize,
            Cut::AfterMarks => scratch.words[at] as usize + MARK.len(),
            Cut::Nowhere => return None,
        };
        Some(start..end).filter(|word| !word.is_empty())
    }

    fn by_unigram(&self, unigram: &Unigram, scratch: &mut Scratch) {
        let mut start = 0;
        let mut score = 0.0;
        for at in 0..scratch.words.len() {
            let Some(word) = self.word(start, at, scratch) else { continue };
            start = word.end;
            score = match self.cut_cached(unigram, word.clone(), score, scratch) {
                Some(score) => score,
                None => self.cut_anew(unigram, word, score, scratch),
            };
        }
    }

    /// Adds the pieces of a word from the cache, or caches them. Returns the running score, or
    /// `None` if the segmentation depends on that score.
    #[inline]
    fn cut_cached(
        &self,
        unigram: &Unigram,
        word: Range<usize>,
        before: f32,
        scratch: &mut Scratch,
    ) -> Option<f32> {
        let Scratch { text, cache, steps, pieces, ids, .. } = scratch;
        let word = &text[word];
        if !WordCache::takes(word) {
            return None;
        }
        let slot = cache.slot(word);
        if cache.get(slot, word).is_none() {
            let margin = unigram.cut_exactly(word, steps, pieces);
            cache_pieces(cache, slot, word, pieces, self.unknown, margin.min(MARGIN_MAX) as f32);
        }
        let cached = cache.get(slot, word)?;
        let score = unigram.after(before, cached.ids())?;
        // Each addition on either path, at most one per byte, is off by at most half a unit in the
        // last place.
        let rounding = word.len() as f32 * (score.abs() + cached.margin) * f32::EPSILON;
        (cached.margin > rounding).then(|| {
            ids.extend_from_slice(cached.ids());
            score
        })
    }

    fn cut_anew(
        &self,
        unigram: &Unigram,
        word: Range<usize>,
        before: f32,
        scratch: &mut Scratch,
    ) -> f32 {
        let Scratch { text, steps, pieces, .. } = scratch;
        let score = unigram.cut(&text[word.clone()], before, steps, pieces);
        self.write(word, scratch);
        score
    }

    fn by_bpe(&self, bpe: &Bpe, scratch: &mut Scratch) {
        let mut start = 0;
        for at in 0..scratch.words.len() {
            let Some(word) = self.word(start, at, scratch) else { continue };
            start = word.end;
            let Scratch { text, cache, merges, pieces, ids, .. } = scratch;
            let bytes = &text[word.clone()];
            let slot = cache.slot(bytes);
            if let Some(cached) = cache.get(slot, bytes) {
                ids.extend_from_slice(cached.ids());
                continue;
            }
            bpe.cut(bytes, &self.symbols, merges, pieces);
            cache_pieces(cache, slot, bytes, pieces, self.unknown, 0.0);
            self.write(word, scratch);
        }
    }

    /// Segments a text into the parts that `end` returns for their beginnings.
    fn by_ends(
        &self,
        numbers: &Numbers,
        scratch: &mut Scratch,
        end: impl Fn(&[u8], usize) -> usize,
    ) {
        let Scratch { text, pieces, .. } = scratch;
        pieces.clear();
        let mut start = 0;
        while start < text.len() {
            let end = end(text, start);
            pieces.push((numbers.of(&text[start..end]), start as u32));
            start = end;
        }
        let whole = 0..text.len();
        self.write(whole, scratch);
    }

    /// Adds `scratch.pieces`, those of a word, to the result. Consecutive unknown pieces are one.
    /// With byte fallback, they are their bytes.
    fn write(&self, word: Range<usize>, scratch: &mut Scratch) {
        let Scratch { text, pieces, ids, unknown, .. } = scratch;
        let ends = pieces.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([word.len() as u32]);
        for ((id, start), end) in pieces.iter().zip(ends) {
            let (start, end) = (start + word.start as u32, end + word.start as u32);
            if *id != self.unknown {
                ids.push(*id);
            } else if let Some(bytes) = &self.bytes {
                let part = &text[start as usize..end as usize];
                ids.extend(part.iter().map(|byte| bytes[usize::from(*byte)]));
            } else if let Some(open) = unknown.last_mut().filter(|open| open.end == start)
                && ids.last() == Some(id)
            {
                open.end = end;
            } else {
                unknown.push(start..end);
                ids.push(*id);
            }
        }
    }
}

/// Caches the pieces of a word, unless one of them is unknown.
fn cache_pieces(
    cache: &mut WordCache,
    slot: usize,
    word: &[u8],
    pieces: &[(u32, u32)],
    unknown: u32,
    margin: f32,
) {
    if pieces.iter().all(|(id, _)| *id != unknown) {
        cache.put(slot, word, pieces.iter().map(|(id, _)| *id), margin);
    }
}

/// Returns the end of the word at `start`: the next mark.
fn word_end(text: &[u8], start: usize) -> usize {
    let next = text[start + 1..].windows(MARK.len()).position(|part| part == MARK);
    next.map_or(text.len(), |next| start + 1 + next)
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
