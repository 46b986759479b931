//! The pieces of a model as a double-array trie: the child of a node for a byte is at the node's
//! base exclusive-or the byte, if that place names the node as its parent (Aoe, "An efficient
//! digital search algorithm by using a double-array structure", 1989).

/// No piece ends here.
pub(super) const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;
const FREE: u32 = u32::MAX;
/// Children of one node are in one aligned stretch of this many places.
const STRETCH: usize = 256;
/// Number of free places that are tried for a set of children before a new stretch is begun.
const TRIES_MAX: usize = 64;

pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    base: u32,
    parent: u32,
    /// The value of the text up to here, or [`NONE`].
    value: u32,
}

const EMPTY: Node = Node { base: 0, parent: FREE, value: NONE };

impl Trie {
    /// Builds a trie of `entries`, which are sorted and have distinct texts.
    pub(super) fn new(entries: &[(&[u8], u32)]) -> Self {
        let mut nodes = vec![EMPTY; STRETCH];
        // The root is in a place for a child, but is not one.
        nodes[ROOT as usize].parent = ROOT;
        let mut free = (1..STRETCH as u32).collect::<Vec<u32>>();
        // Depth first: node, its entries, length of its text.
        let mut open = vec![(ROOT, entries, 0)];
        while let Some((node, mut entries, len)) = open.pop() {
            if let Some(((_, value), rest)) =
                entries.split_first().filter(|((t, _), _)| t.len() == len)
            {
                nodes[node as usize].value = *value;
                entries = rest;
            }
            let groups = || entries.chunk_by(|left, right| left.0[len] == right.0[len]);
            let labels: Vec<u8> = groups().map(|group| group[0].0[len]).collect();
            if labels.is_empty() {
                continue;
            }
            let base = place(&mut nodes, &mut free, &labels);
            nodes[node as usize].base = base;
            for (group, label) in groups().zip(&labels) {
                let child = base ^ u32::from(*label);
                nodes[child as usize].parent = node;
                open.push((child, group, len + 1));
            }
        }
        Self { nodes }
    }

    /// Calls `found` with the end and value of every entry that matches `text` at `start`, shortest
    /// first.
    #[inline]
    pub(super) fn prefixes(&self, text: &[u8], start: usize, mut found: impl FnMut(usize, u32)) {
        let mut node = ROOT;
        let mut base = self.nodes[ROOT as usize].base;
        for (at, byte) in text.iter().enumerate().skip(start) {
            let child = base ^ u32::from(*byte);
            let Some(next) = self.nodes.get(child as usize).filter(|next| next.parent == node)
            else {
                return;
            };
            if child == ROOT {
                return;
            }
            if next.value != NONE {
                found(at + 1, next.value);
            }
            (node, base) = (child, next.base);
        }
    }
}

/// Returns a base for which all labels have free places. Tries the last places of `free`, which may
/// be free.
fn place(nodes: &mut Vec<Node>, free: &mut Vec<u32>, labels: &[u8]) -> u32 {
    let fits = |nodes: &[Node], base: u32| {
        labels.iter().all(|label| {
            let place = base ^ u32::from(*label);
            place != ROOT && nodes[place as usize].parent == FREE
        })
    };
    let mut tried = free.split_off(free.len().saturating_sub(TRIES_MAX));
    tried.retain(|place| nodes[*place as usize].parent == FREE);
    let bases = tried.iter().rev().map(|place| place ^ u32::from(labels[0]));
    let base = bases.into_iter().find(|base| fits(nodes, *base));
    free.append(&mut tried);
    if let Some(base) = base {
        return base;
    }
    let base = nodes.len() as u32;
    nodes.resize(nodes.len() + STRETCH, EMPTY);
    free.extend(base..nodes.len() as u32);
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn every_prefix_is_found_and_no_other(
            texts in prop::collection::btree_set("[a-c]{1,4}|\\PC{1,3}", 0..200),
            text in "[a-c]{0,6}|\\PC{0,6}",
        ) {
            let texts: BTreeSet<String> = texts;
            let entries: Vec<_> = texts.iter().map(|text| text.as_bytes()).zip(0..).collect();
            let trie = Trie::new(&entries);
            for start in 0..text.len() {
                let mut found = Vec::new();
                trie.prefixes(text.as_bytes(), start, |end, value| found.push((end, value)));
                let rest = &text.as_bytes()[start..];
                let mut expected: Vec<_> = entries
                    .iter()
                    .filter(|(entry, _)| rest.starts_with(entry))
                    .map(|(entry, value)| (start + entry.len(), *value))
                    .collect();
                expected.sort();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
