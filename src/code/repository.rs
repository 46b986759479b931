//! Repositories on disk: a working tree, or an archive of one or of several, each file with the
//! repository that it is of, and the licences that this one is under.
//!
//! Upstream had names and licences in BigQuery's tables. Here they come from what lies at the root
//! of the repository: the files that state a licence, and git's configuration.

use crate::licence::{TEXT_BYTES_MAX, licences};
use crate::path::states_licence;
use formats::files::{self, Archive, Content, StoredFile, Tree};
use formats::{Defect, ReadError};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A repository, as far as its files tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name` where git knows from where it was cloned, else the name of its folder.
    pub name: String,
    /// The licences stated at its root, each once, by name.
    pub licences: Vec<String>,
}

/// A file of a repository, its path below the repository's root.
#[derive(Clone, Debug)]
pub struct RepositoryFile {
    /// The file.
    pub file: StoredFile,
    /// What it is of.
    pub repository: Arc<Repository>,
}

/// Whether a folder is a repository: git's own things are in it, or a file that states a licence.
pub fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists() || is_bare(folder) || !licence_files(folder).is_empty()
}

/// Whether a folder is a repository without a working tree: nothing but git's own things.
pub fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// The files of a repository's folder, or of the repositories in a tar archive.
///
/// An archive is one repository where a file lies at its root; otherwise each folder at its root is
/// one. It is read twice: licences may stand at its end.
pub fn files(source: &Path) -> Result<Files, ReadError> {
    if source.is_dir() {
        return Ok(Files::Tree(files::tree(source)?, Arc::new(of_tree(source))));
    }
    let stated = Stated::read(source)?;
    Ok(Files::Archive(files::archive(source)?, stated))
}

/// See [`files`].
pub enum Files {
    /// Of one folder.
    Tree(Tree, Arc<Repository>),
    /// Of an archive.
    Archive(Archive, Stated),
}

impl Iterator for Files {
    type Item = Result<RepositoryFile, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self {
            Files::Tree(tree, repository) => {
                tree.next()?.map(|file| RepositoryFile { file, repository: repository.clone() })
            }
            Files::Archive(archive, stated) => archive.next()?.map(|file| stated.place(file)),
        })
    }
}

fn of_tree(root: &Path) -> Repository {
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    for name in licence_files(root) {
        let mut bytes = Vec::new();
        let file = File::open(root.join(name));
        let read = file.and_then(|f| f.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        // One that cannot be read is met again among the files, and told there.
        if read.is_ok() {
            found.extend(licences(&String::from_utf8_lossy(&bytes)));
        }
    }
    found.sort_unstable();
    found.dedup();
    Repository { name: origin(root).unwrap_or_else(|| folder.into_owned()), licences: found }
}

/// The names of the files, not of the links, at a folder's root that state a licence.
fn licence_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| states_licence(name)).collect()
}

/// `owner/name` of the remote `origin` (git-config(1)), whatever host it is on.
fn origin(root: &Path) -> Option<String> {
    const CONFIG_BYTES_MAX: u64 = 1 << 20;
    let (folder, file) = (root.join(".git"), root.join(".git/config"));
    // Links may lead out, and a pipe would be waited for.
    let is_own =
        fs::symlink_metadata(folder).ok()?.is_dir() && fs::symlink_metadata(&file).ok()?.is_file();
    if !is_own {
        return None;
    }
    let mut config = String::new();
    File::open(file).ok()?.take(CONFIG_BYTES_MAX).read_to_string(&mut config).ok()?;
    let section = config.split("[remote \"origin\"]").nth(1)?;
    let lines = section.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let url = lines.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "url")?.1;
    let path = url.trim().trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let mut parts = path.rsplit(['/', ':']).filter(|part| !part.is_empty());
    let (name, owner) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{name}"))
}

/// What the files at the roots of an archive's repositories state.
pub struct Stated {
    /// The archive is one repository.
    whole: Option<Arc<Repository>>,
    /// Those under a licence, by the folder at the archive's root.
    folders: BTreeMap<String, Arc<Repository>>,
}

impl Stated {
    fn read(archive: &Path) -> Result<Stated, ReadError> {
        let mut is_whole = false;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // What cannot be read is told when it is read for good.
        for file in files::archive(archive)?.flatten() {
            let Content::Bytes(bytes) = file.content else { continue };
            let (folder, name) = file.path.split_once('/').unwrap_or(("", &file.path));
            is_whole |= folder.is_empty();
            if states_licence(name) && !name.contains('/') && bytes.len() <= TEXT_BYTES_MAX {
                let licences = licences(&String::from_utf8_lossy(&bytes));
                found.entry(folder.to_owned()).or_default().extend(licences);
            }
        }
        let repository = |name: &str, mut licences: Vec<String>| {
            licences.sort_unstable();
            licences.dedup();
            Arc::new(Repository { name: name.to_owned(), licences })
        };
        let whole =
            is_whole.then(|| repository(&stem(archive), found.remove("").unwrap_or_default()));
        let folders = found.into_iter().map(|(name, found)| {
            let repository = repository(&name, found);
            (name, repository)
        });
        Ok(Stated { whole, folders: folders.collect() })
    }

    fn place(&self, mut file: StoredFile) -> RepositoryFile {
        if let Some(whole) = &self.whole {
            return RepositoryFile { file, repository: whole.clone() };
        }
        let Some((folder, path)) = file.path.split_once('/') else {
            return RepositoryFile { file, repository: Arc::default() };
        };
        let repository = self.folders.get(folder).cloned().unwrap_or_else(|| {
            Arc::new(Repository { name: folder.to_owned(), licences: Vec::new() })
        });
        // `a//b` is the same file as `a/b`.
        file.path = path.trim_start_matches('/').to_owned();
        RepositoryFile { file, repository }
    }
}

