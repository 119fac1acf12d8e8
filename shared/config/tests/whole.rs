//! Valid files: the smallest, one with everything, and the starter file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_config::{
    CustomerEntries, CustomerEntry, LoadError, load, parse, starter, starter_without_customers,
    with_customers, with_settings,
};
use halogard_domain::Retention;
use halogard_domain::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketTypeId,
};
use halogard_domain::notify::{
    ChatFormat, MailEncryption, MailPolicy, NoticeTicketPolicy, NotifyPolicy,
};
use halogard_domain::policy::{
    ClosePolicy, ClosedBy, Fallback, Mapping, Mode, NATIVE_GRACE, Pattern, PriorityMap, ReopenRule,
    ReopenTable, ReopenWhen, Rule, StatusMap, Template,
};
use halogard_domain::schedule::{Cadence, Schedule};
use halogard_domain::storm::StormPolicy;
use halogard_domain::ticket::{Automation, MachineApplications, Validation};
use halogard_domain::{LinkKey, Policy, Slug};

const LEAST: &str = r#"
mode = "managed"                       # or "native"

[templates.default]
ticket_type = 5                        # HaloPSA ticket type id
team = "Service Desk"                  # HaloPSA team, by name
status = { open = 1, closed = 9 }      # HaloPSA status ids
priority = { critical = 1, high = 2, medium = 3, low = 4, default = 4 }   # Liongard word -> priorityid

[[environments]]
environment = 8801                     # Liongard environment id
client = 17                            # HaloPSA client id
site = 21                              # optional
template = "default"
"#;

const EVERYTHING: &str = r#"
mode = "native"
key_prefix = "MSP2"
machine_applications = ["Huntress", "Acronis"]
former_prefixes = ["MSP", "LG"]
former_installations = ["0k3j4h5g6f7d"]
native_grace_seconds = 120

[settings]
halopsa_resource_url = "https://acme.halopsa.com/api"
poll_interval_seconds = 30

[templates.servers]
ticket_type = 5
team = "Infrastructure"
technician = 3
category = "Infrastructure>Server"
summary = "{inspector}: {rule}"
note_outcome = 8
status = { open = 1, closed = 9, also_closed = [8, 10], in_progress = 2, "Awaiting Customer" = 4 }
priority = { Critical = 1, default = 4 }
custom_fields = { 164 = "Monitoring" }
key_field = 165
close = "always"
closing_technician = 12
validate = false
apply_type_template = true
apply_ticket_rules = true
reopen = [
  { closed_by = "technician", closing_status = 9, never = true },
  { closed_by = "halogard", always = true },
  { within_days = 3 },
]
reopen_fallback = "leave"

[[rules]]
inspector = "active-*"
rule = "*stale*"
priority = ["critical", "High"]
group = "gold"
environments = [8801]
template = "servers"

[[rules]]
priority = "low"
template = "servers"

[[environments]]
environment = 8801
client = 17
site = 21
groups = ["gold"]
"#;

