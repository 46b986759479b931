//! A corpus folder: opening it, committing to it.

use crate::manifest::{Manifest, Unread};
use crate::{Error, crash, names};
use durable::{AtomicFile, Finished};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 5] = ["commits", "data", "ledger", "state", "tmp"];

/// A corpus folder.
#[derive(Clone, Debug)]
pub struct Corpus {
    root: PathBuf,
}

/// Makes the entries of a folder durable.
///
/// # Errors
/// When the folder cannot be opened or flushed.
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    durable::sync_folder(path).map_err(Error::io(path))
}

impl Corpus {
    /// Makes the folders of a new corpus, or those missing of an old one.
    pub fn create(root: &Path) -> Result<Corpus, Error> {
        for folder in FOLDERS {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(Error::io(&path))?;
        }
        sync_dir(root)?;
        Ok(Corpus { root: root.to_owned() })
    }

    /// What is in the way of making a corpus with `recipe` in a folder: the first thing there that
    /// neither a corpus has nor one that was cut short while it was made. `None` where there is a
    /// corpus, or nothing.
    ///
    /// # Errors
    /// Where data of a corpus lies there: it has lost its manifests, and is not to be written over.
    pub fn in_the_way(root: &Path, recipe: &str) -> Result<Option<PathBuf>, Error> {
        let corpus = Corpus { root: root.to_owned() };
        if !root.is_dir() {
            return Ok(root.exists().then(|| root.to_owned()));
        }
        if corpus.newest()?.is_some() {
            return Ok(None);
        }
        corpus.holds_no_data()?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(root).map_err(Error::io(root))? {
            entries.push(entry.map_err(Error::io(root))?.path());
        }
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_ours = match &name[..] {
                "lock" | "recipe.toml.tmp" => true,
                "recipe.toml" => fs::read_to_string(&path).is_ok_and(|text| text == recipe),
                // What is in it is looked at below.
                name => FOLDERS.contains(&name) && !path.is_symlink() && path.is_dir(),
            };
            if !is_ours {
                return Ok(Some(path));
            }
        }
        let is_own = |path: &PathBuf| names::written(corpus.relative(path)).is_some();
        Ok(corpus.files()?.into_iter().find(|path| !is_own(path)))
    }

    /// Fails where files of a corpus lie in a folder without a manifest.
    fn holds_no_data(&self) -> Result<(), Error> {
        let is_data = |path: &PathBuf| {
            matches!(names::written(self.relative(path)), Some(names::Written::In { .. }))
        };
        match self.files()?.iter().find(|path| is_data(path)) {
            None => Ok(()),
            Some(found) => {
                let found = self.relative(found).display().to_string();
                Err(Error::NoManifest { root: self.root.clone(), found })
            }
        }
    }

    /// A corpus that is there.
    pub fn open(root: &Path) -> Result<Corpus, Error> {
        let corpus = Corpus { root: root.to_owned() };
        if root.is_file() {
            return Err(Error::corrupt(root, "this is a file; a corpus is a folder"));
        }
        if corpus.newest()?.is_none() {
            corpus.holds_no_data()?;
            return Err(Error::Missing { path: root.to_owned() });
        }
        Ok(corpus)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the runs of the indexes lie.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Where held documents go that do not fit in memory.
    pub fn tmp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Its recipe file.
    pub fn recipe_path(&self) -> PathBuf {
        self.root.join("recipe.toml")
    }

    pub(crate) fn commit_path(&self, commit: u64) -> PathBuf {
        self.root.join(format!("commits/{commit:06}.json"))
    }

    /// Numbers of the manifests that are there, rising.
    pub(crate) fn commits(&self) -> Result<Vec<u64>, Error> {
        let dir = self.root.join("commits");
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io(&dir))?,
        };
        let mut commits = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io(&dir))?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
            commits.extend(stem.and_then(|stem| names::number(stem, 6)));
        }
        commits.sort_unstable();
        Ok(commits)
    }

    /// Number of the newest commit.
    fn newest(&self) -> Result<Option<u64>, Error> {
        Ok(self.commits()?.last().copied())
    }

    /// The newest commit, `None` in a folder without any.
    pub fn manifest(&self) -> Result<Option<Manifest>, Error> {
        // A writer may remove the commit between our looking and our reading: look again.
        for _ in 0..5 {
            let Some(newest) = self.newest()? else { return Ok(None) };
            if let Some(manifest) = self.manifest_of(newest)? {
                return Ok(Some(manifest));
            }
        }
        Err(Error::corrupt(&self.root.join("commits"), "commits vanish as fast as they are read"))
    }

    /// The manifest of a commit, `None` where it is not there.
    pub(crate) fn manifest_of(&self, commit: u64) -> Result<Option<Manifest>, Error> {
        let path = self.commit_path(commit);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(Error::io(&path))?,
        };
        let damaged = |what| Error::Damaged { root: self.root.clone(), path: path.clone(), what };
        let manifest = Manifest::decode(&bytes).map_err(|unread| match unread {
            Unread::Damaged(what) => damaged(what),
            Unread::Unknown(format) => {
                let known = Manifest::FORMAT;
                let what = format!(
                    "format {format} is not known to this version, which reads up to {known}; use \
                     the version that wrote it"
                );
                Error::corrupt(&path, what)
            }
        })?;
        if manifest.commit != commit {
            return Err(damaged(format!("it is the manifest of commit {}", manifest.commit)));
        }
        Ok(Some(manifest))
    }

    /// The manifest before the newest one, which is kept to go back to.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn predecessor(&self, newest: u64) -> Result<Option<Manifest>, Error> {
        let before = self.commits()?.into_iter().rfind(|commit| *commit < newest);
        before.map_or(Ok(None), |before| self.manifest_of(before))
    }

    /// Fails unless every file that the manifest names is there and has its size. Content is not
    /// looked at.
    pub fn check_whole(&self, manifest: &Manifest) -> Result<(), Error> {
        let lacking = self.lacking(manifest);
        match lacking.first() {
            None => Ok(()),
            Some(first) => {
                let mut missing = first.clone();
                if lacking.len() > 1 {
                    missing += &format!(" (and {} more files)", lacking.len() - 1);
                }
                Err(self.incomplete(manifest, missing))
            }
        }
    }

    /// Fails where a folder of the corpus is not there. For who only looks.
    pub fn check_folders(&self, manifest: &Manifest) -> Result<(), Error> {
        for folder in ["data", "ledger", "state"] {
            let is_needed =
                |(name, _): &(String, u64)| Path::new(name).iter().next() == Some(folder.as_ref());
            if !self.root.join(folder).is_dir() && manifest.sizes().any(|file| is_needed(&file)) {
                let path = self.root.join(folder);
                let missing = format!("{}: this folder is missing", path.display());
                return Err(self.incomplete(manifest, missing));
            }
        }
        Ok(())
    }

    fn incomplete(&self, manifest: &Manifest, missing: String) -> Error {
        Error::Incomplete { root: self.root.clone(), commit: manifest.commit, missing }
    }

    /// What is wrong with files that the manifest names: those that are not there, or have another
    /// size.
    pub(crate) fn lacking(&self, manifest: &Manifest) -> Vec<String> {
        let wrong = |(name, bytes): (String, u64)| {
            let path = self.root.join(name);
            let shown = path.display();
            match fs::metadata(&path) {
                Ok(meta) if !meta.is_file() => Some(format!("{shown}: this is not a file")),
                Ok(meta) if meta.len() != bytes => {
                    Some(format!("{shown}: {bytes} bytes expected, {} found", meta.len()))
                }
                Ok(_) => None,
                Err(error) => Some(format!("{shown}: {error}")),
            }
        };
        manifest.sizes().filter_map(wrong).collect()
    }

    /// Makes `manifest` the corpus: from the rename on, and not before. Every file it names is
    /// durable already. Then the files go that neither it nor its predecessor names.
    pub fn commit(&self, manifest: &Manifest) -> Result<(), Error> {
        crash::point("commit-begun");
        self.sync_folders(manifest)?;
        let path = self.commit_path(manifest.commit);
        let file = write_whole(&path, path.with_extension("json.tmp"), &manifest.encode());
        let file = file.map_err(Error::io(&path))?;
        crash::point("manifest-written");
        file.rename().map_err(Error::io(&path))?;
        crash::point("manifest-renamed");
        sync_dir(&self.root.join("commits"))?;
        self.retire(manifest)
    }

    /// Writes the recipe file. It is replaced whole, or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_recipe(&self, text: &str) -> Result<(), Error> {
        let path = self.recipe_path();
        let file = write_whole(&path, path.with_extension("toml.tmp"), text.as_bytes());
        file.and_then(Finished::publish).map_err(Error::io(&path))
    }

    /// Makes the names of the files durable that the manifest is about to name.
    fn sync_folders(&self, manifest: &Manifest) -> Result<(), Error> {
        let files: BTreeSet<PathBuf> = manifest.files().map(PathBuf::from).collect();
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for file in &files {
            folders.extend(file.ancestors().skip(1));
        }
        folders.iter().try_for_each(|folder| sync_dir(&self.root.join(folder)))
    }

    /// A path in the corpus, relative to it.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).expect("a file of the corpus")
    }

    /// Every file in the corpus' own folders.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder));
        let mut folders: Vec<PathBuf> = folders.filter(|folder| folder.is_dir()).collect();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
                let entry = entry.map_err(Error::io(&folder))?;
                let kind = entry.file_type().map_err(Error::io(&entry.path()))?;
                if kind.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Writes a file under the name `temporary`, for its place at `path`. Leftovers of killed processes