/// The name of an archive without what says that it is one.
fn stem(archive: &Path) -> String {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let mut stem: &str = &name;
    for ending in [".gz", ".zst", ".bz2", ".lz4", ".tar", ".tgz"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const APACHE: &str = include_str!("../../LICENSE");

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn found(source: &Path) -> Vec<(String, String, Vec<String>)> {
        let files = files(source).unwrap().map(Result::unwrap);
        files
            .map(|f| (f.repository.name.clone(), f.file.path, f.repository.licences.clone()))
            .collect()
    }

    fn row(name: &str, path: &str, licences: &[&str]) -> (String, String, Vec<String>) {
        (name.into(), path.into(), licences.iter().map(|l| (*l).to_owned()).collect())
    }

    fn tar(folder: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = folder.join(name);
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
        path
    }

    #[test]
    fn a_tree_is_named_by_its_origin_or_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("work");
        write(&root, "a/b.py", "x");
        assert!(!is_repository(&root));
        write(&root, "LICENSE", APACHE);
        assert!(is_repository(&root) && !is_repository(folder.path()));
        let of =
            |name| [row(name, "LICENSE", &["apache-2.0"]), row(name, "a/b.py", &["apache-2.0"])];
        assert_eq!(found(&root), of("work"));
        for url in [
            "git@example.org:own/thing.git",
            "https://example.org/own/thing",
            "/srv/own/thing.git/",
        ] {
            let config =
                format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n[x]\n");
            write(&root, ".git/config", &config);
            assert_eq!(found(&root), of("own/thing"), "{url}");
        }
        write(&root, ".git/config", "[remote \"origin\"]\n[x]\nurl = a/b");
        assert_eq!(found(&root), of("work"));
    }

    #[test]
    fn a_bare_repository_is_told_from_a_tree() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("bare.git");
        write(&root, "HEAD", "ref: refs/heads/main\n");
        fs::create_dir(root.join("objects")).unwrap();
        fs::create_dir(root.join("refs")).unwrap();
        assert!(is_bare(&root) && is_repository(&root));
        assert!(!is_bare(folder.path()));
    }

    #[test]
    fn an_archive_is_one_repository_or_several() {
        let folder = tempfile::tempdir().unwrap();
        let one = [("src/a.py", "x"), ("LICENSE", APACHE), ("src/LICENSE", "own")];
        let path = tar(folder.path(), "thing-1.0.tar", &one);
        let licence = &["apache-2.0"][..];
        let name = "thing-1.0";
        let expected = ["src/a.py", "LICENSE", "src/LICENSE"].map(|path| row(name, path, licence));
        assert_eq!(found(&path), expected);
        let several = [("one/a.py", "x"), ("two/b.py", "y"), ("one/LICENSE.txt", APACHE)];
        let path = tar(folder.path(), "several.tar", &several);
        let expected = [
            row("one", "a.py", licence),
            row("two", "b.py", &[]),
            row("one", "LICENSE.txt", licence),
        ];
        assert_eq!(found(&path), expected);
    }

    #[test]
    fn two_slashes_in_an_archive_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doubled.tar");
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        // `append_data` would write the path without the second.
        header.as_mut_bytes()[..8].copy_from_slice(b"one//a.c");
        header.set_cksum();
        builder.append(&header, &b"x"[..]).unwrap();
        builder.finish().unwrap();
        assert_eq!(found(&path), [row("one", "a.c", &[])]);
    }
}