fn read(text: &str) -> halogard_config::Config {
    parse("halogard.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_smallest_file_makes_a_policy_with_defaults() {
    let config = read(LEAST);
    let priorities = [("critical", 1), ("high", 2), ("medium", 3), ("low", 4)];
    let default = Template {
        team: Some("Service Desk".to_owned()),
        priorities: PriorityMap {
            by_slug: priorities
                .map(|(word, id)| (Slug::new(word), PriorityId::new(id)))
                .into(),
            default: Some(PriorityId::new(4)),
        },
        ..Template::new(
            "default",
            TicketTypeId::new(5),
            StatusMap {
                open: StatusId::new(1),
                closed: StatusId::new(9),
                also_closed: BTreeSet::new(),
                by_slug: BTreeMap::new(),
            },
        )
    };
    let mapping = Mapping {
        environment: EnvironmentId::new(8801),
        client: HaloClientId::new(17),
        site: Some(SiteId::new(21)),
        template: Some("default".to_owned()),
        groups: BTreeSet::new(),
    };
    let expected = Policy {
        mode: Mode::Managed,
        key_prefix: LinkKey::DEFAULT_PREFIX.to_owned(),
        former_prefixes: Vec::new(),
        former_installations: Vec::new(),
        templates: [("default".to_owned(), default)].into(),
        rules: Vec::new(),
        ignored_environments: BTreeSet::new(),
        environments: [(mapping.environment, mapping)].into(),
        native_grace: NATIVE_GRACE,
        storms: None,
        machine_applications: MachineApplications::default(),
        tickets_for: None,
        tickets_for_customer: [].into(),
        notify: None,
        retention: Retention::default(),
        schedule: Schedule {
            verify: Some(Cadence::Daily),
            health_report: None,
        },
    };
    assert_eq!(config.policy, expected);
    assert!(config.settings.is_empty());
    assert_eq!(config.warnings, []);
}

#[test]
fn every_key_reaches_the_policy() {
    let config = read(EVERYTHING);
    assert_eq!(config.warnings, []);
    let settings = [
        ("HALOPSA_RESOURCE_URL", "https://acme.halopsa.com/api"),
        ("POLL_INTERVAL_SECONDS", "30"),
    ];
    let expected = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(config.settings, expected.into());

    let policy = config.policy;
    assert_eq!(policy.mode, Mode::Native);
    assert_eq!(
        policy.machine_applications,
        MachineApplications::with(["Huntress".to_owned(), "Acronis".to_owned()])
    );
    assert_eq!(policy.key_prefix, "MSP2");
    assert_eq!(policy.former_prefixes, ["MSP", "LG"]);
    assert_eq!(policy.former_installations, ["0k3j4h5g6f7d"]);
    assert_eq!(policy.native_grace, Duration::from_secs(120));

    let row = |closed_by, closing_status: Option<u64>, reopen| ReopenRule {
        closing_status: closing_status.map(StatusId::new),
        closed_by,
        reopen,
    };
    let servers = Template {
        name: "servers".to_owned(),
        ticket_type: TicketTypeId::new(5),
        team: Some("Infrastructure".to_owned()),
        technician: Some(TechnicianId::new(3)),
        category: Some("Infrastructure>Server".to_owned()),
        statuses: StatusMap {
            open: StatusId::new(1),
            closed: StatusId::new(9),
            also_closed: [8, 10].map(StatusId::new).into(),
            by_slug: [("in_progress", 2), ("awaiting_customer", 4)]
                .map(|(word, id)| (Slug::new(word), StatusId::new(id)))
                .into(),
        },
        priorities: PriorityMap {
            by_slug: [(Slug::new("critical"), PriorityId::new(1))].into(),
            default: Some(PriorityId::new(4)),
        },
        summary: "{inspector}: {rule}".to_owned(),
        outcome: OutcomeId::new(8),
        custom_fields: [(CustomFieldId::new(164), "Monitoring".to_owned())].into(),
        key_field: Some(CustomFieldId::new(165)),
        close: ClosePolicy::Always,
        closing_technician: Some(TechnicianId::new(12)),
        reopen: ReopenTable {
            rules: vec![
                row(Some(ClosedBy::Technician), Some(9), ReopenWhen::Never),
                row(Some(ClosedBy::Halogard), None, ReopenWhen::Always),
                row(
                    None,
                    None,
                    ReopenWhen::Within(Duration::from_secs(3 * 86_400)),
                ),
            ],
            fallback: Fallback::Leave,
        },
        validation: Validation::Skipped,
        type_template: Automation::Applied,
        ticket_rules: Automation::Applied,
    };
    assert_eq!(policy.templates, [("servers".to_owned(), servers)].into());

    let rules = [
        Rule {
            inspector: Some(Pattern::new("active-*")),
            rule: Some(Pattern::new("*stale*")),
            priorities: ["critical", "high"].map(Slug::new).into(),
            group: Some("gold".to_owned()),
            environments: [EnvironmentId::new(8801)].into(),
            template: Some("servers".to_owned()),
        },
        Rule {
            priorities: [Slug::new("low")].into(),
            template: Some("servers".to_owned()),
            ..Rule::default()
        },
    ];
    assert_eq!(policy.rules, rules);
    assert_eq!(
        policy.environments[&EnvironmentId::new(8801)].template,
        None
    );
}

#[test]
fn storms_are_off_until_the_table_enables_them() {
    let storms = |table: &str| read(&format!("{LEAST}\n{table}")).policy.storms;
    assert_eq!(storms(""), None);
    assert_eq!(storms("[storms]\nenabled = false\ntickets_max = 3"), None);
    assert_eq!(storms("[storms]"), Some(StormPolicy::default()));
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let every = "[storms]\nenabled = true\ntickets_max = 3\nwindow_minutes = 4\nquiet_minutes = 5\n\
                 summary_minutes = 6\nnotes_max = 7";
    let expected = StormPolicy {
        tickets_max: 3,
        window: minutes(4),
        quiet_after: minutes(5),
        summary_interval: minutes(6),
        notes_max: 7,
    };
    assert_eq!(storms(every), Some(expected));
}

#[test]
fn a_reopen_table_without_rows_is_not_the_default_one() {
    let none = read(&LEAST.replace("ticket_type = 5", "ticket_type = 5\nreopen = []"));
    assert_eq!(none.policy.templates["default"].reopen.rules, []);
    let default = read(LEAST);
    assert_eq!(
        default.policy.templates["default"].reopen,
        ReopenTable::default()
    );
}

#[test]
fn byte_order_marks_and_line_endings_do_not_matter() {
    let expected = read(LEAST).policy;
    assert_eq!(read(&LEAST.replace('\n', "\r\n")).policy, expected);
    assert_eq!(read(&format!("\u{feff}{LEAST}")).policy, expected);
}

#[test]
fn the_starter_file_is_valid_in_both_modes() {
    for mode in [Mode::Managed, Mode::Native] {
        let config = read(&starter(mode));
        assert_eq!(config.policy.mode, mode);
        assert_eq!(config.warnings, []);
    }
}

#[test]
fn a_file_is_loaded_or_the_reason_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halogard.toml");

    let absent = load(&path).unwrap_err();
    assert!(matches!(absent, LoadError::NotFound { .. }));
    assert!(
        absent
            .to_string()
            .ends_with("`halogard config init` writes one"),
        "{absent}"
    );

    std::fs::write(&path, LEAST).unwrap();
    assert_eq!(load(&path).unwrap().policy, read(LEAST).policy);

    std::fs::write(&path, b"mode = \"managed\"\nkey_prefix = \"\xff\"\n").unwrap();
    assert!(matches!(
        load(&path),
        Err(LoadError::NotUtf8 { line: 2, .. })
    ));

    std::fs::write(&path, "mode = 1\n").unwrap();
    let wrong = load(&path).unwrap_err().to_string();
    assert!(
        wrong.starts_with(&format!("{}:1:", path.display())),
        "{wrong}"
    );

    let long = std::fs::File::create(&path).unwrap();
    long.set_len(halogard_config::FILE_BYTES_MAX + 1).unwrap();
    assert!(matches!(load(&path), Err(LoadError::TooLarge { .. })));

    assert!(matches!(
        load(folder.path()),
        Err(LoadError::Unreadable { .. })
    ));
}

