//! Lengths of time as people write them: `90s`, `5m`, `24h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// A length of time that prints and parses as a whole number with `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// A span of this duration.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The length.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let millis = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, millis)| number.parse::<u64>().ok()?.checked_mul(*millis));
        match millis {
            Some(millis) => Ok(Self(Duration::from_millis(millis))),
            None => Err(Error::invalid("DURATION_INVALID", format!("`{text}` is not a duration"))
                .hint("write a whole number and `ms`, `s`, `m`, `h` or `d`, like `90s` or `24h`")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, size) =
            UNITS.iter().find(|(_, size)| millis >= *size && millis.is_multiple_of(*size)).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", millis / size)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(millis in 0u64..100_000_000_000) {
            let span = Span::new(Duration::from_millis(millis));
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "5", "h", "1w", "-1s", "1.5h", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(bad.parse::<Span>().unwrap_err().code(), "DURATION_INVALID", "{bad}");
        }
    }
}
