//! SPDX licence expressions: `MIT OR Apache-2.0`, `(MIT AND BSD-3-Clause)`.

/// Evaluates a licence expression, given which single licences are wanted. `OR` leaves the choice,
/// `AND` requires both, and `WITH` adds an exception to what is granted. `/` is Cargo's older form
/// of `OR`, and a list with commas requires all. A name without these operators is one licence.
///
/// ```
/// let is_wanted = |name: &str| name == "mit";
/// assert!(code::expression::holds("mit or gpl-3.0-only", &is_wanted));
/// assert!(!code::expression::holds("mit and gpl-3.0-only", &is_wanted));
/// ```
pub fn holds(expression: &str, is_wanted: &impl Fn(&str) -> bool) -> bool {
    // A deeper expression is not a licence.
    const DEPTH_MAX: usize = 32;
    let spaced: String = expression
        .chars()
        .flat_map(|c| match c {
            '(' | ')' | ',' => vec![' ', c, ' '],
            '/' => " OR ".chars().collect(),
            c => vec![c],
        })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let found = any_of(&words, &mut at, is_wanted, DEPTH_MAX);
    found == Some(true) && at == words.len()
}

fn is(word: Option<&&str>, operator: &str) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case(operator))
}

fn any_of(
    words: &[&str],
    at: &mut usize,
    is_wanted: &impl Fn(&str) -> bool,
    depth: usize,
) -> Option<bool> {
    let mut found = all_of(words, at, is_wanted, depth)?;
    while is(words.get(*at), "OR") {
        *at += 1;
        found |= all_of(words, at, is_wanted, depth)?;
    }
    Some(found)
}

fn all_of(
    words: &[&str],
    at: &mut usize,
    is_wanted: &impl Fn(&str) -> bool,
    depth: usize,
) -> Option<bool> {
    let mut found = one(words, at, is_wanted, depth)?;
    while is(words.get(*at), "AND") || is(words.get(*at), ",") || is(words.get(*at), "&") {
        *at += 1;
        found &= one(words, at, is_wanted, depth)?;
    }
    Some(found)
}

fn one(
    words: &[&str],
    at: &mut usize,
    is_wanted: &impl Fn(&str) -> bool,
    depth: usize,
) -> Option<bool> {
    if is(words.get(*at), "(") {
        *at += 1;
        let found = any_of(words, at, is_wanted, depth.checked_sub(1)?)?;
        let closes = is(words.get(*at), ")");
        *at += 1;
        return closes.then_some(found);
    }
    let from = *at;
    let ends = |word: &&str| {
        ["OR", "AND", "(", ")", ",", "&"].iter().any(|end| word.eq_ignore_ascii_case(end))
    };
    while words.get(*at).is_some_and(|word| !ends(word)) {
        *at += 1;
    }
    let name = words[from..*at].join(" ");
    // An exception adds to what is granted.
    let lower = name.to_ascii_lowercase();
    let licence = lower.find(" with ").map_or(name.as_str(), |with| &name[..with]);
    (!licence.is_empty()).then(|| is_wanted(licence))
}

/// Returns the expression of the line `SPDX-License-Identifier:` at the head of a file.
pub(crate) fn of_header(text: &str) -> Option<String> {
    const TAG: &str = "SPDX-License-Identifier:";
    const HEAD_BYTES_MAX: usize = 4096;
    let most = text.len().min(HEAD_BYTES_MAX);
    let most = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let head = &text[..most];
    let at = head.find(TAG)?;
    // Only in a comment: other text may be about the tag.
    let before = head[..at].rsplit('\n').next().unwrap_or_default();
    if before.chars().any(char::is_alphanumeric) {
        return None;
    }
    let line = head[at + TAG.len()..].lines().next().unwrap_or_default();
    let line = ["*/", "-->", "*)", "#}", "%>", "\"", "'"]
        .iter()
        .fold(line, |line, end| line.split(end).next().unwrap_or_default());
    let expression = line.trim().trim_end_matches(['*', '#', '/']).trim();
    (!expression.is_empty()).then(|| expression.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str) -> bool {
        name.to_ascii_lowercase().starts_with("mit") || name.eq_ignore_ascii_case("Apache-2.0")
    }

    #[test]
    fn expressions_hold_as_spdx_says() {
        for kept in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0-only or mit",
            "MIT/Apache-2.0",
            "MIT AND Apache-2.0",
            "(MIT OR GPL-2.0) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-2.0 WITH x OR MIT",
            "MIT, Apache-2.0",
            "MIT License",
        ] {
            assert!(holds(kept, &wanted), "{kept}");
        }
        for not in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 AND MIT OR GPL-2.0",
            "(MIT",
            "MIT OR",
            "MIT)",
            "MIT, GPL-2.0",
            "()",
        ] {
            assert!(!holds(not, &wanted), "{not}");
        }
        assert!(!holds(&"(".repeat(100_000), &wanted));
    }

    #[test]
    fn headers_are_read_in_comments_of_any_form() {
        for (text, expected) in [
            ("// SPDX-License-Identifier: MIT\nint a;", "MIT"),
            ("/* SPDX-License-Identifier: GPL-2.0-only */", "GPL-2.0-only"),
            ("#!/bin/sh\n# SPDX-License-Identifier: MIT OR Apache-2.0\n", "MIT OR Apache-2.0"),
            ("<!-- SPDX-License-Identifier: MIT -->", "MIT"),
            ("/*\n * SPDX-License-Identifier: MIT\n */", "MIT"),
        ] {
            assert_eq!(of_header(text).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["int a;", "x = \"SPDX-License-Identifier: MIT\"", "// SPDX-License-Identifier:\n"]
        {
            assert_eq!(of_header(text), None, "{text}");
        }
    }
}
