//! Why a document is as it is: each step that it passed, of which document it or a part of it is a copy,
//! and which documents are copies of it.
//!
//! The record is read again and passed through the graph of its slice, beside the committed state
//! ([`engine::replay`]). So the keys are those of the build, whatever the slice.

mod copies;
mod plain;
mod steps;

pub(crate) use plain::plain;

use self::copies::{Copies, Witness, copies, copy_of, lost};
use self::steps::{StepDone, steps};
use crate::look::{Look, View};
use crate::terminal::units::counted;
use anyhow::Result;
use corpus::{EXCLUDED, Label, LedgerRow, SUPERSEDED};
use document::{Document, Reason};
use engine::{IndexUse, Keyed, Replayed, StoredIndex};
use serde::Serialize;
use std::collections::BTreeMap;

/// All that is known of the fate of a document.
#[derive(Serialize)]
pub(crate) struct Explanation {
    /// The document, without its text.
    #[serde(flatten)]
    pub view: View,
    /// The steps of its slice, up to the one that dropped it. Empty if it was not read again.
    pub steps: Vec<StepDone>,
    /// The document of which it is a copy, if it was dropped as one.
    pub copy_of: Option<Witness>,
    /// The parts of its text that were cut because another document has them.
    pub lost: Vec<Lost>,
    /// The documents that are copies of it, or lost parts of their text to it, for each index.
    pub copies: Vec<Copies>,
}

/// A part of a text that was cut.
#[derive(Serialize)]
pub(crate) struct Lost {
    /// The part; `None` if it is not known, because the record was not read again.
    pub text: Option<String>,
    /// The document that has it first.
    #[serde(flatten)]
    pub first: Witness,
}

/// Explains a record of a label.
pub(crate) fn explain(look: &Look, label: &Label, row: &LedgerRow) -> Result<Explanation> {
    let (mut view, mut document) = look.again(label, row)?;
    if let Some(document) = &mut document
        && let Some(mark) =
            [EXCLUDED, SUPERSEDED].into_iter().find(|m| row.reason.as_deref() == Some(m))
        && document.is_kept()
    {
        // Steps do not see it.
        document.reject(mark);
    }
    let done = match document {
        Some(document) => replayed(look, label, row, document, &mut view)?,
        None => searched(look, label, row, &mut view)?,
    };
    view.text = None;
    let (indexes, keyed) = (&done.indexes, &done.keyed);
    Ok(Explanation {
        steps: steps(&done, row, &view),
        copy_of: copy_of(look, indexes, keyed)?,
        lost: lost(look, indexes, keyed)?,
        copies: copies(look, indexes, keyed)?,
        view,
    })
}

/// Passes the document through its graph.
fn replayed(
    look: &Look,
    label: &Label,
    row: &LedgerRow,
    document: Document,
    view: &mut View,
) -> Result<Replayed> {
    let done = look.replay(&label.slice, vec![document], rejected(row))?;
    let verdict = done.documents.first().and_then(|document| document.verdict.clone());
    if verdict != row.reason {
        let verdict = verdict.map_or("kept".to_owned(), |reason| format!("dropped: {reason}"));
        view.notes.push(format!(
            "read again, it would be {verdict}; it was read by another version, or the state is damaged: \
             sluice verify --deep tells"
        ));
    }
    Ok(done)
}

fn rejected(row: &LedgerRow) -> BTreeMap<document::DocRef, Reason> {
    row.reason.iter().map(|reason| (row.at, reason.clone())).collect()
}

/// Searches all keys of a document that cannot be read again. Which steps it passed is not known.
fn searched(look: &Look, label: &Label, row: &LedgerRow, view: &mut View) -> Result<Replayed> {
    let indexes = look.indexes(&label.slice)?;
    let mut all = Vec::new();
    for (index, used) in indexes.iter().enumerate() {
        all.extend(searched_in(look, row, index, used)?);
    }
    let searched = counted(indexes.len() as u64, "index");
    view.notes.push(format!("{} searched for its keys", searched.replace("indexs", "indexes")));
    Ok(Replayed { indexes, keyed: all, ..Replayed::default() })
}

fn searched_in(
    look: &Look,
    row: &LedgerRow,
    index: usize,
    used: &IndexUse,
) -> Result<Option<Keyed>> {
    let stored = StoredIndex::new(&look.corpus, &look.manifest, used);
    let asked = stored.keys_of(&[row.at])?;
    if asked.is_empty() {
        return Ok(None);
    }
    let witnesses = stored.witnesses(&asked)?;
    Ok(Some(Keyed {
        at: row.at,
        index,
        keys: asked.into_iter().map(|(key, _)| key).collect(),
        witnesses: witnesses.into_iter().map(|(key, _, witness)| (key, witness)).collect(),
        ..Keyed::default()
    }))
}
