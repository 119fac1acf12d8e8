//! The vendors' several ways of writing a moment.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// HaloPSA's way of saying "no date".
pub(crate) const HALO_NO_DATE: &str = "1900-01-01T00:00:00";

/// HaloPSA's form: UTC without saying so, with as many fraction digits as it pleases.
///
/// How many digits there are follows from the moment itself, so the same moment is always
/// written alike, and over a list of moments every form turns up.
pub(crate) fn halo(millis: i64) -> String {
    let whole = seconds_text(millis);
    let fraction = millis.rem_euclid(1000);
    match (fraction, millis.rem_euclid(7)) {
        (0, _) => whole,
        (_, 0) => format!("{whole}.{fraction:03}{:04}", millis.rem_euclid(9973)),
        _ => format!("{whole}.{fraction:03}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// The form of HaloPSA's webhook bodies: seven fraction digits and `Z`.
pub(crate) fn halo_webhook(millis: i64) -> String {
    let fraction = millis.rem_euclid(1000);
    format!(
        "{}.{fraction:03}{:04}Z",
        seconds_text(millis),
        millis.rem_euclid(9973)
    )
}

/// Liongard's first form: milliseconds and `Z`.
pub(crate) fn liongard_iso(millis: i64) -> String {
    format!("{}.{:03}Z", seconds_text(millis), millis.rem_euclid(1000))
}

/// Liongard's second form: slashes, a blank, whole seconds.
pub(crate) fn liongard_slashes(millis: i64) -> String {
    moment(millis).strftime("%Y/%m/%d %H:%M:%S").to_string()
}

/// The calendar day as eight digits, as in an alert's `CommonID`.
pub(crate) fn day_digits(millis: i64) -> String {
    moment(millis).strftime("%Y%m%d").to_string()
}

/// Reads a moment in any form a client may send; a missing zone means UTC.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let text = text.replace('/', "-");
    let local = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    let moment = local.to_zoned(TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_millisecond())
}

/// Date and time to the second, without a zone.
fn seconds_text(millis: i64) -> String {
    moment(millis).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// The moment, or the epoch for one that no calendar holds.
fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_written_is_read_back() {
        for millis in [
            1_767_600_000_000,
            1_767_600_041_043,
            1_767_600_041_050,
            1_767_600_041_119,
        ] {
            assert_eq!(parse(&halo(millis)), Some(millis), "{}", halo(millis));
            assert_eq!(parse(&halo_webhook(millis)), Some(millis));
            assert_eq!(parse(&liongard_iso(millis)), Some(millis));
            assert_eq!(
                parse(&liongard_slashes(millis)),
                Some(millis - millis % 1000)
            );
        }
    }

    #[test]
    fn a_day_alone_is_its_midnight_and_nonsense_is_nothing() {
        assert_eq!(parse("2026-01-05"), parse("2026-01-05T00:00:00Z"));
        assert_eq!(parse("soon"), None);
    }
}
