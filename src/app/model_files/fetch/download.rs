//! Downloading a file over HTTP, with retries, resuming and redirects.

use super::part::{Origin, Part};
use super::{BUFFER_BYTES, show};
use crate::model_files::checksum::Checksum;
use crate::terminal::Row;
use anyhow::{Result, anyhow};
use indicatif::HumanBytes;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// Attempts in a row without a new byte before a download is given up.
const FRUITLESS_ATTEMPTS_MAX: u32 = 5;
/// The wait before the second attempt; it doubles before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection without data for this long counts as dropped.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 10;

/// Why an attempt failed.
enum FetchError {
    /// Another attempt may succeed.
    Transient(String),
    /// Another attempt would fail too.
    Permanent(anyhow::Error),
}

impl From<anyhow::Error> for FetchError {
    fn from(error: anyhow::Error) -> FetchError {
        FetchError::Permanent(error)
    }
}

/// Downloads `address` into the part of `place`, after the bytes that an earlier run left.
pub(super) fn download(
    address: &str,
    place: &Path,
    expected: Option<&Checksum>,
    bytes_max: u64,
    row: &mut Row,
) -> Result<Part> {
    let mut part = Part::open(place, address)?;
    let result = Download { address, expected, bytes_max }.run(&mut part, row);
    if result.is_err() && part.bytes == 0 {
        part.remove()?;
    } else {
        part.checkpoint()?;
    }
    result.map(|()| part)
}

struct Download<'a> {
    address: &'a str,
    expected: Option<&'a Checksum>,
    /// The limit if nothing is expected.
    bytes_max: u64,
}

