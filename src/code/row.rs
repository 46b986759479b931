//! Rows of tables of source files: the export of BigQuery's `github_repos`, and tables that name
//! the same columns otherwise.

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Columns by BigQuery's names, and what they are called elsewhere: in The Stack, in github-code.
const NAMES: [(&str, &str); 4] = [
    ("path", "max_stars_repo_path"),
    ("repo_name", "max_stars_repo_name"),
    ("license", "max_stars_repo_licenses"),
    ("content", "code"),
];

/// One row: one file of one repository.
#[derive(Debug, Default, PartialEq)]
pub struct Row<'a> {
    /// The file's text; none where the row has no such column.
    pub content: Option<Content>,
    /// Its path in the repository, if there is such a text.
    pub path: Option<String>,
    /// The repository, `owner/name`; empty where that is not said.
    pub repository: String,
    /// All columns but the text, in their order, by BigQuery's names where they have one, and with
    /// their values as they are written.
    pub columns: Vec<(Cow<'a, str>, &'a str)>,
}

/// What the column with the text holds.
#[derive(Debug, PartialEq)]
pub enum Content {
    /// A text.
    Text(String),
    /// Nothing, as BigQuery says of binary files and of very large ones.
    Null,
    /// What is no text, or none that can be written as UTF-8.
    Malformed(String),
}

impl<'a> Row<'a> {
    /// Reads a row from a JSON object. Of two columns with one name the last counts, as in Python.
    pub fn parse(json: &'a str) -> Result<Row<'a>, serde_json::Error> {
        let Fields(fields) = serde_json::from_str(json)?;
        let named = |name: &str| fields.iter().any(|(known, _)| known == name);
        let renamed: Vec<(&str, &str)> =
            NAMES.into_iter().filter(|(name, other)| !named(name) && named(other)).collect();
        let mut row = Row::default();
        for (name, value) in fields {
            let name = match renamed.iter().find(|(_, other)| *other == name) {
                Some((name, _)) => Cow::Borrowed(*name),
                None => name,
            };
            let value = value.get();
            match &*name {
                "content" => {
                    row.content = Some(content(value));
                    continue;
                }
                "path" => row.path = serde_json::from_str(value).ok(),
                "repo_name" => row.repository = serde_json::from_str(value).unwrap_or_default(),
                _ => {}
            }
            match row.columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => row.columns.push((name, value)),
            }
        }
        Ok(row)
    }
}

fn content(value: &str) -> Content {
    match serde_json::from_str::<Option<String>>(value) {
        Ok(Some(text)) => Content::Text(text),
        Ok(None) => Content::Null,
        Err(error) => Content::Malformed(error.to_string()),
    }
}

/// The fields of a JSON object in their order, their values as they are written.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// More columns than any table has; each is compared with all before it.
const COLUMNS_MAX: usize = 1_000;

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
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if fields.len() == COLUMNS_MAX {
                        return Err(A::Error::custom("a row of more than 1,000 columns"));
                    }
                    fields.push((Cow::Owned(name), value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names<'a>(row: &'a Row<'_>) -> Vec<&'a str> {
        row.columns.iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn bigquerys_columns_stay_as_they_are() {
        let json = r#"{"id":"a1","content":"x\n\u00e9","path":"a/b.py","repo_name":"o/r","size":"12",
            "license":"mit","language":[{"name":"C","bytes":"1"}],"binary":false,"id":"a2"}"#;
        let row = Row::parse(json).unwrap();
        assert_eq!(row.content, Some(Content::Text("x\né".into())));
        assert_eq!((row.path.as_deref(), &*row.repository), (Some("a/b.py"), "o/r"));
        assert_eq!(
            names(&row),
            ["id", "path", "repo_name", "size", "license", "language", "binary"]
        );
        assert_eq!((row.columns[0].1, row.columns[3].1), ("\"a2\"", "\"12\""));
    }

    #[test]
    fn other_tables_have_the_same_columns_under_other_names() {
        let json = r#"{"hexsha":"a","max_stars_repo_path":"p.c","max_stars_repo_name":"o/r",
            "max_stars_repo_licenses":["MIT"],"content":""}"#;
        let row = Row::parse(json).unwrap();
        assert_eq!(names(&row), ["hexsha", "path", "repo_name", "license"]);
        assert_eq!((row.path.as_deref(), &*row.repository), (Some("p.c"), "o/r"));
        let row = Row::parse(r#"{"code":"x","repo_name":"o/r","path":"p.c"}"#).unwrap();
        assert_eq!(row.content, Some(Content::Text("x".into())));
        // A column of the true name is meant where there are both.
        let row = Row::parse(r#"{"code":"x","content":null,"path":3}"#).unwrap();
        assert_eq!((&row.content, &row.path), (&Some(Content::Null), &None));
        assert_eq!(names(&row), ["code", "path"]);
    }

    #[test]
    fn what_is_no_row_is_an_error() {
        for json in ["", "[1]", "{\"a\":", "{} x", "\0\0", "7"] {
            assert!(Row::parse(json).is_err(), "{json}");
        }
        let row = Row::parse(r#"{"content":"\ud800"}"#).unwrap();
        assert!(matches!(row.content, Some(Content::Malformed(_))));
        assert_eq!(Row::parse("{}").unwrap(), Row::default());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let _ = Row::parse(&deep);
        let wide: Vec<String> = (0..2_000).map(|n| format!("\"c{n}\":0")).collect();
        assert!(Row::parse(&format!("{{{}}}", wide.join(","))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_row_or_an_error(json in "[{}\\[\\]\":,a\\\\u0-9 ]{0,40}") {
            let _ = Row::parse(&json);
        }
    }
}
