//! The setting `dedup`, which any slice can have.

mod lines;
mod methods;
mod passages;
mod simhash;

pub use self::lines::{Lines, LinesAction};
pub use self::methods::Methods;
pub use self::passages::Passages;
pub use self::simhash::Simhash;

use crate::settings::{SettingType, SettingValue, WrongValue, string};
use crate::slice::Setup;
use crate::{choice, usage};
use arrangement::{Copies, Rule, Scope};
use document::{DocRef, Document};
use engine::{Counts, Docs, Exact, Likeness, Near, Similar};
use similarity::{DISTANCE_MAX, MinHash, Scratch, Shape, jaccard, similarity};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use text::ccnet;
use toml::Spanned;
use toml::de::DeValue;

/// A method by which copies are dropped within a slice. The copy added first is kept.
///
/// In a recipe it is a word, `"exact"`; or, to set more than the method, a table: `{ method = "minhash",
/// threshold = 0.8 }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dedup {
    /// `exact`
    Exact,
    /// `lines`
    Lines(Lines),
    /// `paragraphs`
    Paragraphs,
    /// `simhash`
    Simhash(Simhash),
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
        Text = "text",
        None = "none",
    }
}

impl Default for Minhash {
    fn default() -> Self {
        let (verify, shape) = (Verify::Signature, Shape::default());
        Minhash { threshold: 0.75, verify, shape }
    }
}

/// By how much less than the threshold the estimated similarity of two documents may be, if their texts are
/// compared: four times the standard error of the estimate.
const SLACK: f64 = 0.1;

/// The keys of a table besides `method`, by method.
const KEYS: [(&str, &[&str]); 4] = [
    ("lines", &["action"]),
    ("simhash", &["distance"]),
    ("minhash", &["threshold", "verify", "bands", "rows", "ngram"]),
    ("passages", &["min_bytes"]),
];

impl Dedup {
    const WORDS: [&str; 7] =
        ["none", "exact", "lines", "paragraphs", "simhash", "minhash", "passages"];

