//! The perplexity of documents under a folder of models (`cc_net/perplexity.py`).

use crate::{ModelError, kenlm, sentencepiece};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use text::ccnet::normalize_for_lm;

/// Suffixes of a language's KenLM model; the first that exists is used.
const KENLM_NAMES: [&str; 4] = [".arpa.bin", ".arpa.trie.bin", ".arpa.gz", ".arpa"];
const SENTENCEPIECE_NAME: &str = ".sp.model";
/// Longer texts, which no crawl has, have no perplexity.
const TEXT_BYTES_MAX: usize = sentencepiece::TEXT_BYTES_MAX / 4;

/// A folder with CCNet's language models: for each language `en.sp.model` and one of `en.arpa.bin`,
/// `en.arpa.trie.bin`, `en.arpa.gz`, `en.arpa`. The models of a language are read for its first
/// text, once for all threads; other threads wait meanwhile.
pub struct Perplexity {
    /// Identifies the folder to a [`Scratch`].
    id: u64,
    dir: PathBuf,
    models: Mutex<HashMap<String, Option<Arc<LanguageModel>>>>,
}

/// Both models of a language.
struct LanguageModel {
    pieces: sentencepiece::Model,
    kenlm: kenlm::Model,
    /// KenLM's word of each piece.
    words: Vec<u32>,
    /// Whether a piece contains white space, which separates KenLM's words, by its number.
    separates: Vec<bool>,
}

/// Reusable memory of a thread: buffers, caches of words, and the language of the last document. It
/// does not affect results.
#[derive(Default)]
pub struct Scratch {
    /// The folder of `language`; 0 for none.
    folder: u64,
    language: Option<(String, Option<Arc<LanguageModel>>)>,
    text: String,
    pieces: sentencepiece::Scratch,
    kenlm: kenlm::Scratch,
}

impl Perplexity {
    /// Opens a folder without reading its models.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read.
    ///
    /// ```no_run
    /// use models::{Perplexity, Scratch};
    ///
    /// # fn main() -> Result<(), models::ModelError> {
    /// let models = Perplexity::open("cc_net/data/lm_sp".as_ref())?;
    /// let text = "the rain fell on the roof all night";
    /// if let Some(perplexity) = models.of("en", text, &mut Scratch::default())? {
    ///     println!("{perplexity}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(dir: &Path) -> Result<Perplexity, ModelError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        std::fs::read_dir(dir)
            .map_err(|source| ModelError::Open { path: dir.to_owned(), source })?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Perplexity { id, dir: dir.to_owned(), models: Mutex::default() })
    }

    /// Returns the SentencePiece and the KenLM file of a language; `None` if it has neither.
    ///
    /// # Errors
    ///
    /// Fails if only one of them exists.
    pub fn files(&self, language: &str) -> Result<Option<(PathBuf, PathBuf)>, ModelError> {
        // The language becomes part of a file name, so paths must be kept out.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if language.is_empty() || !language.bytes().all(is_name) {
            return Ok(None);
        }
        let at = |name: &str| self.dir.join(format!("{language}{name}"));
        let pieces = at(SENTENCEPIECE_NAME);
        let kenlm = KENLM_NAMES.map(at).into_iter().find(|path| path.exists());
        let half = |found: PathBuf, wanted: &str| {
            let (dir, wanted) = (self.dir.clone(), format!("{language}{wanted}"));
            Err(ModelError::Half { dir, found, wanted })
        };
        match (pieces.exists(), kenlm) {
            (true, Some(kenlm)) => Ok(Some((pieces, kenlm))),
            (true, None) => half(pieces, KENLM_NAMES[0]),
            (false, Some(kenlm)) => half(kenlm, SENTENCEPIECE_NAME),
            (false, None) => Ok(None),
        }
    }

    /// Returns the perplexity of a document in `language`, rounded to one decimal as in CCNet: that
    /// of its whole text as one sentence, with its lines joined without a blank. Returns `None` if
    /// the language has no models, or if the normalized text has no pieces.
    ///
    /// # Errors
    ///
    /// Fails if the models of the language cannot be read.
    pub fn of(
        &self,
        language: &str,
        text: &str,
        scratch: &mut Scratch,
    ) -> Result<Option<f64>, ModelError> {
        let Some(model) = self.model(language, scratch)? else { return Ok(None) };
        if text.len() > TEXT_BYTES_MAX {
            return Ok(None);
        }
        normalize_for_lm(text, &mut scratch.text);
        let (log10, tokens) = model.score(&scratch.text, &mut scratch.pieces, &mut scratch.kenlm);
        Ok((tokens > 0).then(|| perplexity(log10, tokens)))
    }

    /// Returns the models of the language from `scratch`, from memory or from the folder.
    fn model(
        &self,
        language: &str,
        scratch: &mut Scratch,
    ) -> Result<Option<Arc<LanguageModel>>, ModelError> {
        if scratch.folder != self.id {
            (scratch.folder, scratch.language) = (self.id, None);
        }
        if let Some((_, model)) = scratch.language.as_ref().filter(|(known, _)| known == language) {
            return Ok(model.clone());
        }
        // A thread that panicked while reading has inserted nothing.
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let model = match models.get(language) {
            Some(model) => model.clone(),
            None => {
                let files = self.files(language)?;
                let model = files.map(|(pieces, kenlm)| LanguageModel::open(&pieces, &kenlm));
                let model = model.transpose()?.map(Arc::new);
                models.insert(language.to_owned(), model.clone());
                model
            }
        };
        scratch.language = Some((language.to_owned(), model.clone()));
        Ok(model)
    }
}

