//! What a server says of a file, and how its bytes are asked for.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::time::Duration;

/// What is known of a remote file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Its size.
    pub bytes: u64,
    /// Its entity tag, if the server sends one.
    pub tag: Option<String>,
    /// The time of its last change, in seconds since 1970.
    pub modified: Option<u64>,
}

impl Stat {
    /// Whether both describe one version of the file: by its tag or, where a server or its lists have
    /// none, by the time of its last change.
    pub(crate) fn is_same(&self, other: &Stat) -> bool {
        let by_tag = self.tag.as_ref().zip(other.tag.as_ref()).map(|(one, two)| one == two);
        let by_time = || self.modified.zip(other.modified).map(|(one, two)| one == two);
        self.bytes == other.bytes && by_tag.or_else(by_time).unwrap_or(true)
    }

    /// Returns what distinguishes this version from others of the same size, as far as is known.
    #[must_use]
    pub fn version(&self) -> String {
        let time = || self.modified.map(|seconds| seconds.to_string());
        self.tag.clone().or_else(time).unwrap_or_default()
    }
}

/// Returns a tag without its quotes. Lists have it without, and a weak tag changes with the content
/// as well.
pub(crate) fn tag(text: &str) -> String {
    text.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

/// The answer to a request for bytes.
pub(crate) struct Answer {
    pub stat: Stat,
    /// The bytes of the file that `body` has, if it is whole. A server that cannot send parts sends
    /// all of them.
    pub range: Range<u64>,
    pub body: Box<dyn Read + Send>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Another attempt may succeed: what happened, as a failure of the network, and how long the
    /// server asks to wait.
    Transient { error: io::Error, wait: Option<Duration> },
    /// Another attempt would fail too.
    Permanent(io::Error),
}

impl Trouble {
    /// A failure after which another attempt may succeed.
    pub(crate) fn transient(kind: ErrorKind, what: impl Into<String>) -> Trouble {
        Trouble::Transient { error: io::Error::new(kind, what.into()), wait: None }
    }

    pub(crate) fn permanent(kind: ErrorKind, what: impl Into<String>) -> Trouble {
        Trouble::Permanent(io::Error::new(kind, what.into()))
    }

    /// The trouble that a status means.
    pub(crate) fn of_status(status: u16, wait: Option<Duration>) -> Trouble {
        match status {
            404 | 410 => {
                Trouble::permanent(ErrorKind::NotFound, format!("there is no such file ({status})"))
            }
            401 | 403 => Trouble::permanent(
                ErrorKind::PermissionDenied,
                format!("the server denies access ({status}): are the credentials set and valid?"),
            ),
            408 | 425 | 429 | 500.. => {
                let what = format!("the server is not ready ({status})");
                Trouble::Transient { error: io::Error::new(ErrorKind::ConnectionReset, what), wait }
            }
            _ => {
                // A kind that is not one of damaged content: the run must end.
                let what = format!("the server answered {status}");
                Trouble::permanent(ErrorKind::ConnectionAborted, what)
            }
        }
    }
}

/// A file at a server. Each call is one attempt.
pub(crate) trait Origin: Send + Sync {
    /// Asks for the size and the version.
    fn stat(&self) -> Result<Stat, Trouble>;

    /// Asks for bytes of a file that is not empty. The range is not empty and within the file.
    fn get(&self, range: Range<u64>) -> Result<Answer, Trouble>;
}
