//! The public hourly bike-share table (UCI "Bike Sharing", `hour.csv`), or one in our own columns, as the same rows the city makes.
//!
//! The table has gaps where nobody rode and rows in the order of the file; the rows come back sorted, gaps and all.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use pitcrew_kernel::{Error, Result, Timestamp};

use crate::hour::Hour;

/// The most bytes a table may have.
pub const MAX_BYTES: u64 = 64 << 20;
/// The most rentals one hour may have; more is a damaged row.
pub const MAX_COUNT: u32 = 1_000_000;
/// What a file that is not such a table is answered with.
const EXPECTED: &str = "expected the columns of the UCI table `hour.csv`: dteday, hr, season, holiday, weekday, workingday, weathersit, temp, atemp, \
                        hum, windspeed, cnt (or `ts` in place of dteday and hr)";

/// Reads the table at `path`.
///
/// # Errors
/// `DEMO_DATA_UNREADABLE` when the file cannot be read or is too large, and as [`parse`].
pub fn read(path: &Path) -> Result<Vec<Hour>> {
    let name = path.display();
    let unreadable = |source: std::io::Error| {
        Error::invalid("DEMO_DATA_UNREADABLE", format!("`{name}` cannot be read: {source}"))
            .hint("give the path of the UCI table `hour.csv`")
            .with_source(source)
    };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_BYTES {
        return Err(Error::too_large(
            "DEMO_DATA_UNREADABLE",
            format!("`{name}` has {bytes} bytes; at most {MAX_BYTES}"),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&name.to_string(), &text)
}

/// Reads the rows of `text`, called `name` in errors.
///
/// # Errors
/// `DEMO_DATA_INVALID` with file, line and column, and what to do.
pub fn parse(name: &str, text: &str) -> Result<Vec<Hour>> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header = Header::parse(name, lines.next().map_or("", |(_, line)| line))?;
    let mut rows: Vec<(NaiveDateTime, usize, Hour)> = Vec::new();
    for (index, line) in lines {
        let row = Row { name, line: index + 1, header: &header, fields: split(line) };
        let hour = row.hour()?;
        rows.push((hour.start, row.line, hour));
    }
    if rows.is_empty() {
        return Err(wrong(name, "there is no row below the header").hint(EXPECTED));
    }
    rows.sort_by_key(|(start, line, _)| (*start, *line));
    if let Some([(start, first, _), (_, second, _)]) = rows.array_windows().find(|[one, next]| one.0 == next.0) {
        let sentence = format!("lines {first} and {second} are both the hour {}", start.format("%Y-%m-%d %H:00"));
        return Err(wrong(name, &sentence).hint("keep one of them"));
    }
    Ok(rows.into_iter().map(|(_, _, hour)| hour).collect())
}

fn wrong(name: &str, sentence: &str) -> Error {
    Error::invalid("DEMO_DATA_INVALID", format!("{name}: {sentence}"))
}

/// The fields of a line, without surrounding blanks and quotes. No field of such a table holds a comma.
fn split(line: &str) -> Vec<&str> {
    line.split(',').map(|field| field.trim().trim_matches('"')).collect()
}

/// Where each column stands.
struct Header {
    columns: HashMap<String, usize>,
    width: usize,
}

impl Header {
    fn parse(name: &str, line: &str) -> Result<Self> {
        let fields = split(line);
        let columns: HashMap<String, usize> =
            fields.iter().enumerate().map(|(index, field)| ((*field).to_owned(), index)).collect();
        let header = Self { columns, width: fields.len() };
        let time: &[&str] = if header.columns.contains_key("ts") { &["ts"] } else { &["dteday", "hr"] };
        let rest =
            ["season", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed", "cnt"];
        let missing: Vec<&str> =
            time.iter().chain(&rest).copied().filter(|column| !header.columns.contains_key(*column)).collect();
        if missing.is_empty() {
            return Ok(header);
        }
        if header.width == 1 && (line.contains(';') || line.contains('\t')) {
            return Err(
                wrong(name, "line 1: the columns are not separated by commas").hint("save the file as CSV with commas")
            );
        }
        Err(wrong(name, &format!("line 1: the header lacks {}", missing.join(", "))).hint(EXPECTED))
    }
}

/// One line, for reading its fields and naming what is wrong with them.
struct Row<'a> {
    name: &'a str,
    line: usize,
    header: &'a Header,
    fields: Vec<&'a str>,
}

impl Row<'_> {
    fn hour(&self) -> Result<Hour> {
        if self.fields.len() != self.header.width {
            let sentence =
                format!("line {}: {} fields, the header has {}", self.line, self.fields.len(), self.header.width);
            return Err(wrong(self.name, &sentence).hint("the file may be cut off; download it again"));
        }
        let count = self.number::<u32>("cnt", 0, MAX_COUNT, "a count of rentals")?;
        Ok(Hour {
            start: self.start()?,
            season: self.number("season", 1, 4, "a season from 1 to 4")?,
            holiday: self.number::<u8>("holiday", 0, 1, "0 or 1")? == 1,
            weekday: self.number("weekday", 0, 6, "a weekday from 0 (Sunday) to 6")?,
            workingday: self.number::<u8>("workingday", 0, 1, "0 or 1")? == 1,
            weathersit: self.number("weathersit", 1, 4, "a weather from 1 to 4")?,
            temp: self.number("temp", 0.0, 1.0, "a number from 0 to 1")?,
            atemp: self.number("atemp", 0.0, 1.0, "a number from 0 to 1")?,
            hum: self.number("hum", 0.0, 1.0, "a number from 0 to 1")?,
            windspeed: self.number("windspeed", 0.0, 1.0, "a number from 0 to 1")?,
            cnt: count,
        })
    }

    fn start(&self) -> Result<NaiveDateTime> {
        if self.header.columns.contains_key("ts") {
            let text = self.field("ts");
            let time: Option<Timestamp> = text.parse().ok();
            let time =
                time.and_then(|time| DateTime::from_timestamp_micros(time.micros())).map(|time| time.naive_utc());
            return time
                .filter(|time| time.and_utc().timestamp() % 3600 == 0)
                .ok_or_else(|| self.unfit("ts", "a full hour like 2011-01-01T05:00:00Z"));
        }
        let day: Option<NaiveDate> = self.field("dteday").parse().ok();
        let day = day.ok_or_else(|| self.unfit("dteday", "a date like 2011-01-01"))?;
        let hr: u32 = self.number("hr", 0, 23, "an hour from 0 to 23")?;
        Ok(day.and_time(NaiveTime::from_hms_opt(hr, 0, 0).unwrap_or_default()))
    }

    /// The value of `column`, if it is a number from `low` to `high`.
    fn number<T: FromStr + PartialOrd>(&self, column: &str, low: T, high: T, expected: &str) -> Result<T> {
        let value: Option<T> = self.field(column).parse().ok();
        value.filter(|value| *value >= low && *value <= high).ok_or_else(|| self.unfit(column, expected))
    }

    fn field(&self, column: &str) -> &str {
        self.header.columns.get(column).and_then(|index| self.fields.get(*index)).copied().unwrap_or_default()
    }

    fn unfit(&self, column: &str, expected: &str) -> Error {
        let sentence = format!("line {}, column `{column}`: `{}` is not {expected}", self.line, self.field(column));
        wrong(self.name, &sentence).hint("correct the value or remove the line")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed,casual,registered,cnt";

    fn message(text: &str) -> String {
        let error = parse("hour.csv", text).unwrap_err();
        assert_eq!(error.code(), "DEMO_DATA_INVALID");
        format!("{} | {}", error.detail(), error.hint_text().unwrap())
    }

    #[test]
    fn the_public_columns_become_hours_in_order_of_time() {
        let text = format!(
            "\u{feff}{HEADER}\r\n2,2011-01-01,1,0,1,5,0,6,0,2,0.24,0.2576,0.75,0.0896,0,1,1\r\n1,2011-01-01,1,0,1,3,0,6,0,1,0.24,0.2879,0.75,0,3,10,13\r\n"
        );
        let hours = parse("hour.csv", &text).unwrap();
        assert_eq!(hours.iter().map(Hour::request_id).collect::<Vec<_>>(), ["2011-01-01T03", "2011-01-01T05"]);
        assert_eq!((hours[0].cnt, hours[1].cnt, hours[1].weathersit), (13, 1, 2));
        assert_eq!(hours[1].features(), [1.0, 1.0, 5.0, 0.0, 6.0, 0.0, 2.0, 0.24, 0.2576, 0.75, 0.0896]);
    }

    #[test]
    fn our_own_columns_are_read_too() {
        let hours: Vec<Hour> = crate::city::simulate(3).into_iter().take(48).collect();
        assert_eq!(parse("city.csv", &crate::hour::to_csv(&hours)).unwrap(), hours);
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_column() {
        let row = |day: &str, hr: &str, temp: &str, cnt: &str| {
            format!("{HEADER}\n1,{day},1,0,1,{hr},0,6,0,1,{temp},0.2879,0.81,0,3,13,{cnt}\n")
        };
        let good = row("2011-01-01", "0", "0.24", "16");
        let second = good.lines().nth(1).unwrap();
        let messages = [
            message(""),
            message("dteday;hr;cnt\n2011-01-01;0;16\n"),
            message("dteday,hr,cnt\n2011-01-01,0,16\n"),
            message(HEADER),
            message(&row("01/02/2011", "0", "0.24", "16")),
            message(&row("2011-01-01", "24", "0.24", "16")),
            message(&row("2011-01-01", "0", "NaN", "16")),
            message(&row("2011-01-01", "0", "0.24", "-3")),
            message(&format!("{good}{second}\n")),
            message(&format!("{good}2,2011-01-01,1\n")),
        ];
        insta::assert_snapshot!(messages.join("\n"));
    }
}
