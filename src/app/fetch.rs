//! A file from an address or a path to its place: whole and checked, or not at all.
//!
//! Bytes go to `NAME.part`, which becomes NAME when all are there and their checksum is right. Of a
//! download, `NAME.part.json` says where the part came from and in which version, so that it goes on
//! where it was dropped, in this run or a later one, and never mixes two versions.

use crate::checksums::Checksum;
use crate::meter::Meter;
use anyhow::{Context, Result, anyhow};
use indicatif::HumanBytes;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
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
/// is not the `expected` one; `place` is then left empty, as by any other failure.
pub(crate) fn fetch(
    source: &Source,
    place: &Path,
    expected: Option<&Checksum>,
    meter: &mut Meter,
) -> Result<Checksum> {
    let folder = place.parent().context("a model file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let part = match source {
        Source::Address(address) => download(address, place, expected, meter)?,
        Source::Path(path) => copy(path, place, expected, meter)?,
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
    fs::rename(&part.path, place)
        .and_then(|()| File::open(folder)?.sync_all())
        .with_context(|| format!("cannot rename {} to {}", part.path.display(), place.display()))?;
    remove_if_there(&part.origin_path)?;
    Ok(found)
}

/// The bytes that came so far.
struct Part {
    path: PathBuf,
    origin_path: PathBuf,
    file: File,
    bytes: u64,
    origin: Origin,
}

/// Which file at which address a part is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    address: String,
    /// What `If-Range` takes: a strong entity tag, or a date of change.
    version: Option<String>,
    bytes: Option<u64>,
}

