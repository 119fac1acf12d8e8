//! How long an answer asks us to stay away.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use jiff::Timestamp;

/// The shortest pause taken; less is as good as none.
const MIN: Duration = Duration::from_secs(1);

/// The longest: Liongard counts over five minutes, so a longer pause is a mistake.
const MAX: Duration = Duration::from_secs(300);

/// The pause in `Retry-After`, between 1 and 300 seconds; none if it is absent or unreadable.
///
/// It may be a number of seconds with a fraction, as Liongard writes it, or a date. A date is
/// measured against the answer's own `Date`, so no clock is asked and none has to agree.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let until = date(headers, &RETRY_AFTER)?;
            until.duration_since(date(headers, &DATE)?).as_secs_f64()
        }
    };
    if !seconds.is_finite() {
        return None;
    }
    let seconds = seconds.clamp(MIN.as_secs_f64(), MAX.as_secs_f64());
    Some(Duration::from_secs_f64(seconds))
}

/// The date in a header.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}
