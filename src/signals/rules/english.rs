//! English words and sentences by simple rules that approximate spaCy's blank English pipeline:
//! punctuation at either end of a word is a separate token, and so are marks between letters.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use std::ops::Range;
use text::python::is_space;
use text::unicode::{ALPHABETIC, class};

/// Gopher's stop words, in lower case.
pub(super) const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

/// Returns the words and marks of a text, in order.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for token in text.split(is_space).filter(|token| !token.is_empty()) {
        split(token, &mut words);
    }
    words
}

/// Splits a word without blanks in it.
fn split<'t>(mut token: &'t str, words: &mut Vec<&'t str>) {
    while let Some(length) = prefix(token) {
        words.push(&token[..length]);
        token = &token[length..];
    }
    let mut after = Vec::new();
    while let Some(length) = suffix(token) {
        let at = token.len() - length;
        after.push(&token[at..]);
        token = &token[..at];
    }
    if !token.is_empty() {
        inside(token, words);
    }
    words.extend(after.into_iter().rev());
}

/// Returns the length of the mark at the beginning of a word, if it is a separate token.
fn prefix(token: &str) -> Option<usize> {
    let first = token.chars().next()?;
    let dots = token.len() - token.trim_start_matches('.').len();
    if dots > 1 {
        return Some(dots);
    }
    let alone = is_mark(first)
        || is_category(first, GeneralCategory::CurrencySymbol)
        || matches!(first, '§' | '%' | '=')
        || first == '+' && !token[1..].starts_with(|c: char| c.is_ascii_digit());
    // Clitics such as "'s" are words, not quotes.
    let is_clitic = clitic(token) == Some(token.len());
    (alone && !is_clitic).then_some(first.len_utf8())
}

/// Returns the length of the mark, clitic or unit at the end of a word, if it is a separate token.
fn suffix(token: &str) -> Option<usize> {
    let last = token.chars().next_back()?;
    let dots = token.len() - token.trim_end_matches('.').len();
    if dots > 1 {
        return Some(dots);
    }
    if dots == 1 {
        return ends_sentence(&token[..token.len() - 1]).then_some(1);
    }
    if let Some(length) = clitic(token).filter(|length| *length < token.len()) {
        return Some(length);
    }
    let before = &token[..token.len() - last.len_utf8()];
    let of_number = before.ends_with(|c: char| c.is_ascii_digit());
    if is_mark(last)
        || of_number && (last == '+' || is_category(last, GeneralCategory::CurrencySymbol))
    {
        return Some(last.len_utf8());
    }
    unit(token)
}

/// Whether a mark at either end of a word is always a separate token.
fn is_mark(c: char) -> bool {
    let is_ascii =
        matches!(c, '!' | '"' | '#' | '&' | '\'' | '(' | ')' | '*' | ',' | ':' | ';' | '<')
            || matches!(c, '>' | '?' | '[' | ']' | '_' | '`' | '{' | '}');
    is_ascii
        || matches!(c, '…' | '—' | '–' | '¿' | '¡' | '؟' | '،' | '؛' | '۔' | '٪' | '।' | '·' | '。')
        || matches!(c, '？' | '！' | '，' | '、' | '；' | '：' | '～' | '´')
        || is_quote(c)
        || is_category(c, GeneralCategory::OtherSymbol)
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '´' | '‘' | '’' | '‚' | '“' | '”' | '„' | '«' | '»')
        || matches!(c, '〈'..='】' | '〔' | '〕' | '（' | '）' | '⟦' | '⟧')
}

fn is_category(c: char, category: GeneralCategory) -> bool {
    !c.is_ascii_alphanumeric() && CodePointMapData::<GeneralCategory>::new().get(c) == category
}

/// Returns the length of a clitic such as "'s" or "n't" at the end of a word.
fn clitic(token: &str) -> Option<usize> {
    const CLITICS: [&str; 8] = ["'s", "'re", "'ve", "'ll", "'d", "'m", "n't", "n’t"];
    const CURLY: [&str; 6] = ["’s", "’re", "’ve", "’ll", "’d", "’m"];
    CLITICS.iter().chain(&CURLY).find(|clitic| ends_with(token, clitic)).map(|clitic| clitic.len())
}

