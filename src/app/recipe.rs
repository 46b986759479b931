//! The recipe: what a corpus is made with, and from what.

use crate::fingerprint::fingerprint;
use crate::settings::{Initial, Settings, Value};
use crate::slice::Slice;
use crate::usage::{suggest, usage};
use anyhow::{Result, anyhow};
use corpus::{Corpus, Manifest};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The dedup rules that defaults follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// The first copy in the whole corpus stays.
    Global,
    /// What RedPajama's run did.
    RedPajama,
}

impl Preset {
    fn name(self) -> &'static str {
        match self {
            Preset::Global => "global",
            Preset::RedPajama => "redpajama",
        }
    }
}

/// A recipe with every default filled in.
pub(crate) struct Recipe {
    /// Where the corpus is kept, if the recipe says so.
    pub corpus: Option<PathBuf>,
    pub preset: Preset,
    /// Counts the tokens of all slices.
    pub tokenizer: Option<PathBuf>,
    /// Of texts that are equal, in whatever slices, the first stays.
    pub global_dedup: bool,
    /// Settings of every slice, by name.
    pub slices: BTreeMap<&'static str, Settings>,
    pub inputs: Vec<Input>,
    /// Digest of everything that decides what the corpus is: settings, and the bytes of models.
    pub fingerprint: String,
}

/// What is added as one label.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub slice: String,
    pub label: String,
    /// Files, globs, folders, `@lists`.
    pub paths: Vec<String>,
}

const TOP_KEYS: [&str; 5] = ["corpus", "preset", "tokenizer", "global", "input"];
const INPUT_KEYS: [&str; 3] = ["slice", "label", "paths"];

impl Recipe {
    /// The recipe of an empty file.
    pub fn default(slices: &'static [Slice]) -> Recipe {
        Reader { slices, path: Path::new(""), text: "" }
            .read()
            .expect("an empty recipe is a recipe")
    }

    /// Reads a recipe file. Paths in it are relative to its folder.
    pub fn open(slices: &'static [Slice], path: &Path) -> Result<Recipe> {
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
        Reader { slices, path, text: &text }.read()
    }

    /// The recipe that a text is.
    #[cfg(feature = "fuzzing")]
    pub fn parse(slices: &'static [Slice], text: &str) -> Result<Recipe> {
        Reader { slices, path: Path::new("recipe.toml"), text }.read()
    }

    /// The language identifier of all slices: that of the slice that has a setting for it.
    pub fn lid(&self) -> Option<&Path> {
        self.slices.values().find(|s| s.declares("lid")).and_then(|s| s.file("lid"))
    }

    /// The recipe of a corpus: the one that its newest commit was made with.
    pub fn of_corpus(slices: &'static [Slice], corpus: &Corpus) -> Result<Recipe> {
        let recipe = Recipe::open(slices, &corpus.recipe_path())?;
        let Some(manifest) = corpus.manifest()? else { return Ok(recipe) };
        let next = corpus.next_recipe_path();
        if manifest.recipe != recipe.fingerprint && next.exists() {
            let next = Recipe::open(slices, &next)?;
            if manifest.recipe == next.fingerprint {
                return Ok(next);
            }
        }
        Ok(recipe)
    }

    /// Ends what a run left undone that was killed while it gave the corpus another recipe. For the
    /// holder of the lock.
    pub fn settle(slices: &'static [Slice], corpus: &Corpus, manifest: &Manifest) -> Result<()> {
        let next = corpus.next_recipe_path();
        if !next.exists() {
            return Ok(());
        }
        match Recipe::open(slices, &next)?.fingerprint == manifest.recipe {
            true => Ok(corpus.take_next_recipe()?),
            false => Ok(corpus.remove_next_recipe()?),
        }
    }

    /// This recipe with another value of one number with a fraction.
    pub fn with_fraction(mut self, slice: &str, name: &'static str, value: f64) -> Result<Recipe> {
        let settings = self.slices.get_mut(slice).expect("a slice of the recipe");
        settings.0.insert(name, Value::Fraction(value));
        self.fingerprint = fingerprint(self.tokenizer.as_deref(), self.global_dedup, &self.slices)?;
        Ok(self)
    }

