//! Discounts: how much each count is reduced in favor of unseen n-grams.

use super::TrainingError;

/// Counts of counts of the n-grams of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Distinct n-grams, including pruned ones.
    pub found: u64,
    /// Of these, n-grams that stay in the model.
    pub kept: u64,
    /// Number of n-grams with an adjusted count of 0, 1, 2, 3, 4.
    with_count: [u64; 5],
}

impl Statistics {
    pub(super) fn add(&mut self, count: u64, pruned: bool) {
        self.found += 1;
        self.kept += u64::from(!pruned);
        if let Some(with_count) = self.with_count.get_mut(count as usize) {
            *with_count += 1;
        }
    }
}

/// Discounts of counts of 1, 2, and 3 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discounts {
    /// `D1`, `D2`, `D3+`.
    pub amounts: [f32; 3],
    /// Whether the counts were too few or too uniform for an estimate, so that these are the discounts
    /// of the options.
    pub is_fallback: bool,
}

impl Discounts {
    /// Chen and Goodman 1998, equation 26, in single precision as KenLM.
    pub(super) fn estimate(
        order: usize,
        statistics: &Statistics,
        fallback: Option<[f32; 3]>,
    ) -> Result<Self, TrainingError> {
        let [_, n1, n2, _, _] = statistics.with_count;
        let y = n1 as f32 / (n1 as f64 + 2.0 * n2 as f64) as f32;
        let amounts = [1, 2, 3].map(|count: usize| {
            let [n, more] = [count, count + 1].map(|count| statistics.with_count[count]);
            count as f32 - (count + 1) as f32 * y * more as f32 / n as f32
        });
        let is_sound = |(index, amount): (usize, &f32)| {
            statistics.with_count[index + 1] > 0 && (0.0..=(index + 1) as f32).contains(amount)
        };
        if amounts.iter().enumerate().all(is_sound) {
            return Ok(Self { amounts, is_fallback: false });
        }
        let Some(amounts) = fallback else {
            let problem = format!(
                "is too small or too even to estimate discounts of {order}-grams; use more text, \
                 remove repeated lines, or allow fallback discounts"
            );
            return Err(TrainingError::Text(problem));
        };
        Ok(Self { amounts, is_fallback: true })
    }

    pub(super) fn of(&self, count: u64) -> f32 {
        match count {
            0 => 0.0,
            1..=3 => self.amounts[count as usize - 1],
            _ => self.amounts[2],
        }
    }
}
