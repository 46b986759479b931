//! The dataset card of an export: `README.md`, with the front matter that Hugging Face reads.
//!
//! It depends on what is exported and on nothing else, so that two exports of the same documents
//! are equal: no time, no commit, no path of this machine.

mod features;
mod yaml;

use corpus::export::{Exported, Options, RecordSchema, SliceReport};
use features::{Features, all_alike, slice_features};
use indicatif::{HumanBytes, HumanCount};
use recipe::{Slices, find_slice};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The name of the configuration of all slices.
const ALL: &str = "default";

/// The name of a split if there are none.
const ONE_SPLIT: &str = "train";

/// Files of a split that are listed one by one; more are given by a pattern.
const FILES_LISTED_MAX: usize = 50;

/// Codes of languages that are no language.
const NO_LANGUAGES: [&str; 3] = ["und", "unk", "zxx"];

/// What a card is made from, besides the files.
pub(crate) struct Card<'a> {
    pub slices: Slices,
    pub options: &'a Options,
    /// The recipe of the corpus.
    pub recipe: Option<&'a str>,
}

/// Files of one label and split.
type Group<'a> = ((&'a str, &'a str, &'a str), Vec<&'a Exported>);

impl Card<'_> {
    /// Returns the card of these files.
    pub fn text(&self, files: &[Exported], slices: &[SliceReport]) -> String {
        let groups = grouped(files);
        let mut card = format!("---\n{}---\n\n", yaml::block(&self.front(&groups, slices)));
        card += "# Pre-training corpus\n\n";
        card += &format!(
            "Made by sluicebox {} from raw dumps: cleaned, filtered and deduplicated. {}\n\n",
            env!("CARGO_PKG_VERSION"),
            self.records()
        );
        if groups.is_empty() {
            card += "It has no documents.\n";
        } else {
            card += &usage(&groups);
            card += &table(&groups);
            card += &self.terms(slices);
        }
        card + &self.recipe_text()
    }

    fn front(&self, groups: &[Group<'_>], slices: &[SliceReport]) -> Value {
        let documents: u64 = groups.iter().map(|(_, files)| documents(files)).sum();
        let mut front = json!({
            "pretty_name": "Pre-training corpus",
            "size_categories": [size_category(documents)],
            "source_datasets": ["original"],
            "tags": ["pretraining", "deduplicated", "sluicebox"],
            "task_categories": ["text-generation"],
        });
        let mut licenses: BTreeSet<&str> = BTreeSet::new();
        for slice in slices {
            let known = find_slice(self.slices, &slice.name);
            licenses.extend(known.map_or(&["other"][..], |slice| slice.terms().licenses));
        }
        if !licenses.is_empty() {
            front["license"] = json!(licenses);
        }
        let languages: BTreeSet<&str> = slices.iter().flat_map(languages).collect();
        if !languages.is_empty() {
            front["language"] = json!(languages);
        }
        let (configs, infos): (Vec<Value>, Vec<Value>) =
            self.configs(groups, slices).into_iter().unzip();
        if !configs.is_empty() {
            front["configs"] = json!(configs);
            front["dataset_info"] = json!(infos);
        }
        front
    }

    /// Returns a configuration of all slices, and one for each slice, with what is known of its
    /// records.
    fn configs(&self, groups: &[Group<'_>], slices: &[SliceReport]) -> Vec<(Value, Value)> {
        let with_documents: Vec<&Group<'_>> =
            groups.iter().filter(|(_, files)| documents(files) > 0).collect();
        let of_slice = |name: &str| -> Vec<&Group<'_>> {
            with_documents.iter().copied().filter(|((slice, ..), _)| *slice == name).collect()
        };
        let found: Vec<(&str, Features, Vec<&Group<'_>>)> = slices
            .iter()
            .map(|slice| {
                let features = slice_features(self.options, &slice.meta);
                (&*slice.name, features, of_slice(&slice.name))
            })
            .filter(|(_, _, groups)| !groups.is_empty())
            .collect();
        let mut configs = Vec::new();
        if let Some(all) = all_alike(found.iter().map(|(_, features, _)| features)) {
            configs.push(config(ALL, &all, &with_documents));
        }
        configs.extend(found.iter().map(|(name, features, groups)| config(name, features, groups)));
        configs
    }

    /// A sentence about the records.
    fn records(&self) -> &'static str {
        match self.options.records {
            RecordSchema::Sluice => {
                "Each record has `text`, `id` (`slice/label/source#record`) and `meta`, all that is \
                 known of the document."
            }
            RecordSchema::Dolma => {
                "Records have the fields of Dolma: `id` (`slice/label/source#record`), `text`, \
                 `source` (the slice), `added`, `created` and `metadata`."
            }
            RecordSchema::Datatrove => {
                "Records have the fields of datatrove: `text`, `id` (`slice/label/source#record`) \
                 and `metadata`."
            }
            RecordSchema::RedPajama => {
                "Records have the fields of RedPajama-1T: `text` and `meta`, with \
                 `slice/label/source#record` as `meta.id`."
            }
        }
    }

    fn terms(&self, slices: &[SliceReport]) -> String {
        let mut text =
            String::from("## Sources and licences\n\n| slice | source | terms |\n|---|---|---|\n");
        for found in slices {
            if let Ok(slice) = find_slice(self.slices, &found.name) {
                let (about, terms) = (slice.about(), slice.terms().about);
                text += &format!("| `{}` | {about} | {terms} |\n", found.name);
            }
        }
        text + "\n"
    }

    fn recipe_text(&self) -> String {
        let Some(recipe) = self.recipe else { return String::new() };
        let recipe = without_folders(recipe);
        format!(
            "## Recipe\n\nAll settings with which the corpus was made. Models are named without \
             their folders.\n\n~~~~toml\n{}\n~~~~\n",
            recipe.trim_end()
        )
    }
}

