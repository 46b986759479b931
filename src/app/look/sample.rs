//! A uniform random sample of records.

use super::Look;
use anyhow::Result;
use corpus::{Label, LedgerRow, Lookup, Verdicts};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// Chooses `size` of the records of `labels` with one of `verdicts`, each with the same probability,
/// or all if there are fewer. Returns the labels in their order, each with its records in the order
/// of refs. The choice depends only on the records and on `seed`, not on how the corpus was built.
/// Reads no more of the ledger than it needs.
pub(crate) fn sample<'l>(
    look: &Look,
    labels: &[&'l Label],
    verdicts: &Verdicts,
    size: u64,
    seed: u64,
) -> Result<Vec<(&'l Label, Vec<LedgerRow>)>> {
    let total = labels.iter().map(|label| verdicts.count(label)).sum();
    let (mut chosen, mut start) = (Vec::new(), 0);
    let ranks = ranks(total, size, seed);
    for label in labels {
        let end = start + verdicts.count(label);
        let within: Vec<u64> = ranks.range(start..end).map(|rank| rank - start).collect();
        if !within.is_empty() {
            chosen.push((*label, Lookup::new(&look.corpus, label).rows(verdicts, &within)?));
        }
        start = end;
    }
    Ok(chosen)
}

/// Chooses `size` of the numbers below `total` (Robert Floyd's algorithm). ChaCha8 is the same in all
/// versions of its crate.
fn ranks(total: u64, size: u64, seed: u64) -> BTreeSet<u64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut ranks = BTreeSet::new();
    for last in total.saturating_sub(size)..total {
        let rank = random.random_range(0..=last);
        if !ranks.insert(rank) {
            ranks.insert(last);
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_their_size_and_depend_on_the_seed_only() {
        for (total, size, expected) in [(0, 5, 0), (3, 5, 3), (1000, 10, 10), (5, 0, 0)] {
            let found = ranks(total, size, 7);
            assert_eq!(found.len(), expected);
            assert!(found.iter().all(|rank| *rank < total));
            assert_eq!(found, ranks(total, size, 7));
        }
        assert_ne!(ranks(1000, 10, 1), ranks(1000, 10, 2));
    }

    #[test]
    fn every_record_is_chosen_about_as_often() {
        let mut chosen = [0u32; 20];
        for seed in 0..4000 {
            ranks(20, 5, seed).into_iter().for_each(|rank| chosen[rank as usize] += 1);
        }
        // 1000 each is expected, with a standard deviation of 27.
        assert!(chosen.iter().all(|count| (880..1120).contains(count)), "{chosen:?}");
    }
}