/// Returns the length of the unit, or of am or pm, after a number: `10km`, `5%`, `9am`.
fn unit(token: &str) -> Option<usize> {
    const UNITS: [&str; 30] = [
        "%", "K", "M", "G", "T", "m", "g", "t", "km", "dm", "cm", "mm", "nm", "ha", "yd", "in",
        "ft", "kg", "mg", "lb", "oz", "m/s", "km/h", "mph", "kb", "KB", "mb", "MB", "gb", "GB",
    ];
    const HALVES: [&str; 2] = ["am", "pm"];
    let number = token.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '%');
    let unit = &token[number.len()..];
    let is_hour = number.parse::<u8>().is_ok_and(|hour| (1..=12).contains(&hour));
    let is_unit = number.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&unit);
    (is_unit || is_hour && HALVES.contains(&unit)).then_some(unit.len())
}

fn ends_with(token: &str, end: &str) -> bool {
    let at = token.len().checked_sub(end.len());
    at.and_then(|at| token.get(at..)).is_some_and(|found| found.eq_ignore_ascii_case(end))
}

/// Whether a token is a web or mail address, which is not split.
fn is_address(token: &str) -> bool {
    token.contains("://") || token.starts_with("www.") || token.find('@').is_some_and(|at| at > 0)
}

/// Whether a full stop after this word ends a sentence and is not part of an abbreviation.
fn ends_sentence(word: &str) -> bool {
    const ABBREVIATIONS: [&str; 26] = [
        "Adm", "Bros", "Co", "Corp", "Dr", "Gen", "Gov", "Inc", "Jr", "Ltd", "Messrs", "Mr", "Mrs",
        "Ms", "Mt", "Ph.D", "Prof", "Rep", "Rev", "Sen", "St", "vs", "e.g", "i.e", "a.m", "p.m",
    ];
    let mut back = word.chars().rev();
    let Some(last) = back.next() else { return false };
    // "J.", "U.S.": a capital that is not part of a word in capitals.
    let is_initial = match back.next() {
        None => last.is_alphabetic(),
        Some(before) => last.is_uppercase() && !before.is_uppercase(),
    };
    !is_initial && !ABBREVIATIONS.contains(&word)
}

/// Splits a word at marks between letters: `either/or`, `well-known`, `end.Next`, `so...then`.
fn inside<'t>(token: &'t str, words: &mut Vec<&'t str>) {
    if is_address(token) || token.eq_ignore_ascii_case("and/or") {
        words.push(token);
        return;
    }
    let mut start = 0;
    let mut before = None;
    let mut rest = token.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let mut end = at + c.len_utf8();
        while matches!(c, '.' | '-')
            && let Some((same, _)) = rest.next_if(|(_, next)| *next == c)
        {
            end = same + 1;
        }
        let after = rest.peek().map(|(_, c)| *c);
        if let (Some(left), Some(right)) = (before, after)
            && cuts(left, &token[at..end], right)
        {
            words
                .extend([&token[start..at], &token[at..end]].into_iter().filter(|w| !w.is_empty()));
            start = end;
        }
        before = Some(c);
    }
    words.push(&token[start..]);
}

/// Whether a mark between two characters splits the word.
fn cuts(left: char, mark: &str, right: char) -> bool {
    let is_letter = |c: char| class(c) & ALPHABETIC != 0;
    let after_word = is_letter(left) || left.is_ascii_digit();
    let in_sum = left.is_ascii_digit() && (right.is_ascii_digit() || right == '-');
    match mark {
        "." => left.is_lowercase() && right.is_uppercase(),
        "," => is_letter(left) && is_letter(right),
        "-" => after_word && is_letter(right) || in_sum,
        "--" | "---" | "–" | "—" | "~" | ":" | "<" | ">" | "=" | "/" => {
            after_word && is_letter(right)
        }
        "+" | "*" | "^" => in_sum,
        _ => {
            let first = mark.chars().next();
            mark.starts_with("..")
                || mark == "…"
                || first.is_some_and(|c| is_category(c, GeneralCategory::OtherSymbol))
        }
    }
}

