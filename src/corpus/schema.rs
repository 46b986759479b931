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

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt::{self, Write};

/// Largest number of fields with their own column.
const FIELDS_MAX: usize = 200;

/// Levels of lists and objects that are distinguished.
const LEVELS_MAX: usize = 6;

/// The field that combines the fields beyond the first ones.
const OTHERS: &str = "other_fields";

/// The last field, which every record has.
const ID: &str = "id";

/// The type of a field over all records.
#[derive(Clone, Debug, PartialEq)]
enum Type {
    Null,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Type>),
    Object(Vec<(String, Type)>),
    /// Values without a common type.
    Mixed,
}

/// The fields of a slice's records.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    /// In the order in which they were found.
    fields: Vec<(String, Type)>,
    places: HashMap<String, usize>,
    has_others: bool,
    /// A record lacks a field, or has them in another order.
    is_uneven: bool,
    records: u64,
}

impl Schema {
    /// Adds the fields of a record, given the JSON of its `meta`.
    pub fn see(&mut self, meta: &str) -> serde_json::Result<()> {
        let Fields(fields) = serde_json::from_str(meta)?;
        let before = self.fields.len();
        for (at, (name, value)) in fields.iter().enumerate() {
            match self.places.get(name) {
                Some(&place) => {
                    self.is_uneven |= place != at;
                    let known = &mut self.fields[place].1;
                    *known = merged(std::mem::replace(known, Type::Mixed), of(value.get()));
                }
                None if self.fields.len() < FIELDS_MAX => {
                    self.is_uneven |= self.records > 0;
                    self.places.insert(name.clone(), self.fields.len());
                    self.fields.push((name.clone(), of(value.get())));
                }
                None => self.has_others = true,
            }
        }
        self.is_uneven |= self.records > 0 && fields.len() != before;
        self.records += 1;
        Ok(())
    }

    /// Whether records are written unchanged.
    pub fn is_even(&self) -> bool {
        let is_mixed = |(_, of): &(String, Type)| has_mixed(of);
        !self.is_uneven && !self.has_others && !self.fields.iter().any(is_mixed)
    }

    /// Returns the `meta` of a record under this schema.
    pub fn write(&self, meta: &str) -> serde_json::Result<String> {
        let Fields(fields) = serde_json::from_str(meta)?;
        serde_json::to_string(&Written { schema: self, fields: &fields })
    }

    /// Returns the fields in the form of a dataset card, below `features:`.
    pub fn card(&self) -> String {
        let mut card =
            String::from("  - name: text\n    dtype: string\n  - name: meta\n    struct:\n");
        let in_order = self.in_order().map(|(name, of)| (name, of.clone()));
        let others = self.has_others.then_some((OTHERS, Type::Text));
        let (last, all): (Vec<_>, Vec<_>) = in_order.partition(|(name, _)| *name == ID);
        for (name, of) in all.into_iter().chain(others).chain(last) {
            describe(&mut card, 4, Some(name), &of);
        }
        card
    }

    /// Whether no record was added.
    pub fn is_empty(&self) -> bool {
        self.records == 0
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
        _ => of_number(json.parse::<i64>().is_ok(), json.parse::<f64>().is_ok_and(f64::is_finite)),
    }
}

fn of_number(is_int: bool, is_finite: bool) -> Type {
    match (is_int, is_finite) {
        (true, _) => Type::Int,
        (false, true) => Type::Float,
        (false, false) => Type::Mixed,
    }
}

