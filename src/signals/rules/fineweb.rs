//! FineWeb's own rules (Penedo et al. 2024; datatrove, `fineweb_quality_filter.py`). The paper has
//! 0.1 for the share of characters in repeated lines; the code, which made the data, has 0.01.

use super::copies::later_copies;
use super::english::words;
use super::gopher::is_sentence_end;
use super::{Verdict, chars, check, share};
use text::python::strip;

/// Checks that a text is more than a list. The tests in order: `empty`, `line_punct_ratio`,
/// `short_line_ratio`, `char_dup_ratio`, `list_ratio`.
pub fn quality(text: &str) -> Verdict {
    const SHORT_LINE_CHARS_MAX: usize = 30;
    let lines: Vec<&str> = text.split('\n').filter(|line| !strip(line).is_empty()).collect();
    check(!lines.is_empty(), "empty")?;

    let of_lines =
        |is: fn(&str) -> bool| share(lines.iter().filter(|line| is(line)).count(), lines.len());
    check(of_lines(|line| line.ends_with(is_sentence_end)) >= 0.12, "line_punct_ratio")?;
    let is_short = |line: &str| line.chars().nth(SHORT_LINE_CHARS_MAX).is_none();
    check(of_lines(is_short) <= 0.67, "short_line_ratio")?;

    let newlines = text.matches('\n').count();
    let copies = later_copies(lines.iter().copied());
    check(share(copies.chars, chars(text) - newlines) <= 0.01, "char_dup_ratio")?;
    check(share(newlines, words(text).len()) <= 0.3, "list_ratio")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_many_lines_fail_by_their_newlines() {
        let lines = |gap: &str| {
            (0..10).map(|at| format!("{at}{}.{gap}", "x".repeat(40))).collect::<String>()
        };
        assert_eq!(quality(&lines("\n")), Err("list_ratio"));
        assert_eq!(quality(&lines(" and so on, and on, and on.\n")), Ok(()));
    }

    #[test]
    fn sentences_end_in_any_script() {
        let japanese: String = (0..10).map(|at| format!("{at}{}。", "字、".repeat(20))).collect();
        assert_eq!(quality(&japanese), Ok(()));
        assert_eq!(quality(&japanese.replace('。', "\"")), Err("line_punct_ratio"));
    }
}
