//! A policy is stored as JSON and is read back unchanged.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketTypeId,
};
use halogard_domain::notify::{
    ChatFormat, MailEncryption, MailPolicy, NoticeTicketPolicy, NotifyPolicy,
};
use halogard_domain::policy::{
    ClosePolicy, ClosedBy, Fallback, Mapping, Mode, Pattern, Policy, PriorityMap, ReopenRule,
    ReopenTable, ReopenWhen, Rule, StatusMap, Template,
};
use halogard_domain::schedule::{Cadence, Schedule};
use halogard_domain::start::TicketsFor;
use halogard_domain::storm::StormPolicy;
use halogard_domain::ticket::{Automation, MachineApplications, Validation};
use halogard_domain::{Retention, Slug, Timestamp};

/// A policy with every field set. It is written out field by field, so that a new field stops the
/// build here.
fn full() -> Policy {
    let template = Template {
        name: "standard".to_owned(),
        ticket_type: TicketTypeId::new(21),
        team: Some("Service \"Desk\"".to_owned()),
        technician: Some(TechnicianId::new(4)),
        category: Some("Network>Firewall".to_owned()),
        statuses: StatusMap {
            open: StatusId::new(1),
            closed: StatusId::new(9),
            also_closed: BTreeSet::from([StatusId::new(8), StatusId::new(10)]),
            by_slug: BTreeMap::from([(Slug::new("In Progress"), StatusId::new(2))]),
        },
        priorities: PriorityMap {
            by_slug: BTreeMap::from([(Slug::new("critical"), PriorityId::new(1))]),
            default: Some(PriorityId::new(3)),
        },
        summary: "{name} on {system}".to_owned(),
        outcome: OutcomeId::new(7),
        custom_fields: BTreeMap::from([(CustomFieldId::new(101), "M\u{fc}ller".to_owned())]),
        key_field: Some(CustomFieldId::new(102)),
        close: ClosePolicy::Never,
        closing_technician: Some(TechnicianId::new(5)),
        reopen: ReopenTable {
            rules: vec![
                ReopenRule {
                    closing_status: Some(StatusId::new(9)),
                    closed_by: Some(ClosedBy::HaloPsa),
                    reopen: ReopenWhen::Within(Duration::from_millis(86_400_001)),
                },
                ReopenRule {
                    closing_status: None,
                    closed_by: Some(ClosedBy::Halogard),
                    reopen: ReopenWhen::Always,
                },
                ReopenRule {
                    closing_status: None,
                    closed_by: None,
                    reopen: ReopenWhen::Never,
                },
            ],
            fallback: Fallback::Leave,
        },
        validation: Validation::Skipped,
        type_template: Automation::Applied,
        ticket_rules: Automation::Applied,
    };
    let mapping = Mapping {
        environment: EnvironmentId::new(31),
        client: HaloClientId::new(12),
        site: Some(SiteId::new(44)),
        template: Some("standard".to_owned()),
        groups: BTreeSet::from(["gold".to_owned(), "west".to_owned()]),
    };
    let rule = Rule {
        inspector: Some(Pattern::new("Active*Directory")),
        rule: Some(Pattern::new("*stale*")),
        priorities: BTreeSet::from([Slug::new("High"), Slug::new("Critical")]),
        group: Some("gold".to_owned()),
        environments: BTreeSet::from([EnvironmentId::new(31)]),
        template: Some("standard".to_owned()),
    };
    Policy {
        mode: Mode::Native,
        key_prefix: "ACME".to_owned(),
        former_prefixes: vec!["LG".to_owned()],
        former_installations: vec!["0k3j4h5g6f7d".to_owned()],
        templates: BTreeMap::from([("standard".to_owned(), template)]),
        rules: vec![rule, Rule::default()],
        environments: BTreeMap::from([(EnvironmentId::new(31), mapping)]),
        ignored_environments: BTreeSet::from([EnvironmentId::new(32)]),
        native_grace: Duration::from_secs(601),
        storms: Some(StormPolicy {
            tickets_max: 7,
            window: Duration::from_secs(61),
            quiet_after: Duration::from_secs(62),
            summary_interval: Duration::from_secs(63),
            notes_max: 8,
        }),
        machine_applications: MachineApplications::with(["Huntress".to_owned()]),
        tickets_for: Some(TicketsFor::Since(Timestamp::from_millis(1_793_491_200_000))),
        tickets_for_customer: [(EnvironmentId::new(8801), TicketsFor::NewAlerts)].into(),
        notify: Some(Box::new(NotifyPolicy {
            ticket: Some(NoticeTicketPolicy {
                client: HaloClientId::new(12),
                site: Some(SiteId::new(18)),
                ticket_type: TicketTypeId::new(1),
                status: Some(StatusId::new(2)),
                priority: Some(PriorityId::new(4)),
                team: Some("Operations".to_owned()),
            }),
            chat: Some(ChatFormat::Teams),
            mail: Some(MailPolicy {
                server: "smtp.example.com".to_owned(),
                port: Some(2525),
                encryption: MailEncryption::StartTls,
                username: Some("halogard".to_owned()),
                from: "halogard@example.com".to_owned(),
                to: vec!["desk@example.com".to_owned()],
            }),
        })),
        retention: Retention {
            links: Duration::from_secs(40 * 86_400),
            journal: Duration::from_secs(39 * 86_400),
            dead_letters: Duration::from_secs(3 * 86_400),
        },
        schedule: Schedule {
            verify: Some(Cadence::Weekly),
            health_report: Some(Cadence::Monthly),
        },
    }
}

