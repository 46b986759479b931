//! English words and sentences, near to what spaCy's blank English pipeline gives, by plain rules:
//! punctuation at both ends of a word stands alone, and so do marks inside it where letters meet.

use crate::class::{ALPHABETIC, class};
use text::python::is_space;

/// The words and marks of a text, in order.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for token in text.split(is_space).filter(|token| !token.is_empty()) {
        split(token, &mut words);
    }
    words
}

/// Splits a word without blanks in it.
fn split<'t>(mut token: &'t str, words: &mut Vec<&'t str>) {
    if is_address(token) {
        words.push(token);
        return;
    }
    while let Some(length) = prefix(token) {
        words.push(&token[..length]);
        token = &token[length..];
    }
    let mut behind = Vec::new();
    while let Some(length) = suffix(token) {
        let at = token.len() - length;
        behind.push(&token[at..]);
        token = &token[..at];
    }
    if !token.is_empty() {
        inside(token, words);
    }
    words.extend(behind.into_iter().rev());
}

/// Length of the mark that a word begins with, if it is to stand alone.
fn prefix(token: &str) -> Option<usize> {
    let first = token.chars().next()?;
    let dots = token.len() - token.trim_start_matches('.').len();
    if dots > 1 {
        return Some(dots);
    }
    let alone =
        matches!(first, '§' | '%' | '=' | '—' | '–' | '#' | '…' | '*' | '&' | '$' | '£' | '€')
            || matches!(
                first,
                ',' | ':' | ';' | '!' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>'
            )
            || matches!(first, '¿' | '¡' | '_' | '•' | '«' | '»' | '、' | '。')
            || is_quote(first);
    // "'s" and its like are words, not quotes.
    let clitic = clitic(token) == Some(token.len());
    (alone && !clitic).then_some(first.len_utf8())
}

/// Length of the mark or clitic that a word ends with, if it is to stand alone.
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
    let alone = matches!(last, ',' | ':' | ';' | '!' | '?' | '(' | ')' | '[' | ']' | '{' | '}')
        || matches!(
            last,
            '<' | '>' | '…' | '—' | '–' | '*' | '&' | '_' | '•' | '«' | '»' | '、' | '。'
        )
        || matches!(last, '%' | '$' | '£' | '€' if token.len() > last.len_utf8())
        || is_quote(last);
    alone.then_some(last.len_utf8())
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '´' | '‘' | '’' | '‚' | '“' | '”' | '„')
}

/// Web and mail addresses stay whole.
fn is_address(token: &str) -> bool {
    token.contains("://") || token.starts_with("www.") || token.find('@').is_some_and(|at| at > 0)
}

/// Length of "'s", "n't" and their like at the end of a word.
fn clitic(token: &str) -> Option<usize> {
    const CLITICS: [&str; 8] = ["'s", "'re", "'ve", "'ll", "'d", "'m", "n't", "n’t"];
    const CURLY: [&str; 6] = ["’s", "’re", "’ve", "’ll", "’d", "’m"];
    let ends = |clitic: &&&str| {
        let at = token.len().checked_sub(clitic.len());
        at.and_then(|at| token.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(clitic))
    };
    CLITICS.iter().chain(&CURLY).find(ends).map(|clitic| clitic.len())
}

/// Whether a full stop after this word is one, and no part of an abbreviation.
fn ends_sentence(word: &str) -> bool {
    const ABBREVIATIONS: [&str; 24] = [
        "Adm", "Bros", "Co", "Corp", "Dr", "Gen", "Gov", "Inc", "Jr", "Ltd", "Messrs", "Mr", "Mrs",
        "Ms", "Mt", "Ph.D", "Prof", "Rep", "Rev", "Sen", "St", "vs", "e.g", "i.e",
    ];
    let mut back = word.chars().rev();
    let Some(last) = back.next() else { return false };
    // "J.", "U.S.", "a.m.": a letter alone, or after a full stop.
    let is_initial = last.is_alphabetic() && matches!(back.next(), None | Some('.'));
    !is_initial && !ABBREVIATIONS.contains(&word)
}

/// Cuts a word at marks between letters: `either/or`, `well-known`, `end.Next`, `so...then`.
fn inside<'t>(token: &'t str, words: &mut Vec<&'t str>) {
    let mut start = 0;
    let mut before = None;
    let mut rest = token.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let mut end = at + c.len_utf8();
        if c == '.' {
            while let Some((dot, _)) = rest.next_if(|(_, next)| *next == '.') {
                end = dot + 1;
            }
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

/// Whether a mark between two characters cuts the word.
fn cuts(left: char, mark: &str, right: char) -> bool {
    let is_letter = |c: char| class(c) & ALPHABETIC != 0;
    match mark {
        "…" => true,
        "." => left.is_lowercase() && right.is_uppercase(),
        "," | "-" | "–" | "—" | "~" => is_letter(left) && is_letter(right),
        ":" | "<" | ">" | "=" | "/" => (is_letter(left) || left.is_numeric()) && is_letter(right),
        "+" | "*" | "^" => left.is_ascii_digit() && (right.is_ascii_digit() || right == '-'),
        _ => mark.len() > 1 && mark.starts_with('.'),
    }
}

/// The number of sentences in a line. One ends at `.`, `!`, `?` or an ellipsis, with the quotes and
/// brackets behind it, where a blank follows; but not at an abbreviation, nor before a small letter.
pub(super) fn sentences(line: &str) -> usize {
    let mut tokens = line.split(is_space).filter(|token| !token.is_empty()).peekable();
    let mut count = 0;
    while let Some(token) = tokens.next() {
        let is_end = tokens.peek().is_none_or(|next| {
            let is_small = next.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_lowercase);
            is_end_of_sentence(token) && !is_small
        });
        count += usize::from(is_end);
    }
    count
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
    fn marks_stand_alone_as_in_spacy() {
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
            ("see http://a.com/x?y=1, or me@a.org.", "see|http://a.com/x?y=1,|or|me@a.org."),
            ("5% $20 #1 50,000", "5|%|$|20|#|1|50,000"),
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
            assert_eq!(sentences(line), expected, "{line}");
        }
    }

    proptest! {
        #![proptest_config(crate::property())]

        #[test]
        fn words_are_the_text_without_blanks(text in "([ab]|\\.|'s|n't|[-/=,\"(]|www\\.|@|\\PC| ){0,30}") {
            let whole: String = text.chars().filter(|c| !is_space(*c)).collect();
            prop_assert_eq!(words(&text).concat(), whole);
            prop_assert!(words(&text).iter().all(|word| !word.is_empty()));
            sentences(&text);
        }
    }
}
