//! How the answers of set-up look: those of `connect`, `map`, `doctor`, `config`, `webhook` and `serve --dry-run`.

use halogard_config::ConfigDifference;
use halogard_domain::ids::{EnvironmentId, HaloClientId};
use halogard_domain::policy::Mode;
use halogard_operations::config_changes::{
    AlertsOf, ConfigEffects, ConfigHistory, ConfigPlan, PutInForce, RouteChange, SampleResult,
    SamplesAnswer, VersionLine,
};
use halogard_operations::connect::{ConnectStage, StageLine, VendorConnection};
use halogard_operations::day_one::{CustomerDayOne, DayOneAnswer};
use halogard_operations::doctor::{CheckId, DoctorReport, Finding};
use halogard_operations::map::{
    ClientMatch, CustomerMap, MapRow, MapSums, MatchState, Proof, RivalEnvironment,
};
use halogard_operations::webhook_samples::{WebhookKindLine, WebhookLog};
use halogard_operations::webhooks::{
    ActedOn, DeliveryLine, WebhookAnswer, WebhookState, WebhookStep,
};

use super::filled::{NOW, before};
use super::looks;
use crate::commands::{config, connect, doctor, map, serve, webhook};
use crate::opened_store::WebhookTarget;

/// What a check of a tenant with one thing wrong of each kind finds.
fn report() -> DoctorReport {
    let mut report = DoctorReport::default();
    report.ok(
        CheckId::InspectorSingle,
        "one HaloPSA inspector is enabled".to_owned(),
    );
    report.problem(
        CheckId::SiteUsable,
        "site 21 of environment 8801 was deleted".to_owned(),
        "name another `site` in the config, or none",
    );
    report.warning(
        CheckId::AlertWords,
        "the status \"Snoozed\" of an alert is not known".to_owned(),
        "report it; such an alert counts as open",
    );
    report.cannot_tell(
        CheckId::InspectorRun,
        "Liongard shows no run of the HaloPSA inspector".to_owned(),
        "run it once: `halogard inspect halopsa --follow`",
    );
    report
}

#[test]
fn the_first_commands_look_as_before() {
    let passed = |stage, said: &str| StageLine::passed(stage, said);
    let answer = connect::ConnectAnswer {
        vendors: vec![
            VendorConnection {
                vendor: "HaloPSA",
                address: "https://acme.halopsa.com/api".to_owned(),
                stages: vec![
                    passed(ConnectStage::Name, "203.0.113.7"),
                    passed(
                        ConnectStage::Credential,
                        "accepted; it acts as Halogard API",
                    ),
                ],
            },
            VendorConnection {
                vendor: "Liongard",
                address: "https://us1.app.liongard.com/".to_owned(),
                stages: vec![
                    passed(ConnectStage::Name, "203.0.113.8"),
                    StageLine::failed(
                        ConnectStage::Credential,
                        "401 Unauthorized",
                        ConnectStage::Credential.remedy(),
                    ),
                ],
            },
        ],
        connected: false,
        corrections: vec!["the id and the secret of Liongard were exchanged".to_owned()],
        native_ticketing: Some(false),
        advised_mode: Mode::Managed,
        findings: report().findings,
        recommendations: &["an API application of its own"],
        webhook_url: None,
        stored: Vec::new(),
        next: "fix what failed, and run the command again".to_owned(),
        dialect: None,
    };
    looks("connect", &answer, connect::page::write);
    let answer = doctor::DoctorAnswer::of(report(), None, Vec::new(), NOW.into());
    looks("doctor", &answer, doctor::write_page);
    let customer = CustomerDayOne {
        customer: "Contoso".to_owned(),
        environment: 8801,
        would_open: 3,
        have_ticket: 1,
        undecided: 30,
        oldest: Some(before(90_000).into()),
        ..CustomerDayOne::default()
    };
    let answer = DayOneAnswer {
        at: NOW.into(),
        open_alerts: 34,
        would_open: 3,
        undecided: 30,
        must_choose: true,
        customers: vec![customer],
    };
    looks("serve_dry_run", &answer, serve::dry_run::write_page);
}

#[test]
fn the_map_of_customers_looks_as_before() {
    let client = |id, name: &str, score, proof| ClientMatch {
        client: HaloClientId::new(id),
        name: name.to_owned(),
        score,
        proof,
    };
    let row = |id, name: &str, state| MapRow {
        environment: EnvironmentId::new(id),
        name: name.to_owned(),
        state,
    };
    let mapped = MatchState::Mapped {
        client: HaloClientId::new(17),
        client_name: Some("Contoso".to_owned()),
    };
    let tied = MatchState::Tied {
        candidates: vec![
            client(19, "Fabrikam", 1.0, Proof::SameName),
            client(20, "Fabrikam GmbH", 0.97, Proof::SameNormalised),
        ],
        rivals: vec![RivalEnvironment {
            environment: EnvironmentId::new(8804),
            name: Some("Fabrikam Europe".to_owned()),
            is_mapped: true,
        }],
    };
    let answer = map::MapAnswer {
        map: CustomerMap {
            sums: MapSums {
                environments: 4,
                clients: 5,
                mapped: 1,
                suggested: 1,
                tied: 1,
                unmatched: 1,
                clients_left: 1,
                ..MapSums::default()
            },
            environments: vec![
                row(8801, "Contoso", mapped),
                row(
                    8802,
                    "Brightwater Logistics",
                    MatchState::Suggested {
                        client: client(18, "Brightwater", 0.91, Proof::Similar),
                    },
                ),
                row(8803, "Fabrikam", tied),
                row(8805, "Northwind", MatchState::Unmatched { nearest: None }),
            ],
            clients: [].into(),
        },
        new_entries: Some("[[environments]]\nenvironment = 8802\nclient = 18\n".to_owned()),
        new_count: 1,
        written_to: None,
    };
    looks("map", &answer, map::write_page);
}

