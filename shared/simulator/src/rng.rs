//! A seeded random number generator: the same seed gives the same run.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The one source of chance of a simulated vendor.
#[derive(Debug)]
pub(crate) struct SeededRng(StdRng);

impl SeededRng {
    /// SeededRng whose throws follow from `seed` alone.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// True with the given probability; values outside 0 to 1 count as the nearer bound.
    ///
    /// A probability of 0 or 1 draws no number, so switching a fault off leaves the rest of the run as
    /// it was.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        if probability <= 0.0 || probability.is_nan() {
            return false;
        }
        probability >= 1.0 || self.0.random_bool(probability)
    }

    /// A whole number from `0` to `most`, both included.
    pub(crate) fn up_to(&mut self, most: i64) -> i64 {
        if most <= 0 {
            0
        } else {
            self.0.random_range(0..=most)
        }
    }

    /// A random identifier in the usual form of a GUID.
    pub(crate) fn guid(&mut self) -> String {
        let digits = format!("{:032x}", self.0.random::<u128>());
        format!(
            "{}-{}-4{}-a{}-{}",
            &digits[0..8],
            &digits[8..12],
            &digits[13..16],
            &digits[17..20],
            &digits[20..32]
        )
    }

    /// `length` lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        let mut digits = String::with_capacity(length + 32);
        while digits.len() < length {
            digits.push_str(&format!("{:032x}", self.0.random::<u128>()));
        }
        digits.truncate(length);
        digits
    }
}
