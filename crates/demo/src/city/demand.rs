//! The riders: how many bikes the city rents in an hour.

use super::calendar::Date;
use super::noise::{Memory, Noise};
use super::openness;
use super::weather::Air;

/// Random stream of the demand.
const STREAM: u64 = 2;
/// Rentals in an hour of profile 1 in mild, dry air on the first day.
const BASE: f64 = 330.0;
/// Growth per year, steady.
const GROWTH: f64 = 0.10;
/// Demand with all new stations open, relative to before.
const OPENED_DEMAND: f64 = 2.0;
/// Standard deviation of the noise of a whole day and of an hour, in logarithms.
const DAY_NOISE: f64 = 0.06;
const HOUR_NOISE: f64 = 0.12;

/// A bump in the day: (centre hour, width in hours, height).
type Peak = (f64, f64, f64);
/// The quietest hour of the night still sees this much.
const NIGHT: f64 = 0.015;
const WORKDAY: [Peak; 3] = [(8.0, 1.1, 0.95), (17.6, 1.7, 1.15), (12.8, 3.0, 0.38)];
const FREE_DAY: [Peak; 3] = [(13.6, 3.4, 0.78), (19.5, 2.5, 0.20), (0.6, 1.6, 0.16)];
/// The new stations stand by the river, the campus and the ring road: earlier mornings, later evenings, livelier noons and nights.
const WORKDAY_OPENED: [Peak; 3] = [(6.6, 1.2, 0.80), (19.4, 1.9, 1.05), (13.4, 3.2, 0.62)];
const FREE_DAY_OPENED: [Peak; 3] = [(15.6, 3.4, 0.80), (21.5, 2.2, 0.34), (0.8, 1.8, 0.20)];

/// The demand's state from day to day.
#[derive(Debug)]
pub(super) struct Riders {
    noise: Noise,
    mood: Memory,
}

impl Riders {
    /// The riders of `seed` before the first day.
    pub(super) fn new(seed: u64) -> Self {
        Self { noise: Noise::new(seed, STREAM), mood: Memory::new(0.5, DAY_NOISE) }
    }

    /// Begins a day; days differ in ways no column tells.
    pub(super) fn next_day(&mut self) {
        self.mood.step(&mut self.noise);
    }

    /// Rentals in hour `hr` of day `day`.
    pub(super) fn rentals(&mut self, day: u64, hr: u8, date: &Date, air: &Air) -> u32 {
        let hour_noise = HOUR_NOISE * self.noise.normal() - HOUR_NOISE * HOUR_NOISE / 2.0;
        let mean = expected(day, hr, date, air) * (self.mood.value() + hour_noise).exp();
        // A Poisson count by its normal approximation: good enough, and one draw whatever the mean.
        let count = mean + mean.sqrt() * self.noise.normal();
        count.round().clamp(0.0, f64::from(u32::MAX)) as u32
    }
}

/// The mean number of rentals, before noise.
fn expected(day: u64, hr: u8, date: &Date, air: &Air) -> f64 {
    let open = openness(day);
    let (before, after) = if date.workingday { (WORKDAY, WORKDAY_OPENED) } else { (FREE_DAY, FREE_DAY_OPENED) };
    let shape = (1.0 - open) * profile(&before, hr) + open * OPENED_DEMAND * profile(&after, hr);
    let growth = 1.0 + GROWTH * day as f64 / 365.25;
    BASE * shape * growth * comfort(air) * dryness(air.situation)
}

/// The height of the day's curve at `hr`; the clock is a circle.
fn profile(peaks: &[Peak], hr: u8) -> f64 {
    let bump = |&(centre, width, height): &Peak| {
        let apart = (f64::from(hr) - centre).abs();
        let apart = apart.min(24.0 - apart) / width;
        height * (-0.5 * apart * apart).exp()
    };
    NIGHT + peaks.iter().map(bump).sum::<f64>()
}

/// Few ride in the cold, most in mild air, some stay in when it is hot; wind and damp air put a few off.
fn comfort(air: &Air) -> f64 {
    let warmth = 0.30 + 0.70 * (1.0 - ((0.68 - air.felt).max(0.0) / 0.55).powi(2)).max(0.0);
    let heat = 1.0 - 0.5 * (air.felt - 0.80).max(0.0);
    warmth * heat * (1.0 - 0.25 * air.wind) * (1.0 - 0.35 * (air.humidity - 0.75).max(0.0))
}

/// What weather leaves of the demand.
fn dryness(situation: u8) -> f64 {
    match situation {
        1 => 1.0,
        2 => 0.93,
        3 => 0.62,
        _ => 0.35,
    }
}