impl LanguageModel {
    fn open(pieces: &Path, kenlm: &Path) -> Result<Self, ModelError> {
        let pieces = sentencepiece::Model::open(pieces)?;
        let kenlm = kenlm::Model::open(kenlm)?;
        let words = pieces.pieces().map(|piece| kenlm.word(piece)).collect();
        let separates = pieces.pieces().map(has_space).collect();
        Ok(Self { pieces, kenlm, words, separates })
    }

    /// Returns the log10 of the probability of a normalized text, and its number of tokens with the
    /// sentence end; 0 of a text without pieces, which CCNet does not score.
    fn score(
        &self,
        text: &str,
        pieces: &mut sentencepiece::Scratch,
        kenlm: &mut kenlm::Scratch,
    ) -> (f64, usize) {
        let encoded = self.pieces.encode(text, pieces);
        if encoded.ids.is_empty() {
            return (0.0, 0);
        }
        let separates = |(id, unknown): (u32, Option<&[u8]>)| {
            unknown.map_or(self.separates[id as usize], has_space)
        };
        if encoded.iter().any(separates) {
            return self.score_joined(&encoded, kenlm);
        }
        // Unknown pieces also occurred in the text that the language model was trained on, so they
        // may be words of it.
        let words = encoded.iter().map(|(id, unknown)| match unknown {
            Some(text) => self.kenlm.word(text),
            None => self.words[id as usize],
        });
        (f64::from(self.kenlm.score_with(words, kenlm)), encoded.ids.len() + 1)
    }

    /// Scores pieces with white space in them as CCNet does: joined by blanks, cut into lines, each
    /// of them cut into words. Words are separated by ASCII's white space, but counted by Unicode's.
    fn score_joined(
        &self,
        encoded: &sentencepiece::Encoded<'_>,
        kenlm: &mut kenlm::Scratch,
    ) -> (f64, usize) {
        let texts: Vec<&[u8]> = self.pieces.pieces().collect();
        let parts: Vec<&[u8]> =
            encoded.iter().map(|(id, unknown)| unknown.unwrap_or(texts[id as usize])).collect();
        let joined = parts.join(&b' ');
        let (mut log10, mut tokens) = (0.0, 0);
        for line in joined.split(|byte| *byte == b'\n') {
            let words = line.split(|byte| matches!(byte, b' ' | b'\t'..=b'\r'));
            let words = words.filter(|word| !word.is_empty()).map(|word| self.kenlm.word(word));
            log10 += f64::from(self.kenlm.score_with(words, kenlm));
            let line = String::from_utf8_lossy(line);
            let words = line.split(text::python::is_space).filter(|word| !word.is_empty());
            tokens += words.count() + 1;
        }
        (log10, tokens)
    }
}

/// Whether a piece contains what Python's `str.split` takes for white space.
fn has_space(piece: &[u8]) -> bool {
    let is_ascii_space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | 0x1c..=b' ');
    piece.iter().any(is_ascii_space)
        || !piece.is_ascii() && String::from_utf8_lossy(piece).contains(text::python::is_space)
}

/// Returns the perplexity of `tokens` tokens, sentence ends included, with the joint probability
/// `log10`, rounded to one decimal. For several sentences, pass the sums.
///
/// ```
/// assert_eq!(models::perplexity(-12.5, 5), 316.2);
/// ```
pub fn perplexity(log10: f64, tokens: usize) -> f64 {
    round(10f64.powf(-log10 / tokens as f64))
}

