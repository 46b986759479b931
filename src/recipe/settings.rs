//! The settings of a slice: a struct with a typed field for each key of the slice's table. The
//! macros [`settings!`](crate::settings!) and [`choice!`](crate::choice!) declare them.

mod paths;

pub(crate) use self::paths::absolute;
pub use self::paths::{FilePath, FolderPath};

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// A set of defaults for the dedup rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Keeps the first copy in the whole corpus.
    Global,
    /// The rules of RedPajama's own run.
    RedPajama,
}

impl Preset {
    /// All presets.
    pub const ALL: [Preset; 2] = [Preset::Global, Preset::RedPajama];

    /// Returns its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Global => "global",
            Preset::RedPajama => "redpajama",
        }
    }
}

/// A key of a slice's table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// The numbers that it may be; `None` for all.
    pub range: Option<NumberRange>,
}

/// The numbers that a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberRange {
    /// The least.
    pub least: f64,
    /// The greatest, if there is one.
    pub most: Option<f64>,
}

impl NumberRange {
    /// Returns whether a number is one of them.
    pub fn contains(&self, number: f64) -> bool {
        number >= self.least && self.most.is_none_or(|most| number <= most)
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) => write!(f, "{} to {most}", self.least),
            None => write!(f, "{} or more", self.least),
        }
    }
}

/// A value in a recipe that cannot be used.
#[derive(Debug)]
pub struct WrongValue {
    /// Its byte range in the file.
    pub at: Range<usize>,
    /// The message, to be printed after the key: ` must be a number, ...`.
    pub what: String,
}

/// All settings of a slice. Declared by [`settings!`](crate::settings!).
pub trait Settings: Clone + PartialEq + Send + Sync + 'static {
    /// The keys, in the order in which a recipe is printed.
    const KEYS: &'static [Key];

    /// Returns the defaults of a preset.
    fn defaults(preset: Preset) -> Self;

    /// Sets the field of one of [`Self::KEYS`] from a recipe. Paths are relative to `folder`.
    ///
    /// # Errors
    /// If the value is not of the field's type, or names a file that does not exist.
    fn read(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        folder: &Path,
    ) -> Result<(), WrongValue>;

    /// Returns the value of one of [`Self::KEYS`].
    fn value(&self, key: &str) -> &dyn SettingValue;
}

/// [`Settings`] of any slice.
pub trait AnySettings: Any + Send + Sync {
    /// As [`Settings::read`].
    ///
    /// # Errors
    /// As [`Settings::read`].
    fn read(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        folder: &Path,
    ) -> Result<(), WrongValue>;

    /// As [`Settings::value`].
    fn value(&self, key: &str) -> &dyn SettingValue;
}

impl<S: Settings> AnySettings for S {
    fn read(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        folder: &Path,
    ) -> Result<(), WrongValue> {
        Settings::read(self, key, value, folder)
    }

    fn value(&self, key: &str) -> &dyn SettingValue {
        Settings::value(self, key)
    }
}

/// A value of a setting, of any type.
pub trait SettingValue {
    /// Returns the value as TOML.
    fn print(&self) -> String;

    /// Returns the value if it is a number.
    fn number(&self) -> Option<f64> {
        None
    }

    /// Returns whether it is a file or folder.
    fn is_path(&self) -> bool {
        false
    }

    /// Returns whether it is a file or folder that the recipe does not name. Such a setting is
    /// printed as a comment.
    fn is_unset(&self) -> bool {
        false
    }

    /// Hashes what determines the corpus: the value, or the bytes of the file it names.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn digest(&self, hasher: &mut blake3::Hasher) -> anyhow::Result<()> {
        hasher.update(self.print().as_bytes());
        Ok(())
    }
}

/// A type that a setting may have.
pub trait SettingType: SettingValue + Clone + PartialEq + Send + Sync + 'static {
    /// Reads a value of a recipe. Paths are relative to `folder`.
    ///
    /// # Errors
    /// If the value is of another type, or names a file that does not exist.
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue>;
}

