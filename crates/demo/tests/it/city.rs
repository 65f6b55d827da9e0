//! What must hold for every seed: the rows are complete and plausible, and the world changes where it says.

use std::sync::LazyLock;

use chrono::{Datelike as _, TimeDelta, Timelike as _};
use pitcrew_demo::city::{CHANGE_DAY, DAYS, FIRST_DAY, OPENING_DAYS, simulate};
use pitcrew_demo::hour::{Hour, to_csv};
use proptest::prelude::*;

static SEVEN: LazyLock<Vec<Hour>> = LazyLock::new(|| simulate(7));

fn mean(hours: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = hours.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / n
}

/// The hours of `days` days from day `from` on.
fn days(hours: &[Hour], from: u64, days: u64) -> &[Hour] {
    let at = |day: u64| usize::try_from(day * 24).unwrap();
    &hours[at(from)..at(from + days)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_seed_makes_two_whole_years_in_range(seed in any::<u64>()) {
        let hours = simulate(seed);
        prop_assert_eq!(hours.len() as u64, DAYS * 24);
        prop_assert_eq!(hours[0].start.date(), FIRST_DAY);
        for pair in hours.windows(2) {
            prop_assert_eq!(pair[1].start - pair[0].start, TimeDelta::hours(1), "a gap after {}", pair[0].start);
        }
        for hour in &hours {
            for unit in [hour.temp, hour.atemp, hour.hum, hour.windspeed] {
                prop_assert!((0.0..=1.0).contains(&unit), "{hour:?}");
            }
            prop_assert!((1..=4).contains(&hour.season) && (1..=4).contains(&hour.weathersit), "{hour:?}");
            prop_assert!(hour.cnt < 5_000, "{hour:?}");
            prop_assert_eq!(u32::from(hour.weekday), hour.start.weekday().num_days_from_sunday());
        }
    }

    #[test]
    fn the_change_doubles_demand_whatever_the_seed(seed in any::<u64>()) {
        let hours = simulate(seed);
        let demand = |from| mean(days(&hours, from, 56).iter().map(|hour| f64::from(hour.cnt)));
        let after = CHANGE_DAY + OPENING_DAYS;
        // The same eight weeks a year apart, one of them with the new stations.
        let ratio = demand(after) / demand(after - 365);
        prop_assert!((1.7..3.6).contains(&ratio), "{ratio}");
        // Before the change the second year differs by growth and weather only.
        let calm = demand(CHANGE_DAY - 56) / demand(CHANGE_DAY - 56 - 365);
        prop_assert!((0.7..1.6).contains(&calm), "{calm}");
    }
}

#[test]
fn a_seed_means_the_same_rows() {
    assert_eq!(simulate(7), *SEVEN);
    assert_ne!(simulate(8), *SEVEN);
    let first: Vec<Hour> = SEVEN.iter().copied().take(12).collect();
    insta::assert_snapshot!(to_csv(&first));
}

#[test]
fn commuters_peak_twice_and_later_after_the_change() {
    let busiest = |from: u64, hours: std::ops::Range<u32>| {
        let mut sums = [0.0; 24];
        for hour in days(&SEVEN, from, 70).iter().filter(|hour| hour.workingday) {
            sums[hour.start.hour() as usize] += f64::from(hour.cnt);
        }
        hours.max_by(|one, other| sums[*one as usize].total_cmp(&sums[*other as usize])).unwrap()
    };
    assert_eq!((busiest(120, 4..12), busiest(120, 14..23)), (8, 17));
    assert_eq!((busiest(CHANGE_DAY + OPENING_DAYS, 4..12), busiest(CHANGE_DAY + OPENING_DAYS, 14..23)), (7, 19));
}

#[test]
fn summer_is_warmer_and_busier_than_winter_and_rain_keeps_people_home() {
    let year = days(&SEVEN, 0, 365);
    let in_season =
        |season: u8, value: fn(&Hour) -> f64| mean(year.iter().filter(|hour| hour.season == season).map(value));
    assert!(in_season(3, |hour| hour.temp) > in_season(1, |hour| hour.temp) + 0.3);
    assert!(in_season(3, |hour| f64::from(hour.cnt)) > 1.4 * in_season(1, |hour| f64::from(hour.cnt)));
    let in_weather =
        |weather: u8| mean(year.iter().filter(|hour| hour.weathersit == weather).map(|hour| f64::from(hour.cnt)));
    assert!(in_weather(3) < 0.8 * in_weather(1));
}

#[test]
fn the_weather_lasts() {
    let temps: Vec<f64> = SEVEN.iter().map(|hour| hour.temp).collect();
    let centre = mean(temps.iter().copied());
    let spread = mean(temps.iter().map(|temp| (temp - centre).powi(2)));
    let after =
        |hours: usize| mean(temps.windows(hours + 1).map(|pair| (pair[0] - centre) * (pair[hours] - centre))) / spread;
    assert!(after(1) > 0.95 && after(24) > 0.8, "{} {}", after(1), after(24));
    let changes = SEVEN.windows(2).filter(|pair| pair[0].weathersit != pair[1].weathersit).count();
    assert!(changes * 6 < SEVEN.len(), "the sky changed {changes} times");
}
