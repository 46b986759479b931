//! The stage before each dedup-join: documents, and the keys by which they are compared.
//!
//! Private: `reject_repeats` and `cut_repeated_spans` have examples of the whole chain.
//!
//! In a replay, the keys are recorded too, with the parts of the text that they are of.

use crate::docs::Docs;
use crate::operators::hold::{Extra, Held};
use crate::operators::join::UpdateStream;
use crate::worker::WorkerContext;
use arrangement::{Key, Update};
use document::{Document, Epoch};
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Pushes the keys of a document to an empty vector, in any order and with repeats, and returns the
/// extra data to hold with the document.
pub(crate) type Keys<K, E> = Box<dyn FnMut(&Document, &mut Vec<K>) -> E>;

/// Documents, each with its extra data.
pub(crate) type HeldStream<'scope, E> = StreamVec<'scope, Epoch, Held<E>>;

impl<'scope> Docs<'scope> {
    /// Returns the documents, an update for each distinct key of each kept document, and what the
    /// worker knows.
    pub(crate) fn keyed<K: Key, E: Extra + Default>(
        self,
        mut keys: Keys<K, E>,
    ) -> (HeldStream<'scope, E>, UpdateStream<'scope, K>, Rc<WorkerContext>) {
        let (stream, worker) = self.into_parts();
        // The dedup-join that follows notes its index at this place.
        let replay = worker.replay.clone().map(|replay| (replay.indexes(), replay));
        let mut builder = OperatorBuilder::new("Keys".into(), stream.scope());
        let mut input = builder.new_input(stream, Pipeline);
        let (held_out, held) = builder.new_output::<Vec<Held<E>>>();
        let (updates_out, updates) = builder.new_output::<Vec<Update<K>>>();
        let mut held_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(held_out);
        let mut updates_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(updates_out);
        builder.build(move |_caps| {
            let mut distinct = Vec::new();
            move |_frontiers| {
                let (mut held_out, mut updates_out) = (held_out.activate(), updates_out.activate());
                input.for_each(|cap, documents| {
                    let held_cap = cap.retain_least(0).expect("a message has a time");
                    let updates_cap = cap.retain_least(1).expect("a message has a time");
                    let mut updates = updates_out.session(&updates_cap);
                    let mut batch: Vec<Held<E>> = Vec::with_capacity(documents.len());
                    for document in documents.drain(..) {
                        let extra = if document.is_kept() {
                            keys(&document, &mut distinct)
                        } else {
                            E::default()
                        };
                        distinct.sort_unstable();
                        distinct.dedup();
                        if let Some((index, replay)) = &replay
                            && document.is_kept()
                        {
                            let keys = distinct.iter().map(|key| key.widened()).collect();
                            replay.keys(&document, *index, keys, extra.parts(&document.text));
                        }
                        let at = document.at.0;
                        distinct.drain(..).for_each(|key| updates.give((key, at, 1)));
                        batch.push((document, extra));
                    }
                    held_out.session(&held_cap).give_container(&mut batch);
                });
            }
        });
        (held, updates, worker)
    }
}
