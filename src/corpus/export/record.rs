//! The record of a document, in the form that a reader expects.

use super::line::{Fields, Line};
use super::schema::Schema;
use serde::{Deserialize, Serialize};

/// Which fields a record has, and what they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordSchema {
    /// `text`, `meta` and `id`.
    #[default]
    Sluice,
    /// `id`, `text`, `source`, `added`, `created` and `metadata`, as Dolma's toolkit reads them.
    Dolma,
    /// `text`, `id` and `metadata`, as datatrove reads them.
    Datatrove,
    /// `text` and `meta`, as RedPajama-1T is published.
    RedPajama,
}

impl RecordSchema {
    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            RecordSchema::Sluice => "sluice",
            RecordSchema::Dolma => "dolma",
            RecordSchema::Datatrove => "datatrove",
            RecordSchema::RedPajama => "redpajama",
        }
    }

    /// Returns the names of the fields, in their order. The types of [`RecordSchema::meta`] are
    /// those of the slice; all others are strings.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            RecordSchema::Sluice => &["text", "meta", "id"],
            RecordSchema::Dolma => &["id", "text", "source", "added", "created", "metadata"],
            RecordSchema::Datatrove => &["text", "id", "metadata"],
            RecordSchema::RedPajama => &["text", "meta"],
        }
    }

    /// Returns the name of the field that has everything but the text.
    pub fn meta(self) -> &'static str {
        match self {
            RecordSchema::Sluice | RecordSchema::RedPajama => "meta",
            RecordSchema::Dolma | RecordSchema::Datatrove => "metadata",
        }
    }

    /// Appends the record of a document of `slice`, and a newline.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        slice: &str,
        schema: &Schema,
        line: &Line<'_>,
        fields: &Fields<'_>,
    ) -> serde_json::Result<()> {
        let even = schema.is_even().then(|| line.meta());
        let meta = match even {
            Some(meta) => meta,
            None => &schema.write(fields)?,
        };
        for (at, name) in self.fields().iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            match *name {
                "text" => out.extend_from_slice(line.text().as_bytes()),
                "meta" | "metadata" => out.extend_from_slice(meta.as_bytes()),
                "id" => out.extend_from_slice(fields.get("id").unwrap_or("null").as_bytes()),
                "source" => serde_json::to_writer(&mut *out, slice)?,
                "added" => serde_json::to_writer(&mut *out, &added(fields))?,
                "created" => serde_json::to_writer(&mut *out, &created(fields))?,
                other => unreachable!("{other} is not in the list of fields"),
            }
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// Returns when a document was fetched; empty if it does not say so, since Dolma's readers expect a
/// string.
pub(super) fn added(fields: &Fields<'_>) -> String {
    first_time(fields, &["date_download"])
}

/// Returns when a document was made: the best that it says about it, or nothing.
pub(super) fn created(fields: &Fields<'_>) -> String {
    first_time(fields, &["created", "timestamp", "publication_date", "date_download"])
}

fn first_time(fields: &Fields<'_>, names: &[&str]) -> String {
    names.iter().find_map(|name| time(&fields.string(name)?)).unwrap_or_default()
}

/// Returns a time in ISO 8601, of one that begins with a date: `2019-07-15T18:29:50Z`,
/// `2023-03-20` or `20230320`.
fn time(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let are_digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    if bytes.len() == 8 && are_digits(0..8) {
        return Some(format!("{}-{}-{}T00:00:00.000Z", &text[..4], &text[4..6], &text[6..]));
    }
    let is_date = are_digits(0..4)
        && are_digits(5..7)
        && are_digits(8..10)
        && (bytes[4], bytes[7]) == (b'-', b'-');
    match bytes.get(10) {
        None if is_date => Some(format!("{text}T00:00:00.000Z")),
        Some(b'T' | b' ') if is_date => Some(text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        r#"{"text":"a\nb","meta":{"url":"u","timestamp":"20230320","id":"s/l/f#0"}}"#;

    fn record(schema: RecordSchema) -> String {
        let line = Line::parse(LINE.as_bytes()).unwrap();
        let fields = line.fields().unwrap();
        let mut slice = Schema::default();
        slice.see(&fields);
        let mut out = Vec::new();
        schema.write(&mut out, "s", &slice, &line, &fields).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_schema_has_its_fields() {
        let meta = r#"{"url":"u","timestamp":"20230320","id":"s/l/f#0"}"#;
        assert_eq!(record(RecordSchema::RedPajama), format!("{LINE}\n"));
        assert_eq!(
            record(RecordSchema::Sluice),
            format!("{{\"text\":\"a\\nb\",\"meta\":{meta},\"id\":\"s/l/f#0\"}}\n")
        );
        assert_eq!(
            record(RecordSchema::Datatrove),
            format!("{{\"text\":\"a\\nb\",\"id\":\"s/l/f#0\",\"metadata\":{meta}}}\n")
        );
        assert_eq!(
            record(RecordSchema::Dolma),
            format!(
                "{{\"id\":\"s/l/f#0\",\"text\":\"a\\nb\",\"source\":\"s\",\"added\":\"\",\
                 \"created\":\"2023-03-20T00:00:00.000Z\",\"metadata\":{meta}}}\n"
            )
        );
    }

    #[test]
    fn a_wide_record_keeps_its_identifier() {
        let wide: Vec<String> = (0..250).map(|n| format!("\"f{n}\":{n}")).collect();
        let line = format!(r#"{{"text":"x","meta":{{{},"id":"s/l/f#0"}}}}"#, wide.join(","));
        let line = Line::parse(line.as_bytes()).unwrap();
        let fields = line.fields().unwrap();
        let mut slice = Schema::default();
        slice.see(&fields);
        for schema in [RecordSchema::Sluice, RecordSchema::RedPajama] {
            let mut out = Vec::new();
            schema.write(&mut out, "s", &slice, &line, &fields).unwrap();
            let record: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(record["meta"]["id"], "s/l/f#0");
            assert!(record["meta"]["other_fields"].as_str().unwrap().ends_with("\"f249\":249}"));
        }
    }

    #[test]
    fn times_are_those_that_begin_with_a_date() {
        assert_eq!(time("2019-04-25T12:57:54Z").as_deref(), Some("2019-04-25T12:57:54Z"));
        assert_eq!(time("1890-01-02").as_deref(), Some("1890-01-02T00:00:00.000Z"));
        for other in ["", "1890", "c. 1890-01", "2019-04-2ñ", "unknown!", "２０２３0320"] {
            assert_eq!(time(other), None, "{other}");
        }
    }
}
