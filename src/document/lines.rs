//! The lines of a text.

/// Returns the lines of a text, as `text.split('\n')`, whose search takes a word at a time; this uses SIMD.
///
/// ```
/// assert!(document::lines("a\n\nb\n").eq(["a", "", "b", ""]));
/// ```
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    ends.scan(0, move |start, end| Some(&text[std::mem::replace(start, end + 1)..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn lines_are_split_at_each_line_end(text in "[\na\ré€]{0,40}") {
            prop_assert!(lines(&text).eq(text.split('\n')));
        }
    }
}
