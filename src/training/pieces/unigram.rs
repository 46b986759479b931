//! Selection and probabilities of pieces (`unigram_model_trainer.cc`): expectation maximization, in
//! which each round removes the quarter of the pieces whose loss costs least.

use super::lattice::{Lattice, Piece, Trie};
use super::seeds::seeds;
use super::segments::Segments;
use super::{Options, Progress};

/// Pieces with a smaller expected count are dropped.
const EXPECTED_MIN: f64 = 0.5;
/// Share of the pieces that remain after each round.
const SHRINKING: f64 = 0.75;
/// Updates of the probabilities in each round.
const UPDATES: usize = 2;
/// Factor by which the rounds keep more pieces than requested, to choose from at the end.
const SURPLUS: f64 = 1.1;

/// Returns the best pieces for the text, the most probable first: at most `pieces_max`, including all
/// single characters.
pub(super) fn train(
    segments: &Segments,
    pieces_max: usize,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Vec<Piece> {
    let enough = (pieces_max as f64 * SURPLUS) as usize;
    progress(Progress { stage: "collecting candidates", done: 0, total: None });
    let seeds = seeds(segments, options.piece_chars_max, options.seeds_max);
    let log_sum = seeds.iter().map(|(_, weight)| weight).sum::<f64>().ln();
    let mut trainer = Trainer { segments, pieces: Vec::new(), lattice: Lattice::default() };
    trainer.pieces = seeds
        .iter()
        .map(|(text, weight)| Piece { text: *text, score: weight.ln() - log_sum })
        .collect();

    let rounds = (trainer.pieces.len() as f64 / enough as f64).ln() / -SHRINKING.ln();
    let total = Some(rounds.max(0.0).ceil() as u64 + 1);
    for round in 0.. {
        progress(Progress { stage: "choosing pieces", done: round, total });
        for _ in 0..UPDATES {
            trainer.update();
        }
        if trainer.pieces.len() <= enough || !trainer.prune(enough) {
            break;
        }
    }
    choose(trainer.pieces, pieces_max)
}

struct Trainer<'s> {
    segments: &'s Segments,
    /// Sorted by their characters.
    pieces: Vec<Piece>,
    lattice: Lattice,
}

impl Trainer<'_> {
    fn trie(&self) -> Trie {
        Trie::new(&self.pieces, &self.segments.chars, self.segments.alphabet.len())
    }

    /// Computes the expected count of each piece, and sets its probability accordingly.
    fn update(&mut self) {
        let trie = self.trie();
        let mut expected = vec![0.0; self.pieces.len()];
        for (text, count) in self.segments.iter() {
            self.lattice.marginals(text, &trie, &self.pieces, |piece, probability| {
                expected[piece as usize] += probability * count as f64;
            });
        }
        let counted = self.pieces.iter().zip(&expected);
        let (pieces, expected): (Vec<Piece>, Vec<f64>) = counted
            .filter(|(piece, expected)| piece.text.chars == 1 || **expected >= EXPECTED_MIN)
            .map(|(piece, expected)| (*piece, expected.max(EXPECTED_MIN)))
            .unzip();
        // Not the plain maximum likelihood: this form favors fewer pieces.
        let log_sum = digamma(expected.iter().sum());
        self.pieces = pieces;
        for (piece, expected) in self.pieces.iter_mut().zip(expected) {
            piece.score = digamma(expected) - log_sum;
        }
    }

    /// Drops pieces that are never the best choice, then those whose removal lowers the likelihood of
    /// the text least, but keeps `enough`. Returns false if nothing was dropped.
    fn prune(&mut self, enough: usize) -> bool {
        let trie = self.trie();
        let before = self.pieces.len();
        let mut counts = vec![0u64; before];
        for (text, count) in self.segments.iter() {
            let count_piece = |piece: u32| counts[piece as usize] += count;
            self.lattice.best(text, &trie, &self.pieces, None, count_piece);
        }
        let sum = counts.iter().sum::<u64>() as f64;
        let log_sum = sum.ln();

        let mut kept: Vec<usize> = Vec::new();
        let mut candidates: Vec<(f64, usize)> = Vec::new();
        let mut instead: Vec<u32> = Vec::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            instead.clear();
            let (text, itself) = (piece.text.of(&self.segments.chars), Some(number as u32));
            let push = |piece| instead.push(piece);
            if self.lattice.best(text, &trie, &self.pieces, itself, push).is_none() {
                kept.push(number);
                continue;
            }
            let count = counts[number] as f64;
            if count == 0.0 {
                continue;
            }
            // Each occurrence would be replaced by these other pieces.
            let log_sum_instead = (sum + count * (instead.len() - 1) as f64).ln();
            let of_other = |other: &u32| (counts[*other as usize] as f64 + count).ln();
            let score_instead: f64 =
                instead.iter().map(|other| of_other(other) - log_sum_instead).sum();
            candidates.push((count * (count.ln() - log_sum - score_instead), number));
        }
        let keep = enough.max((before as f64 * SHRINKING) as usize);
        candidates
            .sort_unstable_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        candidates.truncate(keep.saturating_sub(kept.len()));
        kept.extend(candidates.into_iter().map(|(_, number)| number));
        kept.sort_unstable();
        self.pieces = kept.into_iter().map(|number| self.pieces[number]).collect();
        self.pieces.len() < before
    }
}

/// Returns all single characters, and the most probable other pieces.
fn choose(pieces: Vec<Piece>, pieces_max: usize) -> Vec<Piece> {
    let (mut chosen, mut longer): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(|piece| piece.text.chars == 1);
    // Stable, so that ties stay in the order of their characters.
    longer.sort_by(|left, right| right.score.total_cmp(&left.score));
    longer.truncate(pieces_max.saturating_sub(chosen.len()));
    chosen.extend(longer);
    chosen.sort_by(|left, right| right.score.total_cmp(&left.score));
    chosen
}

/// The derivative of ln Γ, for x > 0: recurrence, then its asymptotic series.
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 7.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    sum + x.ln()
        - 0.5 / x
        - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)))
}
