//! SimHash, as RedPajama computes it for books.

use crate::count::BitCounts;
use crate::md5::{LANES, last_halves, message_bytes_max, words};
use text::unicode::{WORD, classes};

/// Characters in a window (RedPajama-Data@rp_v1 `data_prep/book/dedup.py`: `-w`).
const WINDOW_CHARS: usize = 6;

/// Most bits in which near duplicates differ (`data_prep/book/dedup.py`: `-k`).
pub const DISTANCE_MAX: u32 = 5;

/// MD5 words for a window of ASCII, and for a window of any characters.
const ASCII_WORDS: usize = 2;
const WORDS: usize = 7;
const _: () = assert!(message_bytes_max(ASCII_WORDS) >= WINDOW_CHARS);
const _: () = assert!(message_bytes_max(WORDS) >= WINDOW_CHARS * char::MAX.len_utf8());

/// Returns the SimHash of a text: each bit is set if more than half of the windows' hashes have it.
///
/// Windows are all runs of six characters of the text, repeats included, in lower case and without
/// the characters that Python's `\w` does not match. The hash of a window is the last eight bytes
/// of its MD5 (`data_prep/book/dedup.py`: `get_features`, with the package `simhash`). A text of
/// fewer characters is one window.
///
/// Allocates memory for the condensed text.
///
/// ```
/// use similarity::{DISTANCE_MAX, simhash};
///
/// let book = "The keeper of the lamp went down to the harbour. ".repeat(50);
/// let other = book.replacen("lamp", "lamps", 1);
/// assert!((simhash(&book) ^ simhash(&other)).count_ones() <= DISTANCE_MAX);
/// ```
pub fn simhash(text: &str) -> u64 {
    let condensed = condense(text);
    let mut counts = BitCounts::default();
    if condensed.len() >= WINDOW_CHARS && condensed.is_ascii() {
        let windows = condensed.as_bytes().windows(WINDOW_CHARS);
        count::<ASCII_WORDS>(windows, &mut counts);
    } else {
        let starts = || condensed.char_indices().map(|(start, _)| start);
        let ends = starts().skip(WINDOW_CHARS).chain([condensed.len()]);
        // A text without characters still has one window.
        let windows = starts().chain(condensed.is_empty().then_some(0)).zip(ends);
        let windows = windows.map(|(start, end)| &condensed.as_bytes()[start..end]);
        count::<WORDS>(windows, &mut counts);
    }
    counts.majority()
}

/// Lower-cases a text and keeps only the characters that Python's `\w` matches.
fn condense(text: &str) -> String {
    let class = classes();
    let mut condensed = text.to_lowercase();
    condensed.retain(|c| class(c) & WORD != 0);
    condensed
}

fn count<'t, const W: usize>(mut windows: impl Iterator<Item = &'t [u8]>, counts: &mut BitCounts) {
    loop {
        let (mut lanes, mut bytes) = ([[0; LANES]; W], [0; LANES]);
        let mut filled = 0;
        for window in windows.by_ref().take(LANES) {
            let words: [u32; W] = words(window);
            (0..W).for_each(|word| lanes[word][filled] = words[word]);
            bytes[filled] = window.len() as u32;
            filled += 1;
        }
        let hashes = last_halves(&lanes, &bytes);
        if filled == LANES {
            counts.add_sixteen(&hashes);
        } else {
            return hashes[..filled].iter().for_each(|hash| counts.add(*hash));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the windows by their definition.
    pub(crate) fn condensed_windows(text: &str) -> Vec<String> {
        let chars: Vec<char> = condense(text).chars().collect();
        let count = (chars.len() + 1).saturating_sub(WINDOW_CHARS).max(1);
        let end = |start: usize| chars.len().min(start + WINDOW_CHARS);
        (0..count).map(|start| chars[start..end(start)].iter().collect()).collect()
    }

    fn hash(window: &str) -> u64 {
        let mut lanes = [[0; LANES]; WORDS];
        let words: [u32; WORDS] = words(window.as_bytes());
        (0..WORDS).for_each(|word| lanes[word][0] = words[word]);
        last_halves(&lanes, &[window.len() as u32; LANES])[0]
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn it_is_the_majority_of_the_windows_hashes(
            text in prop_oneof!["[a-c ,._]{0,60}", "[aÉß,Σ一𝔸é\u{301}\u{130}]{0,60}"],
        ) {
            let hashes: Vec<u64> = condensed_windows(&text).iter().map(|window| hash(window)).collect();
            let count = |bit: u32| hashes.iter().filter(|hash| *hash >> bit & 1 == 1).count();
            let expected = (0..64)
                .filter(|bit| 2 * count(*bit) > hashes.len())
                .fold(0u64, |all, bit| all | 1 << bit);
            prop_assert_eq!(simhash(&text), expected);
        }
    }

    #[test]
    fn case_and_marks_do_not_count() {
        assert_eq!(simhash("The quick, brown fox."), simhash("THE QUICK BROWN FOX"));
        assert_ne!(simhash("The quick brown fox"), simhash("The quick_brown fox"));
    }

    #[test]
    fn an_empty_text_is_one_empty_window() {
        assert_eq!(simhash(" ,;"), 0xe980_0998_ecf8_427e);
    }
}
