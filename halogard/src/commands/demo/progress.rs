//! The demo's live progress, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::DemoOptions;
use crate::commands::demo::script::Script;
use crate::commands::demo::vendors::SimulatedVendors;
use crate::commands::demo::verify::Verdict;

/// How often the line is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// A line that shows how the script goes.
pub struct Progress(ProgressBar);

impl Progress {
    /// Starts the line; hidden where nobody watches.
    pub fn start(options: &DemoOptions) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner:.green} {bar:28} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        bar.set_message(format!("{} alerts, seed {}", options.alerts, options.seed));
        Self(bar)
    }

    /// Shows how far the script is.
    pub fn show(&self, script: &Script, verdict: &Verdict, vendors: &SimulatedVendors) {
        let (progress, events) = script.progress();
        self.0.set_length(u64::try_from(events).unwrap_or(u64::MAX));
        self.0
            .set_position(u64::try_from(progress).unwrap_or(u64::MAX));
        let requests = vendors.halo.stats().traffic.requests;
        self.0.set_message(format!(
            "{} alerts, {} tickets, {} in step, {requests} HaloPSA requests",
            verdict.alerts, verdict.tickets, verdict.in_step
        ));
    }

    /// Says something that stays above the line.
    pub fn remark(&self, text: &str) {
        if self.0.is_hidden() {
            crate::output::remark(text);
        } else {
            self.0.println(text);
        }
    }

    /// Takes the line away.
    pub fn end(self) {
        self.0.finish_and_clear();
    }
}
