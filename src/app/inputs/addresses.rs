//! Addresses that a user names: finding their files, and asking what these are.

use super::beside::is_beside_by_name;
use super::walk::{Found, Wanted};
use crate::addresses::{REMOTE, address};
use crate::terminal::Progress;
use anyhow::{Error, Result};
use corpus::{Label, Source};
use recipe::usage::usage;
use remote::Stat;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

impl Found {
    /// Adds the files that an address, a pattern or a folder of an object store, or the name of a
    /// dump stands for.
    pub(super) fn expand_address(
        &mut self,
        given: &str,
        wanted: Wanted<'_>,
        lists: usize,
    ) -> Result<()> {
        let found = REMOTE.find(given).map_err(|error| {
            let what = format!("{}: {error}", remote::without_secrets(given));
            match error.kind() {
                ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::HostUnreachable => {
                    usage(what)
                }
                _ => Error::msg(what),
            }
        })?;
        match found {
            remote::Found::File(address) => self.paths.push(address.as_str().into()),
            remote::Found::Below(files) => {
                for (address, below) in files {
                    let is_hidden = below.split('/').any(|part| part.starts_with('.'));
                    let path = PathBuf::from(address.as_str());
                    if below.split('/').any(is_beside_by_name) {
                        self.beside.push(path);
                    } else if !is_hidden {
                        self.paths.push(path);
                    }
                }
            }
            remote::Found::Paths(paths) => {
                paths.iter().try_for_each(|path| self.expand(path, wanted, lists))?;
            }
        }
        Ok(())
    }
}

/// Returns the state of the files at addresses among `paths`. Those that `known`, a complete label,
/// has read are not asked for again.
pub(super) fn stats(paths: &[PathBuf], known: Option<&Label>) -> Result<BTreeMap<PathBuf, Source>> {
    let known: BTreeMap<&str, &Source> = known
        .into_iter()
        .flat_map(|label| label.sources.iter().map(|source| (source.path.as_str(), source)))
        .collect();
    let (mut stats, mut asked) = (BTreeMap::new(), Vec::new());
    for path in paths {
        let Some(address) = address(path) else { continue };
        match known.get(address) {
            Some(source) => drop(stats.insert(path.clone(), (*source).clone())),
            None => asked.push(address),
        }
    }
    let row = Mutex::new(Progress::new().row("sizes"));
    let total = asked.len() as u64;
    let found = REMOTE.stat_all(&asked, |done| {
        let message = || format!("{done} of {total} files asked for");
        row.lock().expect("nobody panicked with it").update(done as u64, Some(total), message);
    });
    let found = found.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let is_web = error.to_string().starts_with("http");
            let hint = if is_web { "" } else { "; a folder is named with a slash at its end" };
            usage(format!("{error}{hint}"))
        }
        _ => Error::from(error),
    })?;
    let sources = asked.iter().zip(found).map(|(address, stat)| ((*address).into(), source(stat)));
    stats.extend(sources);
    Ok(stats)
}

/// Describes a file: without its name, and with what detects that it has changed.
fn source(stat: Stat) -> Source {
    let (version, Stat { bytes, modified, .. }) = (stat.version(), stat);
    let ends = crc32c::crc32c_append(crc32c::crc32c(&bytes.to_le_bytes()), version.as_bytes());
    let modified = Some(modified.unwrap_or_default().saturating_mul(1_000_000_000));
    Source { bytes, modified, ends: Some(ends), ..Source::default() }
}

/// Returns the state of a file, and `None` for a path that is not an address.
pub(crate) fn at_address(path: &Path) -> Option<std::io::Result<Source>> {
    Some(REMOTE.stat(address(path)?).map(source))
}