fn of_value(value: &Value, level: usize) -> Type {
    match value {
        _ if level > LEVELS_MAX => Type::Mixed,
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(number) => of_number(number.is_i64(), true),
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

/// One feature in the form of a dataset card.
fn describe(card: &mut String, indent: usize, name: Option<&str>, of: &Type) {
    let pad = " ".repeat(indent);
    if let Some(name) = name {
        let name = serde_json::to_string(name).expect("a text");
        writeln!(card, "{pad}- name: {name}").expect("memory takes all");
    }
    let scalar = |of: &Type| match of {
        Type::Bool => Some("bool"),
        Type::Int => Some("int64"),
        Type::Float => Some("float64"),
        Type::Null | Type::Text | Type::Mixed => Some("string"),
        Type::List(_) | Type::Object(_) => None,
    };
    match of {
        _ if has_mixed(of) => writeln!(card, "{pad}  dtype: string").expect("memory takes all"),
        Type::List(inner) => match scalar(inner) {
            Some(dtype) => writeln!(card, "{pad}  list: {dtype}").expect("memory takes all"),
            None => {
                writeln!(card, "{pad}  list:").expect("memory takes all");
                match &**inner {
                    Type::Object(fields) => {
                        fields
                            .iter()
                            .for_each(|(name, of)| describe(card, indent + 2, Some(name), of));
                    }
                    inner => describe(card, indent + 2, None, inner),
                }
            }
        },
        Type::Object(fields) => {
            writeln!(card, "{pad}  struct:").expect("memory takes all");
            fields.iter().for_each(|(name, of)| describe(card, indent + 2, Some(name), of));
        }
        of => {
            let dtype = scalar(of).expect("no list and no object");
            writeln!(card, "{pad}  dtype: {dtype}").expect("memory takes all");
        }
    }
}

struct Written<'a> {
    schema: &'a Schema,
    fields: &'a [(String, &'a RawValue)],
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values: HashMap<&str, &RawValue> =
            self.fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut map = serializer.serialize_map(None)?;
        for (name, of) in self.schema.in_order() {
            if name == ID && self.schema.has_others {
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
        map.end()
    }
}

impl Written<'_> {
    /// The fields without a column, as the JSON of an object.
    fn others<S: Serializer>(&self) -> Result<String, S::Error> {
        let has_column = |name: &str| self.schema.places.contains_key(name);
        let others: Vec<_> = self.fields.iter().filter(|(name, _)| !has_column(name)).collect();
        let mut json = String::from("{");
        for (at, (name, value)) in others.iter().enumerate() {
            let name = serde_json::to_string(name).map_err(serde::ser::Error::custom)?;
            let comma = if at > 0 { "," } else { "" };
            write!(json, "{comma}{name}:{}", value.get()).map_err(serde::ser::Error::custom)?;
        }
        Ok(json + "}")
    }
}

/// The fields of an object in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

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
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
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

    fn schema(records: &[&str]) -> Schema {
        let mut schema = Schema::default();
        records.iter().for_each(|meta| schema.see(meta).unwrap());
        schema
    }

    #[test]
    fn records_of_one_form_are_unchanged() {
        let even = schema(&[
            r#"{"a":1,"b":"x","c":[{"d":1}],"n":null,"id":"1"}"#,
            r#"{"a":2,"b":"y","c":[],"n":null,"id":"2"}"#,
        ]);
        assert!(even.is_even());
        assert!(even.card().contains("- name: \"a\"\n      dtype: int64\n"), "{}", even.card());
    }

    #[test]
    fn records_of_several_forms_get_one_form() {
        let records = [
            r#"{"title":"A","year":1890,"tags":["x"],"id":"1"}"#,
            r#"{"title":"B","year":"1891","tags":{"k":1},"score":1,"id":"2"}"#,
            r#"{"author":null,"score":1.5,"id":"3"}"#,
        ];
        let schema = schema(&records);
        assert!(!schema.is_even());
        let written: Vec<String> = records.iter().map(|meta| schema.write(meta).unwrap()).collect();
        assert_eq!(
            written,
            [
                r#"{"title":"A","year":"1890","tags":"[\"x\"]","score":null,"author":null,"id":"1"}"#,
                r#"{"title":"B","year":"1891","tags":"{\"k\":1}","score":1,"author":null,"id":"2"}"#,
                r#"{"title":null,"year":null,"tags":null,"score":1.5,"author":null,"id":"3"}"#,
            ]
        );
    }

    #[test]
    fn fields_beyond_the_limit_are_combined() {
        let wide: Vec<String> = (0..300).map(|n| format!("\"f{n}\":{n}")).collect();
        let wide = format!("{{\"id\":\"1\",{}}}", wide.join(","));
        let schema = schema(&[&wide, r#"{"id":"2"}"#]);
        let written = schema.write(&wide).unwrap();
        let value: Value = serde_json::from_str(&written).unwrap();
        let others: Value = serde_json::from_str(value[OTHERS].as_str().unwrap()).unwrap();
        assert_eq!((&value["f0"], &others["f299"]), (&Value::from(0), &Value::from(299)));
        assert!(schema.write(r#"{"id":"2"}"#).unwrap().contains("\"other_fields\":\"{}\""));
    }
}
