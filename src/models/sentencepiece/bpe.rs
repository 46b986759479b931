//! Merges characters to pieces, the pair with the best score first (`src/bpe_model.cc`).

use super::symbols::Symbols;
use super::vocabulary::{Numbers, Vocabulary};
use hashbrown::{HashMap, HashSet};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

pub(super) struct Bpe {
    numbers: Numbers,
    scores: Vec<f32>,
    unused: HashSet<u32>,
}

/// Reusable memory.
#[derive(Default)]
pub(super) struct Merges {
    symbols: Vec<Symbol>,
    agenda: BinaryHeap<Pair>,
    /// The two parts of an unused piece, as they were merged last.
    parts: HashMap<Vec<u8>, (Range<usize>, Range<usize>)>,
}

/// A part of the text, in a list of all parts.
struct Symbol {
    start: usize,
    /// Empty if this part was merged into the one before it.
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
    /// User-defined symbols are not merged.
    is_fixed: bool,
}

/// Two neighbours that can be merged. The greatest is merged first.
#[derive(PartialEq)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    len: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        // Scores are finite. Of equal ones the left pair is first.
        let by_score = self.score.partial_cmp(&other.score).unwrap_or(Ordering::Equal);
        by_score.then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Bpe {
    pub(super) fn new(vocabulary: &Vocabulary<'_>, scores: Vec<f32>) -> Bpe {
        let unused = vocabulary.unused.iter().map(|(_, id)| *id).collect();
        Bpe { numbers: Numbers::new(vocabulary), scores, unused }
    }

    /// Writes the pieces of `text`, with their offsets, to `pieces`.
    pub(super) fn cut(
        &self,
        text: &[u8],
        symbols: &Symbols,
        merges: &mut Merges,
        pieces: &mut Vec<(u32, u32)>,
    ) {
        pieces.clear();
        if text.is_empty() {
            return;
        }
        merges.begin(text, symbols);
        for right in 1..merges.symbols.len() {
            self.add(text, Some(right - 1), Some(right), merges);
        }
        while let Some(Pair { left, right, len, .. }) = merges.agenda.pop() {
            let [first, second] = [left, right].map(|at| merges.symbols[at].range());
            if first.is_empty() || second.is_empty() || first.len() + second.len() != len {
                // One of them was merged with another since.
                continue;
            }
            let after = merges.symbols[right].after;
            merges.symbols[left].end = second.end;
            merges.symbols[left].after = after;
            merges.symbols[right].end = merges.symbols[right].start;
            if let Some(after) = after {
                merges.symbols[after].before = Some(left);
            }
            self.add(text, merges.symbols[left].before, Some(left), merges);
            self.add(text, Some(left), after, merges);
        }
        let mut at = Some(0);
        while let Some(symbol) = at.map(|at| &merges.symbols[at]) {
            self.write(text, symbol.range(), merges, pieces);
            at = symbol.after;
        }
    }

    /// Adds a pair of neighbours to the agenda if a piece has their text.
    fn add(&self, text: &[u8], left: Option<usize>, right: Option<usize>, merges: &mut Merges) {
        let (Some(left), Some(right)) = (left, right) else { return };
        let [first, second] = [left, right].map(|at| &merges.symbols[at]);
        if first.is_fixed || second.is_fixed {
            return;
        }
        let (first, second) = (first.range(), second.range());
        let merged = &text[first.start..second.end];
        let Some(id) = self.numbers.find(merged) else { return };
        let (score, len) = (self.scores[id as usize], merged.len());
        merges.agenda.push(Pair { score, left, right, len });
        if self.unused.contains(&id) {
            merges.parts.insert(merged.to_vec(), (first, second));
        }
    }

    /// Writes a piece, or the parts of an unused one.
    fn write(
        &self,
        text: &[u8],
        range: Range<usize>,
        merges: &Merges,
        pieces: &mut Vec<(u32, u32)>,
    ) {
        let mut open = vec![range];
        while let Some(range) = open.pop() {
            let part = &text[range.clone()];
            let id = self.numbers.of(part);
            match merges.parts.get(part).filter(|_| self.unused.contains(&id)) {
                // The parts may be from elsewhere in the text, but have the same texts.
                Some((first, _)) => {
                    let middle = range.start + first.len();
                    open.extend([middle..range.end, range.start..middle]);
                }
                None => pieces.push((id, range.start as u32)),
            }
        }
    }
}

impl Merges {
    /// Cuts `text` into user-defined symbols and characters.
    fn begin(&mut self, text: &[u8], symbols: &Symbols) {
        self.symbols.clear();
        self.agenda.clear();
        self.parts.clear();
        let mut start = 0;
        while start < text.len() {
            let (end, is_fixed) = symbols.next(text, start);
            let at = self.symbols.len();
            let after = (end < text.len()).then_some(at + 1);
            self.symbols.push(Symbol { start, end, before: at.checked_sub(1), after, is_fixed });
            start = end;
        }
    }
}

impl Symbol {
    fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}
