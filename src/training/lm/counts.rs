//! Computes adjusted counts of all orders from counts of the longest n-grams
//! (`lm/builder/adjust_counts.cc`).
//!
//! The adjusted count of an n-gram of a lower order is the number of distinct words before it. N-grams
//! at the start of a sentence, which have no word before them, and the longest n-grams keep their plain
//! counts.

use super::Statistics;
use super::grams::{Gram, ORDER_MAX, Sorted};
use super::vocabulary::{BEGIN, END, UNKNOWN};
use std::io;

/// Flag in the value of a pruned n-gram, which still counts in the total of its context.
const PRUNED: u64 = 1 << 63;

/// Adjusted count of a sorted n-gram, and whether it is pruned.
pub(super) fn unpack(value: u64) -> (u64, bool) {
    (value & !PRUNED, value & PRUNED != 0)
}

/// An n-gram of a lower order whose occurrences are being counted.
#[derive(Clone, Copy, Default)]
struct Open {
    adjusted: u64,
    /// Its plain count, which decides on pruning.
    seen: u64,
}

/// Scans the longest n-grams, sorted by suffix, and passes the n-grams of all orders to `emit` with
/// their order. Each order is sorted.
pub(super) fn adjust(
    longest: &mut Sorted,
    prune: &[u64],
    emit: &mut dyn FnMut(usize, Gram) -> io::Result<()>,
) -> io::Result<Vec<Statistics>> {
    let order = prune.len();
    let mut adjuster = Adjuster {
        prune,
        statistics: vec![Statistics::default(); order],
        words: [0; ORDER_MAX],
        open: [Open::default(); ORDER_MAX],
        depth: 0,
        emit,
    };
    // Neither is ever predicted from the text, so they come first with a count of 0.
    for word in [UNKNOWN, BEGIN] {
        let mut words = [0; ORDER_MAX];
        words[0] = word;
        adjuster.give(1, words, 0, 0, false)?;
    }
    while let Some(gram) = longest.next()? {
        adjuster.step(gram)?;
    }
    adjuster.finish()
}

struct Adjuster<'a> {
    prune: &'a [u64],
    statistics: Vec<Statistics>,
    /// The previous n-gram. Its suffixes of up to `depth` words are open n-grams.
    words: [u32; ORDER_MAX],
    open: [Open; ORDER_MAX],
    depth: usize,
    emit: &'a mut dyn FnMut(usize, Gram) -> io::Result<()>,
}

impl Adjuster<'_> {
    fn step(&mut self, gram: Gram) -> io::Result<()> {
        let order = self.prune.len();
        let (words, count) = (gram.words, gram.value);
        let same = (0..self.depth).take_while(|at| self.words[*at] == words[*at]).count();
        self.close(same)?;

        for open in &mut self.open[..same] {
            open.seen += count;
        }
        if same > 0 {
            self.open[same - 1].adjusted += 1;
        }
        self.words = words;
        while self.depth + 1 < order && words[self.depth] != BEGIN {
            self.open[self.depth] = Open { adjusted: 1, seen: count };
            self.depth += 1;
        }
        if self.depth + 1 < order {
            // It begins a sentence: before it is padding, not a word.
            self.open[self.depth] = Open { adjusted: count, seen: count };
            self.depth += 1;
            return Ok(());
        }
        self.give(order, words, count, count, false)
    }

    /// Emits the open n-grams with more than `same` words.
    fn close(&mut self, same: usize) -> io::Result<()> {
        while self.depth > same {
            let Open { adjusted, seen } = self.open[self.depth - 1];
            self.give(self.depth, self.words, adjusted, seen, false)?;
            self.depth -= 1;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<Statistics>> {
        while self.depth > 0 {
            let Open { adjusted, seen } = self.open[self.depth - 1];
            self.give(self.depth, self.words, adjusted, seen, true)?;
            self.depth -= 1;
        }
        Ok(self.statistics)
    }

    fn give(
        &mut self,
        order: usize,
        mut words: [u32; ORDER_MAX],
        adjusted: u64,
        seen: u64,
        is_last: bool,
    ) -> io::Result<()> {
        words[order..].fill(0);
        let is_special = order == 1 && words[0] <= END;
        let pruned = !is_special && seen <= self.prune[order - 1];
        // KenLM uses the plain count of the very last n-gram of a lower order here. Done here too, so
        // that the discounts are the same.
        let counted = if is_last { seen } else { adjusted };
        self.statistics[order - 1].add(counted, pruned);
        let value = if pruned { adjusted | PRUNED } else { adjusted };
        (self.emit)(order, Gram { words, value })
    }
}