fn wrong_type<T>(value: &Spanned<DeValue<'_>>, expected: &str) -> Result<T, WrongValue> {
    let what = format!(" must be {expected}, not {}", value.get_ref().type_str());
    Err(WrongValue { at: value.span(), what })
}

impl SettingType for bool {
    fn read(value: &Spanned<DeValue<'_>>, _: &Path) -> Result<Self, WrongValue> {
        match value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => wrong_type(value, "true or false"),
        }
    }
}

impl SettingValue for u64 {
    fn print(&self) -> String {
        self.to_string()
    }

    fn number(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl SettingType for u64 {
    fn read(value: &Spanned<DeValue<'_>>, _: &Path) -> Result<Self, WrongValue> {
        match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .or_else(|_| wrong_type(value, "a whole number, 0 or more")),
            _ => wrong_type(value, "a whole number"),
        }
    }
}

impl SettingValue for f64 {
    fn print(&self) -> String {
        format!("{self:?}")
    }

    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl SettingType for f64 {
    fn read(value: &Spanned<DeValue<'_>>, _: &Path) -> Result<Self, WrongValue> {
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        number.map_or_else(|| wrong_type(value, "a finite number"), Ok)
    }
}

impl SettingValue for String {
    fn print(&self) -> String {
        quoted(self)
    }
}

impl SettingType for String {
    fn read(value: &Spanned<DeValue<'_>>, _: &Path) -> Result<Self, WrongValue> {
        Ok(string(value)?.to_owned())
    }
}

/// Returns the string of a value.
pub(crate) fn string<'v>(value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, WrongValue> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => wrong_type(value, "a string in quotes"),
    }
}

impl SettingValue for Vec<String> {
    fn print(&self) -> String {
        let words: Vec<String> = self.iter().map(|word| quoted(word)).collect();
        format!("[{}]", words.join(", "))
    }
}

impl SettingType for Vec<String> {
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue> {
        let DeValue::Array(list) = value.get_ref() else {
            return wrong_type(value, "a list of strings");
        };
        let words = list.iter().map(|word| {
            String::read(word, folder).map_err(|wrong| {
                let found = word.get_ref().type_str();
                WrongValue {
                    what: format!(" must be a list of strings; one value is of type {found}"),
                    ..wrong
                }
            })
        });
        words.collect()
    }
}

/// Makes a list for a default.
pub fn list(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A value that a slice cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The key.
    pub key: &'static str,
    /// The message, to be printed after the key: `: "x" is not ...`.
    pub what: String,
}

/// Checks that words have the form of language codes: `en`, `zh`, `ceb`, `zh-min-nan`.
///
/// # Errors
/// Names the first word that has not, and the nearest code.
pub fn language_codes(key: &'static str, codes: &[String]) -> Result<(), Unusable> {
    let is_code = |code: &String| {
        let first = code.split('-').next().unwrap_or_default().len();
        (2..=3).contains(&first)
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    match codes.iter().find(|code| !is_code(code) && *code != "simple") {
        None => Ok(()),
        Some(code) => {
            let hint = models::language::code_named(code);
            let hint = hint.map_or(String::new(), |code| format!("; did you mean {code}?"));
            let what = format!(
                ": {code:?} is not a language code: two or three lower-case letters, such as \
                 \"en\"{hint}"
            );
            Err(Unusable { key, what })
        }
    }
}

/// An enum whose variants are words in a recipe. Declared by [`choice!`](crate::choice!).
pub trait Choice: Copy + PartialEq + Send + Sync + 'static {
    /// The words and their variants.
    const ALL: &'static [(&'static str, Self)];

    /// Returns the word of a variant.
    fn word(self) -> &'static str {
        let variant = Self::ALL.iter().find(|(_, variant)| *variant == self);
        variant.expect("every variant is in the table").0
    }
}

impl<C: Choice> SettingValue for C {
    fn print(&self) -> String {
        quoted(self.word())
    }
}

