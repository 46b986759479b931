//! Which language a text is in, by fastText's lid.176 or by what is built in.

use crate::ModelError;
use crate::fasttext::{FastText, Scratch};
use document::Language;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use whatlang::Lang;

/// Code of a text that no language was found for (ISO 639-2: undetermined).
const UNDETERMINED: &str = "und";

/// Bytes of a text that the built-in identifier looks at. Of 1,390 web pages it judged 1,388 the same
/// as with all of their text; the rest of a book or a paper only takes time.
const BUILTIN_BYTES_MAX: usize = 16_000;

/// Names the language of texts. Threads may share one.
pub struct LanguageIdentifier {
    name: String,
    model: Model,
}

enum Model {
    FastText {
        model: Box<FastText>,
        /// Buffers not in use; there come to be as many as threads that identify at once.
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
    /// Uses a fastText model whose labels are language codes: lid.176.bin, or lid.176.ftz, which is
    /// a hundredth of its size and nearly as good.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let model = Box::new(FastText::open(path)?);
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, model: Model::FastText { model, buffers: Mutex::default() } })
    }

    /// Needs no model file: whatlang, which knows 70 languages, on the first 16,000 bytes of a text.
    /// Its scores are no probabilities and cannot be compared with fastText's.
    pub fn builtin() -> Self {
        Self { name: "whatlang".to_owned(), model: Model::Builtin }
    }

    /// What identifies: the model's file name, or `whatlang`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The likeliest language and its score, unrounded; `und` with score 0 where none is likely.
    /// Line ends count as blanks. fastText's scores may exceed 1 by a few parts in 100 000.
    pub fn identify(&self, text: &str) -> Language {
        self.with_buffers(|model, buffers| match model {
            Some(model) => top(model, text, &mut buffers.scratch),
            None => builtin(text),
        })
    }

    /// As CCNet tags its pages (`cc_net/split_by_lang.py`): line ends are taken out, which glues
    /// the last word of a line to the first of the next, and the score is rounded to two places, as
    /// numpy rounds, before anybody compares it.
    pub fn ccnet_language(&self, text: &str) -> Language {
        let mut language = self.with_buffers(|model, Buffers { scratch, glued }| {
            glued.clear();
            glued.extend(text.split('\n'));
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
        // A panic elsewhere leaves the list as it was or one short: as good.
        let pool = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = pool().pop().unwrap_or_default();
        let found = identify(Some(model), &mut own);
        pool().push(own);
        found
    }
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

/// ISO 639-1, which each of these languages has; lid.176 names them so.
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
    fn the_builtin_identifier_speaks_in_lid_176_codes() {
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
    fn the_builtin_identifier_looks_at_the_beginning() {
        // Two bytes a letter: the cut is moved off the middle of one.
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
