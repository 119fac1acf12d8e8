//! The API of runs: start one, read the timeline.

use http::StatusCode;
use serde_json::{Value, json};

use crate::http_message::{Query, SimRequest, SimResponse};
use crate::wire_time;

use super::access_keys::Role;
use super::conditions;
use super::runs::{Phase, Run};
use super::settings::RunAnswer;
use super::state::LiongardState;

impl LiongardState {
    /// `POST /launchpoints/run`: each id on its own, refusals beside results.
    pub(super) fn run_many(&mut self, call: &SimRequest, role: Role, now: i64) -> SimResponse {
        if role == Role::Reader {
            return forbidden();
        }
        let body = call.json().unwrap_or(Value::Null);
        let Some(Value::Array(ids)) = body.get("LaunchPoints").cloned() else {
            return SimResponse::json(
                StatusCode::BAD_REQUEST,
                &json!({ "message": "LaunchPoints is required" }),
            );
        };
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for id in ids {
            let number = id
                .as_i64()
                .or_else(|| id.as_str().and_then(|text| text.parse().ok()));
            match number
                .ok_or("LaunchPoint ID is not valid")
                .and_then(|id| self.start_run(id, now))
            {
                Ok(_) => results.push(json!({ "ID": number })),
                Err(message) => errors.push(json!({ "ID": id, "Message": message })),
            }
        }
        match self.settings.run_answer {
            RunAnswer::Lists => SimResponse::ok(&json!({ "results": results, "errors": errors })),
            RunAnswer::Empty => SimResponse::ok(&json!({})),
        }
    }

    /// `GET /launchpoints/{id}/run`: a read with an effect, answered with a bare number.
    pub(super) fn run_one(&mut self, id: i64, role: Role, now: i64) -> SimResponse {
        if role == Role::Reader {
            return forbidden();
        }
        match self.start_run(id, now) {
            Ok(_) => SimResponse::ok(&json!(id)),
            Err(message) => {
                SimResponse::json(StatusCode::NOT_FOUND, &json!({ "message": message }))
            }
        }
    }

    /// `GET /timeline/`.
    pub(super) fn list_timeline(&self, query: &Query, now: i64) -> SimResponse {
        SimResponse::ok(&Value::Array(self.timeline_rows(query, now)))
    }

    /// `GET /timeline/count/`.
    pub(super) fn count_timeline(&self, query: &Query, now: i64) -> SimResponse {
        SimResponse::ok(&json!(self.timeline_rows(query, now).len()))
    }

    /// `GET /timeline/{id}/`.
    pub(super) fn one_timeline_entry(&self, id: i64, now: i64) -> SimResponse {
        match self.runs.get(&id) {
            Some(run) => {
                let newest = self
                    .run_tallies()
                    .get(&run.launchpoint_id)
                    .map_or(0, |tally| tally.newest);
                self.single_value("GET /timeline/{id}", self.timeline_row(run, newest, now))
            }
            None => SimResponse::ok(&json!([])),
        }
    }

    /// Entries that meet the conditions, oldest first.
    fn timeline_rows(&self, query: &Query, now: i64) -> Vec<Value> {
        let conditions = if self.settings.timeline_filters {
            conditions::of(query)
        } else {
            Vec::new()
        };
        let tallies = self.run_tallies();
        let foreign = (0..self.settings.foreign_runs).map(|number| self.foreign_row(number));
        let rows = self.runs.values().map(|run| {
            let newest = tallies
                .get(&run.launchpoint_id)
                .map_or(0, |tally| tally.newest);
            self.timeline_row(run, newest, now)
        });
        foreign
            .chain(rows)
            .filter(|row| conditions::all_match(&conditions, row))
            .collect()
    }

    /// A run of an inspector outside this world, years ago.
    fn foreign_row(&self, number: u32) -> Value {
        let day = 86_400_000;
        let at =
            wire_time::liongard_slashes(self.born_at - 2 * 365 * day + i64::from(number) * 60_000);
        json!({
            "ID": 100_001 + number,
            "Environment": { "ID": 3_000 + number % 97, "Name": "Elsewhere", "Status": 1, "Tier": "Core" },
            "Launchpoint": { "ID": 90_000 + number % 997, "Alias": "Elsewhere" },
            "Status": "Completed",
            "AdHoc": true,
            "Latest": false,
            "ExitCode": 0,
            "ScheduledAt": at,
            "FinishedAt": at,
            "CreatedOn": at,
        })
    }

    /// One entry; `newest` is the id of its launchpoint's newest one.
    fn timeline_row(&self, run: &Run, newest: i64, now: i64) -> Value {
        let phase = run.phase(now);
        let launchpoint = self.launchpoint(run.launchpoint_id);
        let reached = |at: Option<i64>| at.filter(|at| *at <= now).map(wire_time::liongard_slashes);
        let finished = run.finished_at().filter(|end| *end <= now);
        let exit = match phase {
            Phase::Completed | Phase::Failed if !self.settings.runs_have_exit_code => {
                (Value::Null, Value::Null)
            }
            Phase::Completed => (json!(0), json!("")),
            Phase::Failed => (
                json!(1),
                json!("The inspector ended with an error: credentials were refused"),
            ),
            Phase::Scheduled | Phase::Processing | Phase::Running => (Value::Null, Value::Null),
        };
        json!({
            "ID": run.id,
            "Environment": self.embedded_environment(launchpoint.map_or(0, |launchpoint| launchpoint.environment_id)),
            "Launchpoint": { "ID": run.launchpoint_id, "Alias": launchpoint.map(|launchpoint| launchpoint.alias.as_str()) },
            "System": { "ID": launchpoint.map(|launchpoint| launchpoint.system_id) },
            "SystemDetail": { "ID": run.id - 1_000_000 },
            "Status": match phase {
                Phase::Completed if !self.settings.runs_have_exit_code => "Finished",
                other => other.word(),
            },
            "AdHoc": run.ad_hoc,
            "ChangeDetections": 0,
            "Alerts": 0,
            "Latest": run.id == newest,
            "ExitCode": exit.0,
            "ExitMessage": exit.1,
            "ScheduledAt": wire_time::liongard_slashes(run.scheduled_at),
            "ProcessingAt": reached(Some(run.processing_at())),
            "RunningAt": reached(Some(run.running_at())),
            "FinishedAt": finished.map(wire_time::liongard_slashes),
            "CreatedOn": wire_time::liongard_slashes(run.scheduled_at),
            "UpdatedOn": finished.map(wire_time::liongard_slashes),
            "PayloadSizeBytes": finished.map(|_| 48_213),
            "Expired": false,
        })
    }
}

/// The key's role is too low.
pub(super) fn forbidden() -> SimResponse {
    SimResponse::json(
        StatusCode::FORBIDDEN,
        &json!({ "message": "You do not have permission to perform this action" }),
    )
}
