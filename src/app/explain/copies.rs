//! Of which documents a document is a copy, and which are copies of it.

use super::Lost;
use crate::look::Look;
use anyhow::{Context, Result};
use corpus::Lookup;
use document::{DocRef, Reason};
use engine::{Compares, Effect, IndexUse, Keyed, StoredIndex};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Copies of one key that are read.
const COPIES_MAX: usize = 1000;

/// Copies of a document that are listed for an index.
const LISTED_MAX: usize = 100;

/// Another document that has the same text, or a part of it.
#[derive(Serialize)]
pub(crate) struct Witness {
    /// The index by which they are compared.
    pub index: String,
    /// Its id.
    pub id: String,
    /// `kept` or `dropped`.
    pub verdict: &'static str,
    /// Why it was dropped itself.
    pub reason: Option<String>,
    /// How many keys they share.
    pub keys: usize,
    /// How similar they are by their signatures, 0 to 1, if these are compared.
    pub similarity: Option<f64>,
}

/// The documents that are copies of a document at an index.
#[derive(Serialize)]
pub(crate) struct Copies {
    /// Its name.
    pub index: String,
    /// What becomes of copies: `cut`, `counted`, or the reason with which they are dropped.
    pub effect: String,
    /// How many documents they are.
    pub documents: u64,
    /// How many labels have them, or the document.
    pub labels: u64,
    /// Whether there are more: of each key, the first 1,000 copies are counted.
    pub is_cut: bool,
    /// The first of them.
    pub listed: Vec<Copy>,
}

/// A copy of a document.
#[derive(Serialize)]
pub(crate) struct Copy {
    #[serde(flatten)]
    pub document: Witness,
    /// Whether it is the next copy: the one that takes the place of the document if that goes.
    pub is_next: bool,
}

/// Returns the document because of which a document was dropped.
pub(super) fn copy_of(
    look: &Look,
    indexes: &[IndexUse],
    keyed: &[Keyed],
) -> Result<Option<Witness>> {
    // The last index that it reached decided, if one did.
    let Some(last) = keyed.iter().max_by_key(|keyed| keyed.index) else { return Ok(None) };
    let used = &indexes[last.index];
    if used.effect.reason().is_none() || last.witnesses.is_empty() {
        return Ok(None);
    }
    // With several keys: the document that shares most of them, and the first of these.
    let mut shared: BTreeMap<DocRef, usize> = BTreeMap::new();
    for witness in last.witnesses.values() {
        *shared.entry(*witness).or_default() += 1;
    }
    let most = shared.iter().max_by_key(|(at, keys)| (**keys, std::cmp::Reverse(**at)));
    let (&at, &keys) = most.context("there is a witness")?;
    let mut witness = witnesses(look, used, &BTreeMap::from([(at, keys)]))?;
    if let Compares::Near(_) = used.compares {
        witness[0].similarity = stored(look, used).similarity(last.at, at)?;
    }
    Ok(witness.pop())
}

/// Returns the parts that a document lost to others, in the order of its text. Parts that overlap come as
/// one if they are of one document.
pub(super) fn lost(look: &Look, indexes: &[IndexUse], keyed: &[Keyed]) -> Result<Vec<Lost>> {
    let mut all = Vec::new();
    for keyed in keyed {
        let used = &indexes[keyed.index];
        if used.effect != Effect::Cut {
            continue;
        }
        let firsts: BTreeMap<DocRef, usize> = keyed.witnesses.values().map(|at| (*at, 1)).collect();
        let known = verdicts(look, &firsts.keys().copied().collect::<Vec<_>>())?;
        let witness = |at: &DocRef| named(look, used, *at, 1, &known[at]);
        if keyed.parts.is_empty() {
            let lost = keyed.witnesses.values();
            all.extend(lost.map(|at| Lost { text: None, first: witness(at) }));
            continue;
        }
        let mut seen = BTreeSet::new();
        // Parts that overlap and that one document has first are one.
        let mut joined: Vec<(Range<usize>, DocRef, usize)> = Vec::new();
        for part in keyed.parts.iter().filter(|part| seen.insert(part.key)) {
            let Some(at) = keyed.witnesses.get(&part.key) else { continue };
            match joined.last_mut() {
                Some((range, first, keys)) if first == at && part.range.start < range.end => {
                    range.end = range.end.max(part.range.end);
                    *keys += 1;
                }
                _ => joined.push((part.range.clone(), *at, 1)),
            }
        }
        all.extend(joined.into_iter().map(|(range, at, keys)| Lost {
            text: Some(keyed.text[range].to_owned()),
            first: named(look, used, at, keys, &known[&at]),
        }));
    }
    Ok(all)
}

