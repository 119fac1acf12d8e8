//! How long an answer asks the caller to wait.

use std::time::Duration;

use halogard_domain::Timestamp;
use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// The shortest pause taken; less is as good as none.
const MIN: Duration = Duration::from_secs(1);

/// The longest: both vendors count over five minutes, so a longer pause is a mistake.
const MAX: Duration = Duration::from_secs(300);

/// The pause in `Retry-After`, between 1 and 300 seconds; none if it is absent or makes no sense.
///
/// It may be a number of seconds, with a fraction as Liongard writes it, or a date. A date is
/// measured against the answer's own `Date`, so that no clock has to agree with the vendor's;
/// where the answer has none, against `now`. A negative number is not a pause HTTP knows: the caller
/// takes its own instead.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            Duration::from_secs_f64(seconds.min(MAX.as_secs_f64()))
        }
        Ok(_) => return None,
        Err(_) => date_in(headers, &RETRY_AFTER)?.since(date_in(headers, &DATE).or(now)?),
    };
    Some(pause.clamp(MIN, MAX))
}

/// The date in a header: in [`DATE`], the sender's own clock.
#[must_use]
pub fn date_in(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let instant = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}