#[test]
fn records_are_kept_for_a_year_unless_the_table_says_otherwise() {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let retention = |table: &str| read(&format!("{LEAST}\n{table}")).policy.retention;
    let usual = Retention {
        links: days(365),
        journal: days(365),
        dead_letters: days(30),
    };
    assert_eq!(retention(""), usual);
    assert_eq!(retention("[retention]"), usual);
    let every = "[retention]\nlinks_days = 90\njournal_days = 60\ndead_letters_days = 7";
    let expected = Retention {
        links: days(90),
        journal: days(60),
        dead_letters: days(7),
    };
    assert_eq!(retention(every), expected);
    let shorter = retention("[retention]\nlinks_days = 90");
    assert_eq!((shorter.links, shorter.journal), (days(90), days(90)));
    let longer = retention("[retention]\nlinks_days = 730");
    assert_eq!((longer.links, longer.journal), (days(730), days(365)));
}

/// What is added to a file stands after everything that is there: commented keys at its end go on belonging to the
/// table before them.
#[test]
fn new_tables_stand_after_the_comments_at_the_end() {
    let entry = CustomerEntry {
        environment: EnvironmentId::new(8803),
        client: HaloClientId::new(19),
        names: None,
        site: None,
        template: None,
        groups: [].into(),
        is_shared: false,
        tickets_for: None,
    };
    let entries = CustomerEntries {
        mapped: vec![entry],
        ignored: Vec::new(),
    };
    let settings = [("halopsa_url".to_owned(), "https://psa.example".to_owned())];
    let minimal = "[templates.default]\nticket_type = 5\n#closing_technician = 7\n";
    let customer = "[[environments]]\nenvironment = 8801\nclient = 17\n#site = 21\n";
    for mode in [Mode::Managed, Mode::Native, Mode::Observe] {
        let starter = starter_without_customers(mode);
        for before in [starter.as_str(), minimal, customer, "", "# nothing"] {
            let after = with_customers(before, &entries).unwrap();
            let added = after
                .strip_prefix(before)
                .unwrap_or_else(|| panic!("{after}"));
            assert!(added.contains("environment = 8803"), "{after}");
            let after = with_settings(before, &settings).unwrap();
            let is_there = before.lines().any(|line| line == "[settings]");
            assert!(is_there || after.starts_with(before), "{after}");
        }
    }
    // The keys that are commented out can be taken into use.
    let after = with_customers(minimal, &entries).unwrap();
    let in_use = after.replace("#closing", "closing");
    let file: toml_edit::DocumentMut = in_use.parse().unwrap();
    assert_eq!(
        file["templates"]["default"]["closing_technician"].as_integer(),
        Some(7)
    );
    let after = with_customers(&after, &entries).unwrap();
    assert_eq!(after.matches("[[environments]]").count(), 2, "{after}");
}

