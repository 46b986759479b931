//! A line of a segment, parsed no further than an export needs.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The document of a line. Its values are JSON, unchanged.
#[derive(Deserialize)]
pub struct Line<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
    #[serde(borrow)]
    meta: &'a RawValue,
}

impl<'a> Line<'a> {
    /// Parses a line.
    ///
    /// # Errors
    /// If it is not a document.
    pub fn parse(line: &'a [u8]) -> serde_json::Result<Line<'a>> {
        // serde_json would check each value, several times as slowly.
        let not_utf8 = serde_json::Error::custom;
        serde_json::from_str(simdutf8::compat::from_utf8(line).map_err(not_utf8)?)
    }

    /// The text, as a JSON string.
    pub fn text(&self) -> &'a str {
        self.text.get()
    }

    /// The fields, as a JSON object.
    pub fn meta(&self) -> &'a str {
        self.meta.get()
    }

    /// Parses the fields, but not their values.
    ///
    /// # Errors
    /// If they are not an object.
    pub fn fields(&self) -> serde_json::Result<Fields<'a>> {
        serde_json::from_str(self.meta.get())
    }
}

/// The fields of an object, in their order.
pub struct Fields<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl Fields<'_> {
    /// Returns the value of a field as JSON.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().rev().find(|(known, _)| known == name);
        field.map(|(_, value)| value.get())
    }

    /// Returns the value of a field that is a string.
    pub fn string(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| serde_json::from_str(value).ok())
    }

    /// Returns the value of a field that is a finite number.
    pub fn number(&self, name: &str) -> Option<f64> {
        let value: f64 = self.get(name).and_then(|value| serde_json::from_str(value).ok())?;
        Some(value).filter(|value| value.is_finite())
    }

    /// Returns the value of a field that is an integer.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(|value| serde_json::from_str(value).ok())
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Returns the size in bytes of the string that `json`, a valid JSON string, stands for. Does not
/// decode it.
pub(super) fn decoded_bytes(json: &str) -> u64 {
    let bytes = json.as_bytes();
    let mut size = bytes.len().saturating_sub(2);
    let mut done = 0;
    for at in memchr::memchr_iter(b'\\', bytes) {
        if at < done {
            continue; // Part of the escape before it.
        }
        if bytes.get(at + 1) != Some(&b'u') {
            size = size.saturating_sub(1);
            done = at + 2;
            continue;
        }
        let digits = json.get(at + 2..at + 6);
        let (encoded, decoded) =
            match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0) {
                0..0x80 => (6, 1),
                0x80..0x800 => (6, 2),
                0xD800..0xE000 => (12, 4), // A pair of surrogates.
                _ => (6, 3),
            };
        size = size.saturating_sub(encoded - decoded);
        done = at + encoded;
    }
    size as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_text_is_that_of_the_decoded_one() {
        for json in [
            r#""""#,
            r#""plain""#,
            r#""a\nb\"c\\u0041\t""#,
            r#""\u0000\u007f\u00e9\u07ff\u0800\uffff""#,
            r#""é \ud83d\ude00 😀 \u4e2d\\""#,
        ] {
            let text: String = serde_json::from_str(json).unwrap();
            assert_eq!(decoded_bytes(json), text.len() as u64, "{json}");
        }
    }

    #[test]
    fn fields_are_found_by_type() {
        let line = br#"{"text":"x","meta":{"a":1,"b":"s","c":1.5,"d":null,"a":2}}"#;
        let fields = Line::parse(line).unwrap().fields().unwrap();
        assert_eq!((fields.integer("a"), fields.integer("c")), (Some(2), None));
        assert_eq!((fields.number("a"), fields.number("c")), (Some(2.0), Some(1.5)));
        assert_eq!((fields.string("b").as_deref(), fields.string("a")), (Some("s"), None));
        assert_eq!((fields.string("d"), fields.number("d"), fields.get("e")), (None, None, None));
    }
}
