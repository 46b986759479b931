//! The numbers that Dolma computes for Gopher's rules (`python/dolma/taggers/gopher.py`,
//! `gopher_v1`). In Dolma, the limits are part of the mixer's configuration.

use super::copies::{all_copies, repeated_ngrams};
use super::english::STOP_WORDS;
use super::{chars, share};
use text::python::is_space;
use text::unicode::{ALPHABETIC, class};

/// Dolma's attributes of a text. Words are separated by blanks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GopherAttributes {
    /// For n = 2, 3, 4: n, and the share of characters in all copies of the most frequent n-gram,
    /// which may occur once. There is no entry for an n above the number of words.
    pub fraction_of_characters_in_most_common_ngram: Vec<(usize, f64)>,
    /// For n = 5 to 10: n, and the share of repeated n-grams in the characters of all n-grams.
    /// There is no entry for an n above the number of words.
    pub fraction_of_characters_in_duplicate_ngrams: Vec<(usize, f64)>,
    /// Characters.
    pub character_count: usize,
    /// Words.
    pub word_count: usize,
    /// Median length of words. The paper uses the mean.
    pub median_word_length: f64,
    /// Share of words with `#` or `…`.
    pub symbol_to_word_ratio: f64,
    /// Share of words with a letter.
    pub fraction_of_words_with_alpha_character: f64,
    /// Occurrences of the eight stop words, in lower case.
    pub required_word_count: usize,
    /// Share of lines that start with `*` or `-`.
    pub fraction_of_lines_starting_with_bullet_point: f64,
    /// Share of lines that end with `…`.
    pub fraction_of_lines_ending_with_ellipsis: f64,
    /// Share of lines that occur more than once, all copies counted.
    pub fraction_of_duplicate_lines: f64,
    /// Characters of these lines per character of a word.
    pub fraction_of_characters_in_duplicate_lines: f64,
}

impl GopherAttributes {
    /// Computes the attributes of a text.
    pub fn of(text: &str) -> Self {
        if text.is_empty() {
            return GopherAttributes::default();
        }
        let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
        let lines: Vec<&str> = text.split('\n').collect();
        let of_words = |is: fn(&str) -> bool| words.iter().filter(|word| is(word)).count();
        let of_lines = |is: fn(&str) -> bool| lines.iter().filter(|line| is(line)).count();
        let copies = all_copies(&lines);
        let word_chars: usize = words.iter().map(|word| chars(word)).sum();
        let has_letter = |word: &str| word.chars().any(|c| class(c) & ALPHABETIC != 0);
        let (most_common, duplicate) = ngram_shares(&words);
        GopherAttributes {
            fraction_of_characters_in_most_common_ngram: most_common,
            fraction_of_characters_in_duplicate_ngrams: duplicate,
            character_count: chars(text),
            word_count: words.len(),
            median_word_length: median(words.iter().map(|word| chars(word)).collect()),
            symbol_to_word_ratio: share(of_words(|word| word.contains(['#', '…'])), words.len()),
            fraction_of_words_with_alpha_character: share(of_words(has_letter), words.len()),
            required_word_count: of_words(|word| STOP_WORDS.contains(&word)),
            fraction_of_lines_starting_with_bullet_point: share(
                of_lines(|line| line.starts_with(['*', '-'])),
                lines.len(),
            ),
            fraction_of_lines_ending_with_ellipsis: share(
                of_lines(|line| line.ends_with('…')),
                lines.len(),
            ),
            fraction_of_duplicate_lines: share(copies.elements, lines.len()),
            // Upstream divides by one if there are no words.
            fraction_of_characters_in_duplicate_lines: share(copies.chars, word_chars.max(1)),
        }
    }
}

type Shares = Vec<(usize, f64)>;

fn ngram_shares(words: &[&str]) -> (Shares, Shares) {
    let (mut ngrams, lengths) = repeated_ngrams(words);
    let gram_chars = |first: usize, n: usize| lengths[first..first + n].iter().sum::<usize>();
    let word_chars: usize = lengths.iter().sum();
    let (mut most_common, mut duplicate) = (Vec::new(), Vec::new());
    for n in 2..=words.len().min(10) {
        ngrams.grow();
        if n <= 4 {
            let (first, count) = ngrams.top().unwrap_or((0, 1));
            most_common.push((n, share(count * gram_chars(first, n), word_chars)));
        } else {
            let all: usize = (0..=words.len() - n).map(|first| gram_chars(first, n)).sum();
            let repeated: usize =
                ngrams.repeated().map(|(first, count)| count * gram_chars(first, n)).sum();
            duplicate.push((n, share(repeated, all)));
        }
    }
    (most_common, duplicate)
}

fn median(mut lengths: Vec<usize>) -> f64 {
    lengths.sort_unstable();
    match lengths.as_slice() {
        [] => 0.0,
        lengths => {
            let middle = [lengths[(lengths.len() - 1) / 2], lengths[lengths.len() / 2]];
            (middle[0] + middle[1]) as f64 / 2.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(median(vec![4, 1, 9, 2]), 3.0);
        assert_eq!(median(vec![4, 1, 9]), 4.0);
        assert_eq!(GopherAttributes::of(" \n ").median_word_length, 0.0);
    }

    #[test]
    fn short_texts_have_shares_for_the_ngrams_they_have() {
        let attributes = GopherAttributes::of("a b c");
        let shares = attributes.fraction_of_characters_in_most_common_ngram;
        assert_eq!(shares, [(2, 2.0 / 3.0), (3, 1.0)]);
        assert!(attributes.fraction_of_characters_in_duplicate_ngrams.is_empty());
    }
}
