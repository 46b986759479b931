//! The recipe: what a corpus is made with, and from what.

use crate::fingerprint::fingerprint;
use crate::input::Input;
use crate::read::Reader;
use crate::settings::{AnySettings, FilePath, Preset};
use crate::slice::Slices;
use crate::usage::usage;
use anyhow::{Result, anyhow};
use corpus::{Corpus, Manifest};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A recipe with every default filled in.
pub struct Recipe {
    /// Where the corpus is kept, if the recipe says so.
    pub corpus: Option<PathBuf>,
    /// The rules that defaults follow.
    pub preset: Preset,
    /// Counts the tokens of all slices.
    pub tokenizer: Option<FilePath>,
    /// Identifies the languages of all slices. Without one, a built-in identifier does.
    pub lid: Option<FilePath>,
    /// Of texts that are equal, in whatever slices, the first stays.
    pub global_dedup: bool,
    /// Settings of every slice, by name.
    pub slices: BTreeMap<&'static str, Box<dyn AnySettings>>,
    /// What is added, in order.
    pub inputs: Vec<Input>,
    /// Digest of everything that decides what the corpus is: settings, and the bytes of models.
    pub fingerprint: String,
}

impl Recipe {
    /// The recipe of an empty file.
    pub fn default(slices: Slices) -> Recipe {
        Reader::new(slices, Path::new(""), "").read().expect("an empty recipe is a recipe")
    }

    /// Reads a recipe file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// When the file cannot be read or is not a recipe; the message names the line and the key.
    pub fn open(slices: Slices, path: &Path) -> Result<Recipe> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!("cannot read the recipe {}: {error}", path.display());
            // A wrong name is the user's; a disk that fails, or too many open files, is not.
            let is_usage = matches!(
                error.kind(),
                ErrorKind::NotFound
                    | ErrorKind::PermissionDenied
                    | ErrorKind::IsADirectory
                    | ErrorKind::NotADirectory
                    | ErrorKind::InvalidData
                    | ErrorKind::InvalidInput
                    | ErrorKind::InvalidFilename
            );
            if is_usage { usage(what) } else { anyhow!(what) }
        })?;
        Reader::new(slices, path, &text).read()
    }

    /// Reads the text of a recipe. Paths in it are relative to the working folder.
    ///
    /// # Errors
    /// When it is not a recipe.
    pub fn parse(slices: Slices, text: &str) -> Result<Recipe> {
        Reader::new(slices, Path::new("recipe.toml"), text).read()
    }

    /// The settings of a slice.
    pub fn settings(&self, slice: &str) -> &dyn AnySettings {
        &**self.slices.get(slice).expect("a recipe has every slice")
    }

    /// Changes settings of a slice.
    ///
    /// # Errors
    /// When a model cannot be read for the new digest.
    pub fn change(
        &mut self,
        slices: Slices,
        slice: &str,
        change: impl FnOnce(&mut dyn AnySettings),
    ) -> Result<()> {
        change(&mut **self.slices.get_mut(slice).expect("a recipe has every slice"));
        self.fingerprint = fingerprint(slices, self)?;
        Ok(())
    }

    /// The recipe of a corpus: the one that its newest commit was made with.
    ///
    /// # Errors
    /// When recipe or manifest cannot be read.
    pub fn of_corpus(slices: Slices, corpus: &Corpus) -> Result<Recipe> {
        let manifest = corpus.manifest()?;
        if let Some(manifest) = &manifest {
            Recipe::check_there(corpus, manifest)?;
        }
        let recipe = Recipe::open(slices, &corpus.recipe_path())?;
        let Some(manifest) = manifest else { return Ok(recipe) };
        match recipe.superseded_by(corpus, &manifest)? {
            Some(text) => Reader::new(slices, &corpus.recipe_path(), text).read(),
            None => Ok(recipe),
        }
    }

    /// Fails where the corpus has lost its recipe.
    ///
    /// # Errors
    /// What to do about the missing file.
    pub fn check_there(corpus: &Corpus, manifest: &Manifest) -> Result<()> {
        let path = corpus.recipe_path();
        if path.exists() {
            return Ok(());
        }
        let (root, shown) = (corpus.root().display(), path.display());
        if manifest.recipe_toml.is_some() {
            anyhow::bail!(
                "{shown}: this file is missing; the corpus needs it: sluice verify --repair {root} \
                 writes it again from the newest commit"
            );
        }
        anyhow::bail!(
            "{shown}: this file is missing; the corpus needs it: restore it from a copy, or write \
             it again from the recipe the corpus was built with: sluice build RECIPE.toml \
             --print-recipe > {shown}"
        )
    }

    /// Writes the recipe file of the newest commit, if the process that made the commit ended before
    /// it could. For the holder of the lock.
    ///
    /// # Errors
    /// When a recipe or a manifest cannot be read, or the file cannot be written.
    pub fn settle(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<()> {
        let recipe = Recipe::open(slices, &corpus.recipe_path())?;
        match recipe.superseded_by(corpus, manifest)? {
            Some(text) => Ok(corpus.write_recipe(text)?),
            None => Ok(()),
        }
    }

    /// The recipe text of the newest commit, if this recipe is the one of the commit before it.
    fn superseded_by<'m>(
        &self,
        corpus: &Corpus,
        manifest: &'m Manifest,
    ) -> Result<Option<&'m str>> {
        if manifest.recipe == self.fingerprint {
            return Ok(None);
        }
        let before = corpus.predecessor(manifest.commit)?;
        let is_of_before = before.is_some_and(|before| before.recipe == self.fingerprint);
        Ok(manifest.recipe_toml.as_deref().filter(|_| is_of_before))
    }
}
