//! The meaning of the values of a file, separated from its schema.
//!
//! The parquet crate converts values by the annotations of the schema. A text that is not UTF-8 ends
//! its row group there, and some annotations end in a panic. So the crate gets a schema without them,
//! and their meaning is kept separately.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{SchemaDescriptor, Type};
use std::sync::Arc;

/// The meaning of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// As the crate returns it.
    Plain,
    Text,
    /// Days since 1970.
    Date,
    /// Since midnight; the number of units in a second.
    Time(i64),
    /// Since 1970; the number of units in a second.
    Timestamp(i64),
    Uuid,
    /// The fields of a group.
    Group(Vec<(String, Shape)>),
    /// The elements of a list.
    List(Box<Shape>),
    /// Keys and values.
    Map(Box<(Shape, Shape)>),
}

/// Returns the schema without annotations, and the meaning of its columns.
pub(super) fn of(
    schema: &SchemaDescriptor,
) -> Result<(SchemaDescriptor, Vec<(String, Shape)>), ParquetError> {
    let fields = schema.root_schema().get_fields();
    let plain = fields.iter().map(|field| plain(field)).collect::<Result<_, _>>()?;
    let root = Type::group_type_builder(schema.name()).with_fields(plain).build()?;
    Ok((SchemaDescriptor::new(Arc::new(root)), children(fields)))
}

fn children(fields: &[Arc<Type>]) -> Vec<(String, Shape)> {
    fields.iter().map(|field| (field.name().to_owned(), shape(field))).collect()
}

fn repetition(field: &Type) -> Repetition {
    let info = field.get_basic_info();
    if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED }
}

/// Returns a type without the annotations that the crate does not need.
fn plain(field: &Type) -> Result<Arc<Type>, ParquetError> {
    if field.is_primitive() {
        if is_kept(field) {
            return Ok(Arc::new(field.clone()));
        }
        let length = match field {
            Type::PrimitiveType { type_length, .. } => *type_length,
            Type::GroupType { .. } => -1,
        };
        let plain = Type::primitive_type_builder(field.name(), field.get_physical_type())
            .with_repetition(repetition(field))
            .with_length(length);
        return Ok(Arc::new(plain.build()?));
    }
    let fields = field.get_fields().iter().map(|field| plain(field)).collect::<Result<_, _>>()?;
    let annotation = match kind(field) {
        Kind::List => ConvertedType::LIST,
        Kind::Map => ConvertedType::MAP,
        Kind::Group => ConvertedType::NONE,
    };
    let plain = Type::group_type_builder(field.name())
        .with_repetition(repetition(field))
        .with_converted_type(annotation)
        .with_fields(fields);
    Ok(Arc::new(plain.build()?))
}

/// Whether the crate's own conversion of a leaf is used.
fn is_kept(field: &Type) -> bool {
    use ConvertedType as Converted;
    let info = field.get_basic_info();
    let converted = info.converted_type();
    match field.get_physical_type() {
        Physical::INT32 => matches!(
            converted,
            Converted::INT_8
                | Converted::INT_16
                | Converted::INT_32
                | Converted::UINT_8
                | Converted::UINT_16
                | Converted::UINT_32
                | Converted::DECIMAL
        ),
        Physical::INT64 => {
            matches!(converted, Converted::INT_64 | Converted::UINT_64 | Converted::DECIMAL)
        }
        Physical::BYTE_ARRAY => converted == Converted::DECIMAL,
        Physical::FIXED_LEN_BYTE_ARRAY => {
            converted == Converted::DECIMAL
                || info.logical_type_ref() == Some(&LogicalType::Float16)
        }
        _ => false,
    }
}

enum Kind {
    List,
    Map,
    Group,
}

/// Returns the kind of a group. One that is annotated as a list or a map without being one is a group.
fn kind(group: &Type) -> Kind {
    let converted = group.get_basic_info().converted_type();
    let [only] = group.get_fields() else { return Kind::Group };
    if repetition(only) != Repetition::REPEATED || repetition(group) == Repetition::REPEATED {
        return Kind::Group;
    }
    let inner = if only.is_primitive() { 0 } else { only.get_fields().len() };
    match converted {
        ConvertedType::LIST if only.is_primitive() || inner > 0 => Kind::List,
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE if inner == 1 || inner == 2 => Kind::Map,
        _ => Kind::Group,
    }
}

fn shape(field: &Type) -> Shape {
    let one = if field.is_primitive() {
        leaf(field)
    } else {
        let fields = field.get_fields();
        match kind(field) {
            Kind::Group => Shape::Group(children(fields)),
            Kind::List => {
                let repeated = &fields[0];
                let element = match repeated.is_primitive() {
                    true => leaf(repeated),
                    false if repeated.get_fields().len() == 1 => shape(&repeated.get_fields()[0]),
                    false => Shape::Group(children(repeated.get_fields())),
                };
                Shape::List(Box::new(element))
            }
            Kind::Map => match fields[0].get_fields() {
                [key, value] => Shape::Map(Box::new((shape(key), shape(value)))),
                other => Shape::List(Box::new(shape(&other[0]))),
            },
        }
    };
    match repetition(field) {
        Repetition::REPEATED => Shape::List(Box::new(one)),
        _ => one,
    }
}

fn leaf(field: &Type) -> Shape {
    let info = field.get_basic_info();
    let a_second = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    match (info.logical_type_ref(), info.converted_type(), field.get_physical_type()) {
        (_, _, Physical::INT96) => Shape::Timestamp(1_000),
        (Some(LogicalType::Date), _, Physical::INT32) => Shape::Date,
        (Some(LogicalType::Time(time)), _, Physical::INT32 | Physical::INT64) => {
            Shape::Time(a_second(&time.unit))
        }
        (Some(LogicalType::Timestamp(time)), _, Physical::INT64) => {
            Shape::Timestamp(a_second(&time.unit))
        }
        (Some(LogicalType::Uuid), ..) => Shape::Uuid,
        (_, ConvertedType::DATE, Physical::INT32) => Shape::Date,
        (_, ConvertedType::TIME_MILLIS, Physical::INT32) => Shape::Time(1_000),
        (_, ConvertedType::TIME_MICROS, Physical::INT64) => Shape::Time(1_000_000),
        (_, ConvertedType::TIMESTAMP_MILLIS, Physical::INT64) => Shape::Timestamp(1_000),
        (_, ConvertedType::TIMESTAMP_MICROS, Physical::INT64) => Shape::Timestamp(1_000_000),
        (
            _,
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON,
            Physical::BYTE_ARRAY,
        ) => Shape::Text,
        _ => Shape::Plain,
    }
}
