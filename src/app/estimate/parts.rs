//! Which parts of the sources are the sample: spread evenly over the bytes of all labels.

use super::excerpt::{Cutting, cutting};
use corpus::Label;
use recipe::AnySlice;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The smallest part that is cut out of a source, as stored: some hundred records.
const PART_BYTES_MIN: u64 = 1 << 20;

/// A source that cannot be cut is read whole if it is no larger than this many parts.
const WHOLE_PARTS_MAX: u64 = 64;

/// How large the sample is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Parts, over all labels. Each label has one at least.
    pub parts: u64,
    /// Bytes as stored, roughly.
    pub bytes: u64,
}

/// Where the records of a part are in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// About `bytes` from byte `at` on.
    Range { at: u64, bytes: u64 },
    /// The first `bytes`.
    Beginning { bytes: u64 },
}

/// A part of the sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Its source.
    pub path: PathBuf,
    /// Where it is in it.
    pub extent: Extent,
}

/// The sample of one label.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parts {
    /// In the order of their sources.
    pub parts: Vec<Part>,
    /// Whether they are all that is left of the label.
    pub is_everything: bool,
    /// Sources of which only the beginning can be read.
    pub beginnings: u64,
    /// Sources that are too large to be read whole and cannot be cut.
    pub too_large: u64,
}

/// Chooses the sample of a label of which `left` bytes, as stored, of `all` are left to read.
pub(crate) fn choose(
    slice: &dyn AnySlice,
    label: &Label,
    left: u64,
    all: u64,
    size: Size,
) -> Parts {
    let from = label.position.unwrap_or_default();
    let sources: Vec<(&Path, u64)> = label.sources[from.source as usize..]
        .iter()
        .map(|source| (Path::new(&source.path), source.bytes))
        .collect();
    let share = size.parts as f64 * left as f64 / all.max(1) as f64;
    let count = (share.round() as u64).max(1);
    let part_bytes = (size.bytes / size.parts.max(1)).max(PART_BYTES_MIN);
    let of = |path: &Path| cutting(slice, path);
    choose_of(&sources, count, part_bytes, from.record == 0, of)
}

fn choose_of(
    sources: &[(&Path, u64)],
    count: u64,
    part_bytes: u64,
    from_start: bool,
    cutting: impl Fn(&Path) -> Cutting,
) -> Parts {
    let total: u64 = sources.iter().map(|source| source.1).sum();
    let whole = |&(path, _): &(&Path, u64)| Part { path: path.into(), extent: Extent::Whole };
    if sources.len() as u64 <= count && total <= count * part_bytes {
        let parts = sources.iter().map(whole).collect();
        return Parts { parts, is_everything: from_start, ..Parts::default() };
    }
    let mut found = Parts::default();
    // The points of the sample, by source.
    let mut points: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let (mut source, mut before) = (0, 0);
    for point in 0..count {
        let at = (u128::from(total) * (2 * u128::from(point) + 1) / (2 * u128::from(count))) as u64;
        while source + 1 < sources.len() && at >= before + sources[source].1 {
            before += sources[source].1;
            source += 1;
        }
        points.entry(source).or_default().push(at.saturating_sub(before));
    }
    for (place, points) in points {
        let (path, bytes) = sources[place];
        let wanted = part_bytes * points.len() as u64;
        let part = |extent| Part { path: path.into(), extent };
        if bytes <= wanted.saturating_mul(2) {
            found.parts.push(part(Extent::Whole));
            continue;
        }
        match cutting(path) {
            Cutting::Anywhere(_) => {
                let last = bytes - part_bytes;
                let range = |at: u64| part(Extent::Range { at: at.min(last), bytes: part_bytes });
                found.parts.extend(points.into_iter().map(range));
            }
            Cutting::Beginning => {
                found.beginnings += 1;
                found.parts.push(part(Extent::Beginning { bytes: wanted }));
            }
            Cutting::Never if bytes <= part_bytes * WHOLE_PARTS_MAX => {
                found.parts.push(part(Extent::Whole));
            }
            Cutting::Never => found.too_large += 1,
        }
    }
    let is_whole = found.parts.iter().all(|part| part.extent == Extent::Whole);
    found.is_everything = from_start && is_whole && found.parts.len() == sources.len();
    if found.parts.is_empty() {
        // Better an estimate that takes long than none.
        found.parts.extend(sources.iter().min_by_key(|source| source.1).map(whole));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::excerpt::Records;
    use super::*;

    fn chosen(sizes: &[u64], count: u64, part_bytes: u64, cutting: Cutting) -> Parts {
        let names: Vec<PathBuf> = (0..sizes.len()).map(|n| format!("{n:03}").into()).collect();
        let sources: Vec<(&Path, u64)> =
            names.iter().map(PathBuf::as_path).zip(sizes.iter().copied()).collect();
        choose_of(&sources, count, part_bytes, true, |_| cutting)
    }

    #[test]
    fn few_small_sources_are_read_whole_and_that_is_everything() {
        let found = chosen(&[5, 6, 7], 3, 10, Cutting::Beginning);
        assert!(found.is_everything);
        assert_eq!(found.parts.len(), 3);
        assert!(found.parts.iter().all(|part| part.extent == Extent::Whole));
        assert!(!chosen(&[5, 6, 7], 2, 10, Cutting::Beginning).is_everything);
        assert!(!chosen(&[5, 6, 700], 3, 10, Cutting::Beginning).is_everything);
        assert!(chosen(&[15], 1, 10, Cutting::Beginning).is_everything);
    }

    #[test]
    fn many_sources_are_sampled_evenly_and_a_large_one_more_often() {
        let found = chosen(&[100; 90], 9, 10, Cutting::Anywhere(Records::Lines));
        let names: Vec<_> = found.parts.iter().map(|part| part.path.to_str().unwrap()).collect();
        assert_eq!(names, ["005", "015", "025", "035", "045", "055", "065", "075", "085"]);
        let found = chosen(&[100, 800, 100], 10, 10, Cutting::Anywhere(Records::Lines));
        let large = |part: &&Part| part.path == Path::new("001");
        assert_eq!(found.parts.iter().filter(large).count(), 8);
        let ends = found.parts.iter().map(|part| match part.extent {
            Extent::Range { at, bytes } => at + bytes,
            _ => 0,
        });
        assert!(
            ends.zip(&found.parts).all(|(end, part)| end <= if large(&part) { 800 } else { 100 })
        );
    }

    #[test]
    fn what_cannot_be_cut_is_read_whole_unless_it_is_far_too_large() {
        let found = chosen(&[300, 1000, 300], 4, 10, Cutting::Never);
        assert_eq!((found.parts.len(), found.too_large), (2, 1));
        let found = chosen(&[5000, 9000], 2, 10, Cutting::Never);
        assert_eq!((found.parts[0].extent, found.too_large), (Extent::Whole, 2));
        let found = chosen(&[1000], 4, 10, Cutting::Beginning);
        assert_eq!(found.parts[0].extent, Extent::Beginning { bytes: 40 });
        assert_eq!(found.beginnings, 1);
    }
}
