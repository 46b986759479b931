//! The fields of a record.

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// A field: its name, and its value as JSON.
pub type Field = (String, Box<RawValue>);

/// Returns the fields of a JSON object, in their order, each with its value as written. If a name
/// occurs twice, the last value counts, as in Python.
///
/// What Python and JavaScript write although it is not JSON is read as well: `NaN` and the infinities
/// become `null`, half a surrogate pair becomes U+FFFD, and control characters in strings are escaped.
/// So all values are valid JSON.
///
/// # Errors
/// When the text is not a JSON object, or has more than 1,000 fields.
///
/// ```
/// let fields = formats::fields(r#"{"text": "a", "score": NaN}"#)?;
/// let fields = fields.iter().map(|(name, value)| (&name[..], value.get()));
/// assert!(fields.eq([("text", "\"a\""), ("score", "null")]));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn fields(json: &str) -> Result<Vec<Field>, serde_json::Error> {
    let json = json.trim_ascii().strip_prefix('\u{feff}').unwrap_or(json);
    if !has_surrogates(json) {
        match strict(json) {
            Err(error) if error.is_data() => return Err(explained(json, json, &error)),
            Err(_) => {}
            fields => return fields,
        }
    }
    // What cannot be repaired is what is wrong with it.
    let repaired = repaired(json);
    strict(&repaired).map_err(|error| explained(json, &repaired, &error))
}

/// Fields as a JSON object, with their values as they are.
///
/// ```
/// let json = r#"{"text":"a","meta":{"b": 1}}"#;
/// let fields = formats::fields(json)?;
/// assert_eq!(serde_json::to_string(&formats::Fields(&fields))?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Fields<'a>(pub &'a [Field]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Returns bytes as text.
///
/// # Errors
/// If they are not UTF-8: says from where on.
pub fn utf8(bytes: &[u8]) -> Result<&str, String> {
    simdutf8::compat::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 from its byte {} on", error.valid_up_to()))
}

/// The most fields of a record. Each is compared with all before it.
pub(super) const FIELDS_MAX: usize = 1_000;

fn strict(json: &str) -> Result<Vec<Field>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let fields = reader.deserialize_map(FieldsVisitor)?;
    reader.end()?;
    Ok(fields)
}

/// Returns a clearer error than the parser's, which counts lines within the record.
fn explained(json: &str, repaired: &str, error: &serde_json::Error) -> serde_json::Error {
    let trimmed = json.trim_ascii();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = error.to_string();
    let what = what.strip_suffix(&place).unwrap_or(&what);
    serde_json::Error::custom(match trimmed {
        "{" | "}" => "an object over several lines: write each on one".to_owned(),
        _ if trimmed.ends_with("},") => {
            "a comma follows the object: is this part of a JSON array?".to_owned()
        }
        // Unless something before it was repaired.
        _ if error.line() == 1
            && repaired.as_bytes().get(..error.column())
                == json.as_bytes().get(..error.column()) =>
        {
            let at = if error.is_eof() { error.column() } else { error.column().saturating_sub(1) };
            format!("{what}, at its byte {at}")
        }
        _ => what.to_owned(),
    })
}

/// Whether the text may have an escape of a surrogate.
fn has_surrogates(json: &str) -> bool {
    let json = json.as_bytes();
    memchr::memmem::find_iter(json, b"\\u").any(|at| {
        let is_d = json.get(at + 2).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'd'));
        is_d && json.get(at + 3).is_some_and(|byte| !byte.is_ascii_digit() || *byte > b'7')
    })
}

/// Repairs what [`fields`] allows. Other faults stay.
fn repaired(json: &str) -> String {
    const NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut repaired = Vec::with_capacity(json.len() + 16);
    let mut rest = json.as_bytes();
    let mut is_string = false;
    while let Some((&byte, after)) = rest.split_first() {
        let mut taken = 1;
        match byte {
            b'"' => {
                is_string = !is_string;
                repaired.push(byte);
            }
            b'\\' if is_string => match surrogate(rest) {
                Some(0xd800..=0xdbff) if matches!(surrogate(&rest[6..]), Some(0xdc00..=0xdfff)) => {
                    taken = 12;
                    repaired.extend_from_slice(&rest[..taken]);
                }
                Some(_) => {
                    taken = 6;
                    repaired.extend_from_slice(b"\\ufffd");
                }
                None => {
                    taken = 2.min(rest.len());
                    repaired.extend_from_slice(&rest[..taken]);
                }
            },
            0..0x20 if is_string => repaired.extend(format!("\\u{byte:04x}").bytes()),
            b'-' | b'I' | b'N' if !is_string => {
                match NUMBERS.iter().find(|number| rest.starts_with(number)) {
                    Some(number) => {
                        taken = number.len();
                        repaired.extend_from_slice(b"null");
                    }
                    None => repaired.push(byte),
                }
            }
            _ => repaired.push(byte),
        }
        rest = if taken == 1 { after } else { &rest[taken..] };
    }
    String::from_utf8(repaired).expect("only escapes and ASCII are changed")
}

