//! A hash table from keys to numbers, refilled for each text. It uses only as much of its memory as
//! the number of keys requires, so that a small text after a huge one costs little: clearing a
//! general table costs as much as its capacity.

use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hash};

/// Marks a free slot; numbers are below it.
const FREE: u32 = u32::MAX;

/// Maps hashes to numbers, with open addressing. The caller distinguishes keys with equal hashes.
///
/// The hash function has a new seed in each process, so no text can be crafted to collide.
#[derive(Default)]
pub(crate) struct Table {
    seed: RandomState,
    /// The hash's upper half and the number.
    slots: Vec<(u32, u32)>,
    mask: usize,
}

impl Table {
    /// Clears the table and reserves space for `keys_max` keys.
    pub(crate) fn reset(&mut self, keys_max: usize) {
        // At most half full: a search takes two slots on average.
        let size = (2 * keys_max).next_power_of_two();
        self.slots.clear();
        self.slots.resize(size, (0, FREE));
        self.mask = size - 1;
    }

    pub(crate) fn hash(&self, key: impl Hash) -> u64 {
        self.seed.hash_one(key)
    }

    /// Returns the number of a key, which is `next` if the key is new. `is_key` checks whether an
    /// existing number is that of the key; it is called only for numbers with nearly the same hash.
    pub(crate) fn number(&mut self, hash: u64, next: u32, is_key: impl Fn(u32) -> bool) -> u32 {
        let tag = (hash >> 32) as u32;
        let mut at = hash as usize & self.mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.1 == FREE {
                *slot = (tag, next);
                return next;
            }
            if slot.0 == tag && is_key(slot.1) {
                return slot.1;
            }
            at = (at + 1) & self.mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_of_equal_hashes_are_distinguished() {
        let keys = [10, 11, 12, 10, 12, 13];
        let mut table = Table::default();
        table.reset(keys.len());
        let mut distinct: Vec<u32> = Vec::new();
        let numbers = keys.map(|key| {
            let next = distinct.len() as u32;
            let number = table.number(7, next, |number| distinct[number as usize] == key);
            if number == next {
                distinct.push(key);
            }
            number
        });
        assert_eq!(numbers, [0, 1, 2, 0, 2, 3]);
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn numbers_follow_first_appearance(lists in prop::collection::vec(prop::collection::vec(0u32..50, 0..200), 0..4)) {
            let mut table = Table::default();
            for keys in lists {
                table.reset(keys.len());
                let mut distinct: Vec<u32> = Vec::new();
                for key in keys {
                    let next = distinct.len() as u32;
                    let hash = table.hash(key);
                    let number = table.number(hash, next, |number| distinct[number as usize] == key);
                    if number == next {
                        distinct.push(key);
                    }
                    prop_assert_eq!(distinct[number as usize], key);
                }
            }
        }
    }
}
