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
    durable::create_folders_durably(root)
        .with_context(|| format!("cannot create {}", root.display()))?;
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
        let models = recipe.model_digests(slices)?;
        let evaluations = recipe.evaluations.clone();
        let empty = Manifest::empty(recipe.fingerprint.clone());
        corpus.commit(&Manifest { recipe_toml, models, evaluations, ..empty })?;
        return Ok((corpus.held_by(&lock), lock));
    };
    check_recipe(&corpus, &manifest, recipe, slices)?;
    let is_left = corpus.holds_replaced(&manifest)?;
    recover(slices, &corpus, &manifest)?;
    if is_left {
        corpus.commit(&Manifest { commit: manifest.commit + 1, ..manifest })?;
    }
    Ok((corpus.held_by(&lock), lock))
}

/// Clears what a killed run left in a corpus, so that it can be written to. The caller holds the
/// lock.
pub(crate) fn recover(slices: Slices, corpus: &Corpus, manifest: &Manifest) -> Result<()> {
    corpus.check_whole(manifest)?;
    Corpus::create(corpus.root())?;
    corpus.make_durable(manifest)?;
    Recipe::settle(slices, corpus, manifest)?;
    corpus.sweep(manifest)?;
    corpus.end_writing()?;
    Ok(())
}

/// Differences that a message lists.
const DIFFERENCES_MAX: usize = 20;

/// Fails unless the corpus was built with `recipe`. The message names each setting that differs.
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
    let (root, own) = (corpus.root().display(), corpus.recipe_path());
    let is_own = recipe.path == own;
    let built = Recipe::as_built(slices, corpus, manifest);
    let mut differences = match &built {
        Ok(built) => recipe.differences(slices, built, &manifest.models),
        // Such as a model of it that is missing.
        Err(error) => vec![format!("{error:#}")],
    };
    differences.extend(recipe.differences_of_sets(&manifest.evaluations));
    let are_of_sets = differences.iter().any(|line| line.starts_with("decontaminate."));
    if differences.is_empty() {
        differences.push("a model that the recipe names has changed since".to_owned());
    }
    let count = differences.len();
    differences.truncate(DIFFERENCES_MAX);
    if count > DIFFERENCES_MAX {
        differences.push(format!("and {} more", count - DIFFERENCES_MAX));
    }
    let list = differences.join("\n  ");
    let mut remedy = if is_own {
        format!(
            "put the file or the model back as it was (sluice verify --repair {root} writes the file \
             as the newest commit has it), or build another corpus"
        )
    } else {
        format!(
            "settings and models of a corpus cannot change: put these values back, or build another \
             corpus with --corpus; its own recipe is {}",
            own.display()
        )
    };
    if are_of_sets {
        remedy += &format!(
            "; the evaluation sets of a corpus, and what becomes of their documents, are changed by \
             sluice decontaminate {root}"
        );
    }
    let other = if is_own {
        format!("another recipe than {} is now", own.display())
    } else {
        format!("another recipe than {}", recipe.path.display())
    };
    bail!(usage(format!("{root} was built with {other}:\n  {list}\n{remedy}")))
}
