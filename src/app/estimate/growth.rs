//! How the share of what is new falls with the amount: a sample meets fewer of the copies that a
//! whole dump has.
//!
//! After `n` paragraphs, `D(n)` were new. The law is `D(n) = p n + c n^g`: a share `p` of paragraphs
//! is unlike all others, and the rest repeats itself ever more, as words do (Heaps' law). `p` and
//! `c` are fitted for each exponent `g` to the shares `D(n) / n` at the ends of the stages of the
//! sample. No exponent can be told from a sample alone: the forecast is the mean over the exponents,
//! each weighted by how well it fits, and their deviation is its uncertainty.

/// Exponents that are tried, in steps of their number's inverse between 0 and 1.
const EXPONENTS: u32 = 20;

/// Deviations of a fit up to this share of the measured value say nothing about the exponent.
const NOISE_MIN: f64 = 0.003;

/// What was compared up to the end of a stage of the sample, and how much of it was new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Paragraphs or documents compared.
    pub compared: f64,
    /// Of these, those that were new.
    pub new: f64,
}

impl Point {
    fn share(&self) -> f64 {
        self.new / self.compared
    }
}

/// The share of what is new in all of an amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Novelty {
    /// The share.
    pub share: f64,
    /// The deviation of the laws that fit.
    pub deviation: f64,
}

/// Returns the share of `total` that is new. `points` are cumulative.
pub(crate) fn novelty(points: &[Point], total: f64) -> Novelty {
    let points: Vec<Point> = points.iter().copied().filter(|point| point.compared > 0.0).collect();
    let Some(last) = points.last() else { return Novelty { share: 1.0, deviation: 0.0 } };
    // With one stage, there is nothing to fit.
    if points.len() < 2 || total <= last.compared {
        return Novelty { share: last.share(), deviation: 0.0 };
    }
    let fits: Vec<Fit> = (1..EXPONENTS)
        .map(|step| Fit::of(&points, f64::from(step) / f64::from(EXPONENTS), total))
        .collect();
    let least = fits.iter().map(|fit| fit.error).fold(f64::INFINITY, f64::min);
    let free = points.len().saturating_sub(2).max(1) as f64;
    let noise = (least / free).max((NOISE_MIN * last.share()).powi(2)).max(f64::MIN_POSITIVE);
    let weight = |fit: &Fit| (-(fit.error - least) / (2.0 * noise)).exp();
    let weights: f64 = fits.iter().map(weight).sum();
    let mean = |of: &dyn Fn(&Fit) -> f64| -> f64 {
        fits.iter().map(|fit| weight(fit) * of(fit)).sum::<f64>() / weights
    };
    let share = mean(&|fit| fit.forecast);
    Novelty { share, deviation: mean(&|fit| (fit.forecast - share).powi(2)).sqrt() }
}

/// The law with one exponent, fitted by least squares.
struct Fit {
    /// The sum of squares of what it misses.
    error: f64,
    /// The share of the total that it forecasts, from the last point on.
    forecast: f64,
}

impl Fit {
    fn of(points: &[Point], exponent: f64, total: f64) -> Fit {
        let place = |compared: f64| compared.powf(exponent - 1.0);
        let all = || points.iter().map(|point| (place(point.compared), point.share()));
        let count = points.len() as f64;
        let (x, y) = all().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / count, sum.1 + y / count));
        let sum = |of: &dyn Fn(f64, f64) -> f64| all().map(|(a, b)| of(a, b)).sum::<f64>();
        let slope = sum(&|a, b| (a - x) * (b - y)) / sum(&|a, _| (a - x).powi(2));
        let (slope, unique) = match slope.max(0.0) {
            slope if slope * x <= y => (slope, y - slope * x),
            // Nothing is always new.
            _ => (sum(&|a, b| a * b) / sum(&|a, _| a * a), 0.0),
        };
        let error = sum(&|a, b| (unique + slope * a - b).powi(2));
        let last = points.last().expect("two points at least");
        let fallen = slope * (place(last.compared) - place(total));
        Fit { error, forecast: (last.share() - fallen).max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of a law, at eight stages of a sample of `sample`.
    fn points(sample: f64, law: impl Fn(f64) -> f64) -> Vec<Point> {
        let stages = (1..=8).map(|stage| sample * f64::from(stage) / 8.0);
        stages.map(|compared| Point { compared, new: law(compared) }).collect()
    }

    #[test]
    fn a_share_that_does_not_fall_stays() {
        for share in [1.0, 0.4, 0.0] {
            let found = novelty(&points(1000.0, |n| share * n), 1e9);
            assert!((found.share - share).abs() < 1e-9 && found.deviation < 1e-6, "{found:?}");
        }
        assert_eq!(novelty(&[], 1e9), Novelty { share: 1.0, deviation: 0.0 });
    }

    #[test]
    fn what_was_read_whole_is_what_was_measured() {
        let points = points(1000.0, |n| n.powf(0.9));
        let measured = 1000f64.powf(0.9) / 1000.0;
        assert!((novelty(&points, 1000.0).share - measured).abs() < 1e-12);
        assert!((novelty(&points[..1], 1e6).share - 125f64.powf(-0.1)).abs() < 1e-12);
    }

    #[test]
    fn mixtures_are_forecast_from_a_tenth_and_from_a_hundredth() {
        // Shares that are always new, and exponents of the rest.
        for (unique, exponent) in [(0.4, 0.7), (0.3, 0.5), (0.0, 0.85), (0.6, 0.3)] {
            let law = |n: f64| {
                unique * n + (1.0 - unique) * n.powf(exponent) * 1e6f64.powf(1.0 - exponent)
            };
            let total = 1e8;
            let truth = law(total) / total;
            for (sample, tolerance) in [(1e7, 0.01), (1e6, 0.04)] {
                let found = novelty(&points(sample, law), total);
                let error = (found.share / truth - 1.0).abs();
                assert!(error < tolerance, "{unique} {exponent} {sample}: {found:?}, {truth}");
            }
        }
    }
}