/// Returns the ranges of a line's sentences, without the blanks between them. A sentence ends at
/// `.`, `!`, `?` or an ellipsis, including quotes and brackets after it, if a blank follows; but
/// not at an abbreviation or before a lower-case letter.
pub(super) fn sentences(line: &str) -> impl Iterator<Item = Range<usize>> {
    let token = |at: usize| line[at..].split(is_space).next().unwrap_or_default();
    let after_blanks = |at: usize| line.len() - line[at..].trim_start_matches(is_space).len();
    let is_small =
        |word: &str| word.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_lowercase);
    let mut at = after_blanks(0);
    std::iter::from_fn(move || {
        let start = at;
        while at < line.len() {
            let (word, end) = (token(at), at + token(at).len());
            at = after_blanks(end);
            if at == line.len() || is_end_of_sentence(word) && !is_small(token(at)) {
                return Some(start..end);
            }
        }
        None
    })
}

fn is_end_of_sentence(token: &str) -> bool {
    let closing = |c: char| is_quote(c) || matches!(c, ')' | ']' | '}' | '»');
    let bare = token.trim_end_matches(closing);
    match bare.strip_suffix('.') {
        Some(word) => word.ends_with('.') || ends_sentence(word),
        None => bare.ends_with(['!', '?', '…']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_separate_as_in_spacy() {
        // Expected: spaCy 3.8, `spacy.blank("en")`.
        for (text, expected) in [
            ("The park. (Really?)", "The|park|.|(|Really|?|)"),
            ("don't we'll John's it’s", "do|n't|we|'ll|John|'s|it|’s"),
            (
                "Mr. Smith, e.g. J. Doe of the U.S. army...",
                "Mr.|Smith|,|e.g.|J.|Doe|of|the|U.S.|army|...",
            ),
            ("well-known either/or 3.14 1,000 a=b", "well|-|known|either|/|or|3.14|1,000|a|=|b"),
            ("end.Next wait...what \"quoted\"", "end|.|Next|wait|...|what|\"|quoted|\""),
            ("see http://a.com/x?y=1, or me@a.org.", "see|http://a.com/x?y=1|,|or|me@a.org|."),
            ("5% $20 #1 50,000 10km 9am", "5|%|$|20|#|1|50,000|10|km|9|am"),
            (
                "400°F 20-25 32-Bit AMD-64 mg/L. and/or",
                "400|°|F|20|-|25|32|-|Bit|AMD-64|mg|/|L.|and/or",
            ),
            ("Linux™, •one (6.4)", "Linux|™|,|•one|(|6.4|)"),
        ] {
            assert_eq!(words(text).join("|"), expected);
        }
    }

    #[test]
    fn sentences_end_at_marks_before_a_blank() {
        for (line, expected) in [
            ("", 0),
            ("no mark at all", 1),
            ("One. Two! Three? Four", 4),
            ("Mr. Smith met J. Doe. They talked, e.g. about 3.14 and so on... It was late.", 3),
            ("\"Is it?\" he asked. (It was.) Good.", 3),
            ("etc. and so on.", 1),
        ] {
            assert_eq!(sentences(line).count(), expected, "{line}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn words_are_the_text_without_blanks(text in "([ab]|\\.|'s|n't|[-/=,\"(]|www\\.|@|\\PC| ){0,30}") {
            let whole: String = text.chars().filter(|c| !is_space(*c)).collect();
            prop_assert_eq!(words(&text).concat(), whole);
            prop_assert!(words(&text).iter().all(|word| !word.is_empty()));
            let said: String = sentences(&text).map(|sentence| &text[sentence]).collect();
            prop_assert_eq!(said.replace(is_space, ""), text.replace(is_space, ""));
        }
    }
}
