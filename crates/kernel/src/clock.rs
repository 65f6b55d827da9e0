//! Time is a value that is handed in.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// A moment: microseconds since 1970-01-01 UTC. RFC 3339 on the native wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the epoch (MLflow's unit).
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This moment plus `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment minus `duration`, saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The latest multiple of `width` since the epoch that is not after this moment.
    #[must_use]
    pub fn floor_to(self, width: Duration) -> Self {
        let width = i64::try_from(width.as_micros()).unwrap_or(i64::MAX).max(1);
        Self(self.0.div_euclid(width) * width)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => write!(f, "{} us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads RFC 3339, or `YYYY-MM-DD HH:MM:SS` and `YYYY-MM-DD` taken as UTC.
    fn from_str(text: &str) -> Result<Self> {
        let parsed = DateTime::parse_from_rfc3339(text)
            .map(|time| time.with_timezone(&Utc))
            .or_else(|_| text.parse::<chrono::NaiveDateTime>().map(|time| time.and_utc()))
            .or_else(|_| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|time| time.and_utc()))
            .or_else(|_| text.parse::<chrono::NaiveDate>().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc()));
        match parsed {
            Ok(time) => Ok(Self(time.timestamp_micros())),
            Err(_) => Err(Error::invalid("TIME_INVALID", format!("`{text}` is not a time"))
                .hint("write it like `2026-01-02T03:04:05Z` or `2026-01-02 03:04:05`")),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A boxed sleep, so that `Clock` can be a trait object.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where time comes from. The real one lives in `work`; tests use [`FakeClock`].
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Completes `duration` from now.
    fn sleep(&self, duration: Duration) -> Sleep<'_>;
}

/// A clock that moves only when told to. Cloning shares it.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Mutex<FakeState>>);

#[derive(Debug)]
struct FakeState {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next: u64,
}

impl FakeClock {
    /// A clock standing at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(FakeState { now, sleepers: BTreeMap::new(), next: 0 })))
    }

    /// Moves forward and wakes every sleeper whose time has come.
    pub fn advance(&self, by: Duration) {
        let mut due = Vec::new();
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.now = state.now.plus(by);
            let first_later = state.now.plus(Duration::from_micros(1));
            let later = state.sleepers.split_off(&(first_later, 0));
            due.extend(std::mem::replace(&mut state.sleepers, later).into_values());
        }
        due.into_iter().for_each(Waker::wake);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let until = self.now().plus(duration);
        Box::pin(FakeSleep { clock: self.clone(), until })
    }
}

struct FakeSleep {
    clock: FakeClock,
    until: Timestamp,
}

impl Future for FakeSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let ticket = state.next;
        state.next += 1;
        state.sleepers.insert((self.until, ticket), cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn printing_and_parsing_give_the_same_moment(micros in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }

        #[test]
        fn floor_is_a_multiple_not_after(micros in any::<i32>(), width in 1u64..100_000) {
            let floor = Timestamp::from_micros(i64::from(micros)).floor_to(Duration::from_micros(width));
            prop_assert!(floor.micros() <= i64::from(micros) && i64::from(micros) - floor.micros() < width as i64);
            prop_assert_eq!(floor.micros().rem_euclid(width as i64), 0);
        }
    }

    #[test]
    fn plain_dates_are_utc() {
        assert_eq!("2011-01-01 05:00:00".parse::<Timestamp>().unwrap(), "2011-01-01T05:00:00Z".parse().unwrap());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
