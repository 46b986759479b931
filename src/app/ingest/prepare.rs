//! Opening or creating the corpus of a run: locking it, and clearing what a killed run left.

use anyhow::{Context, Result, bail};
use corpus::{Corpus, Lock, Manifest};
use recipe::usage::usage;
use recipe::{Recipe, Slices};
use std::path::Path;

/// Opens the corpus, or creates it with `recipe`, and takes the lock.
pub(super) fn prepare(root: &Path, recipe: &Recipe, slices: Slices) -> Result<(Corpus, Lock)> {
    if let Some(found) = Corpus::in_the_way(root, &recipe.print(slices))? {
        bail!(usage(format!(
            "{} is not a corpus, and is not empty: {} is in it; choose a new or empty folder",
            root.display(),
            found.display()
        )));
    }
    std::fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
    let lock = Lock::take(root)?;
    let manifest = match Corpus::open(root) {
        Ok(corpus) => corpus.manifest()?.map(|manifest| (corpus, manifest)),
        Err(corpus::Error::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let Some((corpus, manifest)) = manifest else {
        let corpus = Corpus::create(root)?;
        let text = recipe.print(slices);
        corpus.write_recipe(&text)?;
        let recipe_toml = Some(text);
        corpus.commit(&Manifest { recipe_toml, ..Manifest::empty(recipe.fingerprint.clone()) })?;
        return Ok((corpus, lock));
    };
    check_recipe(&corpus, &manifest, recipe, slices)?;
    recover(slices, &corpus, &manifest)?;
    Ok((corpus, lock))
}

/// Clears what a killed run left in a corpus, so that it can be written to. The caller holds the
/// lock.
pub(crate) fn recover(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<()> {
    corpus.check_whole(manifest)?;
    Corpus::create(corpus.root())?;
    Recipe::settle(slices, corpus, manifest)?;
    corpus.sweep(manifest)?;
    corpus.end_writing()?;
    Ok(())
}

/// Fails unless the corpus was built with `recipe`.
pub(crate) fn check_recipe(
    corpus: &Corpus,
    manifest: &Manifest,
    recipe: &Recipe,
    slices: Slices,
) -> Result<()> {
    Recipe::check_exists(corpus, manifest)?;
    if manifest.recipe == recipe.fingerprint {
        return Ok(());
    }
    let (root, path) = (corpus.root().display(), corpus.recipe_path());
    match Recipe::of_corpus(slices, corpus) {
        Ok(own) if own.fingerprint == manifest.recipe => bail!(usage(format!(
            "{root} was built with another recipe (its own is {}); settings and models of a corpus \
             cannot change: build a new one with --corpus",
            path.display()
        ))),
        _ => bail!(usage(format!(
            "{root} was built with another recipe than {} is now: that file, or a model that it \
             names, has changed since; put it back as it was (sluice verify --repair {root} writes \
             the file as the newest commit has it), or build a new corpus",
            path.display()
        ))),
    }
}