    /// The word of the method.
    pub fn word(self) -> &'static str {
        match self {
            Dedup::Exact => "exact",
            Dedup::Lines(_) => "lines",
            Dedup::Paragraphs => "paragraphs",
            Dedup::Simhash(_) => "simhash",
            Dedup::Minhash(_) => "minhash",
            Dedup::Passages(_) => "passages",
        }
    }

    /// Whether it takes parts out of documents.
    pub fn cuts(self) -> bool {
        match self {
            Dedup::Paragraphs | Dedup::Passages(_) => true,
            Dedup::Lines(Lines { action }) => action == LinesAction::Cut,
            Dedup::Exact | Dedup::Simhash(_) | Dedup::Minhash(_) => false,
        }
    }

    /// The method of a word; `None` for the word `none`.
    fn of_word(value: &Spanned<DeValue<'_>>) -> Result<Option<Dedup>, WrongValue> {
        Ok(Some(match string(value)? {
            "none" => return Ok(None),
            "exact" => Dedup::Exact,
            "lines" => Dedup::Lines(Lines::default()),
            "paragraphs" => Dedup::Paragraphs,
            "simhash" => Dedup::Simhash(Simhash::default()),
            "minhash" => Dedup::Minhash(Minhash::default()),
            "passages" => Dedup::Passages(Passages::default()),
            other => {
                let hint = usage::suggest(other, Dedup::WORDS);
                return wrong(value, format!(" cannot be {other}{hint}"));
            }
        }))
    }

    /// Reads a word or a table; `None` for the word `none`.
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Option<Dedup>, WrongValue> {
        let table = match value.get_ref() {
            DeValue::String(_) => return Dedup::of_word(value),
            DeValue::Table(table) => table,
            other => {
                let found = other.type_str();
                let what =
                    format!(" must be a word in quotes or a table with a method, not {found}");
                return wrong(value, what);
            }
        };
        let Some((_, method)) = table.iter().find(|(key, _)| &**key.get_ref() == "method") else {
            let words = Dedup::WORDS.join(", ");
            return wrong(value, format!(" has no method: one of {words}"));
        };
        let in_method =
            |wrong: WrongValue| WrongValue { what: format!(".method{}", wrong.what), ..wrong };
        let mut dedup = Dedup::of_word(method).map_err(in_method)?;
        let word = dedup.map_or("none", Dedup::word);
        for (key, value) in table {
            let key = &**key.get_ref();
            if key == "method" {
                continue;
            }
            match (KEYS.iter().find(|(_, keys)| keys.contains(&key)), &mut dedup) {
                (Some((of, _)), Some(dedup)) if *of == word => dedup.set(key, value, folder)?,
                (Some((of, _)), _) => {
                    return wrong(value, format!(".{key} is a setting of the method {of} only"));
                }
                (None, _) => {
                    let known = KEYS.iter().filter(|(of, _)| *of == word);
                    let known = known.flat_map(|(_, keys)| *keys).copied();
                    let hint = usage::suggest(key, known.chain(["method"]));
                    return wrong(value, format!(" has no setting {key}{hint}"));
                }
            }
        }
        Ok(dedup)
    }

    /// Sets a key that a table of this method may have.
    fn set(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        folder: &Path,
    ) -> Result<(), WrongValue> {
        let of_key =
            |wrong: WrongValue| WrongValue { what: format!(".{key}{}", wrong.what), ..wrong };
        let whole = |range: RangeInclusive<usize>| {
            let number = u64::read(value, folder).map_err(of_key)?;
            match usize::try_from(number).ok().filter(|number| range.contains(number)) {
                Some(number) => Ok(number),
                None => {
                    let (least, most) = (range.start(), range.end());
                    wrong(value, format!(".{key} must be {least} to {most}, not {number}"))
                }
            }
        };
        match self {
            Dedup::Lines(lines) => {
                lines.action = LinesAction::read(value, folder).map_err(of_key)?;
            }
            Dedup::Minhash(minhash) => match key {
                "threshold" => {
                    let threshold = f64::read(value, folder).map_err(of_key)?;
                    if !(0.0..=1.0).contains(&threshold) {
                        return wrong(value, format!(".threshold must be 0 to 1, not {threshold}"));
                    }
                    minhash.threshold = threshold;
                }
                "verify" => minhash.verify = Verify::read(value, folder).map_err(of_key)?,
                "bands" => minhash.shape.bands = whole(1..=256)?,
                "rows" => minhash.shape.rows = whole(1..=128)?,
                _ => minhash.shape.ngram = whole(1..=64)?,
            },
            Dedup::Simhash(simhash) => {
                simhash.distance = whole(0..=DISTANCE_MAX as usize)? as u32;
            }
            Dedup::Passages(passages) => passages.min_bytes = whole(Passages::MIN_BYTES)?,
            Dedup::Exact | Dedup::Paragraphs => unreachable!("the method has no keys"),
        }
        Ok(())
    }

    /// The method as TOML, with everything that decides, also where it is the default.
    fn print(self) -> String {
        let settings = match self {
            Dedup::Exact | Dedup::Paragraphs => return format!("{:?}", self.word()),
            // As recipes were printed that had no table.
            Dedup::Simhash(simhash) if simhash == Simhash::default() => {
                return format!("{:?}", self.word());
            }
            Dedup::Simhash(Simhash { distance }) => format!("distance = {distance}"),
            Dedup::Passages(Passages { min_bytes }) => format!("min_bytes = {min_bytes}"),
            Dedup::Lines(Lines { action }) => format!("action = {}", action.print()),
            Dedup::Minhash(Minhash { threshold, verify, shape }) => {
                let (Shape { bands, rows, ngram }, verify) = (shape, verify.print());
                format!(
                    "threshold = {threshold:?}, verify = {verify}, bands = {bands}, rows = {rows}, \
                     ngram = {ngram}"
                )
            }
        };
        format!("{{ method = {:?}, {settings} }}", self.word())
    }
}

