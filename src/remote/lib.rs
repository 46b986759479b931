//! How are bytes got from an address?
//!
//! [`Remote`] reads files at `http://`, `https://`, `s3://`, `gs://` and `az://`, finds them by
//! patterns and folders where the store has lists, and knows what `cc://` stands for.
//!
//! - A [`Stream`] reads a file in order and ahead, [`Blocks`] at any place.
//! - A connection that is dropped, cut short or too slow, and a server that is not ready, are tried
//!   again, from the byte that was reached.
//! - All bytes are of one version of the file: a source that is replaced while it is read is an error.
//! - Memory is bounded: 11 MiB for a stream, 52 MiB for a file that is read at any place.
//!
//! Failures have kinds that are not of damaged content: `NotFound`, `PermissionDenied`, `TimedOut`,
//! `ConnectionReset`, `ConnectionAborted`, `HostUnreachable`, `NotSeekable`, and
//! `StaleNetworkFileHandle` for a source that was replaced. Their messages do not name the address,
//! which the caller knows.
//!
//! - `address`: what of an address may be written down.
//! - `origin`: what a server is asked. `http` and `store` are the two kinds of servers; `transport`
//!   is the HTTP client of the second.
//! - `retry`, `body`: the bytes of a range, whatever happens to connections. `stream` and `blocks`
//!   read them.
//! - `folder`: a folder of a bucket, to write to.
//! - `find`: from what a user names to files. `common_crawl`: `cc://`.

mod address;
mod blocks;
mod body;
mod common_crawl;
mod find;
mod folder;
mod http;
mod origin;
mod retry;
mod store;
mod stream;
mod transport;

pub use address::{Address, is_address, without_secrets};
pub use blocks::Blocks;
pub use common_crawl::MIRROR;
pub use find::Found;
pub use folder::{Folder, NewObject};
pub use origin::Stat;
pub use retry::Policy;
pub use stream::Stream;

use body::RemoteFile;
use http::{Web, WebFile};
use origin::Origin;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};
use store::{Bucket, Object};

/// Beginnings of files that are kept: a file is opened once to detect what it is, and once to read it.
const HEADS_MAX: usize = 8;

/// All that a process reads from addresses.
pub struct Remote {
    policy: Policy,
    web: Web,
    buckets: Mutex<BTreeMap<(address::Scheme, String), Bucket>>,
    known: Mutex<BTreeMap<String, Known>>,
    heads: Mutex<VecDeque<Head>>,
}

/// What is known of an address.
#[derive(Clone, Default)]
struct Known {
    /// The address with its secrets.
    given: Option<String>,
    stat: Option<Stat>,
}

/// The beginning of a file that was opened.
struct Head {
    address: String,
    stat: Stat,
    bytes: Arc<[u8]>,
}

impl Remote {
    /// Creates a reader that tries as `policy` says.
    #[must_use]
    pub fn new(policy: Policy) -> Remote {
        Remote {
            policy,
            web: Web::new(policy),
            buckets: Mutex::default(),
            known: Mutex::default(),
            heads: Mutex::default(),
        }
    }

    /// Reads an address that a user names. Its secrets are kept in memory, to be used for as long as
    /// the process runs.
    ///
    /// # Errors
    /// If it cannot be read, or differs only in its secrets from an earlier one (`InvalidInput`).
    pub fn name(&self, given: &str) -> io::Result<Address> {
        let (address, given) = Address::parse(given)?;
        let mut known = self.known();
        let entry = known.entry(address.as_str().to_owned()).or_default();
        match (&entry.given, given) {
            (Some(before), Some(given)) if *before != given => {
                let what = "named twice, with different signatures or keys: name it once";
                return Err(Error::new(ErrorKind::InvalidInput, what));
            }
            (None, Some(given)) => entry.given = Some(given),
            _ => {}
        }
        Ok(address)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().expect("nobody panicked with it")
    }

    /// Records what a file is, such as from a list.
    fn learn(&self, address: &str, stat: Stat) {
        self.known().entry(address.to_owned()).or_default().stat = Some(stat);
    }

    /// Returns what is known of a file, and asks its server if nothing is. From then on every byte
    /// that this process reads of it is of that version.
    ///
    /// # Errors
    /// When the server cannot be asked, or does not have the file.
    pub fn stat(&self, address: &str) -> io::Result<Stat> {
        Ok(self.open(address)?.stat)
    }

    /// Opens a file to read it in order.
    ///
    /// # Errors
    /// When its beginning cannot be read.
    pub fn stream(&self, address: &str) -> io::Result<Stream> {
        let file = self.open(address)?;
        let mut heads = self.heads.lock().expect("nobody panicked with it");
        let known = heads.iter().find(|head| head.address == address && head.stat == file.stat);
        let known = known.map(|head| head.bytes.clone());
        drop(heads);
        let is_new = known.is_none();
        let stream = Stream::open(&file, known)?;
        if is_new {
            heads = self.heads.lock().expect("nobody panicked with it");
            heads.truncate(HEADS_MAX - 1);
            let (address, bytes) = (address.to_owned(), stream.head().clone());
            heads.push_front(Head { address, stat: file.stat, bytes });
        }
        Ok(stream)
    }

    /// Opens a file to read it at any place.
    ///
    /// # Errors
    /// When its server does not have it. Whether it can send parts shows when the first is read.
    pub fn blocks(&self, address: &str) -> io::Result<Blocks> {
        Ok(Blocks::open(self.open(address)?))
    }

    fn open(&self, address: &str) -> io::Result<RemoteFile> {
        let known = self.known().get(address).cloned().unwrap_or_default();
        let is_asked = known.stat.is_none();
        let origin = self.origin(address, known.given)?;
        let file = RemoteFile::open(origin, address.into(), known.stat, self.policy)?;
        if is_asked {
            self.learn(address, file.stat.clone());
        }
        Ok(file)
    }

    fn origin(&self, text: &str, given: Option<String>) -> io::Result<Arc<dyn Origin>> {
        let (address, own) = Address::parse(text)?;
        if address.scheme().is_http() {
            let (web, host) = (self.web.clone(), address.host().to_owned());
            let address = given.or(own).unwrap_or_else(|| text.to_owned());
            return Ok(Arc::new(WebFile { web, address, host }));
        }
        Ok(Arc::new(Object::new(self.bucket(&address)?, address.path())?))
    }

    fn bucket(&self, address: &Address) -> io::Result<Bucket> {
        let mut buckets = self.buckets.lock().expect("nobody panicked with it");
        let name = (address.scheme(), address.host().to_owned());
        if let Some(bucket) = buckets.get(&name) {
            return Ok(bucket.clone());
        }
        let bucket = Bucket::open(address, &self.web, self.policy)?;
        buckets.insert(name, bucket.clone());
        Ok(bucket)
    }
}

#[cfg(test)]
mod tests;
