//! Language identification by fastText's lid.176 or by a built-in identifier.

use crate::ModelError;
use crate::fasttext::{FastText, Scratch};
use document::{Language, lines};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use whatlang::Lang;

/// Code of a text without an identified language (ISO 639-2: undetermined).
const UNDETERMINED: &str = "und";

/// Bytes of a text that the built-in identifier reads. For 1,388 of 1,390 web pages, the result was
/// the same as with the whole text; the rest of a book or a paper only takes time.
const BUILTIN_BYTES_MAX: usize = 16_000;

/// Identifies the language of texts. Threads may share one identifier.
///
/// ```
/// use models::language::LanguageIdentifier;
///
/// let identifier = LanguageIdentifier::builtin();
/// assert_eq!(identifier.identify("Der Regen fiel die ganze Nacht auf das Dach.").code, "de");
/// ```
pub struct LanguageIdentifier {
    name: String,
    model: Model,
}

enum Model {
    FastText {
        model: Box<FastText>,
        /// Buffers not in use. There are as many as threads that identify at the same time.
        buffers: Mutex<Vec<Buffers>>,
    },
    /// The whatlang crate.
    Builtin,
}

#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    glued: String,
}

impl LanguageIdentifier {
    /// Reads a fastText model whose labels are language codes: lid.176.bin, or lid.176.ftz, which
    /// is a hundredth of its size and nearly as good.
    ///
    /// # Errors
    ///
    /// Fails if the file is not a fastText model that can be used.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let model = Box::new(FastText::open(path)?);
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, model: Model::FastText { model, buffers: Mutex::default() } })
    }

    /// Returns the built-in identifier, which needs no model file: whatlang, with 70 languages, on
    /// the first 16,000 bytes of a text. Its scores are not probabilities and cannot be compared
    /// with fastText's.
    pub fn builtin() -> Self {
        Self { name: "whatlang".to_owned(), model: Model::Builtin }
    }

    /// Returns the model's file name, or `whatlang`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the codes of the languages that it can identify.
    pub fn codes(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.model {
            Model::FastText { model, .. } => Box::new(model.labels()),
            Model::Builtin => Box::new(Lang::all().iter().map(|language| code_of(*language))),
        }
    }

    /// Returns the most probable language and its score, not rounded; `und` with score 0 if there
    /// is none. Line ends count as blanks. fastText's scores may exceed 1 by a few parts in 100
    /// 000.
    pub fn identify(&self, text: &str) -> Language {
        self.with_buffers(|model, buffers| match model {
            Some(model) => top(model, text, &mut buffers.scratch),
            None => builtin(text),
        })
    }

    /// Returns the language as CCNet tags its pages (`cc_net/split_by_lang.py`): line ends are
    /// removed, which joins the last word of a line to the first of the next, and the score is
    /// rounded to two places as in numpy, before it is compared.
    pub fn ccnet_language(&self, text: &str) -> Language {
        let mut language = self.with_buffers(|model, Buffers { scratch, glued }| {
            glued.clear();
            lines(text).for_each(|line| glued.push_str(line));
            match model {
                Some(model) => top(model, glued, scratch),
                None => builtin(glued),
            }
        });
        language.score = (language.score * 100.0).round_ties_even() / 100.0;
        language
    }

    fn with_buffers<T>(&self, identify: impl FnOnce(Option<&FastText>, &mut Buffers) -> T) -> T {
        let Model::FastText { model, buffers } = &self.model else {
            return identify(None, &mut Buffers::default());
        };
        // A panic elsewhere leaves the list as it was or one buffer short, which is harmless.
        let pool = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = pool().pop().unwrap_or_default();
        let found = identify(Some(model), &mut own);
        pool().push(own);
        found
    }
}

/// Returns the code of the language with this English name, ISO 639-3 code, or code in capitals.
///
/// ```
/// use models::language::code_named;
///
/// for name in ["EN", "English", "eng", "en"] {
///     assert_eq!(code_named(name), Some("en"));
/// }
/// assert_eq!(code_named("Klingon"), None);
/// ```
pub fn code_named(name: &str) -> Option<&'static str> {
    let found = Lang::all().iter().find(|language| {
        [language.eng_name(), language.code(), code_of(**language)]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    });
    found.map(|language| code_of(*language))
}

fn top(model: &FastText, text: &str, scratch: &mut Scratch) -> Language {
    let top = model.predict_with(text, 1, scratch).next();
    let (code, score) = top.unwrap_or((UNDETERMINED, 0.0));
    Language { code: code.to_owned(), score: f64::from(score) }
}

fn builtin(text: &str) -> Language {
    let found = whatlang::detect(&text[..text.floor_char_boundary(BUILTIN_BYTES_MAX)]);
    let (code, score) =
        found.map_or((UNDETERMINED, 0.0), |found| (code_of(found.lang()), found.confidence()));
    Language { code: code.to_owned(), score }
}

/// Returns the ISO 639-1 code, as lid.176 uses. Each of these languages has one.
fn code_of(language: Lang) -> &'static str {
    match language {
        Lang::Afr => "af",
        Lang::Aka => "ak",
        Lang::Amh => "am",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Cym => "cy",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jav => "jv",
        Lang::Jpn => "ja",
        Lang::Kan => "kn",
        Lang::Kat => "ka",
        Lang::Khm => "km",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Mkd => "mk",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "no",
        Lang::Ori => "or",
        Lang::Pan => "pa",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Sin => "si",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Sna => "sn",
        Lang::Spa => "es",
        Lang::Srp => "sr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tuk => "tk",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Yid => "yi",
        Lang::Zul => "zu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_identifier_uses_lid_176_codes() {
        let identifier = LanguageIdentifier::builtin();
        assert_eq!(identifier.name(), "whatlang");
        let english = identifier.identify("The quick brown fox jumps over the lazy dog, they say.");
        assert_eq!(english.code, "en");
        assert!(english.score > 0.0 && english.score <= 1.0);
        assert_eq!(identifier.identify("我们的语言是汉语。").code, "zh");
    }

    #[test]
    fn a_text_without_letters_has_no_language() {
        for identify in [LanguageIdentifier::identify, LanguageIdentifier::ccnet_language] {
            let found = identify(&LanguageIdentifier::builtin(), "12\n34");
            assert_eq!((found.code.as_str(), found.score), (UNDETERMINED, 0.0));
        }
    }

    #[test]
    fn the_builtin_identifier_reads_the_beginning() {
        // Two bytes per letter: the cut is moved to a character boundary.
        let russian = "а".to_owned() + &"Это начало очень длинной книги. ".repeat(300);
        let text = russian + &"The rest of it is in English. ".repeat(3000);
        assert_eq!(LanguageIdentifier::builtin().identify(&text).code, "ru");
    }

    #[test]
    fn ccnet_rounds_to_two_places() {
        let text = "Eine Zeile\nund noch eine Zeile, die auf Deutsch geschrieben ist";
        let score = LanguageIdentifier::builtin().ccnet_language(text).score;
        assert_eq!(format!("{score:.2}").parse(), Ok(score));
    }

    #[test]
    fn every_builtin_code_has_two_letters_and_its_own_language() {
        let mut codes: Vec<_> = Lang::all().iter().map(|language| code_of(*language)).collect();
        assert!(codes.iter().all(|code| code.len() == 2));
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
