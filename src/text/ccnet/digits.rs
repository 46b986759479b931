//! Unicode's decimal digits, which Python's `\d` matches. Rust's standard library does not
//! distinguish them from other numbers.

/// The zero of each run of ten decimal digits (category Nd) in Unicode 14.0, which Python 3.11
/// uses, in ascending order. Every decimal digit is in one of these runs.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
    0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Whether Python's `\d` matches.
pub(super) fn is_decimal(c: char) -> bool {
    let c = u32::from(c);
    let runs = ZEROS.partition_point(|zero| *zero <= c);
    runs > 0 && c - ZEROS[runs - 1] < 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_count_and_other_numbers_do_not() {
        for digit in "09\u{660}\u{96f}\u{ff19}\u{1d7ce}\u{1d7ff}\u{1fbf9}".chars() {
            assert!(is_decimal(digit), "{digit}");
        }
        for other in "/:a\u{b2}\u{bd}\u{2167}\u{4e00}\u{66a}\u{1d7cd}\u{1d800}".chars() {
            assert!(!is_decimal(other), "{other}");
        }
    }

    #[test]
    fn there_are_660_of_them() {
        assert!(ZEROS.is_sorted());
        assert_eq!(('\0'..=char::MAX).filter(|c| is_decimal(*c)).count(), 660);
    }
}