/// Groups files by slice, label and split, in the order of their paths.
fn grouped(files: &[Exported]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for file in files {
        let split = file.split.as_deref().unwrap_or(ONE_SPLIT);
        let key = (&*file.slice, &*file.label, split);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, files)) => files.push(file),
            None => groups.push((key, vec![file])),
        }
    }
    groups
}

fn documents(files: &[&Exported]) -> u64 {
    files.iter().map(|file| file.documents).sum()
}

/// Returns a configuration, and what `dataset_info` says about it.
fn config(name: &str, features: &Features, groups: &[&Group<'_>]) -> (Value, Value) {
    let mut splits: Vec<(&str, Vec<&Exported>)> = Vec::new();
    for ((_, _, split), files) in groups {
        match splits.iter_mut().find(|(known, _)| known == split) {
            Some((_, known)) => known.extend(files),
            None => splits.push((split, files.clone())),
        }
    }
    let data_files: Vec<Value> = splits
        .iter()
        .map(|(split, _)| {
            let of_split = groups.iter().filter(|((_, _, name), _)| name == split);
            let path: Vec<String> = of_split.flat_map(|(_, files)| paths(files)).collect();
            json!({"split": split, "path": path})
        })
        .collect();
    let infos: Vec<Value> = splits
        .iter()
        .map(|(split, files)| {
            let bytes: u64 = files.iter().map(|file| file.text_bytes).sum();
            json!({"name": split, "num_bytes": bytes, "num_examples": documents(files)})
        })
        .collect();
    (
        json!({"config_name": name, "data_files": data_files}),
        json!({"config_name": name, "features": features.json(), "splits": infos}),
    )
}

/// Returns the paths of files, or patterns that match them and no others.
fn paths(files: &[&Exported]) -> Vec<String> {
    if files.len() <= FILES_LISTED_MAX {
        return files.iter().map(|file| file.path.clone()).collect();
    }
    let pattern = |file: &&Exported| shard_pattern(&file.path);
    files.iter().map(pattern).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the path of a shard with a pattern in place of its number.
fn shard_pattern(path: &str) -> String {
    let (stem, number) = path.rsplit_once('-').expect("several files of a label are shards");
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let name = glob_escaped(stem);
    format!("{name}-{}{}", "[0-9]".repeat(digits), &number[digits..])
}

fn glob_escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '*' | '?' | '[' => escaped.extend(['[', c, ']']),
            c => escaped.push(c),
        }
        escaped
    })
}

