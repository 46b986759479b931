//! Lists of defects: those that say the same are one entry.

use crate::terminal::outln;
use crate::terminal::units::counted;
use anyhow::Result;
use corpus::DefectRow;
use indicatif::HumanCount;
use recipe::{defects_of, kind_of};
use std::collections::BTreeSet;

/// Defects that differ only in numbers, quoted parts and paths.
struct Group<'d> {
    kind: String,
    first: &'d DefectRow,
    count: u64,
    sources: BTreeSet<&'d str>,
}

/// Returns the number of defects that `rows` stand for, with `unlisted` ones beside them.
pub(crate) fn total<'d>(rows: impl IntoIterator<Item = &'d DefectRow>, unlisted: u64) -> u64 {
    rows.into_iter().map(|row| defects_of(&row.what).0).sum::<u64>() + unlisted
}

/// Prints up to `most` kinds of defects, each with its first place and how often it occurs. `all`
/// says how to see the rest.
pub(crate) fn print_groups<'d>(
    rows: impl IntoIterator<Item = &'d DefectRow>,
    most: usize,
    all: &str,
) -> Result<()> {
    let groups = groups(rows);
    for group in groups.iter().take(most) {
        let (_, what) = defects_of(&group.first.what);
        outln!("  {}: byte {}: {what}", group.first.source, group.first.offset)?;
        if group.count > 1 {
            let (more, files) = (group.count - 1, group.sources.len() as u64);
            outln!("    and {} more like it, in {}", HumanCount(more), counted(files, "file"))?;
        }
    }
    let more = groups.len().saturating_sub(most) as u64;
    if more > 0 { outln!("  and {}: {all}", counted(more, "more kind")) } else { Ok(()) }
}

/// Prints all defects, one to a line.
pub(crate) fn print_all<'d>(rows: impl IntoIterator<Item = &'d DefectRow>) -> Result<()> {
    rows.into_iter()
        .try_for_each(|row| outln!("  {}: byte {}: {}", row.source, row.offset, row.what))
}

fn groups<'d>(rows: impl IntoIterator<Item = &'d DefectRow>) -> Vec<Group<'d>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let (count, what) = defects_of(&row.what);
        let kind = kind_without_paths(what);
        let place = groups.iter().position(|group| group.kind == kind).unwrap_or_else(|| {
            groups.push(Group { kind, first: row, count: 0, sources: BTreeSet::new() });
            groups.len() - 1
        });
        groups[place].count += count;
        groups[place].sources.insert(&row.source);
    }
    groups
}

/// Returns what texts have in common that differ in numbers, quoted parts and paths only.
fn kind_without_paths(what: &str) -> String {
    let is_path = |word: &&str| word.contains('/');
    kind_of(what).split(' ').filter(|word| !is_path(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_defects_of_several_files_are_one() {
        let row = |source: &str, offset, what: &str| DefectRow {
            source: source.into(),
            offset,
            what: what.into(),
        };
        let rows = [
            row("/a", 5, "record 1: not JSON: \"x\"; it is left out"),
            row("/a", 9, "97 more like this one: record 99: not JSON: \"y\"; it is left out"),
            row("/b", 5, "record 1: not JSON: \"z\"; it is left out"),
            row("/b", 7, "cut short"),
            row("/c", 0, "cannot open /c/d"),
            row("/c", 0, "cannot open /c/e"),
        ];
        let groups = groups(&rows);
        let found: Vec<_> = groups
            .iter()
            .map(|group| (group.count, group.sources.len(), group.first.offset))
            .collect();
        assert_eq!(found, [(99, 2, 5), (1, 1, 7), (2, 1, 0)]);
        assert_eq!(total(&rows, 3), 105);
    }
}
