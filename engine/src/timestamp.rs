//! Points in time, always handed in by the shell.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in UTC with millisecond resolution, printed as
/// [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a point in time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a time: expected RFC 3339 such as `2026-01-31T12:00:00Z`, or a date")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, saturating: what Rego's `time.now_ns` answers.
    pub const fn as_nanos(self) -> i64 {
        self.0.saturating_mul(1_000_000)
    }

    /// Truncates a clock reading to milliseconds.
    pub const fn from_datetime(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }

    /// The same point as a calendar time.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// This point plus `millis` milliseconds, saturating; negative goes back.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This point plus `days` days of 24 hours; negative goes back.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let millis = TimeDelta::try_days(days).map_or(i64::MAX, |delta| delta.num_milliseconds());
        self.plus_millis(millis)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(time.timestamp_millis()));
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|time| Self(time.and_utc().timestamp_millis()))
            .ok_or_else(|| ParseTimestampError(text.chars().take(100).collect()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_in_utc_and_dates_start_at_midnight() {
        let time: Timestamp = "2026-01-31T13:00:00+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-31T12:00:00.000Z");
        assert_eq!(
            "2026-01-31".parse::<Timestamp>().unwrap().to_string(),
            "2026-01-31T00:00:00.000Z"
        );
        assert!("31.1.2026".parse::<Timestamp>().is_err());
    }
}
