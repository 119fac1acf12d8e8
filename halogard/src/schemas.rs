//! The JSON schemas of the answers. They are made of the answers' types and published as `docs/schemas/*.json`;
//! `UPDATE_SCHEMAS=1 cargo test -p halogard schemas` writes those files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use halogard_operations::audit::AuditList;
use halogard_operations::bundle::SupportBundle;
use halogard_operations::config_changes::{ConfigHistory, ConfigPlan, SamplesAnswer};
use halogard_operations::day_one::DayOneAnswer;
use halogard_operations::dead_letters::{DeadLetterDetail, DeadLetterList, DeadLettersDone};
use halogard_operations::explain::ExplainAnswer;
use halogard_operations::inspect::InspectAnswer;
use halogard_operations::linking::LinkAnswer;
use halogard_operations::notify::NotifyTestAnswer;
use halogard_operations::pausing::PauseList;
use halogard_operations::report::{HealthReport, IncidentReport, LagReport, PairReport};
use halogard_operations::resync::Queued;
use halogard_operations::route::RouteAnswer;
use halogard_operations::status::{StatusAnswer, WaitingAnswer};
use halogard_operations::transfer::Transferred;
use halogard_operations::verify::DuplicatesAnswer;
use halogard_operations::webhooks::{DeliveryLine, WebhookAnswer};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::commands::backup::{BackedUp, Restored};
use crate::commands::config::apply::ChangeMade;
use crate::commands::config::versions::ShownConfig;
use crate::commands::config::{NewConfig, ValidConfig};
use crate::commands::connect::ConnectAnswer;
use crate::commands::demo::summary::Summary;
use crate::commands::doctor::DoctorAnswer;
use crate::commands::map::MapAnswer;
use crate::commands::notify::StoredSecret;
use crate::commands::rotate::RotateAnswer;
use crate::commands::verify::RepairedAnswer;
use crate::commands::webhook::{self, BothLogs, UrlAnswer};
use crate::failure::FailureAnswer;
use crate::page::FORMAT_VERSION;

/// The schemas by the names of their files. Commands with the same answer share one.
fn published() -> BTreeMap<&'static str, Value> {
    [
        ("audit-list", answer::<AuditList>()),
        ("backup", answer::<BackedUp>()),
        ("config-apply", answer::<ChangeMade>()),
        ("config-check", answer::<ValidConfig<'static>>()),
        ("config-history", answer::<ConfigHistory>()),
        ("config-init", answer::<NewConfig<'static>>()),
        ("config-plan", answer::<ConfigPlan>()),
        ("config-show", answer::<ShownConfig>()),
        ("config-test", answer::<SamplesAnswer>()),
        ("connect", answer::<ConnectAnswer>()),
        ("demo", of::<Summary>()),
        ("dlq-list", answer::<DeadLetterList>()),
        ("dlq-redrive", answer::<DeadLettersDone>()),
        ("dlq-show", answer::<DeadLetterDetail>()),
        ("doctor", answer::<DoctorAnswer>()),
        ("explain", answer::<ExplainAnswer>()),
        ("export", answer::<Transferred>()),
        ("failure", of::<FailureAnswer>()),
        ("inspect", answer::<InspectAnswer>()),
        ("link", answer::<LinkAnswer>()),
        ("map", answer::<MapAnswer>()),
        ("notify-set", answer::<StoredSecret>()),
        ("notify-test", answer::<NotifyTestAnswer>()),
        ("pause", answer::<PauseList>()),
        ("report-health", answer::<HealthReport>()),
        ("report-incident", answer::<IncidentReport>()),
        ("report-lag", answer::<LagReport>()),
        ("report-pairs", answer::<PairReport>()),
        ("resync", answer::<Queued>()),
        ("restore", answer::<Restored>()),
        ("rotate", answer::<RotateAnswer>()),
        ("route", answer::<RouteAnswer>()),
        ("serve-dry-run", answer::<DayOneAnswer>()),
        ("status", answer::<StatusAnswer>()),
        ("status-waiting", answer::<WaitingAnswer>()),
        ("support-bundle", answer::<SupportBundle>()),
        ("verify", answer::<RepairedAnswer>()),
        ("verify-duplicates", answer::<DuplicatesAnswer>()),
        ("webhook-install", answer::<WebhookAnswer>()),
        ("webhook-log", answer::<BothLogs>()),
        ("webhook-status", answer::<webhook::StatusAnswer>()),
        ("webhook-test", answer::<DeliveryLine>()),
        ("webhook-url", answer::<UrlAnswer>()),
    ]
    .into()
}

/// The schema of the answer `A` as `--json` prints it, with the version of its form.
pub fn answer<A: JsonSchema>() -> Value {
    let mut schema = of::<A>();
    schema["properties"]["format_version"] = json!({
        "description": "The version of the JSON answers; a new member leaves it as it is.",
        "const": FORMAT_VERSION,
    });
    let mut required = vec![json!("format_version")];
    if let Some(known) = schema["required"].as_array() {
        required.extend(known.iter().cloned());
    }
    schema["required"] = Value::Array(required);
    schema
}

/// The schema of `A` as it is serialised.
fn of<A: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<A>().into()
}

/// Panics unless `json` is an answer `A` without a member that its published schema does not name.
#[track_caller]
pub fn check<A: JsonSchema>(name: &str, json: &str) {
    let mut schema = answer::<A>();
    let is_published = published().into_values().any(|it| it == schema);
    assert!(is_published, "{name}: its schema is not published");
    forbid_others(&mut schema, false);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let value: Value = serde_json::from_str(json).unwrap();
    let wrong = validator.iter_errors(&value);
    let wrong: Vec<String> = wrong
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(wrong, [""; 0], "{name}");
}

/// Makes every object of `schema` refuse members that it does not name. What `is_part` of an object, as the variants of
/// an enum are that is flattened into it, leaves that to the whole.
fn forbid_others(schema: &mut Value, is_part: bool) {
    match schema {
        Value::Object(members) => {
            let is_whole = members.get("properties").is_some_and(Value::is_object);
            for (name, member) in members.iter_mut() {
                forbid_others(member, is_whole && name == "oneOf");
            }
            if is_whole && !is_part {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => {
            for item in items {
                forbid_others(item, is_part);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_published_schemas_are_those_of_the_answers() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
    let updates = env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in published() {
        let file = folder.join(format!("{name}.json"));
        let text = format!("{schema:#}\n");
        if updates {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &text).unwrap();
        }
        let found = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == text,
            "{name}: run UPDATE_SCHEMAS=1 cargo test -p halogard schemas"
        );
    }
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(files, published().len(), "a file is left over");
}
