//! Environments, in the first version's bare arrays and the second's envelope.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http_message::{Query, SimRequest, SimResponse};
use crate::wire_time;
use crate::world::{EnvironmentSpec, MSP_ENVIRONMENT};

use super::access_keys::Role;
use super::conditions;
use super::state::LiongardState;
use super::timeline::forbidden;

impl LiongardState {
    /// `GET /environments/`.
    pub(super) fn list_environments(&self, query: &Query) -> SimResponse {
        SimResponse::ok(&Value::Array(self.environment_rows(query)))
    }

    /// `GET /environments/count/`.
    pub(super) fn count_environments(&self, query: &Query) -> SimResponse {
        SimResponse::ok(&json!(self.environment_rows(query).len()))
    }

    /// `GET /environments/{id}/`.
    pub(super) fn one_environment(&self, id: i64) -> SimResponse {
        match self.environment(id) {
            Some(spec) => self.single("GET /environments/{id}", self.environment_row(spec)),
            None => SimResponse::ok(&json!([])),
        }
    }

    /// `GET /environments/{id}/relatedEntities/`.
    pub(super) fn related_entities(&self, id: i64) -> SimResponse {
        self.single_value(
            "GET /environments/{id}/relatedEntities",
            self.related(id, "Launchpoint"),
        )
    }

    /// `POST /environments/`.
    pub(super) fn create_environment(&mut self, call: &SimRequest, role: Role) -> SimResponse {
        if role == Role::Reader {
            return forbidden();
        }
        let body = call.json().unwrap_or(Value::Null);
        let Some(name) = body
            .get("Name")
            .and_then(Value::as_str)
            .filter(|name| !name.trim().is_empty())
        else {
            return SimResponse::json(
                StatusCode::BAD_REQUEST,
                &json!({ "message": "Name is required" }),
            );
        };
        let id = self
            .world
            .environments
            .iter()
            .map(|spec| spec.id)
            .max()
            .unwrap_or(8800)
            + 1;
        let spec = EnvironmentSpec::customer(id, name);
        let row = self.environment_row(&spec);
        self.add_environment(spec);
        self.single("POST /environments", row)
    }

    /// `GET /api/v2/environments/`: a page in an envelope.
    pub(super) fn list_environments_v2(&self, query: &Query) -> SimResponse {
        let rows = self.environment_rows(query);
        let at_least_one = |name: &str| {
            query
                .number(name)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|n| *n > 0)
        };
        let (page, size) = (
            at_least_one("page").unwrap_or(1),
            at_least_one("pageSize").unwrap_or(25),
        );
        SimResponse::ok(&json!({
            "Success": true,
            "Data": rows.iter().skip((page - 1).saturating_mul(size)).take(size).collect::<Vec<_>>(),
            "Pagination": paging(rows.len(), page, size),
        }))
    }

    /// `GET /api/v2/environments/{id}`.
    pub(super) fn one_environment_v2(&self, id: i64) -> SimResponse {
        match self.environment(id) {
            Some(spec) => {
                SimResponse::ok(&json!({ "Success": true, "Data": self.environment_row(spec) }))
            }
            None => not_found_v2(),
        }
    }

    /// `GET /api/v2/environments/{id}/relatedEntities`.
    pub(super) fn related_entities_v2(&self, id: i64) -> SimResponse {
        match self.environment(id) {
            Some(_) => SimResponse::ok(
                &json!({ "Success": true, "Data": self.related(id, "LaunchPoints") }),
            ),
            None => not_found_v2(),
        }
    }

    /// `GET /api/v2/environments/count`.
    pub(super) fn count_environments_v2(&self, query: &Query) -> SimResponse {
        SimResponse::ok(&json!({ "Success": true, "Data": self.environment_rows(query).len() }))
    }

    /// Rows that meet the conditions.
    fn environment_rows(&self, query: &Query) -> Vec<Value> {
        let conditions = conditions::of(query);
        let wanted: Vec<&str> = query.all("fields[]").collect();
        let rows = self
            .world
            .environments
            .iter()
            .map(|spec| Value::Object(self.environment_row(spec)));
        rows.filter(|row| conditions::all_match(&conditions, row))
            .map(|row| match row {
                Value::Object(members) if !wanted.is_empty() => Value::Object(
                    members
                        .into_iter()
                        .filter(|(name, _)| wanted.contains(&name.as_str()))
                        .collect(),
                ),
                whole => whole,
            })
            .collect()
    }

    /// One environment, without its parent.
    fn environment_row(&self, spec: &EnvironmentSpec) -> Map<String, Value> {
        let inspectors = self
            .world
            .launchpoints
            .iter()
            .filter(|launchpoint| launchpoint.environment_id == spec.id);
        let row = json!({
            "ID": spec.id,
            "ServiceProviderID": 1,
            "Name": spec.name,
            "ShortName": spec.short_name,
            "Description": "",
            "Status": 1,
            "Visible": spec.visible,
            "ExpiresOn": null,
            "KeyRotation": 90,
            "Website": format!("{}.example", spec.name.to_lowercase().replace(' ', "-")),
            "Static": false,
            "Tier": { "Type": "Core", "CanDowngrade": false, "AssociatedInspectors": inspectors.count() },
            "CreatedOn": wire_time::liongard_iso(self.born_at),
            "UpdatedOn": null,
            "CreatedBy": { "ID": 12, "FirstName": "Ada", "LastName": "Brook", "Username": "ada.brook" },
        });
        match row {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// Launchpoints, collectors, integrations and children of an environment. That an integration
    /// is mapped is shown; the target is not.
    fn related(&self, id: i64, launchpoints_key: &str) -> Value {
        let launchpoints: Vec<Value> = self
            .world
            .launchpoints
            .iter()
            .filter(|launchpoint| launchpoint.environment_id == id)
            .map(|launchpoint| {
                let inspector = self.inspector(launchpoint.inspector_id).map(|inspector| inspector.name.as_str());
                json!({
                    "ID": launchpoint.id, "Alias": launchpoint.alias, "SystemID": launchpoint.system_id,
                    "InspectorID": launchpoint.inspector_id, "InspectorName": inspector,
                    "Enabled": launchpoint.enabled, "Status": "Active",
                })
            })
            .collect();
        let children: Vec<Value> = self
            .world
            .environments
            .iter()
            .filter(|spec| spec.parent == Some(id))
            .map(|spec| json!({ "ID": spec.id, "Name": spec.name, "Status": 1, "Visible": spec.visible }))
            .collect();
        let mapped =
            self.settings.native_ticketing.is_some() && self.world.client_of.contains_key(&id);
        let mappings = if mapped {
            json!([{ "ID": id - MSP_ENVIRONMENT + 5500, "Integration": "HaloPSA" }])
        } else {
            json!([])
        };
        json!({
            "ID": id, launchpoints_key: launchpoints, "Agents": [],
            "IntegrationMappings": mappings, "ChildEnvironments": children,
        })
    }
}

/// The paging block, whose names never change.
pub(super) fn paging(total: usize, page: usize, size: usize) -> Value {
    let pages = total.div_ceil(size.max(1));
    json!({
        "TotalRows": total, "HasMoreRows": page < pages, "CurrentPage": page, "TotalPages": pages, "PageSize": size,
    })
}

/// 404 of the second version, spelt as the vendor spells it.
pub(super) fn not_found_v2() -> SimResponse {
    SimResponse::json(
        StatusCode::NOT_FOUND,
        &json!({ "Success": false, "Message": "Enitity not found" }),
    )
}
