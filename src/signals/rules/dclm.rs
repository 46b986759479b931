//! DCLM's rules, after RefinedWeb (`baselines/mappers`, as configured in
//! `dclm_baseline_refinedweb.yaml`). Tests have the names of upstream's functions. Rules on URLs or
//! languages are not here.

use super::copies::{all_copies, repeated_ngrams};
use super::english::STOP_WORDS;
use super::{Verdict, chars, check, share};
use crate::rules::is_digit;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;
use text::python::{is_space, strip};
use text::unicode::{ALPHABETIC, UPPER, WORD, class};
use unicode_segmentation::UnicodeSegmentation;

/// Least score of DCLM's quality classifier for a page of DCLM-Baseline.
pub const QUALITY_SCORE_MIN: f64 = 0.018112;

/// Checks that a text looks like prose. The tests in order: `page_length_filter`,
/// `word_length_filter`, `symbol_ratio_filter`, `bullet_count_filter`, `ellipsis_count_filter`,
/// `alphabetic_word_ratio_filter`, `stop_word_filter`.
pub fn quality(text: &str) -> Verdict {
    let words: Vec<&str> = blank_separated(text).collect();
    check((50..=100_000).contains(&unicode_words(text).count()), "page_length_filter")?;
    let length = share(words.iter().map(|word| chars(word)).sum(), words.len());
    check((3.0..=10.0).contains(&length), "word_length_filter")?;
    check(symbols_are_rare(text), "symbol_ratio_filter")?;

    let lines = segments(text, "\n");
    let of_lines = |is: fn(&str) -> bool| lines.iter().filter(|line| is(line)).count() as f64;
    let bullets = of_lines(|line| line.starts_with(['●', '•', '*', '-']));
    check(bullets <= 0.9 * lines.len() as f64, "bullet_count_filter")?;
    let ends = |line: &str| ["...", ". . .", "…"].iter().any(|ellipsis| line.ends_with(ellipsis));
    check(of_lines(ends) <= 0.3 * lines.len() as f64, "ellipsis_count_filter")?;

    let has_letter = |word: &&&str| word.chars().any(|c| class(c) & ALPHABETIC != 0);
    let without = words.len() - words.iter().filter(has_letter).count();
    check(share(without, words.len()) <= 0.2, "alphabetic_word_ratio_filter")?;
    check(stop_words(text, false) >= 2, "stop_word_filter")
}

/// Returns the words that are separated by blanks.
fn blank_separated(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Returns the words by the boundaries of UAX 29 that begin with a letter or number.
fn unicode_words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c != '_' && class(c) & WORD != 0;
    text.split_word_bounds().filter(move |word| word.starts_with(is_word))
}

/// Returns lines or paragraphs, stripped and without empty ones.
fn segments<'t>(text: &'t str, end: &str) -> Vec<&'t str> {
    text.split(end).map(strip).filter(|segment| !segment.is_empty()).collect()
}

/// Whether there is at most one symbol per ten words. Each symbol is counted separately.
pub(super) fn symbols_are_rare(text: &str) -> bool {
    let symbols = ["#", "...", ". . .", "…"].map(|symbol| text.matches(symbol).count());
    let words = blank_separated(text).count();
    words > 0 && share(symbols.iter().sum(), words) <= 0.1
}

/// Counts the occurrences of stop words, or the distinct stop words. Ignores case.
pub(super) fn stop_words(text: &str, distinct: bool) -> usize {
    let words = || blank_separated(text).map(str::to_lowercase);
    if distinct {
        STOP_WORDS.iter().filter(|stop| words().any(|word| word == **stop)).count()
    } else {
        words().filter(|word| STOP_WORDS.contains(&word.as_str())).count()
    }
}

/// Checks that a text does not repeat itself too much. A text of one line passes the tests of
/// lines, and one of one paragraph those of paragraphs. The tests in order: `empty` if there is no
/// line, `line`, `paragraph` (numbers of copies), `line_chars`, `paragraph_chars`, `2_gram` to
/// `10_gram`.
pub fn repetition(text: &str) -> Verdict {
    const LIMITS: [(f64, &str); 9] = [
        (0.20, "2_gram"),
        (0.18, "3_gram"),
        (0.16, "4_gram"),
        (0.15, "5_gram"),
        (0.14, "6_gram"),
        (0.13, "7_gram"),
        (0.12, "8_gram"),
        (0.11, "9_gram"),
        (0.10, "10_gram"),
    ];
    let (lines, paragraphs) = (segments(text, "\n"), segments(text, "\n\n"));
    check(!lines.is_empty(), "empty")?;
    let (line_share, line_chars_share) = copied(&lines);
    let (paragraph_share, paragraph_chars_share) = copied(&paragraphs);
    check(line_share <= 0.3, "line")?;
    check(paragraph_share <= 0.3, "paragraph")?;
    check(line_chars_share <= 0.2, "line_chars")?;
    check(paragraph_chars_share <= 0.2, "paragraph_chars")?;

    let words: Vec<&str> = unicode_words(text).collect();
    let (mut ngrams, lengths) = repeated_ngrams(&words);
    let all: usize = lengths.iter().sum();
    for (n, (limit, name)) in (2..).zip(LIMITS) {
        ngrams.grow();
        let found = if n <= 4 {
            // The longest of the most frequent ones.
            let count = ngrams.top().map_or(0, |(_, count)| count);
            let top = ngrams.repeated().filter(|(_, other)| *other == count);
            let length = top.map(|(first, _)| lengths[first..first + n].iter().sum::<usize>());
            length.max().unwrap_or(0) * count
        } else {
            ngrams.covered(|word| lengths[word])
        };
        check(share(found, all) <= limit, name)?;
    }
    Ok(())
}

