//! Several runs into one, and when.

use crate::Error;
use crate::key::{Key, KeyRange, Update};
use crate::run::{Cursor, Run, RunMeta, RunWriter};
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
    // Few runs: to look at all their heads is faster than to keep a heap in order.
    let mut heads: Vec<Update<K>> = Vec::new();
    cursors.retain(|cursor| cursor.peek().map(|head| heads.push(head)).is_some());
    let mut writer: Option<RunWriter<K>> = None;
    while let Some(&(key, at, _)) = heads.iter().min_by_key(|head| (head.0, head.1)) {
        let mut count = 0;
        let mut place = 0;
        while place < heads.len() {
            if (heads[place].0, heads[place].1) == (key, at) {
                count += heads[place].2;
                cursors[place].step()?;
                match cursors[place].peek() {
                    Some(next) => heads[place] = next,
                    None => {
                        heads.swap_remove(place);
                        cursors.swap_remove(place);
                        continue;
                    }
                }
            }
            place += 1;
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
