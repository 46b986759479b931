//! Passages: parts of a text by which repeats are found, wherever in a text they are.
//!
//! Of every window of so many bytes, one passage is selected, by what the window says and nothing
//! else. So two texts that have a window in common have a passage in common. Where windows overlap
//! they mostly select the same passage, so a text has few of them.

use std::ops::Range;

/// Bytes of a gram, by whose hash passages are selected.
const GRAM: usize = 16;

/// Bits by which a hash is shifted for each byte: after [`GRAM`] bytes, nothing of a byte is left.
const SHIFT: u32 = u64::BITS / GRAM as u32;

/// A random number for each byte, by splitmix64.
const NUMBERS: [u64; 256] = {
    let mut numbers = [0; 256];
    let (mut state, mut byte) = (0u64, 0);
    while byte < numbers.len() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        numbers[byte] = mixed ^ (mixed >> 31);
        byte += 1;
    }
    numbers
};

/// A passage of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The first 128 bits of the BLAKE3 digest of its bytes.
    pub key: u128,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// Selects the passages of texts.
///
/// A passage has at least [`Passages::bytes`] bytes, and at most three more where characters have
/// several. Every part of [`Passages::found`] bytes, a fifth more, has a whole passage, and two equal
/// parts have an equal one. The first and the last bytes of a text are passages too, so that what two
/// texts begin or end with in common is found to its end. A shorter text has no passages.
///
/// The rule is that of mod-minimizers (Groot Koerkamp, Pibiri: The mod-minimizer, 2024). A window is
/// a range of steps, each as long as a passage may be moved in it. The gram with the smallest hash is
/// sought in the whole window, the leftmost of several; its place, modulo the step, is where the passage
/// begins. The next passage begins about 0.86 of a step later, and never more than a step. Then both
/// ends are moved outwards, or the end with the start, to where characters begin and end.
///
/// Where a text repeats itself at short distances, such as in a row of blanks, each period has a
/// passage, and all are equal. All but the first come as one that covers them.
///
/// ```
/// use similarity::Passages;
///
/// let mut passages = Passages::new(100);
/// let line = "The keeper of the lamp wrote a line of a hundred and twenty bytes into the book beside \
///             the stairs, and went up to see the ships.";
/// assert!(line.len() >= passages.found());
/// let one = passages.of(&format!("Monday. {line} A calm night."));
/// let two = passages.of(&format!("Tuesday. The wind has turned to the north. {line}"));
/// assert!(one.iter().any(|passage| two.iter().any(|other| passage.key == other.key)));
/// assert!(passages.of("Wednesday.").is_empty());
/// ```
pub struct Passages {
    bytes: usize,
    /// From one passage to the next, at most.
    step: usize,
    /// Grams of a window: a multiple of the step.
    grams: usize,
    /// The hashes of as many grams, with their places. Those of the next block of grams replace those of
    /// the last one, of which the others are the smallest from each on.
    block: Vec<(u64, usize)>,
}

impl Passages {
    /// The fewest bytes that passages may have.
    pub const BYTES_MIN: usize = 100;

    /// Passages of so many bytes.
    ///
    /// # Panics
    /// If they are fewer than [`Passages::BYTES_MIN`].
    pub fn new(bytes: usize) -> Passages {
        assert!(bytes >= Self::BYTES_MIN, "passages of {bytes} bytes");
        // A window is a passage and a step, less one; the ends may be three bytes out.
        let step = bytes / 5 - 5;
        let grams = (bytes + step - GRAM) / step * step;
        Passages { bytes, step, grams, block: vec![(0, 0); grams] }
    }

    /// The fewest bytes of a passage.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A part of a text with so many bytes has a passage.
    pub fn found(&self) -> usize {
        self.bytes + self.step + 5
    }

    /// Returns the passages of a text, in the order of their first bytes. They overlap, and a key may
    /// come several times.
    pub fn of(&mut self, text: &str) -> Vec<Passage> {
        let mut passages: Vec<Passage> = Vec::new();
        let bytes = text.as_bytes();
        let (mut before, mut is_repeat) = (0..0, false);
        self.select(text, |range| {
            if bytes[before.clone()] != bytes[range.clone()] {
                passages.push(Passage { key: key(&bytes[range.clone()]), range: range.clone() });
                is_repeat = false;
            } else if let Some(last) = passages.last_mut() {
                // The first may be the only one that stays.
                if is_repeat {
                    last.range.end = range.end;
                } else {
                    let key = last.key;
                    passages.push(Passage { key, range: range.clone() });
                    is_repeat = true;
                }
            }
            before = range;
        });
        passages
    }

