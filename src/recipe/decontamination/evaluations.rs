//! The files of evaluation sets, their names and digests.

use crate::expand::{expand, pattern_below, unexpanded};
use crate::settings::{SettingType, SettingValue, WrongValue, quoted};
use anyhow::{Context, Result};
use corpus::Evaluation;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeValue;

/// The files of evaluation sets, each once. Their order makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationFiles(pub BTreeSet<PathBuf>);

impl SettingValue for EvaluationFiles {
    fn print(&self) -> String {
        let paths: Vec<String> = self.0.iter().map(|path| quoted(&unexpanded(path))).collect();
        format!("[{}]", paths.join(", "))
    }
}

impl SettingType for EvaluationFiles {
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue> {
        let mut files = BTreeSet::new();
        for path in Vec::<String>::read(value, folder)? {
            let found = EvaluationFiles::find(&path, folder);
            let wrong = |what| WrongValue { at: value.span(), what: format!(": {what}") };
            files.append(&mut found.map_err(wrong)?.0);
        }
        Ok(EvaluationFiles(files))
    }
}

impl EvaluationFiles {
    /// Finds the files that a path or a pattern names, below `folder` if it is relative.
    ///
    /// # Errors
    /// Says what is wrong, if there is no such file.
    pub fn find(path: &str, folder: &Path) -> Result<EvaluationFiles, String> {
        let pattern = pattern_below(folder, &expand(path)?);
        let matches = glob::glob(&pattern).map_err(|error| format!("{path}: {error}"))?;
        let mut files = BTreeSet::new();
        for found in matches {
            let found = found.map_err(|error| error.to_string())?;
            if found.is_dir() {
                let shown = found.display();
                return Err(format!(
                    "{shown} is a folder: name its files, such as \"{path}/*.jsonl\""
                ));
            }
            let found = std::path::absolute(&found);
            files.insert(found.map_err(|error| format!("{path}: {error}"))?);
        }
        if files.is_empty() {
            return Err(format!("no such file: {path}"));
        }
        Ok(EvaluationFiles(files))
    }
}

/// Returns the sets of these files, in the order of their names: the name of the file, with as many
/// of its folders as tell it from the others.
///
/// # Errors
/// If a file cannot be read.
pub fn evaluations(files: &EvaluationFiles) -> Result<Vec<Evaluation>> {
    let named = names(&files.0).into_iter().map(|(name, path)| {
        let digest = digest(path).with_context(|| {
            format!("cannot read the evaluation set {}: restore it", path.display())
        })?;
        Ok(Evaluation { name, path: path.to_string_lossy().into_owned(), digest })
    });
    named.collect()
}

fn names(files: &BTreeSet<PathBuf>) -> BTreeMap<String, &Path> {
    let of = |path: &Path, parts: usize| {
        let all: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        all[all.len().saturating_sub(parts)..].join("/")
    };
    let mut names = BTreeMap::new();
    let mut left: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut parts = 1;
    while !left.is_empty() {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for path in files {
            *counts.entry(of(path, parts)).or_default() += 1;
        }
        left.retain(|path| {
            let name = of(path, parts);
            let is_unique = counts[&name] == 1 || parts > path.iter().count();
            if is_unique {
                names.insert(name, *path);
            }
            !is_unique
        });
        parts += 1;
    }
    names
}

fn digest(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_folders_that_tell_files_apart() {
        let paths =
            ["/e/mmlu/test.jsonl", "/e/gsm8k/test.jsonl", "/f/gsm8k/test.jsonl", "/e/arc.gz"];
        let files: BTreeSet<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let names = names(&files);
        let names: Vec<(&str, &str)> =
            names.iter().map(|(name, path)| (&name[..], path.to_str().unwrap())).collect();
        let expected = [
            ("arc.gz", "/e/arc.gz"),
            ("e/gsm8k/test.jsonl", "/e/gsm8k/test.jsonl"),
            ("f/gsm8k/test.jsonl", "/f/gsm8k/test.jsonl"),
            ("mmlu/test.jsonl", "/e/mmlu/test.jsonl"),
        ];
        assert_eq!(names, expected);
    }
}
