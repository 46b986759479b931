//! The recipe of a corpus.

use crate::read::Reader;
use crate::recipe::Recipe;
use crate::settings::Preset;
use crate::slice::Slices;
use crate::usage::{Usage, usage};
use anyhow::{Context, Result};
use corpus::{Corpus, Manifest};

impl Recipe {
    /// Reads the recipe of a corpus: the one with which its newest commit was made.
    ///
    /// # Errors
    /// If recipe or manifest cannot be read.
    pub fn of_corpus(slices: Slices, corpus: &Corpus) -> Result<Recipe> {
        let manifest = corpus.manifest()?;
        if let Some(manifest) = &manifest {
            Recipe::check_exists(corpus, manifest)?;
        }
        let recipe = Recipe::open(slices, &corpus.recipe_path());
        let recipe = recipe.map_err(|error| with_remedy_of_sets(corpus, error))?;
        let Some(manifest) = manifest else { return Ok(recipe) };
        match recipe.superseded_by(corpus, &manifest)? {
            Some(text) => Reader::new(slices, &corpus.recipe_path(), text).read(),
            None => Ok(recipe),
        }
    }

    /// Reads the recipe of a corpus without its evaluation sets, which may be gone or have changed:
    /// those of its newest commit `manifest` are taken to be as they were.
    ///
    /// # Errors
    /// If the recipe cannot be read.
    pub fn with_known_sets(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<Recipe> {
        Recipe::check_exists(corpus, manifest)?;
        let path = corpus.recipe_path();
        let found = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the recipe {}", path.display()))?;
        let before = corpus.predecessor(manifest.commit)?.and_then(|before| before.recipe_toml);
        let text = match &manifest.recipe_toml {
            Some(text) if before.is_some_and(|before| before == found) => text.clone(),
            _ => found,
        };
        let mut table: toml::Table =
            toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
        remove_sets(&mut table);
        let text = toml::to_string(&table).context("the recipe of the corpus")?;
        let mut recipe = Reader::new(slices, &path, &text).read_settings()?;
        recipe.set_evaluations(slices, manifest.evaluations.clone())?;
        Ok(recipe)
    }

    /// Reads the recipe of a corpus's commit to look at its documents, without the models that it
    /// names: they may be large, or not on this machine. The recipe has no fingerprint.
    ///
    /// # Errors
    /// If there is no recipe, or it is of another version.
    pub fn without_models(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<Recipe> {
        let path = corpus.recipe_path();
        let text = match &manifest.recipe_toml {
            Some(text) => text.clone(),
            None => std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read the recipe {}", path.display()))?,
        };
        Reader::new(slices, &path, &without_files(slices, &text)?).without_checks().read_settings()
    }

    /// Reads the recipe that the newest commit was made with, whatever its file says now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn as_built(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<Recipe> {
        let path = corpus.recipe_path();
        match &manifest.recipe_toml {
            Some(text) => Reader::new(slices, &path, text).read(),
            None => Recipe::open(slices, &path),
        }
    }

    /// Checks that a corpus has its recipe file.
    ///
    /// # Errors
    /// If the file is missing; the message says how to restore it.
    pub fn check_exists(corpus: &Corpus, manifest: &Manifest) -> Result<()> {
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

    /// Writes the recipe file of the newest commit, if the process that made the commit ended
    /// before it wrote the file. The caller holds the lock.
    ///
    /// # Errors
    /// If a recipe or a manifest cannot be read, or the file cannot be written.
    pub fn settle(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<()> {
        let path = corpus.recipe_path();
        // To open a recipe reads all its model files, which may be large.
        let found = std::fs::read_to_string(&path).ok();
        if manifest.recipe_toml.is_none() || found == manifest.recipe_toml {
            return Ok(());
        }
        // The file as the commit before has it: what it names may be gone.
        let before = corpus.predecessor(manifest.commit)?;
        if let (Some(before), Some(text)) = (before, &manifest.recipe_toml)
            && before.recipe_toml == found
            && before.recipe != manifest.recipe
        {
            return Ok(corpus.write_recipe(text)?);
        }
        match Recipe::open(slices, &path)?.superseded_by(corpus, manifest)? {
            Some(text) => Ok(corpus.write_recipe(text)?),
            None => Ok(()),
        }
    }

    /// Returns the recipe text of the newest commit, if this recipe is that of the commit before.
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

/// Adds to an error about an evaluation set how a corpus is freed from it.
fn with_remedy_of_sets(corpus: &Corpus, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Usage>() {
        Some(Usage(what)) if what.contains(": decontaminate.sets: ") => usage(format!(
            "{what}; restore it, or remove it from the corpus: sluice decontaminate {} --remove FILE",
            corpus.root().display()
        )),
        _ => error,
    }
}

fn remove_sets(table: &mut toml::Table) {
    if let Some(toml::Value::Table(settings)) = table.get_mut("decontaminate") {
        settings.remove("sets");
    }
}

/// Removes the keys that name files and folders from the text of a recipe.
fn without_files(slices: Slices, text: &str) -> Result<String> {
    let mut table: toml::Table = toml::from_str(text).context("the recipe of the corpus")?;
    for key in ["tokenizer", "lid"] {
        table.remove(key);
    }
    remove_sets(&mut table);
    for slice in slices {
        let defaults = slice.defaults(Preset::Global);
        if let Some(toml::Value::Table(settings)) = table.get_mut(slice.name()) {
            // Of all settings, only a file or a folder can be unset.
            settings.retain(|key, _| {
                let is_file = |known: &&crate::settings::Key| {
                    known.name == key && defaults.value(known.name).is_unset()
                };
                key != "lid" && !slice.keys().iter().any(|known| is_file(&known))
            });
        }
    }
    toml::to_string(&table).context("the recipe of the corpus")
}
