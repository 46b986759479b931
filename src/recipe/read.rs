//! Reading a recipe file. Every error names its line.

use crate::decontamination::{Decontamination, PRESETS, evaluations};
use crate::expand::{expand, pattern_below};
use crate::fingerprint::fingerprint;
use crate::input::{Input, check_label};
use crate::recipe::Recipe;
use crate::settings::{
    AnySettings, FilePath, Key, Preset, SettingType, Settings, Unusable, WrongValue, absolute,
    string,
};
use crate::slice::{AnySlice, Slices};
use crate::usage::{suggest, usage, usage_of_file};
use anyhow::Result;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

const TOP_KEYS: [&str; 8] =
    ["corpus", "preset", "tokenizer", "lid", "warn_removed", "global", "decontaminate", "input"];

/// A step of deduplication that drops more of what it compares is named: the audits of others' corpora
/// found whole sources gone without a word.
const WARN_REMOVED: f64 = 0.5;

const INPUT_KEYS: [&str; 3] = ["slice", "label", "paths"];

impl Recipe {
    /// Returns the recipe of an empty file, with all defaults.
    pub fn default(slices: Slices) -> Recipe {
        Reader::new(slices, Path::new(""), "").read().expect("an empty recipe is a recipe")
    }

    /// Reads a recipe file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// If the file cannot be read or is not a recipe; the message names the line and the key.
    pub fn open(slices: Slices, path: &Path) -> Result<Recipe> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!("cannot read the recipe {}", path.display());
            usage_of_file(anyhow::Error::from(error).context(what))
        })?;
        Reader::new(slices, path, &text).read()
    }

    /// Reads the text of a recipe. Paths in it are relative to the working folder.
    ///
    /// ```
    /// use recipe::Recipe;
    ///
    /// let recipe = Recipe::parse(&[], "[global]\ndedup = true").unwrap();
    /// assert!(recipe.global_dedup);
    ///
    /// let error = Recipe::parse(&[], "[globl]\ndedup = true").err().unwrap();
    /// assert_eq!(error.to_string(), "recipe.toml:1: unknown key globl; did you mean global?");
    /// ```
    ///
    /// # Errors
    /// If it is not a recipe; the message names the line and the key.
    pub fn parse(slices: Slices, text: &str) -> Result<Recipe> {
        Reader::new(slices, Path::new("recipe.toml"), text).read()
    }
}

/// A recipe file that is being read.
pub(crate) struct Reader<'a> {
    slices: Slices,
    path: &'a Path,
    text: &'a str,
    /// Whether slices check their settings together. Some depend on models.
    is_checked: bool,
}

type Entry<'i> = (Spanned<DeString<'i>>, Spanned<DeValue<'i>>);

impl<'a> Reader<'a> {
    pub fn new(slices: Slices, path: &'a Path, text: &'a str) -> Self {
        Reader { slices, path, text, is_checked: true }
    }

    /// Does not check the settings of a slice together: those of a commit were checked when it was
    /// made, and a check without the models that they name would fail.
    pub fn without_checks(self) -> Self {
        Reader { is_checked: false, ..self }
    }

    fn line(&self, at: Range<usize>) -> usize {
        self.text[..at.start.min(self.text.len())].matches('\n').count() + 1
    }

    fn error_at<T>(&self, at: Range<usize>, what: impl std::fmt::Display) -> Result<T> {
        let line = self.line(at);
        Err(usage(format!("{}:{line}: {what}", self.path.display())))
    }

    pub fn read(&self) -> Result<Recipe> {
        let mut recipe = self.read_settings()?;
        recipe.evaluations = evaluations(&recipe.decontamination.sets).map_err(usage_of_file)?;
        recipe.fingerprint = fingerprint(self.slices, &recipe)?;
        Ok(recipe)
    }

