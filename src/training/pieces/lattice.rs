//! All ways to cut a text into pieces.

use super::seeds::Stretch;
use std::ops::Range;

const NONE: u32 = u32::MAX;

/// A piece with its log probability.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) text: Stretch,
    pub(super) score: f64,
}

/// A trie of pieces by their characters. The children of a node are adjacent, sorted by character.
pub(super) struct Trie {
    labels: Vec<u32>,
    children: Vec<Range<u32>>,
    /// The piece that ends here, or `NONE`.
    pieces: Vec<u32>,
    /// Children of the root by character: there are too many to search.
    roots: Vec<u32>,
}

impl Trie {
    /// `pieces` are sorted by their characters.
    pub(super) fn new(pieces: &[Piece], chars: &[u32], alphabet: usize) -> Self {
        let mut trie = Self {
            labels: vec![0],
            children: Vec::new(),
            pieces: vec![NONE],
            roots: vec![NONE; alphabet + 1],
        };
        // For each node, the pieces that begin with its characters, and the number of these.
        let mut spans: Vec<(Range<usize>, usize)> = vec![(0..pieces.len(), 0)];
        let mut node = 0;
        while node < spans.len() {
            let (Range { mut start, end }, depth) = spans[node].clone();
            let text = |piece: usize| pieces[piece].text.of(chars);
            if start < end && text(start).len() == depth {
                trie.pieces[node] = start as u32;
                start += 1;
            }
            let first = spans.len() as u32;
            while start < end {
                let label = text(start)[depth];
                let same = (start..end).take_while(|piece| text(*piece)[depth] == label).count();
                if node == 0 {
                    trie.roots[label as usize] = spans.len() as u32;
                }
                trie.labels.push(label);
                trie.pieces.push(NONE);
                spans.push((start..start + same, depth + 1));
                start += same;
            }
            trie.children.push(first..spans.len() as u32);
            node += 1;
        }
        trie
    }

    /// Calls back with the length and number of each piece that is a prefix of `text`, shortest first.
    fn prefixes(&self, text: &[u32], mut give: impl FnMut(usize, u32)) {
        let Some(first) = text.first() else { return };
        let mut node = self.roots[*first as usize];
        let mut len = 1;
        while node != NONE {
            let piece = self.pieces[node as usize];
            if piece != NONE {
                give(len, piece);
            }
            let Some(label) = text.get(len) else { return };
            let children = self.children[node as usize].clone();
            let labels = &self.labels[children.start as usize..children.end as usize];
            let Ok(child) = labels.binary_search(label) else { return };
            node = children.start + child as u32;
            len += 1;
        }
    }
}

/// One piece at one place.
#[derive(Clone, Copy)]
struct Edge {
    begin: u32,
    end: u32,
    piece: u32,
    /// Probability of this piece relative to the best path to its end.
    share: f64,
}

/// Buffers for the ways to cut one text. Every character must be a piece.
#[derive(Default)]
pub(super) struct Lattice {
    edges: Vec<Edge>,
    /// Log probability of the best path to each place, and its last edge.
    best: Vec<(f64, usize)>,
    forward: Vec<f64>,
    backward: Vec<f64>,
}

impl Lattice {
    /// Finds all pieces in `text` except `without`, and the best path to each place.
    fn fill(&mut self, text: &[u32], trie: &Trie, pieces: &[Piece], without: u32) {
        self.edges.clear();
        self.best.clear();
        self.best.resize(text.len() + 1, (f64::NEG_INFINITY, usize::MAX));
        self.best[0].0 = 0.0;
        for begin in 0..text.len() {
            let (so_far, _) = self.best[begin];
            trie.prefixes(&text[begin..], |len, piece| {
                if piece == without {
                    return;
                }
                let end = begin + len;
                let score = so_far + pieces[piece as usize].score;
                if score > self.best[end].0 {
                    self.best[end] = (score, self.edges.len());
                }
                let (begin, end) = (begin as u32, end as u32);
                self.edges.push(Edge { begin, end, piece, share: 0.0 });
            });
        }
    }

    /// Returns the log probability of `text` over all ways to cut it. Passes each occurrence of a piece
    /// and its probability to the callback.
    pub(super) fn marginals(
        &mut self,
        text: &[u32],
        trie: &Trie,
        pieces: &[Piece],
        mut give: impl FnMut(u32, f64),
    ) -> f64 {
        self.fill(text, trie, pieces, NONE);
        // Relative to the best path to each place, no number underflows.
        for sums in [&mut self.forward, &mut self.backward] {
            sums.clear();
            sums.resize(text.len() + 1, 0.0);
        }
        self.forward[0] = 1.0;
        for edge in &mut self.edges {
            let (begin, end) = (edge.begin as usize, edge.end as usize);
            let score = self.best[begin].0 + pieces[edge.piece as usize].score;
            edge.share = (score - self.best[end].0).exp();
            self.forward[end] += self.forward[begin] * edge.share;
        }
        self.backward[text.len()] = 1.0;
        for edge in self.edges.iter().rev() {
            self.backward[edge.begin as usize] += edge.share * self.backward[edge.end as usize];
        }
        let all = self.forward[text.len()];
        for edge in &self.edges {
            let through =
                self.forward[edge.begin as usize] * edge.share * self.backward[edge.end as usize];
            give(edge.piece, through / all);
        }
        self.best[text.len()].0 + all.ln()
    }

    /// Returns the log probability of the best way to cut `text` without the piece `without`, and its
    /// pieces, last one first; `None` if there is none.
    pub(super) fn best(
        &mut self,
        text: &[u32],
        trie: &Trie,
        pieces: &[Piece],
        without: Option<u32>,
        mut give: impl FnMut(u32),
    ) -> Option<f64> {
        self.fill(text, trie, pieces, without.unwrap_or(NONE));
        let (score, mut edge) = self.best[text.len()];
        if score == f64::NEG_INFINITY {
            return None;
        }
        let mut at = text.len();
        while at > 0 {
            let Edge { begin, piece, .. } = self.edges[edge];
            give(piece);
            at = begin as usize;
            edge = self.best[at].1;
        }
        Some(score)
    }
}
