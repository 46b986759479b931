//! The methods that a slice applies, in order.

use super::{Dedup, wrong};
use crate::settings::{SettingType, SettingValue, WrongValue};
use std::ops::Deref;
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// The value of the setting `dedup`: methods, in the order in which they are applied. Each is there
/// once, since its index is named after it.
///
/// In a recipe it is `"none"`, a method, or a list of methods.
#[derive(Clone, Debug, PartialEq)]
pub struct Methods(Vec<Dedup>);

impl Methods {
    /// No method: all documents are kept.
    pub fn none() -> Methods {
        Methods(Vec::new())
    }
}

impl From<Dedup> for Methods {
    fn from(method: Dedup) -> Methods {
        Methods(vec![method])
    }
}

impl Deref for Methods {
    type Target = [Dedup];

    fn deref(&self) -> &[Dedup] {
        &self.0
    }
}

impl SettingValue for Methods {
    /// One method as it is without a list, so that digests of recipes from before lists hold.
    fn print(&self) -> String {
        match &self.0[..] {
            [] => "\"none\"".to_owned(),
            [method] => method.print(),
            methods => {
                let printed: Vec<String> = methods.iter().map(|method| method.print()).collect();
                format!("[{}]", printed.join(", "))
            }
        }
    }
}

impl SettingType for Methods {
    fn read(value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Self, WrongValue> {
        let DeValue::Array(list) = value.get_ref() else {
            return Ok(Methods(Dedup::read(value, folder)?.into_iter().collect()));
        };
        let mut methods: Vec<Dedup> = Vec::new();
        for value in list {
            let Some(method) = Dedup::read(value, folder)? else {
                return wrong(value, " has none in a list: write \"none\" alone".to_owned());
            };
            let word = method.word();
            if methods.iter().any(|known| known.word() == word) {
                return wrong(value, format!(" has {word} twice: each method can be applied once"));
            }
            methods.push(method);
        }
        if methods.is_empty() {
            return wrong(value, " names no method: \"none\" keeps all documents".to_owned());
        }
        Ok(Methods(methods))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::{Lines, LinesAction, Minhash, Passages, Simhash, Verify};
    use similarity::Shape;

    fn read(text: &str) -> Result<Vec<Dedup>, String> {
        let table = toml::de::DeTable::parse(text).map_err(|error| error.to_string())?;
        let value = table.get_ref().iter().next().map(|(_, value)| value).expect("a value");
        let read = Methods::read(value, Path::new("")).map(|methods| methods.0);
        read.map_err(|wrong| format!("{}{}", &text[..1], wrong.what))
    }

    #[test]
    fn a_method_is_a_word_or_a_table_and_there_may_be_several() {
        let minhash = Dedup::Minhash(Minhash::default());
        assert_eq!(read("d = \"none\""), Ok(vec![]));
        assert_eq!(read("d = \"exact\""), Ok(vec![Dedup::Exact]));
        let simhash = Dedup::Simhash(Simhash::default());
        assert_eq!(read("d = { method = \"simhash\" }"), Ok(vec![simhash]));
        let simhash = Dedup::Simhash(Simhash { distance: 3 });
        let text = "d = { method = \"simhash\", distance = 3 }";
        assert_eq!(read(text), Ok(vec![simhash]));
        assert_eq!(read("d = \"minhash\""), Ok(vec![minhash]));
        let shape = Shape { bands: 9, rows: 13, ngram: 13 };
        let other = Dedup::Minhash(Minhash { threshold: 0.8, verify: Verify::None, shape });
        let text = "d.method = \"minhash\"\nd.threshold = 0.8\nd.verify = \"none\"\nd.bands = 9\n\
                    d.rows = 13\nd.ngram = 13";
        assert_eq!(read(text), Ok(vec![other]));
        let passages = |min_bytes| Ok(vec![Dedup::Passages(Passages { min_bytes })]);
        assert_eq!(read("d = \"passages\""), passages(500));
        assert_eq!(read("d = { method = \"passages\", min_bytes = 100 }"), passages(100));
        let lines = |action| Ok(vec![Dedup::Lines(Lines { action })]);
        assert_eq!(read("d = \"lines\""), lines(LinesAction::Cut));
        let count = "d = { method = \"lines\", action = \"count\" }";
        assert_eq!(read(count), lines(LinesAction::Count));
        let text = "d = [\"minhash\", { method = \"exact\" }, \"paragraphs\"]";
        assert_eq!(read(text), Ok(vec![minhash, Dedup::Exact, Dedup::Paragraphs]));
        assert_eq!(read("d = [\"exact\"]"), Ok(vec![Dedup::Exact]));
    }

    #[test]
    fn what_is_printed_is_read_again_and_one_method_is_printed_without_a_list() {
        let shape = Shape { bands: 5, rows: 25, ngram: 7 };
        let minhash = Dedup::Minhash(Minhash { threshold: 1.0, verify: Verify::None, shape });
        for methods in [
            vec![],
            vec![Dedup::Paragraphs],
            vec![minhash],
            vec![Dedup::Simhash(Simhash::default())],
            vec![Dedup::Simhash(Simhash { distance: 0 })],
            vec![Dedup::Passages(Passages { min_bytes: 1000 })],
            vec![Dedup::Lines(Lines { action: LinesAction::Count })],
            vec![minhash, Dedup::Paragraphs, Dedup::Exact],
        ] {
            let printed = Methods(methods.clone()).print();
            assert_eq!(read(&format!("d = {printed}")), Ok(methods));
        }
        assert_eq!(Methods::none().print(), "\"none\"");
        assert_eq!(Methods::from(Dedup::Exact).print(), "\"exact\"");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_was_expected() {
        for (value, expected) in [
            ("3", "d must be a word in quotes or a table with a method, not integer"),
            ("\"minhahs\"", "d cannot be minhahs; did you mean minhash?"),
            (
                "{ threshold = 0.8 }",
                "d has no method: one of none, exact, lines, paragraphs, simhash, minhash, passages",
            ),
            ("{ method = 3 }", "d.method must be a string in quotes, not integer"),
            (
                "{ method = \"exact\", bands = 3 }",
                "d.bands is a setting of the method minhash only",
            ),
            (
                "{ method = \"paragraphs\", action = \"count\" }",
                "d.action is a setting of the method lines only",
            ),
            (
                "{ method = \"lines\", action = \"drop\" }",
                "d.action cannot be drop; known: cut, count",
            ),
            ("{ method = \"simhash\", distance = 6 }", "d.distance must be 0 to 5, not 6"),
            (
                "{ method = \"exact\", min_bytes = 500 }",
                "d.min_bytes is a setting of the method passages only",
            ),
            (
                "{ method = \"passages\", min_bytes = 99 }",
                "d.min_bytes must be 100 to 1000000, not 99",
            ),
            (
                "{ method = \"passages\", min_byte = 600 }",
                "d has no setting min_byte; did you mean min_bytes?",
            ),
            ("{ method = \"exact\", bad = 3 }", "d has no setting bad; known: method"),
            ("{ method = \"minhash\", threshold = 75 }", "d.threshold must be 0 to 1, not 75"),
            ("{ method = \"minhash\", rows = 0 }", "d.rows must be 1 to 128, not 0"),
            ("{ method = \"minhash\", row = 8 }", "d has no setting row; did you mean rows?"),
            (
                "{ method = \"minhash\", verify = \"texts\" }",
                "d.verify cannot be texts; did you mean text?",
            ),
            (
                "{ method = \"minhash\", ngram = -1 }",
                "d.ngram must be a whole number, 0 or more, not integer",
            ),
            ("[]", "d names no method: \"none\" keeps all documents"),
            ("[\"exact\", 3]", "d must be a word in quotes or a table with a method, not integer"),
            ("[\"exact\", \"none\"]", "d has none in a list: write \"none\" alone"),
            (
                "[\"exact\", \"minhash\", { method = \"minhash\", rows = 9 }]",
                "d has minhash twice: each method can be applied once",
            ),
        ] {
            assert_eq!(read(&format!("d = {value}")), Err(expected.to_owned()), "{value}");
        }
    }
}