/// Returns the shares of segments, and of their characters, that are copies; 0 for a single
/// segment.
fn copied(segments: &[&str]) -> (f64, f64) {
    if segments.len() == 1 {
        return (0.0, 0.0);
    }
    let copies = all_copies(segments);
    let all = segments.iter().map(|segment| chars(segment)).sum();
    (share(copies.elements, segments.len()), share(copies.chars, all))
}

/// Returns the page without lines of user interfaces: half in capitals, all digits, counters
/// ("3 likes"), single words; and without some phrases on short lines.
///
/// # Errors
///
/// The name of the test that drops the page: `empty`, or `word_removal_ratio_filter` if it loses
/// more than one word in twenty.
pub fn clean_lines(page: &str) -> Result<String, &'static str> {
    let before = unicode_words(page).count();
    let mut text = page.to_owned();
    for rule in [few_capitals, few_digits, no_counters, some_words] {
        text = rule(&text);
        check(!text.is_empty(), "empty")?;
    }
    for phrase in [&*CART, &*READ_MORE, &*SIGN_IN] {
        text = without_phrase(&text, phrase);
        check(!text.is_empty(), "empty")?;
    }
    let removed = before as f64 - unicode_words(&text).count() as f64;
    check(before > 0 && removed / before as f64 <= 0.05, "word_removal_ratio_filter")?;
    Ok(text)
}

fn kept_lines(page: &str, is_kept: impl Fn(&str) -> bool) -> String {
    page.split('\n').filter(|line| is_kept(line)).collect::<Vec<_>>().join("\n")
}

/// `uppercase_ratio_line_modifier(0.5)`.
pub(super) fn few_capitals(page: &str) -> String {
    let capitals = |line: &str| line.chars().filter(|c| class(*c) & UPPER != 0).count();
    strip(&kept_lines(page, |line| share(capitals(line), chars(line)) <= 0.5)).to_owned()
}

/// `numeric_ratio_line_modifier(0.999999)`.
pub(super) fn few_digits(page: &str) -> String {
    let digits = |line: &str| line.chars().filter(|c| is_digit(*c)).count();
    strip(&kept_lines(page, |line| share(digits(line), chars(line)) <= 0.999_999)).to_owned()
}

/// `counter_line_modifier`.
pub(super) fn no_counters(page: &str) -> String {
    static COUNTER: LazyLock<Regex> = LazyLock::new(|| {
        expression(concat!(
            r"^[^\p{L}\p{N}_]*\p{Nd}[,.\p{Nd}]*[kmb]?[\s\x1c-\x1f]+",
            r"(?:likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes",
            r"|downloads|views|followers)[^\p{L}\p{N}_]*$"
        ))
    });
    strip(&kept_lines(page, |line| !COUNTER.is_match(&line.to_lowercase()))).to_owned()
}

/// `line_length_modifier(2)`.
fn some_words(page: &str) -> String {
    kept_lines(page, |line| line.is_empty() || blank_separated(line).nth(1).is_some())
}

/// "items in cart", anywhere.
pub(super) static CART: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?i)[\s\x1c-\x1f]?items in cart"));

/// "Read more..." at the end. Upstream does not escape the dots, so they match any characters.
pub(super) static READ_MORE: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?i)[\s\x1c-\x1f]?read more...$"));

/// "Sign-in" at the start.
static SIGN_IN: LazyLock<Regex> = LazyLock::new(|| expression(r"(?i)^sign-in[\s\x1c-\x1f]?"));

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a constant, and a test runs it")
}

/// `substring_line_modifier`: removes a phrase from lines of up to ten words. A line that becomes
/// blank is removed.
pub(super) fn without_phrase(page: &str, phrase: &Regex) -> String {
    const LINE_WORDS_MAX: usize = 10;
    let mut kept = Vec::new();
    for line in page.split('\n') {
        if blank_separated(line).nth(LINE_WORDS_MAX).is_some() {
            kept.push(Cow::Borrowed(line));
            continue;
        }
        let cut = phrase.replace_all(line, "");
        if line.is_empty() || !strip(&cut).is_empty() {
            kept.push(cut);
        }
    }
    strip(&kept.join("\n")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_alone_on_a_line_are_removed() {
        let page = "12 likes\n• 3.4K Views •\n1,000 followers!\n3 likes it\nlikes\nten likes";
        assert_eq!(no_counters(page), "3 likes it\nlikes\nten likes");
    }

    #[test]
    fn lines_of_interfaces_are_removed() {
        let prose = "this is a line of prose that goes on for long enough, with words and words. ";
        let prose = prose.repeat(5);
        let page = format!("HOME ABOUT\n123\n{prose}\nmenu\n5 likes\nSign-in here, please");
        assert_eq!(clean_lines(&page), Err("word_removal_ratio_filter"));
        let page = format!("{}\n123\nSign-in here, please", prose.repeat(2));
        let expected = format!("{}\nhere, please", prose.repeat(2));
        assert_eq!(clean_lines(&page), Ok(expected));
        assert_eq!(clean_lines("MENU"), Err("empty"));
    }

    #[test]
    fn of_equally_frequent_ngrams_the_longest_counts() {
        // "a b" and "long longer" occur twice; the second makes 20 of 24 characters.
        let text = "a b long longer a b x long longer";
        assert_eq!(repetition(text), Err("2_gram"));
        assert_eq!(repetition("one line of words that are all different"), Ok(()));
        assert_eq!(repetition(" \n"), Err("empty"));
    }
}
