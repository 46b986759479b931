//! The bytes of a remote file from some place on, whatever happens to the connection.

use crate::blocks::sends_no_parts;
use crate::origin::{Answer, Origin, Stat, Trouble};
use crate::retry::{Attempts, Policy, retried};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

/// A remote file that is open: all its bytes are of one version.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    pub origin: Arc<dyn Origin>,
    /// For the log.
    pub name: Arc<str>,
    pub stat: Stat,
    pub policy: Policy,
}

impl RemoteFile {
    /// Opens a file. Asks for its size and version unless they are known.
    pub(crate) fn open(
        origin: Arc<dyn Origin>,
        name: Arc<str>,
        known: Option<Stat>,
        policy: Policy,
    ) -> io::Result<RemoteFile> {
        let stat = match known {
            Some(stat) => stat,
            None => retried(policy, &name, || origin.stat())?,
        };
        Ok(RemoteFile { origin, name, stat, policy })
    }

    /// Returns the bytes of a range, which ends with the file at the latest.
    pub(crate) fn body(&self, range: Range<u64>) -> Body {
        let end = range.end.min(self.stat.bytes);
        Body { file: self.clone(), at: range.start.min(end), end, open: None, parts_only: false }
    }

    /// Makes one attempt to get bytes of the version that was opened.
    fn get(&self, range: Range<u64>) -> Result<Answer, Trouble> {
        let answer = self.origin.get(range)?;
        if !answer.stat.is_same(&self.stat) {
            return Err(self.replaced(&answer.stat));
        }
        Ok(answer)
    }

    fn replaced(&self, now: &Stat) -> Trouble {
        let (before, after) = (self.stat.bytes, now.bytes);
        let what = if before == after {
            "another version, of the same size".to_owned()
        } else {
            format!("{after} bytes, not {before}")
        };
        let what = format!(
            "this source was replaced while it was read (the server has {what}): put it back as it \
             was, and run the same command again, or build a new corpus"
        );
        Trouble::permanent(ErrorKind::StaleNetworkFileHandle, what)
    }
}

/// Reads a range of a file in order. After a failure it resumes at the byte that it has reached.
pub(crate) struct Body {
    file: RemoteFile,
    /// The next byte.
    at: u64,
    end: u64,
    open: Option<Open>,
    /// Whether the server must not send all of the file instead of the part.
    parts_only: bool,
}

/// The answer that is being read.
struct Open {
    body: Box<dyn Read + Send>,
    /// The byte of the file after its last.
    until: u64,
}

impl Body {
    /// Extends the range up to the end of the file.
    pub(crate) fn extend(&mut self) {
        self.end = self.file.stat.bytes;
    }

    /// Fails if the server cannot send parts of a file.
    pub(crate) fn parts_only(&mut self) {
        self.parts_only = true;
    }

    /// Reads what is there: at least a byte, unless `into` is empty or the range has ended.
    fn attempt(&mut self, into: &mut [u8]) -> Result<usize, Trouble> {
        let open = match &mut self.open {
            Some(open) if open.until > self.at => open,
            _ => {
                let answer = self.file.get(self.at..self.end)?;
                if self.parts_only && answer.range.start != self.at {
                    return Err(Trouble::Permanent(sends_no_parts()));
                }
                self.open.insert(positioned(answer, self.at)?)
            }
        };
        let left = (open.until.min(self.end) - self.at).min(into.len() as u64) as usize;
        match open.body.read(&mut into[..left]) {
            Ok(0) => Err(self.dropped(ErrorKind::ConnectionReset, "it ended early")),
            Ok(read) => {
                self.at += read as u64;
                if self.at == open.until {
                    // Only a body that was read to its end leaves the connection to the next request.
                    let _ = open.body.read(&mut [0]);
                    self.open = None;
                }
                Ok(read)
            }
            Err(error) => {
                let kind = match error.kind() {
                    ErrorKind::TimedOut | ErrorKind::WouldBlock => ErrorKind::TimedOut,
                    _ => ErrorKind::ConnectionReset,
                };
                Err(self.dropped(kind, &error.to_string()))
            }
        }
    }

    fn dropped(&self, kind: ErrorKind, how: &str) -> Trouble {
        let (at, bytes) = (self.at, self.file.stat.bytes);
        let what = format!("the connection was dropped after byte {at} of {bytes}: {how}");
        Trouble::transient(kind, what)
    }
}

/// Skips what an answer has before the wanted byte.
fn positioned(answer: Answer, at: u64) -> Result<Open, Trouble> {
    let Answer { range, mut body, .. } = answer;
    if !range.contains(&at) {
        let what = format!("the server sent bytes {range:?}, not those from {at} on");
        return Err(Trouble::transient(ErrorKind::ConnectionReset, what));
    }
    let skipped = at - range.start;
    let read = io::copy(&mut body.by_ref().take(skipped), &mut io::sink());
    if read.as_ref().is_ok_and(|read| *read == skipped) {
        return Ok(Open { body, until: range.end });
    }
    let how = read.map_or_else(|error| error.to_string(), |read| format!("it ended after {read}"));
    let what = format!("the connection was dropped before byte {at}: {how}");
    Err(Trouble::transient(ErrorKind::ConnectionReset, what))
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end || into.is_empty() {
            return Ok(0);
        }
        // A byte is progress: each call has all attempts.
        let name = self.file.name.clone();
        let mut attempts = Attempts::new(self.file.policy, &name);
        loop {
            match self.attempt(into) {
                Ok(read) => return Ok(read),
                Err(trouble) => {
                    self.open = None;
                    attempts.failed(trouble)?;
                }
            }
        }
    }
}
