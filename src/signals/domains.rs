//! The categories of web sites in the blacklists of the University of Toulouse (UT1), numbered as
//! in RedPajama-V2 (`artifacts/update_resources.py`).

use crate::error::ListError;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::path::Path;

/// The categories that upstream uses, sorted. A domain may be in several.
const CATEGORIES: [&str; 13] = [
    "adult",
    "agressif",
    "agressive",
    "arjel",
    "chat",
    "dating",
    "ddos",
    "filehosting",
    "gambling",
    "mixed_adult",
    "phishing",
    "porn",
    "violence",
];

/// Domains and their categories.
pub struct Domains {
    /// A bit for each category, lowest first.
    categories: HashMap<Box<str>, u16, RandomState>,
    /// The number of each combination of categories.
    numbers: Vec<u16>,
}

impl Domains {
    /// Reads the folder `blacklists`: `adult/domains` and so on, one domain per line. Missing
    /// folders have no domains; at least one must exist.
    pub(crate) fn read(folder: &Path) -> Result<Self, ListError> {
        let mut categories: HashMap<Box<str>, u16, RandomState> = HashMap::default();
        let mut is_empty = true;
        for (at, category) in CATEGORIES.iter().enumerate() {
            let path = folder.join(category).join("domains");
            if !path.exists() {
                continue;
            }
            is_empty = false;
            // Some of these lists have stray bytes. A domain with one does not occur in URLs.
            let bytes = std::fs::read(&path)
                .map_err(|source| ListError::Read { path: path.clone(), source })?;
            for domain in String::from_utf8_lossy(&bytes).lines() {
                let domain = text::python::strip(domain);
                *categories.entry(domain.into()).or_insert(0) |= 1 << at;
            }
        }
        if is_empty {
            return Err(ListError::NoCategories { path: folder.to_owned() });
        }
        Ok(Domains { categories, numbers: combination_numbers(CATEGORIES.len()) })
    }

    /// Returns the number of a domain's combination of categories, or `None` if it is in no
    /// category. The domain must match the lists exactly, including its port and `www.`.
    pub fn combination(&self, domain: &str) -> Option<u16> {
        self.categories.get(domain).map(|set| self.numbers[usize::from(*set)])
    }
}

/// Numbers the sets of categories from 0: sets of one category first, then of two and so on, each
/// size in the order of its sorted members. The entry of the empty set is 0 and not used.
fn combination_numbers(categories: usize) -> Vec<u16> {
    let mut numbers = vec![0; 1 << categories];
    let mut sets: Vec<u16> = (1..1 << categories).collect();
    // Sorted members compare like the sets' bits in reverse order.
    sets.sort_by_key(|set| (set.count_ones(), std::cmp::Reverse(set.reverse_bits())));
    for (number, set) in (0..).zip(sets) {
        numbers[usize::from(set)] = number;
    }
    numbers
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::fs::{create_dir, write};

    /// Each combination of the categories by name, joined by `|`, with its number.
    pub(crate) fn named_combinations(categories: &[&str]) -> Vec<(String, u16)> {
        let mut sorted = categories.to_vec();
        sorted.sort_unstable();
        let numbers = combination_numbers(sorted.len());
        let name = |set: usize| {
            let members = (0..sorted.len()).filter(|at| set >> at & 1 == 1).map(|at| sorted[at]);
            members.collect::<Vec<_>>().join("|")
        };
        (1..numbers.len()).map(|set| (name(set), numbers[set])).collect()
    }

    #[test]
    fn thirteen_categories_have_8191_combinations() {
        let mut numbers = combination_numbers(CATEGORIES.len());
        assert_eq!((numbers[1], numbers[1 << 12], numbers[3]), (0, 12, 13));
        assert_eq!(numbers[(1 << 13) - 1], 8190);
        numbers.remove(0);
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..8191));
    }

    #[test]
    fn a_domain_in_two_categories_has_their_combination() {
        let folder = tempfile::tempdir().expect("a folder");
        for (category, domains) in [("adult", &b"a.com\nb.com\n"[..]), ("chat", b"b.com\r\n\xfe\n")]
        {
            create_dir(folder.path().join(category)).expect("a folder");
            write(folder.path().join(category).join("domains"), domains).expect("written");
        }
        let domains = Domains::read(folder.path()).expect("domains");
        assert_eq!(domains.combination("a.com"), Some(0));
        // 13 categories alone, 3 pairs of the first with those before: the 4th pair.
        assert_eq!(domains.combination("b.com"), Some(13 + 3));
        assert_eq!(domains.combination("www.a.com"), None);
    }

    #[test]
    fn a_folder_without_categories_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Domains::read(folder.path()).err().expect("nothing there").to_string();
        assert!(error.contains("blacklists"), "{error}");
    }
}
