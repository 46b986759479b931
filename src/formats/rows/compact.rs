//! Lists and objects in one spelling: equal values of different files are published as the same text.

use super::fields::FIELDS_MAX;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::{fmt, mem};

/// Deeper values stay as they are written: each level is parsed again for every level above it.
const DEPTH_MAX: usize = 64;

/// Returns a value without white space between its parts, with texts escaped no more than needed, and with the last of the fields
/// of one name, as in Python. An object of more fields than a record may have stays as it is. Numbers stay as they are written.
///
/// ```
/// let fields = formats::fields(r#"{"a": [1.50, {"b": "\u00e9", "b": 2}]}"#)?;
/// assert_eq!(formats::compact(&fields[0].1), r#"[1.50,{"b":2}]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn compact(value: &RawValue) -> String {
    let mut out = String::new();
    write(value.get(), DEPTH_MAX, &mut out);
    out
}

fn write(json: &str, depth: usize, out: &mut String) {
    let begin = out.len();
    let done = match json.as_bytes().first() {
        Some(b'[' | b'{') if depth > 0 => {
            let mut reader = serde_json::Deserializer::from_str(json);
            reader.deserialize_any(Parts { depth: depth - 1, out })
        }
        Some(b'"') => serde_json::from_str::<String>(json).map(|text| push_text(&text, out)),
        _ => {
            out.push_str(json);
            Ok(())
        }
    };
    if done.is_err() {
        out.truncate(begin);
        out.push_str(json);
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a text can be written"));
}

/// Writes the parts of a list or an object as they are read: a list of numbers may be as long as a record.
struct Parts<'o> {
    depth: usize,
    out: &'o mut String,
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Parts { depth, out } = self;
        out.push('[');
        let mut is_first = true;
        while let Some(item) = list.next_element::<&RawValue>()? {
            if !mem::take(&mut is_first) {
                out.push(',');
            }
            write(item.get(), depth, out);
        }
        out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let Parts { depth, out } = self;
        let (mut fields, mut places) = (Vec::new(), HashMap::new());
        while let Some((name, value)) = object.next_entry::<String, &RawValue>()? {
            let place = *places.entry(name.clone()).or_insert(fields.len());
            match fields.get_mut(place) {
                Some((_, known)) => *known = value,
                None if place == FIELDS_MAX => return Err(A::Error::custom("too many fields")),
                None => fields.push((name, value)),
            }
        }
        out.push('{');
        for (at, (name, value)) in fields.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_text(&name, out);
            out.push(':');
            write(value.get(), depth, out);
        }
        out.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn compacted(json: &str) -> String {
        compact(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn equal_values_have_one_spelling() {
        for (json, expected) in [
            ("[ 1 , 2.50,\n 1e400 ]", "[1,2.50,1e400]"),
            (r#"{ "a" : 1, "b" : [ ], "a" : { "c" : null } }"#, r#"{"a":{"c":null},"b":[]}"#),
            (r#"["\u00e9\/\u0041", "é/A"]"#, r#"["é/A","é/A"]"#),
            (r#"{"\u0061": true}"#, r#"{"a":true}"#),
            ("-1.0", "-1.0"),
            (r#""\u0041""#, r#""A""#),
        ] {
            assert_eq!(compacted(json), expected, "{json}");
        }
        let wide: Vec<String> = (0..1_001).map(|n| format!("\"{n}\": 0")).collect();
        let wide = format!("{{{}}}", wide.join(", "));
        assert_eq!(compacted(&wide), wide);
        let deep = format!("{}1 {}", "[ ".repeat(90_000), "]".repeat(90_000));
        let found = compacted(&deep);
        assert!(
            found.starts_with(&"[".repeat(DEPTH_MAX)) && found.contains("[ 1 ]"),
            "{}",
            &found[..80]
        );
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn a_value_stays_the_same(json in "[{}\\[\\]\":,aIN\\\\u0-9 ]{0,40}") {
            if let Ok(value) = serde_json::from_str::<Value>(&json) {
                let found = compacted(json.trim());
                prop_assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), value);
                prop_assert_eq!(compacted(&found), found);
            }
        }
    }
}
