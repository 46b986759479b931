//! Finds the segmentation of a word into pieces with the highest total score
//! (`src/unigram_model.cc: EncodeOptimized`).

use super::trie::Trie;

/// Penalty of an unknown character, relative to the worst piece.
const UNKNOWN_PENALTY: f32 = 10.0;

pub(super) struct Unigram {
    trie: Trie,
    /// The score of each piece: the logarithm of its probability.
    pub(super) scores: Vec<f32>,
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
    /// `pieces` are sorted by text and have numbers below `scores.len()`.
    pub(super) fn new(pieces: &[(&[u8], u32)], scores: Vec<f32>, unknown: u32) -> Self {
        let of_pieces = pieces.iter().map(|(_, id)| scores[*id as usize]);
        let unknown_score = of_pieces.fold(f32::MAX, f32::min) - UNKNOWN_PENALTY;
        Self { trie: Trie::new(pieces), scores, unknown, unknown_score }
    }

    /// Returns the score of a piece or of the unknown piece.
    #[inline]
    pub(super) fn score(&self, id: u32) -> f32 {
        if id == self.unknown { self.unknown_score } else { self.scores[id as usize] }
    }

    /// Segments `word` as SentencePiece does after a text with the score `before`: in single
    /// precision, and of equal segmentations the one whose last piece begins first.
    pub(super) fn cut(
        &self,
        word: &[u8],
        before: f32,
        steps: &mut Steps,
        pieces: &mut Vec<(u32, u32)>,
    ) {
        steps.clear(word);
        steps.0[0].score = before;
        self.each_piece(word, |start, end, id, score| {
            let score = steps.0[start].score + score;
            let step = &mut steps.0[end];
            if step.from == UNREACHED || score > step.score {
                *step = Step { score, from: start as u32, id, ..*step };
            }
        });
        steps.trace(pieces);
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

/// Returns the length of the UTF-8 character with this first byte; 1 for other bytes.
fn char_len(first: u8) -> usize {
    match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0.. => 4,
        _ => 1,
    }
}
