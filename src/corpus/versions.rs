//! Versions of a page in several labels of a slice: the one of the newest label counts.
//!
//! A record is superseded if a later label has a record with its address, or with the number that
//! its site gives the page, so that a page is known by either when the other one changes. A number
//! that is not of one page in each label counts for nothing. All records count, kept or not: a page that became a redirect, or was excluded, is newer than the
//! article it was. Addresses and numbers are those of the ledger, so this is a function of the
//! ledgers alone.

use crate::error::Error;
use crate::ledger::{Fate, fates};
use crate::manifest::{Label, Manifest};
use crate::store::Corpus;
use document::DocRef;
use sorting::{Record, Sorter, Storage};
use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;
use std::io::{self, Read, Write};

/// Which records a newer label supersedes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Whether a label is all of each site that it has: what it lacks was deleted. A label with
    /// defects is not.
    pub is_complete: bool,
}

/// Records of which a later label has a newer version, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Superseded(Vec<u64>);

impl Superseded {
    /// Compares the records of all labels of a slice that have been read to their ends, with
    /// `memory_bytes` for sorting them.
    ///
    /// Memory: that, and 8 bytes for each superseded record.
    ///
    /// # Errors
    /// If a ledger cannot be read or is damaged, or temporary files cannot be written.
    pub fn of_slice(
        corpus: &Corpus,
        manifest: &Manifest,
        slice: &str,
        newest: Newest,
        memory_bytes: usize,
    ) -> Result<Superseded, Error> {
        let labels = manifest.labels.iter();
        let of_slice = |label: &&Label| label.slice == slice && !label.removed;
        let labels: Vec<&Label> = labels.filter(of_slice).collect();
        if labels.len() < 2 {
            return Ok(Superseded::default());
        }
        let folder = corpus.tmp_dir();
        let storage = Storage { folder: Some(folder.clone()), is_compressed: false };
        let mut sorter = Sorter::new((), memory_bytes, storage);
        let (mut superseded, mut newer_sites) = (Vec::new(), HashSet::new());
        // From the last label on: a site of a newer one is known before its older records.
        for label in labels.into_iter().rev().filter(|label| label.is_complete()) {
            let (mut sites, mut done) = (HashSet::new(), Ok(()));
            let mut take = |fate: Fate<'_>| {
                let site = site(fate.url);
                if newest.is_complete && newer_sites.contains(site) {
                    superseded.push(fate.at.0);
                }
                if newest.is_complete && !site.is_empty() && !sites.contains(site) {
                    sites.insert(site.to_owned());
                }
                for version in versions(&fate) {
                    let pushed = |()| sorter.push(version);
                    done = std::mem::replace(&mut done, Ok(())).and_then(pushed);
                }
            };
            for file in &label.ledger {
                fates(&corpus.root().join(&file.path), true, &mut take)?;
            }
            done.map_err(Error::io(&folder))?;
            if label.defects_count == 0 {
                newer_sites.extend(sites);
            }
        }
        let compare = || -> io::Result<()> {
            let (mut sorted, mut same) = (sorter.finish()?, Vec::<Version>::new());
            while let Some(version) = sorted.next()? {
                if same.first().is_some_and(|first| first.key != version.key) {
                    superseded.extend(older(&same));
                    same.clear();
                }
                same.push(version);
            }
            superseded.extend(older(&same));
            Ok(())
        };
        compare().map_err(Error::io(&folder))?;
        superseded.sort_unstable();
        superseded.dedup();
        Ok(Superseded(superseded))
    }

    /// Whether a record is superseded.
    pub fn contains(&self, at: DocRef) -> bool {
        self.0.binary_search(&at.0).is_ok()
    }
}

/// Returns a record by its address, and by the number of its page.
fn versions(fate: &Fate<'_>) -> impl Iterator<Item = Version> {
    let (at, address) = (fate.at, digest(&[fate.url.as_bytes()]));
    let by_address = (!fate.url.is_empty()).then_some(address);
    let by_number = fate.page.map(|page| digest(&[site(fate.url).as_bytes(), &page.to_be_bytes()]));
    let version = move |key| Version { key, at, address: address as u64 };
    by_address.into_iter().chain(by_number).map(version)
}

/// Returns those of the records of one key, the newest first, that are not of the newest label. A
/// number that several pages of a label have says nothing.
fn older(same: &[Version]) -> impl Iterator<Item = u64> {
    let one_address = |label: &[Version]| label.iter().all(|v| v.address == label[0].address);
    let is_one_page = same.chunk_by(|a, b| a.at.label() == b.at.label()).all(one_address);
    let newest = same.first().map(|version| version.at.label()).filter(|_| is_one_page);
    let older = same.iter().filter(move |v| newest.is_some_and(|label| v.at.label() < label));
    older.map(|version| version.at.0)
}

