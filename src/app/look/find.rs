//! Finding a record by its id or its address.

use super::Look;
use crate::terminal::notice;
use crate::terminal::units::counted;
use anyhow::{Context, Result};
use corpus::{Label, LedgerRow, Lookup};
use document::DocRef;
use recipe::usage::{suggest, usage};
use std::collections::BTreeSet;

/// Records of one address that are named in a message.
const LISTED_MAX: usize = 10;

/// Sources of a label among which a similar name is searched.
const SOURCES_COMPARED_MAX: usize = 1_000;

/// Finds the record that `name` means: an id, `slice/label/source#record`, or the address of a
/// document.
pub(crate) fn find<'l>(look: &'l Look, name: &str) -> Result<(&'l Label, LedgerRow)> {
    if name.contains("://") && !is_id(look, name) {
        return by_url(look, name);
    }
    let at = parse(look, name)?;
    let label = &look.manifest.labels[at.label() as usize];
    let row = Lookup::new(&look.corpus, label).row(at)?;
    let row = row.with_context(|| {
        let state = if label.is_complete() { "" } else { " (the label is not complete yet)" };
        format!("the corpus has no record {name}{state}")
    })?;
    Ok((label, row))
}

fn is_id(look: &Look, name: &str) -> bool {
    name.split('/')
        .next()
        .is_some_and(|slice| look.manifest.labels.iter().any(|label| label.slice == slice))
}

/// Converts an id to the ref of its record.
fn parse(look: &Look, id: &str) -> Result<DocRef> {
    let labels = &look.manifest.labels;
    let not_an_id = || {
        usage(format!(
            "{id}: an id is written SLICE/LABEL/SOURCE#RECORD, as in the field meta.id of a \
             document: common_crawl/2019-30/a.warc.wet.gz#5"
        ))
    };
    let (slice, rest) = id.split_once('/').ok_or_else(not_an_id)?;
    let (name, rest) = rest.split_once('/').ok_or_else(not_an_id)?;
    let (source, record) = rest.rsplit_once('#').ok_or_else(not_an_id)?;
    let record: u64 = record.parse().map_err(|_| not_an_id())?;
    let of_slice: Vec<_> =
        labels.iter().enumerate().filter(|(_, l)| l.slice == slice && !l.removed).collect();
    if of_slice.is_empty() {
        let known: BTreeSet<&str> = labels.iter().map(|label| label.slice.as_str()).collect();
        let hint = suggest(slice, known);
        return Err(usage(format!("{id}: the corpus has no slice {slice}{hint}")));
    }
    let Some((number, label)) = of_slice.iter().find(|(_, label)| label.name == name) else {
        let hint = suggest(name, of_slice.iter().map(|(_, label)| label.name.as_str()));
        return Err(usage(format!("{id}: {slice} has no label {name}{hint}")));
    };
    let Some(place) = label.source_named(source) else {
        let names = label.sources.iter().map(|known| known.name.as_str());
        let hint = match label.sources.len() {
            0..=SOURCES_COMPARED_MAX => suggest(source, names),
            _ => String::new(),
        };
        return Err(usage(format!("{id}: {slice}/{name} has no source {source}{hint}")));
    };
    if record >= DocRef::RECORDS_MAX {
        return Err(usage(format!("{id}: a source has at most {} records", DocRef::RECORDS_MAX)));
    }
    Ok(DocRef::new(*number as u64, place, record))
}

fn by_url<'l>(look: &'l Look, url: &str) -> Result<(&'l Label, LedgerRow)> {
    let mut found = Vec::new();
    for label in look.manifest.present() {
        let (rows, unfiltered) = Lookup::new(&look.corpus, label).rows_of_url(url)?;
        if unfiltered > 0 {
            let (name, rows) = (label.full_name(), counted(unfiltered, "row"));
            notice(&format!(
                "{name}: {rows} of its ledger are of an earlier version, without filters of addresses; \
                 all of these were read"
            ));
        }
        found.extend(rows.into_iter().map(|row| (label, row)));
    }
    if found.len() > 1 {
        let line = |(_, row): &(&Label, LedgerRow)| match &row.reason {
            None => format!("\n  {}  kept", row.id),
            Some(reason) => format!("\n  {}  dropped: {reason}", row.id),
        };
        let more = found.len().saturating_sub(LISTED_MAX);
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        let list: String = found.iter().take(LISTED_MAX).map(line).collect();
        let count = found.len();
        return Err(usage(format!(
            "{count} records have the address {url}; name one by its id:{list}{more}"
        )));
    }
    found.pop().with_context(|| format!("no record of the corpus has the address {url}"))
}
