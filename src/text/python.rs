//! Python's definition of blank text, which upstream's rules inherit by calling `str.strip`.

/// Whether Python's `str.isspace` holds: for Unicode White_Space, and for the four ASCII separators
/// U+001C to U+001F, which Unicode leaves out.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Python's `str.strip()`. Costs two comparisons if neither end is blank or beyond ASCII.
pub fn strip(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [one] if is_ink(*one) => text,
        [first, .., last] if is_ink(*first) && is_ink(*last) => text,
        _ => text.trim_matches(is_space),
    }
}

/// Whether the byte is certainly not a blank: ASCII above the space. DEL is not stripped in Python.
fn is_ink(byte: u8) -> bool {
    (0x21..0x80).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ascii_separators_are_blank_as_in_python() {
        assert_eq!(strip("\u{1c}\u{1f} a\u{1d}b \u{1e}"), "a\u{1d}b");
    }

    #[test]
    fn wide_blanks_are_stripped_and_zero_width_ones_are_not() {
        assert_eq!(strip("\u{3000}\u{a0}x\u{85}\u{2028}"), "x");
        assert_eq!(strip("\u{200b}x\u{feff}"), "\u{200b}x\u{feff}", "Python keeps both");
        assert_eq!(strip("\u{7f}x\u{7f}"), "\u{7f}x\u{7f}");
    }

    #[test]
    fn a_text_of_blanks_becomes_empty() {
        for blank in ["", " ", "\n", "\u{3000}", " \t\u{1c}\u{2003}"] {
            assert_eq!(strip(blank), "", "{blank:?}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn the_quick_ends_agree_with_the_general_rule(text in "[ -~\\t\\n\u{1c}\u{7f}\u{85}\u{a0}é\u{3000}]{0,6}") {
            prop_assert_eq!(strip(&text), text.trim_matches(is_space));
        }
    }
}