impl Part {
    /// The part for `place` that an earlier run left of `address`, or an empty one.
    fn open(place: &Path, address: &str) -> Result<Part> {
        let beside = |ending: &str| {
            let mut name = place.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (path, origin_path) = (beside(".part"), beside(".part.json"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let bytes = file.metadata()?.len();
        // One that cannot be read is as good as none.
        let left = fs::read(&origin_path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let mut part = Part { path, origin_path, file, bytes, origin: left.unwrap_or_default() };
        if part.origin.address != address {
            part.begin(Origin { address: address.to_owned(), ..Origin::default() })?;
        }
        part.go_on_at(part.bytes)?;
        Ok(part)
    }

    /// Empties the part: what comes now is of `origin`.
    fn begin(&mut self, origin: Origin) -> Result<()> {
        self.file.set_len(0).map_err(|error| self.cannot_write(error))?;
        self.go_on_at(0)?;
        let text = serde_json::to_vec(&origin)?;
        fs::write(&self.origin_path, text).map_err(|error| self.cannot_write(error))?;
        self.origin = origin;
        Ok(())
    }

    fn go_on_at(&mut self, bytes: u64) -> Result<()> {
        io::Seek::seek(&mut self.file, io::SeekFrom::Start(bytes))?;
        self.bytes = bytes;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| self.cannot_write(error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn remove(&self) -> Result<()> {
        remove_if_there(&self.path)?;
        remove_if_there(&self.origin_path)
    }

    fn cannot_write(&self, error: io::Error) -> anyhow::Error {
        let (shown, have) = (self.path.display(), HumanBytes(self.bytes));
        let needs = match self.origin.bytes {
            Some(bytes) => format!("{} more", HumanBytes(bytes.saturating_sub(self.bytes))),
            None => "more".into(),
        };
        let remedy = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
                "the disk is full after {have}; make room for {needs} and give the command again"
            ),
            _ => error.to_string(),
        };
        anyhow!("cannot write {shown}: {remedy}")
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Copies the file at `from` into the part of `place`, from its start.
fn copy(from: &Path, place: &Path, expected: Option<&Checksum>, meter: &mut Meter) -> Result<Part> {
    let reading = || format!("cannot read {}", from.display());
    let mut file = File::open(from).with_context(reading)?;
    let bytes = file.metadata().with_context(reading)?.len();
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
            meter.at(part.bytes, Some(bytes));
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
enum Trouble {
    /// It may go better next time.
    Passing(String),
    /// It would fail again.
    Lasting(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::Lasting(error)
    }
}

/// Loads what is at `address` into the part of `place`, behind what an earlier run left of it.
fn download(
    address: &str,
    place: &Path,
    expected: Option<&Checksum>,
    meter: &mut Meter,
) -> Result<Part> {
    let mut part = Part::open(place, address)?;
    let loaded = Download { address, expected }.run(&mut part, meter);
    if loaded.is_err() && part.bytes == 0 {
        part.remove()?;
    }
    loaded.map(|()| part)
}

struct Download<'a> {
    address: &'a str,
    expected: Option<&'a Checksum>,
}

impl Download<'_> {
    /// Tries until `part` is whole, or until there is no more point in it.
    fn run(&self, part: &mut Part, meter: &mut Meter) -> Result<()> {
        let agent = self.agent();
        let (mut most, mut fruitless) = (part.bytes, 0);
        loop {
            let what = match self.attempt(&agent, part, meter) {
                Ok(()) => return Ok(()),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(what)) => what,
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
            meter.say(&format!("{what}; again in {} s", wait.as_secs_f64()));
            std::thread::sleep(wait);
        }
    }

    fn agent(&self) -> Agent {
        Agent::config_builder()
            // Nobody on the way from a secure address may lead to another one.
            .https_only(self.address.starts_with("https://"))
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
    fn attempt(&self, agent: &Agent, part: &mut Part, meter: &mut Meter) -> Result<(), Trouble> {
        // Without a version, only a checksum can tell whether the rest is of the same file.
        let can_go_on = part.origin.version.is_some() || self.expected.is_some();
        let whole = part.origin.bytes;
        if !can_go_on || whole.is_some_and(|whole| part.bytes > whole) {
            part.begin(Origin { address: self.address.to_owned(), ..Origin::default() })?;
        } else if whole == Some(part.bytes) {
            return Ok(());
        }
        let mut request = agent.get(self.address);
        if part.bytes > 0 {
            meter.say(&format!("going on after {}", HumanBytes(part.bytes)));
            request = request.header("Range", format!("bytes={}-", part.bytes));
            if let Some(version) = &part.origin.version {
                request = request.header("If-Range", version);
            }
        }
        let response = request.call().map_err(|error| self.trouble(error, part))?;
        self.accept(&response, part)?;
        self.read(response.into_body(), part, meter)
    }

    /// Decides by the head of an answer where its body belongs.
    fn accept(&self, response: &Response<Body>, part: &mut Part) -> Result<(), Trouble> {
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
                    part.origin.bytes = range.map(|(_, total)| total);
                    return Ok(());
                }
                part.begin(Origin { address: address.to_owned(), ..Origin::default() })?;
                Err(Trouble::Passing("the server sent another part than was asked for".into()))
            }
            416 => {
                part.begin(Origin { address: address.to_owned(), ..Origin::default() })?;
                Err(Trouble::Passing("the server has no more than is here already".into()))
            }
            code @ (408 | 429 | 500..) => {
                Err(Trouble::Passing(format!("the server is not ready: {code}")))
            }
            code @ (404 | 410) => {
                Err(Trouble::Lasting(anyhow!("{address}: there is no such file ({code})")))
            }
            code @ (401 | 403) => {
                Err(Trouble::Lasting(anyhow!("{address}: the server does not give it ({code})")))
            }
            code => Err(Trouble::Lasting(anyhow!("{address}: the server answered {code}"))),
        }
    }

    /// Turns away what cannot be the file, before it is loaded.
    fn check_head(&self, response: &Response<Body>, origin: &Origin) -> Result<(), Trouble> {
        let lasting = |what: String| Err(Trouble::Lasting(anyhow!("{}: {what}", self.address)));
        let kind = header(response, "content-type").unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("text/html") {
            return lasting("this is a web page, and not a model".into());
        }
        match (self.expected, origin.bytes) {
            (Some(expected), Some(bytes)) if expected.bytes != bytes => {
                let expected = expected.bytes;
                lasting(format!("not the file that is wanted: {bytes} bytes, and not {expected}"))
            }
            (None, None) if header(response, "transfer-encoding").is_none() => lasting(
                "neither the server nor upstream says how long the file is, \
                 so one that is cut off could not be told from a whole one"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    fn read(&self, body: Body, part: &mut Part, meter: &mut Meter) -> Result<(), Trouble> {
        let mut body = body.into_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => part.append(&buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Passing(dropped(part, &error.to_string()))),
            }
            meter.at(part.bytes, part.origin.bytes);
        }
        match part.origin.bytes {
            Some(bytes) if part.bytes < bytes => Err(Trouble::Passing(dropped(part, "it ended"))),
            _ => Ok(()),
        }
    }

    /// What a request that got no answer means.
    fn trouble(&self, error: ureq::Error, part: &Part) -> Trouble {
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
            _ => return Trouble::Lasting(anyhow!("{address}: {error}")),
        };
        // A name that is not found, a port that is shut: if nothing ever came, it never will.
        match cut || part.bytes > 0 {
            true => Trouble::Passing(format!("no answer: {error}")),
            false => Trouble::Lasting(anyhow!(
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
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
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
    fn a_content_range_is_read_and_a_wrong_one_is_none() {
        assert_eq!(range("bytes 5-9/10"), Some((5, 10)));
        for wrong in ["bytes */10", "bytes 5-9/*", "5-9/10", "bytes 5/10", ""] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
