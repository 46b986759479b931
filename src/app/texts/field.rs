//! The field of a line that has its text.

use formats::{Field, Fields};
use serde_json::value::{RawValue, to_raw_value};
use std::fmt;
use std::str::FromStr;

/// The name of a field, or the names of nested ones, separated by dots: `text`, `meta.content`.
#[derive(Clone, Debug)]
pub(crate) struct TextField(String);

impl Default for TextField {
    fn default() -> Self {
        TextField("text".to_owned())
    }
}

impl FromStr for TextField {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Err("the name of a field is expected, such as text or meta.content".to_owned());
        }
        Ok(TextField(name.to_owned()))
    }
}

impl fmt::Display for TextField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TextField {
    /// Returns the text of a line with these fields. The error says what is wrong with the line.
    pub fn text(&self, fields: &[Field]) -> Result<String, String> {
        let name = &self.0;
        let raw = value(fields, name)
            .ok_or_else(|| format!("there is no field {name}; name another with --text-field"))?;
        serde_json::from_str(raw.get())
            .map_err(|error| format!("the field {name} is not a string: {error}"))
    }

    /// Removes the text from the fields of a line. The object in which it is nested stays.
    pub fn remove(&self, fields: &mut Vec<Field>) {
        remove(fields, &self.0);
    }
}

/// Removes the field whose value [`value`] returns.
fn remove(fields: &mut Vec<Field>, name: &str) {
    let before = fields.len();
    fields.retain(|(known, _)| known != name);
    if fields.len() < before {
        return;
    }
    let Some((first, rest)) = name.split_once('.') else { return };
    let Some((_, object)) = fields.iter_mut().find(|(known, _)| known == first) else { return };
    let Ok(mut inner) = formats::fields(object.get()) else { return };
    remove(&mut inner, rest);
    *object = to_raw_value(&Fields(&inner)).expect("names are strings, values are JSON");
}

/// Returns the value of a field, or of one nested in others: the field of the whole name counts
/// first, since a name may have dots itself.
pub(super) fn value(fields: &[Field], name: &str) -> Option<Box<RawValue>> {
    if let Some((_, value)) = fields.iter().find(|(known, _)| known == name) {
        return Some(value.clone());
    }
    let (first, rest) = name.split_once('.')?;
    let (_, object) = fields.iter().find(|(known, _)| known == first)?;
    value(&formats::fields(object.get()).ok()?, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str, name: &str) -> Result<String, String> {
        let fields = formats::fields(line).unwrap();
        name.parse::<TextField>().unwrap().text(&fields)
    }

    #[test]
    fn a_field_may_be_nested_and_a_name_may_have_dots() {
        let line = r#"{"a.b":"1","a":{"b":"2","c":{"d":"3"},"e.f":"4"},"n":null}"#;
        for (name, expected) in [("a.b", "1"), ("a.c.d", "3"), ("a.e.f", "4")] {
            assert_eq!(text(line, name).as_deref(), Ok(expected), "{name}");
        }
        for (name, problem) in [
            ("text", "there is no field text; name another with --text-field"),
            ("a.c.x", "there is no field a.c.x"),
            ("a.b.c", "there is no field a.b.c"),
            ("n", "the field n is not a string: invalid type: null"),
            ("a", "the field a is not a string"),
        ] {
            let error = text(line, name).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
        assert!("".parse::<TextField>().is_err());
    }

    #[test]
    fn the_text_is_removed_wherever_it_is_found() {
        let line = r#"{"a.b":"1","a":{"b":"2","c":{"d":"3"},"n":1e400},"t":"4"}"#;
        for (name, expected) in [
            ("t", r#"{"a.b":"1","a":{"b":"2","c":{"d":"3"},"n":1e400}}"#),
            ("a.b", r#"{"a":{"b":"2","c":{"d":"3"},"n":1e400},"t":"4"}"#),
            ("a.c.d", r#"{"a.b":"1","a":{"b":"2","c":{},"n":1e400},"t":"4"}"#),
            ("a.x", line),
        ] {
            let mut fields = formats::fields(line).unwrap();
            name.parse::<TextField>().unwrap().remove(&mut fields);
            assert_eq!(serde_json::to_string(&Fields(&fields)).unwrap(), expected, "{name}");
        }
    }
}