    /// Passes the ranges of the passages to `each`, in order.
    ///
    /// Grams are taken in blocks as long as a window, so a window is the end of a block and the beginning
    /// of the next: the smaller of two that are known. (van Herk 1992; Gil, Werman 1993)
    fn select(&mut self, text: &str, mut each: impl FnMut(Range<usize>)) {
        let Some(last) = text.len().checked_sub(self.bytes) else { return };
        let range = |start: usize| {
            let start = text.floor_char_boundary(start);
            start..text.ceil_char_boundary(start + self.bytes)
        };
        let mut given = range(0);
        each(given.clone());
        let (mut hash, mut at, mut smallest_of_block) = (0u64, 0, NONE);
        let (mut gram_of_start, mut start) = (0, 0);
        for (end, byte) in text.bytes().enumerate() {
            hash = (hash << SHIFT).wrapping_add(NUMBERS[usize::from(byte)]);
            let Some(gram) = (end + 1).checked_sub(GRAM) else { continue };
            self.block[at] = (hash, gram);
            if hash < smallest_of_block.0 {
                smallest_of_block = (hash, gram);
            }
            at += 1;
            if at == self.grams {
                smallest_from_each_on(&mut self.block);
                (at, smallest_of_block) = (0, NONE);
            }
            let Some(window) = (gram + 1).checked_sub(self.grams) else { continue };
            // Of equal ones, the left one.
            let before = self.block[at];
            let smallest = if before.0 <= smallest_of_block.0 { before } else { smallest_of_block };
            if smallest.1 == gram_of_start && start >= window {
                continue;
            }
            gram_of_start = smallest.1;
            start = window + (gram_of_start - window) % self.step;
            if start > last {
                break;
            }
            let range = range(start);
            if range.start > given.start {
                given = range;
                each(given.clone());
            }
        }
        let range = text.floor_char_boundary(last)..text.len();
        if range != given {
            each(range);
        }
    }
}

/// The hash of no gram: no smaller than any.
const NONE: (u64, usize) = (u64::MAX, usize::MAX);

/// Replaces the hash of each gram of a block by the smallest from it on, the leftmost of several.
fn smallest_from_each_on(block: &mut [(u64, usize)]) {
    let mut smallest = NONE;
    for gram in block.iter_mut().rev() {
        if gram.0 <= smallest.0 {
            smallest = *gram;
        }
        *gram = smallest;
    }
}