    /// The recipe as a file: every setting written out, and its inputs.
    pub fn print_all(&self, slices: &[Slice]) -> String {
        let mut text = match &self.corpus {
            Some(corpus) => format!("corpus = {}\n\n", quoted(&corpus.to_string_lossy())),
            None => String::new(),
        };
        text += &self.print(slices);
        for input in &self.inputs {
            let paths: Vec<String> =
                input.paths.iter().map(|path| quoted(&absolute(path))).collect();
            write!(
                text,
                "\n[[input]]\nslice = {}\nlabel = {}\npaths = [{}]\n",
                quoted(&input.slice),
                quoted(&input.label),
                paths.join(", ")
            )
            .expect("a string takes all");
        }
        text
    }

    /// The settings as a file, what the corpus keeps.
    pub fn print(&self, slices: &[Slice]) -> String {
        let mut text =
            String::from("# Every setting, with what holds where a recipe says nothing.\n");
        writeln!(text, "preset = \"{}\"", self.preset.name()).expect("a string takes all");
        let tokenizer = shown(&Value::File(self.tokenizer.clone()));
        let off = if self.tokenizer.is_none() { "# " } else { "" };
        let line = format!("{off}tokenizer = {tokenizer}");
        writeln!(text, "{line:32} # a tokenizer.json of Hugging Face's form, to count tokens")
            .expect("a string takes all");
        let line = format!("dedup = {}", self.global_dedup);
        let about = "of texts that are equal, in whatever slices, only the first stays";
        write!(text, "\n# All slices together\n[global]\n{line:32} # {about}\n")
            .expect("a string takes all");
        for slice in slices {
            let settings = &self.slices[slice.name];
            write!(text, "\n# {}\n[{}]\n", slice.about, slice.name).expect("a string takes all");
            for setting in slice.settings {
                let value = &settings.0[setting.name];
                let line = format!("{} = {}", setting.name, shown(value));
                let is_none = matches!(value, Value::File(None) | Value::Folder(None));
                let line = if is_none { format!("# {line}") } else { line };
                writeln!(text, "{line:32} # {}", setting.about).expect("a string takes all");
            }
        }
        text
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A value as a recipe has it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Whole(number) => number.to_string(),
        Value::Fraction(number) => format!("{number:?}"),
        Value::Words(words) => {
            format!("[{}]", words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", "))
        }
        Value::Word(word) => quoted(word),
        Value::File(Some(path)) | Value::Folder(Some(path)) => quoted(&path.to_string_lossy()),
        Value::File(None) | Value::Folder(None) => "\"\"".into(),
    }
}

/// A recipe file being read; every complaint names its line.
struct Reader<'a> {
    slices: &'static [Slice],
    path: &'a Path,
    text: &'a str,
}

type Entry<'i> = (Spanned<DeString<'i>>, Spanned<DeValue<'i>>);

