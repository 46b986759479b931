//! What a document has of evaluations.

use serde::{Deserialize, Serialize};

/// The reason of documents that are dropped for what they have of evaluations.
pub const CONTAMINATED: &str = "contaminated";

/// What a document has of evaluations, and what becomes of it. The document itself stays as it was
/// before, so that it can be kept aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// What was found, as JSON.
    pub record: String,
    /// What becomes of the document.
    pub outcome: Outcome,
}

/// What becomes of a contaminated document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is dropped.
    Dropped,
    /// It is kept, and what was found is published with it.
    Flagged,
    /// It is kept with another text.
    Cut {
        /// The text.
        text: String,
        /// The tokens of the text, if they are counted.
        tokens: Option<u64>,
    },
}
