//! A slice's settings: the keys of its table in the recipe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One key that a slice's table may have.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// Its value where the recipe says nothing.
    pub default: Initial,
    /// What it does, in a line.
    pub about: &'static str,
}

/// A value of a setting's type.
#[derive(Clone, Copy, Debug)]
pub enum Initial {
    /// A whole number, not negative.
    Whole(u64),
    /// A number with a fraction.
    Fraction(f64),
    /// A list of words.
    Words(&'static [&'static str]),
    /// One of these words; the first where the preset is `global`, the second where `redpajama`.
    Choice(&'static str, &'static str, &'static [&'static str]),
    /// A file, none where the recipe names none.
    File,
    /// A folder, none where the recipe names none.
    Folder,
    /// Any text; empty where the recipe says nothing.
    Text,
}

/// A value as the recipe has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Whole(u64),
    Fraction(f64),
    Words(Vec<String>),
    Word(String),
    File(Option<PathBuf>),
    Folder(Option<PathBuf>),
}

/// All settings of a slice, defaults filled in.
///
/// Asking for a key that the slice does not declare, or as another type, is a bug of the slice and
/// panics.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings(pub(crate) BTreeMap<&'static str, Value>);

impl Settings {
    /// A whole number.
    pub fn whole(&self, name: &str) -> u64 {
        match self.get(name) {
            Value::Whole(number) => *number,
            other => panic!("{name} is {other:?} and no whole number"),
        }
    }

    /// A number with a fraction.
    pub fn fraction(&self, name: &str) -> f64 {
        match self.get(name) {
            Value::Fraction(number) => *number,
            other => panic!("{name} is {other:?} and no number"),
        }
    }

    /// A list of words.
    pub fn words(&self, name: &str) -> &[String] {
        match self.get(name) {
            Value::Words(words) => words,
            other => panic!("{name} is {other:?} and no list"),
        }
    }

    /// One word.
    pub fn word(&self, name: &str) -> &str {
        match self.get(name) {
            Value::Word(word) => word,
            other => panic!("{name} is {other:?} and no word"),
        }
    }

    /// A file, if one is named.
    pub fn file(&self, name: &str) -> Option<&Path> {
        match self.get(name) {
            Value::File(path) => path.as_deref(),
            other => panic!("{name} is {other:?} and no file"),
        }
    }

    /// A folder, if one is named.
    pub fn folder(&self, name: &str) -> Option<&Path> {
        match self.get(name) {
            Value::Folder(path) => path.as_deref(),
            other => panic!("{name} is {other:?} and no folder"),
        }
    }

    /// The slice declares such a setting.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("the slice declares no setting {name}"))
    }
}
