//! What is the dialogue in a row of an instruction data set, and what is its text?
//!
//! * [`of_row`]: from the fields of a row to a [`Dialogue`], or to messages of a tree.
//! * [`Tree`]: the messages of a tree, and the dialogues in it.
//! * [`Template`]: from turns to a text, with the places of the answers in it.
//!
//! ```
//! use dialogue::{Item, Template, of_row};
//!
//! let fields = formats::fields(r#"{"inputs": "Is tea hot?", "targets": "Yes."}"#)?;
//! let Ok(Item::Dialogue(dialogue)) = of_row(fields) else { panic!("a dialogue") };
//! let written = Template::HumanBot.write(&dialogue.turns).expect("no turn has a marker");
//! assert_eq!(written.text, "<human>: Is tea hot?\n<bot>: Yes.");
//! assert_eq!(&written.text[written.answers[0].clone()], " Yes.");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod messages;
mod row;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod turns;

pub use row::{Item, of_row};
pub use template::{HasMarker, Template, Written};
pub use tree::{Added, MESSAGES_MAX, Message, Threads, Tree};
pub use turns::{Role, Turn};

/// A dialogue that ends with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// The kind of data set that it is from: `oig`, `p3`.
    pub source: &'static str,
    /// Its language, if the row says which.
    pub language: Option<String>,
    /// Its turns, none of them empty: what the system says, if anything, then at least one prompt and
    /// one answer.
    pub turns: Vec<Turn>,
    /// How many turns after the last answer are left out.
    pub unanswered: usize,
    /// What else the row says, as a JSON object.
    pub original: String,
}

/// Why a row has no dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoDialogue {
    /// A word for the ledger.
    pub reason: &'static str,
    /// What is wrong, if the row is not of a known form.
    pub what: Option<String>,
}

impl NoDialogue {
    /// A row that is understood, and of no use.
    fn useless(reason: &'static str) -> NoDialogue {
        NoDialogue { reason, what: None }
    }

    /// A row of no known form.
    fn malformed(what: impl Into<String>) -> NoDialogue {
        NoDialogue { reason: "not_instruct", what: Some(what.into()) }
    }
}
