//! What each index found: which label has the first copies of which, and how large groups of copies
//! are.

use crate::look::{Look, cut};
use crate::terminal::units::counted;
use anyhow::Result;
use arrangement::Rule;
use corpus::Lookup;
use document::DocRef;
use engine::{CANDIDATES_MAX, Compares, Effect, IndexUse, StoredIndex};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// The largest groups that are listed for an index.
const LARGEST: usize = 10;

/// Characters of a text that are shown.
const TEXT_CHARS: usize = 240;

/// The duplicates that an index found.
#[derive(Serialize)]
pub(crate) struct Duplicates {
    /// Its name.
    pub index: String,
    /// The slices that use it.
    pub slices: Vec<String>,
    /// `cut`, `counted`, or the reason with which documents are dropped.
    pub effect: String,
    /// What is compared: `equal` or `near`.
    pub compares: &'static str,
    /// Stored updates: the different keys of each document.
    pub keys: u64,
    /// Why pairs and groups are not computed, if they are not; or in how many bands not all documents are
    /// compared.
    pub note: Option<String>,
    /// Duplicates: documents, or different parts of documents.
    pub duplicates: u64,
    /// How many of one label have their first copy in another, or the same.
    pub pairs: Vec<Pair>,
    /// How many groups have at least so many members and less than twice as many.
    pub groups: Vec<Groups>,
    /// The largest groups.
    pub largest: Vec<Group>,
}

/// Duplicates of one label whose first copy is of another.
#[derive(Serialize)]
pub(crate) struct Pair {
    /// `slice/label` of the first copy.
    pub first: String,
    /// That of the duplicate.
    pub later: String,
    /// Their number.
    pub count: u64,
}

/// Groups of about one size.
#[derive(Serialize)]
pub(crate) struct Groups {
    /// The least size.
    pub from: u64,
    /// Their number.
    pub groups: u64,
    /// Their members.
    pub members: u64,
}

/// A group of copies.
#[derive(Serialize)]
pub(crate) struct Group {
    /// How many members it has.
    pub members: u64,
    /// Its first document.
    pub first: String,
    /// The beginning of the text, or the part; `None` if it is not known.
    pub text: Option<String>,
    #[serde(skip)]
    at: DocRef,
    #[serde(skip)]
    key: u128,
}

/// Counts while an index is read.
#[derive(Default)]
struct Found {
    duplicates: u64,
    pairs: BTreeMap<(u64, u64), u64>,
    groups: BTreeMap<u32, (u64, u64)>,
    /// The smallest of the largest is on top.
    largest: BinaryHeap<Reverse<(u64, Reverse<DocRef>, u128)>>,
}

impl Found {
    fn pair(&mut self, first: DocRef, later: DocRef) {
        self.duplicates += 1;
        *self.pairs.entry((first.label(), later.label())).or_default() += 1;
    }

    fn group(&mut self, members: u64, first: DocRef, key: u128) {
        let (groups, all) = self.groups.entry(members.ilog2()).or_default();
        *groups += 1;
        *all += members;
        self.largest.push(Reverse((members, Reverse(first), key)));
        if self.largest.len() > LARGEST {
            self.largest.pop();
        }
    }
}

/// Reads every index of the slices of a corpus.
pub(super) fn duplicates(look: &Look, has_texts: bool) -> Result<Vec<Duplicates>> {
    let read = |(used, slices): (IndexUse, Vec<String>)| {
        let mut found = of_index(look, &used, slices)?;
        if has_texts {
            add_texts(look, &used, &mut found.largest)?;
        }
        Ok(found)
    };
    look.all_indexes()?.into_iter().map(read).collect()
}

fn of_index(look: &Look, used: &IndexUse, slices: Vec<String>) -> Result<Duplicates> {
    let stored = StoredIndex::new(&look.corpus, &look.manifest, used);
    let found = match &used.compares {
        Compares::Near(_) => by_witnesses(look, &slices)?,
        Compares::Equal(rule) => read(&stored, rule, &used.effect)?,
    };
    let name = |label: u64| look.manifest.labels[label as usize].full_name();
    let pair = |((first, later), count): ((u64, u64), u64)| Pair {
        first: name(first),
        later: name(later),
        count,
    };
    let groups =
        |(size, (groups, members)): (u32, (u64, u64))| Groups { from: 1 << size, groups, members };
    let mut largest: Vec<_> = found.largest.into_iter().map(|Reverse(group)| group).collect();
    largest.sort_unstable_by_key(|group| Reverse(*group));
    let group = |(members, Reverse(at), key): (u64, Reverse<DocRef>, u128)| {
        let first = look.manifest.labels[at.label() as usize].document_id(at);
        Group { members, first, text: None, at, key }
    };
    Ok(Duplicates {
        index: used.name.clone(),
        slices,
        effect: used.effect.name().to_owned(),
        compares: match used.compares {
            Compares::Near(_) => "near",
            Compares::Equal(_) => "equal",
        },
        keys: stored.updates(),
        note: capped(&stored, used)?,
        duplicates: found.duplicates,
        pairs: found.pairs.into_iter().map(pair).collect(),
        groups: found.groups.into_iter().map(groups).collect(),
        largest: largest.into_iter().map(group).collect(),
    })
}

