//! A file from an address or a path to its place: whole and checked, or not at all.
//!
//! Bytes go to `NAME.part`, which becomes NAME when all are there and their checksum is right. Of a
//! download, `NAME.part.json` says where the part came from, in which version, and which bytes of it
//! are known to be whole, so that it goes on where it was dropped, in this run or a later one, and
//! never mixes two versions.
//!
//! A server is a stranger. No more is written than the size that is known, or than the limit where
//! none is; redirects lead only to where an address may lead; and nothing is ever written through a
//! link.

mod part;

use self::part::{Origin, Part, remove_if_there};

use crate::model_files::checksum::Checksum;
use crate::terminal::Row;
use anyhow::{Context, Result, anyhow};
use indicatif::HumanBytes;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// Attempts that bring nothing new, one after the other, before a download is given up.
const FRUITLESS_ATTEMPTS_MAX: u32 = 5;
/// The wait before the second attempt; it doubles before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection on which nothing comes for so long counts as dropped.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 256 << 10;
const REDIRECTS_MAX: usize = 10;

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `http://` or `https://`.
    Address(String),
    Path(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Address(address) => f.write_str(address),
            Source::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Brings a file from `source` to `place`, where none is yet, and gives its checksum. Fails if that
/// is not the `expected` one, or, of a download of which nothing is expected, if there are more than
/// `bytes_max` bytes; `place` is then left empty, as by any other failure.
pub(crate) fn fetch(
    source: &Source,
    place: &Path,
    expected: Option<&Checksum>,
    bytes_max: u64,
    row: &mut Row,
) -> Result<Checksum> {
    let folder = place.parent().context("a model file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    is_free(place)?;
    let part = match source {
        Source::Address(address) => download(address, place, expected, bytes_max, row)?,
        Source::Path(path) => copy(path, place, expected, row)?,
    };
    part.file.sync_all().map_err(|error| part.cannot_write(error))?;
    let found = Checksum::of(&part.path)?;
    let wrong = match expected.map(|expected| found.differs(expected)) {
        Some(Some(how)) => Some(how),
        _ if found.bytes == 0 => Some("it is empty".into()),
        _ => None,
    };
    if let Some(how) = wrong {
        part.remove()?;
        return Err(anyhow!(
            "{source} is not the file that is wanted: {how}; nothing was kept of it"
        ));
    }
    is_free(place)?;
    durable::rename(&part.path, place)
        .with_context(|| format!("cannot rename {} to {}", part.path.display(), place.display()))?;
    remove_if_there(&part.origin_path)?;
    Ok(found)
}

/// Shows the bytes that are there, of `total` if that is known.
fn show(row: &mut Row, bytes: u64, total: Option<u64>) {
    row.update(bytes, total, || match total {
        Some(total) => format!("{} of {}", HumanBytes(bytes), HumanBytes(total)),
        None => HumanBytes(bytes).to_string(),
    });
}

/// Fails where something is in the place of a file, a link that leads nowhere for example.
fn is_free(place: &Path) -> Result<()> {
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", place.display())),
        Ok(meta) => {
            let kind = formats::regular::kind(meta.file_type()).unwrap_or("a file");
            Err(anyhow!("{} is in the way: it is {kind}; remove it", place.display()))
        }
    }
}

/// Copies the file at `from` into the part of `place`, from its start.
fn copy(from: &Path, place: &Path, expected: Option<&Checksum>, row: &mut Row) -> Result<Part> {
    let reading = || format!("cannot read {}", from.display());
    let file = formats::regular::open(from).with_context(reading)?;
    let bytes = file.metadata().with_context(reading)?.len();
    // It may grow while it is copied.
    let mut file = file.take(bytes);
    if let Some(expected) = expected.filter(|expected| expected.bytes != bytes) {
        let (from, expected) = (from.display(), expected.bytes);
        return Err(anyhow!(
            "{from} is not the file that is wanted: {bytes} bytes, not {expected}"
        ));
    }
    let mut part = Part::open(place, "")?;
    let mut copied = || -> Result<()> {
        part.begin(Origin { bytes: Some(bytes), ..Origin::default() })?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => part.append(&buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).with_context(reading),
            }
            show(row, part.bytes, Some(bytes));
        }
    };
    if let Err(error) = copied() {
        // A copy begins anew, so its part is of no use.
        part.remove()?;
        return Err(error);
    }
    Ok(part)
}

/// Why an attempt failed.
enum FetchError {
    /// It may go better next time.
    Passing(String),
    /// It would fail again.
    Lasting(anyhow::Error),
}

