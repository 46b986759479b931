//! Which licences the text of a LICENSE file grants, as SPDX identifiers in lower case: `mit`,
//! `apache-2.0`, `bsd-3-clause`. GitHub and BigQuery use the same names.
//!
//! The crate `spdx` compares texts with all of SPDX's.

use crate::expression;
use crate::restriction::{plain, restriction};
use spdx::detection::{Store, TextData};
use std::sync::LazyLock;

/// Longest text that is compared: the comparison is slow, and longer texts are not licences.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// Least similarity of a text to a licence's text, 0 to 1: the default of `spdx`.
const LIKENESS_MIN: f32 = 0.9;

/// Most licences that are looked for within one text.
const LICENCES_MAX: usize = 10;

/// SPDX's licence texts, compressed within the program; `None` if they cannot be unpacked.
static STORE: LazyLock<Option<Store>> = LazyLock::new(|| Store::load_inline().ok());

/// The licences that a text grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The licences, each once, in order of their names.
    pub licences: Vec<String>,
    /// A phrase of the text that restricts what they grant.
    pub restriction: Option<&'static str>,
}

impl Granted {
    /// Grants these licences without restriction.
    pub fn of(licences: Vec<String>) -> Granted {
        Granted { licences, restriction: None }
    }
}

/// Returns the licences that `text` grants. There are none if it resembles no licence or is longer
/// than [`TEXT_BYTES_MAX`].
///
/// Looks for the part of the text that is most similar to a licence, cuts it, and repeats with the
/// rest. Takes some 15 ms, the first time some 100 ms.
pub(crate) fn granted(text: &str) -> Granted {
    let Some(store) = STORE.as_ref().filter(|_| text.len() <= TEXT_BYTES_MAX) else {
        return Granted::default();
    };
    let mut names = Vec::new();
    let mut texts = Vec::new();
    let mut rest = TextData::from(text);
    for _ in 0..LICENCES_MAX {
        let Some((name, licence)) = most_similar(store, &rest) else { break };
        let (part, likeness) = rest.optimize_bounds(licence);
        if likeness < LIKENESS_MIN {
            break;
        }
        texts.push(plain(&licence.lines().join("\n")));
        names.push(match name {
            // Pixar's licence is Apache's with another paragraph 6. An Apache licence without its
            // appendix is most similar to it.
            "Pixar" if !text.contains("Pixar") => "apache-2.0".into(),
            name => name.to_ascii_lowercase(),
        });
        rest = part.white_out();
    }
    names.sort_unstable();
    names.dedup();
    Granted { licences: names, restriction: restriction(&plain(text), &texts) }
}

/// Returns the licence that is most similar to `text`. The search of `spdx` itself breaks ties by
/// the order of a hash map, so the corpus would depend on chance.
fn most_similar<'store>(
    store: &'store Store,
    text: &TextData,
) -> Option<(&'store str, &'store TextData)> {
    let forms = store.iter().flat_map(|(name, entry)| {
        let forms = std::iter::once(&entry.original).chain(&entry.alternates).chain(&entry.headers);
        forms.map(move |form| (form.match_score(text), name.as_str(), form))
    });
    let best = forms.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    Some((best.1, best.2))
}

/// Whether a licence is `wanted`: its name begins with a wanted name, in any case. So `bsd` means
/// the whole family, as in upstream's query (`license LIKE 'bsd%'`), except for members that
/// restrict use: they are wanted only if named in full. An expression of several licences is wanted
/// if it holds.
///
/// ```
/// let wanted = ["mit", "bsd"].map(str::to_owned);
/// assert!(code::licence::is_wanted("BSD-3-Clause", &wanted));
/// assert!(code::licence::is_wanted("MIT OR GPL-3.0-only", &wanted));
/// assert!(!code::licence::is_wanted("gpl-2.0", &wanted));
/// ```
pub fn is_wanted(licence: &str, wanted: &[String]) -> bool {
    expression::holds(licence, &|name| {
        wanted.iter().any(|wanted| {
            let begins = name.as_bytes().get(..wanted.len());
            begins.is_some_and(|begins| begins.eq_ignore_ascii_case(wanted.as_bytes()))
                && (wanted.len() == name.len() || !restricts(name))
        })
    })
}

/// Whether an identifier of SPDX's list begins with `name`, in any case. Identifiers of one's own,
/// `LicenseRef-...`, count too.
///
/// ```
/// assert!(code::licence::begins_one("bsd") && code::licence::begins_one("Apache-2.0"));
/// assert!(!code::licence::begins_one("mti"));
/// ```
pub fn begins_one(name: &str) -> bool {
    let begins = |known: &str| {
        known.get(..name.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(name))
    };
    !name.is_empty()
        && (identifiers().any(begins) || name.to_ascii_lowercase().starts_with("licenseref-"))
}