fn key(bytes: &[u8]) -> u128 {
    let digest = blake3::hash(bytes);
    u128::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The starts of all passages but the last by the definition, before they are moved to characters.
    fn defined(passages: &Passages, text: &[u8]) -> BTreeSet<usize> {
        let Passages { bytes, step, grams, .. } = *passages;
        let hash = |gram: usize| {
            let add = |hash: u64, byte: &u8| (hash << SHIFT).wrapping_add(NUMBERS[*byte as usize]);
            text[gram..gram + GRAM].iter().fold(0, add)
        };
        let windows = 0..(text.len() + 1).saturating_sub(grams + GRAM - 1);
        let start = |window: usize| {
            let smallest = (window..window + grams).min_by_key(|gram| (hash(*gram), *gram));
            window + (smallest.expect("there are grams") - window) % step
        };
        let last = text.len() - bytes;
        let inner = windows.map(start).filter(|start| *start <= last);
        inner.chain([0]).collect()
    }

    /// Texts of few different characters up to many, of one byte up to four, some of them periodic.
    fn texts(chars: Range<usize>) -> impl Strategy<Value = String> {
        let letters = prop_oneof![
            Just("a"),
            Just("ab"),
            Just("ab \n"),
            Just("aé"),
            Just("語"),
            Just("a🙂é語"),
            Just("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,"),
        ];
        let places = (prop::collection::vec(any::<u16>(), chars), 0usize..4, 1usize..200);
        (letters, places).prop_map(|(letters, (places, is_periodic, period))| {
            let letters: Vec<char> = letters.chars().collect();
            let place = |n: usize| {
                if is_periodic == 0 { places[n % period % places.len()] } else { places[n] }
            };
            (0..places.len()).map(|n| letters[place(n) as usize % letters.len()]).collect()
        })
    }

    fn random(chars: usize, seed: u64) -> String {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let letters = b"etaoin shrdlu etaoin cmfwypvbgkjqxz, .";
        (0..chars).map(|_| char::from(letters[next() % letters.len()])).collect()
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn passages_are_those_of_the_definition(text in texts(0..1500), bytes in 100usize..300) {
            let mut passages = Passages::new(bytes);
            let mut found = Vec::new();
            passages.select(&text, |range| found.push(range));
            if text.len() < bytes {
                prop_assert!(found.is_empty());
                return Ok(());
            }
            let starts = defined(&passages, text.as_bytes());
            let mut expected: Vec<Range<usize>> = starts.into_iter().map(|start| {
                let start = text.floor_char_boundary(start);
                start..text.ceil_char_boundary(start + bytes)
            }).collect();
            expected.push(text.floor_char_boundary(text.len() - bytes)..text.len());
            expected.dedup();
            prop_assert_eq!(&found, &expected);
            for pair in found.windows(2) {
                // A step, and what characters move it by.
                prop_assert!(pair[1].start - pair[0].start <= passages.step + 3, "{pair:?}");
            }
            for range in &found {
                prop_assert!(range.len() >= bytes && range.len() <= bytes + 3, "{range:?}");
                prop_assert!(text.get(range.clone()).is_some());
            }
        }

        #[test]
        fn equal_passages_have_equal_keys_and_cover_what_is_selected(text in texts(0..1500)) {
            let mut passages = Passages::new(100);
            let (mut selected, found) = (Vec::new(), passages.of(&text));
            passages.select(&text, |range| selected.push(range));
            for passage in &found {
                let parts: Vec<&Range<usize>> = selected.iter().filter(|range| {
                    passage.range.start <= range.start && range.end <= passage.range.end
                }).collect();
                prop_assert_eq!(parts[0].start, passage.range.start);
                if parts.len() == 1 || passage.range.len() <= 103 {
                    prop_assert_eq!(passage.key, key(text[passage.range.clone()].as_bytes()));
                } else {
                    // The first of the equal ones is a passage of its own.
                    for part in parts {
                        prop_assert_eq!(passage.key, key(text[part.clone()].as_bytes()));
                    }
                    let same = found.iter().find(|other| other.key == passage.key);
                    prop_assert!(same.is_some_and(|first| first.range.start < passage.range.start));
                }
            }
            let covers = |range: &&Range<usize>| found.iter().any(|passage| {
                passage.range.start <= range.start && range.end <= passage.range.end
            });
            prop_assert!(selected.iter().all(|range| covers(&range)));
        }

        #[test]
        fn what_two_texts_have_in_common_has_a_common_passage(
            before in (texts(0..400), texts(0..400)),
            after in (texts(0..400), texts(0..400)),
            common in texts(600..700),
            cut in 0usize..600,
            bytes in 100usize..500,
        ) {
            let mut passages = Passages::new(bytes);
            // Exactly as much as must be found, or a few bytes more up to where a character ends.
            let start = common.floor_char_boundary(cut.min(common.len() - passages.found()));
            let common = &common[start..common.ceil_char_boundary(start + passages.found())];
            let one = passages.of(&format!("{}{common}{}", before.0, after.0));
            let two = passages.of(&format!("{}{common}{}", before.1, after.1));
            let keys: BTreeSet<u128> = one.iter().map(|passage| passage.key).collect();
            prop_assert!(two.iter().any(|passage| keys.contains(&passage.key)));
        }
    }

    #[test]
    fn passages_of_500_bytes_find_what_repeats_over_600() {
        assert_eq!(Passages::new(500).found(), 600);
        assert_eq!(Passages::new(100).found(), 120);
    }

    #[test]
    fn there_are_few_passages() {
        let text = random(1_000_000, 1);
        for (bytes, step) in [(100, 15.0), (500, 95.0), (2000, 395.0)] {
            let found = Passages::new(bytes).of(&text).len();
            let apart = text.len() as f64 / found as f64 / step;
            println!("{bytes} bytes: {found} passages, one in {apart:.3} steps");
            assert!(apart > 0.8, "{bytes}: {found} passages, one in {apart} steps");
        }
    }

    #[test]
    fn rows_of_equal_characters_select_no_more_passages_than_other_texts() {
        // Each place of such a row would be selected if its gram had the smallest hash of a window.
        for row in [" ", "-", "=", "_", "*", ".", "#", "~", "+", "0", "\n", "\t", "x", "- ", ". "] {
            let text: String = (0..200)
                .map(|n| format!("{}{}", random(600, n), row.repeat(100 / row.len())))
                .collect();
            let found = Passages::new(500).of(&text).len();
            assert!(found < text.len() / 70, "{row:?}: {found} passages in {} bytes", text.len());
        }
    }

    #[test]
    fn a_text_that_repeats_itself_has_a_passage_and_a_repeat_of_it() {
        let found = Passages::new(500).of(&"a".repeat(10_000));
        let [first, rest] = &found[..] else { panic!("{} passages", found.len()) };
        assert_eq!((first.range.clone(), rest.range.end), (0..500, 10_000));
        assert_eq!(first.key, rest.key);
        for text in ["語".repeat(10_000), " - ".repeat(10_000), "ab\n語🙂".repeat(1000)] {
            // The beginning and the end may be other parts of the period.
            let found = Passages::new(500).of(&text);
            assert!(found.len() <= 4, "{} passages", found.len());
            let repeat = found.iter().max_by_key(|passage| passage.range.len()).unwrap();
            assert!(repeat.range.len() > text.len() - 1100, "{found:?}");
            assert!(found.iter().any(|passage| passage.key == repeat.key && passage != repeat));
        }
    }

    #[test]
    fn a_short_text_has_no_passages_and_the_shortest_is_one() {
        let text = random(500, 3);
        assert!(Passages::new(500).of(&text[1..]).is_empty());
        let found = Passages::new(500).of(&text);
        assert_eq!(found, [Passage { key: key(text.as_bytes()), range: 0..500 }]);
    }
}
