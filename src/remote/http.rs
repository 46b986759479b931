//! Files at servers that speak HTTP.

use crate::origin::{Answer, Origin, Stat, Trouble, tag};
use crate::retry::Policy;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::http::Response;
use ureq::{Agent, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections that stay open to one host: many files are asked for at once.
const IDLE_MAX: usize = 32;

const REDIRECTS_MAX: u32 = 10;

/// The connections of a process.
#[derive(Clone)]
pub(crate) struct Web {
    agent: Agent,
    /// Hosts that have answered.
    reached: Arc<Mutex<BTreeSet<String>>>,
}

impl Web {
    pub(crate) fn new(policy: Policy) -> Web {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(REDIRECTS_MAX)
            .timeout_connect(Some(CONNECT_TIMEOUT.min(policy.silence_max)))
            .timeout_recv_response(Some(policy.silence_max))
            .timeout_per_read(Some(policy.silence_max))
            .timeout_per_write(Some(policy.silence_max))
            .max_idle_connections(4 * IDLE_MAX)
            .max_idle_connections_per_host(IDLE_MAX)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            // The bytes as they are stored: offsets and sizes count these.
            .accept_encoding("identity")
            .build()
            .new_agent();
        Web { agent, reached: Arc::default() }
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Notes that a host has answered.
    pub(crate) fn reached(&self, host: &str) {
        let mut reached = self.reached.lock().expect("nobody panicked with it");
        if !reached.contains(host) {
            reached.insert(host.to_owned());
        }
    }

    /// Classifies the error of a request without an answer from `host`. An unknown host or a closed
    /// port is a typing error, unless the host has answered before.
    pub(crate) fn trouble(&self, error: &ureq::Error, host: &str) -> Trouble {
        let is_known = self.reached.lock().expect("nobody panicked with it").contains(host);
        match error {
            ureq::Error::Io(error) => {
                let kind = error.kind();
                let is_dropped = matches!(
                    kind,
                    ErrorKind::BrokenPipe
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset
                        | ErrorKind::TimedOut
                        | ErrorKind::UnexpectedEof
                );
                if !is_dropped && !is_known {
                    return unreachable(host, &error.to_string());
                }
                let kind = match kind {
                    ErrorKind::TimedOut => ErrorKind::TimedOut,
                    _ => ErrorKind::ConnectionReset,
                };
                Trouble::transient(kind, format!("no answer: {error}"))
            }
            ureq::Error::Timeout(_) => {
                Trouble::transient(ErrorKind::TimedOut, format!("no answer: {error}"))
            }
            ureq::Error::Protocol(_) => {
                Trouble::transient(ErrorKind::ConnectionReset, format!("no answer: {error}"))
            }
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed if is_known => {
                Trouble::transient(ErrorKind::ConnectionReset, format!("no answer: {error}"))
            }
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                unreachable(host, &error.to_string())
            }
            other => Trouble::permanent(ErrorKind::ConnectionAborted, other.to_string()),
        }
    }
}

fn unreachable(host: &str, what: &str) -> Trouble {
    let what = format!(
        "cannot reach {host}: {what}; is there a network, and a proxy to be named in HTTPS_PROXY?"
    );
    Trouble::permanent(ErrorKind::HostUnreachable, what)
}

/// A file at a server.
pub(crate) struct WebFile {
    pub web: Web,
    /// The address with everything that the server needs.
    pub address: String,
    pub host: String,
}

impl WebFile {
    /// Asks for bytes, which the server may answer with all of the file.
    fn request(&self, range: &Range<u64>) -> Result<Response<Body>, Trouble> {
        let (start, last) = (range.start, range.end - 1);
        let (address, credentials) = split_credentials(&self.address);
        let mut request = self.web.agent.get(&address);
        if let Some(credentials) = credentials {
            request = request.header("Authorization", credentials);
        }
        let request = request.header("Range", format!("bytes={start}-{last}"));
        // A redirect must not lead out of an encrypted connection.
        let is_https = address.starts_with("https:");
        let request = request.config().https_only(is_https).build();
        let response = request.call().map_err(|error| self.web.trouble(&error, &self.host))?;
        self.web.reached(&self.host);
        Ok(response)
    }
}

/// Separates `user:password@` from an address, as the header that it means.
fn split_credentials(address: &str) -> (String, Option<String>) {
    let parts = address.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@')?;
        Some((format!("{scheme}://{host}{path}"), user))
    });
    let Some((address, user)) = parts else { return (address.to_owned(), None) };
    let user: Vec<u8> = percent_encoding::percent_decode_str(user).collect();
    let encoded = data_encoding::BASE64.encode(&user);
    (address, Some(format!("Basic {encoded}")))
}

