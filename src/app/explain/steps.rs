//! The steps that a document passed.

use crate::look::{View, compared};
use corpus::LedgerRow;
use document::Reason;
use engine::{Effect, GraphStep, Replayed};
use serde::Serialize;

/// A step, and what it did with a document.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct StepDone {
    /// The reason with which it rejects, or the name of what it writes, or of its index.
    pub step: String,
    /// What it does: `reject`, `write` or `compare`.
    pub does: &'static str,
    /// Whether the document passed.
    pub passed: bool,
    /// Numbers: what was compared with what, or how many parts were cut.
    pub numbers: Option<String>,
}

/// Returns the steps up to the one that dropped the document.
pub(super) fn steps(done: &Replayed, row: &LedgerRow, view: &View) -> Vec<StepDone> {
    let end = done.ended.get(&row.at).copied();
    let is_read = done.documents.iter().any(|document| document.at == row.at);
    if !is_read || (end.is_none() && row.reason.is_some()) {
        // The reader rejected it.
        return Vec::new();
    }
    let last = end.map_or(done.steps.len(), |end| end + 1);
    let places = 0..last;
    let step = |place: usize| one(done, &done.steps[place], view, Some(place) != end);
    places.map(step).collect()
}

fn one(done: &Replayed, step: &GraphStep, view: &View, passed: bool) -> StepDone {
    let (name, does, numbers) = match step {
        GraphStep::Reject(reason) => (reason.to_string(), "reject", numbers(view, reason)),
        GraphStep::Tag(name) => (name.clone(), "write", None),
        GraphStep::Index(index) => {
            let name = done.indexes[*index].name.clone();
            (name, "compare", shared(done, *index))
        }
    };
    StepDone { step: name, does, passed, numbers }
}

fn numbers(view: &View, reason: &Reason) -> Option<String> {
    let found = view.thresholds.iter().find(|threshold| threshold.reason == reason.as_ref());
    found.map(compared)
}

/// How many of its keys at an index other documents have.
fn shared(done: &Replayed, index: usize) -> Option<String> {
    let keyed = done.keyed.iter().find(|keyed| keyed.index == index)?;
    let (all, copies) = (keyed.keys.len(), keyed.witnesses.len());
    match done.indexes[index].effect {
        Effect::Cut => Some(format!("{copies} of {all} different parts are cut")),
        Effect::Count => Some(format!("{copies} of {all} different parts are others' too")),
        Effect::RejectByAny(_) if copies == 0 => {
            Some(format!("none of {all} bands is that of a near one"))
        }
        Effect::RejectByAny(_) => Some(format!("{copies} of {all} bands are those of a near one")),
        Effect::Reject(_) => None,
    }
}
