//! What is excluded from the corpus: ids, addresses and domains of documents, and labels.
//!
//! Exclusions hold for the documents that are there and for all that are added later. The manifest
//! has the requests; the list of what they name is a file of its own, JSON lines, since it may be
//! long and a manifest is written at each commit.

mod address;

pub use address::Selector;

use crate::error::Error;
use crate::ledger::EXCLUDED;
use crate::manifest::{File, Label, Manifest};
use crate::segment::Summed;
use crate::store::Corpus;
use document::{DocRef, Document};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

/// A request to exclude documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The day on which it was carried out, `2026-11-29`.
    pub date: String,
    /// Its reason, in the words of the user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether the ledger keeps only the ids of the documents, and the list only digests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget: bool,
    /// The labels that it excluded, `slice/label`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How many ids, addresses and domains of it are in the list.
    #[serde(default)]
    pub selectors: u64,
}

/// What the manifest has of the exclusions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Excluded {
    /// The requests that are in force, in the order in which they came.
    pub requests: Vec<Request>,
    /// The list of what they name, if there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<File>,
}

impl Excluded {
    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.list.is_none()
    }
}

/// A line of the list.
#[derive(Serialize, Deserialize)]
struct Line {
    /// The number of the request.
    request: usize,
    #[serde(flatten)]
    selector: Selector,
}

/// The exclusions of a corpus.
///
/// Memory: what the selectors take, and some 100 bytes for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exclusions {
    requests: Vec<Request>,
    /// What is excluded, with the number of the request.
    selectors: BTreeMap<Selector, usize>,
}

impl Exclusions {
    /// Reads the exclusions of a commit.
    ///
    /// # Errors
    /// If the list cannot be read, or is damaged.
    pub fn load(corpus: &Corpus, manifest: &Manifest) -> Result<Exclusions, Error> {
        let requests = manifest.excluded.requests.clone();
        let mut selectors = BTreeMap::new();
        if let Some(list) = &manifest.excluded.list {
            let path = corpus.root().join(&list.path);
            let text = std::fs::read(&path).map_err(Error::unopened(&path))?;
            if (text.len() as u64, crc32c::crc32c(&text)) != (list.bytes, list.crc32c) {
                let what = "its checksum is not that of the manifest; restore it from a copy";
                return Err(Error::corrupt(&path, what));
            }
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let Line { request, selector } = serde_json::from_slice(line)
                    .map_err(|error| Error::corrupt(&path, error.to_string()))?;
                selectors.insert(selector, request);
            }
        }
        Ok(Exclusions { requests, selectors })
    }

    /// Writes the list for the commit `commit`, and returns what its manifest has.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, corpus: &Corpus, commit: u64) -> Result<Excluded, Error> {
        let requests = self.requests.clone();
        if self.selectors.is_empty() {
            return Ok(Excluded { requests, list: None });
        }
        let name = format!("exclusions/{commit:06}.jsonl");
        let path = corpus.root().join(&name);
        let mut file = Summed::create(&path)?;
        for (selector, &request) in &self.selectors {
            let line = Line { request, selector: selector.clone() };
            let mut line = serde_json::to_vec(&line).expect("a line is plain data");
            line.push(b'\n');
            file.write_all(&line).map_err(Error::io(&path))?;
        }
        let (bytes, crc32c) = file.finish()?;
        let records = self.selectors.len() as u64;
        let list = File { path: name, records, bytes, crc32c, ..File::default() };
        Ok(Excluded { requests, list: Some(list) })
    }

    /// Adds a request. What is excluded already stays with its earlier request, unless this one is
    /// to forget it. Returns how many of `selectors` are new.
    pub fn add(
        &mut self,
        request: Request,
        selectors: impl IntoIterator<Item = Selector>,
    ) -> usize {
        let (number, forget) = (self.requests.len(), request.forget);
        self.requests.push(request);
        let mut new = 0;
        for selector in selectors {
            let forgotten = selector.forgotten();
            let known = [&selector, &forgotten].into_iter().any(|s| self.selectors.contains_key(s));
            new += usize::from(!known);
            if forget {
                self.selectors.remove(&selector);
                self.selectors.insert(forgotten, number);
            } else if !known {
                self.selectors.insert(selector, number);
            }
        }
        self.settle();
        new
    }

    /// Takes back what `selectors` name. Returns those that are not excluded.
    pub fn take_back(&mut self, selectors: impl IntoIterator<Item = Selector>) -> Vec<Selector> {
        let mut unknown = Vec::new();
        for selector in selectors {
            let found = self.selectors.remove(&selector);
            if found.or_else(|| self.selectors.remove(&selector.forgotten())).is_none() {
                unknown.push(selector);
            }
        }
        self.settle();
        unknown
    }

    /// Takes back the exclusion of a label.
    pub fn take_back_label(&mut self, name: &str) {
        self.requests.iter_mut().for_each(|request| request.labels.retain(|label| label != name));
        self.settle();
    }

    /// Counts the selectors of each request, and drops requests of which nothing is left.
    fn settle(&mut self) {
        self.requests.iter_mut().for_each(|request| request.selectors = 0);
        for number in self.selectors.values() {
            self.requests[*number].selectors += 1;
        }
        let mut numbers = HashMap::new();
        let mut left = Vec::new();
        for (number, request) in self.requests.drain(..).enumerate() {
            if request.selectors > 0 || !request.labels.is_empty() {
                numbers.insert(number, left.len());
                left.push(request);
            }
        }
        self.requests = left;
        self.selectors.values_mut().for_each(|number| *number = numbers[number]);
    }

    /// Prepares to tell which documents of these labels are excluded.
    pub fn matcher(&self, labels: &[Label]) -> Matcher {
        let mut matcher = Matcher::default();
        for (place, (selector, request)) in self.selectors.iter().enumerate() {
            let entry = (place, self.requests[*request].forget);
            match selector {
                Selector::Id(id) => {
                    if let Some(at) = ref_of_id(labels, id) {
                        matcher.refs.insert(at, entry);
                    }
                }
                selector => {
                    let of_kind =
                        if selector.is_domain() { &mut matcher.domains } else { &mut matcher.urls };
                    // A domain or address may be in the list twice, once as a digest.
                    let known = of_kind.entry(selector.digest()).or_insert(entry);
                    known.1 |= entry.1;
                }
            }
        }
        matcher
    }

    /// Everything that is excluded by id, address or domain, with the number of its request.
    pub fn entries(&self) -> impl Iterator<Item = (&Selector, usize)> {
        self.selectors.iter().map(|(selector, request)| (selector, *request))
    }

    /// Everything that is excluded by id, address or domain, in the order of [`Match::place`].
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.selectors.keys()
    }
}