impl Reader<'_> {
    fn wrong<T>(&self, at: Range<usize>, what: impl std::fmt::Display) -> Result<T> {
        let line = self.text[..at.start.min(self.text.len())].matches('\n').count() + 1;
        Err(usage(format!("{}:{line}: {what}", self.path.display())))
    }

    fn read(&self) -> Result<Recipe> {
        let table = match DeTable::parse(self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                return self.wrong(error.span().unwrap_or_default(), error.message());
            }
        };
        let (mut corpus, mut preset, mut inputs) = (None, Preset::Global, Vec::new());
        let (mut tokenizer, mut global_dedup) = (None, false);
        let mut tables = BTreeMap::new();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "corpus" => corpus = Some(self.file(&value)?),
                "preset" => preset = self.preset(&value)?,
                "tokenizer" => match self.value("tokenizer", Initial::File, &value)? {
                    Value::File(path) => tokenizer = path,
                    other => unreachable!("a file was asked for, not {other:?}"),
                },
                "global" => global_dedup = self.global(value)?,
                "input" => inputs = self.inputs(value)?,
                name => match self.slices.iter().find(|slice| slice.name == name) {
                    Some(slice) => {
                        tables.insert(slice.name, (key, value));
                    }
                    None => {
                        let known = TOP_KEYS.into_iter().chain(self.slices.iter().map(|s| s.name));
                        return self.wrong(
                            key.span(),
                            format!("unknown key {name}{}", suggest(name, known)),
                        );
                    }
                },
            }
        }
        let mut slices = BTreeMap::new();
        for slice in self.slices {
            let entry = tables.remove(slice.name);
            slices.insert(slice.name, self.settings(slice, preset, entry)?);
        }
        let fingerprint = fingerprint(tokenizer.as_deref(), global_dedup, &slices)?;
        Ok(Recipe { corpus, preset, tokenizer, global_dedup, slices, inputs, fingerprint })
    }

    fn settings(
        &self,
        slice: &Slice,
        preset: Preset,
        entry: Option<Entry<'_>>,
    ) -> Result<Settings> {
        let mut values: BTreeMap<&'static str, Value> = BTreeMap::new();
        for setting in slice.settings {
            values.insert(setting.name, default(setting.default, preset));
        }
        let Some((at, table)) = entry else { return Ok(Settings(values)) };
        let DeValue::Table(table) = table.into_inner() else {
            return self.wrong(at.span(), format!("{} must be a table: [{0}]", slice.name));
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let Some(setting) = slice.settings.iter().find(|setting| setting.name == name) else {
                let known = slice.settings.iter().map(|setting| setting.name);
                let hint = suggest(name, known);
                return self.wrong(key.span(), format!("unknown key {}.{name}{hint}", slice.name));
            };
            values.insert(setting.name, self.value(name, setting.default, &value)?);
        }
        let settings = Settings(values);
        if settings.0.contains_key("scope")
            && (settings.word("copies"), settings.word("scope")) == ("none", "corpus")
        {
            let why = "copies = \"none\" with scope = \"corpus\" would change documents of earlier \
                       labels with each new one; use scope = \"label\" or \"shard\"";
            return self.wrong(at.span(), why);
        }
        Ok(settings)
    }

    fn value(&self, name: &str, kind: Initial, value: &Spanned<DeValue<'_>>) -> Result<Value> {
        let wrong = |wanted: &str| {
            let found = value.get_ref().type_str();
            self.wrong(value.span(), format!("{name} must be {wanted}, not {found}"))
        };
        match (kind, value.get_ref()) {
            (Initial::Whole(_), DeValue::Integer(number)) => {
                match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Ok(Value::Whole(number)),
                    Err(_) => wrong("a whole number from 0 on"),
                }
            }
            (Initial::Whole(_), _) => wrong("a whole number"),
            (Initial::Fraction(_), DeValue::Float(number)) => {
                Ok(Value::Fraction(number.as_str().parse()?))
            }
            (Initial::Fraction(_), DeValue::Integer(number)) => {
                Ok(Value::Fraction(number.as_str().parse()?))
            }
            (Initial::Fraction(_), _) => wrong("a number"),
            (Initial::Words(_), _) => Ok(Value::Words(self.words(name, value)?)),
            (Initial::Choice(_, _, known), DeValue::String(word)) => {
                match known.iter().find(|known| *known == word) {
                    Some(word) => Ok(Value::Word(word.to_string())),
                    None => {
                        let hint = suggest(word, known.iter().copied());
                        self.wrong(value.span(), format!("{name} cannot be {word}{hint}"))
                    }
                }
            }
            (Initial::Choice(..), _) => wrong("a word in quotes"),
            (Initial::Text, _) => Ok(Value::Word(self.text(name, value)?.to_owned())),
            (Initial::Folder, DeValue::String(path)) if path.is_empty() => Ok(Value::Folder(None)),
            (Initial::Folder, _) => {
                let path = self.file(value)?;
                if !path.is_dir() {
                    let what = format!("{name}: no such folder: {}", path.display());
                    return self.wrong(value.span(), what);
                }
                Ok(Value::Folder(Some(path)))
            }
            (Initial::File, DeValue::String(path)) if path.is_empty() => Ok(Value::File(None)),
            (Initial::File, _) => {
                let path = self.file(value)?;
                if !path.is_file() {
                    let what = format!("{name}: no such file: {}", path.display());
                    return self.wrong(value.span(), what);
                }
                Ok(Value::File(Some(path)))
            }
        }
    }

    fn text<'v>(&self, name: &str, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            other => {
                let found = other.type_str();
                self.wrong(value.span(), format!("{name} must be a text in quotes, not {found}"))
            }
        }
    }

    fn words(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>> {
        match value.get_ref() {
            DeValue::Array(list) => {
                list.iter().map(|word| self.text(name, word).map(str::to_owned)).collect()
            }
            other => {
                let found = other.type_str();
                self.wrong(value.span(), format!("{name} must be a list of texts, not {found}"))
            }
        }
    }

    /// A path, absolute: the corpus keeps its recipe, and is used from other folders.
    fn file(&self, value: &Spanned<DeValue<'_>>) -> Result<PathBuf> {
        let path = Path::new(self.text("a path", value)?);
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Ok(std::path::absolute(folder.join(path))?)
    }

    fn preset(&self, value: &Spanned<DeValue<'_>>) -> Result<Preset> {
        let known = [Preset::Global, Preset::RedPajama];
        let name = self.text("preset", value)?;
        match known.into_iter().find(|preset| preset.name() == name) {
            Some(preset) => Ok(preset),
            None => {
                let hint = suggest(name, known.iter().map(|preset| preset.name()));
                self.wrong(value.span(), format!("unknown preset {name}{hint}"))
            }
        }
    }

    /// The table `[global]`: whether there is deduplication over all slices.
    fn global(&self, value: Spanned<DeValue<'_>>) -> Result<bool> {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            return self.wrong(span, "global must be a table: [global]");
        };
        let mut dedup = false;
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("dedup", DeValue::Boolean(wanted)) => dedup = *wanted,
                ("dedup", other) => {
                    let found = other.type_str();
                    return self
                        .wrong(value.span(), format!("dedup must be true or false, not {found}"));
                }
                (name, _) => {
                    let hint = suggest(name, ["dedup"]);
                    return self.wrong(key.span(), format!("unknown key global.{name}{hint}"));
                }
            }
        }
        Ok(dedup)
    }

    fn inputs(&self, value: Spanned<DeValue<'_>>) -> Result<Vec<Input>> {
        let span = value.span();
        let DeValue::Array(list) = value.into_inner() else {
            return self.wrong(span, "inputs are written as [[input]]");
        };
        let mut inputs: Vec<Input> = Vec::new();
        for value in list.iter() {
            let input = self.input(value)?;
            if inputs.iter().any(|i| (&i.slice, &i.label) == (&input.slice, &input.label)) {
                let name = format!("{}/{}", input.slice, input.label);
                return self.wrong(
                    value.span(),
                    format!("{name} is there twice: a label is added as one"),
                );
            }
            inputs.push(input);
        }
        Ok(inputs)
    }

    fn input(&self, value: &Spanned<DeValue<'_>>) -> Result<Input> {
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(value.span(), "inputs are written as [[input]]");
        };
        if let Some((key, _)) =
            table.iter().find(|(k, _)| !INPUT_KEYS.contains(&k.get_ref().as_ref()))
        {
            let name = key.get_ref();
            let hint = suggest(name, INPUT_KEYS);
            return self.wrong(key.span(), format!("unknown key input.{name}{hint}"));
        }
        let find = |name: &str| match table.get(name) {
            Some(value) => Ok(value),
            None => self.wrong(value.span(), format!("this input has no {name}")),
        };
        let slice = self.text("slice", find("slice")?)?.to_owned();
        if !self.slices.iter().any(|known| known.name == slice) {
            let hint = suggest(&slice, self.slices.iter().map(|known| known.name));
            return self.wrong(find("slice")?.span(), format!("unknown slice {slice}{hint}"));
        }
        let label = self.text("label", find("label")?)?.to_owned();
        if let Err(error) = crate::inputs::check_label(&label) {
            return self.wrong(find("label")?.span(), error);
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let relative = |path: String| match path.strip_prefix('@') {
            Some(list) => format!("@{}", folder.join(list).display()),
            None => folder.join(path).to_string_lossy().into_owned(),
        };
        let paths = self.words("paths", find("paths")?)?.into_iter().map(relative).collect();
        Ok(Input { slice, label, paths })
    }
}

/// A path of an input, wherever the recipe it is printed into will lie.
fn absolute(path: &str) -> String {
    let (mark, path) = path.strip_prefix('@').map_or(("", path), |list| ("@", list));
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    format!("{mark}{}", whole.display())
}

fn default(default: Initial, preset: Preset) -> Value {
    match default {
        Initial::Whole(number) => Value::Whole(number),
        Initial::Fraction(number) => Value::Fraction(number),
        Initial::Words(words) => Value::Words(words.iter().map(|w| w.to_string()).collect()),
        Initial::Choice(global, redpajama, _) => Value::Word(match preset {
            Preset::Global => global.into(),
            Preset::RedPajama => redpajama.into(),
        }),
        Initial::File => Value::File(None),
        Initial::Folder => Value::Folder(None),
        Initial::Text => Value::Word(String::new()),
    }
}
