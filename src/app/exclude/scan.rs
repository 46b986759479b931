//! Which records of the corpus are to go, and which may come back.

use super::Gone;
use anyhow::Result;
use corpus::{Corpus, EXCLUDED, Exclusions, Fate, Manifest, Selector};
use std::collections::BTreeSet;

/// What a scan of the ledger found.
#[derive(Default)]
pub(super) struct Found {
    /// Records to be excluded, and whether to be forgotten.
    pub gone: Gone,
    /// Records to be read again, since nothing that is known of them is excluded any more.
    pub back: Vec<u64>,
    /// Those selectors that a record has.
    pub matched: BTreeSet<Selector>,
}

/// Compares the ledgers of all labels with what is to be excluded from now on. Only addresses and
/// verdicts are read.
///
/// Of a forgotten record the ledger has no address. When something is taken back, such a record is
/// read again, and excluded again if it still is.
pub(super) fn scan(
    corpus: &Corpus,
    manifest: &Manifest,
    exclusions: &Exclusions,
    selectors: &BTreeSet<Selector>,
    is_removal: bool,
) -> Result<Found> {
    let mut found = Found::default();
    if selectors.is_empty() {
        return Ok(found);
    }
    let matcher = exclusions.matcher(&manifest.labels);
    // What is taken back is known by its own matcher.
    let mut wanted = Exclusions::default();
    wanted.add(corpus::Request::default(), selectors.iter().cloned());
    let wanted_matcher = wanted.matcher(&manifest.labels);
    let wanted_places: Vec<&Selector> = wanted.selectors().collect();
    let with_urls = matcher.needs_urls() || wanted_matcher.needs_urls();
    let mut take = |fate: Fate<'_>| {
        let is_excluded = fate.reason == Some(EXCLUDED);
        let now = matcher.find(fate.at, fate.url);
        // In a removal all that is wanted is among what is excluded now, and most records are not.
        if (now.is_some() || !is_removal)
            && let Some(of) = wanted_matcher.find(fate.at, fate.url)
        {
            found.matched.insert(wanted_places[of.place].clone());
        }
        match (now, is_excluded) {
            // If it is excluded already, it may be to be forgotten now.
            (Some(now), was) if !was || now.forget && is_removal => {
                found.gone.insert(fate.at, now.forget);
            }
            (None, true) if !is_removal => found.back.push(fate.at.0),
            _ => {}
        }
    };
    for label in manifest.present() {
        for file in &label.ledger {
            let is_needed = with_urls || wanted_matcher.may_have(file.first, file.last);
            if is_needed {
                corpus::fates(&corpus.root().join(&file.path), with_urls, &mut take)?;
            }
        }
    }
    Ok(found)
}
