//! An alert: a task, as the API calls it.

use serde_json::{Map, Value, json};

use crate::halopsa::HaloPsa;
use crate::http_message::{Query, SimResponse};
use crate::wire_time;

use super::lookups;
use super::settings::ExternalIds;
use super::state::LiongardState;

/// Members `fields[]` may ask for. The ticket's number is not among them.
const SELECTABLE: [&str; 25] = [
    "ID",
    "Environment",
    "CommonID",
    "Category",
    "Name",
    "Description",
    "Priority",
    "Source",
    "Rule",
    "Owner",
    "PercentComplete",
    "AutoClose",
    "Status",
    "RoarStatus",
    "Keywords",
    "StartDate",
    "DueDate",
    "Inspector",
    "Version",
    "Timeline",
    "Launchpoint",
    "Visible",
    "CreatedOn",
    "CreatedBy",
    "UpdatedOn",
];

/// The number that an earlier ticket system gave, where no other customer has a ticket.
const NUMBER_OF_AN_EARLIER_SYSTEM: i64 = 1207;

/// A stored alert.
#[derive(Clone, Debug)]
pub(super) struct SimAlert {
    pub(super) id: i64,
    pub(super) environment_id: i64,
    /// The launchpoint whose run raised it.
    pub(super) launchpoint_id: i64,
    /// The inspector of that launchpoint.
    pub(super) inspector_id: i64,
    /// The run that raised it.
    pub(super) timeline_id: i64,
    /// The rule that fired.
    pub(super) rule: String,
    /// The rendered text.
    pub(super) description: String,
    /// The status word.
    pub(super) status: String,
    /// The priority word.
    pub(super) priority: String,
    /// The number of the linked ticket.
    pub(super) external_id: Option<i64>,
    /// Whether the linked ticket was closed at the last run of the HaloPSA inspector.
    pub(super) ticket_seen_closed: bool,
    /// Whether people see it.
    pub(super) visible: bool,
    /// Whether it is gone from the API altogether.
    pub(super) removed: bool,
    /// Since when its cause is gone, if it is.
    pub(super) condition_cleared_at: Option<i64>,
    /// When it was raised.
    pub(super) created_at: i64,
    /// When it last changed, if it ever did.
    pub(super) updated_at: Option<i64>,
}

impl LiongardState {
    /// An alert as the API writes it: one record, two forms of date.
    pub(super) fn alert_row(&self, alert: &SimAlert) -> Map<String, Value> {
        let inspector = self.inspector(alert.inspector_id);
        let alias = inspector.map_or("", |inspector| inspector.alias.as_str());
        let launchpoint = self
            .launchpoint(alert.launchpoint_id)
            .map(|launchpoint| launchpoint.alias.as_str());
        let finished = self
            .runs
            .get(&alert.timeline_id)
            .and_then(super::runs::Run::finished_at);
        let rule_id = 1000
            + alert
                .rule
                .bytes()
                .fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 9000);
        let row = json!({
            "ID": alert.id,
            "CommonID": format!("T{}.{:05}", wire_time::day_digits(alert.created_at), alert.id % 100_000),
            "Name": format!("{alias} | {}", alert.rule),
            "Description": alert.description,
            "Environment": self.embedded_environment(alert.environment_id),
            "Category": null,
            "Priority": lookups::priority(&alert.priority),
            "Status": lookups::status(&alert.status, self.settings.reserved_words),
            "RoarStatus": 0,
            "Source": "Roar",
            "Rule": {
                "ID": rule_id, "Name": alert.rule, "Title": "{{Environment}}: {{Rule}}",
                "Body": "Found: {{Metric}}", "DynamicContent": "{{Metric}}", "Tags": null, "UCK": null, "Visible": true,
            },
            "Owner": null,
            "PercentComplete": if lookups::is_closed(&alert.status) { 100 } else { 0 },
            "AutoClose": 1,
            "Keywords": null,
            "StartDate": null,
            "DueDate": null,
            "ExternalID": self.external_id_shown(alert),
            "Inspector": self.embedded_inspector(alert.inspector_id),
            "Version": { "ID": 26, "Name": "1.0.1-release" },
            "Timeline": {
                "ID": alert.timeline_id, "Status": "Completed", "AdHoc": false,
                "FinishedAt": finished.map(wire_time::liongard_slashes),
            },
            "Launchpoint": {
                "ID": alert.launchpoint_id, "Alias": launchpoint, "EnvironmentID": alert.environment_id,
            },
            "Visible": alert.visible,
            "CreatedOn": wire_time::liongard_iso(alert.created_at),
            "CreatedBy": null,
            "UpdatedOn": alert.updated_at.map(wire_time::liongard_iso),
            "UpdatedBy": null,
        });
        match row {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// Alerts the list holds: all that have not vanished, open ones alone if it leaves out closed ones, or the first
    /// few while it is cut.
    fn listed(&self) -> impl Iterator<Item = &SimAlert> {
        let lists_closed = self.settings.lists_closed_alerts;
        let there = self.alerts.values().filter(move |alert| {
            !alert.removed && (lists_closed || !lookups::is_closed(&alert.status))
        });
        there.take(self.list_truncated_to.unwrap_or(usize::MAX))
    }

    /// What `ExternalID` holds: the ticket, or the first ticket of another customer.
    fn external_id_shown(&self, alert: &SimAlert) -> Option<i64> {
        if self.settings.external_ids == ExternalIds::Tickets {
            return alert.external_id;
        }
        let own = self.world.client_of.get(&alert.environment_id);
        let tickets = self.halo.as_ref().map(HaloPsa::tickets).unwrap_or_default();
        let other = tickets.iter().find(|it| Some(&it.client_id) != own);
        Some(other.map_or(NUMBER_OF_AN_EARLIER_SYSTEM, |it| it.id))
    }

    /// `GET /tasks/`: everything at once, whatever else was asked for.
    pub(super) fn list_alerts(&self, query: &Query) -> SimResponse {
        let rows: Value = self
            .listed()
            .map(|alert| projected(self.alert_row(alert), query))
            .collect();
        match self.settings.tasks_envelope {
            Some(member) => SimResponse::ok(&json!({ "Success": true, member: rows })),
            None => SimResponse::ok(&rows),
        }
    }

    /// `GET /tasks/count/`.
    pub(super) fn count_alerts(&self) -> SimResponse {
        SimResponse::ok(&json!(self.listed().count()))
    }

    /// `GET /tasks/{id}/`: nothing is an empty array, not an error.
    pub(super) fn one_alert(&self, id: i64, query: &Query) -> SimResponse {
        match self.alerts.get(&id).filter(|alert| !alert.removed) {
            Some(alert) => {
                self.single_value("GET /tasks/{id}", projected(self.alert_row(alert), query))
            }
            None if self.settings.missing_alert_is_empty => SimResponse::ok(&json!([])),
            None => super::routes::no_route(),
        }
    }
}

/// The members `fields[]` asks for; all when it asks for none.
fn projected(row: Map<String, Value>, query: &Query) -> Value {
    let wanted: Vec<&str> = query.all("fields[]").collect();
    if wanted.is_empty() {
        return Value::Object(row);
    }
    let is_selected = |name: &str| SELECTABLE.contains(&name) && wanted.contains(&name);
    Value::Object(
        row.into_iter()
            .filter(|(name, _)| is_selected(name))
            .collect(),
    )
}
