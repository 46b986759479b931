//! One schema for all exported records of a slice.
//!
//! Records have the fields of their sources. Readers of JSON lines, such as Hugging Face's
//! `datasets`, take the type of `meta` from the first file and reject other types. So all records of
//! a slice, of all labels, are scanned first:
//!
//! - A field that some records lack is `null` in these.
//! - A field with values of several types, or with objects of different fields, is a string: texts
//!   are unchanged, and other values become their JSON.
//! - Fields beyond the first [`FIELDS_MAX`] are combined into one string, a JSON object named
//!   `other_fields`.
//!
//! If all records have the same fields and types, nothing changes.

use super::line::Fields;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;

/// Largest number of fields with their own column, the identifier included.
const FIELDS_MAX: usize = 200;

/// Levels of lists and objects that are distinguished.
const LEVELS_MAX: usize = 6;

/// The field that combines the fields beyond the first ones.
const OTHERS: &str = "other_fields";

/// The last field, which every record has.
const ID: &str = "id";

/// The type of a field over all records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Type {
    /// No record has a value.
    Null,
    /// True or false.
    Bool,
    /// 64-bit integers.
    Int,
    /// Floating-point numbers.
    Float,
    /// Strings.
    Text,
    /// Lists of values of one type.
    List(Box<Type>),
    /// Objects with the same fields.
    Object(Vec<(String, Type)>),
    /// Values without a common type; exported as strings.
    Mixed,
}

/// The fields of a slice's records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(super) struct Schema {
    /// In the order in which they were found.
    fields: Vec<(String, Type)>,
    #[serde(skip)]
    places: HashMap<String, usize>,
    has_others: bool,
    /// A record lacks a field, or has them in another order.
    is_uneven: bool,
    records: u64,
}

/// A schema as it is stored.
#[derive(Deserialize)]
struct Stored {
    fields: Vec<(String, Type)>,
    has_others: bool,
    is_uneven: bool,
    records: u64,
}

impl From<Stored> for Schema {
    fn from(stored: Stored) -> Schema {
        let Stored { fields, has_others, is_uneven, records } = stored;
        let places = fields.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        Schema { fields, places, has_others, is_uneven, records }
    }
}

impl Schema {
    /// Adds the fields of a record.
    pub fn see(&mut self, Fields(fields): &Fields<'_>) {
        let before = self.fields.len();
        for (at, (name, value)) in fields.iter().enumerate() {
            self.see_field(at, name, of(value.get()));
        }
        self.is_uneven |= self.records > 0 && fields.len() != before;
        self.records += 1;
    }

    fn see_field(&mut self, at: usize, name: &str, of: Type) {
        match self.places.get(name) {
            Some(&place) => {
                self.is_uneven |= place != at;
                let known = &mut self.fields[place].1;
                *known = merged(std::mem::replace(known, Type::Mixed), of);
            }
            None if self.has_room(name) => {
                self.is_uneven |= self.records > 0;
                self.places.insert(name.to_owned(), self.fields.len());
                self.fields.push((name.to_owned(), of));
            }
            None => self.has_others = true,
        }
    }

    /// Whether a new field gets a column. One is kept for the identifier, the last field of a record.
    fn has_room(&self, name: &str) -> bool {
        let kept = usize::from(name != ID && !self.places.contains_key(ID));
        self.fields.len() + kept < FIELDS_MAX
    }

    /// Adds the records that `later` has seen, as if this had seen them after its own. Returns false
    /// if that is not possible, because `later` does not know the types of all its fields.
    pub fn append(&mut self, later: Schema) -> bool {
        if later.has_others {
            return false;
        }
        if later.records == 0 {
            return true;
        }
        let before = self.fields.len();
        self.is_uneven |= later.is_uneven;
        for (at, (name, of)) in later.fields.iter().enumerate() {
            self.see_field(at, name, of.clone());
        }
        self.is_uneven |= self.records > 0 && later.fields.len() != before;
        self.records += later.records;
        true
    }

    /// Whether records are written unchanged.
    pub fn is_even(&self) -> bool {
        let is_mixed = |(_, of): &(String, Type)| has_mixed(of);
        !self.is_uneven && !self.has_others && !self.fields.iter().any(is_mixed)
    }

    /// Returns the `meta` of a record under this schema.
    pub fn write(&self, fields: &Fields<'_>) -> serde_json::Result<String> {
        serde_json::to_string(&Written { schema: self, fields })
    }

    /// Returns the fields as they are exported, in order, with their types.
    pub fn published(&self) -> Vec<(String, Type)> {
        let published = |of: &Type| if has_mixed(of) { Type::Text } else { of.clone() };
        let all = self.in_order().map(|(name, of)| (name.to_owned(), published(of)));
        let mut all: Vec<_> = all.collect();
        if self.has_others {
            let before_id = all.iter().position(|(name, _)| name == ID).unwrap_or(all.len());
            all.insert(before_id, (OTHERS.to_owned(), Type::Text));
        }
        all
    }

