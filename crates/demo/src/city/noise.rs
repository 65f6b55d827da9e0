//! Seeded randomness with a fixed recipe, so that a seed means the same rows in every release.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// 2^-53: turns 53 random bits into a fraction.
const FRACTION: f64 = 1.0 / 9_007_199_254_740_992.0;

/// A stream of random numbers; each user has its own, so one can change without moving the others.
#[derive(Debug)]
pub(super) struct Noise(ChaCha8Rng);

impl Noise {
    /// Stream number `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in [0, 1).
    pub(super) fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * FRACTION
    }

    /// Standard normal, by Box and Muller (1958).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        radius * (TAU * self.fraction()).cos()
    }
}

/// A value that remembers: a first-order autoregression with a given long-run standard deviation.
#[derive(Debug)]
pub(super) struct Memory {
    value: f64,
    keep: f64,
    spread: f64,
}

impl Memory {
    /// `keep` is the correlation with the step before, `deviation` the long-run standard deviation.
    pub(super) fn new(keep: f64, deviation: f64) -> Self {
        Self { value: 0.0, keep, spread: deviation * (1.0 - keep * keep).sqrt() }
    }

    /// The next value.
    pub(super) fn step(&mut self, noise: &mut Noise) -> f64 {
        self.value = self.keep * self.value + self.spread * noise.normal();
        self.value
    }

    /// The present value.
    pub(super) fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_has_the_stated_deviation() {
        let mut noise = Noise::new(1, 0);
        let mut memory = Memory::new(0.9, 2.0);
        let n = 100_000;
        let squares: f64 = (0..n).map(|_| memory.step(&mut noise).powi(2)).sum();
        let deviation = (squares / f64::from(n)).sqrt();
        assert!((deviation - 2.0).abs() < 0.1, "{deviation}");
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(Noise::new(7, 1).fraction(), Noise::new(7, 2).fraction());
    }
}
