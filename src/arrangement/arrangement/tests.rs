use super::*;
use crate::{Copies, Scope, owner};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The definition, on a map of all updates.
#[derive(Default)]
struct Plain(BTreeMap<(u64, u64), i64>);

impl Plain {
    fn duplicates(&self, rule: &Rule) -> BTreeMap<(u64, u64), i64> {
        let mut all = BTreeMap::new();
        let live: Vec<_> = self.0.iter().filter(|(_, count)| **count != 0).collect();
        for key in live.chunk_by(|a, b| a.0.0 == b.0.0) {
            let refs: Vec<_> = key.iter().map(|(place, count)| (place.1, **count)).collect();
            rule.duplicates(&refs, |at, count| {
                all.insert((at, key[0].0.0), count);
            });
        }
        all
    }
}

fn hash(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// One epoch, from start to end.
fn add(
    share: &mut Arrangement<u64>,
    epoch: u64,
    updates: impl IntoIterator<Item = Update<u64>>,
    rule: &Rule,
    facts: &mut Facts<u64>,
) {
    let mut batch = share.batches(400)();
    batch.extend(updates).unwrap();
    while !share.apply(epoch, &mut batch, rule, facts).unwrap() {}
}

fn rule(copies: Copies, scope_bits: u32) -> Rule {
    match scope_bits {
        64 => Rule { copies, scope: Scope::Everything },
        _ => {
            let start = move |at| at >> scope_bits << scope_bits;
            Rule { copies, scope: Scope::Ranges(Arc::new(start)) }
        }
    }
}

/// The number of workers in an epoch, and its updates: key, ref, and whether to retract.
type EpochOfTest = (usize, Vec<(u64, u64, bool)>);

/// Few keys, spread over the workers' ranges; few refs, in several scopes; one heavy key.
fn epochs() -> impl Strategy<Value = Vec<EpochOfTest>> {
    let update = (prop_oneof![Just(7u64), 0u64..12], 0u64..40, any::<bool>());
    prop::collection::vec((1usize..5, prop::collection::vec(update, 0..40)), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..reference::property() })]
    #[test]
    fn facts_are_those_of_the_definition_over_restarts_and_rescales(
        epochs in epochs(), none in any::<bool>(), scope_bits in prop_oneof![Just(3u32), Just(20), Just(64)],
        retracting in any::<bool>(),
    ) {
        let rule = rule(if none { Copies::None } else { Copies::First }, scope_bits);
        let dir = tempfile::tempdir().unwrap();
        let (mut plain, mut runs) = (Plain::default(), Vec::new());
        let mut expected = BTreeMap::new();
        for (epoch, (workers, updates)) in epochs.into_iter().enumerate() {
            // A retraction removes a stored copy; all other updates are insertions.
            let mut batch = Vec::new();
            for (key, at, retract) in updates {
                let key = key.wrapping_mul(u64::MAX / 12);
                let count = plain.0.entry((key, at)).or_default();
                let diff = if retract && retracting && *count > 0 { -1 } else { 1 };
                *count += diff;
                batch.push((key, at, diff));
            }
            let (mut facts, mut next_runs) = (Vec::new(), Vec::new());
            for worker in 0..workers {
                let mine = batch.iter().copied().filter(|u| owner(u.0, workers) == worker);
                let mut share =
                    Arrangement::<u64>::open(dir.path(), "p", worker, workers, &runs).unwrap();
                add(&mut share, epoch as u64, mine, &rule, &mut facts);
                share.settle_by(2).unwrap();
                if epoch % 3 == 2 {
                    share.compact(1000 + epoch as u64).unwrap();
                    prop_assert!(!share.runs.iter().any(|run| run.meta.retractions));
                }
                next_runs.extend(share.runs());
            }
            runs = next_runs;
            for (at, key, diff) in facts {
                let count = expected.entry((at, key)).or_insert(0);
                *count += diff;
                if *count == 0 {
                    expected.remove(&(at, key));
                }
            }
            prop_assert_eq!(&plain.duplicates(&rule), &expected);
        }
    }
}

