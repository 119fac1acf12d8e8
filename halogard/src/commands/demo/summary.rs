//! The demo's last word.

use std::time::Duration;

use serde::Serialize;

use crate::cli::DemoOptions;
use crate::commands::demo::vendors::SimulatedVendors;
use crate::commands::demo::verify::Verdict;
use crate::output::{self, BAD, DIM, GOOD};

/// What came of it. The names are part of the program's interface.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    alerts: usize,
    tickets: usize,
    duplicates: usize,
    lost: usize,
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
    elapsed_seconds: f64,
    mode: &'static str,
    seed: u64,
}

impl Summary {
    /// Puts the figures together, as the simulated vendors counted them.
    pub fn new(
        options: &DemoOptions,
        vendors: &SimulatedVendors,
        verdict: &Verdict,
        elapsed: Duration,
    ) -> Self {
        let halo = vendors.halo.stats().traffic;
        let liongard = vendors.liongard.stats();
        Self {
            alerts: verdict.alerts,
            tickets: verdict.tickets,
            duplicates: verdict.duplicates,
            lost: verdict.lost,
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
            elapsed_seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
            mode: match options.mode {
                crate::cli::ModeName::Managed => "managed",
                crate::cli::ModeName::Native => "native",
            },
            seed: options.seed,
        }
    }

    /// Prints it: for people, or as one JSON object on the last line.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            output::result(&serde_json::to_string(self)?);
            return Ok(());
        }
        let good = self.lost == 0 && self.duplicates == 0 && self.out_of_step == 0;
        let (style, word) = if good {
            (GOOD, "in step")
        } else {
            (BAD, "out of step")
        };
        output::result(&format!(
            "{style}{word}{style:#}: {} alerts, {} tickets, {} duplicates, {} lost, {} out of step",
            self.alerts, self.tickets, self.duplicates, self.lost, self.out_of_step
        ));
        for line in [
            format!(
                "{} left open to a technician, by policy",
                self.left_to_technician
            ),
            format!(
                "{} closed in HaloPSA that Liongard still finds",
                self.resolved_in_psa_only
            ),
            format!(
                "{} HaloPSA requests, {} in the busiest five minutes, {} answered 429",
                self.halo_requests, self.halo_window_max, self.halo_rejected_429
            ),
            format!(
                "{} Liongard requests, {} inspector runs, {} faults struck",
                self.liongard_requests, self.inspector_runs, self.faults_injected
            ),
            format!(
                "{} s, {} mode, seed {}",
                self.elapsed_seconds, self.mode, self.seed
            ),
        ] {
            output::result(&format!("  {DIM}{line}{DIM:#}"));
        }
        Ok(())
    }
}
