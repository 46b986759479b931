//! The numbers of numpy's older generator, so that MinHash signatures equal those of other tools.

use rand_mt::Mt;

/// The prime of the permutations, 2^61 - 1.
pub(crate) const PRIME: u64 = (1 << 61) - 1;

/// Draws `count` factors from 1 to [`PRIME`] - 1, and then `count` summands from 0, as datatrove
/// does (`minhash.py`: `parameters`, `numpy.random.RandomState(seed).randint`).
pub(crate) fn permutations(seed: u32, count: usize) -> (Vec<u64>, Vec<u64>) {
    let mut twister = Mt::new(seed);
    let factors = (0..count).map(|_| up_to(&mut twister, PRIME - 2) + 1).collect();
    let summands = (0..count).map(|_| up_to(&mut twister, PRIME - 1)).collect();
    (factors, summands)
}

/// Draws a number from 0 to `max`: as many bits as `max` has, redrawn until the number is in range
/// (numpy's `random_bounded_uint64` with masks).
fn up_to(twister: &mut Mt, max: u64) -> u64 {
    let mask = u64::MAX >> max.leading_zeros();
    loop {
        let high = u64::from(twister.next_u32()) << 32;
        let number = (high | u64::from(twister.next_u32())) & mask;
        if number <= max {
            return number;
        }
    }
}
