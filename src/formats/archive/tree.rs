//! The files below a folder.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// How deep the folders of a book or a paper are walked. Deeper ones are a loop or a trap.
pub(crate) const DEPTH_MAX: usize = 32;

/// Whether symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// They are followed, as far as [`Walk::depth_max`] allows.
    Follow,
    /// They are entries of their own, so there are no loops and nothing outside is read.
    Keep,
}

/// Iterator over the entries below a folder that are not folders, each folder's entries in the order
/// of their names: the path below the root, and what is there.
///
/// Takes the memory of the names in the folders on the way to the current entry.
pub(crate) struct Walk {
    root: PathBuf,
    /// Entries still to be visited, the next one last.
    waiting: Vec<PathBuf>,
    links: Links,
    /// Folders at this depth are entered, deeper ones are returned.
    pub depth_max: usize,
    /// Entries that are passed over, by their path below the root.
    skip: fn(&Path) -> bool,
}

impl Walk {
    pub fn new(root: &Path, links: Links, skip: fn(&Path) -> bool) -> io::Result<Walk> {
        let (root, waiting) = (root.to_owned(), Vec::new());
        let mut walk = Walk { root, waiting, links, depth_max: DEPTH_MAX, skip };
        walk.enter(Path::new(""))?;
        Ok(walk)
    }

    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let entries = fs::read_dir(self.root.join(folder))?;
        let names = entries.map(|entry| Ok(entry?.file_name()));
        let mut names: Vec<OsString> = names.collect::<io::Result<_>>()?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        self.waiting.extend(names.into_iter().map(|name| folder.join(name)));
        Ok(())
    }

    /// Returns what is at `path`; `None` for a folder, which is entered.
    fn visit(&mut self, path: &Path) -> io::Result<Option<Metadata>> {
        let full = self.root.join(path);
        let meta = match self.links {
            Links::Follow => fs::metadata(&full).or_else(|_| fs::symlink_metadata(&full))?,
            Links::Keep => fs::symlink_metadata(&full)?,
        };
        if meta.is_dir() && path.components().count() <= self.depth_max {
            self.enter(path)?;
            return Ok(None);
        }
        Ok(Some(meta))
    }
}

impl Iterator for Walk {
    type Item = (PathBuf, io::Result<Metadata>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let path = self.waiting.pop()?;
            if (self.skip)(&path) {
                continue;
            }
            if let Some(found) = self.visit(&path).transpose() {
                return Some((path, found));
            }
        }
    }
}

/// Whether the name of an entry begins with a dot.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Passes over no entry.
pub(crate) fn is_never(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn walked(root: &Path, links: Links) -> Vec<String> {
        let walk = Walk::new(root, links, is_hidden).unwrap();
        walk.map(|(path, _)| path.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn loops_end_and_links_are_followed_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("b/.hidden")).unwrap();
        for name in ["b.x", "b/z", "a", "b/.hidden/x"] {
            fs::write(root.join(name), "").unwrap();
        }
        symlink("..", root.join("b/loop")).unwrap();
        symlink("nowhere", root.join("c")).unwrap();
        assert_eq!(walked(&root, Links::Keep), ["a", "b/loop", "b/z", "b.x", "c"]);
        let followed = walked(&root, Links::Follow);
        assert!(followed.contains(&"b/loop/a".to_owned()), "{followed:?}");
        assert!(followed.iter().all(|path| path.split('/').count() <= DEPTH_MAX + 1));
        assert!(Walk::new(&root.join("a"), Links::Keep, is_hidden).is_err());
    }
}
