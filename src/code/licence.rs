//! Which licences the text of a LICENSE file grants, by their SPDX identifiers in lower case:
//! `mit`, `apache-2.0`, `bsd-3-clause`. That is how GitHub, and with it BigQuery, calls them too.
//!
//! Texts are compared with all of SPDX's by the crate `spdx`.

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

/// The licences that `text` grants, each once, in order of their names. None where it is like no
/// licence, or longer than [`TEXT_BYTES_MAX`].
///
/// The likeliest part of the text is a licence or is not; without it the next likeliest, and so on.
/// Costs some 15 ms, the first time some 100 ms.
pub fn licences(text: &str) -> Vec<String> {
    let Some(store) = STORE.as_ref().filter(|_| text.len() <= TEXT_BYTES_MAX) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut rest = TextData::from(text);
    for _ in 0..LICENCES_MAX {
        let Some((name, licence)) = likest(store, &rest) else { break };
        let (part, likeness) = rest.optimize_bounds(licence);
        if likeness < LIKENESS_MIN {
            break;
        }
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
    names
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
/// means all of that family, as upstream's query has it (`license LIKE 'bsd%'`).
pub fn is_wanted(licence: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| {
        let begins = licence.as_bytes().get(..wanted.len());
        begins.is_some_and(|begins| begins.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// A licence's text, from those that texts are compared with.
    fn text(name: &str) -> String {
        let store = STORE.as_ref().expect("packed within");
        store.get_original(name).expect("a licence of SPDX").lines().join("\n")
    }

    const APACHE: &str = include_str!("../../LICENSE");

    #[test]
    fn licences_are_found_in_their_texts() {
        assert_eq!(licences(APACHE), ["apache-2.0"]);
        for name in ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "GPL-3.0-or-later"] {
            let whole = format!("The licence\n\nCopyright (c) 2020 A Person\n\n{}", text(name));
            let found = licences(&whole);
            assert_eq!(found.len(), 1, "{name} {found:?}");
            assert!(name.to_ascii_lowercase().starts_with(&found[0]), "{name} {found:?}");
        }
        let body = APACHE.split("END OF TERMS AND CONDITIONS").next().unwrap();
        assert_eq!(licences(body), ["apache-2.0"], "without the appendix");
        for other in ["", "All rights reserved.\n", "see COPYING"] {
            assert!(licences(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_file_may_hold_several() {
        assert_eq!(
            licences(&format!("{APACHE}\n\n----\n\n{}", text("ISC"))),
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
            licences(&text);
        }
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }

    #[test]
    fn families_are_wanted_by_their_beginning() {
        let wanted: Vec<String> = ["mit", "bsd", "apache"].map(String::from).into();
        for licence in ["mit", "MIT", "bsd-3-clause", "BSD-2-Clause", "Apache-2.0"] {
            assert!(is_wanted(licence, &wanted), "{licence}");
        }
        for licence in ["gpl-3.0", "", "bs", "é", "unlicense"] {
            assert!(!is_wanted(licence, &wanted), "{licence}");
        }
    }
}
