//! Addresses, and what of them may be written down.

use std::fmt;
use std::io::{Error, ErrorKind};

/// Where the bytes of an address are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scheme {
    Http,
    Https,
    /// Amazon S3, or a server that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("http", Scheme::Http),
    ("https", Scheme::Https),
    ("s3", Scheme::S3),
    ("gs", Scheme::Gs),
    ("az", Scheme::Az),
];

impl Scheme {
    /// Whether it is plain HTTP, which cannot list files.
    pub(crate) fn is_http(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }
}

/// An address as it is written down: without signatures, passwords and fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    text: String,
    scheme: Scheme,
    /// The place of the path in `text`: after the host or the bucket and its slash.
    path: usize,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a path is an address, of a scheme that is known or not.
///
/// ```
/// assert!(remote::is_address("s3://bucket/a.gz") && remote::is_address("ftp://host/a.gz"));
/// assert!(!remote::is_address("folder/a.gz") && !remote::is_address("a://b"));
/// ```
pub fn is_address(path: &str) -> bool {
    // A scheme of one letter would be a drive of another system.
    path.split_once("://").is_some_and(|(scheme, _)| {
        let mut letters = scheme.bytes();
        scheme.len() > 1
            && letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Returns what of a user's words may be shown.
#[must_use]
pub fn without_secrets(given: &str) -> String {
    match Address::parse(given) {
        Ok((address, _)) => address.text,
        Err(_) if given.starts_with("cc://") => given.to_owned(),
        // What it is was not understood.
        Err(_) => format!("{}://[...]", given.split("://").next().unwrap_or_default()),
    }
}

impl Address {
    /// Reads an address that a user names. Returns it, and its form with everything that was given if
    /// that has secrets.
    ///
    /// # Errors
    /// If the scheme is not one that can be read, or there is no host or bucket (`InvalidInput`).
    pub(crate) fn parse(given: &str) -> Result<(Address, Option<String>), Error> {
        let invalid = |what: String| Err(Error::new(ErrorKind::InvalidInput, what));
        let (name, rest) = given.split_once("://").unwrap_or(("", given));
        let name = name.to_ascii_lowercase();
        let Some((_, scheme)) = SCHEMES.iter().find(|(known, _)| *known == name) else {
            let known = SCHEMES.map(|(name, _)| format!("{name}://")).join(", ");
            return invalid(format!("{name}:// cannot be read; known are {known} and cc://"));
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.is_empty() {
            let what = if scheme.is_http() { "host" } else { "bucket" };
            return invalid(format!("{name}:// without a {what}: expected {name}://{what}/name"));
        }
        let path = path.strip_prefix('/').unwrap_or(path);
        // The keys of object stores have no query: they may contain any character.
        if !scheme.is_http() {
            let text = format!("{name}://{host}/{path}");
            return Ok((Address { path: text.len() - path.len(), text, scheme: *scheme }, None));
        }
        let path = encoded(path.split('#').next().unwrap_or_default());
        let (path, query) = path.split_once('?').map_or((&*path, None), |(p, q)| (p, Some(q)));
        let host = host.to_ascii_lowercase();
        let kept = query.map(harmless).filter(|query| !query.is_empty());
        let with = |authority: &str, query: Option<&str>| {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            format!("{name}://{authority}/{path}{query}")
        };
        let text = with(&host, kept.as_deref());
        let given = with(authority, query);
        let has_secrets = authority.contains('@') || kept.as_deref() != query;
        let path = name.len() + "://".len() + host.len() + 1;
        Ok((Address { text, scheme: *scheme, path }, has_secrets.then_some(given)))
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the address as a text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the host or the bucket.
    pub(crate) fn host(&self) -> &str {
        let host = &self.text[..self.path - 1];
        host.split_once("://").map_or(host, |(_, host)| host)
    }

    /// Returns what follows the host or the bucket, without a leading slash: the key of an object.
    pub(crate) fn path(&self) -> &str {
        &self.text[self.path..]
    }

    /// Returns the address of another object of the bucket.
    pub(crate) fn of_key(&self, key: &str) -> Address {
        Address { text: format!("{}{key}", &self.text[..self.path]), ..*self }
    }
}

/// Encodes what cannot be in a request, such as spaces. What is encoded already stays.
fn encoded(path: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const SET: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
    utf8_percent_encode(path, SET).to_string()
}

/// Parameters that are secret in the signed addresses of object stores. Some are ordinary words, so
/// they count only beside a signature.
const BESIDE_SIGNATURE: [&str; 19] = [
    "se",
    "sp",
    "sv",
    "sr",
    "st",
    "spr",
    "sip",
    "ske",
    "skt",
    "sks",
    "skv",
    "skoid",
    "sktid",
    "srt",
    "ss",
    "sdd",
    "expires",
    "policy",
    "response-content-disposition",
];

/// Parts of the names of parameters that are secret.
const SECRET: [&str; 13] = [
    "x-amz-",
    "x-goog-",
    "x-ms-",
    "accessid",
    "auth",
    "credential",
    "jwt",
    "key",
    "passw",
    "pwd",
    "secret",
    "signature",
    "token",
];

/// Returns a query without secrets.
fn harmless(query: &str) -> String {
    let name = |part: &str| part.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_secret = |name: &str| name == "sig" || SECRET.iter().any(|part| name.contains(part));
    let is_signed = query.split('&').any(|part| is_secret(&name(part)));
    let parts = query.split('&').filter(|part| {
        let name = name(part);
        let is_dropped = is_secret(&name) || is_signed && BESIDE_SIGNATURE.contains(&name.as_str());
        !is_dropped
    });
    parts.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_words_are_read_and_read_again_the_same(given in "((https?|s3|gs|az|x)://)?\\PC{0,40}") {
            let _ = without_secrets(&given);
            if let Ok((address, _)) = Address::parse(&given) {
                let (again, given) = Address::parse(address.as_str()).expect("an address");
                prop_assert_eq!(given, None);
                prop_assert_eq!(again, address);
            }
        }

        #[test]
        fn no_secret_is_in_what_is_written_down(
            user in "[a-z]{1,9}(:SECRET[@a-z%]{0,9})?@",
            path in "[a-z/]{0,9}",
            name in "(X-Amz-Signature|sig|token|apiKey|Policy&sig|key-pair-id|auth)",
        ) {
            let given = format!("https://{user}host/{path}?{name}=SECRET");
            let shown = without_secrets(&given);
            prop_assert!(!shown.contains("SECRET"), "{}", shown);
        }
    }

    #[test]
    fn secrets_are_not_in_the_address_that_is_written_down() {
        let cases = [
            ("https://Host:81/a.gz", "https://host:81/a.gz", false),
            ("HTTP://h/a b.gz#part", "http://h/a%20b.gz", false),
            ("https://h", "https://h/", false),
            ("https://h?id=5", "https://h/?id=5", false),
            ("https://me:pass@h/a.gz", "https://h/a.gz", true),
            ("https://h/a?id=5&se=1", "https://h/a?id=5&se=1", false),
            ("https://h/a?se=1&sp=r&sig=x%2F", "https://h/a", true),
            ("https://h/a?id=5&X-Amz-Signature=0&X-Amz-Date=1", "https://h/a?id=5", true),
            ("https://h/a?Expires=1&Signature=s&Key-Pair-Id=k", "https://h/a", true),
            ("https://h/a?access_token=t&x", "https://h/a?x", true),
            ("s3://Bucket/a b?c#d.gz", "s3://Bucket/a b?c#d.gz", false),
            ("s3://key:secret@bucket/a", "s3://bucket/a", false),
        ];
        for (given, expected, has_secrets) in cases {
            let (address, secret) = Address::parse(given).unwrap();
            assert_eq!(address.as_str(), expected);
            assert_eq!(secret.is_some(), has_secrets, "{given}");
        }
    }

    #[test]
    fn parts_are_found() {
        let (address, _) = Address::parse("s3://bucket/a/b.gz").unwrap();
        assert_eq!((address.host(), address.path()), ("bucket", "a/b.gz"));
        assert_eq!(address.of_key("c").as_str(), "s3://bucket/c");
        let (address, _) = Address::parse("gs://bucket").unwrap();
        assert_eq!((address.host(), address.path()), ("bucket", ""));
        let (address, given) = Address::parse("http://u@h:1/a/b?x=1&token=2").unwrap();
        assert_eq!((address.host(), address.path()), ("h:1", "a/b?x=1"));
        assert_eq!(given.as_deref(), Some("http://u@h:1/a/b?x=1&token=2"));
        assert_eq!(without_secrets("https://u:p@h/a?sig=x"), "https://h/a");
        assert_eq!(without_secrets("ftp://u:p@h/a"), "ftp://[...]");
        for bad in ["ftp://h/a", "s3:///a", "https://", "https://u@/a", "a"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
