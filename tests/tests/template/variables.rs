//! Variables of the functions: the names that the code reads, and no others.

use std::collections::{BTreeMap, BTreeSet};

use halogard_runtime::settings::{SETTINGS, SettingInfo};
use serde_json::{Value, json};

use crate::expanded::{Template, at, refers_to, take_away};
use crate::rule::{Findings, hold};
use crate::sources::{source_of, variables_in};

/// Settings that no function reads: schedules replace the first two, the table and the
/// address of the function that of the others.
const ONE_PROCESS_ONLY: [&str; 9] = [
    "POLL_INTERVAL_SECONDS",
    "LIONGARD_KEY_CHECK_SECONDS",
    "HALOGARD_CONFIG",
    "HALOGARD_DATA_DIR",
    "HALOGARD_LISTEN",
    "HALOGARD_METRICS_LISTEN",
    "HALOGARD_PUBLIC_URL",
    "HALOGARD_CA_FILE",
    "NO_PROXY",
];

/// Settings that are not secrets and travel with one all the same: they are changed together.
const BESIDE_A_SECRET: [&str; 4] = [
    "HALOPSA_CLIENT_ID",
    "HALOPSA_WEBHOOK_ALLOW_TOKEN_ONLY",
    "HALOPSA_WEBHOOK_USERNAME",
    "LIONGARD_ACCESS_KEY_ID",
];

/// Variables that are read and left to their defaults: no operator has a reason to change them.
const LEFT_ALONE: [&str; 1] = ["WEBHOOK_SECRET_SECONDS"];

/// Settings that are parameters of the template.
pub fn plain_settings() -> impl Iterator<Item = &'static SettingInfo> {
    SETTINGS.iter().filter(|info| {
        !info.is_secret()
            && !ONE_PROCESS_ONLY.contains(&info.name)
            && !BESIDE_A_SECRET.contains(&info.name)
    })
}

/// `HALOPSA_RESOURCE_URL` is `HaloPsaResourceUrl`.
pub fn parameter_of(setting: &str) -> String {
    let words = setting.split('_').map(|word| match word {
        "HALOPSA" => "HaloPsa".to_owned(),
        word => word[..1].to_owned() + &word[1..].to_lowercase(),
    });
    words.collect()
}

/// The settings that go with a type of settings named in `source`. `VendorSettings` holds three.
fn settings_taken(source: &str) -> BTreeSet<String> {
    let vendors = source.contains("VendorSettings");
    let windows = |name: &str| name.starts_with("HALOPSA_WINDOW_");
    let webhook = |name: &str| name.starts_with("HALOPSA_WEBHOOK_");
    let taken = |name: &str| match name {
        name if webhook(name) => source.contains("WEBHOOK_PREFIX"),
        name if windows(name) => vendors || source.contains("Limit"),
        name if name.starts_with("HALOPSA_") => vendors || source.contains("HaloSettings"),
        name if name.starts_with("LIONGARD_") => vendors || source.contains("LiongardSettings"),
        _ => false,
    };
    let names = plain_settings().map(|info| info.name);
    names
        .filter(|name| taken(name))
        .map(str::to_owned)
        .collect()
}

/// The variables of each function, by the function's name.
fn variables(template: &Template) -> BTreeMap<String, BTreeMap<String, Value>> {
    let functions = template.functions().into_iter();
    functions
        .map(|(name, (_, function))| {
            let variables = function["Environment"]["Variables"].as_object();
            let variables = variables.into_iter().flatten();
            let variables = variables.map(|(name, value)| (name.clone(), value.clone()));
            (name, variables.collect())
        })
        .collect()
}