#[test]
fn a_merge_ends_before_the_next_eight_runs_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
    let (rule, mut in_progress, mut start) = (Rule::first_of_all(), 0, 0);
    for epoch in 0..150u64 {
        // Eight of the largest runs of a tier, then eight of its smallest.
        let end = start + if epoch / 8 % 2 == 0 { 63 } else { 8 };
        add(&mut share, epoch, (start..end).map(|i| (hash(i), i, 1)), &rule, &mut Vec::new());
        start = end;
        let mut tiers: Vec<u32> = share.merges.iter().map(Merge::tier).collect();
        in_progress += tiers.len();
        tiers.sort_unstable();
        assert!(tiers.is_sorted_by(|a, b| a < b), "two merges in one tier: {tiers:?}");
    }
    assert!(in_progress > 0);
}

#[test]
fn a_key_of_a_million_documents_costs_no_more_than_its_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
    let (rule, mut facts) = (Rule::first_of_all(), Vec::new());
    for epoch in 0..4 {
        let copies = (0..250_000).map(|i| (7, epoch * 250_000 + i, 1));
        add(&mut share, epoch, copies, &rule, &mut facts);
    }
    assert_eq!(facts.len(), 999_999);
    // The first copy is retracted, and the next one becomes the first. No other copy changes.
    facts.clear();
    add(&mut share, 4, [(7, 0, -1), (7, 900_000, -1)], &rule, &mut facts);
    facts.sort_unstable();
    assert_eq!(facts, [(1, 7, -1), (900_000, 7, -1)]);
}

#[test]
fn a_first_copy_that_counts_twice_becomes_two_facts() {
    let dir = tempfile::tempdir().unwrap();
    let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
    let (rule, mut facts) = (Rule::first_of_all(), Vec::new());
    for (epoch, at) in [(0, 9), (1, 9), (2, 5)] {
        add(&mut share, epoch, [(7, at, 1)], &rule, &mut facts);
    }
    assert_eq!(facts, [(9, 7, 2)]);
}

/// A share to which 100 epochs of 50 updates were added, and its folder.
fn of_many_epochs(reported: bool) -> (tempfile::TempDir, Arrangement<u64>) {
    let dir = tempfile::tempdir().unwrap();
    let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
    for epoch in 0..100u64 {
        let updates = (epoch * 50..(epoch + 1) * 50).map(|i| (hash(i), i, 1));
        add(&mut share, epoch, updates, &Rule::first_of_all(), &mut Vec::new());
        if reported {
            share.runs();
        }
    }
    share.settle().unwrap();
    (dir, share)
}

#[test]
fn runs_stay_few_and_a_missing_one_is_named() {
    let (dir, mut share) = of_many_epochs(true);
    let runs = share.runs();
    assert!(runs.len() <= 20, "{} runs", runs.len());
    assert_eq!(runs.iter().map(|run| run.entries).sum::<u64>(), 5000);
    std::fs::remove_file(dir.path().join(&runs[0].name)).unwrap();
    let error = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).err().unwrap();
    assert!(error.to_string().contains(&runs[0].name), "{error}");
}

#[test]
fn only_unreported_runs_are_removed() {
    let files = |dir: &tempfile::TempDir| std::fs::read_dir(dir.path()).unwrap().count();
    let (dir, mut share) = of_many_epochs(false);
    assert_eq!(files(&dir), share.runs().len());
    let (dir, _share) = of_many_epochs(true);
    assert!(files(&dir) > 100, "each epoch's run may be in a manifest");
}

#[test]
fn the_rest_of_a_split_merge_is_merged_later() {
    let dir = tempfile::tempdir().unwrap();
    let (rule, mut runs, mut read) = (Rule::first_of_all(), Vec::new(), 0);
    // A merge of the first eight reads 7,600 updates; the eighth has fuel for 4,800 of them.
    let counts = [1000, 1000, 1000, 1000, 1000, 1000, 1000, 600, 100, 100, 100];
    for (epoch, count) in (0u64..).zip(counts) {
        let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).unwrap();
        let updates = (0..count).map(|i| (hash(epoch * 1000 + i), epoch << 20 | i, 1));
        add(&mut share, epoch, updates, &rule, &mut Vec::new());
        share.settle_by(50).unwrap();
        runs = share.runs();
        read += count;
        assert_eq!(runs.iter().map(|run| run.entries).sum::<u64>(), read);
        let is_split = runs.iter().any(|run| run.keys != KeyRange::ALL);
        assert_eq!(is_split, epoch >= 7, "{runs:?}");
    }
    let share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).unwrap();
    let mut stored = Vec::new();
    stored.extend(share.updates().map(Result::unwrap));
    crate::consolidate(&mut stored);
    assert_eq!(stored.len() as u64, read);
}
