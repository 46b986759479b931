//! Bounds: the conditions of a filter expression that compare a signal with a number by `>=` or
//! `<=`. They can be decided from recorded values, without a text.

use crate::keep::{Keep, KeepError};
use crate::signal::Signal;
use std::fmt;

/// A signal at or above a threshold, or at or below it.
#[derive(Clone, Copy)]
pub struct Bound {
    /// The signal.
    pub signal: &'static Signal,
    /// Whether the signal must be at or below the threshold.
    pub is_at_most: bool,
    /// The threshold.
    pub threshold: f64,
}

impl Bound {
    /// Whether a value is within the bound. As in every expression, an absent one is not.
    pub fn holds(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| {
            if self.is_at_most { value <= self.threshold } else { value >= self.threshold }
        })
    }

    /// Whether the bound differs from another in its threshold only.
    pub fn is_like(&self, other: &Bound) -> bool {
        self.signal.name == other.signal.name && self.is_at_most == other.is_at_most
    }

    /// Whether every value within this bound is within the other.
    pub(crate) fn implies(&self, other: &Bound) -> bool {
        self.is_like(other) && other.holds(Some(self.threshold))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.is_at_most { "<=" } else { ">=" };
        write!(f, "{} {operator} {}", self.signal.name, self.threshold)
    }
}

/// Returns the bounds that `new` has beyond `built`, if they decide which of the documents that
/// pass `built` pass `new`, and no other document passes `new`. Empty expressions pass all
/// documents.
///
/// ```
/// use signals::tightened;
///
/// let built = "rps_doc_word_count >= 50";
/// let bounds = tightened(built, "rps_doc_word_count >= 60")?.expect("a tighter expression");
/// assert!(bounds[0].holds(Some(60.0)) && !bounds[0].holds(Some(59.0)));
/// assert!(tightened(built, "rps_doc_word_count >= 40")?.is_none());
/// assert_eq!(tightened(built, built)?.map(|bounds| bounds.len()), Some(0));
/// # Ok::<(), signals::KeepError>(())
/// ```
///
/// # Errors
/// If one of them is not an expression.
pub fn tightened(built: &str, new: &str) -> Result<Option<Vec<Bound>>, KeepError> {
    let parse = |expression: &str| -> Result<Option<Keep>, KeepError> {
        (!expression.is_empty()).then(|| Keep::parse(expression)).transpose()
    };
    let (built, new) = (parse(built)?, parse(new)?);
    let conditions = |keep: &Option<Keep>| keep.as_ref().map(Keep::conditions).unwrap_or_default();
    let (built, new) = (conditions(&built), conditions(&new));
    let is_implied = |old: &crate::keep::Condition| {
        new.iter().any(|new| {
            new == old || matches!((new.bound(), old.bound()), (Some(n), Some(o)) if n.implies(&o))
        })
    };
    if !built.iter().all(is_implied) {
        return Ok(None);
    }
    Ok(new.iter().filter(|new| !built.contains(new)).map(|new| new.bound()).collect())
}

/// The bounds at the end of an expression, and what is before them.
pub struct Bounds {
    /// The expression before them; empty if there is none.
    head: String,
    /// The bounds, in order.
    pub bounds: Vec<Bound>,
}

impl Bounds {
    /// Splits an expression, which may be empty.
    ///
    /// # Errors
    /// If it is not an expression.
    pub fn split(expression: &str) -> Result<Bounds, KeepError> {
        let mut split = Bounds { head: expression.trim().to_owned(), bounds: Vec::new() };
        if split.head.is_empty() {
            return Ok(split);
        }
        loop {
            let whole = Keep::parse(&split.head)?.conditions();
            if let [only] = &whole[..] {
                if let Some(bound) = only.bound() {
                    split.bounds.insert(0, bound);
                    split.head.clear();
                }
                break;
            }
            let Some((head, tail)) = split.head.rsplit_once(" and ") else { break };
            // The last `and` may be within parentheses, or in an alternative.
            let (Ok(before), Ok(last)) = (Keep::parse(head), Keep::parse(tail)) else { break };
            let (before, last) = (before.conditions(), last.conditions());
            let [only] = &last[..] else { break };
            let Some(bound) = only.bound() else { break };
            if [before, last].concat() != whole {
                break;
            }
            split.bounds.insert(0, bound);
            split.head = head.trim_end().to_owned();
        }
        Ok(split)
    }

