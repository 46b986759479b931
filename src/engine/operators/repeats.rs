//! `reject_repeats`.

use crate::docs::Docs;
use crate::operators::hold::hold;
use crate::operators::join::{FactStream, duplicates};
use crate::operators::keyed::{HeldStream, Keys};
use crate::stored::Effect;
use crate::worker::WorkerContext;
use arrangement::{Key, Rule};
use document::{Document, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::rc::Rc;

impl Docs<'_> {
    /// Rejects, with `reason`, each document whose `key` is a duplicate under `rule`.
    ///
    /// State: an update for each document that reaches the operator, in `index`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use arrangement::Rule;
    /// # use document::Document;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["one", "two", "six"].map(document);
    /// let documents = engine::funnel(documents, 2, |docs| {
    ///     let length = |document: &Document| document.chars() as u128;
    ///     docs.reject_repeats("lengths", "duplicate", length, Rule::first_of_all())
    /// });
    /// let verdicts = documents.iter().map(|document| document.verdict.as_deref());
    /// assert!(verdicts.eq([None, Some("duplicate"), Some("duplicate")]));
    /// ```
    pub fn reject_repeats(
        self,
        index: &str,
        reason: impl Into<Reason>,
        key: fn(&Document) -> u128,
        rule: Rule,
    ) -> Self {
        let key: Keys<u128, ()> = Box::new(move |document, keys| keys.push(key(document)));
        self.reject_by_keys(index, Effect::Reject(reason.into()), key, rule)
    }

    fn reject_by_keys<K: Key + Serialize + DeserializeOwned>(
        self,
        index: &str,
        effect: Effect,
        keys: Keys<K, ()>,
        rule: Rule,
    ) -> Self {
        let (held, updates, worker) = self.keyed(keys);
        let facts = duplicates(worker.clone(), index, updates, rule, &effect);
        reject_duplicates("Reject repeats", worker, effect, held, facts)
    }
}

/// Rejects each document of `held` with a fact.
pub(crate) fn reject_duplicates<'scope, K: Key + Serialize + DeserializeOwned>(
    name: &str,
    worker: Rc<WorkerContext>,
    effect: Effect,
    held: HeldStream<'scope, ()>,
    facts: FactStream<'scope, K>,
) -> Docs<'scope> {
    let reason = effect.reason().cloned();
    let apply = Box::new(move |document: &mut Document, (), facts: &[(u64, K)]| {
        if let Some(reason) = &reason
            && !facts.is_empty()
        {
            document.reject(reason.clone());
        }
    });
    let stream = hold(name, worker.clone(), held, facts, apply);
    Docs::new(stream, worker)
}
