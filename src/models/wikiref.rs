//! RedPajama's quality classifier: is a page like those that Wikipedia refers to?
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/cc/classifier`: fastText's supervised model with the
//! labels `wiki` and `cc`, on the text in one line.

use crate::ModelError;
use crate::fasttext::{FastText, Scratch};
use std::path::Path;
use text::python::strip;

/// The label of pages as they come, without fastText's `__label__`, which [`FastText`] takes off.
const AS_THEY_COME: &str = "cc";

/// The classifier.
pub struct WikiReferences {
    model: FastText,
}

impl WikiReferences {
    /// Opens a model, `.bin` or `.ftz`.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let model = FastText::open(path)?;
        if !model.labels().any(|label| label == AS_THEY_COME) {
            let known = model.labels().take(5).collect::<Vec<_>>().join(", ");
            return Err(ModelError::NoLabel { path: path.to_owned(), wanted: AS_THEY_COME, known });
        }
        Ok(WikiReferences { model })
    }

    /// The probability that a text is such a page, as upstream has it: that of the likelier label,
    /// or one less it. fastText may give slightly more than one, and this slightly less than none.
    pub fn probability(&self, text: &str, scratch: &mut Scratch) -> f64 {
        let line = in_one_line(text);
        let mut best = self.model.predict_with(&line, 1, scratch);
        best.next().map_or(0.0, |(label, score)| probability(label, f64::from(score)))
    }
}

/// From the likelier label and its score.
pub(crate) fn probability(label: &str, score: f64) -> f64 {
    if label == AS_THEY_COME { 1.0 - score } else { score }
}

/// Whether a page is dropped under a threshold. One of 0 drops none, also where fastText gives less.
pub fn is_below(probability: f64, threshold: f64) -> bool {
    probability.max(0.0) < threshold
}

/// The text without blanks at its ends, its lines joined by one blank, an empty one too: what the
/// model was trained on.
pub fn in_one_line(text: &str) -> String {
    strip(text).replace("\r\n", "\n").replace(is_line_end, " ")
}

/// Where Python's `str.splitlines` cuts, beside `\r\n`.
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
    fn a_threshold_of_none_drops_none() {
        assert!(!is_below(-0.000_01, 0.0));
        assert!(is_below(-0.000_01, 0.25) && is_below(0.249_9, 0.25) && !is_below(0.25, 0.25));
    }
}
