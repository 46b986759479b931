//! Repositories on disk: a working tree, or an archive of one or several. Yields each file with its
//! repository and the repository's licences.
//!
//! Upstream had names and licences in BigQuery's tables. Here they come from the repository's
//! files, see [`statement`](crate::statement), and from git's configuration.

use crate::licence::TEXT_BYTES_MAX;
use crate::manifest;
use crate::path::states_licence;
use crate::statement::{FOLDERS, Gathering, Statements, is_stated_by};
use formats::files::{self, Archive, Content, StoredFile, Tree};
use formats::{Defect, ReadError, regular};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// What is known about a repository from its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name` if git's configuration has the origin, else the name of the folder.
    pub name: String,
    /// Its statements about its licence.
    pub stated: Statements,
}

/// A file of a repository, with its path relative to the repository's root.
#[derive(Clone, Debug)]
pub struct RepositoryFile {
    /// The file.
    pub file: StoredFile,
    /// Its repository.
    pub repository: Arc<Repository>,
}

/// Whether a folder is a repository: it has git's own files, a file that states a licence, or a
/// package manifest.
pub fn is_repository(folder: &Path) -> bool {
    let states = |name: &String| states_licence(name) || manifest::marks_repository(name);
    folder.join(".git").exists()
        || is_bare(folder)
        || files_in(folder).any(|name| states(&name))
        || folder.join("LICENSES").is_dir()
}

/// Whether a folder is a bare repository: git's own files without a working tree.
pub fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// Returns the files of a repository's folder, or of the repositories in a tar archive.
///
/// An archive is one repository if a licence is stated at its root, or if it has files there and no
/// top-level folder states a licence. Otherwise each top-level folder is a repository. An archive
/// is read twice, since licences may be at its end.
///
/// # Errors
///
/// Fails if the folder or archive cannot be opened.
pub fn files(source: &Path) -> Result<Files, ReadError> {
    if source.is_dir() {
        return Ok(Files::Tree(files::tree(source)?, Arc::new(of_tree(source))));
    }
    let stated = Stated::read(source)?;
    Ok(Files::Archive(files::archive(source)?, stated))
}

/// See [`files()`].
pub enum Files {
    /// The files of one folder.
    Tree(Tree, Arc<Repository>),
    /// The files of an archive.
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
    let mut found = Gathering::default();
    for within in std::iter::once("").chain(FOLDERS) {
        let at = root.join(within);
        // A link may lead out.
        if !fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
            continue;
        }
        for name in files_in(&at) {
            let path = if within.is_empty() { name } else { format!("{within}/{name}") };
            if !is_stated_by(&path) {
                continue;
            }
            let mut bytes = Vec::new();
            let file = regular::open(&root.join(&path));
            let read = file.and_then(|f| f.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
            // A file that cannot be read is reported when the files are read.
            if read.is_ok() {
                found.add(&path, &bytes);
            }
        }
    }
    Repository { name: origin(root).unwrap_or_else(|| folder.into_owned()), stated: found.finish() }
}

/// Returns the sorted names of the files in a folder, links left out.
fn files_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<String> =
        files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names.into_iter()
}

/// Returns `owner/name` of the remote `origin` (git-config(1)), on whatever host it is. A remote on
/// this machine has none: parts of its path are not for publication.
fn origin(root: &Path) -> Option<String> {
    const CONFIG_BYTES_MAX: u64 = 1 << 20;
    let (folder, file) = (root.join(".git"), root.join(".git/config"));
    // A link may lead out of the repository, and a pipe would block.
    let is_own =
        fs::symlink_metadata(folder).ok()?.is_dir() && fs::symlink_metadata(&file).ok()?.is_file();
    if !is_own {
        return None;
    }
    let mut config = String::new();
    regular::open(&file).ok()?.take(CONFIG_BYTES_MAX).read_to_string(&mut config).ok()?;
    let section = config.split("[remote \"origin\"]").nth(1)?;
    let lines = section.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let url = lines.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "url")?.1;
    let url = url.trim();
    if url.starts_with(['/', '.', '~']) || url.starts_with("file:") || !url.contains(':') {
        return None;
    }
    let path = url.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let mut parts = path.rsplit(['/', ':']).filter(|part| !part.is_empty());
    let (name, owner) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{name}"))
}