#[test]
fn functions_are_given_the_variables_that_their_code_reads_and_no_others() {
    fn rule(template: &Template, found: &mut Findings) {
        for (function, variables) in variables(template) {
            let source = source_of(&function);
            let mut read = variables_in(&source);
            read.extend(settings_taken(&source));
            read.retain(|name| !LEFT_ALONE.contains(&name.as_str()));
            let given: BTreeSet<String> = variables.into_keys().collect();
            for name in read.union(&given) {
                found.look(
                    given.contains(name),
                    format!("{function} reads {name} in vain"),
                );
                found.look(
                    read.contains(name),
                    format!("{function} is given {name} in vain"),
                );
            }
        }
    }
    hold(
        "variables",
        rule,
        &[
            ("ticket-sync reads HALOGARD_TABLE in vain", |it| {
                let path = "/Resources/TicketSyncFunction/Properties/Environment/Variables";
                take_away(it, &format!("{path}/HALOGARD_TABLE"));
            }),
            ("ticket-sync reads HALOPSA_SCOPES in vain", |it| {
                let path = "/Resources/TicketSyncFunction/Properties/Environment/Variables";
                take_away(it, &format!("{path}/HALOPSA_SCOPES"));
            }),
            ("webhook-intake is given HALOGARD_TABLE in vain", |it| {
                let path = "/Resources/WebhookIntakeFunction/Properties/Environment/Variables";
                at(it, path)["HALOGARD_TABLE"] = json!({"Ref": "Table"});
            }),
        ],
    );
}

#[test]
fn each_variable_holds_what_its_name_says() {
    fn rule(template: &Template, found: &mut Findings) {
        let settings: BTreeSet<&str> = plain_settings().map(|info| info.name).collect();
        let resources = BTreeMap::from([
            ("HALOGARD_TABLE", "Table"),
            ("URGENT_QUEUE_URL", "UrgentQueue"),
            ("BULK_QUEUE_URL", "BulkQueue"),
            ("RUNS_QUEUE_URL", "RunsQueue"),
            ("URGENT_DEAD_LETTERS_URL", "UrgentDeadLetters"),
            ("BULK_DEAD_LETTERS_URL", "BulkDeadLetters"),
            ("RUNS_DEAD_LETTERS_URL", "RunsDeadLetters"),
            ("HALOPSA_SECRET", "HaloPsaSecret"),
            ("LIONGARD_SECRET", "LiongardSecret"),
            ("WEBHOOK_SECRET", "WebhookSecret"),
            ("NOTIFICATION_TOPIC", "NotificationTopic"),
            ("POLLS_PER_MINUTE", "PollsPerMinute"),
        ]);
        for (function, variables) in variables(template) {
            for (name, value) in variables {
                // A parameter left empty is a setting not given.
                let given = value.get("Fn::If").map_or(&value, |choice| &choice[1]);
                let expected = match resources.get(name.as_str()) {
                    Some(resource) => (*resource).to_owned(),
                    None if settings.contains(name.as_str()) => parameter_of(&name),
                    None => "nothing known".to_owned(),
                };
                found.equal(
                    format!("{name} of {function}"),
                    refers_to(given),
                    Some(expected.as_str()),
                );
            }
        }
    }
    hold(
        "values of variables",
        rule,
        &[
            ("URGENT_QUEUE_URL of ticket-sync", |it| {
                let path = "/Resources/TicketSyncFunction/Properties/Environment/Variables";
                *at(it, &format!("{path}/URGENT_QUEUE_URL")) = json!({"Ref": "BulkQueue"});
            }),
            ("HALOPSA_SCOPES of ticket-sync", |it| {
                let path = "/Resources/TicketSyncFunction/Properties/Environment/Variables";
                *at(it, &format!("{path}/HALOPSA_SCOPES")) = json!("all");
            }),
        ],
    );
}

#[test]
fn every_setting_has_a_place_of_one_kind() {
    let named = ONE_PROCESS_ONLY.iter().chain(&BESIDE_A_SECRET);
    for name in named {
        let info = SETTINGS.iter().find(|info| info.name == *name);
        assert!(
            info.is_some_and(|info| !info.is_secret()),
            "{name} is not a plain setting"
        );
    }
}