/// Returns the surrogate that an escape at the beginning encodes.
fn surrogate(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (is_hex && (0xd800..=0xdfff).contains(&number)).then_some(number)
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<Field> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if fields.len() == FIELDS_MAX {
                return Err(A::Error::custom("an object of more than 1,000 fields"));
            }
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => fields.push((name, value)),
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> Result<String, String> {
        let fields = fields(json).map_err(|error| error.to_string())?;
        let each = fields.iter().map(|(name, value)| format!("{name}={}", value.get()));
        Ok(each.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_python_and_javascript_write_is_read() {
        let read = |json| written(json).unwrap();
        assert_eq!(
            read(r#"{"a":NaN,"b":[Infinity,-Infinity,-1],"c":"NaN"}"#),
            r#"a=null b=[null,null,-1] c="NaN""#
        );
        assert_eq!(
            read(r#"{"a":"x \ud83d","b":"\ud83d\ude00"}"#),
            r#"a="x \ufffd" b="\ud83d\ude00""#
        );
        assert_eq!(read(r#"{"\udc00":{"\uDBFF":1}}"#), "\u{fffd}={\"\\ufffd\":1}");
        assert_eq!(
            read(r#"{"a":"\\ud83d","b":"\ud83d\ud83d\ude00"}"#),
            r#"a="\\ud83d" b="\ufffd\ud83d\ude00""#
        );
        assert_eq!(read("{\"a\":\"tab\there\"}"), r#"a="tab\u0009here""#);
        assert_eq!(read("\u{feff}{\"a\":1}\r"), "a=1");
        assert_eq!(read(r#"{"a":1,"b":2,"a":3}"#), "a=3 b=2");
        assert_eq!(read(r#"{"n":1e400,"deep":[[{}]]}"#), "n=1e400 deep=[[{}]]");
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(90_000), "]".repeat(90_000));
        assert!(fields(&deep).is_ok());
    }

    #[test]
    fn text_that_is_not_an_object_is_an_error_with_the_reason() {
        for json in ["", "[1]", "{\"a\":", "{} x", "\0\0", "7", "{\"a\":\"\\ud800", "{\"a\":Nan}"] {
            assert!(written(json).is_err(), "{json}");
        }
        assert!(written("{\"a\":1},").unwrap_err().contains("JSON array"));
        let ended = "EOF while parsing a string, at its byte";
        assert_eq!(written("{\"a\":\"b").unwrap_err(), format!("{ended} 7"));
        assert!(written("{\"a\":x}").unwrap_err().ends_with("expected value, at its byte 5"));
        assert_eq!(written("{\"a\":NaN,x").unwrap_err(), "key must be a string");
        // The carriage return is not what is wrong with it.
        assert!(written("{\"a\":\"b\r").unwrap_err().contains("EOF while parsing a string"));
        assert!(written("{").unwrap_err().contains("several lines"));
        let wide: Vec<String> = (0..2_000).map(|n| format!("\"c{n}\":0")).collect();
        assert!(written(&format!("{{{}}}", wide.join(","))).unwrap_err().contains("1,000"));
    }

    proptest::proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn any_text_is_a_record_or_an_error(json in "[{}\\[\\]\":,aIN\\\\ud80-9 ]{0,40}") {
            for (_, value) in fields(&json).unwrap_or_default() {
                // Every value is valid JSON.
                serde_json::from_str::<serde_json::Value>(value.get()).map_or_else(
                    |error| assert!(error.to_string().contains("out of range"), "{error}: {json}"),
                    drop,
                );
            }
        }
    }
}
