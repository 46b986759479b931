//! C4's rules for a page: those of TensorFlow Datasets (`text/c4_utils.py`), which made the data,
//! and those of datatrove (`c4_filters.py`), which follow the paper if the two differ. C4's
//! deduplication of lines and its selection of languages are elsewhere.

use super::english::sentences;
use super::{Verdict, check, python_lines};
use crate::lists::Phrases;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;
use text::python::{is_space, strip};
use text::unicode::{WORD, class};

/// The differences between the two versions of the rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Least number of words of a line that is kept.
    pub line_words_min: usize,
    /// Whether the words of a line are counted before citations are removed from it.
    pub citations_count: bool,
    /// Least number of sentences of a page that is kept.
    pub sentences_min: usize,
    /// A line must end with one of these.
    pub end_marks: &'static [char],
}

/// The code that made C4. The paper has three words and five sentences.
pub const TFDS: Settings = Settings {
    line_words_min: 5,
    citations_count: false,
    sentences_min: 3,
    end_marks: &['.', '?', '!', '"'],
};

/// datatrove's defaults. (FineWeb uses them without the test of end marks, which is not available
/// here.)
pub const DATATROVE: Settings = Settings {
    line_words_min: 3,
    citations_count: true,
    sentences_min: 5,
    end_marks: &['.', '?', '!', '"', '\''],
};

/// Returns the page without lines that are not prose. Lines that are dropped for their end or
/// length are not checked further, so a brace in one of them does not drop the page.
///
/// # Errors
///
/// The name of the test that drops the page: `lorem_ipsum`, `curly_bracket` or `too_few_sentences`.
pub fn clean(page: &str, settings: &Settings) -> Result<String, &'static str> {
    let mut kept: Vec<String> = Vec::new();
    let mut count = 0;
    for line in python_lines(page) {
        if let Some(line) = clean_line(strip(line), settings)? {
            count += sentences(&line).count();
            kept.push(line);
        }
    }
    check(count >= settings.sentences_min, TOO_FEW_SENTENCES)?;
    Ok(strip(&kept.join("\n")).to_owned())
}

/// Fails with `too_few_sentences` if the remaining lines of a page have fewer than `settings`
/// require.
pub fn has_sentences(page: &str, settings: &Settings) -> Verdict {
    let count: usize = page.split('\n').map(|line| sentences(line).count()).sum();
    check(count >= settings.sentences_min, TOO_FEW_SENTENCES)
}

const TOO_FEW_SENTENCES: &str = "too_few_sentences";

/// Returns the line without citations, or `None` if the line is dropped. Fails if the page is
/// dropped.
fn clean_line(raw: &str, settings: &Settings) -> Result<Option<String>, &'static str> {
    const WORD_CHARS_MAX: usize = 1000;
    const POLICIES: [&str; 6] = [
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    ];
    if words(raw).any(|word| word.chars().nth(WORD_CHARS_MAX).is_some()) {
        return Ok(None);
    }
    let line = without_citations(raw);
    if !line.ends_with(settings.end_marks) || line.ends_with("...") {
        return Ok(None);
    }
    let counted = if settings.citations_count { raw } else { &line };
    if words(counted).count() < settings.line_words_min {
        return Ok(None);
    }
    let lower = line.to_lowercase();
    check(!lower.contains("lorem ipsum"), "lorem_ipsum")?;
    if lower.contains("javascript") {
        return Ok(None);
    }
    check(!line.contains('{'), "curly_bracket")?;
    let is_policy = POLICIES.iter().any(|policy| lower.contains(policy));
    Ok((!is_policy).then_some(line))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|word| !word.is_empty())
}

