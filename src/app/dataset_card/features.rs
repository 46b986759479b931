//! The types of records, as a dataset card states them.

use corpus::export::{Format, Options, Type, parquet_columns};
use serde_json::{Value, json};

/// The fields of records, with their types.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Features(Vec<(String, Type)>);

/// Returns the features of a slice whose documents have the fields `meta`.
pub(super) fn slice_features(options: &Options, meta: &[(String, Type)]) -> Features {
    if options.format == Format::Parquet {
        let of = |dtype: &str| match dtype {
            "float64" => Type::Float,
            "int64" => Type::Int,
            _ => Type::Text,
        };
        let columns = parquet_columns(options.records).into_iter();
        return Features(columns.map(|(name, dtype)| (name.to_owned(), of(dtype))).collect());
    }
    let of = |name: &&str| {
        let is_meta = *name == options.records.meta();
        let of = if is_meta { Type::Object(meta.to_vec()) } else { Type::Text };
        ((*name).to_owned(), of)
    };
    Features(options.records.fields().iter().map(of).collect())
}

/// Returns features as which the records of all slices can be read; `None` if there are no slices. A
/// field that a slice lacks is null in its records. A field that is a list or an object in one slice
/// and not in another is JSON ([`Type::Mixed`]), such as the languages of a repository.
pub(super) fn all_alike<'f>(mut slices: impl Iterator<Item = &'f Features>) -> Option<Features> {
    let Features(mut all) = slices.next()?.clone();
    for Features(fields) in slices {
        all = alike_fields(all, fields);
    }
    Some(Features(all))
}

fn alike_fields(mut known: Vec<(String, Type)>, more: &[(String, Type)]) -> Vec<(String, Type)> {
    for (name, of) in more {
        match known.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = alike(known, of),
            None => known.push((name.clone(), of.clone())),
        }
    }
    known
}

fn alike(one: &Type, other: &Type) -> Type {
    let is_nested = |of: &Type| matches!(of, Type::List(_) | Type::Object(_) | Type::Mixed);
    match (one, other) {
        (one, other) if one == other => one.clone(),
        (Type::Null, of) | (of, Type::Null) => of.clone(),
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
        (Type::List(one), Type::List(other)) => Type::List(Box::new(alike(one, other))),
        (Type::Object(one), Type::Object(other)) => Type::Object(alike_fields(one.clone(), other)),
        // Readers convert any single value to a string.
        (one, other) if !is_nested(one) && !is_nested(other) => Type::Text,
        _ => Type::Mixed,
    }
}

impl Features {
    /// Returns the features in the form of a dataset card, below `features:`.
    pub fn json(&self) -> Value {
        fields_json(&self.0)
    }
}

fn fields_json(fields: &[(String, Type)]) -> Value {
    let field = |(name, of): &(String, Type)| {
        let mut field = described(of);
        field["name"] = json!(name);
        field
    };
    fields.iter().map(field).collect()
}

fn described(of: &Type) -> Value {
    match of {
        Type::List(inner) => match &**inner {
            Type::Object(fields) => json!({"list": fields_json(fields)}),
            Type::List(_) => json!({"list": described(inner)}),
            inner => json!({"list": dtype(inner)}),
        },
        Type::Object(fields) => json!({"struct": fields_json(fields)}),
        of => json!({"dtype": dtype(of)}),
    }
}

fn dtype(of: &Type) -> &'static str {
    match of {
        Type::Bool => "bool",
        Type::Int => "int64",
        Type::Float => "float64",
        Type::Mixed => "json",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(fields: &[(&str, Type)]) -> Features {
        Features(fields.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect())
    }

    #[test]
    fn slices_are_read_as_one_if_their_types_permit() {
        let a = features(&[("a", Type::Int), ("b", Type::Text), ("c", Type::Null)]);
        let b = features(&[("a", Type::Float), ("b", Type::Int), ("d", Type::Bool)]);
        let expected =
            [("a", Type::Float), ("b", Type::Text), ("c", Type::Null), ("d", Type::Bool)];
        assert_eq!(all_alike([&a, &b].into_iter()), Some(features(&expected)));
        let c = features(&[("b", Type::List(Box::new(Type::Text)))]);
        let mixed = all_alike([&a, &c, &b].into_iter()).unwrap();
        assert_eq!(mixed.0[1], ("b".to_owned(), Type::Mixed));
        assert_eq!(mixed.json()[1], json!({"name": "b", "dtype": "json"}));
        assert_eq!(all_alike(std::iter::empty()), None);
    }

    #[test]
    fn types_are_described_as_hugging_face_names_them() {
        let object = Type::Object(vec![("k".into(), Type::Int)]);
        let all = features(&[
            ("l", Type::List(Box::new(Type::Float))),
            ("o", Type::List(Box::new(object.clone()))),
            ("s", object),
            ("n", Type::Null),
        ]);
        assert_eq!(
            all.json(),
            json!([
                {"name": "l", "list": "float64"},
                {"name": "o", "list": [{"name": "k", "dtype": "int64"}]},
                {"name": "s", "struct": [{"name": "k", "dtype": "int64"}]},
                {"name": "n", "dtype": "string"},
            ])
        );
    }
}
