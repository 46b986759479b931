//! The filter expressions of recipes over the signals.

use crate::bound::Bound;
use crate::filter::{Datum, Filter, FilterError, Kind, Name};
use crate::lists::Lists;
use crate::signal::Signal;
use crate::view::View;
use crate::{RULES, SIGNALS};

/// Facts that expressions can compare with strings. They follow the signals in the list of names.
const TEXTS: [&str; 3] = ["language", "bucket", "source_domain"];

/// Which documents to keep: a [filter expression](crate::filter) over the names of [`SIGNALS`] and
/// [`RULES`], which are numbers, and over `language`, `bucket` and `source_domain`, which are
/// texts.
///
/// A signal of lines has the mean of its values: for values of 0 and 1, the share of lines.
///
/// ```
/// use signals::{Facts, Keep, Lists, Scratch, View};
///
/// let (lists, mut scratch) = (Lists::default(), Scratch::default());
/// let keep = Keep::new("language == \"en\" and rps_doc_word_count >= 3", &lists)?;
/// let facts = Facts { language: Some("en"), ..Facts::default() };
/// assert!(keep.holds(&mut View::new("One two three.", &facts, &lists, &mut scratch)));
/// assert!(!keep.holds(&mut View::new("One.", &facts, &lists, &mut scratch)));
/// # Ok::<(), signals::KeepError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Keep {
    filter: Filter,
}

impl Keep {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// Fails if the expression is invalid, or if it uses a signal whose list or model is missing.
    pub fn new(expression: &str, lists: &Lists) -> Result<Self, KeepError> {
        let keep = Keep::parse(expression)?;
        for signal in keep.filter.uses().into_iter().filter_map(signal) {
            if let Some(needed) = signal.missing(lists) {
                return Err(KeepError::NeedsList { signal: signal.name, needed });
            }
        }
        Ok(keep)
    }

    /// Parses an expression that no text will be compared with.
    pub(crate) fn parse(expression: &str) -> Result<Self, KeepError> {
        let signals = signals().map(|signal| Name { name: signal.name, kind: Kind::Number });
        let texts = TEXTS.iter().map(|name| Name { name, kind: Kind::Text });
        let names: Vec<Name> = signals.chain(texts).collect();
        Ok(Keep { filter: Filter::new(expression, &names)? })
    }

    /// Returns the conditions that must all hold: one if the expression has no `and` at its top.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.filter.conditions().into_iter().map(|filter| Condition { filter }).collect()
    }

    /// Whether the expression has an `or` at its top.
    pub(crate) fn is_alternative(&self) -> bool {
        self.filter.is_alternative()
    }

    /// Whether the expression uses the signal or fact of that name.
    pub fn uses(&self, name: &str) -> bool {
        let texts = SIGNALS.len() + RULES.len();
        self.filter.uses().into_iter().any(|at| match signal(at) {
            Some(signal) => signal.name == name,
            None => TEXTS[at - texts] == name,
        })
    }

    /// Whether to keep the document. Computes only signals that can decide.
    pub fn holds(&self, view: &mut View) -> bool {
        let facts = view.facts();
        self.filter.holds(|at| {
            let text = |text: Option<_>| text.map_or(Datum::Absent, Datum::Text);
            match signal(at) {
                Some(signal) => signal.value(view).number().map_or(Datum::Absent, Datum::Number),
                None => match TEXTS[at - SIGNALS.len() - RULES.len()] {
                    "language" => text(facts.language),
                    "bucket" => text(facts.bucket),
                    _ => text(facts.source_domain),
                },
            }
        })
    }
}

/// One of the conditions that must all hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    filter: Filter,
}

impl Condition {
    /// Returns the bound that this condition is, if it is one.
    pub fn bound(&self) -> Option<Bound> {
        let (at, is_at_most, threshold) = self.filter.bound()?;
        Some(Bound { signal: signal(at)?, is_at_most, threshold })
    }
}

fn signals() -> impl Iterator<Item = &'static Signal> {
    SIGNALS.iter().chain(&RULES)
}

/// Returns the signal at an index of the list of names; `None` for a text.
fn signal(at: usize) -> Option<&'static Signal> {
    SIGNALS.get(at).or_else(|| RULES.get(at - SIGNALS.len()))
}

/// A filter expression that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The expression is invalid.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The expression uses a signal whose list or model is missing.
    #[error("{signal} needs {needed}")]
    NeedsList {
        /// The signal.
        signal: &'static str,
        /// What is missing.
        needed: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::view::Scratch;

    fn holds(expression: &str, text: &str, facts: &Facts) -> bool {
        let (lists, mut scratch) = (Lists::default(), Scratch::default());
        let keep = Keep::new(expression, &lists).unwrap_or_else(|error| panic!("{error}"));
        keep.holds(&mut View::new(text, facts, &lists, &mut scratch))
    }

    #[test]
    fn signals_and_facts_decide_together() {
        let facts = Facts {
            perplexity: Some(339.9),
            language: Some("en"),
            bucket: Some("head"),
            source_domain: Some("a.com:80"),
            ..Facts::default()
        };
        let text = "one two three\n• four";
        assert!(holds("ccnet_perplexity < 340 and rps_doc_word_count > 3", text, &facts));
        assert!(!holds("ccnet_perplexity < 340 and rps_doc_word_count > 5", text, &facts));
        assert!(holds("language == \"en\" and bucket != \"tail\"", text, &facts));
        assert!(holds("source_domain == \"a.com:80\" and ccnet_bucket == 0", text, &facts));
        assert!(holds("rps_lines_start_with_bulletpoint <= 0.5", text, &facts));
    }

    #[test]
    fn comparisons_with_unknown_facts_are_false() {
        let unknown = Facts::default();
        assert!(!holds("ccnet_perplexity < 340", "text", &unknown));
        assert!(!holds("ccnet_perplexity >= 340", "text", &unknown));
        assert!(!holds("language != \"de\"", "text", &unknown));
        assert!(holds("not language == \"de\"", "text", &unknown));
        assert!(!holds("rps_doc_mean_word_length < 10", "", &unknown));
    }

    #[test]
    fn a_signal_without_its_list_is_refused_with_the_missing_list() {
        let lists = Lists::default();
        let error = Keep::new("rps_doc_stop_word_fraction > 0.1", &lists).expect_err("no list");
        assert!(error.to_string().starts_with("rps_doc_stop_word_fraction needs a list of stop"));
        let error = Keep::new("rps_doc_word_cont > 3", &lists).expect_err("a wrong name");
        assert!(error.to_string().contains("the nearest is rps_doc_word_count"), "{error}");
    }

    #[test]
    fn an_expression_knows_what_it_uses() {
        let keep = Keep::new("bucket == \"head\" or gopher_quality == 1", &Lists::default());
        let keep = keep.expect("an expression");
        assert!(keep.uses("bucket") && keep.uses("gopher_quality"));
        assert!(!keep.uses("ccnet_bucket") && !keep.uses("language"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = signals().map(|signal| signal.name).collect();
        names.extend(TEXTS);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), signals().count() + TEXTS.len());
    }
}
