//! The web sites of documents.

use anyhow::{Context, Result};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// Sites in memory at a time. Beyond it the smaller half is dropped, and their documents are only
/// counted.
const SITES_MAX: usize = 1 << 22;

/// The part of the sites that the EU's template asks for.
const TOP_SHARE: usize = 10;

/// What a site has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Amount {
    /// Documents kept.
    pub documents: u64,
    /// Bytes of text kept.
    pub bytes: u64,
}

/// Sites while they are counted.
#[derive(Default)]
pub(crate) struct Sites {
    sites: HashMap<Box<str>, Amount>,
    dropped: u64,
    all: Amount,
}

/// The sites of a corpus.
#[derive(Serialize)]
pub(crate) struct Domains {
    /// Number of sites.
    pub sites: u64,
    /// Whether small ones were dropped while they were counted, so that their number and amounts are
    /// not exact.
    pub is_estimated: bool,
    /// The documents that have an address.
    pub all: Amount,
    /// The largest tenth of the sites, by bytes of text, the largest first.
    pub top: Vec<Domain>,
}

/// A site.
#[derive(Serialize)]
pub(crate) struct Domain {
    /// The host of its addresses, without `www.`.
    pub domain: String,
    #[serde(flatten)]
    pub amount: Amount,
}

impl Sites {
    /// Adds a document with this address.
    pub fn add(&mut self, url: &[u8], bytes: u64) {
        let Some(host) = host(url) else { return };
        self.all.documents += 1;
        self.all.bytes += bytes;
        let amount = match self.sites.get_mut(host) {
            Some(amount) => amount,
            None => self.sites.entry(host.to_ascii_lowercase().into()).or_default(),
        };
        amount.documents += 1;
        amount.bytes += bytes;
        if self.sites.len() > SITES_MAX {
            self.shrink();
        }
    }

    /// Adds the sites of other documents.
    pub fn merge(&mut self, other: Sites) {
        self.dropped += other.dropped;
        self.all.documents += other.all.documents;
        self.all.bytes += other.all.bytes;
        for (host, amount) in other.sites {
            let into = self.sites.entry(host).or_default();
            into.documents += amount.documents;
            into.bytes += amount.bytes;
        }
        if self.sites.len() > SITES_MAX {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let mut bytes: Vec<u64> = self.sites.values().map(|amount| amount.bytes).collect();
        let (_, median, _) = bytes.select_nth_unstable(SITES_MAX / 2);
        let (median, before) = (*median, self.sites.len());
        self.sites.retain(|_, amount| amount.bytes > median);
        self.dropped += (before - self.sites.len()) as u64;
    }

    /// The sites in the order of their size.
    pub fn domains(self) -> Domains {
        let sites = self.sites.len() as u64 + self.dropped;
        let mut all: Vec<(Box<str>, Amount)> = self.sites.into_iter().collect();
        all.sort_by(|a, b| (Reverse(a.1.bytes), &a.0).cmp(&(Reverse(b.1.bytes), &b.0)));
        all.truncate((sites as usize).div_ceil(TOP_SHARE));
        let domain = |(host, amount): (Box<str>, Amount)| Domain { domain: host.into(), amount };
        let top = all.into_iter().map(domain).collect();
        Domains { sites, is_estimated: self.dropped > 0, all: self.all, top }
    }
}

/// Returns the host of an address, without user, port and `www.`; `None` if it has none.
fn host(url: &[u8]) -> Option<&str> {
    let url = std::str::from_utf8(url).ok()?;
    let (_, rest) = url.split_once("://")?;
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = if rest.starts_with('[') { rest } else { rest.split(':').next()? };
    let host = host.trim_end_matches('.');
    let is_www = host.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let host = if is_www { &host[4..] } else { host };
    (!host.is_empty()).then_some(host)
}

/// Writes the top sites as CSV.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(domains: &Domains, path: &Path) -> Result<()> {
    let mut csv = String::from("domain,documents,bytes\n");
    for Domain { domain, amount } in &domains.top {
        // A host may have any characters that an address has.
        let quoted = if domain.contains([',', '"']) {
            format!("\"{}\"", domain.replace('"', "\"\""))
        } else {
            domain.clone()
        };
        writeln!(csv, "{quoted},{},{}", amount.documents, amount.bytes).expect("memory takes all");
    }
    durable::write(path, csv.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_addresses() {
        for (url, expected) in [
            ("http://www.A.example/x", Some("A.example")),
            ("https://user:pw@b.example:8080?q=http://c.example", Some("b.example")),
            ("http://[::1]:80/", Some("[::1]:80")),
            ("http://d.example.#x", Some("d.example")),
            ("http:///x", None),
            ("mailto:a@b.example", None),
            ("", None),
        ] {
            assert_eq!(host(url.as_bytes()), expected, "{url}");
        }
    }

    #[test]
    fn the_largest_tenth_is_listed() {
        let mut sites = Sites::default();
        for site in 0..21u64 {
            let url = format!("http://{site}.example/");
            sites.add(url.as_bytes(), 100 + site);
            let mut other = Sites::default();
            other.add(url.to_uppercase().as_bytes(), 1);
            sites.merge(other);
        }
        let domains = sites.domains();
        let top: Vec<&str> = domains.top.iter().map(|domain| domain.domain.as_str()).collect();
        assert_eq!(
            (domains.sites, &top[..]),
            (21, &["20.example", "19.example", "18.example"][..])
        );
        assert_eq!(domains.top[0].amount, Amount { documents: 2, bytes: 121 });
    }
}