/// are recognised by these names, so they are fixed: see [`names::written`].
pub(crate) fn write_whole(path: &Path, temporary: PathBuf, bytes: &[u8]) -> io::Result<Finished> {
    let mut file = AtomicFile::create_as(path, temporary)?;
    file.write_all(bytes)?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_commit_counts() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        assert!(corpus.manifest().unwrap().is_none());
        assert!(matches!(Corpus::open(dir.path()), Err(Error::Missing { .. })));
        let mut manifest = Manifest::empty("r".into());
        corpus.commit(&manifest).unwrap();
        manifest.commit = 1;
        corpus.commit(&manifest).unwrap();
        fs::write(dir.path().join("commits/000002.json.tmp"), "{").unwrap();
        assert_eq!(corpus.manifest().unwrap(), Some(manifest));
    }

    #[test]
    fn a_damaged_manifest_and_one_under_another_name_are_named_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let names = |file: &str| {
            let error = corpus.manifest().unwrap_err().to_string();
            assert!(error.contains(file) && error.contains("verify --repair"), "{error}");
        };
        fs::write(dir.path().join("commits/000007.json"), "{\"format\":1").unwrap();
        names("000007.json");
        fs::write(dir.path().join("commits/000008.json"), Manifest::default().encode()).unwrap();
        names("000008.json");
    }
}
