//! Benchmarks of the parts of the durable arrangement.
//!
//! ```text
//! cargo bench --bench arrangement                # all of them
//! cargo bench --bench arrangement -- look_up     # those with this in their name
//! ```
//!
//! Times are wall-clock times of one thread: compare within one run. The state is in the system's
//! temporary folder, and is read from the page cache.

use arrangement::{Arrangement, Reader, Rule, Run, RunMeta, RunWriter, Update};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

fn main() {
    divan::Divan::from_args().sample_count(20).main();
}

/// Updates stored before a lookup.
const STORED: u64 = 4 << 20;

/// Updates that are sorted, written or merged.
const BATCH: u64 = 1 << 20;

/// A bijection whose results look random.
fn hash(number: u64) -> u64 {
    let mixed = (number ^ number >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ mixed >> 32).wrapping_mul(0x94D0_49BB_1331_11EB)
}

fn updates(numbers: std::ops::Range<u64>) -> Vec<Update<u64>> {
    numbers.map(|number| (hash(number), number, 1)).collect()
}

fn sorted(numbers: std::ops::Range<u64>) -> Vec<Update<u64>> {
    let mut updates = updates(numbers);
    arrangement::consolidate(&mut updates);
    updates
}

fn share(dir: &Path, runs: &[RunMeta]) -> Arrangement<u64> {
    Arrangement::open(dir, "bench", 0, 1, runs).expect("runs written by this benchmark")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A folder with one run of [`STORED`] updates.
static HISTORY: LazyLock<(TempDir, Vec<RunMeta>)> = LazyLock::new(|| {
    let dir = folder();
    let mut share = share(dir.path(), &[]);
    share.append(0, &sorted(0..STORED)).expect("space in the temporary folder");
    let runs = share.runs();
    (dir, runs)
});

/// Collects the updates of an epoch and returns them in order.
#[divan::bench]
fn sort(bencher: Bencher) {
    let (dir, updates) = (folder(), updates(0..BATCH));
    let mut batch = share(dir.path(), &[]).batches(usize::MAX)();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        batch.extend(updates.iter().copied()).expect("no spill");
        batch.consolidated().expect("no spill")
    });
}

/// The same with spilling: an eighth fits in memory.
#[divan::bench]
fn sort_spilled(bencher: Bencher) {
    let (dir, updates) = (folder(), updates(0..BATCH));
    let mut batch = share(dir.path(), &[]).batches(BATCH as usize * 2)();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for chunk in updates.chunks(1 << 14) {
            batch.extend(chunk.iter().copied()).expect("a spill");
        }
        batch.consolidated().expect("a spill")
    });
}

/// Writes pages, filters and index to a durable file.
#[divan::bench]
fn encode_and_write(bencher: Bencher) {
    let (dir, updates) = (folder(), sorted(0..BATCH));
    let path = dir.path().join("one.run");
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        let mut writer = RunWriter::create(&path).expect("a new file");
        updates.iter().try_for_each(|update| writer.push(*update)).expect("disk space");
        writer.finish(arrangement::KeyRange::ALL).expect("disk space");
        std::fs::remove_file(&path).expect("the file just written");
    });
}

/// Reads a run from start to end.
#[divan::bench]
fn read_and_decode(bencher: Bencher) {
    let (dir, runs) = &*HISTORY;
    bencher.counter(ItemsCount::new(STORED)).bench_local(|| {
        let run = Run::<u64>::open(dir.path(), &runs[0]).expect("a run");
        let mut reader = Reader::new(run).expect("a run");
        while let Some(update) = reader.peek() {
            black_box(update);
            reader.step().expect("a whole run");
        }
    });
}

/// Adds a batch to one run, which has `stored` updates for each update of the batch; `known` in a
/// hundred of the batch's keys are stored.
fn look_up(bencher: Bencher, stored: u64, known: u64) {
    let (dir, runs) = &*HISTORY;
    let size = STORED / stored;
    let batch = (0..size).map(|i| if i % 100 < known { i * stored } else { STORED + i });
    let batch: Vec<Update<u64>> = batch.map(|number| (hash(number), STORED + number, 1)).collect();
    bencher.counter(ItemsCount::new(size)).with_inputs(folder).bench_local_refs(|added| {
        // Names of runs are used once, so new runs go to a separate folder.
        let link = added.path().join(&runs[0].name);
        std::fs::hard_link(dir.path().join(&runs[0].name), link).expect("one file system");
        let mut share = share(added.path(), runs);
        let (mut updates, mut facts) = (share.batches(usize::MAX)(), Vec::new());
        updates.extend(batch.iter().copied()).expect("no spill");
        while !share.apply(1, &mut updates, &Rule::first_of_all(), &mut facts).expect("disk space")
        {
        }
        facts
    });
}

/// From a batch as large as the run to a thousandth of it: up to 16 the run is scanned, beyond that its
/// filters are tested.
#[divan::bench(args = [1, 4, 16, 17, 64, 1024])]
fn look_up_new_keys(bencher: Bencher, stored: u64) {
    look_up(bencher, stored, 0);
}

#[divan::bench(args = [1, 4, 16, 17, 64, 1024])]
fn look_up_known_keys(bencher: Bencher, stored: u64) {
    look_up(bencher, stored, 100);
}

/// Merges eight runs into one.
#[divan::bench]
fn merge(bencher: Bencher) {
    let parts: Vec<_> = (0..8).map(|i| sorted(i * BATCH / 8..(i + 1) * BATCH / 8)).collect();
    let prepare = || {
        let dir = folder();
        let mut share = share(dir.path(), &[]);
        for (epoch, part) in (0..).zip(&parts[..7]) {
            share.append(epoch, part).expect("disk space");
        }
        (dir, share)
    };
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(prepare).bench_local_refs(|(_, share)| {
        share.append(7, &parts[7]).expect("disk space");
        share.settle().expect("disk space");
        assert_eq!(share.runs().len(), 1);
    });
}
