//! Inspectors, launchpoints, systems and roles.

use serde_json::{Map, Value, json};

use crate::halopsa::SingleAnswer;
use crate::http_message::{Query, SimResponse};
use crate::wire_time;
use crate::world::Launchpoint;

use super::conditions;
use super::runs::RunTally;
use super::state::LiongardState;

impl LiongardState {
    /// `GET /inspectors/`.
    pub(super) fn list_inspectors(&self) -> SimResponse {
        let row = |kind: &crate::world::Inspector| {
            json!({
                "ID": kind.id, "Name": kind.name, "Alias": kind.alias, "InspectorCategory": null,
                "DefaultFrequency": { "Type": "days", "Interval": 1 }, "Constraints": {},
            })
        };
        SimResponse::ok(&self.world.inspectors.iter().map(row).collect())
    }

    /// `GET /launchpoints/`.
    pub(super) fn list_launchpoints(&self, query: &Query) -> SimResponse {
        SimResponse::ok(&Value::Array(self.launchpoint_rows(query)))
    }

    /// `GET /launchpoints/count/`.
    pub(super) fn count_launchpoints(&self, query: &Query) -> SimResponse {
        SimResponse::ok(&json!(self.launchpoint_rows(query).len()))
    }

    /// `GET /launchpoints/{id}/`.
    pub(super) fn one_launchpoint(&self, id: i64) -> SimResponse {
        match self.launchpoint(id) {
            Some(launchpoint) => {
                let tally = self.run_tallies().get(&id).copied().unwrap_or_default();
                self.single_value(
                    "GET /launchpoints/{id}",
                    self.launchpoint_row(launchpoint, tally),
                )
            }
            None => SimResponse::ok(&json!([])),
        }
    }

    /// `GET /systems/`.
    pub(super) fn list_systems(&self, query: &Query) -> SimResponse {
        let conditions = conditions::of(query);
        let rows = self.world.launchpoints.iter().map(|launchpoint| {
            json!({
                "ID": launchpoint.system_id, "Name": launchpoint.alias, "Description": "",
                "UniqueCompositeKey": format!("{}-{}", launchpoint.inspector_id, launchpoint.id),
                "Launchpoint": { "ID": launchpoint.id, "Alias": launchpoint.alias },
                "Environment": self.embedded_environment(launchpoint.environment_id),
                "Inspector": self.embedded_inspector(launchpoint.inspector_id),
                "Status": "Active", "CreatedOn": wire_time::liongard_slashes(self.born_at), "UpdatedOn": null,
            })
        });
        SimResponse::ok(
            &rows
                .filter(|row| conditions::all_match(&conditions, row))
                .collect(),
        )
    }

    /// `GET /groups/`: roles, with the one date form that has no zone.
    pub(super) fn list_groups(&self) -> SimResponse {
        let created = wire_time::liongard_iso(self.born_at);
        let roles = [
            "Admin",
            "Manager",
            "Reader",
            "System Integrator",
            "User Admin",
        ];
        let row = |(id, name): (i64, &str)| json!({ "ID": id, "Name": name, "CreatedOn": created.trim_end_matches('Z') });
        SimResponse::ok(&(1..).zip(roles).map(row).collect())
    }

    /// Launchpoints that meet the conditions.
    fn launchpoint_rows(&self, query: &Query) -> Vec<Value> {
        let conditions = conditions::of(query);
        let tallies = self.run_tallies();
        let rows = self.world.launchpoints.iter().map(|launchpoint| {
            let tally = tallies.get(&launchpoint.id).copied().unwrap_or_default();
            self.launchpoint_row(launchpoint, tally)
        });
        rows.filter(|row| conditions::all_match(&conditions, row))
            .collect()
    }

    /// One launchpoint.
    fn launchpoint_row(&self, launchpoint: &Launchpoint, tally: RunTally) -> Value {
        json!({
            "ID": launchpoint.id,
            "Alias": launchpoint.alias,
            "Inspector": self.embedded_inspector(launchpoint.inspector_id),
            "Environment": self.embedded_environment(launchpoint.environment_id),
            "EnvironmentID": launchpoint.environment_id,
            "Agent": { "ID": 1, "Name": "cloud-hosted" },
            "Config": "{}",
            "TotalScheduledRuns": tally.scheduled,
            "TotalAdHocRuns": tally.ad_hoc,
            "NextScheduledFor": null,
            "LastScheduledRun": tally.last_scheduled.map(wire_time::liongard_iso),
            "LastAdHocRun": tally.last_ad_hoc.map(wire_time::liongard_iso),
            "FreqType": "days",
            "FreqInterval": 1,
            "Enabled": launchpoint.enabled,
            "Visible": true,
            "Status": "Active",
            "ParentID": null,
            "ParentAlias": null,
            "DiscoveredBy": null,
            "CreatedOn": wire_time::liongard_iso(self.born_at),
            "CreatedBy": [],
            "UpdatedOn": null,
            "UpdatedBy": null,
        })
    }

    /// One record in the form this route uses.
    pub(super) fn single(&self, route: &str, row: Map<String, Value>) -> SimResponse {
        self.single_value(route, Value::Object(row))
    }

    /// One record in the form this route uses.
    pub(super) fn single_value(&self, route: &str, row: Value) -> SimResponse {
        let form = self
            .settings
            .single_answer_of
            .get(route)
            .copied()
            .unwrap_or(self.settings.single_answer);
        match form {
            SingleAnswer::Object => SimResponse::ok(&row),
            SingleAnswer::ArrayOfOne => SimResponse::ok(&Value::Array(vec![row])),
        }
    }
}