/// The repositories of an archive.
pub struct Stated {
    /// Set if the archive is one repository.
    whole: Option<Arc<Repository>>,
    /// Otherwise each top-level folder is one.
    folders: BTreeMap<String, Arc<Repository>>,
    /// The files beside those folders.
    beside: Arc<Repository>,
}

impl Stated {
    fn read(archive: &Path) -> Result<Stated, ReadError> {
        let mut at_root = Gathering::default();
        let mut has_files_at_root = false;
        let mut in_folders: BTreeMap<String, Gathering> = BTreeMap::new();
        // Files that cannot be read are reported in the second pass.
        for file in files::archive(archive)?.flatten() {
            let is_read = |bytes: &Vec<u8>| bytes.len() <= TEXT_BYTES_MAX;
            let bytes = match &file.content {
                Content::Bytes(bytes) if is_read(bytes) => bytes.as_slice(),
                Content::Bytes(_) => &[],
                _ => continue,
            };
            if let Some((folder, path)) = file.path.split_once('/') {
                in_folders.entry(folder.to_owned()).or_default().add(path, bytes);
            } else {
                has_files_at_root |= !is_packers(&file.path);
            }
            at_root.add(&file.path, bytes);
        }
        let is_whole =
            at_root.states() || has_files_at_root && !in_folders.values().any(Gathering::states);
        let repository =
            |name: String, found: Gathering| Arc::new(Repository { name, stated: found.finish() });
        let whole_name = stem(archive);
        if is_whole {
            let whole = Some(repository(whole_name, at_root));
            return Ok(Stated { whole, folders: BTreeMap::new(), beside: Arc::default() });
        }
        let folders = in_folders.into_iter().map(|(name, found)| {
            let repository = repository(name.clone(), found);
            (name, repository)
        });
        let folders = folders.collect();
        Ok(Stated { whole: None, folders, beside: repository(whole_name, at_root) })
    }

    fn place(&self, mut file: StoredFile) -> RepositoryFile {
        if let Some(whole) = &self.whole {
            return RepositoryFile { file, repository: whole.clone() };
        }
        let Some((folder, path)) = file.path.split_once('/') else {
            return RepositoryFile { file, repository: self.beside.clone() };
        };
        let repository = self.folders.get(folder).cloned().unwrap_or_else(|| {
            Arc::new(Repository { name: folder.to_owned(), ..Repository::default() })
        });
        // `a//b` is the same file as `a/b`.
        file.path = path.trim_start_matches('/').to_owned();
        RepositoryFile { file, repository }
    }
}

/// Whether a file at the root of an archive comes from whoever packed it, not from a repository.
fn is_packers(name: &str) -> bool {
    let others = ["pax_global_header", ".DS_Store", "Thumbs.db", "desktop.ini"];
    name.starts_with("._") || others.contains(&name)
}

