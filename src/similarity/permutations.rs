//! The numbers of numpy's older generator, so that MinHash signatures equal those of other tools.

/// The prime of the permutations, 2^61 - 1.
pub(crate) const PRIME: u64 = (1 << 61) - 1;

/// Draws `count` factors from 1 to [`PRIME`] - 1, and then `count` summands from 0, as datatrove
/// does (`minhash.py`: `parameters`, `numpy.random.RandomState(seed).randint`).
pub(crate) fn permutations(seed: u32, count: usize) -> (Vec<u64>, Vec<u64>) {
    let mut twister = Twister::new(seed);
    let factors = (0..count).map(|_| twister.up_to(PRIME - 2) + 1).collect();
    let summands = (0..count).map(|_| twister.up_to(PRIME - 1)).collect();
    (factors, summands)
}

/// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998).
struct Twister {
    state: [u32; Self::SIZE],
    next: usize,
}

impl Twister {
    const SIZE: usize = 624;
    const SHIFT: usize = 397;

    fn new(seed: u32) -> Twister {
        let mut state = [seed; Self::SIZE];
        for place in 1..Self::SIZE {
            let before = state[place - 1];
            let mixed = (before ^ before >> 30).wrapping_mul(1_812_433_253);
            state[place] = mixed.wrapping_add(place as u32);
        }
        Twister { state, next: Self::SIZE }
    }

    /// Draws a number from 0 to `max`: as many bits as `max` has, redrawn until the number is in
    /// range.
    fn up_to(&mut self, max: u64) -> u64 {
        let mask = u64::MAX >> max.leading_zeros();
        loop {
            let number = (u64::from(self.draw()) << 32 | u64::from(self.draw())) & mask;
            if number <= max {
                return number;
            }
        }
    }

    fn draw(&mut self) -> u32 {
        if self.next == Self::SIZE {
            self.twist();
        }
        let mut number = self.state[self.next];
        self.next += 1;
        number ^= number >> 11;
        number ^= number << 7 & 0x9d2c_5680;
        number ^= number << 15 & 0xefc6_0000;
        number ^ number >> 18
    }

    fn twist(&mut self) {
        for place in 0..Self::SIZE {
            let following = self.state[(place + 1) % Self::SIZE];
            let joined = self.state[place] & 0x8000_0000 | following & 0x7fff_ffff;
            let twisted = joined >> 1 ^ if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[place] = self.state[(place + Self::SHIFT) % Self::SIZE] ^ twisted;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers that the authors' program prints for this seed.
    #[test]
    fn numbers_are_those_of_the_twister() {
        let mut twister = Twister::new(5489);
        let numbers: Vec<u32> = (0..3).map(|_| twister.draw()).collect();
        assert_eq!(numbers, [3_499_211_612, 581_869_302, 3_890_346_734]);
    }
}
