use super::*;
use crate::funnel;
use crate::operators::near::{Counts, Near, dropped_of, key_of};
use crate::stored::Compares;
use arrangement::{Arrangement, Copies, Key, Rule, RunMeta, Scope, Signature};
use proptest::prelude::*;

/// A graph with every kind of index.
fn graph(docs: Docs<'_>) -> Docs<'_> {
    let line_key = |line: &str, _: &mut Vec<u8>| spread(line.bytes().map(u64::from).sum());
    let bands = |document: &Document, keys: &mut Vec<u64>| {
        let pairs = document.text.as_bytes().windows(2);
        keys.extend(pairs.map(|pair| spread(u64::from(pair[0]) << 8 | u64::from(pair[1]))));
        Signature::default()
    };
    let in_label = Scope::Ranges(Arc::new(|at| DocRef::new(DocRef(at).label(), 0, 0).0));
    docs.reject("short", |document| document.text.len() < 2)
        .reject_repeats("names", "same_name", |d| d.digest, Rule::first_of_all())
        .cut_repeated_paragraphs("lines", line_key, Rule::first_of_all(), |_, _| {})
        .reject("no_lines", |document| document.text.is_empty())
        .reject_repeats(
            "lengths",
            "same_length",
            |document| u128::from(spread(document.text.len() as u64)) << 64,
            Rule { copies: Copies::None, scope: in_label },
        )
        .reject_near("pairs", "pair", bands, Near { similar: None, counts: Counts::Kept })
}

/// Keys are uniform.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Writes the keys of documents to a run, as a run of the program does.
fn store<K: Key>(corpus: &Corpus, used: &IndexUse, keyed: &[&Keyed]) -> Vec<RunMeta> {
    let mut updates: Vec<(K, u64, i64)> = Vec::new();
    for keyed in keyed {
        updates.extend(keyed.keys.iter().map(|key| (K::narrowed(*key), keyed.at.0, 1)));
    }
    updates.sort_unstable();
    let mut index = Arrangement::<K>::open(&corpus.state_dir(), &used.name, 0, 1, &[]).unwrap();
    index.append(1, &updates).unwrap();
    index.runs()
}

fn document((label, name, text): (u64, u128, String)) -> Document {
    // Hashes with many or few bits in common.
    let bytes_read = text.bytes().fold(0, |hash, byte| hash ^ 1 << (byte % 60));
    let at = DocRef::new(label, 0, 0);
    Document { at, digest: spread(name as u64).into(), bytes_read, text, ..Document::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..reference::property() })]

    #[test]
    fn a_replay_beside_the_state_decides_as_the_run_did(
        texts in prop::collection::vec((0u64..3, 0u128..30, "[a-d]{0,3}(\n[a-f]{1,3}){0,3}"), 0..30),
    ) {
        let mut read: Vec<Document> = texts.into_iter().map(document).collect();
        read.sort_by_key(|document| document.at.label());
        let mut expected = funnel(read.clone(), 2, graph);
        for (document, done) in read.iter_mut().zip(&expected) {
            document.at = done.at;
        }
        // A replay finds witnesses itself.
        let witnesses: BTreeMap<DocRef, DocRef> = expected
            .iter_mut()
            .filter_map(|done| Some((done.at, done.witness.take()?.at)))
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let (graph, mut manifest): (Graph, _) = (Arc::new(graph), Manifest::default());
        let again = |manifest: &Manifest, verdicts| {
            replay(&corpus, &Arc::new(manifest.clone()), &graph, read.clone(), verdicts)
        };
        // What reaches an index depends on the indexes before it.
        let indexes = again(&manifest, Verdicts::Tested).indexes;
        for (place, used) in indexes.iter().enumerate() {
            let replayed = again(&manifest, Verdicts::Tested);
            let here = replayed.keyed.iter().filter(|keyed| keyed.index == place);
            let here: Vec<&Keyed> = here.collect();
            let runs = match used.key_bytes {
                8 => store::<u64>(&corpus, used, &here),
                _ => store::<u128>(&corpus, used, &here),
            };
            manifest.state.insert(used.name.clone(), runs);
            if matches!(used.compares, Compares::Near(_)) {
                let dropped = here.iter().filter(|keyed| {
                    rejected_for(&expected, keyed.at, used.effect.reason().unwrap())
                });
                let dropped = dropped.map(|keyed| Keyed {
                    keys: vec![key_of(keyed.at.0).into()],
                    ..Keyed::clone(keyed)
                });
                let dropped: Vec<Keyed> = dropped.collect();
                let name = dropped_of(&used.name);
                let used = IndexUse { name: name.clone(), ..used.clone() };
                let runs = store::<u64>(&corpus, &used, &dropped.iter().collect::<Vec<_>>());
                manifest.state.insert(name, runs);
            }
        }
        let rejected = expected.iter().filter_map(|done| Some((done.at, done.verdict.clone()?)));
        let rejected: BTreeMap<DocRef, Reason> = rejected.collect();
        for verdicts in [Verdicts::Tested, Verdicts::Known(rejected)] {
            let replayed = again(&manifest, verdicts);
            prop_assert_eq!(&replayed.documents, &expected);
            for done in &expected {
                let ended = replayed.ended.get(&done.at).map(|place| &replayed.steps[*place]);
                let reason = match ended {
                    Some(GraphStep::Reject(reason)) => Some(reason),
                    Some(GraphStep::Index(index)) => replayed.indexes[*index].effect.reason(),
                    _ => None,
                };
                prop_assert_eq!(reason, done.verdict.as_ref());
            }
            for (place, used) in replayed.indexes.iter().enumerate() {
                let here = replayed.keyed.iter().filter(|keyed| keyed.index == place);
                let here: Vec<&Keyed> = here.collect();
                let mut asked: Vec<DocRef> = here.iter().map(|keyed| keyed.at).collect();
                asked.sort_unstable();
                let mut keys: Vec<_> = here
                    .iter()
                    .flat_map(|keyed| keyed.keys.iter().map(|key| (*key, keyed.at)))
                    .collect();
                keys.sort_unstable();
                let stored = StoredIndex::new(&corpus, &manifest, used);
                prop_assert_eq!(stored.keys_of(&asked).unwrap(), keys);
            }
            for (place, used) in replayed.indexes.iter().enumerate() {
                if matches!(used.compares, Compares::Near(_)) {
                    continue;
                }
                // Each duplicate is in one group, with its witness.
                let mut found: Vec<(u128, DocRef, DocRef)> = Vec::new();
                let stored = StoredIndex::new(&corpus, &manifest, used);
                stored.groups(&mut |key, refs| {
                    assert!(refs.is_sorted() && refs.len() > 1);
                    let rest = refs[1..].iter().map(|at| (key, *at, refs[0]));
                    found.extend(rest);
                    if used.name == "lengths" {
                        found.push((key, refs[0], refs[1]));
                    }
                }).unwrap();
                found.sort_unstable();
                let here = replayed.keyed.iter().filter(|keyed| keyed.index == place);
                let mut expected: Vec<_> = here
                    .flat_map(|keyed| keyed.witnesses.iter().map(|(key, w)| (*key, keyed.at, *w)))
                    .collect();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
            }
            for keyed in &replayed.keyed {
                let used = &replayed.indexes[keyed.index];
                for (key, witness) in &keyed.witnesses {
                    let has_it = |other: &&Keyed| {
                        (other.at, other.index) == (*witness, keyed.index)
                            && other.keys.contains(key)
                    };
                    prop_assert!(replayed.keyed.iter().any(|other| has_it(&other)));
                    if matches!(used.compares, Compares::Near(_)) {
                        prop_assert_eq!(witnesses.get(&keyed.at), Some(witness));
                    }
                    let is_before = *witness < keyed.at;
                    prop_assert!(is_before || used.name == "lengths" && *witness != keyed.at);
                }
                for part in &keyed.parts {
                    prop_assert!(keyed.keys.contains(&part.key));
                    prop_assert!(!keyed.text[part.range.clone()].contains('\n'));
                }
                if let Some(reason) = used.effect.reason() {
                    let is_rejected = rejected_for(&expected, keyed.at, reason);
                    prop_assert_eq!(is_rejected, !keyed.witnesses.is_empty());
                }
            }
        }
    }
}

fn rejected_for(documents: &[Document], at: DocRef, reason: &Reason) -> bool {
    documents.iter().any(|done| done.at == at && done.verdict.as_ref() == Some(reason))
}
