//! MD5 (RFC 1321) of short messages, sixteen at a time.
//!
//! A window of a text is one block of MD5, and each step of a block depends on the one before: a
//! processor that hashes one message at a time is idle most of the time. Here each step is done for
//! all messages before the next one, which compilers turn into vector instructions.

use multiversion::multiversion;
use std::array::from_fn;

/// Messages that are hashed together.
pub(crate) const LANES: usize = 16;

/// One word of each message.
type Lanes = [u32; LANES];

/// Returns the longest message, in bytes, that fits into `words` words with its final byte of 0x80.
pub(crate) const fn message_bytes_max(words: usize) -> usize {
    words * 4 - 1
}

/// Returns a padded message as words. The rest of its block is zero except for the length.
pub(crate) fn words<const W: usize>(message: &[u8]) -> [u32; W] {
    let mut words = [0; W];
    for (place, byte) in message.iter().chain(&[0x80]).enumerate() {
        words[place / 4] |= u32::from(*byte) << (place % 4 * 8);
    }
    words
}

/// Returns the last eight bytes of each message's digest as a big-endian number. The messages take
/// `W` words and have the lengths `bytes`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn last_halves<const W: usize>(words: &[Lanes; W], bytes: &Lanes) -> [u64; LANES] {
    let bits: Lanes = from_fn(|lane| bytes[lane] * 8);
    let (mut a, mut b): (Lanes, Lanes) = ([0x6745_2301; LANES], [0xefcd_ab89; LANES]);
    let (mut c, mut d): (Lanes, Lanes) = ([0x98ba_dcfe; LANES], [0x1032_5476; LANES]);
    macro_rules! round {
        ($from:literal, $mix:expr, $word:expr, $turns:expr) => {
            for step in $from..$from + 16 {
                let (place, turn) = ($word(step) % 16, $turns[step % 4]);
                for lane in 0..LANES {
                    let word = match place {
                        14 => bits[lane],
                        place if place < W => words[place][lane],
                        _ => 0,
                    };
                    let sum = $mix(b[lane], c[lane], d[lane])
                        .wrapping_add(a[lane])
                        .wrapping_add(SINES[step])
                        .wrapping_add(word);
                    a[lane] = b[lane].wrapping_add(sum.rotate_left(turn));
                }
                (a, b, c, d) = (d, a, b, c);
            }
        };
    }
    round!(0, |b, c, d| d ^ (b & (c ^ d)), |step| step, [7, 12, 17, 22]);
    round!(16, |b, c, d| c ^ (d & (b ^ c)), |step| 5 * step + 1, [5, 9, 14, 20]);
    round!(32, |b: u32, c, d| b ^ c ^ d, |step| 3 * step + 5, [4, 11, 16, 23]);
    round!(48, |b: u32, c, d: u32| c ^ (b | !d), |step| 7 * step, [6, 10, 15, 21]);
    from_fn(|lane| {
        let c = c[lane].wrapping_add(0x98ba_dcfe).swap_bytes();
        let d = d[lane].wrapping_add(0x1032_5476).swap_bytes();
        u64::from(c) << 32 | u64::from(d)
    })
}

/// The integer parts of 2^32 times the absolute sines of 1 to 64.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_rfc() {
        let messages =
            ["", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz"].map(str::as_bytes);
        let words: [[u32; 7]; 5] = messages.map(words);
        let of_lane = |lane: usize| lane % messages.len();
        let lanes: [Lanes; 7] = from_fn(|word| from_fn(|lane| words[of_lane(lane)][word]));
        let bytes = from_fn(|lane| messages[of_lane(lane)].len() as u32);
        let found = last_halves(&lanes, &bytes);
        let expected = [
            0xe980_0998_ecf8_427e,
            0x31c3_99e2_6977_2661,
            0xd696_3f7d_28e1_7f72,
            0x525a_2f31_aaf1_61d0,
            0x7dfb_496c_ca67_e13b,
        ];
        assert_eq!(found, from_fn(|lane| expected[of_lane(lane)]));
    }
}
