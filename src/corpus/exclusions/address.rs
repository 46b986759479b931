//! Addresses and domains, as exclusions name them and documents have them.

use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

/// What names documents to be excluded. An address or domain that is to be forgotten is only known
/// by its digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// The id of a document.
    Id(String),
    /// An address: that of the page, whatever its scheme and fragment.
    Url(String),
    /// A domain, with all domains below it.
    Domain(String),
    /// The digest of an address, in hexadecimal digits.
    UrlDigest(String),
    /// The digest of a domain, in hexadecimal digits.
    DomainDigest(String),
}

impl Selector {
    /// Parses an address; its scheme may be missing.
    ///
    /// # Errors
    /// If it has no domain.
    pub fn url(text: &str) -> Result<Selector, &'static str> {
        let with_scheme = format!("http://{text}");
        let text = if text.contains("//") { text } else { &with_scheme };
        let address = Address::parse(text).filter(|address| address.host.contains('.'));
        let address = address.ok_or("an address is expected, https://example.com/page")?;
        Ok(Selector::Url(address.page))
    }

    /// Parses a domain: `example.com`, also `*.example.com` or an address of it.
    ///
    /// # Errors
    /// If it is not one.
    pub fn domain(text: &str) -> Result<Selector, &'static str> {
        let name = text.strip_prefix("*.").or(text.strip_prefix('.')).unwrap_or(text);
        let address = if name.contains("//") { name.to_owned() } else { format!("http://{name}") };
        let address = Address::parse(&address).filter(|address| address.host.contains('.'));
        let address = address.ok_or("a domain is expected, example.com")?;
        let is_page = address.page.len() > address.host.len() + 1;
        if is_page {
            return Err("a domain is expected, example.com, and this is the address of a page");
        }
        Ok(Selector::Domain(address.host))
    }

    /// Returns what is left of it once it is forgotten. Ids are never forgotten.
    pub(super) fn forgotten(&self) -> Selector {
        let hex = |digest: u128| format!("{digest:032x}");
        match self {
            Selector::Url(_) => Selector::UrlDigest(hex(self.digest())),
            Selector::Domain(_) => Selector::DomainDigest(hex(self.digest())),
            other => other.clone(),
        }
    }

    pub(super) fn is_domain(&self) -> bool {
        matches!(self, Selector::Domain(_) | Selector::DomainDigest(_))
    }

    /// The digest of the name.
    pub(super) fn digest(&self) -> u128 {
        match self {
            Selector::Id(name) | Selector::Url(name) | Selector::Domain(name) => digest(name),
            Selector::UrlDigest(hex) | Selector::DomainDigest(hex) => {
                u128::from_str_radix(hex, 16).unwrap_or(0)
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Id(name) | Selector::Url(name) | Selector::Domain(name) => f.write_str(name),
            Selector::UrlDigest(_) => f.write_str("a forgotten address"),
            Selector::DomainDigest(_) => f.write_str("a forgotten domain"),
        }
    }
}

/// An address, normalized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The domain, in lower case and Punycode.
    host: String,
    /// The address without its scheme and fragment.
    page: String,
}

impl Address {
    /// Parses an address as browsers do (WHATWG URL). One that they reject is divided by its
    /// punctuation: dumps have such addresses, and a domain must not escape its exclusion by them.
    pub fn parse(text: &str) -> Option<Address> {
        let parsed = Url::parse(text).ok().filter(Url::has_host);
        let (host, rest) = match &parsed {
            Some(url) => {
                let host = url.host_str()?.trim_end_matches('.').to_owned();
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                (host, format!("{port}{}{query}", url.path()))
            }
            None => {
                let (_, after) = text.split_once("//")?;
                let after = after.split('#').next()?;
                let end = after.find(['/', '?']).unwrap_or(after.len());
                let (authority, rest) = after.split_at(end);
                let authority = authority.rsplit('@').next()?;
                let host = authority.split(':').next()?.trim_end_matches('.').to_lowercase();
                (host, if rest.is_empty() { "/".to_owned() } else { rest.to_owned() })
            }
        };
        let page = format!("{host}{rest}");
        (!host.is_empty()).then_some(Address { host, page })
    }

    /// The digest of the page.
    pub fn digest(&self) -> u128 {
        digest(&self.page)
    }

    /// The digests of its domain and of each domain above it.
    pub fn domains(&self) -> impl Iterator<Item = u128> {
        let ends = self.host.match_indices('.').map(|(dot, _)| dot + 1);
        std::iter::once(0).chain(ends).map(|start| digest(&self.host[start..]))
    }
}

/// The first 128 bits of BLAKE3.
fn digest(name: &str) -> u128 {
    let digest = blake3::hash(name.as_bytes());
    u128::from_be_bytes(digest.as_bytes()[..16].try_into().expect("a digest has 32 bytes"))
}