fn wrong<T>(value: &Spanned<DeValue<'_>>, what: String) -> Result<T, WrongValue> {
    Err(WrongValue { at: value.span(), what })
}

/// Deduplication within a slice, by its setting `dedup`.
pub trait Deduplicate {
    /// Drops copies by each method, in this order; each sees what those before it leave. Indexes are
    /// named after slice and method: `books_simhash`.
    ///
    /// - `exact`: drops documents whose text equals that of an earlier one, as `duplicate`.
    /// - `lines`: cuts, or counts, lines that occurred before, and drops documents without any line left,
    ///   as `duplicate_lines`.
    /// - `paragraphs`: cuts lines that occurred before, compared as in CCNet, and drops documents
    ///   without any line left, as `duplicate_paragraphs`.
    /// - `simhash`: drops documents whose SimHash, as RedPajama computes it for books, is near that of an
    ///   earlier one that is kept, as `near_duplicate`.
    /// - `minhash`: drops documents that share a band with an earlier one that is kept, as FineWeb
    ///   computes bands, and are similar to it by their sketches or shingles, as `near_duplicate`.
    /// - `passages`: cuts passages of at least `min_bytes` bytes that occurred before, anywhere in a
    ///   text, and drops documents of nothing else, as `duplicate_passages`.
    fn deduplicate<S>(self, setup: &Setup<S>, methods: &[Dedup]) -> Self;
}

impl Deduplicate for Docs<'_> {
    fn deduplicate<S>(self, setup: &Setup<S>, methods: &[Dedup]) -> Self {
        methods.iter().fold(self, |docs, method| by_method(docs, setup.slice, *method))
    }
}

fn by_method<'scope>(docs: Docs<'scope>, slice: &str, method: Dedup) -> Docs<'scope> {
    let index = format!("{slice}_{}", method.word());
    let first = Rule::first_of_all();
    match method {
        Dedup::Exact => docs.reject_repeats(&index, "duplicate", text_digest, first),
        // `c4_lines` is that of C4's own rule.
        Dedup::Lines(lines) => lines.apply(docs, &format!("{slice}_exact_lines"), |_, _| {}),
        Dedup::Paragraphs => docs
            .cut_repeated_paragraphs(&index, ccnet::paragraph_key, first, |_, _| {})
            .reject_empty("duplicate_paragraphs"),
        Dedup::Simhash(simhash) => simhash.apply(docs, &index, Counts::Kept),
        Dedup::Passages(passages) => passages.apply(docs, &index),
        Dedup::Minhash(Minhash { threshold, verify, shape }) => {
            let similar = match verify {
                Verify::Signature => Some(Similar { similarity, least: threshold, exact: None }),
                Verify::Text => {
                    let exact = Some(Exact { similarity: jaccard, least: threshold });
                    Some(Similar { similarity, least: threshold - SLACK, exact })
                }
                Verify::None => None,
            };
            let (minhash, mut scratch) = (MinHash::new(shape), Scratch::default());
            let bands = move |document: &Document, keys: &mut Vec<u64>| {
                let sketch = minhash.bands(&document.text, &mut scratch, keys);
                let shingles = match verify {
                    Verify::Text => scratch.shingles().to_vec(),
                    Verify::Signature | Verify::None => Vec::new(),
                };
                let signature = similar.map(|_| sketch).unwrap_or_default();
                Likeness { signature, shingles }
            };
            let near = Near { similar, counts: Counts::Kept };
            docs.reject_near(&index, "near_duplicate", bands, near)
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
    first_bits(&document.text)
}

/// Returns the first 128 bits of the BLAKE3 digest.
fn first_bits(text: &str) -> u128 {
    let digest = blake3::hash(text.as_bytes());
    u128::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}
