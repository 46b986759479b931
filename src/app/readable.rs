//! Whether anything of a label can be read, before anything of it is committed.

use crate::recipe::Recipe;
use crate::slice::Slice;
use corpus::Source;
use engine::{Documents, Reader};
use formats::Defect;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Records of one source that are looked at for one that can be read.
const RECORDS_MAX: usize = 1_000;

/// Sources whose fault is named.
const NAMED_MAX: usize = 5;

/// Why nothing of a label's sources can be read, if so. As a rule the first record of the first
/// source is read and nothing else.
pub(crate) fn refusal(
    slice: &'static Slice,
    recipe: &Recipe,
    sources: &[Source],
) -> Option<String> {
    if slice.inputs.is_slow_to_begin {
        return None;
    }
    let settings = recipe.slices[slice.name].clone();
    let reader: Reader = std::sync::Arc::new(move |path: &Path| (slice.reader)(path, &settings));
    let mut why = Vec::new();
    for source in sources {
        let path = Path::new(&source.path);
        // What panics is told by the run.
        let found = catch_unwind(AssertUnwindSafe(|| wrong(&reader, path))).ok()??;
        if why.len() < NAMED_MAX {
            let what = found.map_or_else(|| "it holds no document".to_owned(), |d| d.to_string());
            why.push(format!("  {}: {what}", source.path));
        }
    }
    let more = sources.len() - why.len();
    if more > 0 {
        why.push(format!("  and {more} more"));
    }
    Some(why.join("\n"))
}

/// What is wrong with a source of which nothing can be read; `None` where something can.
fn wrong(reader: &Reader, path: &Path) -> Option<Option<Defect>> {
    let documents = reader(path).ok()?;
    // A record that is none comes before its defect. One turned away without a defect was read.
    let (mut first, mut is_pending) = (None, false);
    for read in documents.take(RECORDS_MAX) {
        match read {
            Ok(document) if is_pending || document.is_kept() => return None,
            Ok(_) => is_pending = true,
            Err(defect) if defect.device.is_some() => return None,
            Err(defect) => {
                is_pending = false;
                first.get_or_insert(defect);
            }
        }
    }
    (!is_pending).then_some(first)
}

/// The same documents, with at most three defects of a kind one by one and the rest in one.
pub(crate) fn summed(documents: Documents) -> Documents {
    Box::new(Summed { documents, kinds: HashMap::new(), order: VecDeque::new(), ended: false })
}

/// Defects of a kind that are given one by one.
const ALONE_MAX: u64 = 3;

/// Kinds that are told apart in one source.
const KINDS_MAX: usize = 100;

struct Summed {
    documents: Documents,
    kinds: HashMap<String, Kind>,
    /// Kinds in the order in which they were met.
    order: VecDeque<String>,
    ended: bool,
}

struct Kind {
    count: u64,
    last: Defect,
}

impl Iterator for Summed {
    type Item = <Documents as Iterator>::Item;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.documents.next() {
                Some(Err(defect)) if defect.device.is_none() => {
                    let defect = defect.bounded();
                    let mut kind = kind_of(&defect.what);
                    if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind) {
                        kind = String::new();
                    }
                    let known = self.kinds.entry(kind.clone()).or_insert_with(|| {
                        self.order.push_back(kind);
                        Kind { count: 0, last: defect.clone() }
                    });
                    known.count += 1;
                    if known.count <= ALONE_MAX {
                        return Some(Err(defect));
                    }
                    known.last = defect;
                }
                None => self.ended = true,
                other => return other,
            }
        }
        loop {
            let Kind { count, last } = self.kinds.remove(&self.order.pop_front()?)?;
            if count > ALONE_MAX {
                let (more, offset) = (count - ALONE_MAX, last.offset);
                return Some(Err(Defect::new(
                    offset,
                    format!("{more} more like this one: {}", last.what),
                )));
            }
        }
    }
}

/// What defects of a kind have in common: their text without numbers and quoted parts.
fn kind_of(what: &str) -> String {
    let mut is_quoted = false;
    let mut kind = String::new();
    for character in what.chars() {
        is_quoted ^= character == '"';
        if !is_quoted && !character.is_ascii_digit() {
            kind.push(character);
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::Document;

    fn defects(documents: Documents) -> Vec<String> {
        summed(documents).filter_map(Result::err).map(|defect| defect.to_string()).collect()
    }

    #[test]
    fn defects_of_a_kind_are_one_after_the_first_three() {
        let of =
            |number: u64| Defect::new(number * 10, format!("record {number} is \"{number}a\""));
        let other = Defect::new(5, "cut short");
        let all = (1..=1_000).map(move |number| Err(of(number))).chain([Err(other)]);
        let found = defects(Box::new(all));
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[0], "byte 10: record 1 is \"1a\"");
        assert_eq!(found[3], "byte 5: cut short");
        assert_eq!(found[4], "byte 10000: 997 more like this one: record 1000 is \"1000a\"");
        let few = (1..=3).map(move |number| Err(Defect::new(number, "few")));
        assert_eq!(defects(Box::new(few)).len(), 3);
    }

    #[test]
    fn a_source_is_readable_if_one_record_is() {
        let check = |of: fn() -> Vec<Result<Document, Defect>>| {
            let reader: Reader =
                std::sync::Arc::new(move |_: &Path| Ok(Box::new(of().into_iter())));
            wrong(&reader, Path::new("x")).map(|found| found.map(|defect| defect.what))
        };
        fn rejected() -> Result<Document, Defect> {
            let mut document = Document::default();
            document.reject("bad");
            Ok(document)
        }
        fn defect() -> Result<Document, Defect> {
            Err(Defect::new(0, "bad"))
        }
        assert_eq!(check(Vec::new), Some(None));
        assert_eq!(check(|| vec![defect(), rejected(), defect()]), Some(Some("bad".into())));
        assert_eq!(check(|| vec![defect(), Ok(Document::default())]), None);
        // Turned away by a rule, and not for what is wrong with it.
        assert_eq!(check(|| vec![rejected()]), None);
        assert_eq!(check(|| vec![rejected(), rejected(), defect()]), None);
    }
}
