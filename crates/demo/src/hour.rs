//! One hour of the city: the row that history, live traffic and labels are made of.

use std::fmt::Write as _;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};

/// The columns of a data file, in order. `ts` is the time, `cnt` the target, the rest are the model's features.
pub const COLUMNS: [&str; 13] = [
    "ts",
    "season",
    "mnth",
    "hr",
    "holiday",
    "weekday",
    "workingday",
    "weathersit",
    "temp",
    "atemp",
    "hum",
    "windspeed",
    "cnt",
];

/// How many of [`COLUMNS`] are features: all but `ts` and `cnt`.
pub const FEATURE_COUNT: usize = COLUMNS.len() - 2;

/// One hour: what was known before it began, and how many bikes were rented in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hour {
    /// The start of the hour, UTC.
    pub start: NaiveDateTime,
    /// 1 winter, 2 spring, 3 summer, 4 autumn.
    pub season: u8,
    /// Whether the day is a public holiday.
    pub holiday: bool,
    /// 0 Sunday to 6 Saturday.
    pub weekday: u8,
    /// Neither weekend nor holiday.
    pub workingday: bool,
    /// 1 clear, 2 cloudy, 3 light rain or snow, 4 storm.
    pub weathersit: u8,
    /// Air temperature on a scale from 0 to 1.
    pub temp: f64,
    /// Felt temperature on a scale from 0 to 1.
    pub atemp: f64,
    /// Relative humidity from 0 to 1.
    pub hum: f64,
    /// Wind speed on a scale from 0 to 1.
    pub windspeed: f64,
    /// Rentals in this hour.
    pub cnt: u32,
}

impl Hour {
    /// The day this hour belongs to.
    pub fn day(&self) -> NaiveDate {
        self.start.date()
    }

    /// The start as RFC 3339 in UTC, the form of the `ts` column.
    pub fn ts(&self) -> String {
        self.start.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The id of the prediction for this hour, e.g. `2012-03-04T05`: one per hour, so a label finds its prediction.
    pub fn request_id(&self) -> String {
        self.start.format("%Y-%m-%dT%H").to_string()
    }

    /// The model's inputs, in the order of [`COLUMNS`] without `ts` and `cnt`.
    pub fn features(&self) -> [f64; FEATURE_COUNT] {
        [
            f64::from(self.season),
            f64::from(self.start.month()),
            f64::from(self.start.hour()),
            f64::from(u8::from(self.holiday)),
            f64::from(self.weekday),
            f64::from(u8::from(self.workingday)),
            f64::from(self.weathersit),
            self.temp,
            self.atemp,
            self.hum,
            self.windspeed,
        ]
    }
}

/// The names of the features, in the order of [`Hour::features`].
pub fn feature_names() -> &'static [&'static str] {
    &COLUMNS[1..=FEATURE_COUNT]
}

/// The rows as a CSV document with a header, in the order given.
pub fn to_csv(hours: &[Hour]) -> String {
    let mut text = COLUMNS.join(",");
    text.push('\n');
    for hour in hours {
        let _ = write!(text, "{}", hour.ts());
        for value in hour.features() {
            let _ = write!(text, ",{value}");
        }
        let _ = writeln!(text, ",{}", hour.cnt);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_in_column_order() {
        let hour = Hour {
            start: NaiveDate::from_ymd_opt(2012, 3, 4).unwrap().and_hms_opt(5, 0, 0).unwrap(),
            season: 1,
            holiday: false,
            weekday: 0,
            workingday: false,
            weathersit: 2,
            temp: 0.24,
            atemp: 0.2879,
            hum: 0.81,
            windspeed: 0.0,
            cnt: 16,
        };
        let csv = to_csv(&[hour]);
        assert_eq!(
            csv,
            "ts,season,mnth,hr,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed,cnt\n\
             2012-03-04T05:00:00Z,1,3,5,0,0,0,2,0.24,0.2879,0.81,0,16\n"
        );
        assert_eq!(hour.request_id(), "2012-03-04T05");
        assert_eq!(feature_names().len(), hour.features().len());
        assert_eq!(feature_names()[0], "season");
        assert_eq!(feature_names()[FEATURE_COUNT - 1], "windspeed");
    }
}
