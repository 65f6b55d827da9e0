//! The sky over the city: seasons and days as waves, fronts as autoregressions, rain as a state that lasts.

use std::f64::consts::TAU;

use super::noise::{Memory, Noise};

/// Random stream of the weather.
const STREAM: u64 = 1;
/// Days in a year, for the wave of the seasons.
const YEAR: f64 = 365.25;
/// The coldest day of the year and the coldest hour of the day.
const COLDEST_DAY: f64 = 22.0;
const COLDEST_HOUR: f64 = 5.0;

/// The air of one hour; every figure lies on a scale from 0 to 1, rounded to four decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Air {
    /// 1 clear, 2 cloudy, 3 light rain or snow, 4 storm.
    pub(super) situation: u8,
    pub(super) temp: f64,
    pub(super) felt: f64,
    pub(super) humidity: f64,
    pub(super) wind: f64,
}

/// The weather's state from hour to hour.
#[derive(Debug)]
pub(super) struct Sky {
    noise: Noise,
    front: Memory,
    cloud: Memory,
    gust: Memory,
}

impl Sky {
    /// The sky of `seed` before its first hour.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            noise: Noise::new(seed, STREAM),
            // Warm and cold fronts last some three days, clouds and rain half a day, wind a few hours.
            front: Memory::new(0.986, 0.065),
            cloud: Memory::new(0.93, 1.0),
            gust: Memory::new(0.85, 1.0),
        }
    }

    /// The air of hour `hr` of day `day` (counted from the first). Call it hour after hour.
    pub(super) fn next_hour(&mut self, day: u64, hr: u8) -> Air {
        let front = self.front.step(&mut self.noise);
        let cloud = self.cloud.step(&mut self.noise);
        let gust = self.gust.step(&mut self.noise);

        let situation = situation(cloud);
        let sun = if situation == 1 { 1.0 } else { 0.55 };
        let season = -(TAU * (day as f64 - COLDEST_DAY) / YEAR).cos();
        let hour = -(TAU * (f64::from(hr) - COLDEST_HOUR) / 24.0).cos();
        let temp = unit(0.49 + 0.26 * season + 0.075 * sun * hour + front);
        let humidity = unit(0.62 - 0.11 * hour + 0.11 * cloud + 0.02 * self.noise.normal());
        let wind = unit(0.19 + 0.04 * hour + 0.085 * gust);
        let felt = unit(temp + 0.05 * (humidity - 0.6) * temp - 0.09 * wind);
        Air { situation, temp, felt, humidity, wind }
    }
}

/// Reads the weather off the cloud: about two thirds clear, a quarter cloudy, a twelfth wet, storms rare.
fn situation(cloud: f64) -> u8 {
    match cloud {
        c if c < 0.42 => 1,
        c if c < 1.38 => 2,
        c if c < 3.0 => 3,
        _ => 4,
    }
}

/// Clamps to the scale and rounds to four decimals, so that a row is the same in memory and in its file.
fn unit(value: f64) -> f64 {
    (value.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0
}
