//! The value of a signal, and upstream's rounding.

use serde::{Serialize, Serializer};

/// The value of a signal for a document or a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// No value: the text has no words, or the signal's list or model is missing.
    Absent,
    /// A count, serialized without a decimal point.
    Count(u64),
    /// Any other number.
    Real(f64),
}

impl Value {
    /// Returns the number, if there is one.
    pub fn number(self) -> Option<f64> {
        match self {
            Value::Absent => None,
            Value::Count(count) => Some(count as f64),
            Value::Real(real) => Some(real),
        }
    }

    /// Returns `part / whole` to eight decimals; absent if `whole` is 0.
    pub(crate) fn ratio(part: usize, whole: usize) -> Self {
        match whole {
            0 => Value::Absent,
            _ => Value::Real(round8(part as f64 / whole as f64)),
        }
    }

    /// [`Value::ratio`], but 0 if `whole` is 0.
    pub(crate) fn ratio_or_zero(part: usize, whole: usize) -> Self {
        match whole {
            0 => Value::Real(0.0),
            _ => Value::ratio(part, whole),
        }
    }
}

impl From<Option<f64>> for Value {
    fn from(real: Option<f64>) -> Self {
        real.map_or(Value::Absent, Value::Real)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Absent => serializer.serialize_none(),
            Value::Count(count) => serializer.serialize_u64(*count),
            Value::Real(real) => serializer.serialize_f64(*real),
        }
    }
}

/// Python's `round(value, 8)`: rounds the exact binary value to the nearest decimal, and halves to
/// even.
pub(crate) fn round8(value: f64) -> f64 {
    const SCALE: f64 = 1e8;
    let scaled = value * SCALE;
    let nearest = scaled.round();
    let from_half = ((scaled - nearest).abs() - 0.5).abs();
    // The product is off by at most half a unit in its last place, which only matters near a half.
    // Elsewhere the quotient of the two exact numbers is the nearest one.
    if scaled.abs() < 1e15 && from_half > scaled.abs() * f64::EPSILON {
        return nearest / SCALE;
    }
    format!("{value:.8}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(value: f64) -> f64 {
        format!("{value:.8}").parse().expect("a number")
    }

    #[test]
    fn halves_are_rounded_by_the_exact_binary_value() {
        // Python: round(x, 8) of each.
        for (value, rounded) in
            [(2.0 / 3.0, 0.66666667), (0.5, 0.5), (5e-9, 1e-8), (2.5e-8, 2e-8), (1.5e-8, 1e-8)]
        {
            assert_eq!(round8(value), exact(value));
            assert_eq!(round8(value), rounded, "{value}");
        }
    }

    #[test]
    fn numbers_beyond_rounding_stay() {
        for value in [0.0, 1e300, -1e18, f64::INFINITY, 123_456_789.0] {
            assert_eq!(round8(value), value);
        }
        assert!(round8(f64::NAN).is_nan());
    }

    #[test]
    fn values_are_serialized_as_json() {
        let values = [Value::Absent, Value::Count(4), Value::Real(4.0)];
        assert_eq!(serde_json::to_string(&values).expect("JSON"), "[null,4,4.0]");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn the_fast_path_is_exact(part in 0u64..100_000, whole in 1u64..100_000) {
            let value = part as f64 / whole as f64;
            prop_assert_eq!(round8(value), exact(value));
        }

        #[test]
        fn the_fast_path_is_exact_near_halves(whole in 0u64..1_000_000_000, ulps in -3i64..4) {
            let value = (whole as f64 + 0.5) / 1e8;
            let value = f64::from_bits(value.to_bits().wrapping_add_signed(ulps));
            prop_assert_eq!(round8(value), exact(value));
        }
    }
}
