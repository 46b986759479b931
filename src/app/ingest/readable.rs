//! Whether anything of a label can be read, before anything of it is committed.

use corpus::Source;
use engine::Reader;
use formats::Defect;
use recipe::{AnySlice, Recipe};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Records of a source that are read to find one that can be used, with a defect each.
const RECORDS_MAX: usize = 20_000;

/// Sources that are listed with their defect.
const LISTED_MAX: usize = 5;

/// Returns why nothing of a label's sources can be read; `None` if something can. Usually only the
/// first record of the first source is read.
pub(crate) fn refusal(slice: &dyn AnySlice, recipe: &Recipe, sources: &[Source]) -> Option<String> {
    let settings = recipe.settings(slice.name());
    // A defect that is only counted would make its record look like one that was read.
    let reader = slice.reader_of_all_defects(settings);
    let fault = |path: &Path| {
        if slice.is_slow_to_begin() {
            slice.mistaken(path, settings).ok().flatten().map(Some)
        } else {
            fault(&reader, path)
        }
    };
    let mut why = Vec::new();
    for source in sources {
        let path = Path::new(&source.path);
        // A panic is reported by the run.
        let found = catch_unwind(AssertUnwindSafe(|| fault(path))).ok()??;
        if why.len() < LISTED_MAX {
            let what = found.map_or_else(|| "it has no document".to_owned(), |d| d.to_string());
            why.push(format!("  {}: {what}", source.path));
        }
    }
    let more = sources.len() - why.len();
    if more > 0 {
        why.push(format!("  and {more} more"));
    }
    Some(why.join("\n"))
}

/// Returns the first defect, if any, of a source of which nothing can be read; `None` if something
/// can.
fn fault(reader: &Reader, path: &Path) -> Option<Option<Defect>> {
    let documents = reader(path).ok()?;
    // A malformed record is rejected, and its defect follows. Without a defect, it was read.
    let (mut first, mut is_pending) = (None, false);
    for (at, read) in documents.enumerate() {
        if at >= 2 * RECORDS_MAX && !is_pending {
            let tried =
                format!("; so are its first {RECORDS_MAX} records: put one that can be read first");
            first.iter_mut().for_each(|defect: &mut Defect| defect.what.push_str(&tried));
            break;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use document::Document;

    #[test]
    fn a_source_is_readable_if_one_record_is() {
        let check = |of: fn() -> Vec<Result<Document, Defect>>| {
            let reader: Reader =
                std::sync::Arc::new(move |_: &Path| Ok(Box::new(of().into_iter())));
            fault(&reader, Path::new("x")).map(|found| found.map(|defect| defect.what))
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
        // Rejected by a rule, not for a defect.
        assert_eq!(check(|| vec![rejected()]), None);
        assert_eq!(check(|| vec![rejected(), rejected(), defect()]), None);
        fn bad(records: usize) -> Vec<Result<Document, Defect>> {
            let records = (0..records).flat_map(|_| [rejected(), defect()]);
            [defect()].into_iter().chain(records).chain([Ok(Document::default())]).collect()
        }
        assert_eq!(check(|| bad(RECORDS_MAX - 1)), None);
        let refused = check(|| bad(RECORDS_MAX)).flatten().unwrap();
        assert!(refused.starts_with("bad; so are its first 20000 records"), "{refused}");
    }
}
