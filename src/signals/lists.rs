//! The lists of words and domains, and the models, that some signals need. The program does not
//! include them; users provide them as files.
//!
//! Sources: stop words from `stopwords-iso` (RedPajama used the older `stopwords-json`); bad words
//! from LDNOOBW, "List of Dirty, Naughty, Obscene, and Otherwise Bad Words"; domains from the
//! blacklists of the University of Toulouse (UT1).

use crate::domains::Domains;
use crate::error::ListError;
use crate::trained::Trained;
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use text::python::strip;

/// The user's lists and models. Lists of words are by language.
#[derive(Default)]
pub struct Lists {
    trained: Trained,
    stop_words: HashMap<String, WordSet>,
    bad_words: HashMap<String, Phrases>,
    domains: Option<Domains>,
}

/// A set of words, as written in the list.
pub type WordSet = HashSet<Box<str>, RandomState>;

/// Words and phrases of several words.
#[derive(Default)]
pub struct Phrases {
    all: WordSet,
    /// For the first word of each phrase, the lengths in words of the phrases that begin with it.
    lengths: HashMap<Box<str>, Vec<usize>, RandomState>,
}

impl Lists {
    /// Reads the stop words of one language, one per line.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is not UTF-8.
    pub fn read_stop_words(&mut self, language: &str, path: &Path) -> Result<(), ListError> {
        let text = read(path)?;
        let words = text.lines().map(strip).filter(|line| !line.is_empty());
        self.stop_words.insert(language.to_owned(), words.map(Box::from).collect());
        Ok(())
    }

    /// Reads the stop words of many languages from a JSON object of lists,
    /// `{"en": ["a", ...], ...}`.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is not such an object.
    pub fn read_stop_words_json(&mut self, path: &Path) -> Result<(), ListError> {
        let lists: HashMap<String, WordSet> = serde_json::from_str(&read(path)?)
            .map_err(|source| ListError::Json { path: path.to_owned(), source })?;
        self.stop_words.extend(lists);
        Ok(())
    }

    /// Reads the bad words of one language, one word or phrase per line.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is not UTF-8.
    pub fn read_bad_words(&mut self, language: &str, path: &Path) -> Result<(), ListError> {
        let text = read(path)?;
        let phrases = text.lines().map(strip).filter(|line| !line.is_empty());
        self.bad_words.insert(language.to_owned(), phrases.collect());
        Ok(())
    }

    /// Reads UT1's folder `blacklists`, which has a folder for each category.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, or if the folder has no category of UT1.
    pub fn read_domains(&mut self, folder: &Path) -> Result<(), ListError> {
        self.domains = Some(Domains::read(folder)?);
        Ok(())
    }

    /// Reads the models of signals from a folder: the classifiers `palm.{lang}.ftz` and
    /// `wikipedia.{lang}.ftz` (or `.bin`); the word counts
    /// `{books,openwebtext,wikipedia}.{lang}.counts.json` and `web.{lang}.counts.json`; and UT1's
    /// folder `blacklists`.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read or used, or if the counts of the web are missing.
    pub fn read_models(&mut self, folder: &Path) -> Result<(), ListError> {
        self.trained = Trained::read(folder)?;
        let blacklists = folder.join("blacklists");
        if blacklists.is_dir() {
            self.read_domains(&blacklists)?;
        }
        Ok(())
    }

    /// Returns the stop words of a language, if there are any.
    pub fn stop_words(&self, language: Option<&str>) -> Option<&WordSet> {
        self.stop_words.get(language?)
    }

    /// Returns the bad words of a language, if there are any.
    pub fn bad_words(&self, language: Option<&str>) -> Option<&Phrases> {
        self.bad_words.get(language?)
    }

    /// Returns UT1's domains, if they were read.
    pub fn domains(&self) -> Option<&Domains> {
        self.domains.as_ref()
    }

    pub(crate) fn trained(&self) -> &Trained {
        &self.trained
    }

    pub(crate) fn has_stop_words(&self) -> bool {
        !self.stop_words.is_empty()
    }

    pub(crate) fn has_bad_words(&self) -> bool {
        !self.bad_words.is_empty()
    }
}

impl Phrases {
    /// Whether exactly this word or phrase is in the list.
    pub fn contains(&self, phrase: &str) -> bool {
        self.all.contains(phrase)
    }

    /// Returns the words and phrases, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|phrase| &**phrase)
    }

    /// Returns the lengths, in words, of the phrases that begin with a word.
    pub(crate) fn lengths(&self, first: &str) -> &[usize] {
        self.lengths.get(first).map_or(&[], Vec::as_slice)
    }
}

impl<'p> FromIterator<&'p str> for Phrases {
    fn from_iter<I: IntoIterator<Item = &'p str>>(phrases: I) -> Self {
        let mut list = Phrases::default();
        for phrase in phrases {
            let (first, length) = match phrase.split_once(' ') {
                Some((first, rest)) => (first, 2 + rest.matches(' ').count()),
                None => (phrase, 1),
            };
            let lengths = list.lengths.entry(first.into()).or_default();
            if !lengths.contains(&length) {
                lengths.push(length);
            }
            list.all.insert(phrase.into());
        }
        list
    }
}

/// Reads a list as text, without a byte order mark.
pub(crate) fn read(path: &Path) -> Result<String, ListError> {
    let bytes =
        std::fs::read(path).map_err(|source| ListError::Read { path: path.to_owned(), source })?;
    let text = String::from_utf8(bytes).map_err(|error| ListError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    #[test]
    fn plain_lists_have_one_entry_per_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("en.txt");
        write(&path, "\u{feff}the\n\n  and \r\na b c\n").expect("written");
        let mut lists = Lists::default();
        lists.read_stop_words("en", &path).expect("a list");
        lists.read_bad_words("en", &path).expect("a list");
        let stop = lists.stop_words(Some("en")).expect("stop words");
        assert_eq!(stop.len(), 3);
        assert!(stop.contains("the") && stop.contains("and"));
        assert!(lists.stop_words(Some("de")).is_none() && lists.stop_words(None).is_none());
        let bad = lists.bad_words(Some("en")).expect("bad words");
        assert!(bad.contains("a b c") && !bad.contains("a"));
        assert_eq!((bad.lengths("a"), bad.lengths("b")), (&[3][..], &[][..]));
    }

    #[test]
    fn one_file_may_have_all_languages() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stop.json");
        write(&path, r#"{"en": ["the"], "de": ["der", "die"]}"#).expect("written");
        let mut lists = Lists::default();
        lists.read_stop_words_json(&path).expect("lists");
        assert!(lists.stop_words(Some("de")).expect("stop words").contains("die"));
    }

    #[test]
    fn other_files_are_refused_by_name_and_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad");
        let mut lists = Lists::default();
        let missing = lists.read_stop_words("en", &path).expect_err("no file").to_string();
        assert!(missing.contains("bad"), "{missing}");
        write(&path, b"ok\n\xff\n").expect("written");
        let latin = lists.read_bad_words("en", &path).expect_err("no UTF-8").to_string();
        assert!(latin.contains("bad is not UTF-8 at byte 3"), "{latin}");
        write(&path, "{\"en\": 3}").expect("written");
        let json = lists.read_stop_words_json(&path).expect_err("no lists");
        let cause = std::error::Error::source(&json).expect("a cause").to_string();
        assert!(json.to_string().contains("bad") && cause.contains("line 1"), "{json}: {cause}");
    }
}