#[test]
fn customers_are_added_and_everything_else_of_the_file_is_kept() {
    let before = "# ours\nmode = \"managed\" # who\n\n[templates.default]\nticket_type = 5\nstatus = { open = 1, closed = 9 }\n\n\
                  # The first one.\n[[environments]]\nenvironment = 8801 # Acme\nclient = 17\ntemplate = \"default\"\n";
    let entry = |environment, client, is_shared| CustomerEntry {
        environment: EnvironmentId::new(environment),
        client: HaloClientId::new(client),
        names: Some(("Brook\n[x]".to_owned(), "Brook Ltd".to_owned())),
        site: None,
        template: Some("default".to_owned()),
        groups: BTreeSet::from(["gold".to_owned()]),
        is_shared,
        tickets_for: None,
    };
    let entries = CustomerEntries {
        mapped: vec![entry(8802, 18, false), entry(8803, 17, true)],
        ignored: vec![EnvironmentId::new(8899)],
    };
    let after = with_customers(before, &entries).unwrap();
    for line in before.lines().filter(|line| !line.is_empty()) {
        assert!(after.contains(line), "{line} is missing in\n{after}");
    }
    assert!(
        after.contains("# Brook [x] is Brook Ltd\n[[environments]]\nenvironment = 8802\n"),
        "{after}"
    );
    let config = parse("halogard.toml", &after).unwrap();
    assert_eq!(config.policy.environments.len(), 3);
    assert_eq!(
        config.policy.environments[&EnvironmentId::new(8803)].client,
        HaloClientId::new(17)
    );
    assert_eq!(
        config.policy.ignored_environments,
        BTreeSet::from([EnvironmentId::new(8899)])
    );
    // Into a file without any, and into a list on one line.
    for text in ["", "environments = [{ environment = 1, client = 2 }]"] {
        let after = with_customers(text, &entries).unwrap();
        assert!(after.contains("8802"), "{after}");
    }
    assert!(with_customers("environments = 5", &entries).is_err());
}

#[test]
fn a_client_is_shared_only_where_it_is_said() {
    let file = |first: &str, second: &str| {
        format!(
            "mode = \"managed\"\n[templates.default]\nticket_type = 5\nstatus = {{ open = 1, closed = 9 }}\n\
             [[environments]]\nenvironment = 1\nclient = 17\ntemplate = \"default\"\n{first}\n\
             [[environments]]\nenvironment = 2\nclient = 17\ntemplate = \"default\"\n{second}\n"
        )
    };
    for (first, second, is_valid) in [
        ("", "", false),
        ("shared = true", "", false),
        ("shared = true", "shared = true", true),
        ("site = 1", "site = 2", true),
        ("site = 1", "site = 1", false),
        ("site = 1", "", false),
    ] {
        let parsed = parse("halogard.toml", &file(first, second));
        assert_eq!(parsed.is_ok(), is_valid, "{first} / {second}: {parsed:?}");
        if let Err(problems) = parsed {
            assert!(
                problems.to_string().contains("`shared = true`"),
                "{problems}"
            );
        }
    }
}

#[test]
fn a_rule_may_give_no_ticket_and_no_template_has_that_name() {
    let file = |name: &str| {
        format!(
            "mode = \"managed\"\n[templates.{name}]\nticket_type = 5\nstatus = {{ open = 1, closed = 9 }}\n\
             [[rules]]\nrule = \"*info*\"\ntemplate = \"none\"\n"
        )
    };
    let config = parse("halogard.toml", &file("default")).unwrap();
    assert_eq!(config.policy.rules[0].template, None);
    let problems = parse("halogard.toml", &file("none"))
        .unwrap_err()
        .to_string();
    assert!(
        problems.contains("no template is called `none`"),
        "{problems}"
    );
}

