//! What a slice compares with the numbers of its recipe: for `sluice show`, which says why a document
//! was kept or dropped.

use document::{Document, Value};

/// One step of a graph that compares a value of each document with a setting.
///
/// ```
/// use document::Document;
/// use recipe::{Bound, Comparison};
///
/// let too_short = Comparison::of_text("too_short", "chars", Bound::AtLeast, "min_chars", |page| {
///     Some(page.chars().into())
/// });
/// let page = Document { text: "Grüße".to_owned(), ..Document::default() };
/// assert!(too_short.value(&page, true) == Some(5usize.into()));
/// assert!(too_short.value(&page, false).is_none(), "its text is not known");
/// ```
pub struct Comparison {
    /// The reason with which a document that fails is rejected.
    pub reason: &'static str,
    /// The name of the value.
    pub name: &'static str,
    /// How the value is compared with the setting.
    pub bound: Bound,
    /// The key in the recipe.
    pub setting: &'static str,
    needs_text: bool,
    value: Measure,
}

/// Returns a value of a document, if it has one.
type Measure = Box<dyn Fn(&Document) -> Option<Value>>;

/// How a value is compared with a setting, if the document passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The value is the setting, or greater.
    AtLeast,
    /// The value is the setting, or less.
    AtMost,
    /// The value is in the list, or the list is empty.
    In,
    /// The document passes the expression.
    Passes,
}

impl Comparison {
    /// A comparison of a value that the ledger has: language, scores, numbers of paragraphs.
    pub fn of_ledger(
        reason: &'static str,
        name: &'static str,
        bound: Bound,
        setting: &'static str,
        value: impl Fn(&Document) -> Option<Value> + 'static,
    ) -> Comparison {
        Comparison { reason, name, bound, setting, needs_text: false, value: Box::new(value) }
    }

    /// A comparison of a value that is computed from the document as it was read.
    pub fn of_text(
        reason: &'static str,
        name: &'static str,
        bound: Bound,
        setting: &'static str,
        value: impl Fn(&Document) -> Option<Value> + 'static,
    ) -> Comparison {
        Comparison {
            needs_text: true,
            ..Comparison::of_ledger(reason, name, bound, setting, value)
        }
    }

    /// Returns the value of a document. `is_read` says whether it has the text and the fields that
    /// the reader set; otherwise it has only what the ledger knows.
    pub fn value(&self, document: &Document, is_read: bool) -> Option<Value> {
        if self.needs_text && !is_read { None } else { (self.value)(document) }
    }
}

impl Bound {
    /// Returns the sign between the value and the setting.
    pub fn sign(self, passes: bool) -> &'static str {
        match (self, passes) {
            (Bound::AtLeast, true) => ">=",
            (Bound::AtLeast, false) => "<",
            (Bound::AtMost, true) => "<=",
            (Bound::AtMost, false) => ">",
            (Bound::In, true) => "in",
            (Bound::In, false) => "not in",
            (Bound::Passes, true) => "passes",
            (Bound::Passes, false) => "fails",
        }
    }
}

/// The language of a document, as the ledger has it.
pub fn language_of(document: &Document) -> Option<Value> {
    document.language.as_ref().map(|language| Value::from(&*language.code))
}

/// The score of a document's language, as the ledger has it.
pub fn language_score_of(document: &Document) -> Option<Value> {
    document.language.as_ref().map(|language| language.score.into())
}