/// Returns the documents that were dropped, or lost parts, because of a document.
pub(super) fn copies(look: &Look, indexes: &[IndexUse], keyed: &[Keyed]) -> Result<Vec<Copies>> {
    let mut all = Vec::new();
    for keyed in keyed {
        let used = &indexes[keyed.index];
        let is_near = matches!(used.compares, Compares::Near(_));
        // Of the other keys another document is the first.
        let firsts = keyed.keys.iter().filter(|key| is_near || !keyed.witnesses.contains_key(key));
        let asked: Vec<(u128, DocRef)> = firsts.map(|key| (*key, keyed.at)).collect();
        let mut is_cut = false;
        let mut later: BTreeMap<DocRef, usize> = BTreeMap::new();
        let mut next = BTreeSet::new();
        for sharing in stored(look, used).sharing(&asked, COPIES_MAX)? {
            is_cut |= sharing.is_cut;
            let mut after = sharing.refs.iter().filter(|at| **at > keyed.at).peekable();
            next.extend(after.peek().map(|at| **at));
            after.for_each(|at| *later.entry(*at).or_default() += 1);
        }
        let mut similarities = BTreeMap::new();
        if is_near {
            similarities = witnessed(look, keyed.at, &later)?;
            later.retain(|at, _| similarities.contains_key(at));
        }
        if later.is_empty() {
            continue;
        }
        let documents = later.len() as u64;
        let of_labels = later.keys().chain([&keyed.at]).map(|at| at.label());
        let labels = of_labels.collect::<BTreeSet<u64>>().len() as u64;
        let listed = later.into_iter().take(LISTED_MAX).collect();
        let listed = witnesses(look, used, &listed)?.into_iter().zip(listed.keys());
        let listed = listed.map(|(mut document, at)| {
            document.similarity = similarities.get(at).copied().flatten();
            Copy { document, is_next: !is_near && next.contains(at) }
        });
        all.push(Copies {
            index: used.name.clone(),
            effect: used.effect.name().to_owned(),
            documents,
            labels,
            is_cut,
            listed: listed.collect(),
        });
    }
    Ok(all)
}

/// Returns those of the documents whose witness is `at`, with the similarity in the ledger.
fn witnessed(
    look: &Look,
    at: DocRef,
    later: &BTreeMap<DocRef, usize>,
) -> Result<BTreeMap<DocRef, Option<f64>>> {
    let id = look.manifest.labels[at.label() as usize].document_id(at);
    let refs: Vec<DocRef> = later.keys().copied().collect();
    let mut found = BTreeMap::new();
    for of_label in refs.chunk_by(|a, b| a.label() == b.label()) {
        let label = &look.manifest.labels[of_label[0].label() as usize];
        let rows = Lookup::new(&look.corpus, label).rows_of(of_label)?.into_iter();
        let rows = rows.filter(|row| row.witness.as_ref() == Some(&id));
        found.extend(rows.map(|row| (row.at, row.similarity)));
    }
    Ok(found)
}

fn stored(look: &Look, used: &IndexUse) -> StoredIndex {
    StoredIndex::new(&look.corpus, &look.manifest, used)
}

/// Returns documents, in order, each with the number of keys that it shares.
fn witnesses(
    look: &Look,
    used: &IndexUse,
    documents: &BTreeMap<DocRef, usize>,
) -> Result<Vec<Witness>> {
    let known = verdicts(look, &documents.keys().copied().collect::<Vec<_>>())?;
    let all = documents.iter().map(|(at, keys)| named(look, used, *at, *keys, &known[at]));
    Ok(all.collect())
}

fn named(
    look: &Look,
    used: &IndexUse,
    at: DocRef,
    keys: usize,
    reason: &Option<Reason>,
) -> Witness {
    Witness {
        index: used.name.clone(),
        id: look.manifest.labels[at.label() as usize].document_id(at),
        verdict: if reason.is_none() { "kept" } else { "dropped" },
        reason: reason.as_ref().map(ToString::to_string),
        keys,
        similarity: None,
    }
}

/// Returns why documents, which are in order, were dropped.
fn verdicts(look: &Look, documents: &[DocRef]) -> Result<BTreeMap<DocRef, Option<Reason>>> {
    let mut known = BTreeMap::new();
    for of_label in documents.chunk_by(|a, b| a.label() == b.label()) {
        let number = of_label[0].label();
        let label = look.manifest.labels.get(number as usize);
        let label = label.with_context(|| {
            format!("the state has documents of label {number}, and the corpus has no such label")
        })?;
        let reasons = Lookup::new(&look.corpus, label).reasons_of(of_label)?;
        known.extend(of_label.iter().copied().zip(reasons));
    }
    Ok(known)
}
