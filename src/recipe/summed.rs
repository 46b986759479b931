//! Summing up similar defects of a source.

use engine::Documents;
use formats::Defect;
use std::collections::{HashMap, VecDeque};

/// Yields the same documents, with at most three defects of a kind, and one more that counts the
/// rest of the kind.
pub(crate) fn summed(documents: Documents) -> Documents {
    Box::new(Summed { documents, kinds: HashMap::new(), order: VecDeque::new(), ended: false })
}

/// Defects of a kind that are listed one by one.
const LISTED_MAX: u64 = 3;

/// Kinds that are distinguished in one source.
const KINDS_MAX: usize = 100;

const MORE: &str = " more like this one: ";

/// Returns how many defects a text stands for, and the text of one of them.
///
/// ```
/// assert_eq!(recipe::defects_of("cut short"), (1, "cut short"));
/// assert_eq!(recipe::defects_of("97 more like this one: cut short"), (97, "cut short"));
/// ```
pub fn defects_of(what: &str) -> (u64, &str) {
    let parts = what.split_once(MORE);
    let parts = parts.and_then(|(count, what)| Some((count.parse().ok()?, what)));
    parts.unwrap_or((1, what))
}

struct Summed {
    documents: Documents,
    kinds: HashMap<String, Kind>,
    /// Kinds in order of first occurrence.
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
                    if known.count <= LISTED_MAX {
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
            if count > LISTED_MAX {
                let (more, offset) = (count - LISTED_MAX, last.offset);
                return Some(Err(Defect::new(offset, format!("{more}{MORE}{}", last.what))));
            }
        }
    }
}

/// Returns what defects of a kind have in common: their text without digits and quoted parts.
pub fn kind_of(what: &str) -> String {
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
}
