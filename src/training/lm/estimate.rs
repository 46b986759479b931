//! From adjusted counts to the share that each n-gram has by itself, and to what each context leaves
//! for shorter ones (`lm/builder/initial_probabilities.cc`).

use super::Discounts;
use super::counts::unpack;
use super::grams::{self, Gram, ORDER_MAX, RunReader, Sorted};
use super::vocabulary::{BEGIN, UNKNOWN};
use std::io;
use std::path::Path;

/// What the n-grams of one order get, before they are mixed with shorter ones.
pub(super) struct Shares {
    /// Sorted by their ending; values are for [`unpack_share`].
    pub(super) grams: Sorted,
    /// The contexts of these n-grams, sorted by their ending, with the weight that they leave to
    /// shorter contexts, as bits of an `f32`.
    pub(super) weights: RunReader,
}

/// Share of the n-gram by itself, and the weight of the shorter one in it.
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
    // At most as large as the vocabulary, which is in memory already.
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
                    // Certain, so that scoring it changes nothing.
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

/// Sum of the counts of one context, and the part of it that goes to shorter contexts: what was
/// discounted, and all of what was pruned.
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

/// Mixes each order with the shorter ones (`lm/builder/interpolate.cc`) and gives each n-gram to
/// `emit`: its order, its words, its probability, and what is left to it where a longer n-gram with
/// it as context is not found. Each order comes sorted by ending.
pub(super) fn interpolate(
    orders: Vec<Shares>,
    uniform: f32,
    emit: &mut dyn FnMut(usize, &Gram, f32, f32) -> io::Result<()>,
) -> io::Result<()> {
    let order = orders.len();
    let mut streams = Vec::new();
    // The contexts of length n come with the n-grams one longer; the empty context has no use.
    let mut weights = Vec::new();
    for (index, shares) in orders.into_iter().enumerate() {
        streams.push(Stream::new(shares.grams)?);
        if index > 0 {
            weights.push(Weights::new(shares.weights)?);
        }
    }
    let mut words = [0; ORDER_MAX];
    // Probability of the last n words of the present n-gram, beginning with none.
    let mut probabilities = [0.0; ORDER_MAX + 1];
    probabilities[0] = uniform;
    let mut depth = 0;
    loop {
        // The longest n-gram that continues the present one to the left, as the words read.
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
        // What no n-gram has as its context leaves nothing: all is left to the shorter ones.
        let backoff = match weights.get_mut(n - 1) {
            Some(weights) => weights.of(&gram.words)?.unwrap_or(1.0),
            None => 1.0,
        };
        emit(n, &gram, probability, backoff)?;
        (words, depth) = (gram.words, n);
    }
}

/// N-grams of one order, with a look at the next.
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

/// The weights of contexts, asked for in their order.
struct Weights {
    head: Option<Gram>,
    rest: RunReader,
}

impl Weights {
    fn new(mut rest: RunReader) -> io::Result<Self> {
        Ok(Self { head: rest.next()?, rest })
    }

    fn of(&mut self, words: &[u32; ORDER_MAX]) -> io::Result<Option<f32>> {
        // Those passed by belong to contexts that were pruned themselves.
        while let Some(head) = self.head.filter(|head| head.words <= *words) {
            self.head = self.rest.next()?;
            if head.words == *words {
                return Ok(Some(f32::from_bits(head.value as u32)));
            }
        }
        Ok(None)
    }
}
