//! When a delivery that failed is tried again. Pure: the time and the randomness are arguments.

use std::time::Duration;

use engine::Timestamp;

/// How long a delivery is tried before it is given up.
pub(super) const WINDOW: Duration = Duration::from_hours(3 * 24);
/// The longest wait that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
/// The waits after the first, second, … attempt, in seconds; after later ones the last.
const WAITS: [u64; 8] = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600];

/// When to try again after the attempt of number `attempts` (from 1) failed at `at`; none when it is given up, because
/// that would be later than [`WINDOW`] after `since`. The wait is half to one and a half times what the table says, by
/// `random`, and never shorter than what the receiver asked for.
pub(super) fn next(
    attempts: u32,
    since: Timestamp,
    at: Timestamp,
    retry_after: Option<Duration>,
    random: u32,
) -> Option<Timestamp> {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., longest] = WAITS;
    let wait = WAITS.get(index).copied().unwrap_or(longest) * 1_000;
    let jitter = (wait * u64::from(random)) >> 32;
    let wait = Duration::from_millis(wait / 2 + jitter).max(retry_after.unwrap_or_default());
    let next = after(at, wait);
    (next <= after(since, WINDOW)).then_some(next)
}

/// The time that is so much later.
pub(super) fn after(at: Timestamp, wait: Duration) -> Timestamp {
    let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    at.plus_millis(millis)
}

/// The wait that a `Retry-After` asks for, [RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3):
/// seconds or a date. At most a day.
pub(super) fn retry_after(value: &str, at: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_not_seconds) => {
            let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
            let millis = date.timestamp_millis().saturating_sub(at.as_millis());
            Duration::from_millis(u64::try_from(millis).unwrap_or_default())
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_784_000_000_000);

    fn wait(attempts: u32, retry_after: Option<u64>, random: u32) -> Option<i64> {
        let next = next(attempts, AT, AT, retry_after.map(Duration::from_secs), random);
        next.map(|next| next.as_millis() - AT.as_millis())
    }

    #[test]
    fn waits_grow_from_seconds_to_hours_with_jitter() {
        for (attempts, retry_after, random, expected) in [
            (1, None, 0, 2_500),
            (1, None, u32::MAX, 7_499),
            (1, None, 1 << 31, 5_000),
            (2, None, 1 << 31, 30_000),
            (4, None, 1 << 31, 600_000),
            (8, None, 1 << 31, 21_600_000),
            (99, None, 1 << 31, 21_600_000),
            (1, Some(1), 1 << 31, 5_000),
            (1, Some(90), 1 << 31, 90_000),
        ] {
            assert_eq!(wait(attempts, retry_after, random), Some(expected), "{attempts} {random}");
        }
    }

    #[test]
    fn a_delivery_is_given_up_after_three_days() {
        for random in [0, 1 << 31, u32::MAX] {
            let (mut at, mut attempts) = (AT, 1);
            while let Some(later) = next(attempts, AT, at, None, random) {
                (at, attempts) = (later, attempts + 1);
            }
            let tried = at.as_millis() - AT.as_millis();
            let window = i64::try_from(WINDOW.as_millis()).unwrap();
            assert!(tried <= window && tried > window * 3 / 4, "{tried}");
            assert!((14..=40).contains(&attempts), "{attempts}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = |seconds: i64| {
            let at = chrono::DateTime::from_timestamp_millis(AT.as_millis() + seconds * 1_000);
            at.unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
        };
        for (value, expected) in [
            ("120".to_owned(), Some(120)),
            (" 7 ".to_owned(), Some(7)),
            (date(60), Some(60)),
            (date(-60), Some(0)),
            ("999999999".to_owned(), Some(86_400)),
            ("-1".to_owned(), None),
            ("soon".to_owned(), None),
        ] {
            let found = retry_after(&value, AT).map(|wait| wait.as_secs());
            assert_eq!(found, expected, "{value}");
        }
    }
}
