//! The values that a slice publishes besides the text.

use serde::ser::{Error, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One published value.
///
/// The derived serialization is for internal files; [`Meta::json_with`] writes the JSON that users
/// see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A list of integers.
    Ints(Vec<u32>),
    /// Anything else, as JSON on one line; published as is.
    Json(String),
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Int(number as i64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

impl From<Vec<u32>> for Value {
    fn from(list: Vec<u32>) -> Value {
        Value::Ints(list)
    }
}

/// Named values in the order in which they are published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta(Vec<(Cow<'static, str>, Value)>);

impl Meta {
    /// Sets a value: in place if the name exists, otherwise at the end.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name, value)),
        }
    }

    /// Returns the approximate size of all values in bytes.
    pub fn weight(&self) -> usize {
        let of = |value: &Value| match value {
            Value::Text(text) | Value::Json(text) => text.len(),
            Value::Ints(list) => 4 * list.len(),
            Value::Int(_) | Value::Float(_) => 0,
        };
        self.0.iter().map(|(name, value)| 64 + name.len() + of(value)).sum()
    }

    /// Returns the value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns the values as a JSON object, with one more entry at its end, for any serde
    /// serializer.
    pub fn json_with<'a>(&'a self, name: &'a str, text: &'a str) -> impl Serialize + 'a {
        Json { meta: self, last: (name, text) }
    }
}

struct Json<'a> {
    meta: &'a Meta,
    last: (&'a str, &'a str),
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.meta.0.len() + 1))?;
        for (name, value) in &self.meta.0 {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Int(number) => map.serialize_entry(name, number)?,
                Value::Float(number) => map.serialize_entry(name, number)?,
                Value::Ints(list) => map.serialize_entry(name, list)?,
                Value::Json(json) => match serde_json::from_str::<&RawValue>(json) {
                    Ok(json) => map.serialize_entry(name, json)?,
                    Err(error) => return Err(S::Error::custom(error)),
                },
            }
        }
        map.serialize_entry(self.last.0, self.last.1)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_the_order_of_first_setting() {
        let mut meta = Meta::default();
        meta.set("url", "http://a.example/");
        meta.set("nlines", 4usize);
        meta.set("score", 0.5);
        meta.set("line_ids", vec![0u32, 2]);
        meta.set("nlines", 2usize);
        meta.set("license".to_owned(), Value::Json(r#"["mit", null]"#.into()));
        let json = serde_json::to_string(&meta.json_with("id", "s/l/f#0")).unwrap();
        assert_eq!(
            json,
            r#"{"url":"http://a.example/","nlines":2,"score":0.5,"line_ids":[0,2],"license":["mit", null],"id":"s/l/f#0"}"#
        );
    }
}