impl From<anyhow::Error> for FetchError {
    fn from(error: anyhow::Error) -> FetchError {
        FetchError::Lasting(error)
    }
}

/// Loads what is at `address` into the part of `place`, behind what an earlier run left of it.
fn download(
    address: &str,
    place: &Path,
    expected: Option<&Checksum>,
    bytes_max: u64,
    row: &mut Row,
) -> Result<Part> {
    let mut part = Part::open(place, address)?;
    let loaded = Download { address, expected, bytes_max }.run(&mut part, row);
    match loaded.is_err() && part.bytes == 0 {
        true => part.remove()?,
        false => part.checkpoint()?,
    }
    loaded.map(|()| part)
}

struct Download<'a> {
    address: &'a str,
    expected: Option<&'a Checksum>,
    /// The limit where nothing is expected.
    bytes_max: u64,
}

impl Download<'_> {
    /// Tries until `part` is whole, or until there is no more point in it.
    fn run(&self, part: &mut Part, row: &mut Row) -> Result<()> {
        let agent = self.agent();
        let (mut most, mut fruitless) = (part.bytes, 0);
        loop {
            let what = match self.attempt(&agent, part, row) {
                Ok(()) => return Ok(()),
                Err(FetchError::Lasting(error)) => return Err(error),
                Err(FetchError::Passing(what)) => what,
            };
            fruitless = if part.bytes > most { 1 } else { fruitless + 1 };
            most = most.max(part.bytes);
            if fruitless == FRUITLESS_ATTEMPTS_MAX {
                let kept = match part.bytes {
                    0 => String::new(),
                    bytes => format!("; {} are kept, to go on from", HumanBytes(bytes)),
                };
                return Err(anyhow!(
                    "{}: {what}, {fruitless} times in a row; give the command again later{kept}",
                    self.address
                ));
            }
            let wait = FIRST_WAIT * 2_u32.pow(fruitless - 1);
            row.print(&format!("{what}; again in {} s", wait.as_secs_f64()));
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

    /// One request, for what is missing of `part`.
    fn attempt(&self, agent: &Agent, part: &mut Part, row: &mut Row) -> Result<(), FetchError> {
        // Without a version, only a checksum can tell whether the rest is of the same file.
        let can_go_on = part.origin.version.is_some() || self.expected.is_some();
        let whole = part.origin.bytes;
        if !can_go_on || whole.is_some_and(|whole| part.bytes > whole) {
            part.begin(Origin { address: self.address.to_owned(), ..Origin::default() })?;
        } else if whole == Some(part.bytes) {
            return Ok(());
        }
        if part.bytes > 0 {
            row.print(&format!("going on after {}", HumanBytes(part.bytes)));
        }
        let response = self.ask(agent, part)?;
        self.accept(&response, part)?;
        self.read(response.into_body(), part, row)
    }

    /// Asks for what is missing of `part`, and follows redirects.
    fn ask(&self, agent: &Agent, part: &Part) -> Result<Response<Body>, FetchError> {
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
                .map_err(|why| FetchError::Lasting(anyhow!("{address}: {why}")))?;
        }
        Err(FetchError::Lasting(anyhow!(
            "{}: more than {REDIRECTS_MAX} redirects, one after another",
            self.address
        )))
    }

    /// How many bytes the file may have: the size that is known of it, or the limit.
    fn most(&self, part: &Part) -> u64 {
        let known = self.expected.map(|expected| expected.bytes).or(part.origin.bytes);
        known.unwrap_or(self.bytes_max)
    }

    /// Decides by the head of an answer where its body belongs.
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
                part.begin(Origin { address: address.to_owned(), ..Origin::default() })?;
                Err(FetchError::Passing("the server sent another part than was asked for".into()))
            }
            416 => {
                part.begin(Origin { address: address.to_owned(), ..Origin::default() })?;
                Err(FetchError::Passing("the server has no more than is here already".into()))
            }
            code @ (408 | 429 | 500..) => {
                Err(FetchError::Passing(format!("the server is not ready: {code}")))
            }
            code @ (404 | 410) => {
                Err(FetchError::Lasting(anyhow!("{address}: there is no such file ({code})")))
            }
            code @ (401 | 403) => {
                Err(FetchError::Lasting(anyhow!("{address}: the server does not give it ({code})")))
            }
            code => Err(FetchError::Lasting(anyhow!("{address}: the server answered {code}"))),
        }
    }

    /// Turns away what cannot be the file, before it is loaded.
    fn check_head(&self, response: &Response<Body>, origin: &Origin) -> Result<(), FetchError> {
        let lasting = |what: String| Err(FetchError::Lasting(anyhow!("{}: {what}", self.address)));
        let kind = header(response, "content-type").unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("text/html") {
            return lasting("this is a web page, and not a model".into());
        }
        self.check_size(origin.bytes)?;
        match (self.expected, origin.bytes) {
            (None, None) if header(response, "transfer-encoding").is_none() => lasting(
                "neither the server nor upstream says how long the file is, \
                 so one that is cut off could not be told from a whole one"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// Turns away a file that says itself that it has not the size that is wanted.
    fn check_size(&self, bytes: Option<u64>) -> Result<(), FetchError> {
        let what = match (self.expected, bytes) {
            (Some(expected), Some(bytes)) if expected.bytes != bytes => {
                let expected = expected.bytes;
                format!("not the file that is wanted: {bytes} bytes, and not {expected}")
            }
            (None, Some(bytes)) if bytes > self.bytes_max => format!(
                "a file of {}, and nothing is known of how large it should be: at most {} are \
                 loaded; --max-size allows more",
                HumanBytes(bytes),
                HumanBytes(self.bytes_max)
            ),
            _ => return Ok(()),
        };
        Err(FetchError::Lasting(anyhow!("{}: {what}", self.address)))
    }

    fn read(&self, body: Body, part: &mut Part, row: &mut Row) -> Result<(), FetchError> {
        let mut body = body.into_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) if part.bytes + read as u64 > self.most(part) => {
                    return Err(self.too_long(part)?);
                }
                Ok(read) => part.append(&buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FetchError::Passing(dropped(part, &error.to_string()))),
            }
            show(row, part.bytes, part.origin.bytes);
        }
        match part.origin.bytes {
            Some(bytes) if part.bytes < bytes => {
                Err(FetchError::Passing(dropped(part, "it ended")))
            }
            _ => Ok(()),
        }
    }

    /// What is said of a body that does not end where it should; nothing is kept of it.
    fn too_long(&self, part: &mut Part) -> Result<FetchError> {
        let most = HumanBytes(self.most(part));
        let what = match (self.expected, part.origin.bytes) {
            (None, None) => format!(
                "more than {most}, and the server does not say how long the file is; --max-size \
                 allows more"
            ),
            _ => format!("the server sends more than the {most} that the file has"),
        };
        part.begin(Origin { address: self.address.to_owned(), ..Origin::default() })?;
        Ok(FetchError::Lasting(anyhow!("{}: {what}; nothing was kept of it", self.address)))
    }

    /// What a request that got no answer means.
    fn fetch_error(&self, error: ureq::Error, part: &Part) -> FetchError {
        let address = self.address;
        let cut = match &error {
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
            _ => return FetchError::Lasting(anyhow!("{address}: {error}")),
        };
        // A name that is not found, a port that is shut: if nothing ever came, it never will.
        match cut || part.bytes > 0 {
            true => FetchError::Passing(format!("no answer: {error}")),
            false => FetchError::Lasting(anyhow!(
                "cannot reach {address}: {error}; is there a network, and a proxy to be named in \
                 HTTPS_PROXY?"
            )),
        }
    }
}

