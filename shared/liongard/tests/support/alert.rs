//! An alert to read.

use serde_json::{Value, json};

/// An alert as the vendor's description shows it, with both forms of dates. Composed.
pub fn whole_alert() -> Value {
    json!({
        "ID": 7586,
        "CommonID": "T20260105.00001",
        "Name": "Active Directory | Stale Privileged Accounts",
        "Description": "2 accounts have not signed in for 90 days",
        "Environment": {"ID": 8801, "Name": "Northwind Dental", "Status": 1, "Tier": "Core"},
        "Category": null,
        "Priority": {"ID": 67, "Table": "Priority", "Name": "Critical", "Reserved": "critical"},
        "Status": {"ID": 14, "Table": "Status", "Name": "New", "Reserved": "new"},
        "RoarStatus": 0,
        "Rule": {"ID": 1219, "Name": "Stale Privileged Accounts", "Body": "{{Metric}}"},
        "ExternalID": 90412,
        "Inspector": {"ID": 13, "Name": "active-directory-inspector", "Alias": "Active Directory"},
        "Version": {"ID": 26, "Name": "1.0.1"},
        "Timeline": {"ID": 1294715, "Status": "Completed", "AdHoc": false,
                     "FinishedAt": "2026/01/05 02:14:09"},
        "Launchpoint": {"ID": 18700, "Alias": "Northwind AD", "EnvironmentID": 8801},
        "Visible": true,
        "CreatedOn": "2026-01-05T02:15:00.120Z",
        "CreatedBy": null,
        "UpdatedOn": null
    })
}
