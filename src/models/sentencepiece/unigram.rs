//! Finds the segmentation of a word into pieces with the highest total score
//! (`src/unigram_model.cc: EncodeOptimized`).

use super::symbols::char_len;
use super::trie::Trie;
use super::vocabulary::Vocabulary;
use std::ops::Range;

/// Penalty of an unknown character, relative to the worst piece.
const UNKNOWN_PENALTY: f32 = 10.0;
/// Score of each byte of a user-defined symbol after the first, so that it is always chosen.
const SYMBOL_SCORE: f32 = 0.1;
/// The running score restarts from 0 beyond this, so that it stays precise.
const SCORE_MAX: f32 = 100_000.0;

pub(super) struct Unigram {
    trie: Trie,
    /// The score of each piece: the logarithm of its probability.
    scores: Vec<f32>,
    /// Whether no score is positive, so that the running score never rises.
    never_rises: bool,
    /// The number of unknown pieces.
    pub(super) unknown: u32,
    unknown_score: f32,
}

/// The best segmentations of a word up to some byte.
#[derive(Clone, Copy)]
struct Step {
    score: f32,
    exact: f64,
    second: f64,
    from: u32,
    id: u32,
}

const UNREACHED: u32 = u32::MAX;
const START: Step = Step { score: 0.0, exact: 0.0, second: f64::NEG_INFINITY, from: 0, id: 0 };
const NOWHERE: Step = Step { from: UNREACHED, ..START };

/// Scratch for the steps through a word, reused for the next.
#[derive(Default)]
pub(super) struct Steps(Vec<Step>);

impl Steps {
    fn clear(&mut self, word: &[u8]) {
        self.0.clear();
        self.0.resize(word.len() + 1, NOWHERE);
        self.0[0] = START;
    }

    /// Restarts the running score from 0 at the begin of `open`, the steps reached so far, if it is
    /// too large. Differences between steps stay.
    fn restart(&mut self, open: Range<usize>) {
        let offset = self.0[open.start].score;
        if offset.abs() > SCORE_MAX {
            let open = self.0[open].iter_mut().filter(|step| step.from != UNREACHED);
            open.for_each(|step| step.score -= offset);
        }
    }

    /// Writes the pieces of the best segmentation, with their offsets, to `pieces`.
    fn trace(&self, pieces: &mut Vec<(u32, u32)>) {
        pieces.clear();
        let mut at = self.0.len() - 1;
        while at > 0 {
            let step = self.0[at];
            pieces.push((step.id, step.from));
            at = step.from as usize;
        }
        pieces.reverse();
    }
}

impl Unigram {
    /// `scores` has the score of each piece by its number.
    pub(super) fn new(vocabulary: &Vocabulary<'_>, mut scores: Vec<f32>) -> Self {
        let is_symbol = |text: &[u8]| vocabulary.symbols.binary_search(&text).is_ok();
        let mut worst = f32::MAX;
        for (text, id) in &vocabulary.pieces {
            let score = &mut scores[*id as usize];
            if is_symbol(text) {
                *score = SYMBOL_SCORE * (text.len() - 1) as f32;
            } else {
                worst = worst.min(*score);
            }
        }
        let never_rises = scores.iter().all(|score| *score <= 0.0);
        let (trie, unknown) = (Trie::new(&vocabulary.pieces), vocabulary.unknown);
        Self { trie, scores, never_rises, unknown, unknown_score: worst - UNKNOWN_PENALTY }
    }

    /// Returns the running score after the pieces `ids`, none of which is unknown, if the score
    /// neither rises nor restarts on the way.
    #[inline]
    pub(super) fn after(&self, before: f32, ids: &[u32]) -> Option<f32> {
        let score = ids.iter().fold(before, |sum, id| sum + self.scores[*id as usize]);
        (self.never_rises && before <= 0.0 && score >= -SCORE_MAX).then_some(score)
    }

    /// Segments `word` as SentencePiece does after a text with the score `before`: in single
    /// precision, and of equal segmentations the one whose last piece begins first. Returns the score
    /// after it.
    pub(super) fn cut(
        &self,
        word: &[u8],
        before: f32,
        steps: &mut Steps,
        pieces: &mut Vec<(u32, u32)>,
    ) -> f32 {
        steps.clear(word);
        steps.0[0].score = before;
        let (mut at, mut reached) = (usize::MAX, 0);
        self.each_piece(word, |start, end, id, score| {
            if start != at {
                at = start;
                steps.restart(start..reached.max(start) + 1);
            }
            reached = reached.max(end);
            let score = steps.0[start].score + score;
            let step = &mut steps.0[end];
            if step.from == UNREACHED || score > step.score {
                *step = Step { score, from: start as u32, id, ..*step };
            }
        });
        steps.trace(pieces);
        steps.0.last().map_or(before, |last| last.score)
    }

    /// Segments `word` without rounding, and returns the margin to the second-best segmentation.
    pub(super) fn cut_exactly(
        &self,
        word: &[u8],
        steps: &mut Steps,
        pieces: &mut Vec<(u32, u32)>,
    ) -> f64 {
        steps.clear(word);
        self.each_piece(word, |start, end, id, score| {
            let Step { exact, second, .. } = steps.0[start];
            let (best, other) = (exact + f64::from(score), second + f64::from(score));
            let step = &mut steps.0[end];
            if step.from == UNREACHED {
                *step = Step { exact: best, second: other, from: start as u32, id, ..*step };
            } else if best > step.exact {
                let second = step.exact.max(other);
                *step = Step { exact: best, second, from: start as u32, id, ..*step };
            } else {
                step.second = step.second.max(best);
            }
        });
        steps.trace(pieces);
        steps.0.last().map_or(0.0, |last| last.exact - last.second)
    }

    /// Calls `visit` with begin, end, number and score of each piece in `word`, sorted by begin and
    /// length. A character that is not a piece is unknown.
    #[inline]
    fn each_piece(&self, word: &[u8], mut visit: impl FnMut(usize, usize, u32, f32)) {
        let mut start = 0;
        while start < word.len() {
            let next = word.len().min(start + char_len(word[start]));
            let mut has_next = false;
            self.trie.prefixes(word, start, |end, id| {
                has_next |= end == next;
                visit(start, end, id, self.scores[id as usize]);
            });
            if !has_next {
                visit(start, next, self.unknown, self.unknown_score);
            }
            start = next;
        }
    }
}
