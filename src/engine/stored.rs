//! The committed state of an index, to look keys up without a run.

mod groups;
mod near;

use self::near::Besides;
use crate::operators::near::Near;
use arrangement::{Copies, Error, Key, Reader, Refs, Rule, Run, RunMeta, Search};
use corpus::{Corpus, Manifest};
use document::{DocRef, Reason};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An index of a graph, and what it is for.
#[derive(Clone)]
pub struct IndexUse {
    /// Its name.
    pub name: String,
    /// Size of its keys: 8 or 16.
    pub key_bytes: u32,
    /// Which keys make a duplicate.
    pub compares: Compares,
    /// What becomes of duplicates.
    pub effect: Effect,
}

/// What becomes of duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The parts of a text with such a key are cut.
    Cut,
    /// The parts of a text with such a key are counted.
    Count,
    /// The document, which has one key, is rejected with this reason.
    Reject(Reason),
    /// The document is rejected with this reason if any of its keys is a duplicate.
    RejectByAny(Reason),
}

impl Effect {
    /// The reason with which documents are rejected.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Effect::Cut | Effect::Count => None,
            Effect::Reject(reason) | Effect::RejectByAny(reason) => Some(reason),
        }
    }

    /// `cut`, `counted`, or the reason with which documents are rejected.
    pub fn name(&self) -> &str {
        match self {
            Effect::Cut => "cut",
            Effect::Count => "counted",
            Effect::Reject(reason) | Effect::RejectByAny(reason) => reason,
        }
    }
}

/// Which keys of an index make a duplicate.
#[derive(Clone)]
pub enum Compares {
    /// Equal ones, by a rule.
    Equal(Rule),
    /// Equal ones of documents that are near, the earlier of which counts.
    Near(Near),
}

/// The committed updates of an index. Keys are passed as 128 bits, in which those of 64 bits are the low
/// ones.
pub struct StoredIndex {
    dir: PathBuf,
    runs: Vec<RunMeta>,
    besides: Besides,
    used: IndexUse,
}

/// The documents that are compared by one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Their refs, in ascending order.
    pub refs: Vec<DocRef>,
    /// Whether there are more than were asked for.
    pub is_cut: bool,
}

impl StoredIndex {
    /// The index as a commit has it. Files are opened when keys are looked up.
    pub fn new(corpus: &Corpus, manifest: &Manifest, used: &IndexUse) -> StoredIndex {
        let runs = manifest.state.get(&used.name).cloned().unwrap_or_default();
        let besides = match used.compares {
            Compares::Near(_) => Besides::new(manifest, &used.name),
            Compares::Equal(_) => Besides::default(),
        };
        StoredIndex { dir: corpus.state_dir(), runs, besides, used: used.clone() }
    }

    /// Returns, for each key of a document, the documents with which it is compared there, and the
    /// document itself: up to `max`, the first ones.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn sharing(&self, asked: &[(u128, DocRef)], max: usize) -> Result<Vec<Sharing>, Error> {
        let mut all = vec![Sharing::default(); asked.len()];
        self.visit(asked, &mut |places, refs| {
            let mut sharing = Sharing::default();
            while let Some(found) = refs()? {
                if sharing.refs.len() == max {
                    sharing.is_cut = true;
                    break;
                }
                sharing.refs.push(found);
            }
            places.iter().for_each(|place| all[*place] = sharing.clone());
            Ok(())
        })?;
        Ok(all)
    }

    /// Returns the keys of `documents`, which are sorted, each with its document, sorted. Reads the whole
    /// index: for documents that cannot be read again.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn keys_of(&self, documents: &[DocRef]) -> Result<Vec<(u128, DocRef)>, Error> {
        match self.used.key_bytes {
            <u64 as Key>::BYTES => self.scan_keys_of::<u64>(documents),
            _ => self.scan_keys_of::<u128>(documents),
        }
    }

    fn scan_keys_of<K: Key>(&self, documents: &[DocRef]) -> Result<Vec<(u128, DocRef)>, Error> {
        let mut found: BTreeMap<(u128, DocRef), i64> = BTreeMap::new();
        self.scan::<K>(|key, at, diff| {
            if documents.binary_search(&at).is_ok() {
                *found.entry((key.widened(), at)).or_default() += diff;
            }
        })?;
        found.retain(|_, count| *count != 0);
        Ok(found.into_keys().collect())
    }

    /// Passes every stored update to `each`; the updates of one pair may come in several parts.
    fn scan<K: Key>(&self, mut each: impl FnMut(K, DocRef, i64)) -> Result<(), Error> {
        for meta in &self.runs {
            let mut reader = Reader::<K>::new(Run::open(&self.dir, meta)?)?;
            while let Some((key, at, diff)) = reader.peek() {
                each(key, DocRef(at), diff);
                reader.step()?;
            }
        }
        Ok(())
    }

    /// Returns the keys that make their document a duplicate, each with the document and a witness: the
    /// first document with the key or, if no copy stays, another one; where near documents are compared,
    /// the one that decided.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn witnesses(
        &self,
        asked: &[(u128, DocRef)],
    ) -> Result<Vec<(u128, DocRef, DocRef)>, Error> {
        let rule = match &self.used.compares {
            Compares::Near(near) => return self.near_witnesses(asked, *near),
            Compares::Equal(rule) => rule,
        };
        let mut found = Vec::new();
        self.visit(asked, &mut |places, refs| {
            let Some(first) = refs()? else { return Ok(()) };
            let second = match rule.copies {
                Copies::First => None,
                Copies::None => refs()?,
            };
            for place in places {
                let (key, at) = asked[*place];
                let witness = match rule.copies {
                    Copies::First => Some(first).filter(|first| *first < at),
                    Copies::None if first != at => Some(first),
                    Copies::None => second,
                };
                found.extend(witness.map(|witness| (key, at, witness)));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` for all of `asked` that are compared by one key, with their places, and the refs with
    /// that key.
    fn visit(&self, asked: &[(u128, DocRef)], each: &mut Visit<'_>) -> Result<(), Error> {
        let rule = self.rule();
        match self.used.key_bytes {
            <u64 as Key>::BYTES => self.visit_equal::<u64>(&rule, asked, each),
            _ => self.visit_equal::<u128>(&rule, asked, each),
        }
    }

    /// By which rule equal keys are looked up. Near documents are compared with all that share a key.
    fn rule(&self) -> Rule {
        match &self.used.compares {
            Compares::Equal(rule) => rule.clone(),
            Compares::Near(_) => Rule::first_of_all(),
        }
    }

    fn visit_equal<K: Key>(
        &self,
        rule: &Rule,
        asked: &[(u128, DocRef)],
        each: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let of = |place: &usize| {
            let (key, at) = asked[*place];
            (K::narrowed(key), rule.scope.start(at.0))
        };
        let mut places: Vec<usize> = (0..asked.len()).collect();
        places.sort_by_key(of);
        let mut search = Search::<K>::open(&self.dir, &self.runs, rule.clone())?;
        for same in places.chunk_by(|a, b| of(a) == of(b)) {
            let (key, start) = of(&same[0]);
            let mut refs: Refs<'_, K> = search.refs(key, start)?;
            each(same, &mut || Ok(refs.next_ref()?.map(DocRef)))?;
        }
        Ok(())
    }
}

/// Takes the places of what is compared by one key, and a function that returns the next ref with that
/// key, in ascending order.
type Visit<'v> = dyn FnMut(&[usize], &mut dyn FnMut() -> Result<Option<DocRef>, Error>) -> Result<(), Error>
    + 'v;