/// Returns the site of an address: its part between `//` and the next slash.
fn site(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

/// The first 128 bits of BLAKE3 of some parts.
fn digest(parts: &[&[u8]]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    u128::from_be_bytes(*hasher.finalize().as_bytes().first_chunk().expect("32 bytes"))
}

/// A record, by one of its keys.
struct Version {
    key: u128,
    at: DocRef,
    /// The first bits of the digest of its address.
    address: u64,
}

impl Record for Version {
    type Layout = ();

    /// The newest label of a key comes first.
    fn compare(&self, other: &Self) -> Ordering {
        let place = |version: &Version| (version.key, Reverse(version.at.label()));
        place(self).cmp(&place(other))
    }

    fn write(&self, _: &(), into: &mut impl Write) -> io::Result<()> {
        into.write_all(&self.key.to_le_bytes())?;
        into.write_all(&self.at.0.to_le_bytes())?;
        into.write_all(&self.address.to_le_bytes())
    }

    fn read(_: &(), from: &mut impl Read) -> io::Result<Self> {
        let (mut key, mut at, mut address) = ([0; 16], [0; 8], [0; 8]);
        from.read_exact(&mut key)?;
        from.read_exact(&mut at)?;
        from.read_exact(&mut address)?;
        let (at, address) = (DocRef(u64::from_le_bytes(at)), u64::from_le_bytes(address));
        Ok(Version { key: u128::from_le_bytes(key), at, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Position;
    use crate::part::{EpochReport, PartWriter};
    use document::Document;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A record of a test: its site, its address on it, and its number.
    type Page = (u8, u8, Option<u8>);

    fn url(page: &Page) -> String {
        format!("https://{}.example/{}", page.0, page.1)
    }

    /// Writes a corpus with a label for each list.
    fn written(corpus: &Corpus, labels: &[(Vec<Page>, bool)]) -> Manifest {
        let mut manifest = Manifest::empty("r".into());
        for (number, (pages, has_defect)) in labels.iter().enumerate() {
            let mut label = Label {
                slice: "s".into(),
                name: number.to_string(),
                sources: vec![crate::Source { name: "a".into(), ..Default::default() }],
                defects_count: u64::from(*has_defect),
                ..Label::default()
            };
            let epoch = number as u64 + 1;
            let mut part = PartWriter::new(corpus, Arc::new(label.clone()), epoch, 0);
            for (record, page) in pages.iter().enumerate() {
                let at = DocRef::new(number as u64, 0, record as u64);
                let (url, page) = (url(page), page.2.map(u64::from));
                let mut document = Document { at, url, page, ..Document::default() };
                document.reject("any");
                part.push(&document, None).unwrap();
            }
            let mut report = EpochReport::default();
            report.set_files(part.finish().unwrap());
            report.add_to(&mut label);
            manifest.labels.push(label);
        }
        manifest
    }

    /// The definition, one pair of records after the other.
    fn expected(labels: &[(Vec<Page>, bool)], is_complete: bool) -> Vec<u64> {
        let mut superseded = Vec::new();
        let is_of_one_page = |site: u8, number: u8| {
            labels.iter().all(|(pages, _)| {
                let of_number = pages.iter().filter(|p| (p.0, p.2) == (site, Some(number)));
                of_number.map(|page| page.1).collect::<HashSet<_>>().len() <= 1
            })
        };
        for (number, (pages, _)) in labels.iter().enumerate() {
            for (record, old) in pages.iter().enumerate() {
                let is_newer = |(pages, has_defect): &(Vec<Page>, bool)| {
                    pages.iter().any(|new| {
                        let is_number = |page| old.2 == new.2 && is_of_one_page(old.0, page);
                        let has_number = old.2.is_some_and(is_number);
                        let is_same = old.1 == new.1 || has_number;
                        old.0 == new.0 && (is_same || is_complete && !has_defect)
                    })
                };
                if labels[number + 1..].iter().any(is_newer) {
                    superseded.push(DocRef::new(number as u64, 0, record as u64).0);
                }
            }
        }
        superseded
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn the_record_of_the_newest_label_counts(
            labels in prop::collection::vec(
                (
                    prop::collection::vec((0u8..2, 0u8..5, prop::option::of(0u8..5)), 1..8),
                    any::<bool>(),
                ),
                1..5,
            ),
            is_complete: bool,
            memory in 0usize..400,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let corpus = Corpus::create(dir.path()).unwrap();
            let manifest = written(&corpus, &labels);
            let newest = Newest { is_complete };
            let found =
                Superseded::of_slice(&corpus, &manifest, "s", newest, memory).unwrap();
            prop_assert_eq!(found.0, expected(&labels, is_complete));
        }
    }

    #[test]
    fn labels_that_are_gone_unfinished_or_of_another_slice_supersede_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let page: Page = (0, 0, None);
        let all = written(&corpus, &[(vec![page], false), (vec![page], false)]);
        let found = |change: &dyn Fn(&mut Label)| {
            let mut manifest = all.clone();
            change(&mut manifest.labels[1]);
            let newest = Newest { is_complete: true };
            Superseded::of_slice(&corpus, &manifest, "s", newest, 1 << 20).unwrap()
        };
        assert!(found(&|_| {}).contains(DocRef::new(0, 0, 0)));
        assert_eq!(found(&|label| label.removed = true), Superseded::default());
        assert_eq!(found(&|label| label.slice = "t".into()), Superseded::default());
        let position = Some(Position::default());
        assert_eq!(found(&|label| label.position = position), Superseded::default());
    }
}