impl Origin for WebFile {
    fn stat(&self) -> Result<Stat, Trouble> {
        // Not by HEAD, which signed addresses do not allow.
        let response = self.request(&(0..1))?;
        let (stat, _) = described(&response)?;
        // One byte is read to its end, so that the connection can serve the next request. All of a
        // file is not.
        let _ = response.into_body().into_reader().take(2).read_to_end(&mut Vec::new());
        Ok(stat)
    }

    fn get(&self, range: Range<u64>) -> Result<Answer, Trouble> {
        let response = self.request(&range)?;
        let (stat, sent) = described(&response)?;
        Ok(Answer { stat, range: sent, body: Box::new(response.into_body().into_reader()) })
    }
}

/// Reads the head of an answer: what the file is, and which bytes of it follow.
fn described(response: &Response<Body>) -> Result<(Stat, Range<u64>), Trouble> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let modified = header("last-modified");
    let stat = |bytes| Stat {
        bytes,
        tag: header("etag").map(tag),
        modified: modified.and_then(|text| seconds(httpdate::parse_http_date(text).ok()?)),
    };
    let content_range = header("content-range").and_then(content_range);
    match response.status().as_u16() {
        200 => {
            let length = header("content-length").and_then(|length| length.parse().ok());
            let Some(bytes) = length else {
                let what = "the server does not say how long the file is: fetch it first, and name \
                            the file";
                return Err(Trouble::permanent(ErrorKind::ConnectionAborted, what));
            };
            Ok((stat(bytes), 0..bytes))
        }
        206 => match content_range {
            Some((Some(range), bytes)) if range.end <= bytes => Ok((stat(bytes), range)),
            _ => Err(Trouble::transient(
                ErrorKind::ConnectionReset,
                "the server sent a part without saying which",
            )),
        },
        // Also the answer for an empty file, which has no byte to send.
        416 => match content_range {
            Some((_, bytes)) => Ok((stat(bytes), bytes..bytes)),
            None => Ok((stat(0), 0..0)),
        },
        status => Err(Trouble::of_status(status, header("retry-after").and_then(retry_after))),
    }
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Reads `bytes 0-9/100`, or `bytes */100`.
fn content_range(text: &str) -> Option<(Option<Range<u64>>, u64)> {
    let (range, bytes) = text.strip_prefix("bytes ")?.split_once('/')?;
    let range = match range {
        "*" => None,
        range => {
            let (first, last) = range.split_once('-')?;
            let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            Some(first..last.checked_add(1).filter(|end| *end > first)?)
        }
    };
    Some((range, bytes.trim().parse().ok()?))
}

/// Reads how long to wait: seconds, or a date.
pub(crate) fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 0-9/100"), Some((Some(0..10), 100)));
        assert_eq!(content_range("bytes */0"), Some((None, 0)));
        for bad in
            ["bytes 9-0/100", "bytes 0-9/*", "items 0-9/10", "bytes 0-18446744073709551615/1"]
        {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_become_a_header() {
        let (address, header) = split_credentials("https://me:p%40ss@h:1/a@b");
        assert_eq!(address, "https://h:1/a@b");
        assert_eq!(header.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(split_credentials("https://h/a@b"), ("https://h/a@b".into(), None));
    }

    #[test]
    fn servers_say_how_long_to_wait() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), None);
        assert_eq!(retry_after("soon"), None);
    }
}
