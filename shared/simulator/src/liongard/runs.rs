//! Runs of launchpoints: asked for, taken up, finished by the clock, with what they bring about.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::whole_millis;
use crate::world::HALOPSA_INSPECTOR;

use crate::error::SimError;

use super::Liongard;
use super::lookups;
use super::settings::RunTimes;
use super::state::LiongardState;

/// The first timeline entry's id.
const FIRST_ID: i64 = 1_290_001;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// With exit code 0 and its effects.
    Completes,
    /// With exit code 1 and no effect.
    Fails,
    /// Not at all.
    NeverFinishes,
}

/// One run, which is one entry of the timeline.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The entry's id.
    pub(super) id: i64,
    /// What runs.
    pub(super) launchpoint_id: i64,
    /// Whether it was requested rather than scheduled.
    pub(super) ad_hoc: bool,
    /// When it was asked for.
    pub(super) scheduled_at: i64,
    /// How it ends.
    pub(super) result: RunResult,
    /// How long its steps take.
    times: RunTimes,
    /// Whether its effects have come about.
    applied: bool,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asked for.
    Scheduled,
    /// Taken up.
    Processing,
    /// Under way.
    Running,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
}

impl Phase {
    /// The word the timeline uses.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Processing => "Processing",
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        }
    }
}

impl Run {
    /// When it is taken up.
    pub(super) fn processing_at(&self) -> i64 {
        self.scheduled_at + whole_millis(self.times.scheduled)
    }

    /// When it reads the system it inspects.
    pub(super) fn running_at(&self) -> i64 {
        self.processing_at() + whole_millis(self.times.processing)
    }

    /// When it ends, if it does.
    pub(super) fn finished_at(&self) -> Option<i64> {
        let ends = self.result != RunResult::NeverFinishes;
        ends.then(|| self.running_at() + whole_millis(self.times.running))
    }

    /// Where it stands.
    pub(super) fn phase(&self, now: i64) -> Phase {
        if now < self.processing_at() {
            Phase::Scheduled
        } else if now < self.running_at() {
            Phase::Processing
        } else if self.finished_at().is_none_or(|end| now < end) {
            Phase::Running
        } else if self.result == RunResult::Fails {
            Phase::Failed
        } else {
            Phase::Completed
        }
    }
}

/// The runs of one launchpoint, summed up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RunTally {
    /// Runs by schedule.
    pub(super) scheduled: usize,
    /// Requested runs.
    pub(super) ad_hoc: usize,
    /// When the last run by schedule was due.
    pub(super) last_scheduled: Option<i64>,
    /// When the last run was asked for.
    pub(super) last_ad_hoc: Option<i64>,
    /// The newest entry.
    pub(super) newest: i64,
}

impl Liongard {
    /// A person, or the schedule, starts a launchpoint.
    ///
    /// # Errors
    ///
    /// [`SimError::Refused`] with the vendor's message.
    pub fn start_launchpoint(&self, launchpoint: i64) -> Result<i64, SimError> {
        let now = self.clock.now_millis();
        let started = self.state().start_run(launchpoint, now);
        started.map_err(|message| SimError::Refused(message.to_owned()))
    }

    /// Decides how the next run ends; several calls decide several runs, in order.
    pub fn set_next_run(&self, result: RunResult) {
        self.state().next_results.push_back(result);
    }
}

impl LiongardState {
    /// Gives every launchpoint the scheduled run it had the day before.
    pub(super) fn add_past_runs(&mut self, now: i64) {
        let day = whole_millis(Duration::from_secs(86_400));
        let ids: Vec<i64> = self
            .world
            .launchpoints
            .iter()
            .map(|launchpoint| launchpoint.id)
            .collect();
        for (minutes, launchpoint_id) in (0..).zip(ids) {
            let id = self.next_run_id();
            let run = Run {
                id,
                launchpoint_id,
                ad_hoc: false,
                scheduled_at: now - day - (minutes % 600) * 60_000,
                result: RunResult::Completes,
                times: self.settings.run_times,
                applied: true,
            };
            self.runs.insert(id, run);
        }
    }

