//! `reject_repeats`.

use crate::docs::Docs;
use crate::operators::hold::{Held, hold};
use crate::operators::join::duplicates;
use arrangement::{Rule, Update};
use document::{Document, Reason};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

impl Docs<'_> {
    /// Turns away, with `reason`, each document whose `key` is a duplicate by `rule`.
    ///
    /// State: an update for each document that came this far, in `index`.
    pub fn reject_repeats(
        self,
        index: &'static str,
        reason: impl Into<Reason>,
        key: fn(&Document) -> u128,
        rule: Rule,
    ) -> Self {
        let reason = reason.into();
        let mut builder = OperatorBuilder::new("Document keys".into(), self.stream.scope());
        let mut input = builder.new_input(self.stream.clone(), Pipeline);
        let (held_out, held) = builder.new_output::<Vec<Held<()>>>();
        let (updates_out, updates) = builder.new_output::<Vec<Update<u128>>>();
        let mut held_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(held_out);
        let mut updates_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(updates_out);
        builder.build(move |_caps| {
            move |_frontiers| {
                let (mut held_out, mut updates_out) = (held_out.activate(), updates_out.activate());
                input.for_each(|cap, documents| {
                    let held_cap = cap.retain_least(0).expect("a message has a time");
                    let updates_cap = cap.retain_least(1).expect("a message has a time");
                    let kept = documents.iter().filter(|document| document.is_kept());
                    let updates = kept.map(|document| (key(document), document.at.0, 1));
                    updates_out.session(&updates_cap).give_iterator(updates);
                    let mut batch: Vec<Held<()>> = documents.drain(..).map(|d| (d, ())).collect();
                    held_out.session(&held_cap).give_container(&mut batch);
                });
            }
        });
        let facts = duplicates(self.worker.clone(), index, updates, rule);
        let apply = Box::new(move |document: &mut Document, (), facts: &[(u64, u128)]| {
            if !facts.is_empty() {
                document.reject(reason.clone());
            }
        });
        let stream = hold("Reject repeats", self.worker.clone(), held, facts, apply);
        self.with_stream(stream)
    }
}