/// Returns the name of an archive without its archive suffixes.
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
            .map(|f| (f.repository.name.clone(), f.file.path, f.repository.stated.licences.clone()))
            .collect()
    }

    fn row(name: &str, path: &str, licences: &[&str]) -> (String, String, Vec<String>) {
        (name.into(), path.into(), licences.iter().map(|l| (*l).to_owned()).collect())
    }

    fn tar(folder: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = folder.join(name);
        let mut builder = tar::Builder::new(fs::File::create(&path).unwrap());
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
            "ssh://git@example.org:22/own/thing.git/",
        ] {
            let config =
                format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n[x]\n");
            write(&root, ".git/config", &config);
            assert_eq!(found(&root), of("own/thing"), "{url}");
        }
        for local in ["/srv/own/thing.git/", "file:///srv/own/thing", "../own/thing", "own/thing"] {
            let config = format!("[remote \"origin\"]\n\turl = {local}\n");
            write(&root, ".git/config", &config);
            assert_eq!(found(&root), of("work"), "{local}");
        }
        write(&root, ".git/config", "[remote \"origin\"]\n[x]\nurl = https://a/b/c");
        assert_eq!(found(&root), of("work"));
    }

    #[test]
    fn a_bare_repository_is_distinguished_from_a_tree() {
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
        let mut builder = tar::Builder::new(fs::File::create(&path).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        // `append_data` would write the path without the second.
        header.as_mut_bytes()[..8].copy_from_slice(b"one//a.c");
        header.set_cksum();
        builder.append(&header, &b"x"[..]).unwrap();
        builder.finish().unwrap();
        assert_eq!(found(&path), [row("one", "a.c", &[])]);
    }

    #[test]
    fn files_beside_a_repository_in_its_archive_do_not_hide_it() {
        let folder = tempfile::tempdir().unwrap();
        let licence = &["apache-2.0"][..];
        for beside in ["._one", ".DS_Store", "pax_global_header", "README", "notes.py", "x/b.py"] {
            let files = [(beside, "x"), ("one/LICENSE", APACHE), ("one/a.py", "y")];
            let path = tar(folder.path(), "several.tar", &files);
            let found = found(&path);
            assert_eq!(found[1..], [row("one", "LICENSE", licence), row("one", "a.py", licence)]);
            let own = if beside == "x/b.py" {
                row("x", "b.py", &[])
            } else {
                row("several", beside, &[])
            };
            assert_eq!(found[0], own, "{beside}");
        }
        let root = [("LICENSE", APACHE), ("sub/LICENSE", "other"), ("sub/a.py", "y")];
        let path = tar(folder.path(), "whole.tar", &root);
        assert!(found(&path).iter().all(|file| file.0 == "whole" && file.2 == licence));
        let none = [("a.py", "x"), ("sub/b.py", "y")];
        let path = tar(folder.path(), "none.tar", &none);
        assert!(found(&path).iter().all(|file| file.0 == "none" && file.2.is_empty()));
    }

    /// Returns the statements of a repository of these files, as a folder and as an archive.
    fn stated(files: &[(&str, &str)]) -> Statements {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("p");
        for (path, text) in files {
            write(&root, path, text);
        }
        let of_folder = of_tree(&root).stated;
        let within: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("p/{path}"), *text)).collect();
        let within: Vec<(&str, &str)> = within.iter().map(|(p, t)| (p.as_str(), *t)).collect();
        let archive = tar(folder.path(), "p.tar", &within);
        let of_archive = Stated::read(&archive).unwrap().folders["p"].stated.clone();
        assert_eq!(of_folder, of_archive);
        of_folder
    }

    fn mit() -> String {
        format!("MIT License\n\nCopyright (c) 2020 A Person\n\n{}", crate::licence::text("MIT"))
    }

    #[test]
    fn licences_are_found_wherever_a_repository_states_them() {
        let mit = mit();
        for (path, text, expected) in [
            ("LICENSE", APACHE, "apache-2.0"),
            ("licence.md", &mit, "mit"),
            ("COPYING.rst", &mit, "mit"),
            ("License.HTML", &mit, "mit"),
            ("LICENSE.txt", "Licensed under the MIT license.", "mit"),
            (
                "LICENSE",
                "Under the Apache License, Version 2.0, or the MIT license, at your option.",
                "apache-2.0 OR mit",
            ),
            ("docs/LICENSE", &mit, "mit"),
            ("package.json", r#"{"license":"MIT"}"#, "mit"),
            ("Cargo.toml", "[package]\nlicense = \"MIT/Apache-2.0\"", "MIT/Apache-2.0"),
            (
                "README.md",
                "# P\n\nWords.\n\n## License\n\nMIT, see the web.\n\n## Other\nGPL\n",
                "mit",
            ),
            ("README.rst", "P\n=\n\nLicense\n-------\n\nBSD 3-Clause\n", "bsd-3-clause"),
            ("LICENSES/MIT.txt", &mit, "MIT"),
        ] {
            let found = stated(&[(path, text), ("a.py", "x")]);
            assert_eq!(
                (found.licences.join(" ").as_str(), &found.why),
                (expected, &None),
                "{path}"
            );
        }
        let two = stated(&[("LICENSE-MIT", &mit), ("LICENSE-APACHE", APACHE)]);
        assert_eq!(two.licences, ["apache-2.0", "mit"]);
    }

    #[test]
    fn contradictory_or_restricted_statements_are_not_free_and_are_explained() {
        let mit = mit();
        let clause = format!("\"Commons Clause\" License Condition v1.0\n\n{mit}");
        for (files, word) in [
            (vec![("a.py", "x")], "no file LICENSE"),
            (vec![("LICENSE", "Ask me.")], "LICENSE resembles no licence"),
            (
                vec![("LICENSE", "Ask me."), ("package.json", r#"{"license":"MIT"}"#)],
                "resembles no",
            ),
            (vec![("LICENSE", &clause)], "LICENSE restricts mit: \"commons clause\""),
            (
                vec![("LICENSE", &mit), ("COMMONS-CLAUSE.md", "The Commons Clause applies.")],
                "commons clause",
            ),
            (
                vec![("LICENSE", &mit), ("package.json", r#"{"license":"GPL-3.0"}"#)],
                "package.json says GPL-3.0, and LICENSE",
            ),
            (vec![("README.md", "## License\nMIT, for non-commercial use only.")], "commercial"),
        ] {
            let found = stated(&files);
            assert!(found.why.as_ref().is_some_and(|why| why.contains(word)), "{word}: {found:?}");
            let wanted = ["mit".to_owned()];
            let is_wanted = |licence: &String| crate::licence::is_wanted(licence, &wanted);
            assert!(found.licences.is_empty() || !found.licences.iter().all(is_wanted));
        }
        // npm writes ISC by default.
        let isc = stated(&[("LICENSE", &mit), ("package.json", r#"{"license":"ISC"}"#)]);
        assert_eq!((isc.licences, isc.why), (vec!["mit".to_owned()], None));
    }

    #[test]
    fn file_headers_add_to_the_repositorys_licence_and_replace_it_under_reuse() {
        let mit = mit();
        let plain = stated(&[("LICENSE", &mit)]);
        assert_eq!(plain.of_file("a.c", "int a;"), ["mit"]);
        assert_eq!(plain.of_file("a.c", "// SPDX-License-Identifier: MIT\n"), ["mit"]);
        let gpl = "// SPDX-License-Identifier: GPL-2.0\n";
        assert_eq!(plain.of_file("a.c", gpl), ["GPL-2.0", "mit"]);
        let toml = "[[annotations]]\npath = [\"data/**\", \"x.c\"]\nSPDX-License-Identifier = \"CC0-1.0\"\n";
        for list in [
            ("REUSE.toml", toml),
            (".reuse/dep5", "Format: x\n\nFiles: data/* x.c\nCopyright: A\nLicense: CC0-1.0\n"),
        ] {
            let reuse =
                stated(&[("LICENSES/MIT.txt", &mit), ("LICENSES/GPL-2.0.txt", "gpl"), list]);
            assert_eq!(reuse.of_file("a.c", "// SPDX-License-Identifier: MIT\n"), ["MIT"]);
            assert_eq!(reuse.of_file("a.c", gpl), ["GPL-2.0"]);
            assert_eq!(reuse.of_file("data/b/c.c", "int a;"), ["CC0-1.0"]);
            assert_eq!(reuse.of_file("x.c", "int a;"), ["CC0-1.0"]);
            assert_eq!(reuse.of_file("other.c", "int a;"), ["GPL-2.0", "MIT"]);
        }
        let none = stated(&[("a.py", "x")]);
        assert_eq!(none.of_file("a.c", "# SPDX-License-Identifier: MIT\n"), ["MIT"]);
    }
}
