//! The folder of a corpus: creating and opening it, and committing to it.

use crate::lock::{Holder, Lock};
use crate::manifest::{Manifest, Unread};
use crate::{Error, crash, names};
use durable::{AtomicFile, Finished};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 7] = ["aside", "commits", "data", "exclusions", "ledger", "state", "tmp"];

/// The folder of a corpus. Methods with a `manifest` expect one of this corpus.
#[derive(Clone, Debug)]
pub struct Corpus {
    root: PathBuf,
    /// The lock without which nothing is committed.
    holder: Option<Holder>,
}

/// Makes the entries of a folder durable.
///
/// # Errors
/// If the folder cannot be opened or flushed.
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    durable::sync_folder(path).map_err(Error::io(path))
}

impl Corpus {
    /// Creates the folders of a new corpus, or those that an old one lacks.
    ///
    /// # Errors
    /// If a folder cannot be created, or `root` cannot be flushed.
    pub fn create(root: &Path) -> Result<Corpus, Error> {
        for folder in FOLDERS {
            let path = root.join(folder);
            durable::create_folders(&path).map_err(Error::io(&path))?;
        }
        sync_dir(root)?;
        Ok(Corpus::at(root))
    }

    fn at(root: &Path) -> Corpus {
        Corpus { root: root.to_owned(), holder: None }
    }

    /// Returns the corpus for a writer that may have lost its lock when it commits, because it was
    /// stopped for long: [`Corpus::commit`] then fails.
    pub fn held_by(self, lock: &Lock) -> Corpus {
        Corpus { holder: Some(lock.holder().clone()), ..self }
    }

