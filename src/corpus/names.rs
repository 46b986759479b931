//! Names of the files of a corpus: which files belong to it, and when they were written.

use std::path::Path;

/// When a file with a name of the corpus was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A temporary file of the process that wrote it.
    Scratch,
    /// In an epoch. A file made of others by [`crate::revise`] also has the number of its commit; a list of
    /// exclusions has only that, and the epoch 0.
    In { epoch: u64, revision: Option<u64> },
}

/// Parses the name of a file; `path` is relative to the corpus. Returns `None` if the corpus has no
/// files with such names, or if it is the name of a manifest.
pub(crate) fn written(path: &Path) -> Option<Written> {
    let parts: Vec<&str> = path.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    match parts[..] {
        ["commits", name] => number(name.strip_suffix(".json.tmp")?, 6).map(|_| Written::Scratch),
        ["data", _, _, name] => part(name, "jsonl.zst"),
        ["ledger", _, _, name] => part(name, "parquet"),
        ["aside", _, _, name] => part(name, "jsonl.zst").or_else(|| part(name, "parquet")),
        ["exclusions", name] => {
            let commit = number(name.strip_suffix(".jsonl")?, 6)?;
            Some(Written::In { epoch: 0, revision: Some(commit) })
        }
        ["state", name] => match name.strip_suffix(".spill") {
            Some(stem) => number(stem.rsplit_once('-')?.1, 4).map(|_| Written::Scratch),
            None => run(name.strip_suffix(".run")?),
        },
        ["tmp", "writing.tmp"] => Some(Written::Scratch),
        ["tmp", name] => {
            let (process, number) = name.strip_prefix("held-")?.split_once('-')?;
            digits(process).zip(digits(number)).map(|_| Written::Scratch)
        }
        _ => None,
    }
}

/// `EEEEEEEE-WWWW.KIND`, or `EEEEEEEE-WWWW.rN.KIND`.
fn part(name: &str, kind: &str) -> Option<Written> {
    let stem = name.strip_suffix(kind)?.strip_suffix('.')?;
    let (stem, revision) = match stem.split_once(".r") {
        Some((stem, revision)) => (stem, Some(digits(revision)?)),
        None => (stem, None),
    };
    let (epoch, worker) = stem.split_once('-')?;
    number(worker, 4)?;
    Some(Written::In { epoch: number(epoch, 8)?, revision })
}

/// `INDEX-EEEEEEEE-WWWW-NN`.
fn run(stem: &str) -> Option<Written> {
    let mut parts = stem.rsplitn(4, '-');
    number(parts.next()?, 2)?;
    number(parts.next()?, 4)?;
    let epoch = number(parts.next()?, 8)?;
    parts.next().map(|_index| Written::In { epoch, revision: None })
}

/// Parses a number of at least `digits_min` digits.
pub(crate) fn number(text: &str, digits_min: usize) -> Option<u64> {
    digits(text).filter(|_| text.len() >= digits_min)
}

fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_corpus_are_recognized() {
        let of = |path: &str| written(Path::new(path));
        let epoch = |epoch| Some(Written::In { epoch, revision: None });
        assert_eq!(of("data/c4/a/00000012-0001.jsonl.zst"), epoch(12));
        assert_eq!(of("ledger/c4/a/123456789-0001.parquet"), epoch(123_456_789));
        let revised = Some(Written::In { epoch: 3, revision: Some(7) });
        assert_eq!(of("data/c4/a.r9/00000003-0000.r7.jsonl.zst"), revised);
        assert_eq!(of("aside/c4/a/00000003-0000.r7.jsonl.zst"), revised);
        assert_eq!(of("aside/c4/a/00000003-0000.r7.parquet"), revised);
        let listed = Some(Written::In { epoch: 0, revision: Some(7) });
        assert_eq!(of("exclusions/000007.jsonl"), listed);
        assert_eq!(of("state/some-index-00000004-0002-01.run"), epoch(4));
        for scratch in [
            "commits/000003.json.tmp",
            "state/texts-0001.spill",
            "tmp/held-77-0",
            "tmp/writing.tmp",
        ] {
            assert_eq!(of(scratch), Some(Written::Scratch), "{scratch}");
        }
        for other in [
            "commits/000003.json",
            "commits/000003.json.damaged",
            "data/00000012-0001.jsonl.zst",
            "data/c4/a/2024-0001.jsonl.zst",
            "data/c4/a/00000012-0001.parquet",
            "ledger/c4/a/00000012-0001.rx.parquet",
            "state/left.run",
            "tmp/notes.txt",
            "recipe.toml",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