    /// Reads the recipe without its fingerprint, and so without the content of model files.
    pub fn read_settings(&self) -> Result<Recipe> {
        let table = match DeTable::parse(self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                return self.error_at(error.span().unwrap_or_default(), error.message());
            }
        };
        let mut recipe = Recipe {
            corpus: None,
            preset: Preset::Global,
            tokenizer: None,
            lid: None,
            warn_removed: WARN_REMOVED,
            global_dedup: false,
            decontamination: Decontamination::defaults(Preset::Global),
            evaluations: Vec::new(),
            slices: BTreeMap::new(),
            inputs: Vec::new(),
            path: self.path.to_owned(),
            lines: BTreeMap::new(),
            fingerprint: String::new(),
        };
        let mut tables = BTreeMap::new();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "corpus" => {
                    let path = absolute(&value, self.folder());
                    recipe.corpus = Some(self.of_key("corpus", path)?);
                }
                "preset" => recipe.preset = self.preset(&value)?,
                "tokenizer" => recipe.tokenizer = self.value("tokenizer", &value)?,
                "lid" => recipe.lid = self.value("lid", &value)?,
                "warn_removed" => recipe.warn_removed = self.share("warn_removed", &value)?,
                "global" => recipe.global_dedup = self.global(value)?,
                "decontaminate" => recipe.decontamination = self.decontamination(value)?,
                "input" => recipe.inputs = self.inputs(value)?,
                name => match self.slices.iter().find(|slice| slice.name() == name) {
                    Some(slice) => {
                        tables.insert(slice.name(), (key, value));
                    }
                    None => {
                        let slices = self.slices.iter().map(|slice| slice.name());
                        let hint = suggest(name, TOP_KEYS.into_iter().chain(slices));
                        return self.error_at(key.span(), format!("unknown key {name}{hint}"));
                    }
                },
            }
        }
        for slice in self.slices {
            let mut settings = slice.defaults(recipe.preset);
            if let Some(entry) = tables.remove(slice.name()) {
                self.slice(*slice, &mut *settings, &mut recipe, entry)?;
            }
            recipe.slices.insert(slice.name(), settings);
        }
        Ok(recipe)
    }

    /// Reads the table of a slice into its `settings`.
    fn slice(
        &self,
        slice: &dyn AnySlice,
        settings: &mut dyn AnySettings,
        recipe: &mut Recipe,
        (at, table): Entry<'_>,
    ) -> Result<()> {
        let table_name = slice.name();
        let lid = &mut recipe.lid;
        let mut places: BTreeMap<String, Range<usize>> = BTreeMap::new();
        let DeValue::Table(table) = table.into_inner() else {
            return self
                .error_at(at.span(), format!("{table_name} must be a table: [{table_name}]"));
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if name == "lid" && slice.has_lid() {
                let named: Option<FilePath> = self.value("lid", &value)?;
                if lid.is_some() && named.is_some() && *lid != named {
                    let what = "lid is named at the top of the recipe too: name one";
                    return self.error_at(key.span(), what);
                }
                *lid = named.or(lid.take());
            } else {
                self.setting(table_name, slice.keys(), settings, (&key, &value))?;
                recipe.lines.insert(format!("{table_name}.{name}"), self.line(value.span()));
                places.insert(name.to_owned(), value.span());
            }
        }
        if !self.is_checked {
            return Ok(());
        }
        slice.check(settings).or_else(|Unusable { key, what }| {
            let at = places.remove(key).unwrap_or(at.span());
            self.error_at(at, format!("{table_name}.{key}{what}"))
        })
    }

    /// Reads a key of a table, which is one of `keys`, into `settings`.
    fn setting(
        &self,
        table: &str,
        keys: &[Key],
        settings: &mut dyn AnySettings,
        (key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>),
    ) -> Result<()> {
        let name = key.get_ref().as_ref();
        let Some(known) = keys.iter().find(|known| known.name == name) else {
            let hint = suggest(name, keys.iter().map(|known| known.name));
            return self.error_at(key.span(), format!("unknown key {table}.{name}{hint}"));
        };
        let full_name = format!("{table}.{name}");
        let done = settings.read(name, value, self.folder());
        self.of_key(&full_name, done)?;
        let number = settings.value(name).number();
        if let (Some(range), Some(number)) = (known.range, number)
            && !range.contains(number)
        {
            let what = format!("{full_name}: {number} is out of range ({range})");
            return self.error_at(value.span(), what);
        }
        Ok(())
    }

    /// Reads the table `[decontaminate]`.
    fn decontamination(&self, value: Spanned<DeValue<'_>>) -> Result<Decontamination> {
        const TABLE: &str = "decontaminate";
        let span = value.span();
        let DeValue::Table(mut table) = value.into_inner() else {
            return self.error_at(span, format!("{TABLE} must be a table: [{TABLE}]"));
        };
        let mut settings = Decontamination::defaults(Preset::Global);
        if let Some(value) = table.remove("preset") {
            let name = self.text("decontaminate.preset", &value)?;
            if !settings.follow(name) {
                let hint = suggest(name, PRESETS.iter().map(|(name, ..)| *name));
                let what = format!("decontaminate.preset: unknown preset {name}{hint}");
                return self.error_at(value.span(), what);
            }
        }
        for (key, value) in &table {
            self.setting(TABLE, Decontamination::KEYS, &mut settings, (key, value))?;
        }
        if !table.contains_key("min_words") {
            settings.min_words = settings.min_words.min(settings.ngram);
        }
        settings.check().or_else(|Unusable { key, what }| {
            let at = table.get(key).map_or(span, Spanned::span);
            self.error_at(at, format!("{TABLE}.{key}{what}"))
        })?;
        Ok(settings)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Reads the value of the key `name`.
    fn value<T: SettingType>(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<T> {
        self.of_key(name, T::read(value, self.folder()))
    }

    /// The value, or an error that names its key and its line.
    fn of_key<T>(&self, name: &str, value: Result<T, WrongValue>) -> Result<T> {
        value.or_else(|WrongValue { at, what }| self.error_at(at, format!("{name}{what}")))
    }

    /// Reads a number from 0 to 1.
    fn share(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<f64> {
        let share: f64 = self.value(name, value)?;
        if (0.0..=1.0).contains(&share) {
            return Ok(share);
        }
        self.error_at(value.span(), format!("{name}: {share} is out of range (0 to 1)"))
    }

    fn text<'v>(&self, name: &str, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str> {
        self.of_key(name, string(value))
    }

    fn preset(&self, value: &Spanned<DeValue<'_>>) -> Result<Preset> {
        let name = self.text("preset", value)?;
        match Preset::ALL.into_iter().find(|preset| preset.name() == name) {
            Some(preset) => Ok(preset),
            None => {
                let hint = suggest(name, Preset::ALL.iter().map(|preset| preset.name()));
                self.error_at(value.span(), format!("unknown preset {name}{hint}"))
            }
        }
    }

    /// Reads the table `[global]`; returns whether to deduplicate across all slices.
    fn global(&self, value: Spanned<DeValue<'_>>) -> Result<bool> {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            return self.error_at(span, "global must be a table: [global]");
        };
        let mut dedup = false;
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("dedup", DeValue::Boolean(wanted)) => dedup = *wanted,
                ("dedup", other) => {
                    let found = other.type_str();
                    let what = format!("dedup must be true or false, not {found}");
                    return self.error_at(value.span(), what);
                }
                (name, _) => {
                    let hint = suggest(name, ["dedup"]);
                    return self.error_at(key.span(), format!("unknown key global.{name}{hint}"));
                }
            }
        }
        Ok(dedup)
    }

    fn inputs(&self, value: Spanned<DeValue<'_>>) -> Result<Vec<Input>> {
        let span = value.span();
        let DeValue::Array(list) = value.into_inner() else {
            return self.error_at(span, "inputs are written as [[input]]");
        };
        let mut inputs: Vec<Input> = Vec::new();
        for value in &list {
            let input = self.input(value)?;
            if inputs.iter().any(|i| (&i.slice, &i.label) == (&input.slice, &input.label)) {
                let name = format!("{}/{}", input.slice, input.label);
                return self.error_at(
                    value.span(),
                    format!("{name} is there twice: put all its paths into one [[input]]"),
                );
            }
            inputs.push(input);
        }
        Ok(inputs)
    }

    fn input(&self, value: &Spanned<DeValue<'_>>) -> Result<Input> {
        let DeValue::Table(table) = value.get_ref() else {
            return self.error_at(value.span(), "inputs are written as [[input]]");
        };
        if let Some((key, _)) =
            table.iter().find(|(k, _)| !INPUT_KEYS.contains(&k.get_ref().as_ref()))
        {
            let name = key.get_ref();
            let hint = suggest(name, INPUT_KEYS);
            return self.error_at(key.span(), format!("unknown key input.{name}{hint}"));
        }
        let find = |name: &str| match table.get(name) {
            Some(value) => Ok(value),
            None => self.error_at(value.span(), format!("this input has no {name}")),
        };
        let slice = self.text("slice", find("slice")?)?.to_owned();
        if !self.slices.iter().any(|known| known.name() == slice) {
            let hint = suggest(&slice, self.slices.iter().map(|known| known.name()));
            return self.error_at(find("slice")?.span(), format!("unknown slice {slice}{hint}"));
        }
        let label = self.text("label", find("label")?)?.to_owned();
        if let Err(error) = check_label(&label) {
            return self.error_at(find("label")?.span(), error);
        }
        let folder = self.folder();
        let at = find("paths")?.span();
        let relative = |path: String| {
            let (mark, path) = path.strip_prefix('@').map_or(("", &path[..]), |list| ("@", list));
            let path = expand(path).or_else(|what| self.error_at(at.clone(), what))?;
            Ok(match mark {
                "" => pattern_below(folder, &path),
                list => format!("{list}{}", folder.join(path).display()),
            })
        };
        let paths: Vec<String> = self.value("paths", find("paths")?)?;
        if paths.is_empty() {
            return self.error_at(at, format!("the paths of {slice}/{label} name no file"));
        }
        let paths = paths.into_iter().map(relative).collect::<Result<_>>()?;
        Ok(Input { slice, label, paths })
    }
}
