//! `sluice export --update`: how the export that is there was made.

use super::tokens::wrong;
use anyhow::Result;
use corpus::export::{About, Destination, earlier as read};
use recipe::usage::usage;

/// The export that is to be updated.
pub(super) enum Earlier {
    Texts(Box<About>),
    Tokens(Box<shards::About>),
}

/// Reads how it was made.
///
/// # Errors
/// If there is none, or it does not say how it was made.
pub(super) fn earlier(out: &dyn Destination) -> Result<Earlier> {
    let shown = out.path("");
    let shown = shown.display();
    match read(out)? {
        corpus::export::Earlier::None => Err(usage(format!(
            "{shown} has no export: manifest.json is expected; export without --update first"
        ))),
        corpus::export::Earlier::Unknown => Err(usage(format!(
            "the export in {shown} does not say how it was made, since an earlier version wrote it: \
             export once with its flags and without --update, which keeps the files that are whole"
        ))),
        corpus::export::Earlier::Texts(about) => Ok(Earlier::Texts(about)),
        corpus::export::Earlier::Other(about) => {
            let about = shards::About::of(about, out).map_err(wrong)?;
            Ok(Earlier::Tokens(Box::new(about)))
        }
    }
}

/// Checks that the options that were given are those of the export. `differs` has each with whether
/// it is another, and what the export has.
///
/// # Errors
/// With the first one that is another.
pub(super) fn check_same(differs: &[(bool, &str, String)]) -> Result<()> {
    let other = differs.iter().find(|(is_other, ..)| *is_other);
    other.map_or(Ok(()), |(_, flag, there)| {
        let there = if there.is_empty() { "none" } else { there };
        Err(usage(format!(
            "{flag} is not that of the export in --out ({there}): drop it, or drop --update to export \
             everything with it"
        )))
    })
}