    /// The fields, with the identifier last.
    fn in_order(&self) -> impl Iterator<Item = (&str, &Type)> {
        let fields = || self.fields.iter().map(|(name, of)| (name.as_str(), of));
        fields().filter(|(name, _)| *name != ID).chain(fields().filter(|(name, _)| *name == ID))
    }
}

fn of(json: &str) -> Type {
    match json.as_bytes().first() {
        Some(b'"') => Type::Text,
        Some(b'n') => Type::Null,
        Some(b't' | b'f') => Type::Bool,
        Some(b'[' | b'{') => match serde_json::from_str(json) {
            Ok(value) => of_value(&value, 0),
            // Too deeply nested, or a number out of range.
            Err(_) => Type::Mixed,
        },
        _ => of_number(json),
    }
}

/// Readers have 64-bit numbers. Whole numbers beyond those would lose digits, so they stay text, as numbers beyond floats do.
fn of_number(json: &str) -> Type {
    let is_whole = || json.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    match json.parse::<f64>() {
        _ if json.parse::<i64>().is_ok() => Type::Int,
        Ok(number) if number.is_finite() && !is_whole() => Type::Float,
        _ => Type::Mixed,
    }
}

fn of_value(value: &Value, level: usize) -> Type {
    match value {
        _ if level > LEVELS_MAX => Type::Mixed,
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(number) if number.is_i64() => Type::Int,
        // Whole numbers beyond 64 bits are floats here, which have lost their digits.
        Value::Number(number) if number.as_f64().is_some_and(is_exact) => Type::Float,
        Value::Number(_) => Type::Mixed,
        Value::String(_) => Type::Text,
        Value::Array(values) => {
            let of = values.iter().map(|value| of_value(value, level + 1)).fold(Type::Null, merged);
            Type::List(Box::new(of))
        }
        // A column must have fields.
        Value::Object(fields) if fields.is_empty() || fields.len() > FIELDS_MAX => Type::Mixed,
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| (name.clone(), of_value(value, level + 1));
            Type::Object(fields.iter().map(of).collect())
        }
    }
}

fn is_exact(number: f64) -> bool {
    number.abs() < 2f64.powi(63)
}

fn merged(one: Type, other: Type) -> Type {
    match (one, other) {
        (one, other) if one == other => one,
        (Type::Null, of) | (of, Type::Null) => of,
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
        (Type::List(one), Type::List(other)) => Type::List(Box::new(merged(*one, *other))),
        (Type::Object(one), Type::Object(other))
            if one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.0 == b.0) =>
        {
            let both = one.into_iter().zip(other);
            Type::Object(both.map(|((name, a), (_, b))| (name, merged(a, b))).collect())
        }
        _ => Type::Mixed,
    }
}

fn has_mixed(of: &Type) -> bool {
    match of {
        Type::Mixed => true,
        Type::List(of) => has_mixed(of),
        Type::Object(fields) => fields.iter().any(|(_, of)| has_mixed(of)),
        _ => false,
    }
}

struct Written<'a> {
    schema: &'a Schema,
    fields: &'a Fields<'a>,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values: HashMap<&str, &serde_json::value::RawValue> =
            self.fields.0.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut map = serializer.serialize_map(None)?;
        let mut waits = self.schema.has_others;
        for (name, of) in self.schema.in_order() {
            if name == ID && std::mem::take(&mut waits) {
                map.serialize_entry(OTHERS, &self.others::<S>()?)?;
            }
            match values.get(name) {
                None => map.serialize_entry(name, &())?,
                Some(value) if has_mixed(of) && !value.get().starts_with(['"', 'n']) => {
                    map.serialize_entry(name, value.get())?;
                }
                Some(value) => map.serialize_entry(name, value)?,
            }
        }
        if waits {
            map.serialize_entry(OTHERS, &self.others::<S>()?)?;
        }
        map.end()
    }
}

