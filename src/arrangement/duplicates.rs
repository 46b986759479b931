//! The relation between stored updates and duplicates.
//!
//! For every key and scope, the refs with a count other than zero are *live*. With
//! [`Copies::First`] every live ref but the first is a duplicate; with [`Copies::None`], as in
//! CCNet, all of them are once there are two. This is differential's
//! `reduce(|_key, refs, out| out.extend(&refs[1..]))`, or `&refs[..]`, on each scope. [`Rule`]
//! defines it as a plain function of all live refs. Property tests compare `changes` with this
//! function in this crate, and with differential itself in the engine.

use crate::cursor::{Cursor, Density};
use crate::error::Error;
use crate::key::{Key, Update};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// How many copies of a repeated text stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Copies {
    /// The first one.
    First,
    /// No copy, as in the code of cc_net.
    None,
}

/// Which copies are compared with each other.
#[derive(Clone)]
pub enum Scope {
    /// All copies.
    Everything,
    /// Copies in the same range of refs. The function returns the smallest ref of the range of a ref.
    Ranges(Arc<dyn Fn(u64) -> u64 + Send + Sync>),
}

impl Scope {
    /// Returns the smallest ref in the scope of `at`.
    pub fn start(&self, at: u64) -> u64 {
        match self {
            Scope::Everything => 0,
            Scope::Ranges(start) => start(at),
        }
    }
}

/// Defines which copies are duplicates.
#[derive(Clone)]
pub struct Rule {
    /// Which copies stay.
    pub copies: Copies,
    /// Which copies are compared.
    pub scope: Scope,
}

impl Rule {
    /// Keeps the first copy of each key ever added.
    pub fn first_of_all() -> Rule {
        Rule { copies: Copies::First, scope: Scope::Everything }
    }

    /// Whether this is [`Rule::first_of_all`].
    pub(crate) fn keeps_first_of_all(&self) -> bool {
        self.copies == Copies::First && matches!(self.scope, Scope::Everything)
    }

    /// Passes the duplicates among `refs`, the live refs of one key in order, to `each`.
    ///
    /// This is the definition. Differential's reduce calls it.
    pub fn duplicates(&self, refs: &[(u64, i64)], mut each: impl FnMut(u64, i64)) {
        for scope in refs.chunk_by(|a, b| self.scope.start(a.0) == self.scope.start(b.0)) {
            let stay = match self.copies {
                Copies::First => 1,
                Copies::None if scope.len() > 1 => 0,
                Copies::None => 1,
            };
            scope[stay..].iter().for_each(|&(at, count)| each(at, count));
        }
    }
}

/// Duplicate facts: `(ref, key, diff)`.
pub type Facts<K> = Vec<(u64, K, i64)>;

/// Appends to `facts` the changes of the duplicates when `batch` (sorted, consolidated) is added to
/// the runs of the cursors.
///
/// Cost: for each key of the batch, a forward seek in each run, and the copies up to the first live
/// one. The cost does not depend on the number of copies of a key.
pub(crate) fn changes<K: Key>(
    batch: &[Update<K>],
    cursors: &mut [Cursor<K>],
    rule: &Rule,
    facts: &mut Facts<K>,
) -> Result<(), Error> {
    for group in batch.chunk_by(|a, b| a.0 == b.0 && rule.scope.start(a.1) == rule.scope.start(b.1))
    {
        let start = rule.scope.start(group[0].1);
        let mut stored = Stored { cursors, rule, key: group[0].0, start };
        stored.seek()?;
        match rule.copies {
            Copies::First => all_but_first(group, stored, facts)?,
            Copies::None => all_or_nothing(group, stored, facts)?,
        }
    }
    Ok(())
}

/// The same as [`changes`] if all copies are compared, the first copy stays, and neither
/// `insertions` (sorted, distinct) nor the runs of the cursors have retractions.
///
/// Only the first stored ref of a key matters then, and each run is merged with the batch in one
/// tight loop.
pub(crate) fn changes_by_insertions<K: Key>(
    insertions: &[(K, u64)],
    cursors: &mut [Cursor<K>],
    scratch: &mut Scratch,
    facts: &mut Facts<K>,
) -> Result<(), Error> {
    firsts(insertions, cursors, scratch)?;
    let mut start = 0;
    for group in insertions.chunk_by(|a, b| a.0 == b.0) {
        let (key, first) = group[0];
        let (before, count) = scratch.firsts[start];
        start += group.len();
        let new = if before < first && count != 0 { group } else { &group[1..] };
        facts.extend(new.iter().map(|&(_, at)| (at, key, 1)));
        if first < before && count != 0 {
            facts.push((before, key, count));
        }
    }
    Ok(())
}