    /// Returns the threshold of the bound that is like `bound`.
    pub fn threshold(&self, signal: &Signal, is_at_most: bool) -> Option<f64> {
        let known = self
            .bounds
            .iter()
            .find(|known| known.signal.name == signal.name && known.is_at_most == is_at_most);
        known.map(|known| known.threshold)
    }

    /// Sets a bound, or its threshold if there is one like it.
    pub fn set(&mut self, bound: Bound) {
        match self.bounds.iter_mut().find(|known| known.is_like(&bound)) {
            Some(known) => *known = bound,
            None => self.bounds.push(bound),
        }
    }

    /// Removes the bound on a signal in one direction.
    pub fn remove(&mut self, signal: &Signal, is_at_most: bool) {
        self.bounds
            .retain(|known| known.signal.name != signal.name || known.is_at_most != is_at_most);
    }

    /// Returns the whole expression.
    ///
    /// ```
    /// use signals::{Bound, Bounds, find};
    ///
    /// let signal = find("rps_doc_word_count").expect("a signal");
    /// let mut split = Bounds::split("ccnet_bucket == 0 or ccnet_bucket == 1")?;
    /// split.set(Bound { signal, is_at_most: false, threshold: 50.0 });
    /// let whole = "(ccnet_bucket == 0 or ccnet_bucket == 1) and rps_doc_word_count >= 50";
    /// assert_eq!(split.expression(), whole);
    /// assert_eq!(Bounds::split(whole)?.threshold(signal, false), Some(50.0));
    /// # Ok::<(), signals::KeepError>(())
    /// ```
    pub fn expression(&self) -> String {
        let is_alternative = Keep::parse(&self.head).is_ok_and(|keep| keep.is_alternative());
        let mut parts = Vec::new();
        if is_alternative && !self.bounds.is_empty() {
            parts.push(format!("({})", self.head));
        } else if !self.head.is_empty() {
            parts.push(self.head.clone());
        }
        parts.extend(self.bounds.iter().map(Bound::to_string));
        parts.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;
    use proptest::prelude::*;

    fn thresholds(expression: &str) -> Vec<String> {
        let split = Bounds::split(expression).unwrap_or_else(|error| panic!("{error}"));
        split.bounds.iter().map(Bound::to_string).collect()
    }

    #[test]
    fn only_bounds_at_the_end_are_split_off() {
        let both = "ccnet_perplexity <= 340 and rps_doc_word_count >= 50";
        assert_eq!(thresholds(both), ["ccnet_perplexity <= 340", "rps_doc_word_count >= 50"]);
        for (expression, bounds) in [
            ("", 0),
            ("language == \"en\" and rps_doc_word_count >= 50", 1),
            // The last comparison belongs to the second alternative.
            ("language == \"en\" or ccnet_bucket < 1 and rps_doc_word_count >= 50", 0),
            ("(language == \"en\" and rps_doc_word_count >= 50)", 0),
            ("rps_doc_word_count >= 50 and language == \"en\"", 0),
            ("rps_doc_word_count > 50", 0),
            ("language == \" and rps_doc_word_count >= 50\"", 0),
        ] {
            assert_eq!(thresholds(expression).len(), bounds, "{expression}");
            let split = Bounds::split(expression).expect("an expression");
            assert_eq!(split.expression(), expression);
        }
    }

    #[test]
    fn an_expression_that_is_not_tighter_is_not_decided_by_bounds() {
        let count = |built: &str, new: &str| {
            tightened(built, new).expect("expressions").map(|bounds| bounds.len())
        };
        let or = "(language == \"en\" or ccnet_bucket == 0)";
        assert_eq!(count(or, &format!("{or} and rps_doc_word_count <= 9")), Some(1));
        assert_eq!(count(or, "rps_doc_word_count <= 9"), None);
        assert_eq!(count("", "language == \"en\""), None);
        assert_eq!(count("rps_doc_word_count <= 9", "rps_doc_word_count <= 9.5"), None);
        assert_eq!(count("rps_doc_word_count <= 9", "rps_doc_word_count >= 9"), None);
        assert_eq!(count("rps_doc_word_count <= 9", ""), None);
        assert_eq!(count("", ""), Some(0));
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn a_threshold_survives_the_text_of_an_expression(threshold in -1e12..1e12, is_at_most: bool) {
            let signal = find("rps_doc_word_count").expect("a signal");
            let mut split = Bounds::split("language == \"en\"").expect("an expression");
            split.set(Bound { signal, is_at_most, threshold });
            let again = Bounds::split(&split.expression()).expect("an expression");
            prop_assert_eq!(again.threshold(signal, is_at_most), Some(threshold));
        }
    }
}