/// Returns the family of licences, or the identifier, that is most similar to `name`, in lower case.
///
/// ```
/// assert_eq!(code::licence::nearest("mti"), "mit");
/// assert_eq!(code::licence::nearest("apach"), "apache");
/// assert_eq!(code::licence::nearest("gpl-2.1-only"), "gpl-2.0-only");
/// ```
pub fn nearest(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let known = identifiers().map(str::to_ascii_lowercase);
    let families = ["mit", "bsd", "apache", "gpl", "lgpl", "agpl", "mpl", "isc", "cc0"];
    let all = families.map(str::to_owned).into_iter().chain(known);
    all.min_by_key(|known| strsim::osa_distance(&name, known)).expect("there are licences")
}

fn identifiers() -> impl Iterator<Item = &'static str> {
    spdx::identifiers::LICENSES.iter().map(|licence| licence.name)
}

/// Whether a licence of a permissive family, from SPDX's list, forbids some use or requires source.
fn restricts(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = ["no-nuclear-license", "no-military", "noncommercial", "non-commercial"];
    name == "bsd-protection" || parts.iter().any(|part| name.contains(part))
}

/// Returns a licence's text from SPDX's list.
#[cfg(test)]
pub(crate) fn text(name: &str) -> String {
    let store = STORE.as_ref().expect("packed within");
    store.get_original(name).expect("a licence of SPDX").lines().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn licences_of(text: &str) -> Vec<String> {
        granted(text).licences
    }

    #[test]
    fn an_added_restriction_makes_a_licence_unfree() {
        for name in ["MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC"] {
            let plain = format!("Copyright (c) 2020 A Person\n\n{}", text(name));
            assert_eq!(granted(&plain).restriction, None, "{name}");
            for clause in [
                "\"Commons Clause\" License Condition v1.0: the License does not grant to you, the \
                 right to Sell the Software.",
                "The Software shall be used for Good, not Evil.",
                "This software is for non-commercial use only.",
                "You may not use the Software for military purposes.",
                "Field of use: the software may only be used in education.",
                "The Software must not be used by companies that harm human rights.",
                "ETHICAL SOURCE: do no harm.",
                "For academic use only.",
                "It shall not be used to train machine learning models.",
                "The following restrictions apply.",
            ] {
                let before = format!("{clause}\n\n{plain}");
                let after = format!("{plain}\n\n{clause}\n");
                for whole in [before, after] {
                    let found = granted(&whole);
                    // JSON's licence is MIT's with such a clause.
                    let is_restricted = found.restriction.is_some() || found.licences == ["json"];
                    assert!(is_restricted, "{name} {clause} {found:?}");
                }
            }
            let free = format!("{plain}\nFree for commercial and non-commercial use.\n");
            assert_eq!(granted(&free).restriction, None, "{name}");
        }
    }

    const APACHE: &str = include_str!("../../LICENSE");

    #[test]
    fn licences_are_found_in_their_texts() {
        assert_eq!(licences_of(APACHE), ["apache-2.0"]);
        for name in ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "GPL-3.0-or-later"] {
            let whole = format!("The licence\n\nCopyright (c) 2020 A Person\n\n{}", text(name));
            let found = licences_of(&whole);
            assert_eq!(found.len(), 1, "{name} {found:?}");
            assert!(name.to_ascii_lowercase().starts_with(&found[0]), "{name} {found:?}");
        }
        let body = APACHE.split("END OF TERMS AND CONDITIONS").next().unwrap();
        assert_eq!(licences_of(body), ["apache-2.0"], "without the appendix");
        for other in ["", "All rights reserved.\n", "see COPYING"] {
            assert!(licences_of(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_file_may_hold_several() {
        assert_eq!(
            licences_of(&format!("{APACHE}\n\n----\n\n{}", text("ISC"))),
            ["apache-2.0", "isc"]
        );
    }

    #[test]
    fn hostile_texts_take_bounded_time() {
        let began = Instant::now();
        for text in [
            "a\n".repeat(TEXT_BYTES_MAX / 2),
            "permission is granted ".repeat(TEXT_BYTES_MAX / 22),
            "(((((((((".repeat(TEXT_BYTES_MAX / 9),
            "\0".repeat(TEXT_BYTES_MAX),
            "x".repeat(TEXT_BYTES_MAX * 2),
        ] {
            licences_of(&text);
        }
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }

    #[test]
    fn families_are_wanted_by_their_beginning() {
        let wanted: Vec<String> = ["mit", "bsd", "apache"].map(String::from).into();
        for licence in ["mit", "MIT", "bsd-3-clause", "BSD-2-Clause", "Apache-2.0"] {
            assert!(is_wanted(licence, &wanted), "{licence}");
        }
        for licence in ["MIT OR GPL-3.0", "(MIT AND bsd-2-clause)", "mit/gpl-2.0"] {
            assert!(is_wanted(licence, &wanted), "{licence}");
        }
        let nuclear = "BSD-3-Clause-No-Nuclear-License".to_owned();
        assert!(is_wanted(&nuclear, std::slice::from_ref(&nuclear)));
        for licence in ["gpl-3.0", "", "bs", "é", "unlicense", "MIT AND GPL-3.0", &nuclear] {
            assert!(!is_wanted(licence, &wanted), "{licence}");
        }
    }
}
