//! The demo's progress on standard error: a bar on a terminal, plain lines elsewhere.

use std::time::Duration;

use halogard_domain::words::counted;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::events::EventLog;
use super::script::Script;
use super::vendors::SimulatedVendors;
use super::verify::DemoVerdict;
use crate::commands::demo::DemoOptions;
use crate::output;

/// How often the bar is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// How often the progress is printed where there is no terminal, besides at each phase.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// What the demo is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Alerts are raised, changed and closed, by Liongard and by technicians.
    Working,
    /// The same, while faults are injected.
    WorkingWithFaults,
    /// Nothing new happens; both sides are brought into sync.
    Settling,
    /// Both sides agree, and must still agree some minutes later.
    Verifying,
}

impl Phase {
    /// The phase in which the demo is.
    pub fn of(script: &Script, options: &DemoOptions, agreed: bool) -> Self {
        match (script.is_over(), agreed) {
            (true, true) => Self::Verifying,
            (true, false) => Self::Settling,
            (false, _) if options.faults => Self::WorkingWithFaults,
            (false, _) => Self::Working,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "alerts come and go",
            Self::WorkingWithFaults => "alerts come and go, with faults",
            Self::Settling => "settling",
            Self::Verifying => "in sync, checking that it lasts",
        }
    }
}

/// Shows how far the demo is.
pub struct Progress {
    bar: ProgressBar,
    phase: Option<Phase>,
    printed_at: Instant,
}

impl Progress {
    /// Starts the bar, and says what is about to happen.
    pub fn start(options: &DemoOptions, events: &EventLog) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner:.green} {bar:20} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        let progress = Self {
            bar,
            phase: None,
            printed_at: Instant::now(),
        };
        progress.line(&format!(
            "{}, seed {}; times are simulated minutes and seconds, {} times as fast as real ones",
            counted(options.alerts, "alert"),
            options.seed,
            options.speed
        ));
        if let Some(note) = events.sample_note() {
            progress.line(&note);
        }
        progress
    }

    /// Shows the phase and the counts.
    pub fn show(
        &mut self,
        phase: Phase,
        script: &Script,
        verdict: &DemoVerdict,
        vendors: &SimulatedVendors,
    ) {
        let (done, events) = script.progress();
        self.bar
            .set_length(u64::try_from(events).unwrap_or(u64::MAX));
        self.bar
            .set_position(u64::try_from(done).unwrap_or(u64::MAX));
        let requests = vendors.halo.stats().traffic.requests;
        let text = format!(
            "{}: {}, {}, {} in sync, {}",
            phase.as_str(),
            counted(verdict.alerts, "alert"),
            counted(verdict.tickets, "ticket"),
            verdict.in_step,
            counted(requests, "HaloPSA request")
        );
        let is_due = self.phase != Some(phase) || self.printed_at.elapsed() >= PLAIN_INTERVAL;
        if self.bar.is_hidden() && is_due {
            output::remark(&format!("[{done}/{events} events] {text}"));
            self.printed_at = Instant::now();
        }
        self.phase = Some(phase);
        self.bar.set_message(text);
    }

    /// Prints a line that stays above the bar.
    pub fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            output::remark(text);
        } else {
            self.bar.println(text);
        }
    }

    /// Removes the bar.
    pub fn end(self) {
        self.bar.finish_and_clear();
    }
}
