//! Settings that are files and folders.

use super::{SettingType, SettingValue, WrongValue, quoted, string};
use crate::digest::digest_folder;
use crate::expand::{expand, unexpanded};
use anyhow::Context;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeValue;

/// A file that a recipe names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(pub PathBuf);

/// A folder that a recipe names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderPath(pub PathBuf);

impl Deref for FilePath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Deref for FolderPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl SettingValue for Option<FilePath> {
    fn print(&self) -> String {
        quoted(&self.as_ref().map_or(String::new(), |path| unexpanded(path)))
    }

    fn is_path(&self) -> bool {
        true
    }

    fn is_unset(&self) -> bool {
        self.is_none()
    }

    fn digest(&self, hasher: &mut blake3::Hasher) -> anyhow::Result<()> {
        let Some(path) = self else {
            hasher.update(self.print().as_bytes());
            return Ok(());
        };
        let bytes =
            std::fs::read(&**path).with_context(|| format!("cannot read {}", path.display()))?;
        hasher.update(blake3::hash(&bytes).as_bytes());
        Ok(())
    }
}

impl SettingType for Option<FilePath> {
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue> {
        let path = path(value, folder, Path::is_file, "file")?;
        Ok(path.map(FilePath))
    }
}

impl SettingValue for Option<FolderPath> {
    fn print(&self) -> String {
        quoted(&self.as_ref().map_or(String::new(), |path| unexpanded(path)))
    }

    fn is_path(&self) -> bool {
        true
    }

    fn is_unset(&self) -> bool {
        self.is_none()
    }

    fn digest(&self, hasher: &mut blake3::Hasher) -> anyhow::Result<()> {
        match self {
            Some(path) => digest_folder(path, hasher),
            None => {
                hasher.update(self.print().as_bytes());
                Ok(())
            }
        }
    }
}

impl SettingType for Option<FolderPath> {
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue> {
        let path = path(value, folder, Path::is_dir, "folder")?;
        Ok(path.map(FolderPath))
    }
}

fn path(
    value: &Spanned<DeValue<'_>>,
    folder: &Path,
    exists: fn(&Path) -> bool,
    kind: &str,
) -> Result<Option<PathBuf>, WrongValue> {
    if string(value)?.is_empty() {
        return Ok(None);
    }
    let path = absolute(value, folder)?;
    if !exists(&path) {
        let what = format!(": no such {kind}: {}", path.display());
        return Err(WrongValue { at: value.span(), what });
    }
    Ok(Some(path))
}

/// Returns an absolute path: a corpus keeps its recipe and is used from other folders.
pub(crate) fn absolute(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<PathBuf, WrongValue> {
    let expanded = expand(string(value)?)
        .map_err(|what| WrongValue { at: value.span(), what: format!(": {what}") })?;
    let path = folder.join(expanded);
    std::path::absolute(&path).map_err(|error| WrongValue {
        at: value.span(),
        what: format!(": {}: {error}", path.display()),
    })
}