/// `policy` after it was written and read.
fn stored_and_read(policy: &Policy) -> Policy {
    serde_json::from_str(&serde_json::to_string(policy).unwrap()).unwrap()
}

#[test]
fn every_field_of_a_policy_is_stored() {
    assert_eq!(stored_and_read(&full()), full());
}

#[test]
fn a_policy_has_the_same_fingerprint_after_it_was_stored() {
    for policy in [full(), Policy::empty(Mode::Managed)] {
        assert_eq!(stored_and_read(&policy).fingerprint(), policy.fingerprint());
    }
}

/// The fingerprint is stored with refused writes. A change of this value repeats all of them after an
/// upgrade.
#[test]
fn the_fingerprint_of_a_policy_is_the_same_in_every_build() {
    assert_eq!(
        Policy::empty(Mode::Managed).fingerprint(),
        16_265_635_549_221_658_999
    );
    assert_eq!(full().fingerprint(), 4_314_127_248_767_978_162);
}

#[test]
fn a_change_of_any_setting_changes_the_fingerprint() {
    let changes: [fn(&mut Policy); 15] = [
        |policy| policy.tickets_for = Some(TicketsFor::NewAlerts),
        |policy| policy.tickets_for_customer.clear(),
        |policy| policy.ignored_environments.clear(),
        |policy| policy.mode = Mode::Managed,
        |policy| policy.key_prefix.push('X'),
        |policy| policy.former_prefixes.clear(),
        |policy| policy.former_installations.clear(),
        |policy| policy.templates.clear(),
        |policy| policy.rules.clear(),
        |policy| policy.environments.clear(),
        |policy| policy.native_grace += Duration::from_millis(1),
        |policy| policy.machine_applications = MachineApplications::default(),
        |policy| policy.storms = None,
        |policy| policy.retention.dead_letters += Duration::from_secs(1),
        |policy| {
            policy
                .templates
                .values_mut()
                .for_each(|it| it.summary.push('!'))
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = full();
        change(&mut changed);
        assert_ne!(changed.fingerprint(), full().fingerprint(), "{index}");
    }
}

#[test]
fn a_number_in_place_of_a_name_is_refused() {
    let text = serde_json::to_string(&full()).unwrap();
    let spoiled = text.replacen("\"ACME\"", "7", 1);
    assert!(spoiled != text && serde_json::from_str::<Policy>(&spoiled).is_err());
}

/// A new address for notices, or another time for reports, must not repeat every refused write.
#[test]
fn where_notices_go_and_when_things_are_done_does_not_change_the_fingerprint() {
    let silent = Policy {
        notify: None,
        ..full()
    };
    let unscheduled = Policy {
        schedule: Schedule::default(),
        ..full()
    };
    for changed in [silent, unscheduled] {
        assert_eq!(changed.fingerprint(), full().fingerprint());
    }
}
