//! Generated keys.

use super::{KeyBatch, KeySource};
use std::ops::Range;

/// Keys generated at a time.
const BATCH_KEYS: u64 = 1 << 14;

/// Generated keys: uniform, of which a share repeats earlier ones.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The part of the infinite sequence of keys to add.
    pub range: Range<u64>,
    /// The share that repeats an earlier key, 0 to 1.
    pub duplicates: f64,
    /// Keys in an epoch.
    pub epoch: u64,
}

impl Keys {
    /// Returns the keys of one worker, over all epochs.
    pub fn source(self, worker: usize, workers: usize) -> KeySource {
        let (mut epoch, mut rest) = (0, self.share(0, worker, workers));
        Box::new(move |updates| {
            while rest.is_empty() && epoch + 1 < self.epochs() {
                epoch += 1;
                rest = self.share(epoch, worker, workers);
            }
            let end = (rest.start + BATCH_KEYS).min(rest.end);
            updates.extend((rest.start..end).map(|place| (self.key(place), place, 1)));
            let count = end - rest.start;
            rest.start = end;
            let is_last = rest.is_empty() && epoch + 1 == self.epochs();
            Ok(KeyBatch { documents: count, bytes: 8 * count, is_last })
        })
    }

    fn epochs(&self) -> u64 {
        (self.range.end - self.range.start).div_ceil(self.epoch)
    }

    /// The places of one worker in an epoch.
    fn share(&self, epoch: u64, worker: usize, workers: usize) -> Range<u64> {
        let (worker, workers) = (worker as u64, workers as u64);
        let start = self.range.start + epoch * self.epoch;
        let length = self.epoch.min(self.range.end - start);
        start + length * worker / workers..start + length * (worker + 1) / workers
    }

    /// The key at a place in the sequence.
    fn key(&self, mut place: u64) -> u64 {
        // A repeat may repeat a repeat.
        while place > 0 && (mix(place ^ 0x5EED) as f64) < self.duplicates * u64::MAX as f64 {
            place = mix(place ^ 0xFEED) % place;
        }
        mix(place)
    }
}

/// SplitMix64's finalizer: a bijection whose results look random.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_repeat_as_often_as_configured() {
        let keys = Keys { range: 0..200_000, duplicates: 0.3, epoch: 30_000 };
        let mut updates = Vec::new();
        for worker in 0..3 {
            let mut source = keys.clone().source(worker, 3);
            while !source(&mut updates).unwrap().is_last {}
        }
        assert_eq!(updates.len(), 200_000);
        let mut distinct: Vec<u64> = updates.iter().map(|update| update.0).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let repeats = 1.0 - distinct.len() as f64 / updates.len() as f64;
        assert!((repeats - 0.3).abs() < 0.01, "{repeats}");
    }
}