fn version(number: u64, origin: &str) -> VersionLine {
    VersionLine {
        number,
        applied_at: before(3600).into(),
        origin: origin.to_owned(),
        actor: Some("ada".to_owned()),
        reason: Some("a new team".to_owned()),
    }
}

#[test]
fn the_commands_of_the_config_look_as_before() {
    let alerts = |customer: &str, alerts| {
        vec![AlertsOf {
            customer: customer.to_owned(),
            alerts,
        }]
    };
    let plan = ConfigPlan {
        digest: "0011223344556677".parse().unwrap(),
        has_changes: true,
        in_force: Some(version(3, "applied")),
        differences: vec![ConfigDifference {
            path: "templates.default.team".to_owned(),
            before: Some("\"Service Desk\"".to_owned()),
            after: Some("\"Security\"".to_owned()),
        }],
        effects: ConfigEffects {
            released: alerts("Contoso", 10),
            changed: alerts("Fabrikam", 2),
            new_alerts: vec![RouteChange {
                customer: "Contoso".to_owned(),
                before: "no ticket".to_owned(),
                after: "template default".to_owned(),
                known_alerts: 10,
            }],
            ..ConfigEffects::default()
        },
        findings: report()
            .findings
            .into_iter()
            .filter(|it: &Finding| !it.remedy.is_empty())
            .collect(),
        problems: 1,
        unchecked: vec![CheckId::TypeUsable],
    };
    let change = format!("halogard config apply {}", plan.digest);
    looks("config_plan", &plan, |plan, page| {
        config::plan::write_plan(plan, &change, page);
    });
    let made = config::apply::ChangeMade {
        put: PutInForce {
            version: 4,
            was_in_force: false,
        },
        templates: 1,
        rules: 0,
        environments: 2,
        unchecked: vec![CheckId::TypeUsable],
        next: "workers use it within a minute",
    };
    looks("config_apply", &made, config::apply::write_made);
    let history = ConfigHistory {
        versions: vec![version(3, "applied"), version(4, "version 2 was restored")],
    };
    looks("config_history", &history, config::versions::write_history);
    let samples = SamplesAnswer {
        passed: 1,
        failed: 1,
        samples: vec![
            SampleResult {
                name: "an administrator".to_owned(),
                differences: Vec::new(),
            },
            SampleResult {
                name: "a printer".to_owned(),
                differences: vec!["template: default, expected none".to_owned()],
            },
        ],
    };
    looks("config_test", &samples, config::samples::write);
}

#[test]
fn the_commands_of_the_webhook_look_as_before() {
    let delivery = |status, error: Option<&str>| DeliveryLine {
        id: "71".to_owned(),
        at: Some(before(600).into()),
        event: Some("Ticket Updated".to_owned()),
        status,
        duration_ms: Some(84),
        no_answer: error.map(str::to_owned),
    };
    let answer = WebhookAnswer {
        state: WebhookState::Present {
            name: "Halogard".to_owned(),
            active: true,
            last_status: Some(200),
            count: 2,
        },
        done: vec![WebhookStep::Activate],
        missing: vec![WebhookStep::Bind {
            number: 1072,
            name: "Ticket deleted".to_owned(),
        }],
        deliveries: Some(vec![
            delivery(Some(200), None),
            delivery(None, Some("connection refused")),
        ]),
    };
    let target = WebhookTarget {
        url: "https://halogard.acme.test/webhooks/halopsa/token".into(),
        token: "token".into(),
        members: Default::default(),
        is_public: true,
    };
    looks("webhook_install", &answer, |answer, page| {
        webhook::write_answer(answer, &target, page);
    });
    let status = webhook::StatusAnswer {
        webhook: WebhookAnswer {
            state: WebhookState::Absent,
            done: Vec::new(),
            missing: vec![WebhookStep::Create],
            deliveries: None,
        },
        acted_on: ActedOn {
            announced: 9,
            found_by_sweep: 3,
        },
    };
    looks("webhook_status", &status, |answer, page| {
        webhook::write_status(answer, &target, page);
    });
    let log = webhook::BothLogs {
        here: WebhookLog {
            at: NOW.into(),
            kinds: vec![WebhookKindLine {
                kind: "ticket_changed".to_owned(),
                recorded: 12,
                last_at: Some(before(40).into()),
                kept_at: Some(before(9000).into()),
                members: Some("event: text, ticket.id: number".to_owned()),
            }],
        },
        deliveries: Some(vec![delivery(Some(401), None)]),
    };
    looks("webhook_log", &log, webhook::write_log);
    let refused = delivery(None, Some("no route to host"));
    looks("webhook_test", &refused, webhook::write_test);
}
