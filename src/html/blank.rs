//! Blanks in HTML.

/// Whether the character is a blank in HTML.
pub(crate) fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\n' | '\t' | '\x0c' | '\r')
}
