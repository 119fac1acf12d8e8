//! Metrics of the process, for `GET /metrics`, in the OpenMetrics text format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::outcome::{Lag, SyncTask, TaskEnd};
use halogard_app::ports::Lane;
use halogard_domain::Timestamp;
use halogard_domain::vendor::Vendor;
use halogard_vendors::CallObserver;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The media type of what [`ProcessMetrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the durations of work, in seconds. One vendor call takes at most 30 seconds, and
/// one batch of messages may make several.
const DURATION_BUCKETS: [f64; 11] = [
    0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// Upper bounds of the lags, in seconds: of a webhook, of a poll each minute, of a window of the request
/// budget, of an outage.
const LAG_BUCKETS: [f64; 11] = [
    1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    lane: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabels {
    lane: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskEndLabels {
    task: &'static str,
    end: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VendorLabels {
    vendor: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DifferenceLabels {
    kind: &'static str,
}

type HistogramFamily<L> = Family<L, Histogram, fn() -> Histogram>;

/// Metrics of one process. Counters and histograms count from its start; [`Measured`] is read for each
/// scrape.
pub struct ProcessMetrics {
    registry: Registry,
    messages: Family<MessageLabels, Counter>,
    batch_duration: HistogramFamily<LaneLabels>,
    deliveries: Family<DeliveryLabels, Counter>,
    tasks: Family<TaskEndLabels, Counter>,
    cycle_duration: Histogram,
    lag: Family<TaskLabels, Gauge>,
    alert_to_ticket: Histogram,
    ticket_to_inspection: Histogram,
    vendor_calls: HistogramFamily<VendorLabels>,
    queue_depth: Family<LaneLabels, Gauge>,
    dead_letters: Gauge,
    differences: Family<DifferenceLabels, Gauge>,
    alerts_set_aside: Gauge,
    ticket_rows_set_aside: Gauge,
    notifications: Family<KindLabels, Counter>,
    secret_refreshes: Counter,
    last_success: Mutex<BTreeMap<&'static str, Timestamp>>,
    clocks_ahead: Mutex<BTreeMap<Vendor, i64>>,
}

impl CallObserver for ProcessMetrics {
    fn call_ended(&self, vendor: Vendor, duration: Duration) {
        let labels = VendorLabels {
            vendor: vendor.as_str(),
        };
        self.vendor_calls
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
    }

    fn clock_compared(&self, vendor: Vendor, ahead_seconds: i64) {
        self.clocks_ahead().insert(vendor, ahead_seconds);
    }
}

/// What is read at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Waiting messages, by lane.
    pub depth: Vec<(&'static str, u64)>,
    /// Dead letters of all lanes.
    pub dead_letters: u64,
    /// Differences that the last scheduled comparison found, by kind; none before the first.
    pub differences: Vec<(&'static str, u64)>,
    /// Webhooks recorded, by kind.
    pub notifications: Vec<(String, u64)>,
    /// Reads of the webhook's secret caused by a delivery that did not match.
    pub secret_refreshes: u64,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("halogard"),
            messages: Family::default(),
            batch_duration: Family::new_with_constructor(duration_histogram),
            deliveries: Family::default(),
            tasks: Family::default(),
            cycle_duration: duration_histogram(),
            lag: Family::default(),
            alert_to_ticket: lag_histogram(),
            ticket_to_inspection: lag_histogram(),
            vendor_calls: Family::new_with_constructor(duration_histogram),
            queue_depth: Family::default(),
            dead_letters: Gauge::default(),
            differences: Family::default(),
            alerts_set_aside: Gauge::default(),
            ticket_rows_set_aside: Gauge::default(),
            notifications: Family::default(),
            secret_refreshes: Counter::default(),
            last_success: Mutex::default(),
            clocks_ahead: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl ProcessMetrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "messages",
            "Actions and outcomes of processed messages; one message may count several times",
            self.messages.clone(),
        );
        registry.register_with_unit(
            "batch_duration",
            "Time to process one batch of messages",
            Unit::Seconds,
            self.batch_duration.clone(),
        );
        registry.register(
            "deliveries",
            "Webhook deliveries, by the status of the answer",
            self.deliveries.clone(),
        );
        registry.register(
            "sync_tasks",
            "Parts of a sync cycle, by how they ended",
            self.tasks.clone(),
        );
        registry.register_with_unit(
            "sync_cycle_duration",
            "Time of one sync cycle",
            Unit::Seconds,
            self.cycle_duration.clone(),
        );
        registry.register_with_unit(
            "sync_lag",
            "Time since a part of the sync cycle was last complete",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register_with_unit(
            "alert_to_ticket",
            "Time from an alert in Liongard to its ticket",
            Unit::Seconds,
            self.alert_to_ticket.clone(),
        );
        registry.register_with_unit(
            "ticket_to_inspection",
            "Time from a change in HaloPSA to the request for inspector runs",
            Unit::Seconds,
            self.ticket_to_inspection.clone(),
        );
        registry.register_with_unit(
            "vendor_call_duration",
            "Time of one call to a vendor",
            Unit::Seconds,
            self.vendor_calls.clone(),
        );
        registry.register(
            "queue_depth",
            "Messages that wait or are being processed",
            self.queue_depth.clone(),
        );
        registry.register(
            "dead_letters",
            "Messages that could not be processed and wait for an operator",
            self.dead_letters.clone(),
        );
        registry.register(
            "differences",
            "Pairs whose sides differed without a known cause in the last scheduled comparison",
            self.differences.clone(),
        );
        registry.register(
            "alerts_set_aside",
            "Records of Liongard's newest list that cannot be read; their alerts are not followed",
            self.alerts_set_aside.clone(),
        );
        registry.register(
            "ticket_rows_set_aside",
            "Different rows of HaloPSA's lists that could not be read since the start",
            self.ticket_rows_set_aside.clone(),
        );
        registry.register(
            "notifications",
            "Webhooks recorded, by kind",
            self.notifications.clone(),
        );
        registry.register(
            "webhook_secret_refreshes",
            "Reads of the webhook's secret caused by a delivery that did not match",
            self.secret_refreshes.clone(),
        );
    }

    /// Counts a processed message under everything that was done for it.
    pub fn message_processed(&self, lane: Lane, outcomes: impl Iterator<Item = &'static str>) {
        for outcome in outcomes {
            let labels = MessageLabels {
                lane: lane.name(),
                outcome,
            };
            self.messages.get_or_create(&labels).inc();
        }
    }

    /// A batch of messages took `duration`.
    pub fn batch_processed(&self, lane: Lane, duration: Duration) {
        let labels = LaneLabels { lane: lane.name() };
        self.batch_duration
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
    }

    /// A delivery was answered with `status`.
    pub fn delivery_answered(&self, status: u16) {
        let labels = DeliveryLabels {
            status: status.into(),
        };
        self.deliveries.get_or_create(&labels).inc();
    }

    /// A part of the sync cycle ended.
    pub fn sync_task_ended(&self, task: SyncTask, end: TaskEnd, now: Timestamp) {
        let labels = TaskEndLabels {
            task: task.as_str(),
            end: end.as_str(),
        };
        self.tasks.get_or_create(&labels).inc();
        if end.is_complete() {
            self.last_success().insert(task.as_str(), now);
        }
    }

    /// A change took so long to have its effect on the other side.
    pub fn lag_ended(&self, lag: Lag) {
        let (histogram, duration) = match lag {
            Lag::AlertToTicket(duration) => (&self.alert_to_ticket, duration),
            Lag::TicketToInspection(duration) => (&self.ticket_to_inspection, duration),
        };
        histogram.observe(duration.as_secs_f64());
    }

    /// This many records of Liongard's newest list, and different rows of HaloPSA's lists, could not be read.
    pub fn records_set_aside(&self, alerts: usize, ticket_rows: usize) {
        for (gauge, count) in [
            (&self.alerts_set_aside, alerts),
            (&self.ticket_rows_set_aside, ticket_rows),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A sync cycle took `duration`.
    pub fn sync_cycle_ended(&self, duration: Duration) {
        self.cycle_duration.observe(duration.as_secs_f64());
    }

    /// The text of a scrape at `now`.
    ///
    /// # Errors
    ///
    /// Never in practice: writing to a `String` cannot fail.
    pub fn encode(&self, measured: &Measured, now: Timestamp) -> Result<String, fmt::Error> {
        for (lane, depth) in &measured.depth {
            self.queue_depth
                .get_or_create(&LaneLabels { lane })
                .set(gauge_value(*depth));
        }
        self.dead_letters.set(gauge_value(measured.dead_letters));
        for (kind, count) in &measured.differences {
            self.differences
                .get_or_create(&DifferenceLabels { kind })
                .set(gauge_value(*count));
        }
        for (kind, count) in &measured.notifications {
            let labels = KindLabels { kind: kind.clone() };
            let counter = self.notifications.get_or_create(&labels);
            counter.inner().store(*count, Ordering::Relaxed);
        }
        let refreshes = self.secret_refreshes.inner();
        refreshes.store(measured.secret_refreshes, Ordering::Relaxed);
        for (task, at) in self.last_success().iter() {
            self.lag
                .get_or_create(&TaskLabels { task })
                .set(gauge_value(now.since(*at).as_secs()));
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// How many seconds the clock of each vendor is ahead of this machine's, by its last answer.
    pub fn clocks_ahead(&self) -> MutexGuard<'_, BTreeMap<Vendor, i64>> {
        self.clocks_ahead
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the times; a panic elsewhere leaves them usable.
    fn last_success(&self) -> MutexGuard<'_, BTreeMap<&'static str, Timestamp>> {
        self.last_success
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn duration_histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS)
}

fn lag_histogram() -> Histogram {
    Histogram::new(LAG_BUCKETS)
}

/// A gauge is signed; a count beyond its range is shown as its maximum.
fn gauge_value(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use halogard_app::ports::ErrorCode;

    use super::*;

    /// Metrics in which everything was counted, from `start` on, and what is read beside them.
    fn counted(start: Timestamp) -> (ProcessMetrics, Measured) {
        let metrics = ProcessMetrics::default();
        metrics.message_processed(Lane::Urgent, ["opened", "closed"].into_iter());
        metrics.message_processed(Lane::Urgent, ["opened"].into_iter());
        metrics.batch_processed(Lane::Urgent, Duration::from_millis(250));
        metrics.delivery_answered(200);
        metrics.sync_task_ended(SyncTask::Poll, TaskEnd::Complete(3), start);
        let failed = TaskEnd::Failed(ErrorCode::HalopsaFailed);
        for end in [TaskEnd::Skipped, TaskEnd::Partial(1), failed] {
            metrics.sync_task_ended(SyncTask::Sweep, end, start);
        }
        metrics.sync_cycle_ended(Duration::from_secs(2));
        metrics.lag_ended(Lag::AlertToTicket(Duration::from_secs(42)));
        metrics.lag_ended(Lag::TicketToInspection(Duration::from_secs(2)));
        metrics.call_ended(Vendor::Liongard, Duration::from_millis(200));
        let measured = Measured {
            depth: vec![("bulk", 7)],
            dead_letters: 3,
            differences: vec![("differs", 2), ("unreadable", 0)],
            notifications: vec![("ticket_updated".to_owned(), 5)],
            secret_refreshes: 1,
        };
        (metrics, measured)
    }

    #[test]
    fn a_scrape_shows_counters_gauges_and_histograms() {
        let start = Timestamp::from_millis(1_795_276_800_000);
        let (metrics, measured) = counted(start);
        let now = start.plus(Duration::from_secs(90));
        let text = metrics.encode(&measured, now).expect("it is written");

        for line in [
            r#"halogard_messages_total{lane="urgent",outcome="opened"} 2"#,
            r#"halogard_batch_duration_seconds_bucket{le="0.1",lane="urgent"} 0"#,
            r#"halogard_batch_duration_seconds_bucket{le="0.3",lane="urgent"} 1"#,
            r#"halogard_deliveries_total{status="200"} 1"#,
            r#"halogard_sync_tasks_total{task="sweep",end="skipped"} 1"#,
            r#"halogard_sync_cycle_duration_seconds_count 1"#,
            r#"halogard_sync_lag_seconds{task="poll"} 90"#,
            r#"halogard_alert_to_ticket_seconds_bucket{le="30.0"} 0"#,
            r#"halogard_alert_to_ticket_seconds_bucket{le="60.0"} 1"#,
            r#"halogard_ticket_to_inspection_seconds_count 1"#,
            r#"halogard_vendor_call_duration_seconds_bucket{le="0.3",vendor="liongard"} 1"#,
            r#"halogard_queue_depth{lane="bulk"} 7"#,
            "halogard_dead_letters 3",
            r#"halogard_differences{kind="differs"} 2"#,
            r#"halogard_differences{kind="unreadable"} 0"#,
            r#"halogard_notifications_total{kind="ticket_updated"} 5"#,
            "halogard_webhook_secret_refreshes_total 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n\n{text}");
        }
        assert!(!text.contains(r#"halogard_sync_lag_seconds{task="sweep"}"#));
    }

    /// The rules and the board ask for no metric that is not there, and the rules name sections of the runbook.
    #[test]
    fn what_rules_and_board_ask_for_is_in_a_scrape() {
        let (metrics, measured) = counted(Timestamp::EPOCH);
        let text = metrics.encode(&measured, Timestamp::EPOCH).unwrap();
        let rules = include_str!("../packaging/monitoring/prometheus-rules.yml");
        let board = include_str!("../packaging/monitoring/grafana-dashboard.json");
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let mut count = 0;
        for source in [rules, board] {
            for word in source.split(|letter: char| !is_name(letter)) {
                if !word.starts_with("halogard_") {
                    continue;
                }
                let name = word.trim_end_matches("_bucket").trim_end_matches("_total");
                let head = format!("# TYPE {name} ");
                assert!(text.contains(&head), "{word} is no metric:\n{text}");
                count += 1;
            }
        }
        assert!(count >= 15, "{count}");
        let runbook = include_str!("../../docs/runbook.md");
        for anchor in rules.split("runbook: \"").skip(1) {
            let anchor = anchor.split('"').next().unwrap_or_default();
            assert!(runbook.contains(&format!("(#{anchor})")), "{anchor}");
        }
        serde_json::from_str::<serde_json::Value>(board).unwrap();
    }

    #[test]
    fn a_second_scrape_replaces_what_is_read_from_the_store() {
        let metrics = ProcessMetrics::default();
        let now = Timestamp::from_millis(1_795_276_800_000);
        let scrape = |dead_letters| {
            let measured = Measured {
                dead_letters,
                notifications: vec![("ticket_updated".to_owned(), 5)],
                ..Measured::default()
            };
            metrics.encode(&measured, now).expect("it is written")
        };
        scrape(3);
        let text = scrape(0);
        assert!(text.contains("halogard_dead_letters 0\n"), "{text}");
        assert!(
            text.contains("halogard_notifications_total{kind=\"ticket_updated\"} 5\n"),
            "{text}"
        );
    }
}
