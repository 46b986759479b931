//! Counts, for each of 64 bits, the numbers in which it is set.

/// Counts of set bits by position. `planes[i]` holds bit `i` of each of the 64 counts, so adding a
/// number takes a few operations instead of 64.
pub(crate) struct BitCounts {
    planes: [u64; Self::PLANES],
    /// Numbers added.
    count: u64,
}

impl Default for BitCounts {
    fn default() -> Self {
        BitCounts { planes: [0; Self::PLANES], count: 0 }
    }
}

impl BitCounts {
    /// Enough to count more windows than a text in memory can have.
    const PLANES: usize = 48;

    /// Adds sixteen numbers.
    pub fn add_sixteen(&mut self, numbers: &[u64; 16]) {
        // The numbers have weight one. Two numbers of one weight and the plane of that weight add
        // up to one carry of twice the weight.
        let mut carries = *numbers;
        let mut left = 16;
        for plane in 0..4 {
            left /= 2;
            for pair in 0..left {
                let (one, two) = (carries[pair * 2], carries[pair * 2 + 1]);
                let here = self.planes[plane];
                carries[pair] = (one & two) | (here & (one ^ two));
                self.planes[plane] = here ^ one ^ two;
            }
        }
        self.carry(4, carries[0]);
        self.count += 16;
    }

    /// Adds one number.
    pub fn add(&mut self, number: u64) {
        self.carry(0, number);
        self.count += 1;
    }

    fn carry(&mut self, from: usize, mut carry: u64) {
        for plane in &mut self.planes[from..] {
            if carry == 0 {
                break;
            }
            (*plane, carry) = (*plane ^ carry, *plane & carry);
        }
    }

    /// Returns the bits that are set in more than half of the numbers.
    pub fn majority(&self) -> u64 {
        (0..64).filter(|bit| 2 * self.of_bit(*bit) > self.count).fold(0, |all, bit| all | 1 << bit)
    }

    fn of_bit(&self, bit: u32) -> u64 {
        let bits = self.planes.iter().enumerate();
        bits.fold(0, |count, (place, plane)| count | (plane >> bit & 1) << place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn counts_are_those_of_each_bit(
            sixteens in prop::collection::vec(any::<[u64; 16]>(), 0..20),
            ones in prop::collection::vec(any::<u64>(), 0..20),
        ) {
            let mut counts = BitCounts::default();
            sixteens.iter().for_each(|numbers| counts.add_sixteen(numbers));
            ones.iter().for_each(|number| counts.add(*number));
            let all: Vec<u64> = sixteens.iter().flatten().chain(&ones).copied().collect();
            for bit in 0..64 {
                let expected = all.iter().filter(|number| *number >> bit & 1 == 1).count() as u64;
                prop_assert_eq!(counts.of_bit(bit), expected);
                prop_assert_eq!(counts.majority() >> bit & 1 == 1, expected * 2 > all.len() as u64);
            }
        }
    }
}
