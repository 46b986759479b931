//! The tokenizer of a corpus: the one that its tokens are counted with.

use crate::read::Reader;
use crate::settings::{FilePath, SettingValue};
use crate::slice::Slices;
use anyhow::{Context, Result};
use corpus::{Corpus, Manifest};
use std::path::{Path, PathBuf};

/// Its key in a recipe, and in the digests of a manifest.
const KEY: &str = "tokenizer";

/// Returns the tokenizer that the recipe of a commit names. Reads nothing else of the recipe.
///
/// # Errors
/// If the recipe cannot be read, or the file that it names does not exist.
pub fn tokenizer_of(
    slices: Slices,
    corpus: &Corpus,
    manifest: &Manifest,
) -> Result<Option<PathBuf>> {
    let path = corpus.recipe_path();
    let text = match &manifest.recipe_toml {
        Some(text) => text.clone(),
        None => std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the recipe {}", path.display()))?,
    };
    let mut table: toml::Table =
        toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
    table.retain(|key, _| key == KEY);
    let text = toml::to_string(&table).context("the recipe of the corpus")?;
    let recipe = Reader::new(slices, &path, &text).without_checks().read_settings()?;
    Ok(recipe.tokenizer.map(|FilePath(path)| path))
}

/// Whether the tokens of a commit were counted with the file `path`, by its contents.
///
/// # Errors
/// If the file cannot be read.
pub fn is_counted_with(manifest: &Manifest, path: &Path) -> Result<bool> {
    let Some(known) = manifest.models.get(KEY) else { return Ok(false) };
    let mut hasher = blake3::Hasher::new();
    Some(FilePath(path.to_owned())).digest(&mut hasher)?;
    Ok(hasher.finalize().to_hex().as_str() == known)
}
