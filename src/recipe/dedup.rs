//! The setting `dedup`, which any slice can have.

mod passages;

use crate::settings::{SettingType, SettingValue, WrongValue, string};
use crate::slice::Setup;
use crate::{choice, usage};
use arrangement::{Copies, Rule, Scope};
use document::{DocRef, Document};
use engine::{Docs, Near};
use similarity::{DISTANCE_MAX, MinHash, Scratch, Shape, simhash, similarity};
use std::path::Path;
use std::sync::Arc;
use text::ccnet;
use toml::Spanned;
use toml::de::DeValue;

pub use passages::Passages;

/// Which copies are dropped within a slice. The copy added first is kept.
///
/// In a recipe it is a word, `"exact"`; or, to set how MinHash or passages are compared, a table:
/// `{ method = "minhash", threshold = 0.8 }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dedup {
    /// `none`
    None,
    /// `exact`
    Exact,
    /// `paragraphs`
    Paragraphs,
    /// `simhash`
    Simhash,
    /// `minhash`
    Minhash(Minhash),
    /// `passages`
    Passages(Passages),
}

/// How documents are compared by MinHash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minhash {
    /// The least similarity of near documents, 0 to 1.
    pub threshold: f64,
    /// How the similarity of documents with a common band is checked.
    pub verify: Verify,
    /// Bands, hashes of each, and words of a shingle.
    pub shape: Shape,
}

choice! {
    /// How the similarity of documents with a common band is checked.
    pub enum Verify {
        Signature = "signature",
        None = "none",
    }
}

impl Default for Minhash {
    fn default() -> Self {
        let (verify, shape) = (Verify::Signature, Shape::default());
        Minhash { threshold: 0.75, verify, shape }
    }
}

/// The keys of a table besides `method`, with the whole numbers that some may be.
const SHAPE_KEYS: [(&str, std::ops::RangeInclusive<usize>); 3] =
    [("bands", 1..=256), ("rows", 1..=128), ("ngram", 1..=64)];
const KEYS: [&str; 6] = ["method", "threshold", "verify", "bands", "rows", "ngram"];

impl Dedup {
    const WORDS: [&str; 6] = ["none", "exact", "paragraphs", "simhash", "minhash", "passages"];

    /// The word of the method.
    fn word(self) -> &'static str {
        match self {
            Dedup::None => "none",
            Dedup::Exact => "exact",
            Dedup::Paragraphs => "paragraphs",
            Dedup::Simhash => "simhash",
            Dedup::Minhash(_) => "minhash",
            Dedup::Passages(_) => "passages",
        }
    }

    fn of_word(value: &Spanned<DeValue<'_>>) -> Result<Dedup, WrongValue> {
        Ok(match string(value)? {
            "none" => Dedup::None,
            "exact" => Dedup::Exact,
            "paragraphs" => Dedup::Paragraphs,
            "simhash" => Dedup::Simhash,
            "minhash" => Dedup::Minhash(Minhash::default()),
            "passages" => Dedup::Passages(Passages::default()),
            other => {
                let hint = usage::suggest(other, Dedup::WORDS);
                return wrong(value, format!(" cannot be {other}{hint}"));
            }
        })
    }
}

impl SettingValue for Dedup {
    /// MinHash and passages with everything that decides, also where it is the default.
    fn print(&self) -> String {
        if let Dedup::Passages(passages) = self {
            return passages.print();
        }
        let Dedup::Minhash(Minhash { threshold, verify, shape }) = self else {
            return format!("{:?}", self.word());
        };
        let Shape { bands, rows, ngram } = shape;
        format!(
            "{{ method = \"minhash\", threshold = {threshold:?}, verify = {}, bands = {bands}, \
             rows = {rows}, ngram = {ngram} }}",
            verify.print()
        )
    }
}

