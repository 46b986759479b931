//! The initial pieces: repeated strings of the text (`unigram_model_trainer.cc:
//! MakeSeedSentencePieces`).
//!
//! All suffixes of the segments are sorted. Suffixes that share their first n characters are then
//! adjacent. A string is a candidate only if it is followed by different characters: if not, a longer
//! string always occurs in its place.

use super::segments::Segments;

/// A range of [`Segments::chars`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) begin: u32,
    pub(super) chars: u32,
}

impl Stretch {
    pub(super) fn of(self, chars: &[u32]) -> &[u32] {
        &chars[self.begin as usize..(self.begin + self.chars) as usize]
    }
}

/// Returns at most `seeds_max` pieces with their weights, in the order of their characters, including
/// all single characters.
pub(super) fn seeds(
    segments: &Segments,
    piece_chars_max: usize,
    seeds_max: usize,
) -> Vec<(Stretch, f64)> {
    let chars = &segments.chars[..];
    let mut found = repeats(segments, piece_chars_max);
    // The heaviest first. Ties are broken by characters, to be deterministic.
    found.sort_unstable_by(|(left, left_weight), (right, right_weight)| {
        right_weight.cmp(left_weight).then_with(|| left.of(chars).cmp(right.of(chars)))
    });
    let is_single = |(stretch, _): &(Stretch, u64)| stretch.chars == 1;
    let (singles, mut longer): (Vec<_>, Vec<_>) = found.into_iter().partition(is_single);
    longer.truncate(seeds_max.saturating_sub(singles.len()));
    longer.extend(singles);
    longer.sort_unstable_by(|(left, _), (right, _)| left.of(chars).cmp(right.of(chars)));
    longer.into_iter().map(|(stretch, weight)| (stretch, weight as f64)).collect()
}

/// Strings that are followed by different characters, and single characters; with the number of their
/// characters in the text.
fn repeats(segments: &Segments, piece_chars_max: usize) -> Vec<(Stretch, u64)> {
    let chars = &segments.chars[..];
    // One more character shows whether the longest strings are followed by different characters.
    let len_max = piece_chars_max + 1;
    let mut suffixes: Vec<(u32, u32)> = Vec::new();
    let mut begin = 0;
    for (segment, (end, _)) in segments.ends.iter().enumerate() {
        suffixes.extend((begin..*end).map(|at| (at as u32, segment as u32)));
        begin = end + 1;
    }
    let suffix = |(at, segment): (u32, u32)| {
        let end = segments.ends[segment as usize].0;
        &chars[at as usize..end.min(at as usize + len_max)]
    };
    suffixes.sort_unstable_by(|left, right| suffix(*left).cmp(suffix(*right)));

    let mut found = Vec::new();
    // Open groups of suffixes: the number of shared characters, and the count before the first one.
    let mut open: Vec<(usize, u64)> = Vec::new();
    let mut before = 0;
    for (index, this) in suffixes.iter().enumerate() {
        let text = suffix(*this);
        if open.last().is_none_or(|(shared, _)| *shared < text.len()) {
            open.push((text.len(), before));
        }
        before += segments.ends[this.1 as usize].1;
        let next = suffixes.get(index + 1).map_or(&[][..], |next| suffix(*next));
        let shared = text.iter().zip(next).take_while(|(left, right)| left == right).count();
        let mut first = before;
        while let Some((len, begin)) = open.pop_if(|(len, _)| *len > shared) {
            first = begin;
            let count = before - begin;
            if len == 1 || (len <= piece_chars_max && count > 1) {
                let stretch = Stretch { begin: this.0, chars: len as u32 };
                found.push((stretch, count * len as u64));
            }
        }
        if shared > 0 && open.last().is_none_or(|(len, _)| *len < shared) {
            open.push((shared, first));
        }
        // A character is a piece even if it is always followed by the same one.
        if shared == 0 && found.last().is_none_or(|(last, _)| last.of(chars) != &text[..1]) {
            let stretch = Stretch { begin: this.0, chars: 1 };
            found.push((stretch, before - first));
        }
    }
    found
}
