//! Lists and objects in one spelling: equal values of different files are published as the same text.

use serde_json::value::RawValue;
use std::fmt::Write;

/// Deeper values stay as they are written: each level is parsed again for every level above it.
const DEPTH_MAX: usize = 64;

/// Returns a value without white space between its parts, with texts escaped no more than needed, and with the last of the fields
/// of one name, as in Python. Numbers stay as they are written.
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
    let done = match json.as_bytes().first() {
        Some(b'[') if depth > 0 => list(json, depth, out),
        Some(b'{') if depth > 0 => object(json, depth, out),
        Some(b'"') => text(json, out),
        _ => None,
    };
    if done.is_none() {
        out.push_str(json);
    }
}

/// `None`, and nothing is written, if it cannot be parsed.
type Written = Option<()>;

fn list(json: &str, depth: usize, out: &mut String) -> Written {
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item.get(), depth - 1, out);
    }
    out.push(']');
    Some(())
}

fn object(json: &str, depth: usize, out: &mut String) -> Written {
    let fields = super::fields(json).ok()?;
    out.push('{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let name = serde_json::to_string(name).expect("a text can be written");
        write!(out, "{name}:").expect("writing to memory");
        write(value.get(), depth - 1, out);
    }
    out.push('}');
    Some(())
}

fn text(json: &str, out: &mut String) -> Written {
    let text: String = serde_json::from_str(json).ok()?;
    out.push_str(&serde_json::to_string(&text).expect("a text can be written"));
    Some(())
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
