//! From counts of the longest n-grams to adjusted counts of all orders (`lm/builder/adjust_counts.cc`).
//!
//! An n-gram of a lower order counts the different words that were seen before it, and not how often
//! it was seen itself; only what begins a sentence, before which there is no word, keeps its plain
//! count. The longest n-grams keep theirs too.

use super::Statistics;
use super::grams::{Gram, ORDER_MAX, Sorted};
use super::vocabulary::{BEGIN, END, UNKNOWN};
use std::io;

/// Set in the value of an n-gram that is pruned. It still takes part in its context's total.
const PRUNED: u64 = 1 << 63;

/// Adjusted count of a sorted n-gram, and whether it is pruned.
pub(super) fn unpack(value: u64) -> (u64, bool) {
    (value & !PRUNED, value & PRUNED != 0)
}

/// An n-gram of a lower order of which all occurrences seen so far stand together.
#[derive(Clone, Copy, Default)]
struct Open {
    adjusted: u64,
    /// How often it was really seen, which decides on pruning.
    seen: u64,
}

/// Walks the longest n-grams, sorted by their ending, and gives those of all orders to `emit` with
/// their order; each order comes sorted.
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
    // Neither is ever predicted from the text, so they come first and count nothing.
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
    /// The n-gram before, of which the first `depth` words, from its end, are open n-grams.
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
            // It begins a sentence: what stands before is padding, and no word.
            self.open[self.depth] = Open { adjusted: count, seen: count };
            self.depth += 1;
            return Ok(());
        }
        self.give(order, words, count, count, false)
    }

    /// Gives away the open n-grams with more than `same` words.
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
        // The original takes the plain count of the very last n-gram of a lower order here. Kept,
        // so that the discounts are the same.
        let counted = if is_last { seen } else { adjusted };
        self.statistics[order - 1].add(counted, pruned);
        let value = if pruned { adjusted | PRUNED } else { adjusted };
        (self.emit)(order, Gram { words, value })
    }
}