impl Download<'_> {
    /// Tries until `part` is complete, or until there is no more progress.
    fn run(&self, part: &mut Part, row: &mut Row) -> Result<()> {
        let agent = self.agent();
        let (mut most, mut fruitless) = (part.bytes, 0);
        loop {
            let what = match self.attempt(&agent, part, row) {
                Ok(()) => return Ok(()),
                Err(FetchError::Permanent(error)) => return Err(error),
                Err(FetchError::Transient(what)) => what,
            };
            fruitless = if part.bytes > most { 1 } else { fruitless + 1 };
            most = most.max(part.bytes);
            if fruitless == FRUITLESS_ATTEMPTS_MAX {
                let kept = match part.bytes {
                    0 => String::new(),
                    bytes => format!("; {} are kept, to resume after them", HumanBytes(bytes)),
                };
                return Err(anyhow!(
                    "{}: {what}, {fruitless} times in a row; run the same command later{kept}",
                    self.address
                ));
            }
            let wait = FIRST_WAIT * 2_u32.pow(fruitless - 1);
            row.print(&format!("{what}; next attempt in {} s", wait.as_secs_f64()));
            std::thread::sleep(wait);
        }
    }

    fn agent(&self) -> Agent {
        Agent::config_builder()
            // Redirects are followed here: see `redirect`.
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(SILENCE_MAX))
            .timeout_per_read(Some(SILENCE_MAX))
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build()
            .new_agent()
    }

    /// Makes one request, for the missing bytes of `part`.
    fn attempt(&self, agent: &Agent, part: &mut Part, row: &mut Row) -> Result<(), FetchError> {
        // Without a version, only a checksum detects a rest of another file.
        let can_resume = part.origin.version.is_some() || self.expected.is_some();
        let total = part.origin.bytes;
        if !can_resume || total.is_some_and(|total| part.bytes > total) {
            self.restart(part)?;
        } else if total == Some(part.bytes) {
            return Ok(());
        }
        if part.bytes > 0 {
            row.print(&format!("resuming after {}", HumanBytes(part.bytes)));
        }
        let response = self.request(agent, part)?;
        self.accept(&response, part)?;
        self.read(response.into_body(), part, row)
    }

    /// Empties the part.
    fn restart(&self, part: &mut Part) -> Result<()> {
        part.begin(Origin { address: self.address.to_owned(), ..Origin::default() })
    }

    /// Requests the missing bytes of `part`, and follows redirects.
    fn request(&self, agent: &Agent, part: &Part) -> Result<Response<Body>, FetchError> {
        let mut address = self.address.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = agent.get(&address);
            if part.bytes > 0 {
                request = request.header("Range", format!("bytes={}-", part.bytes));
                if let Some(version) = &part.origin.version {
                    request = request.header("If-Range", version);
                }
            }
            let response = request.call().map_err(|error| self.fetch_error(error, part))?;
            let to = match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => header(&response, "location"),
                _ => return Ok(response),
            };
            address = redirect(&address, to.unwrap_or_default())
                .map_err(|why| FetchError::Permanent(anyhow!("{address}: {why}")))?;
        }
        Err(FetchError::Permanent(anyhow!(
            "{}: more than {REDIRECTS_MAX} redirects, one after another",
            self.address
        )))
    }

    /// Returns the most bytes that the file may have: its known size, or the limit.
    fn bytes_max(&self, part: &Part) -> u64 {
        let known = self.expected.map(|expected| expected.bytes).or(part.origin.bytes);
        known.unwrap_or(self.bytes_max)
    }

    /// Decides by the head of a response where its body belongs.
    fn accept(&self, response: &Response<Body>, part: &mut Part) -> Result<(), FetchError> {
        let address = self.address;
        match response.status().as_u16() {
            200 => {
                let origin = origin(address, response);
                self.check_head(response, &origin)?;
                Ok(part.begin(origin)?)
            }
            206 => {
                let range = header(response, "content-range").and_then(range);
                let version = origin(address, response).version;
                let follows = range.is_some_and(|(start, total)| {
                    start == part.bytes && part.origin.bytes.is_none_or(|bytes| bytes == total)
                });
                if follows && (version.is_none() || version == part.origin.version) {
                    let bytes = range.map(|(_, total)| total);
                    self.check_size(bytes)?;
                    part.origin.bytes = bytes;
                    return Ok(());
                }
                self.restart(part)?;
                Err(FetchError::Transient("the server sent another part than requested".into()))
            }
            416 => {
                self.restart(part)?;
                Err(FetchError::Transient("the server has no more bytes than the part".into()))
            }
            code @ (408 | 429 | 500..) => {
                Err(FetchError::Transient(format!("the server is not ready: {code}")))
            }
            code @ (404 | 410) => {
                Err(FetchError::Permanent(anyhow!("{address}: there is no such file ({code})")))
            }
            code @ (401 | 403) => {
                Err(FetchError::Permanent(anyhow!("{address}: the server denies access ({code})")))
            }
            code => Err(FetchError::Permanent(anyhow!("{address}: the server answered {code}"))),
        }
    }

    /// Rejects what cannot be the file before it is loaded.
    fn check_head(&self, response: &Response<Body>, origin: &Origin) -> Result<(), FetchError> {
        let fail = |what: &str| Err(FetchError::Permanent(anyhow!("{}: {what}", self.address)));
        let kind = header(response, "content-type").unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("text/html") {
            return fail("this is a web page, not a model");
        }
        self.check_size(origin.bytes)?;
        match (self.expected, origin.bytes) {
            (None, None) if header(response, "transfer-encoding").is_none() => fail(
                "neither the server nor upstream says how long the file is, \
                 so a truncated file could not be detected",
            ),
            _ => Ok(()),
        }
    }

    /// Rejects a file whose announced size is not the expected one, or exceeds the limit.
    fn check_size(&self, bytes: Option<u64>) -> Result<(), FetchError> {
        let what = match (self.expected, bytes) {
            (Some(expected), Some(bytes)) if expected.bytes != bytes => {
                let expected = expected.bytes;
                format!("not the expected file: {bytes} bytes, not {expected}")
            }
            (None, Some(bytes)) if bytes > self.bytes_max => format!(
                "a file of {}, whose expected size is not known: at most {} are loaded; --max-size \
                 allows more",
                HumanBytes(bytes),
                HumanBytes(self.bytes_max)
            ),
            _ => return Ok(()),
        };
        Err(FetchError::Permanent(anyhow!("{}: {what}", self.address)))
    }

    fn read(&self, body: Body, part: &mut Part, row: &mut Row) -> Result<(), FetchError> {
        let mut body = body.into_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) if part.bytes + read as u64 > self.bytes_max(part) => {
                    return Err(self.too_long(part)?);
                }
                Ok(read) => part.append(&buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FetchError::Transient(dropped(part, &error.to_string()))),
            }
            show(row, part.bytes, part.origin.bytes);
        }
        match part.origin.bytes {
            Some(bytes) if part.bytes < bytes => {
                Err(FetchError::Transient(dropped(part, "it ended")))
            }
            _ => Ok(()),
        }
    }

    /// Empties the part and returns the error of a body that is too long.
    fn too_long(&self, part: &mut Part) -> Result<FetchError> {
        let most = HumanBytes(self.bytes_max(part));
        let what = match (self.expected, part.origin.bytes) {
            (None, None) => format!(
                "more than {most}, and the server does not say how long the file is; --max-size \
                 allows more"
            ),
            _ => format!("the server sends more than the {most} that the file has"),
        };
        self.restart(part)?;
        Ok(FetchError::Permanent(anyhow!("{}: {what}; nothing was kept of it", self.address)))
    }

    /// Classifies the error of a request without a response.
    fn fetch_error(&self, error: ureq::Error, part: &Part) -> FetchError {
        let address = self.address;
        let is_dropped = match &error {
            ureq::Error::Io(error) => matches!(
                error.kind(),
                ErrorKind::BrokenPipe
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::TimedOut
                    | ErrorKind::UnexpectedEof
            ),
            ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => true,
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => false,
            _ => return FetchError::Permanent(anyhow!("{address}: {error}")),
        };
        // An unknown host or a closed port: another attempt would fail too, unless one has
        // succeeded.
        if is_dropped || part.bytes > 0 {
            FetchError::Transient(format!("no answer: {error}"))
        } else {
            FetchError::Permanent(anyhow!(
                "cannot reach {address}: {error}; is there a network, and a proxy to be named in \
                 HTTPS_PROXY?"
            ))
        }
    }
}