impl Written<'_> {
    /// The fields without a column, as the JSON of an object.
    fn others<S: Serializer>(&self) -> Result<String, S::Error> {
        let has_column = |name: &str| self.schema.places.contains_key(name);
        let others: Vec<_> = self.fields.0.iter().filter(|(name, _)| !has_column(name)).collect();
        let mut json = String::from("{");
        for (at, (name, value)) in others.iter().enumerate() {
            let name = serde_json::to_string(name).map_err(serde::ser::Error::custom)?;
            let comma = if at > 0 { "," } else { "" };
            write!(json, "{comma}{name}:{}", value.get()).map_err(serde::ser::Error::custom)?;
        }
        Ok(json + "}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(meta: &str) -> Fields<'_> {
        serde_json::from_str(meta).unwrap()
    }

    fn schema(records: &[&str]) -> Schema {
        let mut schema = Schema::default();
        records.iter().for_each(|meta| schema.see(&fields(meta)));
        schema
    }

    const UNLIKE: [&str; 4] = [
        r#"{"title":"A","year":1890,"tags":["x"],"id":"1"}"#,
        r#"{"title":"B","year":"1891","tags":{"k":1},"score":1,"id":"2"}"#,
        r#"{"author":null,"score":1.5,"id":"3"}"#,
        r#"{"author":"x","id":"4","late":[{"a":1}]}"#,
    ];

    #[test]
    fn whole_numbers_that_readers_would_round_are_text() {
        for (json, expected) in [
            ("9223372036854775807", Type::Int),
            ("-9223372036854775808", Type::Int),
            ("9223372036854775808", Type::Mixed),
            ("18446744073709551615", Type::Mixed),
            ("-99999999999999999999", Type::Mixed),
            ("1e3", Type::Float),
            ("9223372036854775808.5", Type::Float),
            ("1e400", Type::Mixed),
            ("[18446744073709551615]", Type::List(Box::new(Type::Mixed))),
            ("[99999999999999999999]", Type::List(Box::new(Type::Mixed))),
            ("[1.5]", Type::List(Box::new(Type::Float))),
        ] {
            assert_eq!(of(json), expected, "{json}");
        }
    }

    #[test]
    fn records_of_one_form_are_unchanged() {
        let even = schema(&[
            r#"{"a":1,"b":"x","c":[{"d":1}],"n":null,"id":"1"}"#,
            r#"{"a":2,"b":"y","c":[],"n":null,"id":"2"}"#,
        ]);
        assert!(even.is_even());
        assert_eq!(even.published()[0], ("a".to_owned(), Type::Int));
    }

    #[test]
    fn records_of_several_forms_get_one_form() {
        let schema = schema(&UNLIKE[..3]);
        assert!(!schema.is_even());
        let written = |meta: &&str| schema.write(&fields(meta)).unwrap();
        assert_eq!(
            UNLIKE[..3].iter().map(written).collect::<Vec<_>>(),
            [
                r#"{"title":"A","year":"1890","tags":"[\"x\"]","score":null,"author":null,"id":"1"}"#,
                r#"{"title":"B","year":"1891","tags":"{\"k\":1}","score":1,"author":null,"id":"2"}"#,
                r#"{"title":null,"year":null,"tags":null,"score":1.5,"author":null,"id":"3"}"#,
            ]
        );
    }

    #[test]
    fn parts_make_the_schema_of_the_whole() {
        for records in [&UNLIKE[..], &[UNLIKE[0]; 3], &[UNLIKE[2], UNLIKE[1], UNLIKE[2]]] {
            let whole = schema(records);
            for cut in 0..=records.len() {
                let mut parts = schema(&records[..cut]);
                let stored = serde_json::to_string(&schema(&records[cut..])).unwrap();
                assert!(parts.append(serde_json::from_str(&stored).unwrap()));
                assert_eq!(parts.published(), whole.published(), "cut at {cut}");
                assert_eq!(parts.is_even(), whole.is_even(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn fields_beyond_the_limit_are_combined() {
        let wide: Vec<String> = (0..300).map(|n| format!("\"f{n}\":{n}")).collect();
        let wide = format!("{{\"id\":\"1\",{}}}", wide.join(","));
        let schema_of_all = schema(&[&wide, r#"{"id":"2"}"#]);
        let written = schema_of_all.write(&fields(&wide)).unwrap();
        let value: Value = serde_json::from_str(&written).unwrap();
        let others: Value = serde_json::from_str(value[OTHERS].as_str().unwrap()).unwrap();
        assert_eq!((&value["f0"], &others["f299"]), (&Value::from(0), &Value::from(299)));
        let written = schema_of_all.write(&fields(r#"{"id":"2"}"#)).unwrap();
        assert!(written.contains("\"other_fields\":\"{}\""));
        let published = schema_of_all.published();
        let last: Vec<&str> = published.iter().rev().take(2).map(|(name, _)| &**name).collect();
        assert_eq!(last, [ID, OTHERS]);
        assert!(!Schema::default().append(schema(&[&wide])), "the types of f200.. are not known");
    }

    #[test]
    fn no_field_of_a_wide_record_is_lost() {
        for (count, id) in
            [(198, ",\"id\":\"1\""), (199, ",\"id\":\"1\""), (250, ",\"id\":\"1\""), (250, "")]
        {
            let wide: Vec<String> = (0..count).map(|n| format!("\"f{n}\":{n}")).collect();
            let wide = format!("{{{}{id}}}", wide.join(","));
            let schema = schema(&[&wide]);
            let written: Value =
                serde_json::from_str(&schema.write(&fields(&wide)).unwrap()).unwrap();
            let mut found = written.as_object().unwrap().clone();
            let published = schema.published();
            let mut names: Vec<&str> = published.iter().map(|(name, _)| &**name).collect();
            names.sort_unstable();
            assert!(found.keys().eq(names), "{count} fields{id}");
            assert!(found.len() <= FIELDS_MAX + 1);
            assert_eq!(found.contains_key(OTHERS), count >= FIELDS_MAX);
            if let Some(others) = found.remove(OTHERS) {
                let others: Value = serde_json::from_str(others.as_str().unwrap()).unwrap();
                found.extend(others.as_object().unwrap().clone());
            }
            assert_eq!(Value::from(found), serde_json::from_str::<Value>(&wide).unwrap());
        }
    }
}