fn read(stored: &StoredIndex, rule: &Rule, effect: &Effect) -> Result<Found> {
    let mut found = Found::default();
    match effect {
        Effect::Cut | Effect::Count | Effect::Reject(_) => {
            stored.groups(&mut |key, refs| {
                found.group(refs.len() as u64, refs[0], key);
                if rule.copies == arrangement::Copies::None {
                    found.pair(refs[1], refs[0]);
                }
                refs[1..].iter().for_each(|later| found.pair(refs[0], *later));
            })?;
        }
        // A document counts once, with the first document that shares a key with it.
        Effect::RejectByAny(_) => {
            let mut firsts: HashMap<DocRef, DocRef> = HashMap::new();
            stored.groups(&mut |_, refs| {
                for later in &refs[1..] {
                    let first = firsts.entry(*later).or_insert(refs[0]);
                    *first = (*first).min(refs[0]);
                }
            })?;
            chains(&firsts, &mut found);
        }
    }
    Ok(found)
}

/// Says in how many bands documents are compared with the first ones only, if there are such.
fn capped(stored: &StoredIndex, used: &IndexUse) -> Result<Option<String>> {
    let (mut bands, mut documents) = (0, 0);
    if let Compares::Near(_) = used.compares {
        stored.groups(&mut |_, refs| {
            let beyond = refs.len().saturating_sub(CANDIDATES_MAX);
            bands += u64::from(beyond > 0);
            documents += beyond as u64;
        })?;
    }
    let say = || {
        format!(
            "{} with more than {CANDIDATES_MAX} documents: {} in them compared there with the first \
             {CANDIDATES_MAX} only",
            counted(bands, "band"),
            counted(documents, "document"),
        )
    };
    Ok((bands > 0).then(say))
}

/// Counts the documents of slices by their witnesses in the ledger: a group is a document, and those that
/// were dropped because of it.
fn by_witnesses(look: &Look, slices: &[String]) -> Result<Found> {
    let mut groups: HashMap<DocRef, u64> = HashMap::new();
    let mut found = Found::default();
    for label in look.manifest.present().filter(|label| slices.contains(&label.slice)) {
        look.witnessed(label, |first, later| {
            found.pair(first, later);
            *groups.entry(first).or_insert(1) += 1;
        })?;
    }
    groups.into_iter().for_each(|(first, members)| found.group(members, first, 0));
    Ok(found)
}

/// Counts documents that are copies of one that may be a copy itself: a group is all that lead to the
/// same one.
fn chains(firsts: &HashMap<DocRef, DocRef>, found: &mut Found) {
    let mut members: HashMap<DocRef, u64> = HashMap::new();
    for (later, first) in firsts {
        found.pair(*first, *later);
        let mut root = *first;
        while let Some(before) = firsts.get(&root) {
            root = *before;
        }
        *members.entry(root).or_insert(1) += 1;
    }
    members.into_iter().for_each(|(root, members)| found.group(members, root, 0));
}

/// Reads the texts of groups again.
fn add_texts(look: &Look, used: &IndexUse, groups: &mut [Group]) -> Result<()> {
    for group in groups {
        let label = &look.manifest.labels[group.at.label() as usize];
        let Some(row) = Lookup::new(&look.corpus, label).row(group.at)? else { continue };
        let (_, Some(document)) = look.again(label, &row)? else { continue };
        let text = if used.effect.reason().is_none() {
            let rejected = row.reason.iter().map(|reason| (row.at, reason.clone())).collect();
            let done = look.replay(&label.slice, vec![document], rejected)?;
            let place = done.indexes.iter().position(|index| index.name == used.name);
            let keyed = done.keyed.iter().find(|keyed| Some(keyed.index) == place);
            keyed.and_then(|keyed| {
                let part = keyed.parts.iter().find(|part| part.key == group.key)?;
                Some(keyed.text[part.range.clone()].to_owned())
            })
        } else {
            Some(document.text)
        };
        group.text = text.map(|text| cut(text.trim(), TEXT_CHARS));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_lead_to_one_are_one_group() {
        let at = |label| DocRef::new(label, 0, 0);
        let firsts = [(1, 0), (2, 1), (4, 3), (5, 0)].map(|(later, first)| (at(later), at(first)));
        let mut found = Found::default();
        chains(&firsts.into_iter().collect(), &mut found);
        assert_eq!(found.duplicates, 4);
        assert_eq!(found.pairs.values().sum::<u64>(), 4);
        assert_eq!(found.pairs[&(1, 2)], 1);
        // One of four, one of two.
        assert_eq!(found.groups, BTreeMap::from([(1, (1, 2)), (2, (1, 4))]));
    }
}