/// The class of Hugging Face's scale.
fn size_category(documents: u64) -> String {
    let names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"];
    let mut limit = 1000;
    for (at, name) in names.iter().enumerate() {
        if documents < limit {
            return match at.checked_sub(1) {
                None => format!("n<{name}"),
                Some(before) => format!("{}<n<{name}", names[before]),
            };
        }
        limit = limit.saturating_mul(10);
    }
    "n>1T".to_owned()
}

/// The languages of a slice.
fn languages(slice: &SliceReport) -> impl Iterator<Item = &str> {
    slice.languages.keys().map(|code| &**code).filter(|code| !NO_LANGUAGES.contains(code))
}

/// How to load the data. Only what has documents has a configuration.
fn usage(groups: &[Group<'_>]) -> String {
    let with_documents = groups.iter().find(|(_, files)| documents(files) > 0);
    let Some(((slice, ..), _)) = with_documents else { return String::new() };
    format!(
        "~~~~python\nfrom datasets import load_dataset\n\nall_slices = load_dataset(\".\")\n\
         one_slice = load_dataset(\".\", \"{slice}\")\n~~~~\n\n"
    )
}

fn table(groups: &[Group<'_>]) -> String {
    let mut table = String::from(
        "## Files\n\n| files | documents | bytes of text | size |\n|---|--:|--:|--:|\n",
    );
    let mut all = (0, 0, 0);
    for (_, files) in groups {
        let text: u64 = files.iter().map(|file| file.text_bytes).sum();
        let size: u64 = files.iter().map(|file| file.bytes).sum();
        let documents = documents(files);
        let name = match &files[..] {
            [file] => format!("`{}`", file.path),
            files => {
                let (first, last) = (&files[0].path, &files[files.len() - 1].path);
                format!("`{first}` to `{last}` ({} files)", files.len())
            }
        };
        table += &row(&name, documents, text, size);
        all = (all.0 + documents, all.1 + text, all.2 + size);
    }
    if groups.len() > 1 {
        table += &row("all", all.0, all.1, all.2);
    }
    table + "\n`manifest.json` lists the SHA-256 of each file.\n\n"
}

fn row(name: &str, documents: u64, text: u64, size: u64) -> String {
    format!(
        "| {name} | {} | {} | {} |\n",
        HumanCount(documents),
        HumanCount(text),
        HumanBytes(size)
    )
}

/// Returns a recipe with the names of files in place of absolute paths: those of this machine mean
/// nothing to others.
fn without_folders(recipe: &str) -> String {
    let mut text = String::with_capacity(recipe.len());
    let mut rest = recipe;
    while let Some(at) = rest.find("\"/") {
        let (before, path) = rest.split_at(at + 1);
        text += before;
        let end = path.find('"').unwrap_or(path.len());
        let name = path[..end].trim_end_matches('/');
        text += name.rsplit('/').next().unwrap_or(name);
        rest = &path[end..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_scale() {
        let found: Vec<String> =
            [0, 999, 1000, 123_456, 999_999_999, 5_000_000_000_000].map(size_category).into();
        let expected = ["n<1K", "n<1K", "1K<n<10K", "100K<n<1M", "100M<n<1B", "n>1T"];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_slice_with_documents_is_the_one_to_load() {
        let file = |slice: &str, documents| Exported {
            slice: slice.into(),
            documents,
            ..Exported::default()
        };
        let files = [file("arxiv", 0), file("books", 2), file("c4", 3)];
        assert!(usage(&grouped(&files)).contains(r#"load_dataset(".", "books")"#));
        assert_eq!(usage(&grouped(&files[..1])), "");
    }

    #[test]
    fn paths_of_this_machine_are_not_published() {
        let recipe =
            "lid = \"/home/me/models/lid.176.ftz\" # a model\nx = [\"/a/\", \"b\"]\nc = 1\n";
        assert_eq!(
            without_folders(recipe),
            "lid = \"lid.176.ftz\" # a model\nx = [\"a\", \"b\"]\nc = 1\n"
        );
    }

    #[test]
    fn many_shards_are_a_pattern() {
        assert_eq!(
            shard_pattern("c4/en[1]-train-00012.jsonl.zst"),
            "c4/en[[]1]-train-[0-9][0-9][0-9][0-9][0-9].jsonl.zst"
        );
    }
}
