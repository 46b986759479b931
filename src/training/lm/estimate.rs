//! Computes the uninterpolated probability of each n-gram from adjusted counts, and the backoff weight
//! of each context (`lm/builder/initial_probabilities.cc`).

use super::Discounts;
use super::counts::unpack;
use super::grams::{self, Gram, ORDER_MAX, RunReader, Sorted};
use super::vocabulary::{BEGIN, UNKNOWN};
use std::io;
use std::path::Path;

/// Uninterpolated probabilities of one order.
pub(super) struct Shares {
    /// Sorted by suffix; values are decoded by [`unpack_share`].
    pub(super) grams: Sorted,
    /// The contexts of these n-grams, sorted by suffix, with their backoff weights, as bits of an
    /// `f32`.
    pub(super) weights: RunReader,
}

/// The uninterpolated probability of the n-gram, and the weight of the lower order.
pub(super) fn unpack_share(value: u64) -> (f32, f32) {
    (f32::from_bits((value >> 32) as u32), f32::from_bits(value as u32))
}

fn pack_share(share: f32, weight: f32) -> u64 {
    u64::from(share.to_bits()) << 32 | u64::from(weight.to_bits())
}

/// `grams` are of one order, sorted by context.
pub(super) fn shares(
    order: usize,
    grams: &mut Sorted,
    discounts: &Discounts,
    interpolate_unigrams: bool,
    memory_bytes: usize,
    folder: &Path,
) -> io::Result<Shares> {
    let mut sorter = grams::sorter(order, memory_bytes, folder);
    let mut weights = grams::run(order - 1, folder)?;
    // At most as large as the vocabulary, which is also in memory.
    let mut group: Vec<Gram> = Vec::new();
    loop {
        let next = grams.next()?;
        let is_same = |gram: &Gram| gram.words[..order - 1] == group[0].words[..order - 1];
        if !group.is_empty() && !next.as_ref().is_some_and(is_same) {
            let (total, weight) = total_and_weight(&group, discounts);
            let unigram_weight = if interpolate_unigrams { weight } else { 0.0 };
            for gram in &group {
                let (count, pruned) = unpack(gram.value);
                let share = (count as f32 - discounts.of(count)) / total;
                let value = match (order, gram.words[0]) {
                    _ if pruned => continue,
                    (1, UNKNOWN) => pack_share(weight - unigram_weight, unigram_weight),
                    // A probability of 1, so that it does not change a score.
                    (1, BEGIN) => pack_share(1.0, 0.0),
                    (1, _) => pack_share(share, unigram_weight),
                    _ => pack_share(share, weight),
                };
                sorter.push(Gram { value, ..*gram }.by_ending(order))?;
            }
            let mut words = [0; ORDER_MAX];
            words[..order - 1].copy_from_slice(&group[0].words[..order - 1]);
            weights.push(&Gram { words, value: u64::from(weight.to_bits()) })?;
            group.clear();
        }
        match next {
            Some(gram) => group.push(gram),
            None => break,
        }
    }
    Ok(Shares { grams: sorter.finish()?, weights: weights.finish()? })
}

/// Sum of the counts of one context, and the part of it for shorter contexts: the discounts, and all
/// pruned counts.
fn total_and_weight(group: &[Gram], discounts: &Discounts) -> (f32, f32) {
    let (mut total, mut pruned_total) = (0, 0);
    let mut with_count = [0u64; 3];
    for gram in group {
        let (count, pruned) = unpack(gram.value);
        total += count;
        match count {
            _ if pruned => pruned_total += count,
            0 => {}
            _ => with_count[count.min(3) as usize - 1] += 1,
        }
    }
    let mut weight = 0.0;
    for (amount, grams) in discounts.amounts.iter().zip(with_count) {
        weight += amount * grams as f32;
    }
    weight += pruned_total as f32;
    (total as f32, weight / total as f32)
}

/// Interpolates each order with the lower ones (`lm/builder/interpolate.cc`) and passes each n-gram to
/// `emit`: its order, words, probability and backoff weight. Each order is sorted by suffix.
pub(super) fn interpolate(
    orders: Vec<Shares>,
    uniform: f32,
    emit: &mut dyn FnMut(usize, &Gram, f32, f32) -> io::Result<()>,
) -> io::Result<()> {
    let order = orders.len();
    let mut streams = Vec::new();
    // The contexts of length n come with the n-grams of length n + 1; the empty context is not needed.
    let mut weights = Vec::new();
    for (index, shares) in orders.into_iter().enumerate() {
        streams.push(Stream::new(shares.grams)?);
        if index > 0 {
            weights.push(Weights::new(shares.weights)?);
        }
    }
    let mut words = [0; ORDER_MAX];
    // Probability of the last n words of the current n-gram, from n = 0.
    let mut probabilities = [0.0; ORDER_MAX + 1];
    probabilities[0] = uniform;
    let mut depth = 0;
    loop {
        // The longest n-gram that extends the current one to the left.
        let longest = (depth + 1).min(order);
        let continues = |n: &usize| {
            let head = streams[n - 1].head;
            head.is_some_and(|gram| gram.words[..n - 1] == words[..n - 1])
        };
        let Some(n) = (1..=longest).rev().find(continues) else { return Ok(()) };
        let Some(gram) = streams[n - 1].next()? else { return Ok(()) };
        let (share, weight) = unpack_share(gram.value);
        let probability = share + weight * probabilities[n - 1];
        probabilities[n] = probability;
        // An n-gram that is not a context has a backoff weight of 1.
        let backoff = match weights.get_mut(n - 1) {
            Some(weights) => weights.of(&gram.words)?.unwrap_or(1.0),
            None => 1.0,
        };
        emit(n, &gram, probability, backoff)?;
        (words, depth) = (gram.words, n);
    }
}

/// N-grams of one order, with a peek at the next.
struct Stream {
    head: Option<Gram>,
    rest: Sorted,
}

impl Stream {
    fn new(mut rest: Sorted) -> io::Result<Self> {
        Ok(Self { head: rest.next()?, rest })
    }

    fn next(&mut self) -> io::Result<Option<Gram>> {
        Ok(std::mem::replace(&mut self.head, self.rest.next()?))
    }
}

/// The backoff weights of contexts, requested in order.
struct Weights {
    head: Option<Gram>,
    rest: RunReader,
}

impl Weights {
    fn new(mut rest: RunReader) -> io::Result<Self> {
        Ok(Self { head: rest.next()?, rest })
    }

    fn of(&mut self, words: &[u32; ORDER_MAX]) -> io::Result<Option<f32>> {
        // Skipped weights belong to pruned contexts.
        while let Some(head) = self.head.filter(|head| head.words <= *words) {
            self.head = self.rest.next()?;
            if head.words == *words {
                return Ok(Some(f32::from_bits(head.value as u32)));
            }
        }
        Ok(None)
    }
}