fn dropped(part: &Part, how: &str) -> String {
    format!("the connection was dropped after {}: {how}", HumanBytes(part.bytes))
}

/// Returns what the head of a complete response says about the file.
fn origin(address: &str, response: &Response<Body>) -> Origin {
    // A weak tag does not promise the same bytes, and If-Range does not allow it.
    let tag = header(response, "etag").filter(|tag| tag.starts_with('"'));
    let version = tag.or_else(|| header(response, "last-modified"));
    Origin {
        address: address.to_owned(),
        version: version.map(str::to_owned),
        bytes: header(response, "content-length").and_then(|length| length.parse().ok()),
        kept: None,
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Resolves the redirect from `address` to `to`, if it is allowed: from https to https on any host,
/// since the server is authenticated; from http, where anyone on the path can answer, to the same
/// host only.
fn redirect(address: &str, to: &str) -> Result<String, String> {
    let parts = |uri: &str| {
        let (scheme, rest) = uri.split_once("://")?;
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some((scheme.to_ascii_lowercase(), authority.to_owned(), path.to_owned()))
    };
    let (scheme, authority, path) = parts(address).ok_or("not an address")?;
    let to = to.trim().split('#').next().unwrap_or_default();
    let to = match to {
        "" => return Err("it redirects without an address".into()),
        to if to.starts_with("//") => format!("{scheme}:{to}"),
        to if to.starts_with('/') => format!("{scheme}://{authority}{to}"),
        to if parts(to)
            .is_some_and(|(scheme, ..)| scheme.bytes().all(|b| b.is_ascii_alphabetic())) =>
        {
            to.to_owned()
        }
        to => {
            let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
            let folder = if folder.is_empty() { "/" } else { folder };
            format!("{scheme}://{authority}{folder}{to}")
        }
    };
    let (new_scheme, new_authority, _) =
        parts(&to).ok_or("it redirects to something that is not an address")?;
    let is_allowed = match (&scheme[..], &new_scheme[..]) {
        ("https", "https") => true,
        ("http", "http" | "https") => host(&authority) == host(&new_authority),
        _ => false,
    };
    if is_allowed {
        return Ok(to);
    }
    Err(format!(
        "it redirects to {to}; from https only https is followed, and from http only the same \
         host: name that address with --from if you trust it"
    ))
}

/// Returns the host without user and port, in lower case.
fn host(authority: &str) -> String {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let end = match host.find(']') {
        Some(end) => end + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    host[..end].to_ascii_lowercase()
}

/// Parses the start and the length of the whole file from `bytes 5-9/10`.
fn range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_https_or_to_the_same_host() {
        for (from, to, expected) in [
            ("https://a.org/x/y?q#f", "z", "https://a.org/x/z"),
            ("https://a.org", "z", "https://a.org/z"),
            ("https://a.org/x/y", "/z#f", "https://a.org/z"),
            ("https://a.org/x", "//b.org/z", "https://b.org/z"),
            ("https://a.org/x", "https://b.org/z?q", "https://b.org/z?q"),
            ("https://a.org/x/y", "z?to=http://b.org/", "https://a.org/x/z?to=http://b.org/"),
            ("http://a.org:80/x", "http://A.org:8080/z", "http://A.org:8080/z"),
            ("http://a.org/x", "HTTPS://a.org/z", "HTTPS://a.org/z"),
            ("http://[::1]:80/x", "http://[::1]:81/z", "http://[::1]:81/z"),
        ] {
            assert_eq!(redirect(from, to).as_deref(), Ok(expected), "{from} {to}");
        }
        for (from, to) in [
            ("https://a.org/x", "http://a.org/x"),
            ("http://a.org/x", "http://b.org/x"),
            ("http://a.org/x", "https://b.org/x"),
            ("http://a.org/x", "http://a.org@b.org/x"),
            ("http://a.org/x", "//b.org/x"),
            ("https://a.org/x", "file:///etc/passwd"),
            ("https://a.org/x", ""),
        ] {
            assert!(redirect(from, to).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn a_content_range_is_read_and_a_wrong_one_is_none() {
        assert_eq!(range("bytes 5-9/10"), Some((5, 10)));
        for wrong in ["bytes */10", "bytes 5-9/*", "5-9/10", "bytes 5/10", ""] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
