//! RedPajama's quality classifier: is a page like those that Wikipedia refers to?
//!
//! Follows RedPajama-Data@rp_v1 `data_prep/cc/classifier`: fastText's supervised model with the
//! labels `wiki` and `cc`, on the text in one line.

use crate::fasttext::{FastText, ModelError, Scratch};
use crate::python::strip;
use std::path::Path;

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

/// The addresses in the references of a line of a Wikipedia dump's XML, as it stands in the file
/// (RedPajama-Data@rp_v1 `data_prep/cc/classifier`). As upstream: references with a name and those
/// over several lines are not seen, what stands between two references of a line counts as in one,
/// and entities are not decoded, so that an `&` in an address cuts it behind `&amp`.
pub fn references(line: &str) -> Vec<&str> {
    let behind = line.split_once("&lt;ref&gt").map(|(_, behind)| behind);
    let inside = behind.and_then(|behind| behind.rsplit_once("&lt;/ref&gt;"));
    inside.map_or(Vec::new(), |(inside, _)| addresses(inside))
}

fn addresses(text: &str) -> Vec<&str> {
    const SCHEMES: [&str; 7] = ["http", "https", "telnet", "gopher", "file", "wais", "ftp"];
    let (mut found, mut done) = (Vec::new(), 0);
    for (colon, _) in text.match_indices(':') {
        let Some(before) = text.get(done..colon) else { continue };
        let is_alone = |bare: &str| !bare.ends_with(is_word);
        let scheme = SCHEMES.iter().find(|s| before.strip_suffix(**s).is_some_and(is_alone));
        let Some(scheme) = scheme else { continue };
        let path = &text[colon + 1..];
        let run = &path[..path.find(|c| !is_of_address(c)).unwrap_or(path.len())];
        if !run.is_empty() {
            // Never without a character behind the colon.
            let length = run.trim_end_matches(['.', ':', '?', '-']).len().max(1);
            let end = colon + 1 + length;
            found.push(&text[colon - scheme.len()..end]);
            done = end;
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_of_address(c: char) -> bool {
    is_word(c) || "/#~:.?+=&%@!-".contains(c)
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

    #[test]
    fn addresses_end_before_marks_and_begin_at_schemes() {
        let of = |text: &str| references(&format!("&lt;ref&gt;{text}&lt;/ref&gt;")).join(" ");
        assert_eq!(of("[http://a.de/ä_b?c=1#d-.] (ftp:x)"), "http://a.de/ä_b?c=1#d ftp:x");
        assert_eq!(of("xhttp://a shttps://b _ftp://c HTTP://d http: e"), "");
        assert_eq!(
            of("http::: http://web.org/http://a.org/"),
            "http:: http://web.org/http://a.org/"
        );
        assert_eq!(of("a&lt;/ref&gt; http://between.org &lt;ref&gt;"), "http://between.org");
        assert!(references("http://a.org &lt;ref&gt; http://b.org").is_empty());
        assert_eq!(of(&"a:".repeat(1 << 20)), "", "in linear time");
    }
}
