//! Several runs into one, and when.

use crate::Error;
use crate::key::{Key, KeyRange};
use crate::run::{Cursor, Run, RunMeta, RunWriter};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;

/// Runs of about one size before they become one run of the next size. Four: each update is
/// rewritten log4(n) times, and a look-up asks at most about 4 log4(n) runs.
const FANOUT: usize = 4;

/// Places of the runs to merge next, if any: the smallest tier that is full.
pub(crate) fn choose<K: Key>(runs: &[Arc<Run<K>>]) -> Option<Vec<usize>> {
    let tier = |run: &Run<K>| run.meta.entries.max(1).ilog(FANOUT as u64);
    let mut tiers: Vec<(u32, usize)> =
        runs.iter().enumerate().map(|(place, run)| (tier(run), place)).collect();
    tiers.sort_unstable();
    let full = tiers.chunk_by(|a, b| a.0 == b.0).find(|same| same.len() >= FANOUT)?;
    Some(full.iter().map(|&(_, place)| place).collect())
}

/// Writes the updates of `runs` that lie in `keys` to a new run at `path`, added up: what was
/// retracted is gone. `None`, and no file, where nothing is left.
pub(crate) fn merge<K: Key>(
    runs: &[Arc<Run<K>>],
    keys: KeyRange,
    path: &Path,
) -> Result<Option<RunMeta>, Error> {
    let mut cursors = Vec::new();
    for run in runs {
        cursors.extend(Cursor::new(run.clone(), keys)?);
    }
    let mut heads: BinaryHeap<Reverse<(K, u64, usize)>> = cursors
        .iter()
        .enumerate()
        .filter_map(|(place, cursor)| cursor.peek().map(|u| Reverse((u.0, u.1, place))))
        .collect();
    let mut writer: Option<RunWriter<K>> = None;
    while let Some(&Reverse((key, at, _))) = heads.peek() {
        let mut count = 0;
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((next_key, next_at, place)) = *head;
            if (next_key, next_at) != (key, at) {
                break;
            }
            let cursor = &mut cursors[place];
            count += cursor.peek().expect("a head is there").2;
            cursor.step()?;
            match cursor.peek() {
                Some(next) => *head = Reverse((next.0, next.1, place)),
                None => {
                    std::collections::binary_heap::PeekMut::pop(head);
                }
            }
        }
        if count != 0 {
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(RunWriter::create(path)?),
            };
            writer.push((key, at, count))?;
        }
    }
    writer.map(|writer| writer.finish(keys)).transpose()
}
