//! Cutting passages out of a text.

use std::ops::Range;

/// How passages are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// Characters that are cut on each side of a passage.
    pub window_chars: usize,
    /// Pieces with fewer characters are dropped.
    pub piece_chars_min: usize,
    /// A text that is split into more pieces is dropped.
    pub pieces_max: usize,
}

impl Cutting {
    /// The numbers of GPT-3 (appendix C).
    pub const GPT3: Cutting = Cutting { window_chars: 200, piece_chars_min: 200, pieces_max: 10 };
}

/// What cutting leaves of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The pieces that stay, one after another, each on a line of its own.
    pub text: String,
    /// What was cut, in bytes of the text before: passages with their windows, and short pieces.
    pub removed: Vec<Range<usize>>,
}

/// Cuts passages, which are in order, out of a text. `None` if nothing is left, or if the text is
/// split into too many pieces.
///
/// ```
/// use contamination::{Cut, Cutting, cut};
///
/// let cutting = Cutting { window_chars: 2, piece_chars_min: 3, pieces_max: 3 };
/// let left = cut("before an answer after it", &[10..16], cutting).expect("two pieces");
/// assert_eq!(left, Cut { text: "before a\nfter it".into(), removed: vec![8..18] });
/// assert_eq!(cut("an answer", &[3..9], cutting), None);
/// ```
pub fn cut(text: &str, passages: &[Range<usize>], cutting: Cutting) -> Option<Cut> {
    let mut removed = Vec::new();
    for passage in passages {
        let before = text[..passage.start].char_indices().rev();
        let start = nth_or(before.map(|(at, _)| at), cutting.window_chars, passage.start, 0);
        let after =
            text[passage.end..].char_indices().map(|(at, c)| passage.end + at + c.len_utf8());
        let end = nth_or(after, cutting.window_chars, passage.end, text.len());
        push_merged(&mut removed, start..end);
    }
    let pieces: Vec<Range<usize>> = between(&removed, text.len()).collect();
    if pieces.len() > cutting.pieces_max {
        return None;
    }
    let has_length = |piece: &&Range<usize>| {
        text[(*piece).clone()].chars().nth(cutting.piece_chars_min.saturating_sub(1)).is_some()
    };
    let left: Vec<Range<usize>> = pieces.iter().filter(has_length).cloned().collect();
    let texts: Vec<&str> = left.iter().map(|piece| &text[piece.clone()]).collect();
    let removed = between(&left, text.len()).collect();
    (!left.is_empty()).then(|| Cut { text: texts.join("\n"), removed })
}

/// The last of the first `count` places; `none` if `count` is 0, `beyond` if there are fewer.
fn nth_or(
    mut places: impl Iterator<Item = usize>,
    count: usize,
    none: usize,
    beyond: usize,
) -> usize {
    match count {
        0 => none,
        _ => places.nth(count - 1).unwrap_or(beyond),
    }
}

/// Adds a range to ranges that are in order, and joins it with the last one if they meet.
pub(crate) fn push_merged(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
        _ => ranges.push(range),
    }
}

/// What is between ranges in `0..end`, without empty ranges.
fn between(ranges: &[Range<usize>], end: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(0).chain(ranges.iter().map(|range| range.end));
    let ends = ranges.iter().map(|range| range.start).chain([end]);
    starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| start..end)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "one passage is a list of passages too")]
mod tests {
    use super::*;

    const SMALL: Cutting = Cutting { window_chars: 2, piece_chars_min: 3, pieces_max: 2 };

    #[test]
    fn windows_are_in_characters_and_may_meet() {
        // The window ends between characters of several bytes.
        let left = cut("äöüßabcüöäéè", &[8..11], SMALL).unwrap();
        assert_eq!(left.text, "äéè");
        assert_eq!(left.removed, [0..15]);
        let left = cut("0123456789abcdef", &[4..5, 8..9], SMALL).unwrap();
        assert_eq!((&left.text[..], &left.removed[..]), ("bcdef", &[0..11][..]));
    }

    #[test]
    fn short_pieces_are_dropped_and_many_pieces_are_too_many() {
        let text = "aaaa1bbbb2cccc";
        let none = Cutting { window_chars: 0, ..SMALL };
        let three = Cutting { pieces_max: 3, ..none };
        assert_eq!(cut(text, &[4..5, 9..10], none), None);
        assert_eq!(cut(text, &[4..5, 9..10], three).unwrap().text, "aaaa\nbbbb\ncccc");
        // Short pieces count as pieces, as the paper counts before it drops them.
        let text = "aaaa1b2cccc";
        assert_eq!(cut(text, &[4..5, 6..7], three).unwrap().text, "aaaa\ncccc");
        assert_eq!(cut(text, &[4..5, 6..7], none), None);
        assert_eq!(cut("ab", &[0..1], three), None);
    }

    #[test]
    fn the_numbers_of_gpt_3_cut_at_two_hundred_characters() {
        let text = format!("{}X{}", "a".repeat(400), "b".repeat(399));
        let left = cut(&text, &[400..401], Cutting::GPT3).unwrap();
        assert_eq!(left.text, "a".repeat(200), "199 characters are too few");
        assert_eq!(left.removed, [200..800]);
    }
}
