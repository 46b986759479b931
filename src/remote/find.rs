//! From what a user names to files at addresses.

use crate::address::Address;
use crate::origin::Stat;
use crate::{Remote, common_crawl};
use glob::{MatchOptions, Pattern};
use std::io::{self, Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Files that are asked for at once.
const ASKED_AT_ONCE: usize = 32;

/// As in the patterns of local files: a star stays in its folder.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// What a user's words stand for.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A file that was named itself.
    File(Address),
    /// The files of a folder or a pattern, each with its path below the folder that was named, or
    /// matched.
    Below(Vec<(Address, String)>),
    /// Paths or addresses that are to be found in turn.
    Paths(Vec<String>),
}

impl Remote {
    /// Finds the files that an address, a pattern or a folder names. Object stores are asked for
    /// lists; HTTP has none, so there an address is a file.
    ///
    /// # Errors
    /// If nothing is there, or the store cannot be asked. What only the user can correct has the kind
    /// `InvalidInput` or `NotFound`.
    pub fn find(&self, given: &str) -> io::Result<Found> {
        if let Some(dump) = given.strip_prefix("cc://") {
            return common_crawl::paths(self, dump).map(Found::Paths);
        }
        let address = self.name(given)?;
        let invalid = |what: &str| Err(Error::new(ErrorKind::InvalidInput, what));
        if address.scheme().is_http() {
            let path = address.path().split('?').next().unwrap_or_default();
            if path.is_empty() || path.ends_with('/') {
                return invalid(
                    "a web server has no lists of files: name each file, or an @list of them",
                );
            }
            if path.contains('*') {
                return invalid(
                    "a web server has no lists of files to match with a pattern: name each file, \
                     or an @list of them",
                );
            }
            return Ok(Found::File(address));
        }
        let key = address.path();
        let folder = key.trim_end_matches('/');
        let begin = folder.find(['*', '?', '[']);
        let is_folder = folder.len() < key.len() || key.is_empty();
        if begin.is_none() && !is_folder && has_ending(key) {
            // Whether it is there is asked for later, for many at once.
            return Ok(Found::File(address));
        }
        let found = match begin {
            None => self.below(&address, folder, |key| Some(strip(key, folder)))?,
            Some(at) => {
                let pattern = Pattern::new(folder)
                    .map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
                let prefix = folder[..at].rsplit_once('/').map_or("", |(prefix, _)| prefix);
                self.below(&address, prefix, |key| matched(&pattern, key))?
            }
        };
        // A key may contain the characters of patterns.
        if found.is_empty() && !is_folder && self.is_there(address.as_str())? {
            return Ok(Found::File(address));
        }
        if found.is_empty() {
            let what = match begin {
                None => "no such object, and none below it",
                Some(_) => "no such object, and nothing matches it as a pattern",
            };
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        Ok(Found::Below(found))
    }

    fn is_there(&self, address: &str) -> io::Result<bool> {
        match self.stat(address) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// Lists the objects below a folder for which `wanted` returns their path.
    fn below<'k>(
        &self,
        bucket: &Address,
        folder: &str,
        wanted: impl Fn(&str) -> Option<&str> + 'k,
    ) -> io::Result<Vec<(Address, String)>> {
        let listed = self.bucket(bucket)?.list(bucket.as_str(), folder)?;
        let mut found = Vec::new();
        for (key, stat) in listed {
            // Some tools write an empty object in place of a folder.
            let is_folder = key.ends_with('/');
            let Some(below) = wanted(&key).filter(|_| !is_folder) else { continue };
            let address = bucket.of_key(&key);
            self.learn(address.as_str(), stat);
            found.push((address, below.to_owned()));
        }
        Ok(found)
    }

    /// Returns what the files are, in their order. Asks for many at once, and calls `asked` with the
    /// number of answers so far.
    ///
    /// # Errors
    /// When one of them cannot be asked for: the first in the order. The message names it.
    pub fn stat_all(
        &self,
        addresses: &[&str],
        asked: impl Fn(usize) + Sync,
    ) -> io::Result<Vec<Stat>> {
        let stats: Mutex<Vec<Option<io::Result<Stat>>>> =
            Mutex::new(addresses.iter().map(|_| None).collect());
        let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..ASKED_AT_ONCE.min(addresses.len()) {
                scope.spawn(|| {
                    // After a failure the rest need not be asked for.
                    while failed.load(Relaxed) == 0 {
                        let at = next.fetch_add(1, Relaxed);
                        let Some(address) = addresses.get(at) else { break };
                        let stat = self.stat(address).map_err(|error| {
                            Error::new(error.kind(), format!("{address}: {error}"))
                        });
                        failed.fetch_add(usize::from(stat.is_err()), Relaxed);
                        stats.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(stat);
                        asked(done.fetch_add(1, Relaxed) + 1);
                    }
                });
            }
        });
        let stats = stats.into_inner().unwrap_or_else(PoisonError::into_inner);
        // What was not asked for follows a failure, or was begun before it.
        let (failures, stats): (Vec<_>, Vec<_>) =
            stats.into_iter().flatten().partition(Result::is_err);
        match failures.into_iter().next() {
            Some(failure) => failure.map(|_| Vec::new()),
            None => stats.into_iter().collect(),
        }
    }
}

/// Whether the name of an object has an ending, as those of files have.
fn has_ending(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.rfind('.').is_some_and(|at| at > 0)
}

/// Returns the path of a key below a folder.
fn strip<'k>(key: &'k str, folder: &str) -> &'k str {
    key.strip_prefix(folder).unwrap_or(key).trim_start_matches('/')
}

/// Returns the path of a key below the folder that matches a pattern, or its name if it matches itself.
fn matched<'k>(pattern: &Pattern, key: &'k str) -> Option<&'k str> {
    let slashes = key.match_indices('/').map(|(at, _)| at);
    for at in slashes {
        if pattern.matches_with(&key[..at], MATCHING) {
            return Some(&key[at + 1..]);
        }
    }
    let name = key.rsplit('/').next().unwrap_or(key);
    pattern.matches_with(key, MATCHING).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_keys_and_folders() {
        let below =
            |pattern: &str, key: &'static str| matched(&Pattern::new(pattern).unwrap(), key);
        assert_eq!(below("cc/*.gz", "cc/a.gz"), Some("a.gz"));
        assert_eq!(below("cc/*.gz", "cc/x/a.gz"), None);
        assert_eq!(below("cc/**/*.gz", "cc/x/y/a.gz"), Some("a.gz"));
        assert_eq!(below("cc/20*", "cc/2023/x/a.gz"), Some("x/a.gz"));
        assert_eq!(below("cc/[ab].gz", "cc/c.gz"), None);
        assert_eq!(strip("cc/x/a.gz", "cc"), "x/a.gz");
        assert_eq!(strip("a.gz", ""), "a.gz");
    }
}