/// Deletes `[edit]`, `[citation needed]`, and square brackets that are empty or have only digits.
fn without_citations(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let named = ["edit]", "citation needed]"].iter().find(|name| after.starts_with(**name));
        let after_digits = after.trim_start_matches(super::is_decimal);
        if let Some(name) = named {
            rest = &after[name.len()..];
        } else if let Some(after) = after_digits.strip_prefix(']') {
            rest = after;
        } else {
            out.push('[');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Returns every three consecutive sentences of a page, also across lines, which the paper compares
/// instead of lines. The blanks between sentences of one line are part of the span.
pub fn spans(page: &str) -> Vec<Range<usize>> {
    const SENTENCES: usize = 3;
    let (mut all, mut line_start) = (Vec::new(), 0);
    for line in page.split('\n') {
        let starts: Vec<usize> = sentences(line).map(|sentence| sentence.start).collect();
        let ends = starts.iter().copied().skip(1).chain([line.len()]);
        all.extend(
            starts.iter().zip(ends).map(|(start, end)| line_start + start..line_start + end),
        );
        line_start += line.len() + 1;
    }
    all.windows(SENTENCES).map(|three| three[0].start..three[SENTENCES - 1].end).collect()
}

/// Whether a page has three lines of 200 characters: mC4's rule, which replaces cleaning.
pub fn has_paragraphs(page: &str) -> bool {
    const LINES_MIN: usize = 3;
    const LINE_CHARS_MIN: usize = 200;
    let is_long = |line: &&str| line.chars().nth(LINE_CHARS_MIN - 1).is_some();
    page.split('\n').filter(is_long).count() >= LINES_MIN
}

/// C4's rule on bad words: a page with a bad word is dropped.
#[derive(Clone, Debug)]
pub struct BadWords {
    /// Words and phrases by their first character.
    by_first: HashMap<char, Vec<String>, RandomState>,
    anywhere: bool,
}

impl BadWords {
    /// Returns the rule for a list in a language. In Japanese, Thai and Chinese, a word counts
    /// anywhere; in other languages, only if no letter, number or `_` is adjacent.
    pub fn new(list: &Phrases, language: &str) -> Self {
        let mut by_first: HashMap<char, Vec<String>, RandomState> = HashMap::default();
        for phrase in list.iter().filter(|phrase| !is_allowed(phrase, language)) {
            if let Some(first) = phrase.chars().next() {
                by_first.entry(first).or_default().push(phrase.to_owned());
            }
        }
        BadWords { by_first, anywhere: matches!(language, "ja" | "th" | "zh") }
    }

    /// Fails with `bad_words` if the page has one. Compares in lower case.
    pub fn check(&self, page: &str) -> Verdict {
        let page = page.to_lowercase();
        let is_word = |c: Option<char>| c.is_some_and(|c| class(c) & WORD != 0);
        let mut before = None;
        for (at, c) in page.char_indices() {
            let may_begin = self.anywhere || !is_word(before);
            before = Some(c);
            let Some(phrases) = self.by_first.get(&c).filter(|_| may_begin) else { continue };
            let found = phrases.iter().any(|phrase| {
                let after = page[at..].strip_prefix(phrase.as_str());
                after.is_some_and(|after| self.anywhere || !is_word(after.chars().next()))
            });
            check(!found, "bad_words")?;
        }
        Ok(())
    }
}

/// Whether upstream leaves an entry out, since it is part of common words.
fn is_allowed(phrase: &str, language: &str) -> bool {
    match language {
        "ja" => matches!(phrase, "sm" | "グロ" | "女の子"),
        "zh" => phrase == "性",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_three_sentences_across_lines() {
        let page = "One.  Two. Three\nFour! Five?\n";
        let found: Vec<&str> = spans(page).into_iter().map(|span| &page[span]).collect();
        assert_eq!(found, ["One.  Two. Three", "Two. Three\nFour! ", "Three\nFour! Five?"]);
        assert!(spans("One. Two.").is_empty());
    }

    const THREE: &str = "This is a first full sentence. This is another one here. And a third one.";

    #[test]
    fn only_well_formed_citations_are_removed() {
        let line = "a[1] b[] c[edit] d[x] e[12 f[[3]] g[citation needed] [";
        assert_eq!(without_citations(line), "a b c d[x] e[12 f[] g [");
    }

    #[test]
    fn citations_do_or_do_not_count_among_the_words() {
        let page = format!("{THREE}\nJust [1] three [2] words.");
        assert_eq!(clean(&page, &TFDS).as_deref(), Ok(THREE));
        let page = format!("{THREE} {THREE}\nTwo [1] words.");
        let expected = page.replace("[1]", "");
        assert_eq!(clean(&page, &DATATROVE).as_deref(), Ok(&*expected));
    }

    #[test]
    fn a_brace_drops_the_page_and_a_brace_in_a_bad_line_does_not() {
        assert_eq!(
            clean(&format!("{THREE}\nThis {{ has a brace in it."), &TFDS),
            Err("curly_bracket")
        );
        let page = format!("{THREE}\nfunction() {{");
        assert_eq!(clean(&page, &TFDS).as_deref(), Ok(THREE));
        let page = format!("{THREE}\nThis is Lorem Ipsum text here.");
        assert_eq!(clean(&page, &TFDS), Err("lorem_ipsum"));
        assert_eq!(clean("", &TFDS), Err("too_few_sentences"));
    }

    #[test]
    fn bad_words_are_separate_words_except_in_some_languages() {
        let list: Phrases = ["bad", "very bad", "性", "🖕"].into_iter().collect();
        let english = BadWords::new(&list, "en");
        for page in ["bad", "so Bad!", "a-bad-b", "🖕", "x 🖕y".trim_end_matches('y'), "bad\u{301}"]
        {
            assert_eq!(english.check(page), Err("bad_words"), "{page}");
        }
        for page in ["badly", "_bad", "abad", "bad1", "ba d", ""] {
            assert_eq!(english.check(page), Ok(()), "{page}");
        }
        let chinese = BadWords::new(&list, "zh");
        assert_eq!(chinese.check("xbadx"), Err("bad_words"));
        assert_eq!(chinese.check("性"), Ok(()));
    }
}
