//! Statistics of repeated measurements.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

/// Samples drawn again for an interval.
const RESAMPLES: usize = 2000;

/// Measurements of one figure.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

/// The figures that are printed for a sample.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// How many measurements.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// A quarter is smaller.
    pub quarter: f64,
    /// Half is smaller.
    pub median: f64,
    /// Three quarters are smaller.
    pub three_quarters: f64,
    /// Nineteen of twenty are smaller.
    pub p95: f64,
}

/// A ratio of two medians and its 95 % confidence interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// The ratio as measured.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Sample {
    /// One measurement.
    pub fn of(value: f64) -> Self {
        Self(vec![value])
    }

    /// Adds a measurement.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The figures that are printed.
    pub fn summary(&self) -> Summary {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        Summary {
            count: sorted.len(),
            min: quantile(&sorted, 0.0),
            quarter: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            three_quarters: quantile(&sorted, 0.75),
            p95: quantile(&sorted, 0.95),
        }
    }

    /// The median of `self` by the median of `other`, with a bootstrap interval. The seed is fixed, so
    /// the same measurements give the same interval.
    pub fn ratio_to(&self, other: &Self) -> Ratio {
        let mut chance = StdRng::seed_from_u64(1);
        let mut ratios: Vec<f64> = (0..RESAMPLES)
            .map(|_| self.drawn_median(&mut chance) / other.drawn_median(&mut chance))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        Ratio {
            value: self.summary().median / other.summary().median,
            low: quantile(&ratios, 0.025),
            high: quantile(&ratios, 0.975),
        }
    }

    /// The median of as many measurements, drawn with repetition.
    fn drawn_median(&self, chance: &mut StdRng) -> f64 {
        let mut drawn: Vec<f64> = (0..self.0.len())
            .filter_map(|_| self.0.get(chance.random_range(0..self.0.len())).copied())
            .collect();
        drawn.sort_unstable_by(f64::total_cmp);
        quantile(&drawn, 0.5)
    }
}

/// The value below which a `part` of `sorted` lies, between neighbours in proportion; not a number
/// when there is none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a list of at most some thousand values"
)]
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * place.fract(),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample(values.to_vec())
    }

    #[test]
    fn quantiles_lie_between_neighbours_in_proportion() {
        let summary = sample(&[4.0, 1.0, 3.0, 2.0, 5.0]).summary();
        assert_eq!(summary.min, 1.0);
        assert_eq!(summary.median, 3.0);
        assert_eq!(summary.quarter, 2.0);
        assert!((summary.p95 - 4.8).abs() < 1e-9);
    }

    #[test]
    fn a_ratio_lies_within_its_interval() {
        let twice = sample(&[2.0, 2.2, 1.8, 2.1, 1.9]);
        let once = sample(&[1.0, 1.1, 0.9, 1.0, 1.0]);
        let ratio = twice.ratio_to(&once);
        assert!((ratio.value - 2.0).abs() < 1e-9);
        assert!(ratio.low <= ratio.value && ratio.value <= ratio.high);
        assert!(ratio.low > 1.5 && ratio.high < 2.5);
    }

    #[test]
    fn nothing_measured_is_not_a_number() {
        assert!(Sample::default().summary().median.is_nan());
    }
}