fn dropped(part: &Part, how: &str) -> String {
    format!("the connection was dropped after {}: {how}", HumanBytes(part.bytes))
}

/// What the head of a whole answer says of the file.
fn origin(address: &str, response: &Response<Body>) -> Origin {
    // A weak tag does not promise the same bytes, and If-Range may not have it.
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

/// Where the redirect `to` leads from `address`, if it may: from https to https, whatever the host,
/// since who answers is known; from http, where anyone on the way can answer, to the same host only.
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
        "" => return Err("it redirects, and does not say where to".into()),
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
    let (new_scheme, new_authority, _) = parts(&to).ok_or("it redirects to no address")?;
    let may_lead_there = match (&scheme[..], &new_scheme[..]) {
        ("https", "https") => true,
        ("http", "http" | "https") => host(&authority) == host(&new_authority),
        _ => false,
    };
    if may_lead_there {
        return Ok(to);
    }
    Err(format!(
        "it redirects to {to}; from https only https is followed, and from http only the same \
         host: name that address with --from if you trust it"
    ))
}

/// Without user and port, in lower case.
fn host(authority: &str) -> String {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let end = match host.find(']') {
        Some(end) => end + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    host[..end].to_ascii_lowercase()
}

/// The start and the length of the whole file, of `bytes 5-9/10`.
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
