//! Seeded randomness for simulations.

/// A small generator (xorshift64*), enough for simulations of this size.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| {
            rng.bits();
        });
        rng
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((self.uniform() * bound as f64) as usize).min(bound - 1)
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t with three degrees of freedom: a variance, and no more.
    pub fn heavy(&mut self) -> f64 {
        let chi = (0..3).map(|_| self.normal().powi(2)).sum::<f64>();
        self.normal() / (chi / 3.0).sqrt()
    }

    /// Exponential with mean one, centred.
    pub fn skewed(&mut self) -> f64 {
        -self.uniform().ln() - 1.0
    }
}

/// A first-order autoregression with standard deviation one.
pub struct Remembering {
    pub memory: f64,
    pub last: f64,
}

impl Remembering {
    pub fn new(memory: f64, rng: &mut Rng) -> Self {
        Self { memory, last: rng.normal() }
    }

    pub fn next(&mut self, rng: &mut Rng) -> f64 {
        self.last = self.memory * self.last + (1.0 - self.memory * self.memory).sqrt() * rng.normal();
        self.last
    }
}

/// The median of some whole numbers.
pub fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