/// Python's `round(number, 1)`: rounds the exact binary value, and halves to even.
fn round(number: f64) -> f64 {
    format!("{number:.1}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_pythons() {
        for (number, expected) in [
            (0.25, 0.2),
            (0.35, 0.3),
            (0.75, 0.8),
            (150.95, 150.9),
            (1e22, 1e22),
            (2.0, 2.0),
            (f64::INFINITY, f64::INFINITY),
        ] {
            assert_eq!(round(number), expected, "{number}");
        }
    }

    const TOY: &str = "\\data\\\nngram 1=6\nngram 2=1\n\n\\1-grams:\n-99\t<s>\t0\n-1\t</s>\n\
        -2\t▁ab\t0\n-1.5\t▁\t0\n-0.25\t中\t0\n-5\t<unk>\n\n\\2-grams:\n-0.5\t<s> ▁ab\n\n\\end\\\n";

    #[test]
    fn the_sentence_end_is_a_token_and_unknown_pieces_may_be_words() {
        let dir = tempfile::tempdir().expect("a folder");
        let pieces = sentencepiece::toy_file();
        std::fs::write(dir.path().join("xx.sp.model"), pieces).expect("a file");
        std::fs::write(dir.path().join("xx.arpa"), TOY).expect("a file");
        let models = Perplexity::open(dir.path()).expect("models");
        let empty = tempfile::tempdir().expect("a folder");
        let others = Perplexity::open(empty.path()).expect("models");
        let mut scratch = Scratch::default();
        for (text, log10, tokens) in
            [("Ab", -1.5, 2), ("ab ab", -3.5, 3), ("中", -2.75, 3), ("国", -7.5, 3)]
        {
            let found = models.of("xx", text, &mut scratch).expect("models");
            assert_eq!(found, Some(perplexity(log10, tokens)), "{text}");
            assert_eq!(others.of("xx", text, &mut scratch).expect("no models"), None);
        }
    }

    #[test]
    fn white_space_in_pieces_separates_words_as_in_ccnet() {
        let dir = tempfile::tempdir().expect("a folder");
        // Without a list of replacements, white space other than blanks stays.
        std::fs::write(dir.path().join("xx.sp.model"), sentencepiece::toy_file()).expect("a file");
        std::fs::write(dir.path().join("xx.arpa"), TOY).expect("a file");
        let models = Perplexity::open(dir.path()).expect("models");
        let mut scratch = Scratch::default();
        // The pieces are ▁ab, U+2003 and aa. KenLM has three words then, but CCNet counts two.
        let found = models.of("xx", "ab\u{2003}aa", &mut scratch).expect("models");
        assert_eq!(found, Some(perplexity(-0.5 - 5.0 - 5.0 - 1.0, 3)));
    }

    #[test]
    fn a_text_without_pieces_has_no_perplexity() {
        // cc_net/perplexity.py: `get_lines` returns none for an empty `tokenized`.
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("xx.sp.model"), sentencepiece::toy_file()).expect("a file");
        std::fs::write(dir.path().join("xx.arpa"), TOY).expect("a file");
        let models = Perplexity::open(dir.path()).expect("models");
        for text in ["", " ", "▁", "▁ ▁"] {
            let found = models.of("xx", text, &mut Scratch::default()).expect("models");
            assert_eq!(found, None, "{text:?}");
        }
    }

    #[test]
    fn a_language_with_one_file_is_an_error_that_names_the_other_file() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("xx.arpa"), "").expect("a file");
        std::fs::write(dir.path().join("yy.sp.model"), "").expect("a file");
        let models = Perplexity::open(dir.path()).expect("models");
        let mut scratch = Scratch::default();
        for (language, wanted) in [("xx", "has no xx.sp.model beside"), ("yy", "yy.arpa.bin")] {
            let error = models.of(language, "text", &mut scratch).expect_err(language).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn other_names_than_languages_have_no_models() {
        let dir = tempfile::tempdir().expect("a folder");
        let inside = dir.path().join("inside");
        std::fs::create_dir(&inside).expect("a folder");
        std::fs::write(dir.path().join("en.arpa"), "").expect("a file");
        let models = Perplexity::open(&inside).expect("models");
        for language in ["../en", "", "e/n", "en\0", "en"] {
            let perplexity = models.of(language, "text", &mut Scratch::default());
            assert_eq!(perplexity.expect("no model"), None);
        }
        assert!(Perplexity::open(&dir.path().join("missing")).is_err());
    }
}
