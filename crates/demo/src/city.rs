//! A seeded city: two years of hourly bike rentals whose world changes in the second spring.
//!
//! The law behind a count is a product: hour-of-day profile x comfort of the air x weather x growth x noise. On [`CHANGE_DAY`] new stations
//! open: demand doubles within [`OPENING_DAYS`] days and people travel at other hours. Nothing in the inputs says so, which is the point: a model
//! trained before that day is wrong after it, and only late labels can tell.

mod calendar;
mod demand;
mod noise;
mod weather;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use crate::hour::Hour;

/// The first simulated day.
pub const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2011, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};
/// How many days are simulated: two years, the second a leap year.
pub const DAYS: u64 = 731;
/// The day, counted from [`FIRST_DAY`], on which the new stations begin to open: 2012-03-05.
pub const CHANGE_DAY: u64 = 429;
/// How many days the opening takes.
pub const OPENING_DAYS: u64 = 3;

/// Two years of hours, without a gap, in order of time. The same seed gives the same rows.
pub fn simulate(seed: u64) -> Vec<Hour> {
    let mut sky = weather::Sky::new(seed);
    let mut riders = demand::Riders::new(seed);
    let mut hours = Vec::new();
    for index in 0..DAYS {
        let Some(day) = FIRST_DAY.checked_add_days(Days::new(index)) else { break };
        let date = calendar::describe(day);
        riders.next_day();
        for hr in 0..24_u8 {
            let air = sky.next_hour(index, hr);
            let cnt = riders.rentals(index, hr, &date, &air);
            hours.push(Hour {
                start: hour_of(day, hr),
                season: date.season,
                holiday: date.holiday,
                weekday: date.weekday,
                workingday: date.workingday,
                weathersit: air.situation,
                temp: air.temp,
                atemp: air.felt,
                hum: air.humidity,
                windspeed: air.wind,
                cnt,
            });
        }
    }
    hours
}

/// The start of hour `hr` of `day`.
fn hour_of(day: NaiveDate, hr: u8) -> NaiveDateTime {
    day.and_time(NaiveTime::from_hms_opt(u32::from(hr), 0, 0).unwrap_or_default())
}

/// How far the change has gone on a day: 0 before it, 1 when all new stations are open.
fn openness(day: u64) -> f64 {
    let opened = (day + 1).saturating_sub(CHANGE_DAY).min(OPENING_DAYS);
    opened as f64 / OPENING_DAYS as f64
}