    /// Returns the first entry of the folder that would prevent creating a corpus there; `None` if
    /// the folder is empty or holds a corpus. Files that an interrupted creation with the same
    /// `recipe` left do not prevent it; a file at `root` itself does.
    ///
    /// # Errors
    /// If the folder holds corpus data without manifests: it must not be overwritten
    /// ([`Error::NoManifest`]). Also if the folder cannot be read.
    pub fn in_the_way(root: &Path, recipe: &str) -> Result<Option<PathBuf>, Error> {
        let corpus = Corpus::at(root);
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
                // Its files are checked below.
                name => FOLDERS.contains(&name) && !path.is_symlink() && path.is_dir(),
            };
            if !is_ours {
                return Ok(Some(path));
            }
        }
        let is_own = |path: &PathBuf| names::written(corpus.relative(path)).is_some();
        Ok(corpus.files()?.into_iter().find(|path| !is_own(path)))
    }

    /// Fails if a folder without a manifest contains files of a corpus.
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

    /// Opens an existing corpus. Does not read its manifests.
    ///
    /// # Errors
    /// - [`Error::Missing`] if the folder does not exist or is not a corpus
    /// - [`Error::NoManifest`] if it contains files of a corpus but no manifest
    /// - [`Error::Corrupt`] if `root` is a file
    /// - [`Error::Io`] if the folder cannot be read
    ///
    /// # Examples
    /// ```
    /// use corpus::{Corpus, Manifest};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let created = Corpus::create(folder.path())?;
    /// created.commit(&Manifest::empty("digest of the recipe".into()))?;
    ///
    /// let opened = Corpus::open(folder.path())?;
    /// let manifest = opened.manifest()?.expect("a commit");
    /// assert_eq!(manifest.commit, 0);
    /// assert!(manifest.labels.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(root: &Path) -> Result<Corpus, Error> {
        let corpus = Corpus::at(root);
        if root.is_file() {
            return Err(Error::corrupt(root, "this is a file; a corpus is a folder"));
        }
        if corpus.newest()?.is_none() {
            corpus.holds_no_data()?;
            return Err(Error::Missing { path: root.to_owned() });
        }
        Ok(corpus)
    }

    /// The path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for the runs of the indexes.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The folder for held documents that do not fit in memory.
    pub fn tmp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The path of the recipe file.
    pub fn recipe_path(&self) -> PathBuf {
        self.root.join("recipe.toml")
    }

    pub(crate) fn commit_path(&self, commit: u64) -> PathBuf {
        self.root.join(format!("commits/{commit:06}.json"))
    }

    /// Returns the numbers of the existing manifests, in ascending order.
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

    /// Returns the number of the newest commit; `None` if there is none.
    fn newest(&self) -> Result<Option<u64>, Error> {
        Ok(self.commits()?.last().copied())
    }

    /// Reads the manifest of the newest commit; `None` if there is no commit.
    ///
    /// # Errors
    /// - [`Error::Damaged`] if the manifest differs from what was written
    /// - [`Error::Corrupt`] if this version does not support its format, or if writers keep
    ///   removing the manifests before they can be read
    /// - [`Error::Io`] if the folder or the file cannot be read
    pub fn manifest(&self) -> Result<Option<Manifest>, Error> {
        // A writer may remove the commit between the two reads, so retry.
        for _ in 0..5 {
            let Some(newest) = self.newest()? else { return Ok(None) };
            if let Some(manifest) = self.manifest_of(newest)? {
                return Ok(Some(manifest));
            }
        }
        Err(Error::corrupt(
            &self.root.join("commits"),
            "manifests are removed as fast as they are read",
        ))
    }

    /// Reads the manifest of a commit; `None` if it does not exist.
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

    /// Reads the manifest before that of commit `newest`; `None` if there is none. It is kept so
    /// that a repair can return to it.
    ///
    /// # Errors
    /// If it is damaged, cannot be read, or has a format that this version does not support.
    pub fn predecessor(&self, newest: u64) -> Result<Option<Manifest>, Error> {
        let before = self.commits()?.into_iter().rfind(|commit| *commit < newest);
        before.map_or(Ok(None), |before| self.manifest_of(before))
    }

    /// Checks that every file that the manifest names exists with the right size. Contents are not
    /// checked.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if a file is missing or has another size.
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

    /// Fails if a folder of the corpus is missing. For read-only commands.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if a folder is missing in which the manifest names files.
    pub fn check_folders(&self, manifest: &Manifest) -> Result<(), Error> {
        for folder in ["aside", "data", "exclusions", "ledger", "state"] {
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

    /// Describes each file that the manifest names and that is missing, is not a file, or has
    /// another size.
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

    /// Commits `manifest`; the rename is the commit point. All files that it names must be durable
    /// already. Then removes files that neither it nor its predecessor names, with the older
    /// manifests that name them.
    ///
    /// # Errors
    /// If the manifest cannot be written, an older manifest cannot be read, or an old file cannot
    /// be removed. An error after the rename does not undo the commit.
    pub fn commit(&self, manifest: &Manifest) -> Result<(), Error> {
        crash::point("commit-begun");
        self.sync_folders(manifest)?;
        let path = self.commit_path(manifest.commit);
        let file = write_whole(&path, path.with_extension("json.tmp"), &manifest.encode());
        let file = file.map_err(Error::io(&path))?;
        crash::point("manifest-written");
        self.holder.iter().try_for_each(Holder::check)?;
        file.rename().map_err(Error::io(&path))?;
        crash::point("manifest-renamed");
        sync_dir(&self.root.join("commits"))?;
        self.retire(manifest)
    }

    /// Writes the recipe file. An existing one is replaced atomically.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_recipe(&self, text: &str) -> Result<(), Error> {
        let path = self.recipe_path();
        let file = write_whole(&path, path.with_extension("toml.tmp"), text.as_bytes());
        file.and_then(Finished::publish).map_err(Error::io(&path))
    }

    /// Makes the newest commit durable. The run that wrote it may have been killed after the rename:
    /// then other processes see a commit that the disk does not have yet. What comes next builds on
    /// it, and removes files that only the commits before it need.
    ///
    /// # Errors
    /// If a folder cannot be flushed.
    pub fn make_durable(&self, newest: &Manifest) -> Result<(), Error> {
        self.sync_folders(newest)?;
        sync_dir(&self.root.join("commits"))
    }

    /// Makes the folder entries of the files that the manifest names durable.
    fn sync_folders(&self, manifest: &Manifest) -> Result<(), Error> {
        let files: BTreeSet<PathBuf> = manifest.files().map(PathBuf::from).collect();
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for file in &files {
            folders.extend(file.ancestors().skip(1));
        }
        folders.iter().try_for_each(|folder| sync_dir(&self.root.join(folder)))
    }

    /// Returns a path in the corpus, relative to its folder.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).expect("a file of the corpus")
    }

    /// Returns every file in the corpus's own folders, sorted.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(self.walk()?.1)
    }

    /// Makes every entry of the corpus's own folders durable, and every removal from them.
    pub(crate) fn sync_all_folders(&self) -> Result<(), Error> {
        self.walk()?.0.iter().try_for_each(|folder| sync_dir(folder))
    }

    /// Returns the corpus's own folders with those in them, and every file in these, sorted.
    fn walk(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Error> {
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder));
        let mut folders: Vec<PathBuf> = folders.filter(|folder| folder.is_dir()).collect();
        let (mut files, mut next) = (Vec::new(), 0);
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
                let entry = entry.map_err(Error::io(&folder))?;
                let kind = entry.file_type().map_err(Error::io(&entry.path()))?;
                if kind.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files.sort();
        Ok((folders, files))
    }
}

/// Writes a file under the name `temporary`, to be renamed to `path`. The temporary names are
/// fixed, so that leftovers of killed processes are recognized: see [`names::written`].
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