impl<C: Choice> SettingType for C {
    fn read(value: &Spanned<DeValue<'_>>, _: &Path) -> Result<Self, WrongValue> {
        let DeValue::String(word) = value.get_ref() else {
            return wrong_type(value, "a word in quotes");
        };
        let variant = C::ALL.iter().find(|(known, _)| *known == &**word);
        variant.map(|(_, variant)| *variant).ok_or_else(|| {
            let hint = crate::usage::suggest(word, C::ALL.iter().map(|(word, _)| *word));
            WrongValue { at: value.span(), what: format!(" cannot be {word}{hint}") }
        })
    }
}

/// Returns a string as TOML.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Declares the settings of a slice. Each key has one line of documentation, which is printed in a
/// recipe, a type, and a default. `redpajama = VALUE` is its default in that preset. `range LEAST..=MOST`
/// or `from LEAST`, in floats, are the numbers that it may be.
///
/// ```
/// use recipe::{Preset, Settings, choice, settings};
///
/// choice! {
///     /// Which copies are kept.
///     pub enum Copies {
///         First = "first",
///         None = "none",
///     }
/// }
///
/// settings! {
///     /// Settings of a slice.
///     pub struct Keep {
///         /// pages with fewer characters are dropped
///         min_chars: u64 = 300, from 1.0;
///         /// pages with a lower score are dropped
///         min_score: f64 = 0.25, range 0.0..=1.0;
///         /// which copies are kept
///         copies: Copies = Copies::First, redpajama = Copies::None;
///     }
/// }
///
/// let settings = Keep::defaults(Preset::RedPajama);
/// assert_eq!((settings.min_chars, settings.copies), (300, Copies::None));
/// assert_eq!(Settings::value(&settings, "copies").print(), "\"none\"");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                #[doc = $about:literal]
                $key:ident : $type:ty = $default:expr
                    $(, redpajama = $other:expr)?
                    $(, range $least:literal ..= $most:literal)?
                    $(, from $from:literal)?;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $( #[doc = $about] pub $key: $type, )+
        }

        impl $crate::Settings for $name {
            const KEYS: &'static [$crate::Key] =
                &[$( $crate::Key {
                    name: stringify!($key),
                    about: $about.trim_ascii(),
                    range: $crate::settings!(@range $($least, $most)? $($from)?),
                } ),+];

            fn defaults(preset: $crate::Preset) -> Self {
                $name { $( $key: $crate::settings!(@default preset, $default $(, $other)?) ),+ }
            }

            fn read(
                &mut self,
                key: &str,
                value: &$crate::toml::Spanned<$crate::toml::de::DeValue<'_>>,
                folder: &::std::path::Path,
            ) -> Result<(), $crate::WrongValue> {
                match key {
                    $( stringify!($key) => self.$key = $crate::SettingType::read(value, folder)?, )+
                    _ => unreachable!("{key} is not one of the keys"),
                }
                Ok(())
            }

            fn value(&self, key: &str) -> &dyn $crate::SettingValue {
                match key {
                    $( stringify!($key) => &self.$key, )+
                    _ => unreachable!("{key} is not one of the keys"),
                }
            }
        }
    };
    (@range) => { None };
    (@range $least:literal, $most:literal) => {
        Some($crate::NumberRange { least: $least, most: Some($most) })
    };
    (@range $from:literal) => { Some($crate::NumberRange { least: $from, most: None }) };
    (@default $preset:ident, $default:expr) => {{
        let _ = $preset;
        $default
    }};
    (@default $preset:ident, $default:expr, $other:expr) => {
        match $preset {
            $crate::Preset::Global => $default,
            $crate::Preset::RedPajama => $other,
        }
    };
}

/// Declares an enum whose variants are words in a recipe; see [`settings!`](crate::settings!).
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $( $variant:ident = $word:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $( #[doc = concat!("`", $word, "`")] $variant ),+ }

        impl $crate::Choice for $name {
            const ALL: &'static [(&'static str, Self)] = &[$( ($word, $name::$variant) ),+];
        }
    };
}
