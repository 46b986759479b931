//! How often values occur, kept and dropped.

use serde::Serialize;

/// Bins of values from 0 to 1.
const UNIT_BINS: usize = 50;

/// Bins of each power of two.
const OCTAVE_BINS: u32 = 4;

/// Powers of two: from 1 to a million.
const OCTAVES: u32 = 20;

/// The values that a scale covers, and how they are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scale {
    /// From 0 to 1, in equal bins.
    Unit,
    /// From 1 on, four bins for each power of two.
    Octaves,
}

impl Scale {
    /// Returns the bin of a value; those beyond an end are in the last bin there.
    fn bin(self, value: f64) -> usize {
        match self {
            Scale::Unit => ((value * UNIT_BINS as f64) as usize).min(UNIT_BINS - 1),
            Scale::Octaves => {
                // Exponent and first two bits of the mantissa: bins of equal width within an octave.
                let high = |value: f64| (value.to_bits() >> (52 - OCTAVE_BINS.ilog2())) as i64;
                let bin = high(value.max(1.0)) - high(1.0);
                (bin as usize).min((OCTAVES * OCTAVE_BINS) as usize - 1)
            }
        }
    }

    fn bins(self) -> usize {
        match self {
            Scale::Unit => UNIT_BINS,
            Scale::Octaves => (OCTAVES * OCTAVE_BINS) as usize,
        }
    }

    /// The lower end of a bin.
    pub fn low(self, bin: usize) -> f64 {
        match self {
            Scale::Unit => bin as f64 / UNIT_BINS as f64,
            Scale::Octaves => {
                let (octave, part) = (bin as u32 / OCTAVE_BINS, bin as u32 % OCTAVE_BINS);
                2f64.powi(octave as i32) * (1.0 + f64::from(part) / f64::from(OCTAVE_BINS))
            }
        }
    }
}

/// Counts of values by bin.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Histogram {
    pub scale: Scale,
    /// Documents kept, by bin.
    pub kept: Vec<u64>,
    /// Documents dropped, by bin.
    pub dropped: Vec<u64>,
}

impl Histogram {
    /// No values yet.
    pub fn new(scale: Scale) -> Histogram {
        let empty = vec![0; scale.bins()];
        Histogram { scale, kept: empty.clone(), dropped: empty }
    }

    /// Adds a value, unless it is not a number: absent.
    #[inline]
    pub fn add(&mut self, value: f64, is_kept: bool) {
        if !value.is_nan() {
            let bins = if is_kept { &mut self.kept } else { &mut self.dropped };
            bins[self.scale.bin(value)] += 1;
        }
    }

    /// Adds the values of another one with the same scale.
    pub fn merge(&mut self, other: &Histogram) {
        let pairs = [(&mut self.kept, &other.kept), (&mut self.dropped, &other.dropped)];
        for (into, from) in pairs {
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        }
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.kept.iter().chain(&self.dropped).all(|count| *count == 0)
    }

    /// The bins from the first to the last that is not empty.
    pub fn used(&self) -> std::ops::Range<usize> {
        let is_used = |bin: &usize| self.kept[*bin] + self.dropped[*bin] > 0;
        let first = (0..self.kept.len()).find(is_used).unwrap_or_default();
        first..(first..self.kept.len()).rfind(is_used).unwrap_or(first) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_bins_that_begin_at_or_before_them() {
        for scale in [Scale::Unit, Scale::Octaves] {
            for bin in 0..scale.bins() {
                let low = scale.low(bin);
                assert_eq!(scale.bin(low * (1.0 + 1e-12)), bin, "{scale:?} {low}");
            }
        }
        assert_eq!(Scale::Unit.bin(1.0), UNIT_BINS - 1);
        assert_eq!(Scale::Unit.bin(-0.1), 0);
        assert_eq!(Scale::Octaves.bin(0.0), 0);
        assert_eq!(Scale::Octaves.bin(f64::INFINITY), Scale::Octaves.bins() - 1);
        let mut histogram = Histogram::new(Scale::Unit);
        histogram.add(f64::NAN, true);
        assert!(histogram.is_empty());
    }
}