impl SettingType for Dedup {
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue> {
        let DeValue::Table(table) = value.get_ref() else {
            let is_word = matches!(value.get_ref(), DeValue::String(_));
            let found = value.get_ref().type_str();
            let what = format!(" must be a word in quotes or a table with a method, not {found}");
            return if is_word { Dedup::of_word(value) } else { wrong(value, what) };
        };
        let find = |wanted: &str| {
            table.iter().find(|(key, _)| &**key.get_ref() == wanted).map(|(_, value)| value)
        };
        let Some(method) = find("method") else {
            let words = Dedup::WORDS.join(", ");
            return wrong(value, format!(" has no method: one of {words}"));
        };
        let in_method =
            |wrong: WrongValue| WrongValue { what: format!(".method{}", wrong.what), ..wrong };
        let mut minhash = match Dedup::of_word(method).map_err(in_method)? {
            Dedup::Minhash(minhash) => minhash,
            Dedup::Passages(_) => return Passages::read(table, folder).map(Dedup::Passages),
            other => {
                return match table.iter().find(|(key, _)| &**key.get_ref() != "method") {
                    None => Ok(other),
                    Some((key, value)) => {
                        let key = key.get_ref();
                        let method = if key == passages::KEY { "passages" } else { "minhash" };
                        wrong(value, format!(".{key} is a setting of the method {method} only"))
                    }
                };
            }
        };
        for (key, value) in table {
            let key = &**key.get_ref();
            let of_key =
                |wrong: WrongValue| WrongValue { what: format!(".{key}{}", wrong.what), ..wrong };
            match key {
                "method" => {}
                "threshold" => {
                    let threshold = f64::read(value, folder).map_err(of_key)?;
                    if !(0.0..=1.0).contains(&threshold) {
                        return wrong(value, format!(".threshold must be 0 to 1, not {threshold}"));
                    }
                    minhash.threshold = threshold;
                }
                "verify" => minhash.verify = Verify::read(value, folder).map_err(of_key)?,
                _ => {
                    let Some((_, range)) = SHAPE_KEYS.iter().find(|(known, _)| *known == key)
                    else {
                        let hint = usage::suggest(key, KEYS);
                        return wrong(value, format!(" has no setting {key}{hint}"));
                    };
                    let number = u64::read(value, folder).map_err(of_key)?;
                    let number = usize::try_from(number).unwrap_or(usize::MAX);
                    if !range.contains(&number) {
                        let (least, most) = (range.start(), range.end());
                        let what = format!(".{key} must be {least} to {most}, not {number}");
                        return wrong(value, what);
                    }
                    match key {
                        "bands" => minhash.shape.bands = number,
                        "rows" => minhash.shape.rows = number,
                        _ => minhash.shape.ngram = number,
                    }
                }
            }
        }
        Ok(Dedup::Minhash(minhash))
    }
}

fn wrong<T>(value: &Spanned<DeValue<'_>>, what: String) -> Result<T, WrongValue> {
    Err(WrongValue { at: value.span(), what })
}

/// Deduplication within a slice, by its setting `dedup`.
pub trait Deduplicate {
    /// Drops copies. Indexes are named after slice and method: `books_simhash`.
    ///
    /// - `none`: keeps all documents.
    /// - `exact`: drops documents whose text equals that of an earlier one, as `duplicate`.
    /// - `paragraphs`: cuts lines that occurred before, compared as in CCNet, and drops documents
    ///   without any line left, as `duplicate_paragraphs`.
    /// - `simhash`: drops documents similar to an earlier one, compared as RedPajama compares
    ///   books, as `near_duplicate`. A document that is dropped still counts for later ones.
    /// - `minhash`: drops documents that share a band with an earlier one that is kept, as FineWeb
    ///   computes bands, and are similar to it by their sketches, as `near_duplicate`.
    /// - `passages`: cuts passages of at least `min_bytes` bytes that occurred before, anywhere in a
    ///   text, and drops documents of nothing else, as `duplicate_passages`.
    fn deduplicate<S>(self, setup: &Setup<S>, method: Dedup) -> Self;
}

impl Deduplicate for Docs<'_> {
    fn deduplicate<S>(self, setup: &Setup<S>, method: Dedup) -> Self {
        let index = format!("{}_{}", setup.slice, method.word());
        let first = Rule::first_of_all();
        match method {
            Dedup::None => self,
            Dedup::Exact => self.reject_repeats(&index, "duplicate", text_digest, first),
            Dedup::Paragraphs => self
                .cut_repeated_paragraphs(&index, ccnet::paragraph_key, first, |_, _| {})
                .reject("duplicate_paragraphs", |document| document.text.is_empty()),
            Dedup::Simhash => {
                let hash = |document: &Document| Some(simhash(&document.text));
                self.reject_near_repeats(&index, "near_duplicate", hash, DISTANCE_MAX)
            }
            Dedup::Minhash(Minhash { threshold, verify, shape }) => {
                let near = match verify {
                    Verify::Signature => Some(Near { similarity, least: threshold }),
                    Verify::None => None,
                };
                let (minhash, mut scratch) = (MinHash::new(shape), Scratch::default());
                let bands = move |document: &Document, keys: &mut Vec<u64>| {
                    let sketch = minhash.bands(&document.text, &mut scratch, keys);
                    near.map(|_| sketch).unwrap_or_default()
                };
                self.reject_near_kept(&index, "near_duplicate", bands, near)
            }
            Dedup::Passages(passages) => passages.cut(self, &index),
        }
    }
}