    /// Sets a launchpoint to run and returns its timeline entry's id.
    ///
    /// # Errors
    ///
    /// The vendor's message when there is no such launchpoint, or it is switched off.
    pub(super) fn start_run(&mut self, launchpoint_id: i64, now: i64) -> Result<i64, &'static str> {
        let launchpoint = self
            .launchpoint(launchpoint_id)
            .ok_or("Launchpoint not found")?;
        if !launchpoint.enabled {
            return Err("Launchpoint is disabled");
        }
        if let Some(message) = self.settings.busy_message
            && self.runs.values().any(|run| {
                run.launchpoint_id == launchpoint_id
                    && run.finished_at().is_none_or(|end| end > now)
            })
        {
            return Err(message);
        }
        let result = self
            .next_results
            .pop_front()
            .unwrap_or(self.settings.run_result);
        let id = self.next_run_id();
        let run = Run {
            id,
            launchpoint_id,
            ad_hoc: true,
            scheduled_at: now,
            result,
            times: self.settings.run_times,
            applied: false,
        };
        self.runs.insert(id, run);
        Ok(id)
    }

    /// The runs of every launchpoint, summed up in one pass.
    pub(super) fn run_tallies(&self) -> BTreeMap<i64, RunTally> {
        let mut tallies: BTreeMap<i64, RunTally> = BTreeMap::new();
        for run in self.runs.values() {
            let tally = tallies.entry(run.launchpoint_id).or_default();
            tally.newest = run.id;
            let (count, last) = if run.ad_hoc {
                (&mut tally.ad_hoc, &mut tally.last_ad_hoc)
            } else {
                (&mut tally.scheduled, &mut tally.last_scheduled)
            };
            *count += 1;
            *last = Some(run.scheduled_at);
        }
        tallies
    }

    /// One more than any entry's id so far.
    fn next_run_id(&self) -> i64 {
        self.runs
            .keys()
            .next_back()
            .map_or(FIRST_ID, |last| last + 1)
    }

    /// The newest run of a launchpoint that has ended.
    pub(super) fn latest_finished_run(&self, launchpoint_id: i64, now: i64) -> Option<i64> {
        let mut newest_first = self.runs.values().rev();
        newest_first
            .find(|run| {
                run.launchpoint_id == launchpoint_id
                    && run.finished_at().is_some_and(|end| end <= now)
            })
            .map(|run| run.id)
    }

    /// Brings about the effects of every run that ended by `now`, in the order they ended.
    pub(super) fn advance_to(&mut self, now: i64) {
        let mut ended: Vec<(i64, i64)> = self
            .runs
            .values()
            .filter(|run| !run.applied)
            .filter_map(|run| {
                run.finished_at()
                    .filter(|end| *end <= now)
                    .map(|end| (end, run.id))
            })
            .collect();
        ended.sort_unstable();
        for (_, id) in ended {
            let Some(run) = self.runs.get_mut(&id) else {
                continue;
            };
            run.applied = true;
            let run = run.clone();
            if run.result == RunResult::Completes {
                self.close_cleared(&run);
                let kind = self
                    .launchpoint(run.launchpoint_id)
                    .map(|launchpoint| launchpoint.inspector_id);
                let kind = kind.and_then(|id| self.inspector(id));
                if kind.is_some_and(|inspector| inspector.name == HALOPSA_INSPECTOR) {
                    self.copy_ticket_states(&run);
                }
            }
        }
    }

    /// Closes the launchpoint's alerts whose condition had cleared when the run read the system.
    fn close_cleared(&mut self, run: &Run) {
        let gone: Vec<i64> = self
            .alerts
            .values()
            .filter(|alert| alert.launchpoint_id == run.launchpoint_id && !alert.removed)
            .filter(|alert| {
                alert
                    .condition_cleared_at
                    .is_some_and(|since| since <= run.running_at())
            })
            .filter(|alert| !lookups::is_closed(&alert.status))
            .map(|alert| alert.id)
            .collect();
        for id in gone {
            self.set_alert_status(
                id,
                lookups::CLOSED,
                run.finished_at().unwrap_or(run.scheduled_at),
            );
        }
    }

    /// Copies the states of linked tickets to their alerts, as they were when the run read them.
    ///
    /// A closed ticket closes its alert. A ticket that was closed at the last run and is open now
    /// takes its alert up again; a ticket that was open all along leaves a closed alert closed.
    fn copy_ticket_states(&mut self, run: &Run) {
        let Some(halo) = self.halo.clone() else {
            return;
        };
        let looked_at = run.running_at();
        let ended_at = run.finished_at().unwrap_or(looked_at);
        let linked = self.alerts.values_mut().filter(|alert| !alert.removed);
        for alert in linked {
            let Some(closed) = alert
                .external_id
                .and_then(|id| halo.was_closed_at(id, looked_at))
            else {
                continue;
            };
            let word = match (closed, lookups::is_closed(&alert.status)) {
                (true, false) => Some(lookups::CLOSED),
                (false, true) if alert.ticket_seen_closed => Some(lookups::IN_PROGRESS),
                _ => None,
            };
            alert.ticket_seen_closed = closed;
            if let Some(word) = word {
                word.clone_into(&mut alert.status);
                alert.updated_at = Some(ended_at);
            }
        }
    }
}