#[test]
fn day_one_is_chosen_for_everyone_a_group_or_a_customer() {
    use halogard_domain::Timestamp;
    use halogard_domain::ids::EnvironmentId;
    use halogard_domain::start::TicketsFor;
    let text = |start: &str, customer: &str| {
        format!(
            "mode = \"managed\"\n{start}\n[templates.a]\nticket_type = 5\nstatus = {{ open = 1, closed = 9 }}\n\
             [[environments]]\nenvironment = 1\nclient = 1\ntemplate = \"a\"\ngroups = [\"pilot\"]\n\
             [[environments]]\nenvironment = 2\nclient = 2\ntemplate = \"a\"\n{customer}\n"
        )
    };
    let chosen = |start: &str, customer: &str| {
        let policy = parse("test", &text(start, customer)).unwrap().policy;
        [1, 2].map(|id| policy.tickets_for(EnvironmentId::new(id)))
    };
    let (all, new) = (Some(TicketsFor::All), Some(TicketsFor::NewAlerts));
    let since = Some(TicketsFor::Since(Timestamp::from_millis(1_793_491_200_000)));
    assert_eq!(chosen("", ""), [None, None]);
    assert_eq!(
        chosen("[start]\ntickets_for = \"new alerts only\"", ""),
        [new, new]
    );
    assert_eq!(
        chosen(
            "[start]\ntickets_for = \"since 2026-11-01\"",
            "tickets_for = \"all\""
        ),
        [since, all]
    );
    let pilot = "[start]\ntickets_for = \"new alerts only\"\ngroups = { pilot = \"all\" }";
    assert_eq!(chosen(pilot, ""), [all, new]);
    for (start, said) in [
        ("tickets_for = \"sinc 2026-11-01\"", "year first"),
        ("tickets_for = \"since 01.11.2026\"", "year first"),
        (
            "tickets_for = \"new alert only\"",
            "did you mean \"new alerts only\"",
        ),
        (
            "groups = { pilots = \"all\" }",
            "no environment is in this group",
        ),
    ] {
        let wrong = parse("test", &text(&format!("[start]\n{start}"), "")).unwrap_err();
        assert!(wrong.to_string().contains(said), "{wrong}");
    }
}

#[test]
fn notices_go_where_the_table_says() {
    let notify = |table: &str| read(&format!("{LEAST}\n{table}")).policy.notify;
    assert_eq!(notify(""), None);
    assert_eq!(notify("[notify]"), None);
    let every = "[notify]\nchat = \"teams\"\nticket = { client = 12, site = 18, ticket_type = 5, status = 2, \
                 priority = 3, team = \"Operations\" }\n[notify.mail]\nserver = \"smtp.example.com\"\nport = 2525\n\
                 encryption = \"tls\"\nusername = \"halogard\"\nfrom = \"halogard@example.com\"\n\
                 to = [\"a@example.com\", \"b@example.com\"]";
    let expected = NotifyPolicy {
        ticket: Some(NoticeTicketPolicy {
            client: HaloClientId::new(12),
            site: Some(SiteId::new(18)),
            ticket_type: TicketTypeId::new(5),
            status: Some(StatusId::new(2)),
            priority: Some(PriorityId::new(3)),
            team: Some("Operations".to_owned()),
        }),
        chat: Some(ChatFormat::Teams),
        mail: Some(MailPolicy {
            server: "smtp.example.com".to_owned(),
            port: Some(2525),
            encryption: MailEncryption::Tls,
            username: Some("halogard".to_owned()),
            from: "halogard@example.com".to_owned(),
            to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
        }),
    };
    assert_eq!(notify(every), Some(Box::new(expected)));
    let local = "[notify.mail]\nserver = \"localhost\"\nencryption = \"none\"\nfrom = \"a@example.com\"\n\
                 to = \"b@example.com\"";
    let mail = notify(local).unwrap().mail.unwrap();
    assert_eq!((mail.port, mail.encryption), (None, MailEncryption::None));
}

#[test]
fn what_is_scheduled_is_what_the_table_says() {
    let chat = "[notify]\nchat = \"slack\"\n";
    let schedule = |table: &str| read(&format!("{LEAST}\n{chat}{table}")).policy.schedule;
    let scheduled = |verify, health_report| Schedule {
        verify,
        health_report,
    };
    for (table, expected) in [
        ("", scheduled(Some(Cadence::Daily), None)),
        ("[schedule]", scheduled(Some(Cadence::Daily), None)),
        ("[schedule]\nverify = \"never\"", scheduled(None, None)),
        (
            "[schedule]\nverify = \"weekly\"\nhealth_report = \"monthly\"",
            scheduled(Some(Cadence::Weekly), Some(Cadence::Monthly)),
        ),
        (
            "[schedule]\nverify = \"monthly\"\nhealth_report = \"never\"",
            scheduled(Some(Cadence::Monthly), None),
        ),
    ] {
        assert_eq!(schedule(table), expected, "{table}");
    }
    let unsent = format!("{LEAST}\n[schedule]\nhealth_report = \"daily\"");
    let wrong = parse("test", &unsent).unwrap_err();
    assert!(
        wrong.to_string().contains("channels of [notify]"),
        "{wrong}"
    );
}
