//! Which licences the text of a LICENSE file grants, by their SPDX identifiers in lower case:
//! `mit`, `apache-2.0`, `bsd-3-clause`. That is how GitHub, and with it BigQuery, calls them too.
//!
//! Texts are compared with all of SPDX's by the crate `spdx`.

use crate::expression;
use crate::restriction::{plain, restriction};
use spdx::detection::{Store, TextData};
use std::sync::LazyLock;

/// Longer texts are no licences, and are not looked at: the comparison takes its time.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// How like a licence's text a text must be to be that licence, 0 to 1: what `spdx` itself takes.
const LIKENESS_MIN: f32 = 0.9;

/// So many licences are looked for within one text.
const LICENCES_MAX: usize = 10;

/// Licence texts are packed within the program; `None` if they cannot be unpacked.
static STORE: LazyLock<Option<Store>> = LazyLock::new(|| Store::load_inline().ok());

/// What a text grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Its licences, each once, in order of their names.
    pub licences: Vec<String>,
    /// Words in it that restrict what they grant.
    pub restriction: Option<&'static str>,
}

impl Granted {
    /// These licences, as they are.
    pub fn of(licences: Vec<String>) -> Granted {
        Granted { licences, restriction: None }
    }
}

/// The licences that `text` grants. None where it is like no licence, or longer than
/// [`TEXT_BYTES_MAX`].
///
/// The likeliest part of the text is a licence or is not; without it the next likeliest, and so on.
/// Costs some 15 ms, the first time some 100 ms.
pub(crate) fn granted(text: &str) -> Granted {
    let Some(store) = STORE.as_ref().filter(|_| text.len() <= TEXT_BYTES_MAX) else {
        return Granted::default();
    };
    let mut names = Vec::new();
    let mut texts = Vec::new();
    let mut rest = TextData::from(text);
    for _ in 0..LICENCES_MAX {
        let Some((name, licence)) = likest(store, &rest) else { break };
        let (part, likeness) = rest.optimize_bounds(licence);
        if likeness < LIKENESS_MIN {
            break;
        }
        texts.push(plain(&licence.lines().join("\n")));
        names.push(match name {
            // Pixar's is Apache's with another paragraph 6, and the likest to Apache's own where
            // that comes without its appendix.
            "Pixar" if !text.contains("Pixar") => "apache-2.0".into(),
            name => name.to_ascii_lowercase(),
        });
        rest = part.white_out();
    }
    names.sort_unstable();
    names.dedup();
    Granted { licences: names, restriction: restriction(&plain(text), &texts) }
}

/// The licence that `text` is likest to. `spdx` has such a search, which goes by the order of a hash
/// map where two are as like: then the corpus would depend on chance.
fn likest<'store>(
    store: &'store Store,
    text: &TextData,
) -> Option<(&'store str, &'store TextData)> {
    let forms = store.iter().flat_map(|(name, entry)| {
        let forms = std::iter::once(&entry.original).chain(&entry.alternates).chain(&entry.headers);
        forms.map(move |form| (form.match_score(text), name.as_str(), form))
    });
    let likest = forms.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    Some((likest.1, likest.2))
}

/// Whether a licence is one of the `wanted`: if its name begins with theirs, in any case. So `bsd`
/// means all of that family, as upstream's query has it (`license LIKE 'bsd%'`), but for those of its
/// members that restrict what may be done: they are wanted if they are named in full. An expression
/// of several licences is wanted if it holds.
pub fn is_wanted(licence: &str, wanted: &[String]) -> bool {
    expression::holds(licence, &|name| {
        wanted.iter().any(|wanted| {
            let begins = name.as_bytes().get(..wanted.len());
            begins.is_some_and(|begins| begins.eq_ignore_ascii_case(wanted.as_bytes()))
                && (wanted.len() == name.len() || !restricts(name))
        })
    })
}

/// Licences of SPDX's list in permissive families that forbid some use, or ask for the source.
fn restricts(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = ["no-nuclear-license", "no-military", "noncommercial", "non-commercial"];
    name == "bsd-protection" || parts.iter().any(|part| name.contains(part))
}

/// A licence's text, from those that texts are compared with.
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
    fn what_is_added_to_a_licence_takes_it_out_of_the_free_ones() {
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
                let behind = format!("{plain}\n\n{clause}\n");
                for whole in [before, behind] {
                    let found = granted(&whole);
                    // JSON's licence is MIT's with such a clause.
                    let is_taken_out = found.restriction.is_some() || found.licences == ["json"];
                    assert!(is_taken_out, "{name} {clause} {found:?}");
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
