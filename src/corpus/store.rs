//! A corpus folder: opening it, committing to it, sweeping it.

use crate::manifest::Manifest;
use crate::{Error, crash};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 5] = ["commits", "data", "ledger", "state", "tmp"];

/// A corpus folder.
#[derive(Clone, Debug)]
pub struct Corpus {
    root: PathBuf,
}

/// Makes the entries of a folder durable.
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io(path))
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
    pub fn in_the_way(root: &Path, recipe: &str) -> Result<Option<PathBuf>, Error> {
        let corpus = Corpus { root: root.to_owned() };
        if !root.is_dir() || corpus.newest()?.is_some() {
            return Ok(None);
        }
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
        Ok(corpus.files()?.into_iter().find(|path| !corpus.is_own(path)))
    }

    /// A corpus that is there.
    pub fn open(root: &Path) -> Result<Corpus, Error> {
        let corpus = Corpus { root: root.to_owned() };
        match corpus.newest()? {
            Some(_) => Ok(corpus),
            None => Err(Error::Missing { path: root.to_owned() }),
        }
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

    fn commit_path(&self, commit: u64) -> PathBuf {
        self.root.join(format!("commits/{commit:06}.json"))
    }

    /// Number of the newest commit.
    fn newest(&self) -> Result<Option<u64>, Error> {
        let dir = self.root.join("commits");
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(Error::io(&dir))?,
        };
        let mut newest = None;
        for entry in entries {
            let name = entry.map_err(Error::io(&dir))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            newest = newest.max(number);
        }
        Ok(newest)
    }

    /// The newest commit, `None` in a folder without any.
    pub fn manifest(&self) -> Result<Option<Manifest>, Error> {
        // A writer may remove the commit between our looking and our reading: look again.
        for _ in 0..5 {
            let Some(newest) = self.newest()? else { return Ok(None) };
            let path = self.commit_path(newest);
            match fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                bytes => return parse(&path, &bytes.map_err(Error::io(&path))?).map(Some),
            }
        }
        Err(Error::corrupt(&self.root.join("commits"), "commits vanish as fast as they are read"))
    }

    /// Makes `manifest` the corpus: from the rename on, and not before. Every file it names is
    /// durable already. Then the files go that only its predecessor named.
    pub fn commit(&self, manifest: &Manifest) -> Result<(), Error> {
        crash::point("commit-begun");
        self.sync_folders(manifest)?;
        let path = self.commit_path(manifest.commit);
        let tmp = path.with_extension("json.tmp");
        write_durably(&tmp, &serde_json::to_vec(manifest).expect("a manifest is plain data"))?;
        crash::point("manifest-written");
        fs::rename(&tmp, &path).map_err(Error::io(&path))?;
        crash::point("manifest-renamed");
        sync_dir(&self.root.join("commits"))
    }

    /// Writes the recipe of a new corpus; it is whole, or not there.
    pub fn write_recipe(&self, text: &str) -> Result<(), Error> {
        let path = self.recipe_path();
        let tmp = path.with_extension("toml.tmp");
        write_durably(&tmp, text.as_bytes())?;
        fs::rename(&tmp, &path).map_err(Error::io(&path))?;
        sync_dir(&self.root)
    }

    /// Writes the recipe that the next commit is to have. Until [`Corpus::take_next_recipe`] it is
    /// not that of the corpus.
    pub fn write_next_recipe(&self, text: &str) -> Result<(), Error> {
        let path = self.next_recipe_path();
        write_durably(&path, text.as_bytes())?;
        sync_dir(&self.root)
    }

    /// The recipe that was written for a commit, if it is not taken yet.
    pub fn next_recipe_path(&self) -> PathBuf {
        self.root.join("recipe.next.toml")
    }

    /// Forgets that recipe: the commit was not made.
    pub fn remove_next_recipe(&self) -> Result<(), Error> {
        let path = self.next_recipe_path();
        fs::remove_file(&path).map_err(Error::io(&path))
    }

    /// Makes that recipe the corpus's own.
    pub fn take_next_recipe(&self) -> Result<(), Error> {
        let path = self.next_recipe_path();
        fs::rename(&path, self.recipe_path()).map_err(Error::io(&path))?;
        sync_dir(&self.root)
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

    /// Removes what no manifest names: leftovers of a crash, and older manifests. What has no name
    /// of ours stays, whoever put it there. Only for the holder of the lock. Returns how many files
    /// went.
    pub fn sweep(&self, manifest: &Manifest) -> Result<u64, Error> {
        let named: BTreeSet<PathBuf> = manifest.files().map(|file| self.root.join(file)).collect();
        let newest = self.commit_path(manifest.commit);
        let mut removed = 0;
        for path in self.files()?.into_iter().filter(|path| self.is_own(path)) {
            if path != newest && !named.contains(&path) {
                fs::remove_file(&path).map_err(Error::io(&path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes files that the commit made superfluous.
    pub fn remove(&self, files: impl IntoIterator<Item = String>) -> Result<(), Error> {
        for file in files {
            let path = self.root.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                done => done.map_err(Error::io(&path))?,
            }
        }
        Ok(())
    }

    /// Forgets the manifests before `commit`.
    pub fn remove_manifest(&self, commit: u64) -> Result<(), Error> {
        self.remove([format!("commits/{commit:06}.json")])
    }

    /// Whether a file in the corpus' own folders has a name as we give them.
    fn is_own(&self, path: &Path) -> bool {
        let folder = path.strip_prefix(&self.root).ok().and_then(|path| path.iter().next());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let numbers = |digits: usize| {
            name.len() > digits && name.bytes().take(digits).all(|byte| byte.is_ascii_digit())
        };
        match folder.and_then(|folder| folder.to_str()) {
            Some("commits") => numbers(6) && name.contains(".json"),
            // Epoch and worker.
            Some("data" | "ledger") => numbers(8) && name[8..].starts_with('-'),
            // Spills have their names for a moment only.
            Some("state" | "tmp") => name.ends_with(".run") || name.ends_with(".spill"),
            _ => false,
        }
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

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io(path))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, Error> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
        Error::corrupt(
            path,
            format!("{error}; remove this file to go back to the commit before it"),
        )
    })?;
    if manifest.format != Manifest::FORMAT {
        let what = format!(
            "format {} is not known to this version, which reads {}; use the version that wrote it",
            manifest.format,
            Manifest::FORMAT
        );
        return Err(Error::corrupt(path, what));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_commit_counts_and_a_sweep_leaves_only_what_it_names() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        assert!(corpus.manifest().unwrap().is_none());
        assert!(matches!(Corpus::open(dir.path()), Err(Error::Missing { .. })));
        let mut manifest = Manifest::empty("r".into());
        corpus.commit(&manifest).unwrap();
        manifest.commit = 1;
        corpus.commit(&manifest).unwrap();
        fs::write(dir.path().join("commits/000002.json.tmp"), "{").unwrap();
        fs::write(dir.path().join("state/left.run"), "over").unwrap();
        assert_eq!(corpus.manifest().unwrap().unwrap().commit, 1);
        assert_eq!(corpus.sweep(&manifest).unwrap(), 3);
        assert_eq!(corpus.files().unwrap(), [dir.path().join("commits/000001.json")]);
    }

    #[test]
    fn a_manifest_that_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        fs::write(dir.path().join("commits/000007.json"), "{\"format\":1").unwrap();
        let error = corpus.manifest().unwrap_err().to_string();
        assert!(error.contains("000007.json") && error.contains("remove"), "{error}");
    }
}
