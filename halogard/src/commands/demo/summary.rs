//! The demo's result.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_domain::words::{agreeing, counted};
use serde::Serialize;

use super::events::{Latencies, Sample};
use super::vendors::SimulatedVendors;
use super::verify::DemoVerdict;
use crate::cli::ModeName;
use crate::commands::demo::DemoOptions;
use crate::output::{self, BAD, DIM, GOOD};
use crate::page;

/// The result. The names are part of the program's interface; those that end in `_p50_seconds` and
/// `_p95_seconds` are percentiles in simulated time, null where nothing was measured.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    alerts: usize,
    tickets: usize,
    duplicates: usize,
    lost: usize,
    closed_without_ticket: usize,
    in_step: usize,
    out_of_step: usize,
    left_to_technician: usize,
    resolved_in_psa_only: usize,
    halo_requests: u64,
    halo_rejected_429: u64,
    halo_window_max: usize,
    liongard_requests: u64,
    inspector_runs: usize,
    faults_injected: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    faults_by_kind: BTreeMap<&'static str, u64>,
    /// Tickets that Liongard's own ticketing opened; they are in no duration.
    opened_by_liongard: usize,
    /// Tickets that Liongard's own ticketing closed; they are in no duration.
    closed_by_liongard: usize,
    alert_to_ticket_p50_seconds: Option<f64>,
    alert_to_ticket_p95_seconds: Option<f64>,
    alert_close_to_ticket_close_p50_seconds: Option<f64>,
    alert_close_to_ticket_close_p95_seconds: Option<f64>,
    ticket_close_to_alert_close_p50_seconds: Option<f64>,
    ticket_close_to_alert_close_p95_seconds: Option<f64>,
    elapsed_seconds: f64,
    mode: &'static str,
    dialect: String,
    seed: u64,
    speed: u32,
}

impl Summary {
    /// Puts the figures together, as the simulated vendors counted them.
    pub fn new(
        options: &DemoOptions,
        vendors: &SimulatedVendors,
        verdict: &DemoVerdict,
        latencies: &Latencies,
        elapsed: Duration,
    ) -> Self {
        let halo = vendors.halo.stats().traffic;
        let liongard = vendors.liongard.stats();
        Self {
            alerts: verdict.alerts,
            tickets: verdict.tickets,
            duplicates: verdict.duplicates,
            lost: verdict.lost,
            closed_without_ticket: verdict.closed_without_ticket,
            in_step: verdict.in_step,
            out_of_step: verdict.out_of_step,
            left_to_technician: verdict.left_to_technician,
            resolved_in_psa_only: verdict.resolved_in_psa_only,
            halo_requests: halo.requests,
            halo_rejected_429: halo.rejected_429,
            halo_window_max: halo.window_max,
            liongard_requests: liongard.traffic.requests,
            inspector_runs: liongard.ad_hoc_runs.values().sum(),
            faults_injected: vendors.halo.faults().injected()
                + vendors.liongard.faults().injected(),
            faults_by_kind: merged(
                vendors.halo.faults().injected_by_kind(),
                vendors.liongard.faults().injected_by_kind(),
            ),
            opened_by_liongard: latencies.opened_by_liongard,
            closed_by_liongard: latencies.closed_by_liongard,
            alert_to_ticket_p50_seconds: seconds(&latencies.opened, 50),
            alert_to_ticket_p95_seconds: seconds(&latencies.opened, 95),
            alert_close_to_ticket_close_p50_seconds: seconds(&latencies.ticket_closed, 50),
            alert_close_to_ticket_close_p95_seconds: seconds(&latencies.ticket_closed, 95),
            ticket_close_to_alert_close_p50_seconds: seconds(&latencies.alert_closed, 50),
            ticket_close_to_alert_close_p95_seconds: seconds(&latencies.alert_closed, 95),
            elapsed_seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
            mode: match options.mode {
                ModeName::Managed => "managed",
                ModeName::Native => "native",
                ModeName::Observe => "observe",
            },
            dialect: options.dialect.name().to_owned(),
            seed: options.seed,
            speed: options.speed,
        }
    }

