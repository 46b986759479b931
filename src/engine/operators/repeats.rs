//! `reject_repeats` and `reject_repeated_bands`.

use crate::docs::Docs;
use crate::operators::hold::{Held, hold};
use crate::operators::join::{FactStream, UpdateStream, duplicates};
use arrangement::{Key, Rule, Update};
use document::{Document, Epoch, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Puts the keys of a document into a vector that is empty before.
pub(crate) type Keys<K> = Box<dyn FnMut(&Document, &mut Vec<K>)>;

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
        let key: Keys<u128> = Box::new(move |document, keys| keys.push(key(document)));
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
        keys: Keys<K>,
        rule: Rule,
    ) -> Self {
        let (held, updates) = self.keyed(keys);
        let facts = duplicates(self.worker.clone(), index, updates, rule);
        self.reject_found("Reject repeats", reason, held, facts)
    }

    /// The documents, and an update for each distinct key of those that are kept.
    pub(crate) fn keyed<K: Key + Serialize + DeserializeOwned>(
        &self,
        mut keys: Keys<K>,
    ) -> (StreamVec<'scope, Epoch, Held<()>>, UpdateStream<'scope, K>) {
        let mut builder = OperatorBuilder::new("Document keys".into(), self.stream.scope());
        let mut input = builder.new_input(self.stream.clone(), Pipeline);
        let (held_out, held) = builder.new_output::<Vec<Held<()>>>();
        let (updates_out, updates) = builder.new_output::<Vec<Update<K>>>();
        let mut held_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(held_out);
        let mut updates_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(updates_out);
        builder.build(move |_caps| {
            let mut room = Vec::new();
            move |_frontiers| {
                let (mut held_out, mut updates_out) = (held_out.activate(), updates_out.activate());
                input.for_each(|cap, documents| {
                    let held_cap = cap.retain_least(0).expect("a message has a time");
                    let updates_cap = cap.retain_least(1).expect("a message has a time");
                    let mut updates = updates_out.session(&updates_cap);
                    for document in documents.iter().filter(|document| document.is_kept()) {
                        keys(document, &mut room);
                        room.sort_unstable();
                        room.dedup();
                        let at = document.at.0;
                        room.drain(..).for_each(|key| updates.give((key, at, 1)));
                    }
                    let mut batch: Vec<Held<()>> = documents.drain(..).map(|d| (d, ())).collect();
                    held_out.session(&held_cap).give_container(&mut batch);
                });
            }
        });
        (held, updates)
    }

    /// Turns away each of `held` of which there is a fact.
    pub(crate) fn reject_found<K: Key + Serialize + DeserializeOwned>(
        self,
        name: &str,
        reason: Reason,
        held: StreamVec<'scope, Epoch, Held<()>>,
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
