//! Rows of tables of source files: the export of BigQuery's `github_repos`, and tables with other
//! names for the same columns.

use formats::columns::CODE;
use serde_json::value::RawValue;

/// One row: one file of one repository.
#[derive(Debug, Default)]
pub struct Row {
    /// The file's text; `None` if the row has no such column.
    pub content: Option<Content>,
    /// Its path in the repository, if the column holds text.
    pub path: Option<String>,
    /// The repository, `owner/name`; empty if it is unknown.
    pub repository: String,
    /// All columns but the text, in their order. They have BigQuery's names where there is one, and
    /// their values as written; [`formats::compact`] is how they are published.
    pub columns: Vec<(String, Box<RawValue>)>,
}

/// The value of the column with the text.
#[derive(Debug, PartialEq)]
pub enum Content {
    /// A text.
    Text(String),
    /// Null, as BigQuery has it for binary and very large files.
    Null,
    /// Not a string, or not one that can be written as UTF-8.
    Malformed(String),
}

impl Row {
    /// Reads a row from a JSON object. If two columns have the same name, the last counts, as in
    /// Python.
    ///
    /// # Errors
    ///
    /// Fails if `json` is not a JSON object.
    ///
    /// ```
    /// use code::row::{Content, Row};
    ///
    /// let row = Row::parse(r#"{"repo_name":"o/r","path":"a.c","content":"int a;"}"#).unwrap();
    /// assert_eq!(row.content, Some(Content::Text("int a;".to_owned())));
    /// assert_eq!((row.repository.as_str(), row.path.as_deref()), ("o/r", Some("a.c")));
    /// ```
    pub fn parse(json: &str) -> Result<Row, serde_json::Error> {
        let mut fields = formats::fields(json)?;
        CODE.rename(&mut fields);
        let mut row = Row::default();
        for (name, value) in fields {
            match &*name {
                "content" => {
                    row.content = Some(content(value.get()));
                    continue;
                }
                "path" => row.path = serde_json::from_str(value.get()).ok(),
                "repo_name" => {
                    row.repository = serde_json::from_str(value.get()).unwrap_or_default();
                }
                _ => {}
            }
            row.columns.push((name, value));
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(row: &Row) -> Vec<&str> {
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
        assert_eq!((row.columns[0].1.get(), row.columns[3].1.get()), ("\"a2\"", "\"12\""));
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
        // The-stack-smol.
        let json = r#"{"repository_name":"o/r","licenses":["MIT"],"path":"p.c","content":""}"#;
        assert_eq!(names(&Row::parse(json).unwrap()), ["repo_name", "license", "path"]);
        // If there are both, the column with BigQuery's name counts.
        let row = Row::parse(r#"{"code":"x","content":null,"path":3}"#).unwrap();
        assert_eq!((&row.content, &row.path), (&Some(Content::Null), &None));
        assert_eq!(names(&row), ["code", "path"]);
    }

    #[test]
    fn other_input_is_an_error() {
        for json in ["", "[1]", "{\"a\":", "{} x", "\0\0", "7"] {
            assert!(Row::parse(json).is_err(), "{json}");
        }
        let row = Row::parse(r#"{"content":"\ud800"}"#).unwrap();
        assert_eq!(row.content, Some(Content::Text("\u{fffd}".into())));
        let row = Row::parse(r#"{"content":["x"]}"#).unwrap();
        assert!(matches!(row.content, Some(Content::Malformed(_))));
        assert!(Row::parse("{}").unwrap().columns.is_empty());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let _ = Row::parse(&deep);
        let wide: Vec<String> = (0..2_000).map(|n| format!("\"c{n}\":0")).collect();
        assert!(Row::parse(&format!("{{{}}}", wide.join(","))).is_err());
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn any_text_is_a_row_or_an_error(json in "[{}\\[\\]\":,a\\\\u0-9 ]{0,40}") {
            let _ = Row::parse(&json);
        }
    }
}