/// Returns the ref of a document by its id. The newest label of a name counts.
pub fn ref_of_id(labels: &[Label], id: &str) -> Option<DocRef> {
    let mut labels = labels.iter().enumerate().rev().filter(|(_, label)| !label.removed);
    labels.find_map(|(number, label)| label.ref_of_id(number as u64, id))
}

/// Tells which documents are excluded.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    refs: BTreeMap<DocRef, (usize, bool)>,
    urls: HashMap<u128, (usize, bool)>,
    domains: HashMap<u128, (usize, bool)>,
}

/// Why a document is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The place of its selector among [`Exclusions::selectors`].
    pub place: usize,
    /// Whether the ledger keeps only its id.
    pub forget: bool,
}

impl Matcher {
    /// Returns why a document is excluded, if it is. If several selectors match, the narrowest one
    /// is returned; the document is forgotten if any of them says so.
    pub fn find(&self, at: DocRef, url: &str) -> Option<Match> {
        let by_id = self.refs.get(&at);
        let has_addresses = !self.urls.is_empty() || !self.domains.is_empty();
        let address = if has_addresses { address::Address::parse(url) } else { None };
        let by_address = address.iter().flat_map(|address| {
            let by_url = self.urls.get(&address.digest());
            let by_domain = address.domains().filter_map(|domain| self.domains.get(&domain));
            by_url.into_iter().chain(by_domain)
        });
        let mut found = by_id.into_iter().chain(by_address);
        let &(place, mut forget) = found.next()?;
        forget |= found.any(|entry| entry.1);
        Some(Match { place, forget })
    }

    /// Rejects a document that is excluded, whatever its reader made of it.
    pub fn exclude(&self, document: &mut Document) {
        let Some(found) = self.find(document.at, &document.url) else { return };
        let Document { at, offset, url, page, bytes_read, digest, .. } = std::mem::take(document);
        *document = Document { at, ..Document::default() };
        if !found.forget {
            let read = Document { url, page, bytes_read, digest, ..Document::default() };
            *document = Document { at, offset, ..read };
        }
        document.reject(EXCLUDED);
    }

    /// Whether a document between two refs is excluded by its id.
    pub fn may_have(&self, first: DocRef, last: DocRef) -> bool {
        self.refs.range(first..=last).next().is_some()
    }

    /// Whether documents are excluded by more than their ids.
    pub fn needs_urls(&self) -> bool {
        !self.urls.is_empty() || !self.domains.is_empty()
    }
}

#[cfg(test)]
mod tests;
