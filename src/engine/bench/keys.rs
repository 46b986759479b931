//! Generated keys.

use super::{KeyBatch, KeySource};
use std::ops::Range;

/// Keys generated at a time. The workers take turns.
const BATCH_KEYS: u64 = 1 << 12;

/// Generated keys: uniform, of which a share repeats earlier ones.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The part of the infinite sequence of keys to add.
    pub range: Range<u64>,
    /// The share that repeats an earlier key, 0 to 1.
    pub duplicates: f64,
}

impl Keys {
    /// Returns the keys of one worker.
    pub fn source(self, worker: usize, workers: usize) -> KeySource {
        let Range { start: begin, end } = self.range;
        let start = move |batch: u64| (begin + batch * BATCH_KEYS).min(end);
        let mut batch = worker as u64;
        Box::new(move |updates| {
            let places = start(batch)..start(batch + 1);
            batch += workers as u64;
            let mut repeats = 0;
            updates.extend(places.clone().map(|place| {
                let (key, is_repeat) = self.key(place);
                repeats += u64::from(is_repeat);
                (key, place, 1)
            }));
            let count = places.end - places.start;
            let is_last = start(batch) == end;
            Ok(KeyBatch { documents: count, bytes: 8 * count, repeats: Some(repeats), is_last })
        })
    }

    /// The key at a place in the sequence, and whether an earlier place has it.
    fn key(&self, place: u64) -> (u64, bool) {
        let mut first = place;
        // A repeat may repeat a repeat.
        while first > 0 && (mix(first ^ 0x5EED) as f64) < self.duplicates * u64::MAX as f64 {
            first = mix(first ^ 0xFEED) % first;
        }
        (mix(first), first < place)
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
        let keys = Keys { range: 0..200_000, duplicates: 0.3 };
        let (mut updates, mut repeats) = (Vec::new(), 0);
        for worker in 0..3 {
            let mut source = keys.clone().source(worker, 3);
            loop {
                let batch = source(&mut updates).unwrap();
                repeats += batch.repeats.unwrap();
                if batch.is_last {
                    break;
                }
            }
        }
        assert_eq!(updates.len(), 200_000);
        let mut distinct: Vec<u64> = updates.iter().map(|update| update.0).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(updates.len() as u64 - repeats, distinct.len() as u64);
        let share = repeats as f64 / updates.len() as f64;
        assert!((share - 0.3).abs() < 0.01, "{share}");
    }
}