/// Finds the smallest stored ref of each key of `insertions`, for [`Scratch::firsts`].
pub(crate) fn firsts<K: Key>(
    insertions: &[(K, u64)],
    cursors: &mut [Cursor<K>],
    scratch: &mut Scratch,
) -> Result<(), Error> {
    scratch.firsts.clear();
    scratch.firsts.resize(insertions.len(), (u64::MAX, 0));
    if cursors.iter().any(|cursor| cursor.density() == Density::Full) {
        scratch.keys.fill(insertions);
    }
    cursors.iter_mut().try_for_each(|cursor| match cursor.density() {
        Density::Full => pass(insertions, cursor, scratch),
        Density::Dense => cursor.search(
            |place| insertions.get(place).map(|insertion| insertion.0),
            |place, (_, at, count)| scratch.record(place, at, count),
        ),
        Density::Sparse => seek(insertions, cursor, scratch),
    })
}

/// Scratch space for lookups, reused from epoch to epoch.
#[derive(Default)]
pub(crate) struct Scratch {
    /// At the first place of each key: its smallest stored ref, and the count of that.
    pub firsts: Vec<(u64, i64)>,
    keys: KeySet,
}

impl Scratch {
    /// Records a stored ref of the key at `place`.
    fn record(&mut self, place: usize, at: u64, count: i64) {
        let first = &mut self.firsts[place];
        match at.cmp(&first.0) {
            Ordering::Less => *first = (at, count),
            Ordering::Equal => first.1 += count,
            Ordering::Greater => {}
        }
    }
}

/// An approximate set of the requested keys: one bit for each hash value, so that one test skips
/// nearly every other key.
#[derive(Default)]
struct KeySet {
    bits: Vec<u64>,
    shift: u32,
}

impl KeySet {
    /// Smallest number of bits for each key.
    const BITS_PER_KEY: usize = 16;

    /// Smallest number of bits in total: with a page, they fit in the first-level cache.
    const BITS_MIN: usize = 1 << 17;

    fn fill<K: Key>(&mut self, insertions: &[(K, u64)]) {
        let bits = (insertions.len() * Self::BITS_PER_KEY).next_power_of_two().max(Self::BITS_MIN);
        self.shift = u64::BITS - bits.ilog2();
        self.bits.clear();
        self.bits.resize(bits / 64, 0);
        for insertion in insertions {
            let bit = self.bit(insertion.0.high());
            self.bits[bit / 64] |= 1 << (bit % 64);
        }
    }

