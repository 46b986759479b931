//! `reject` and `tag`: one document at a time.

use crate::docs::Docs;
use document::{Document, Reason};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

impl Docs<'_> {
    /// Turns away, with `reason`, the documents for which `test` holds. State: none.
    pub fn reject(
        self,
        reason: impl Into<Reason>,
        mut test: impl FnMut(&Document) -> bool + 'static,
    ) -> Self {
        let reason = reason.into();
        let name = format!("Reject: {reason}");
        self.each(
            &name,
            Box::new(move |document| {
                if test(document) {
                    document.reject(reason.clone());
                }
            }),
        )
    }

    /// Writes what `write` finds into each document. State: none.
    pub fn tag(self, name: &str, write: impl FnMut(&mut Document) + 'static) -> Self {
        self.each(name, Box::new(write))
    }

    fn each(self, name: &str, mut act: Box<dyn FnMut(&mut Document)>) -> Self {
        type Builder = CapacityContainerBuilder<Vec<Document>>;
        let stream = self.stream.clone().unary::<Builder, _, _, _>(Pipeline, name, |_, _| {
            move |input, output| {
                input.for_each(|cap, documents| {
                    documents.iter_mut().filter(|document| document.is_kept()).for_each(&mut act);
                    output.session(&cap).give_container(documents);
                });
            }
        });
        self.with_stream(stream)
    }
}
