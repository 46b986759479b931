//! Steps of the CommonCrawl slice alone, over pages in memory.

use crate::common::Result;
use arrangement::{Arrangement, Rule};
use corpus::{Corpus, Label, PartWriter, Source};
use document::{DocRef, Document, lines};
use recipe::{AnySlice, Preset};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use text::ccnet::paragraph_key;

pub fn common_crawl() -> &'static dyn AnySlice {
    recipe::find_slice(dataflows::SLICES, "common_crawl").expect("the first slice")
}

pub fn reader() -> engine::Reader {
    common_crawl().reader(&*common_crawl().defaults(Preset::Global))
}

pub fn read(read: &engine::Reader, files: &[PathBuf]) -> Result<Vec<Document>> {
    let mut pages = Vec::new();
    for (source, file) in files.iter().enumerate() {
        for (record, page) in read(file)?.enumerate() {
            let at = DocRef::new(0, source as u64, record as u64);
            pages.push(Document { at, ..page? });
        }
    }
    Ok(pages)
}

/// An update for each distinct paragraph of each page.
pub fn keys<'p>(pages: impl IntoIterator<Item = &'p Document>) -> Vec<(u64, u64, i64)> {
    let (mut updates, mut distinct, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    for page in pages {
        distinct.clear();
        distinct.extend(lines(&page.text).map(|line| paragraph_key(line, &mut scratch)));
        distinct.sort_unstable();
        distinct.dedup();
        updates.extend(distinct.iter().map(|key| (*key, page.at.0, 1)));
    }
    updates
}

/// Adds updates to an empty index, so many in each epoch.
pub fn join(updates: &[(u64, u64, i64)], of_epoch: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut index = Arrangement::open(dir.path(), "p", 0, 1, &[])?;
    let mut facts = Vec::new();
    for (epoch, updates) in (1..).zip(updates.chunks(of_epoch)) {
        let mut batch = index.batches(usize::MAX)();
        batch.extend(updates.iter().copied())?;
        while !index.apply(epoch, &mut batch, &Rule::first_of_all(), &mut facts)? {}
    }
    black_box(facts);
    Ok(())
}

/// Writes the ledger of all pages, and a segment of those kept.
pub fn write(pages: &[Document]) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let sources = vec![Source::default(); pages.last().map_or(0, |p| p.at.source() as usize + 1)];
    let label = Label { slice: "s".into(), name: "l".into(), sources, ..Label::default() };
    let mut part = PartWriter::new(&Corpus::create(dir.path())?, Arc::new(label), 1, 0);
    pages.iter().try_for_each(|page| part.push(page, None))?;
    part.finish()?;
    Ok(())
}
