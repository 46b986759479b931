//! `reject_repeats` and `reject_repeated_bands`.

use crate::docs::Docs;
use crate::operators::hold::hold;
use crate::operators::join::{FactStream, duplicates};
use crate::operators::keyed::{HeldStream, Keys};
use arrangement::{Key, Rule};
use document::{Document, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl<'scope> Docs<'scope> {
    /// Turns away, with `reason`, each document whose `key` is a duplicate by `rule`.
    ///
    /// State: an update for each document that came this far, in `index`.
    pub fn reject_repeats(
        self,
        index: &str,
        reason: impl Into<Reason>,
        key: fn(&Document) -> u128,
        rule: Rule,
    ) -> Self {
        let key: Keys<u128, ()> = Box::new(move |document, keys| keys.push(key(document)));
        self.reject_by_keys(index, reason.into(), key, rule)
    }

    /// Turns away, with `reason`, each document that has one of its `bands` in common with a
    /// document before it, by `rule`. One that was turned away here counts as well: what becomes of
    /// a document does not hang on what became of those before it.
    ///
    /// State: an update for each distinct band of each document that came this far, in `index`.
    pub fn reject_repeated_bands(
        self,
        index: &str,
        reason: impl Into<Reason>,
        bands: impl FnMut(&Document, &mut Vec<u64>) + 'static,
        rule: Rule,
    ) -> Self {
        self.reject_by_keys(index, reason.into(), Box::new(bands), rule)
    }

    fn reject_by_keys<K: Key + Serialize + DeserializeOwned>(
        self,
        index: &str,
        reason: Reason,
        keys: Keys<K, ()>,
        rule: Rule,
    ) -> Self {
        let (held, updates) = self.keyed(keys);
        let facts = duplicates(self.worker.clone(), index, updates, rule);
        self.reject_found("Reject repeats", reason, held, facts)
    }

    /// Turns away each of `held` of which there is a fact.
    pub(crate) fn reject_found<K: Key + Serialize + DeserializeOwned>(
        self,
        name: &str,
        reason: Reason,
        held: HeldStream<'scope, ()>,
        facts: FactStream<'scope, K>,
    ) -> Self {
        let apply = Box::new(move |document: &mut Document, (), facts: &[(u64, K)]| {
            if !facts.is_empty() {
                document.reject(reason.clone());
            }
        });
        let stream = hold(name, self.worker.clone(), held, facts, apply);
        self.with_stream(stream)
    }
}