/// Keeps the first copy within each label: another label is another dump.
pub fn first_of_a_label() -> Rule {
    let scope = Scope::Ranges(Arc::new(|at| DocRef::new(DocRef(at).label(), 0, 0).0));
    Rule { copies: Copies::First, scope }
}

/// Deduplicates across all slices: of documents with equal texts, keeps the one added first.
pub fn global_dedup(docs: Docs<'_>) -> Docs<'_> {
    docs.reject_repeats("texts", "duplicate_text", text_digest, Rule::first_of_all())
}

/// Returns the first 128 bits of the BLAKE3 digest of the text, without any normalization.
fn text_digest(document: &Document) -> u128 {
    let digest = blake3::hash(document.text.as_bytes());
    u128::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Dedup, String> {
        let table = toml::de::DeTable::parse(text).map_err(|error| error.to_string())?;
        let value = table.get_ref().iter().next().map(|(_, value)| value).expect("a value");
        Dedup::read(value, Path::new("")).map_err(|wrong| format!("{}{}", &text[..1], wrong.what))
    }

    #[test]
    fn a_method_is_a_word_or_a_table() {
        let minhash = Minhash::default();
        assert_eq!(read("d = \"exact\""), Ok(Dedup::Exact));
        assert_eq!(read("d = { method = \"simhash\" }"), Ok(Dedup::Simhash));
        assert_eq!(read("d = \"minhash\""), Ok(Dedup::Minhash(minhash)));
        let shape = Shape { bands: 9, rows: 13, ngram: 13 };
        let other = Minhash { threshold: 0.8, verify: Verify::None, shape };
        let passages = |min_bytes| Ok(Dedup::Passages(Passages { min_bytes }));
        assert_eq!(read("d = \"passages\""), passages(500));
        assert_eq!(read("d = { method = \"passages\", min_bytes = 100 }"), passages(100));
        let text = "d.method = \"minhash\"\nd.threshold = 0.8\nd.verify = \"none\"\nd.bands = 9\n\
                    d.rows = 13\nd.ngram = 13";
        assert_eq!(read(text), Ok(Dedup::Minhash(other)));
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let shape = Shape { bands: 5, rows: 25, ngram: 7 };
        let minhash = Minhash { threshold: 1.0, verify: Verify::None, shape };
        let passages = Dedup::Passages(Passages { min_bytes: 1000 });
        for dedup in [Dedup::None, Dedup::Paragraphs, Dedup::Minhash(minhash), passages] {
            assert_eq!(read(&format!("d = {}", dedup.print())), Ok(dedup));
        }
    }

    #[test]
    fn a_wrong_table_is_named_with_what_was_expected() {
        for (value, expected) in [
            ("3", "d must be a word in quotes or a table with a method, not integer"),
            ("\"minhahs\"", "d cannot be minhahs; did you mean minhash?"),
            (
                "{ threshold = 0.8 }",
                "d has no method: one of none, exact, paragraphs, simhash, minhash, passages",
            ),
            ("{ method = 3 }", "d.method must be a string in quotes, not integer"),
            (
                "{ method = \"exact\", bands = 3 }",
                "d.bands is a setting of the method minhash only",
            ),
            (
                "{ method = \"exact\", min_bytes = 500 }",
                "d.min_bytes is a setting of the method passages only",
            ),
            (
                "{ method = \"passages\", min_bytes = 99 }",
                "d.min_bytes must be 100 to 1000000, not 99",
            ),
            (
                "{ method = \"passages\", min_byte = 600 }",
                "d has no setting min_byte; did you mean min_bytes?",
            ),
            (
                "{ method = \"passages\", min_bytes = \"500\" }",
                "d.min_bytes must be a whole number, not string",
            ),
            ("{ method = \"minhash\", threshold = 75 }", "d.threshold must be 0 to 1, not 75"),
            ("{ method = \"minhash\", rows = 0 }", "d.rows must be 1 to 128, not 0"),
            ("{ method = \"minhash\", row = 8 }", "d has no setting row; did you mean rows?"),
            (
                "{ method = \"minhash\", verify = \"text\" }",
                "d.verify cannot be text; known: signature, none",
            ),
            (
                "{ method = \"minhash\", ngram = -1 }",
                "d.ngram must be a whole number, 0 or more, not integer",
            ),
        ] {
            assert_eq!(read(&format!("d = {value}")), Err(expected.to_owned()), "{value}");
        }
    }
}
