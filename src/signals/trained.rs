//! The trained models that some signals need, from one folder. The program does not include them.

use crate::error::ListError;
use crate::importance::{Weights, WordCounts};
use models::fasttext::Scratch;
use models::wikiref::WikiReferences;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Collections whose importance weight is a signal (RedPajama-V2, `importance_weights.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Books.
    Books,
    /// Pages that were upvoted on Reddit.
    OpenWebText,
    /// Articles.
    Wikipedia,
}

impl Collection {
    const ALL: [(Collection, &str); 3] = [
        (Collection::Books, "books"),
        (Collection::OpenWebText, "openwebtext"),
        (Collection::Wikipedia, "wikipedia"),
    ];
}

/// The collection with which the others are compared.
const WEB: &str = "web";

/// Suffix of a file of word counts, after its collection and language.
const COUNTS: &str = "counts.json";

/// Returns the name of the file with a collection's word counts in a folder of models; `None` if
/// there is no such collection.
pub fn counts_file(collection: &str, language: &str) -> Option<String> {
    let mut known = Collection::ALL.iter().map(|(_, name)| *name).chain([WEB]);
    known.any(|name| name == collection).then(|| format!("{collection}.{language}.{COUNTS}"))
}

/// Models by language.
#[derive(Default)]
pub(crate) struct Trained {
    palm: HashMap<String, WikiReferences>,
    wikipedia: HashMap<String, WikiReferences>,
    importance: HashMap<String, [Option<Weights>; 3]>,
}

impl Trained {
    /// Reads the models in `folder`: `palm.{lang}.ftz` and `wikipedia.{lang}.ftz` (or `.bin`), and
    /// `{books,openwebtext,wikipedia}.{lang}.counts.json` with `web.{lang}.counts.json`.
    pub fn read(folder: &Path) -> Result<Trained, ListError> {
        let unreadable = |source| ListError::Read { path: folder.to_owned(), source };
        let entries = std::fs::read_dir(folder).map_err(unreadable)?;
        let mut trained = Trained::default();
        let mut counts: HashMap<String, HashMap<String, WordCounts>> = HashMap::new();
        let mut paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<PathBuf>>>()
            .map_err(unreadable)?;
        // File systems have no fixed order. Of `palm.en.bin` and `palm.en.ftz` the latter counts.
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((what, rest)) = name.split_once('.') else { continue };
            let Some((language, kind)) = rest.split_once('.') else { continue };
            match (what, kind) {
                ("palm", "bin" | "ftz") => {
                    trained.palm.insert(language.to_owned(), classifier(&path)?);
                }
                ("wikipedia", "bin" | "ftz") => {
                    trained.wikipedia.insert(language.to_owned(), classifier(&path)?);
                }
                (_, COUNTS) => {
                    let of_language = counts.entry(language.to_owned()).or_default();
                    of_language.insert(what.to_owned(), word_counts(path)?);
                }
                _ => {}
            }
        }
        for (language, collections) in counts {
            let Some(web) = collections.get(WEB) else {
                let name = format!("{WEB}.{language}.{COUNTS}");
                return Err(ListError::NoWeb { path: folder.join(name) });
            };
            let weights = Collection::ALL
                .map(|(_, name)| collections.get(name).map(|counts| Weights::new(counts, web)));
            trained.importance.insert(language, weights);
        }
        Ok(trained)
    }

    pub fn has_palm(&self) -> bool {
        !self.palm.is_empty()
    }

    pub fn has_wikipedia(&self) -> bool {
        !self.wikipedia.is_empty()
    }

    pub fn has(&self, collection: Collection) -> bool {
        self.importance.values().any(|weights| weights[collection as usize].is_some())
    }

    /// Returns the similarity to Wikipedia, books and OpenWebText.
    pub fn palm(&self, language: Option<&str>, text: &str, scratch: &mut Scratch) -> Option<f64> {
        Some(self.palm.get(language?)?.probability(text, scratch))
    }

    /// Returns the similarity to Wikipedia.
    pub fn wikipedia(
        &self,
        language: Option<&str>,
        text: &str,
        scratch: &mut Scratch,
    ) -> Option<f64> {
        Some(self.wikipedia.get(language?)?.probability(text, scratch))
    }

    /// Returns the weight of a text, and the weight corrected for its length.
    pub fn weight(
        &self,
        collection: Collection,
        language: Option<&str>,
        text: &str,
    ) -> Option<(f64, f64)> {
        self.importance.get(language?)?[collection as usize].as_ref()?.of(text)
    }
}

fn classifier(path: &Path) -> Result<WikiReferences, ListError> {
    WikiReferences::open(path).map_err(|source| ListError::Model(Box::new(source)))
}

fn word_counts(path: PathBuf) -> Result<WordCounts, ListError> {
    let bytes =
        std::fs::read(&path).map_err(|source| ListError::Read { path: path.clone(), source })?;
    let counts = serde_json::from_slice::<WordCounts>(&bytes).ok().filter(WordCounts::is_usable);
    counts.ok_or(ListError::NoCounts { path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, Keep, Lists, SIGNALS, Scratch, View};
    use std::fs::write;

    fn counts(text: &str) -> Vec<u8> {
        let mut counts = WordCounts::default();
        counts.add(text);
        serde_json::to_vec(&counts).expect("JSON")
    }

    #[test]
    fn weights_exist_for_the_language_and_collections_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        write(path(&counts_file("books", "en").expect("a collection")), counts("once upon a time"))
            .expect("written");
        write(path("web.en.counts.json"), counts("buy it now")).expect("written");
        write(path("readme"), "").expect("written");
        let mut lists = Lists::default();
        lists.read_models(folder.path()).expect("models");
        let value = |name: &str, language| {
            let facts = Facts { language: Some(language), ..Facts::default() };
            let signal = SIGNALS.iter().find(|signal| signal.name == name).expect("a signal");
            signal.value(&mut View::new("once upon", &facts, &lists, &mut Scratch::default()))
        };
        let weight = value("rps_doc_books_importance", "en").number().expect("a weight");
        assert!(weight > 10.0, "{weight}");
        let corrected = value("rps_doc_books_importance_length_correction", "en").number();
        assert!(
            corrected.expect("a weight") < weight,
            "two words are nearer to three than to four"
        );
        assert_eq!(value("rps_doc_books_importance", "de").number(), None);
        assert!(Keep::new("rps_doc_books_importance > 0", &lists).is_ok());
        for missing in
            ["rps_doc_wikipedia_importance", "rps_doc_ml_palm_score", "rps_doc_ml_wikipedia_score"]
        {
            let error =
                Keep::new(&format!("{missing} > 0"), &lists).expect_err("no model").to_string();
            assert!(error.contains(missing) && error.contains("needs"), "{error}");
        }
        assert_eq!(counts_file("news", "en"), None);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let refused = || Trained::read(folder.path()).err().expect("an error").to_string();
        write(path("books.en.counts.json"), counts("once upon a time")).expect("written");
        assert!(refused().contains("web.en.counts.json is missing"), "{}", refused());
        for bad in [&b"{}"[..], b"\xff", br#"{"texts":1,"words":1,"counts":[1]}"#] {
            write(path("web.en.counts.json"), bad).expect("written");
            assert!(refused().contains("web.en.counts.json has no counts"), "{}", refused());
        }
        std::fs::remove_file(path("web.en.counts.json")).expect("removed");
        std::fs::remove_file(path("books.en.counts.json")).expect("removed");
        write(path("palm.en.ftz"), "no model").expect("written");
        assert!(refused().contains("palm.en.ftz is not a fastText model"), "{}", refused());
    }
}