    fn bit(&self, high: u64) -> usize {
        (high.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    #[inline]
    fn may_hold(&self, high: u64) -> bool {
        let bit = self.bit(high);
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// Scans every stored update between the first and the last of `insertions`.
fn pass<K: Key>(
    insertions: &[(K, u64)],
    cursor: &mut Cursor<K>,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (insertions.first(), insertions.last()) else { return Ok(()) };
    let mut place = 0;
    let keys = std::mem::take(&mut scratch.keys);
    let wanted = |high| keys.may_hold(high);
    cursor.pass(first.0, last.0, wanted, |key, update| {
        place = first_not_before(insertions, place, key);
        if insertions.get(place).is_some_and(|insertion| insertion.0 == key) {
            let (_, at, count) = update();
            scratch.record(place, at, count);
        }
    })?;
    scratch.keys = keys;
    Ok(())
}

/// Seeks each key of `insertions`.
fn seek<K: Key>(
    insertions: &[(K, u64)],
    cursor: &mut Cursor<K>,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let mut place = 0;
    for same in insertions.chunk_by(|a, b| a.0 == b.0) {
        let key = same[0].0;
        cursor.seek(key, 0)?;
        if let Some((found, at, count)) = cursor.peek()
            && found == key
        {
            scratch.record(place, at, count);
        }
        place += same.len();
    }
    Ok(())
}

/// Returns the first place at or after `from` whose key is not before `key`, by galloping search.
fn first_not_before<K: Key>(insertions: &[(K, u64)], from: usize, key: K) -> usize {
    let mut step = 1;
    while from + step < insertions.len() && insertions[from + step].0 < key {
        step *= 2;
    }
    let low = from + step / 2;
    let high = (from + step + 1).min(insertions.len());
    match insertions.get(low..high) {
        Some(range) => low + range.partition_point(|insertion| insertion.0 < key),
        None => insertions.len(),
    }
}

/// The stored updates of one key in one scope, added up over the runs, in the order of refs.
pub(crate) struct Stored<'a, K: Key> {
    pub cursors: &'a mut [Cursor<K>],
    pub rule: &'a Rule,
    pub key: K,
    pub start: u64,
}

impl<K: Key> Stored<'_, K> {
    /// Moves to the first of them.
    pub fn seek(&mut self) -> Result<(), Error> {
        self.cursors.iter_mut().try_for_each(|cursor| cursor.seek(self.key, self.start))
    }

    /// Returns the next live ref and its count.
    pub fn next(&mut self) -> Result<Option<(u64, i64)>, Error> {
        loop {
            let head = |cursor: &Cursor<K>| match cursor.peek() {
                Some((key, at, diff))
                    if key == self.key && self.rule.scope.start(at) == self.start =>
                {
                    Some((at, diff))
                }
                _ => None,
            };
            let Some(at) = self.cursors.iter().filter_map(|c| head(c).map(|(at, _)| at)).min()
            else {
                return Ok(None);
            };
            let mut count = 0;
            for place in 0..self.cursors.len() {
                match head(&self.cursors[place]) {
                    Some((found, diff)) if found == at => count += diff,
                    _ => continue,
                }
                self.cursors[place].step()?;
            }
            if count != 0 {
                return Ok(Some((at, count)));
            }
        }
    }
}

/// The changes if the first copy stays. Only the first live refs before and after matter: the change
/// of any other ref is its own diff.
fn all_but_first<K: Key>(
    group: &[Update<K>],
    mut stored: Stored<'_, K>,
    facts: &mut Facts<K>,
) -> Result<(), Error> {
    let key = stored.key;
    let before = stored.next()?;
    let mut updates = group.iter().peekable();
    let mut old = before;
    // The first live ref afterwards, with its count before.
    let after = loop {
        match (old, updates.peek()) {
            (Some((at, count)), Some(update)) if update.1 == at => {
                if count + update.2 != 0 {
                    break Some((at, count));
                }
                updates.next();
                old = stored.next()?;
            }
            (Some((at, _)), Some(update)) if update.1 < at => break Some((update.1, 0)),
            (Some(live), _) => break Some(live),
            (None, Some(update)) => break Some((update.1, 0)),
            (None, None) => break None,
        }
    };
    let (first_before, first_after) = (before.map(|b| b.0), after.map(|a| a.0));
    let others = group.iter().filter(|u| Some(u.1) != first_before && Some(u.1) != first_after);
    facts.extend(others.map(|u| (u.1, key, u.2)));
    if first_before != first_after {
        if let Some((at, count)) = before {
            let diff: i64 = group.iter().filter(|u| u.1 == at).map(|u| u.2).sum();
            if count + diff != 0 {
                facts.push((at, key, count + diff));
            }
        }
        if let Some((at, count)) = after
            && count != 0
        {
            facts.push((at, key, -count));
        }
    }
    Ok(())
}

/// The changes if no copy stays: compares the group before and after.
///
/// Reads all copies of the group. Where this rule is used, groups are complete within an epoch (a
/// verdict cannot change once its document is released), so no copies are stored yet.
fn all_or_nothing<K: Key>(
    group: &[Update<K>],
    mut stored: Stored<'_, K>,
    facts: &mut Facts<K>,
) -> Result<(), Error> {
    let key = stored.key;
    let mut before = Vec::new();
    while let Some(live) = stored.next()? {
        before.push(live);
    }
    let mut both: Vec<Update<()>> = before.iter().map(|&(at, count)| ((), at, count)).collect();
    both.extend(group.iter().map(|u| ((), u.1, u.2)));
    both.sort_unstable();
    let mut after: Vec<(u64, i64)> = Vec::new();
    for same in both.chunk_by(|a, b| a.1 == b.1) {
        let count: i64 = same.iter().map(|u| u.2).sum();
        if count != 0 {
            after.push((same[0].1, count));
        }
    }
    let mut changed: Vec<(u64, i64)> = Vec::new();
    if after.len() > 1 {
        changed.extend(after);
    }
    if before.len() > 1 {
        changed.extend(before.iter().map(|&(at, count)| (at, -count)));
    }
    changed.sort_unstable();
    for same in changed.chunk_by(|a, b| a.0 == b.0) {
        let diff: i64 = same.iter().map(|c| c.1).sum();
        if diff != 0 {
            facts.push((same[0].0, key, diff));
        }
    }
    Ok(())
}