    /// Prints it: for people, or as one JSON object on the last line.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            output::result(&page::json_line(self)?);
            return Ok(());
        }
        let good = self.lost == 0 && self.duplicates == 0 && self.out_of_step == 0;
        let (style, word) = if good {
            (GOOD, "in sync")
        } else {
            (BAD, "not in sync")
        };
        output::result(&format!(
            "{style}{word}{style:#}: {}, {}, {}, {} lost, {} out of sync",
            counted(self.alerts, "alert"),
            counted(self.tickets, "ticket"),
            counted(self.duplicates, "duplicate"),
            self.lost,
            self.out_of_step
        ));
        for line in self.explanations() {
            output::result(&format!("  {DIM}{line}{DIM:#}"));
        }
        Ok(())
    }

    /// What the figures mean, one line each; a line whose figure is zero is left out.
    fn explanations(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut count = |count: usize, one: &str, several: &str| {
            if count > 0 {
                lines.push(format!("{count} {}", agreeing(count, one, several)));
            }
        };
        count(
            self.closed_without_ticket,
            "alert has no ticket: it was closed before Halogard saw it",
            "alerts have no ticket: they were closed before Halogard saw them",
        );
        count(
            self.left_to_technician,
            "ticket stays open although its alert is closed: a technician works on it (policy)",
            "tickets stay open although their alerts are closed: technicians work on them (policy)",
        );
        count(
            self.resolved_in_psa_only,
            "alert stays open although its ticket was closed: Liongard still finds the problem",
            "alerts stay open although their tickets were closed: Liongard still finds the problem",
        );
        if self.opened_by_liongard + self.closed_by_liongard > 0 {
            lines.push(format!(
                "Liongard's own ticketing opened {} and closed {}, each at once",
                counted(self.opened_by_liongard, "ticket"),
                self.closed_by_liongard
            ));
        }
        let percentiles = [
            (
                "alert to ticket",
                self.alert_to_ticket_p50_seconds,
                self.alert_to_ticket_p95_seconds,
            ),
            (
                "alert closed to ticket closed",
                self.alert_close_to_ticket_close_p50_seconds,
                self.alert_close_to_ticket_close_p95_seconds,
            ),
            (
                "ticket closed to alert closed",
                self.ticket_close_to_alert_close_p50_seconds,
                self.ticket_close_to_alert_close_p95_seconds,
            ),
        ];
        for (what, p50, p95) in percentiles {
            if let (Some(p50), Some(p95)) = (p50, p95) {
                lines.push(format!("{what}: {p50} s (p50), {p95} s (p95), simulated"));
            }
        }
        lines.push(format!(
            "  one second of this machine's processor time counts as {} simulated seconds",
            self.speed
        ));
        lines.push(format!(
            "{}, {} of at most 450 in the busiest five minutes, {} answered 429",
            counted(self.halo_requests, "HaloPSA request"),
            self.halo_window_max,
            self.halo_rejected_429
        ));
        lines.push(format!(
            "{}, {} of its HaloPSA inspector",
            counted(self.liongard_requests, "Liongard request"),
            counted(self.inspector_runs, "run")
        ));
        if self.faults_injected > 0 {
            let faults = self.faults_injected;
            lines.push(format!(
                "{} met an injected fault{}",
                counted(faults, "request"),
                self.kinds()
            ));
        }
        lines.push(format!(
            "{} s, {} mode, seed {}",
            self.elapsed_seconds, self.mode, self.seed
        ));
        lines
    }

    /// The injected faults by kind, the most frequent first.
    fn kinds(&self) -> String {
        let mut kinds: Vec<_> = self.faults_by_kind.iter().collect();
        kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), *kind));
        let described: Vec<String> = kinds
            .into_iter()
            .map(|(kind, count)| format!("{count} {}", kind.replace('_', " ")))
            .collect();
        if described.is_empty() {
            String::new()
        } else {
            format!(": {}", described.join(", "))
        }
    }
}

/// A percentile in seconds, to a tenth.
fn seconds(sample: &Sample, percent: usize) -> Option<f64> {
    let value = sample.percentile(percent)?;
    Some((value.as_secs_f64() * 10.0).round() / 10.0)
}

/// The counts of both vendors.
fn merged(
    first: BTreeMap<&'static str, u64>,
    second: BTreeMap<&'static str, u64>,
) -> BTreeMap<&'static str, u64> {
    let mut counts = first;
    for (kind, count) in second {
        *counts.entry(kind).or_default() += count;
    }
    counts
}
