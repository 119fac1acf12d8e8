//! The second version's inventory queries: devices and identities of one environment.

use http::StatusCode;
use serde_json::{Value, json};

use crate::http_message::{SimRequest, SimResponse};
use crate::wire_time;

use super::environments::paging;
use super::state::LiongardState;

/// Names devices may be sorted by.
const DEVICE_SORTS: [&str; 12] = [
    "ID",
    "InventoryState",
    "Hostname",
    "OperatingSystem",
    "SerialNumber",
    "Manufacturer",
    "Model",
    "LastLogin",
    "LastLoginUser",
    "LastSeen",
    "Type",
    "CreatedOn",
];

/// Names identities may be sorted by.
const IDENTITY_SORTS: [&str; 12] = [
    "ID",
    "InventoryState",
    "IdentityStatus",
    "Email",
    "Username",
    "FirstName",
    "LastName",
    "Type",
    "AccountActivity",
    "LastLogin",
    "MfaStatus",
    "Enabled",
];

impl LiongardState {
    /// `POST /api/v2/inventory/device-profiles/query`.
    pub(super) fn query_devices(&self, call: &SimRequest) -> SimResponse {
        self.query_inventory(call, "DeviceProfiles", &DEVICE_SORTS, |environment| {
            self.devices(environment)
        })
    }

    /// `POST /api/v2/inventory/identities/query`.
    pub(super) fn query_identities(&self, call: &SimRequest) -> SimResponse {
        self.query_inventory(call, "Identities", &IDENTITY_SORTS, |environment| {
            self.identities(environment)
        })
    }

    /// Checks a query and answers with a page; the paging block stands inside `Data`.
    fn query_inventory(
        &self,
        call: &SimRequest,
        name: &str,
        sorts: &[&str],
        rows: impl Fn(i64) -> Vec<Value>,
    ) -> SimResponse {
        let body = call.json().unwrap_or(Value::Null);
        let complaints = complaints(&body, sorts);
        if !complaints.is_empty() {
            return SimResponse::json(
                StatusCode::BAD_REQUEST,
                &json!({ "Success": false, "Message": "Bad request", "ValidationErrors": complaints }),
            );
        }
        let rows = rows(body.get("Environment").and_then(Value::as_i64).unwrap_or(0));
        let member = |name: &str, otherwise: usize| {
            let given = body
                .get("Pagination")
                .and_then(|paging| paging.get(name))
                .and_then(Value::as_u64);
            given
                .and_then(|number| usize::try_from(number).ok())
                .filter(|n| *n > 0)
                .unwrap_or(otherwise)
        };
        let (page, size) = (member("Page", 1), member("PageSize", 25));
        let shown: Vec<&Value> = rows
            .iter()
            .skip((page - 1).saturating_mul(size))
            .take(size)
            .collect();
        SimResponse::ok(&json!({
            "Success": true, "Data": { name: shown, "Pagination": paging(rows.len(), page, size) },
        }))
    }

    /// A few devices in every state of the inventory, some without a name, some under the same.
    fn devices(&self, environment: i64) -> Vec<Value> {
        let Some(spec) = self.environment(environment) else {
            return vec![];
        };
        let seen = wire_time::liongard_iso(self.born_at);
        let sample = [
            ("Inventory", "DC01", "PF3ABC", "server"),
            ("Inventory", "WS07", "PF3ABD", "laptop"),
            ("Discovery", "WS07", "", "desktop"),
            ("Discovery", "", "To be filled by O.E.M.", "desktop"),
            ("Archive", "WS02", "PF3ABE", "laptop"),
        ];
        (0_i64..)
            .zip(sample)
            .map(|(place, (state, host, serial, kind))| {
                let host = if host.is_empty() { String::new() } else { format!("{}-{host}", spec.short_name) };
                let serial = if serial.starts_with("PF") { format!("{serial}{environment}") } else { serial.to_owned() };
                json!({
                    "ID": format!("5f3c0000-0000-4000-a000-{:012x}", environment * 100 + place),
                    "EnvironmentID": environment, "InventoryState": state, "Hostname": host,
                    "SerialNumber": serial, "MACAddress": [format!("14:9d:99:{:02x}:{:02x}:{place:02x}", environment / 256 % 256, environment % 256)],
                    "Manufacturer": "Lenovo", "Model": "T14", "OperatingSystem": "Windows 11 Pro",
                    "OSVersion": "10.0.22631", "Type": kind, "InternalIP": format!("10.0.4.{}", 10 + place),
                    "LastLoginUser": format!("{}\\jdoe", spec.short_name.to_lowercase()),
                    "LastLogin": seen, "LastSeen": seen, "WarrantyExpiration": null, "EDR": null, "ManagedDevice": true,
                })
            })
            .collect()
    }

    /// A few identities; licences come as an array and as text.
    fn identities(&self, environment: i64) -> Vec<Value> {
        let Some(spec) = self.environment(environment) else {
            return vec![];
        };
        let domain = spec.name.to_lowercase().replace(' ', "-");
        let sample = [
            (
                "jdoe",
                "Jo",
                "Doe",
                "Active",
                json!(["SPE_E3"]),
                json!("YES"),
            ),
            (
                "old.hand",
                "Old",
                "Hand",
                "Stale",
                json!("SPE_E3, VISIOCLIENT"),
                json!("NO"),
            ),
            ("svc-backup", "", "", "Never Used", Value::Null, Value::Null),
        ];
        (0_i64..)
            .zip(sample)
            .map(|(place, (user, first, last, activity, licences, mfa))| {
                json!({
                    "ID": format!("9a1d0000-0000-4000-a000-{:012x}", environment * 100 + place),
                    "EnvironmentID": environment, "InventoryState": "Inventory", "IdentityStatus": "Active",
                    "Email": format!("{user}@{domain}.example"), "Username": user, "FirstName": first,
                    "LastName": last, "Type": if first.is_empty() { "service" } else { "person" },
                    "Enabled": true, "AccountActivity": activity, "LastLogin": null, "MfaStatus": mfa,
                    "EmailLicenses": licences, "Privileged": false,
                })
            })
            .collect()
    }
}

/// What is wrong with a query.
fn complaints(body: &Value, sorts: &[&str]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut complain =
        |path: &str, message: String| found.push(json!({ "path": path, "message": message }));
    if body.get("Environment").and_then(Value::as_i64).is_none() {
        complain(
            "Environment",
            "Expected number but instead got: undefined.".to_owned(),
        );
    }
    if !body.get("Filters").is_some_and(Value::is_array) {
        complain(
            "Filters",
            "Expected Array<unknown> but instead got: undefined.".to_owned(),
        );
    }
    match body
        .get("Sorting")
        .and_then(Value::as_array)
        .filter(|sorting| !sorting.is_empty())
    {
        None => complain(
            "Sorting",
            "Expected Array<Sorting> but instead got: undefined.".to_owned(),
        ),
        Some(sorting) => {
            for (place, entry) in sorting.iter().enumerate() {
                let by = entry
                    .get("SortBy")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if !sorts.contains(&by) {
                    complain(
                        &format!("Sorting[{place}].SortBy"),
                        format!(
                            "Expected one of {} but instead got: {by}.",
                            sorts.join(" | ")
                        ),
                    );
                }
            }
        }
    }
    found
}
