//! `cut_repeated_paragraphs`.

use crate::docs::Docs;
use crate::operators::hold::{Held, hold};
use crate::operators::join::duplicates;
use arrangement::{Rule, Update};
use document::{Document, Epoch, Paragraphs};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// The index this operator keeps.
const INDEX: &str = "paragraphs";

/// Identity of a paragraph; the buffer is room to work in.
type ParagraphKey = fn(&str, &mut Vec<u8>) -> u64;

impl<'scope> Docs<'scope> {
    /// Cuts each line whose `key` is a duplicate by `rule`, and then every further line with the
    /// key of one before it in the same document. Calls `after` with the lines that stay, by
    /// number. A document may come out empty.
    ///
    /// Follows cc_net `dedup.py`: a line is a paragraph, the blank line among them, and a line
    /// repeated inside one document only is none of the index's business.
    ///
    /// State: an update for each distinct paragraph of each document, in the index of paragraphs.
    pub fn cut_repeated_paragraphs(
        self,
        key: ParagraphKey,
        rule: Rule,
        after: impl Fn(&mut Document, &[u32]) + 'static,
    ) -> Self {
        let (held, updates) = self.paragraph_keys(key);
        let facts = duplicates(self.worker.clone(), INDEX, updates, rule);
        let mut kept = Vec::new();
        let cut = Box::new(move |document: &mut Document, keys: Vec<u64>, facts: &[(u64, u64)]| {
            if document.is_kept() {
                cut_lines(document, &keys, facts, &mut kept);
                after(document, &kept);
            }
        });
        let stream = hold("Cut repeated paragraphs", self.worker.clone(), held, facts, cut);
        self.with_stream(stream)
    }

    /// Each document with the keys of its lines, and the updates of the index.
    fn paragraph_keys(
        &self,
        key: ParagraphKey,
    ) -> (
        timely::dataflow::StreamVec<'scope, Epoch, Held<Vec<u64>>>,
        timely::dataflow::StreamVec<'scope, Epoch, Update<u64>>,
    ) {
        let mut builder = OperatorBuilder::new("Paragraph keys".into(), self.stream.scope());
        let mut input = builder.new_input(self.stream.clone(), Pipeline);
        let (held_out, held) = builder.new_output::<Vec<Held<Vec<u64>>>>();
        let (updates_out, updates) = builder.new_output::<Vec<Update<u64>>>();
        let mut held_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(held_out);
        let mut updates_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(updates_out);
        builder.build(move |_caps| {
            let (mut room, mut distinct) = (Vec::new(), Vec::new());
            move |_frontiers| {
                let (mut held_out, mut updates_out) = (held_out.activate(), updates_out.activate());
                input.for_each(|cap, documents| {
                    let held_cap = cap.retain_least(0).expect("a message has a time");
                    let updates_cap = cap.retain_least(1).expect("a message has a time");
                    let mut updates = updates_out.session(&updates_cap);
                    let mut batch: Vec<Held<Vec<u64>>> = Vec::with_capacity(documents.len());
                    for document in documents.drain(..) {
                        let keys: Vec<u64> = match document.is_kept() {
                            true => document.text.split('\n').map(|l| key(l, &mut room)).collect(),
                            false => Vec::new(),
                        };
                        distinct.clone_from(&keys);
                        distinct.sort_unstable();
                        distinct.dedup();
                        distinct.iter().for_each(|key| updates.give((*key, document.at.0, 1)));
                        batch.push((document, keys));
                    }
                    held_out.session(&held_cap).give_container(&mut batch);
                });
            }
        });
        (held, updates)
    }
}

/// Cuts the lines of `document` whose key is in `facts`, which are sorted, and repeats within it.
/// `kept` gets the numbers of the lines that stay.
fn cut_lines(document: &mut Document, keys: &[u64], facts: &[(u64, u64)], kept: &mut Vec<u32>) {
    // By key and place: the first place of each key stays, unless the key is a duplicate.
    let mut places: Vec<(u64, u32)> = keys.iter().copied().zip(0..).collect();
    places.sort_unstable();
    places.dedup_by_key(|place| place.0);
    kept.clear();
    let is_duplicate = |key: u64| facts.binary_search_by_key(&key, |fact| fact.1).is_ok();
    kept.extend(places.iter().filter(|place| !is_duplicate(place.0)).map(|place| place.1));
    kept.sort_unstable();
    let cut = keys.len() - kept.len();
    document.paragraphs = Paragraphs { read: keys.len() as u32, duplicate: cut as u32 };
    if cut == 0 {
        return;
    }
    let mut text = String::with_capacity(document.text.len());
    let mut stay = kept.iter().copied().peekable();
    for (number, line) in document.text.split('\n').enumerate() {
        if stay.next_if_eq(&(number as u32)).is_some() {
            if !text.is_empty() || kept[0] != number as u32 {
                text.push('\n');
            }
            text.push_str(line);
        }
    }
    document.text = text;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, keys: &[u64], duplicates: &[u64]) -> (String, Vec<u32>) {
        let mut document = Document { text: text.into(), ..Document::default() };
        let facts: Vec<_> = duplicates.iter().map(|key| (0, *key)).collect();
        let mut kept = Vec::new();
        cut_lines(&mut document, keys, &facts, &mut kept);
        (document.text, kept)
    }

    #[test]
    fn the_first_of_a_documents_own_repeats_stays() {
        assert_eq!(cut("a\na\nb", &[9, 9, 3], &[]), ("a\nb".into(), vec![0, 2]));
    }

    #[test]
    fn a_duplicate_goes_with_all_its_repeats() {
        assert_eq!(cut("a\nb\na\nc", &[9, 3, 9, 1], &[1, 9]), ("b".into(), vec![1]));
        assert_eq!(cut("a", &[9], &[9]), (String::new(), vec![]));
    }

    #[test]
    fn a_blank_line_is_a_line_wherever_it_stands() {
        assert_eq!(cut("\na\n\nb", &[0, 9, 0, 3], &[]), ("\na\nb".into(), vec![0, 1, 3]));
        assert_eq!(cut("\n\na", &[0, 0, 9], &[]), ("\na".into(), vec![0, 2]));
        assert_eq!(cut("b\n\na", &[3, 0, 9], &[3]), ("\na".into(), vec![1, 2]));
    }
}
