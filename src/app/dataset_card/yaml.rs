//! YAML of a JSON value, in blocks.

use serde_json::{Map, Value};

/// Keys that come first in their block; the others are in alphabetical order.
const FIRST: [&str; 4] = ["config_name", "name", "split", "dtype"];

/// Words that YAML does not read as strings.
const NO_STRINGS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];

/// Returns the lines of a value that is an object.
pub(super) fn block(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, 0, value);
    text
}

fn write(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (at, (key, value)) in in_order(fields).into_iter().enumerate() {
                // The first field of an object in a list is on the line of its dash.
                let is_after_dash = at == 0 && text.ends_with("- ");
                let pad = if is_after_dash { 0 } else { indent };
                *text += &format!("{:pad$}{}:", "", scalar(&Value::from(key.as_str())));
                member(text, indent, value);
            }
        }
        Value::Array(items) => {
            for item in items {
                *text += &format!("{:indent$}- ", "");
                match item {
                    Value::Object(fields) if !fields.is_empty() => write(text, indent + 2, item),
                    item => *text += &format!("{}\n", scalar(item)),
                }
            }
        }
        value => *text += &format!("{}\n", scalar(value)),
    }
}

/// Writes the value after `key:`.
fn member(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            write(text, indent + 2, value);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write(text, indent, value);
        }
        value => *text += &format!(" {}\n", scalar(value)),
    }
}

fn in_order(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| (place(key), *key));
    fields
}

/// A value on one line. JSON is YAML; plain words need no quotes.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        value => value.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(is_word)
        && !NO_STRINGS.contains(&&*text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_in_blocks() {
        let value = json!({
            "license": ["odc-by", "1K<n<10K", "no"],
            "configs": [{"data_files": [{"split": "train", "path": ["a/b.jsonl"]}], "config_name": "c4"}],
            "default": true,
            "map": {"b": 1, "name": "x: y"},
            "none": [],
        });
        assert_eq!(
            block(&value),
            "configs:\n- config_name: c4\n  data_files:\n  - split: train\n    path:\n    - a/b.jsonl\n\
             default: true\nlicense:\n- odc-by\n- \"1K<n<10K\"\n- \"no\"\nmap:\n  name: \"x: y\"\n  b: 1\n\
             none: []\n"
        );
    }
}
