//! What the calendar says about a day.

use chrono::{Datelike as _, NaiveDate, Weekday};

/// Public holidays of the simulated city as (month, day).
const HOLIDAYS: [(u32, u32); 9] = [(1, 1), (1, 6), (4, 23), (5, 1), (6, 11), (8, 15), (10, 12), (11, 1), (12, 25)];

/// The calendar's part of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) season: u8,
    pub(super) holiday: bool,
    pub(super) weekday: u8,
    pub(super) workingday: bool,
}

/// Describes `day`. Seasons begin on the 21st of March, June, September and December.
pub(super) fn describe(day: NaiveDate) -> Date {
    let month_day = (day.month(), day.day());
    let season = match month_day {
        (3, 21..) | (4 | 5, _) | (6, ..=20) => 2,
        (6, 21..) | (7 | 8, _) | (9, ..=20) => 3,
        (9, 21..) | (10 | 11, _) | (12, ..=20) => 4,
        _ => 1,
    };
    let holiday = HOLIDAYS.contains(&month_day);
    let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let weekday = u8::try_from(day.weekday().num_days_from_sunday()).unwrap_or(0);
    Date { season, holiday, weekday, workingday: !weekend && !holiday }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Date {
        describe(NaiveDate::from_ymd_opt(year, month, day).unwrap())
    }

    #[test]
    fn seasons_weekdays_and_holidays() {
        assert_eq!(day(2011, 1, 1), Date { season: 1, holiday: true, weekday: 6, workingday: false });
        assert_eq!(day(2011, 3, 20).season, 1);
        assert_eq!(day(2011, 3, 21).season, 2);
        assert_eq!(day(2011, 7, 4), Date { season: 3, holiday: false, weekday: 1, workingday: true });
        assert_eq!(day(2011, 12, 20).season, 4);
        assert_eq!(day(2011, 12, 21).season, 1);
        assert!(!day(2012, 5, 1).workingday, "a holiday on a Tuesday");
    }
}
