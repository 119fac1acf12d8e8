//! The report of the installation's health, as the channels of notices send it.

use halogard_app::Store;
use halogard_app::ports::{NoticeMessage, PortError};
use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;
use halogard_domain::schedule::Cadence;
use halogard_domain::time::SteadyTime;
use halogard_domain::words::counted;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

use crate::moment::Moment;
use crate::report::{self, HealthReport};
use crate::status::StatusQuestion;

/// Problems and changes that a report names; `halogard report health` shows all.
const NAMED_MAX: usize = 10;

/// A report that is due: of the day, week or month that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScheduledReport {
    cadence: Cadence,
    since: Timestamp,
    until: Timestamp,
}

impl ScheduledReport {
    /// The report of the last period that has ended at `now`, in UTC; a week begins on Monday. `None` beyond every
    /// calendar.
    pub(super) fn due(cadence: Cadence, now: Timestamp) -> Option<Self> {
        let instant = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
        let today = instant.to_zoned(TimeZone::UTC).date();
        let (until, length): (Date, Span) = match cadence {
            Cadence::Daily => (today, 1.day()),
            Cadence::Weekly => {
                let past = today.weekday().to_monday_zero_offset();
                (today.checked_sub(i32::from(past).days()).ok()?, 1.week())
            }
            Cadence::Monthly => (today.first_of_month(), 1.month()),
        };
        let midnight = |date: Date| {
            let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
            Some(Timestamp::from_millis(at.as_millisecond()))
        };
        Some(Self {
            cadence,
            since: midnight(until.checked_sub(length).ok()?)?,
            until: midnight(until)?,
        })
    }

    /// Names it, as the cause of a notice; the same until the next one is due.
    pub(super) fn cause(self) -> String {
        let day = self.until.as_millis().div_euclid(24 * 3600 * 1000);
        format!("health_report:{}:{day}", self.cadence.as_str())
    }

    /// The message, made at `now`.
    pub(super) async fn message(
        self,
        store: &impl Store,
        reference: String,
        now: Timestamp,
    ) -> Result<NoticeMessage, PortError> {
        let question = StatusQuestion {
            now,
            steady: SteadyTime { source: 0, at: now },
            limit: Limit::DEFAULT,
            serve_runs: None,
        };
        let report = report::health(store, self.since, self.until, question).await?;
        Ok(NoticeMessage {
            title: format!(
                "Halogard: {} health report, {}",
                self.cadence.as_str(),
                in_short(&report)
            ),
            paragraphs: paragraphs(&report),
            reference,
        })
    }
}

/// Whether a person is needed, in few words.
fn in_short(report: &HealthReport) -> String {
    match report.problems.len() {
        0 => "nothing needs a person".to_owned(),
        count => counted(count, "problem"),
    }
}

/// What the report says.
fn paragraphs(report: &HealthReport) -> Vec<String> {
    let mut paragraphs = vec![format!("From {} to {}.", report.since, report.until)];
    let problems = report.problems.iter().take(NAMED_MAX);
    paragraphs.extend(problems.map(|it| format!("{}. What to do: {}.", it.what, it.remedy)));
    if report.problems.is_empty() {
        paragraphs.push("Nothing needs a person.".to_owned());
    }
    let (events, before) = (report.events, report.before);
    paragraphs.push(format!(
        "Alerts raised: {} ({} in the time before). Tickets opened: {} ({}). Tickets closed: {} ({}).",
        events.raised, before.raised, events.opened, before.opened, events.closed, before.closed
    ));
    let pairs = &report.pairs;
    paragraphs.push(format!(
        "Pairs in sync: {}. Behind: {}. Waiting: {}. Dead letters: {}.",
        pairs.in_sync, pairs.behind, pairs.waiting, report.dead_letters
    ));
    let waiting = report.waiting.iter();
    let waiting: Vec<String> = waiting
        .map(|it| format!("{} {}", it.cause.words(), it.count))
        .collect();
    if !waiting.is_empty() {
        paragraphs.push(format!("What waits: {}.", waiting.join(", ")));
    }
    let lags = report.lags.iter().map(|lag| {
        format!(
            "Half of the changes ({}) took {} s at most, 95 % {} s, the longest {} s.",
            lag.way, lag.p50_seconds, lag.p95_seconds, lag.max_seconds
        )
    });
    paragraphs.extend(lags);
    if let Some(verification) = &report.verification
        && let Some(ended_at) = verification.ended_at
    {
        let count: u64 = verification.differences.values().sum();
        paragraphs.push(format!(
            "Both sides were compared at {ended_at}: {}, {} without a known cause.",
            counted(verification.pairs, "pair"),
            counted(count, "difference")
        ));
    }
    let customers = &report.customers;
    let unmapped = match customers.unmapped.as_slice() {
        [] => String::new(),
        names => format!(" Not mapped: {}.", names.join(", ")),
    };
    paragraphs.push(format!(
        "Customers with alerts: {}, of which {} are mapped and {} ignored; the config maps {}.{unmapped}",
        customers.seen, customers.mapped, customers.ignored, customers.configured
    ));
    let changes = report.changes.iter().take(NAMED_MAX);
    paragraphs.extend(changes.map(|it| format!("Changed at {}: {}.", Moment(it.at.0), it.what)));
    paragraphs.push("`halogard report health` shows the same at any time.".to_owned());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The report that is due at `now`, as days.
    fn days(cadence: Cadence, now: &str) -> (String, String, String) {
        let at: jiff::Timestamp = now.parse().unwrap();
        let now = Timestamp::from_millis(at.as_millisecond());
        let report = ScheduledReport::due(cadence, now).unwrap();
        let day = |at: Timestamp| Moment(at).to_string()[..16].to_owned();
        (day(report.since), day(report.until), report.cause())
    }

    #[test]
    fn a_report_is_of_the_day_week_or_month_that_has_ended() {
        for (cadence, now, since, until) in [
            (
                Cadence::Daily,
                "2026-11-29T00:00:00Z",
                "2026-11-28 00:00",
                "2026-11-29 00:00",
            ),
            (
                Cadence::Daily,
                "2026-11-29T23:59:59Z",
                "2026-11-28 00:00",
                "2026-11-29 00:00",
            ),
            // The 29th is a Sunday.
            (
                Cadence::Weekly,
                "2026-11-29T12:00:00Z",
                "2026-11-16 00:00",
                "2026-11-23 00:00",
            ),
            (
                Cadence::Weekly,
                "2026-11-30T00:00:00Z",
                "2026-11-23 00:00",
                "2026-11-30 00:00",
            ),
            (
                Cadence::Monthly,
                "2026-03-01T00:00:01Z",
                "2026-02-01 00:00",
                "2026-03-01 00:00",
            ),
            (
                Cadence::Monthly,
                "2027-01-31T10:00:00Z",
                "2026-12-01 00:00",
                "2027-01-01 00:00",
            ),
        ] {
            let (from, to, _) = days(cadence, now);
            assert_eq!((from.as_str(), to.as_str()), (since, until), "{now}");
        }
    }

    #[test]
    fn the_cause_of_a_report_is_another_one_only_when_the_next_is_due() {
        let cause = |now| days(Cadence::Daily, now).2;
        let first = cause("2026-11-29T00:00:00Z");
        assert_eq!(first, cause("2026-11-29T23:59:59Z"));
        assert_ne!(first, cause("2026-11-30T00:00:00Z"));
        assert_ne!(first, days(Cadence::Weekly, "2026-11-29T00:00:00Z").2);
    }
}
