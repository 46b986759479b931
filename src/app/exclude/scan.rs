//! Which records of the corpus are to go, and which may come back.

use super::versions::Versions;
use anyhow::Result;
use corpus::{
    Corpus, EXCLUDED, Exclusions, Fate, Manifest, Mark, Match, Request, SUPERSEDED, Selector,
};
use document::DocRef;
use std::collections::BTreeSet;

/// What is to be taken out or back.
pub(super) struct Wanted<'w> {
    pub selectors: &'w BTreeSet<Selector>,
    pub is_removal: bool,
}

/// What a scan of the ledger found.
#[derive(Default)]
pub(super) struct Found {
    /// Records to be taken out, or to be out for another reason.
    pub gone: Gone,
    /// Records to be read again, since nothing that is known of them takes them out any more.
    pub back: Vec<u64>,
    /// Those selectors that a record has.
    pub matched: BTreeSet<Selector>,
}

/// Records that are taken out, and why.
#[derive(Default)]
pub(super) struct Gone(Vec<(DocRef, Mark)>);

impl Gone {
    /// Their refs.
    pub fn refs(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(at, _)| at.0)
    }

    /// Those of a label, in order, and why each is taken out.
    pub fn of_label(&self, number: u64) -> &[(DocRef, Mark)] {
        let start = self.0.partition_point(|(at, _)| at.label() < number);
        let end = self.0.partition_point(|(at, _)| at.label() <= number);
        &self.0[start..end]
    }
}

/// Compares the ledgers of all labels with what is to be out of the corpus from now on. Only
/// addresses and verdicts are read.
///
/// Of a forgotten record the ledger has no address. When something is taken back, such a record is
/// read again, and excluded again if it still is.
pub(super) fn scan(
    corpus: &Corpus,
    manifest: &Manifest,
    exclusions: &Exclusions,
    wanted: &Wanted<'_>,
    versions: &Versions,
) -> Result<Found> {
    let mut found = Found::default();
    let Wanted { selectors, is_removal } = *wanted;
    let matcher = exclusions.matcher(&manifest.labels);
    // What is taken back is known by its own matcher.
    let mut wanted = Exclusions::default();
    wanted.add(Request::default(), selectors.iter().cloned());
    let wanted_matcher = wanted.matcher(&manifest.labels);
    let wanted_places: Vec<&Selector> = wanted.selectors().collect();
    let selects_urls =
        !selectors.is_empty() && (matcher.needs_urls() || wanted_matcher.needs_urls());
    for label in manifest.present() {
        let with_urls = selects_urls || versions.has(&label.slice);
        let mut take = |fate: Fate<'_>| {
            let now = matcher.find(fate.at, fate.url);
            // In a removal all that is wanted is among what is excluded now, and most records are
            // not.
            if (now.is_some() || !is_removal)
                && let Some(of) = wanted_matcher.find(fate.at, fate.url)
            {
                found.matched.insert(wanted_places[of.place].clone());
            }
            let is_superseded = || versions.supersede(&label.slice, fate.at);
            let forgets = is_removal && !selectors.is_empty();
            match change(now, fate.reason, (is_removal, forgets), is_superseded) {
                Some(Change::Mark(mark)) => found.gone.0.push((fate.at, mark)),
                Some(Change::Back) => found.back.push(fate.at.0),
                None => {}
            }
        };
        for file in &label.ledger {
            if with_urls || wanted_matcher.may_have(file.first, file.last) {
                corpus::fates(&corpus.root().join(&file.path), with_urls, &mut take)?;
            }
        }
    }
    found.gone.0.sort_unstable_by_key(|(at, _)| *at);
    Ok(found)
}

/// What becomes of a record.
enum Change {
    Mark(Mark),
    /// It is read again.
    Back,
}

/// Compares why a record is out of the corpus, if it is, with why it is to be out from now on.
/// `forgets` if records that are out may be to be forgotten now.
fn change(
    excluded: Option<Match>,
    reason: Option<&str>,
    (is_removal, forgets): (bool, bool),
    is_superseded: impl Fn() -> bool,
) -> Option<Change> {
    let (was_excluded, was_superseded) = (reason == Some(EXCLUDED), reason == Some(SUPERSEDED));
    match excluded {
        Some(Match { forget: true, .. }) if !was_excluded || forgets => {
            Some(Change::Mark(Mark::Forgotten))
        }
        Some(_) if !was_excluded => Some(Change::Mark(Mark::Removed)),
        Some(_) => None,
        // It may be forgotten, with its address unknown.
        None if was_excluded && is_removal => None,
        None if is_superseded() => (!was_superseded).then_some(Change::Mark(Mark::Superseded)),
        None if was_excluded || was_superseded => Some(Change::Back),
        None => None,
    }
}
