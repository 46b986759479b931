//! RedPajama's quality classifier: does a page resemble those that Wikipedia refers to?
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/cc/classifier`: fastText's supervised model with the
//! labels `wiki` and `cc`, on the text in one line.

use crate::ModelError;
use crate::fasttext::{FastText, Scratch};
use std::path::Path;
use text::python::strip;

/// The label of random web pages, without the `__label__` that [`FastText`] removes.
const RANDOM_PAGE: &str = "cc";

/// The classifier.
pub struct WikiReferences {
    model: FastText,
}

impl WikiReferences {
    /// Opens a model, `.bin` or `.ftz`.
    ///
    /// # Errors
    ///
    /// Fails if the file is not a fastText model that can be used, or lacks a label of the
    /// classifier.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let model = FastText::open(path)?;
        if !model.labels().any(|label| label == RANDOM_PAGE) {
            let known = model.labels().take(5).collect::<Vec<_>>().join(", ");
            return Err(ModelError::NoLabel { path: path.to_owned(), wanted: RANDOM_PAGE, known });
        }
        Ok(WikiReferences { model })
    }

    /// Returns the probability that a text resembles such a page. As upstream, it is that of the
    /// more probable label, or one minus that. fastText's may be slightly above 1, so this may be
    /// slightly below 0.
    pub fn probability(&self, text: &str, scratch: &mut Scratch) -> f64 {
        let line = in_one_line(text);
        let mut best = self.model.predict_with(&line, 1, scratch);
        best.next().map_or(0.0, |(label, score)| probability(label, f64::from(score)))
    }
}

/// Returns the probability from the more probable label and its score.
pub(crate) fn probability(label: &str, score: f64) -> f64 {
    if label == RANDOM_PAGE { 1.0 - score } else { score }
}

/// Whether a page is dropped under a threshold. A threshold of 0 drops no page, even if the
/// probability is below 0.
///
/// ```
/// use models::wikiref::is_below;
///
/// assert!(is_below(0.2, 0.25));
/// assert!(!is_below(-0.00001, 0.0));
/// ```
pub fn is_below(probability: f64, threshold: f64) -> bool {
    probability.max(0.0) < threshold
}

/// Strips a text and replaces every line end, also that of an empty line, by a blank: the form that
/// the model was trained on.
///
/// ```
/// assert_eq!(models::wikiref::in_one_line("One\ntwo\n\nthree\n"), "One two  three");
/// ```
pub fn in_one_line(text: &str) -> String {
    strip(text).replace("\r\n", "\n").replace(is_line_end, " ")
}

/// Whether Python's `str.splitlines` cuts at this character; it also cuts at `\r\n`.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_of_python_becomes_one_blank() {
        assert_eq!(in_one_line("\n a\u{b}b\rc\r\n\r\nd\u{85}e\u{1f}f "), "a b c  d e\u{1f}f");
    }
    #[test]
    fn a_threshold_of_zero_drops_no_page() {
        assert!(!is_below(-0.000_01, 0.0));
        assert!(is_below(-0.000_01, 0.25) && is_below(0.249_9, 0.25) && !is_below(0.25, 0.25));
    }
}
