//! Dates and timestamps as texts.

use chrono::{DateTime, NaiveDate, SecondsFormat};

/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;
const SECOND_US: i64 = 1_000_000;

/// `YYYY-MM-DD` as days since 1970-01-01.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let (days, rest) = split_date(text.as_bytes())?;
    rest.is_empty().then_some(days)
}

/// RFC 3339 or `YYYY-MM-DD HH:MM[:SS[.fraction]]` (taken as UTC) as microseconds since 1970-01-01.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let (days, rest) = split_date(text.as_bytes())?;
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" ")).or_else(|| rest.strip_prefix(b"t"))?;
    let (hour, rest) = two_digits(rest)?;
    let (minute, mut rest) = two_digits(rest.strip_prefix(b":")?)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = two_digits(after)?;
        if let Some(after) = rest.strip_prefix(b".") {
            (micros, rest) = fraction(after)?;
        }
    }
    // A leap second is the first moment of the next minute, as everywhere in Unix time.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = i64::from(days) * DAY_US + (hour * 3600 + minute * 60 + second) * SECOND_US + micros;
    Some(local - offset(rest)? * SECOND_US)
}

fn split_date(text: &[u8]) -> Option<(i32, &[u8])> {
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let number = |part: &[u8]| -> Option<u32> { std::str::from_utf8(part).ok()?.parse().ok() };
    if !text[..10].iter().enumerate().all(|(i, b)| i == 4 || i == 7 || b.is_ascii_digit()) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(number(&text[..4])? as i32, number(&text[5..7])?, number(&text[8..10])?)?;
    Some((date.to_epoch_days(), &text[10..]))
}

fn two_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => Some((i64::from((a - b'0') * 10 + (b - b'0')), rest)),
        _ => None,
    }
}

/// One to nine digits after the point, as microseconds; finer ones are cut.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > 9 {
        return None;
    }
    let micros = (0..6).fold(0, |sum, i| sum * 10 + if i < digits { i64::from(text[i] - b'0') } else { 0 });
    Some((micros, &text[digits..]))
}

/// The offset from UTC in seconds: none, `Z`, or `+HH:MM`.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"" | b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two_digits(rest)?;
    let (minutes, rest) = two_digits(rest.strip_prefix(b":").unwrap_or(rest))?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `YYYY-MM-DD`.
pub(crate) fn format_date(days: i32) -> String {
    NaiveDate::from_epoch_days(days).map_or_else(|| format!("day {days}"), |date| date.to_string())
}

/// RFC 3339 in UTC with microseconds.
pub(crate) fn format_timestamp(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map_or_else(|| format!("{micros} us"), |time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let noon = 1_325_419_200_000_000;
        for text in [
            "2012-01-01T12:00:00Z",
            "2012-01-01 12:00:00",
            "2012-01-01 12:00",
            "2012-01-01T12:00:00.000",
            "2012-01-01T13:00:00+01:00",
            "2012-01-01 07:00:00-0500",
        ] {
            assert_eq!(parse_timestamp(text), Some(noon), "{text}");
        }
        assert_eq!(parse_timestamp("2012-01-01T12:00:00.0000019Z"), Some(noon + 1));
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("2000-02-29"), Some(11_016));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2012",
            "2012-13-01",
            "2012-02-30",
            "01/02/2012",
            "2012-1-1",
            "2012-01-01x",
            "+012-01-01",
            "２012-01-01",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for text in [
            "2012-01-01",
            "2012-01-01 24:00:00",
            "2012-01-01 12",
            "2012-01-01 12:00:00.",
            "2012-01-01T12:00:00+1",
            "2012-01-01 12:60",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in -60_000_000_000_000_000i64..200_000_000_000_000_000, days in -700_000i32..2_900_000) {
            prop_assert_eq!(parse_timestamp(&format_timestamp(micros)), Some(micros));
            prop_assert_eq!(parse_date(&format_date(days)), Some(days));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (parse_timestamp(&text), parse_date(&text));
        }
    }
}
