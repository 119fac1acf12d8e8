//! What a change of the config does, and the change itself, over a store without a worker beside it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use halogard_app::ports::{Links as _, Records as _, Revision};
use halogard_domain::config_history::{ConfigText, VersionOrigin};
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, StatusId, TicketId, TicketTypeId,
};
use halogard_domain::link::Base;
use halogard_domain::policy::ParkReason;
use halogard_domain::ticket::{Existence, Handling, HumanActivity};
use halogard_domain::{Alert, Link, Slug, Ticket, Timestamp};
use halogard_operations::audit::Operator;
use halogard_operations::config_changes::{
    AlertsOf, ConfigCandidate, ConfigChangeError, ConfigPlan, PlanDigest, UndoTarget, history,
    in_force, is_due, plan_with, put_in_force, run_samples, text_of, undo_target,
};
use halogard_operations::doctor::DoctorReport;
use halogard_sqlite::Store;
use tempfile::TempDir;

use support::{NOW, StoppedClock, before, empty_store};

const CONFIG: &str = r#"mode = "managed"

[templates.default]
ticket_type = 5
status = { open = 1, closed = 9 }

[[environments]]
environment = 8801
client = 17
template = "default"
"#;

/// The config with another customer.
fn with_customer(environment: u64, client: u64) -> String {
    format!(
        "{CONFIG}\n[[environments]]\nenvironment = {environment}\nclient = {client}\ntemplate = \"default\"\n"
    )
}

fn candidate(text: &str) -> ConfigCandidate {
    halogard_config::parse("halogard.toml", text)
        .unwrap()
        .into()
}

struct ConfigBench {
    store: Store<StoppedClock>,
    _folder: TempDir,
}

impl ConfigBench {
    fn new() -> Self {
        let (store, folder) = empty_store();
        Self {
            store,
            _folder: folder,
        }
    }

    async fn plan(&self, text: &str) -> ConfigPlan {
        let (candidate, report) = (candidate(text), DoctorReport::default());
        let plan = plan_with(&self.store, &candidate, report, NOW);
        plan.await.unwrap()
    }

    async fn put(&self, text: &str, origin: VersionOrigin) -> u64 {
        self.put_at(text, origin, NOW).await
    }

    async fn put_at(&self, text: &str, origin: VersionOrigin, now: Timestamp) -> u64 {
        let operator = Operator {
            account: "mo".to_owned(),
            reason: Some("a reason".to_owned()),
            request_digest: "1f".to_owned(),
        };
        let candidate = candidate(text);
        let put = put_in_force(&self.store, &candidate, origin, Some(&operator), None, now);
        put.await.unwrap().version
    }

    async fn is_due(&self, planned: PlanDigest, text: &str) -> Result<bool, ConfigChangeError> {
        is_due(&self.store, planned, &candidate(text)).await
    }

    async fn save(&self, link: &Link) {
        let saved = self.store.save(link, &[], Revision::default()).await;
        saved.unwrap();
    }
}

#[tokio::test]
async fn a_plan_is_empty_once_it_is_applied() {
    let bench = ConfigBench::new();
    let first = bench.plan(CONFIG).await;
    assert!(first.has_changes && first.in_force.is_none(), "{first:?}");
    assert!(bench.is_due(first.digest, CONFIG).await.unwrap());
    assert_eq!(bench.put(CONFIG, VersionOrigin::Applied).await, 1);
    let again = bench.plan(CONFIG).await;
    assert!(!again.has_changes, "{again:?}");
    assert_eq!(again.in_force.as_ref().map(|it| it.number), Some(1));

    let changed = with_customer(8802, 18);
    let plan = bench.plan(&changed).await;
    let differences: Vec<_> = plan.differences.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(differences, ["environments[8802]"]);
    let text = plan.digest.to_string();
    assert_eq!(text.parse(), Ok(plan.digest));
    bench.put(&changed, VersionOrigin::Applied).await;
    assert!(!bench.plan(&changed).await.has_changes);
    for text in ["", "abc", "0123456789abcdeg", "\u{fc}123456789abcde"] {
        assert!(text.parse::<PlanDigest>().is_err(), "{text:?}");
    }
}

/// Every order in which three operators check and apply what they planned against one config.
#[tokio::test]
async fn of_plans_against_one_config_one_is_applied_and_the_others_are_stale() {
    for is_first in [true, false] {
        let bench = ConfigBench::new();
        if !is_first {
            bench.put(CONFIG, VersionOrigin::Started).await;
        }
        let texts = [18, 19, 20].map(|client| with_customer(8802, client));
        let mut plans = Vec::new();
        for text in &texts {
            let digest = bench.plan(text).await.digest;
            assert!(bench.is_due(digest, text).await.unwrap());
            plans.push((candidate(text), digest));
        }
        let origin = VersionOrigin::Applied;
        let mut applied = Vec::new();
        for (candidate, digest) in &plans {
            let put = put_in_force(&bench.store, candidate, origin, None, Some(*digest), NOW);
            applied.push(put.await);
        }
        assert!(applied[0].is_ok(), "{applied:?}");
        for late in &applied[1..] {
            assert!(
                matches!(late, Err(ConfigChangeError::StaleInForce { .. })),
                "{late:?}"
            );
        }
        let text = text_of(&bench.store, None).await.unwrap();
        assert_eq!(text.as_ref(), Some(&texts[0]));
        // The one that was applied may be given again.
        let (candidate, digest) = &plans[0];
        let again = put_in_force(&bench.store, candidate, origin, None, Some(*digest), NOW);
        assert!(again.await.unwrap().was_in_force);
    }
}

#[tokio::test]
async fn a_comment_is_a_change_without_a_difference() {
    let bench = ConfigBench::new();
    bench.put(CONFIG, VersionOrigin::Started).await;
    let commented = format!("# by mo\n{CONFIG}");
    let plan = bench.plan(&commented).await;
    assert!(plan.has_changes && plan.differences.is_empty(), "{plan:?}");
    bench.put(&commented, VersionOrigin::Applied).await;
    let text = text_of(&bench.store, None).await.unwrap();
    assert_eq!(text.as_deref(), Some(commented.as_str()));
}

#[tokio::test]
async fn a_stale_plan_is_refused_by_name_and_one_that_was_carried_out_is_done() {
    let bench = ConfigBench::new();
    bench.put(CONFIG, VersionOrigin::Started).await;
    let (mine, theirs) = (with_customer(8802, 18), with_customer(8803, 19));
    let planned = bench.plan(&mine).await.digest;

    let other_file = bench.is_due(planned, &theirs).await.unwrap_err();
    assert!(matches!(other_file, ConfigChangeError::StaleFile));
    assert!(other_file.to_string().contains("the file differs"));

    bench.put(&theirs, VersionOrigin::Edited).await;
    let stale = bench.is_due(planned, &mine).await.unwrap_err();
    let said = stale.to_string();
    for word in ["stale", "version 2", "edited", "plan again"] {
        assert!(said.contains(word), "no {word:?} in {said}");
    }

    // A command that was stopped after the change is given again.
    let planned = bench.plan(&mine).await.digest;
    bench.put(&mine, VersionOrigin::Applied).await;
    assert!(!bench.is_due(planned, &mine).await.unwrap());
    assert_eq!(bench.put(&mine, VersionOrigin::Applied).await, 3);
    assert_eq!(history(&bench.store).await.unwrap().versions.len(), 3);
}

#[tokio::test]
async fn a_change_that_stopped_after_its_text_was_stored_goes_on() {
    let bench = ConfigBench::new();
    let key = ConfigText::key(CONFIG);
    let text = ConfigText {
        expires_at: None,
        text: Some(CONFIG.to_owned()),
    };
    let saved = bench
        .store
        .save_record(key.as_str(), &text, Revision::default());
    saved.await.unwrap();
    assert_eq!(text_of(&bench.store, None).await.unwrap(), None);
    assert_eq!(bench.put(CONFIG, VersionOrigin::Applied).await, 1);
    assert!(!bench.plan(CONFIG).await.has_changes);
}

#[tokio::test]
async fn a_text_is_kept_for_a_year_after_another_one_took_its_place() {
    const DAY: i64 = 24 * 60 * 60;
    let (one, two) = (CONFIG.to_owned(), with_customer(8802, 18));
    for (replaced, kept) in [(364, true), (366, false)] {
        let bench = ConfigBench::new();
        let applied = VersionOrigin::Applied;
        bench.put_at(&one, applied, before(900 * DAY)).await;
        bench.put_at(&two, applied, before(replaced * DAY)).await;
        // However old the text in force is, it stays.
        let in_force = text_of(&bench.store, None).await.unwrap();
        assert_eq!(in_force.as_deref(), Some(two.as_str()));
        let former = text_of(&bench.store, Some(1)).await;
        match kept {
            true => assert_eq!(former.unwrap().as_deref(), Some(one.as_str())),
            false => assert!(
                matches!(former, Err(ConfigChangeError::NoText(1))),
                "{former:?}"
            ),
        }
        // In force again, it has no end, whatever it had before.
        bench.put_at(&one, applied, before(1)).await;
        let key = ConfigText::key(&one);
        let again = bench.store.load_record::<ConfigText>(&key);
        assert_eq!(again.await.unwrap().value.expires_at, None);
    }
}

#[tokio::test]
async fn an_undo_restores_the_former_config_once() {
    let bench = ConfigBench::new();
    let nothing = undo_target(&bench.store, None).await;
    assert!(matches!(nothing, Err(ConfigChangeError::NothingBefore)));
    bench.put(CONFIG, VersionOrigin::Applied).await;
    let changed = with_customer(8802, 18);
    bench.put(&changed, VersionOrigin::Applied).await;

    let former = undo_target(&bench.store, None).await.unwrap();
    assert_eq!(former, UndoTarget::Restore(1));
    let text = text_of(&bench.store, Some(1)).await.unwrap().unwrap();
    assert_eq!(text, CONFIG);
    bench.put(&text, VersionOrigin::Restored(1)).await;
    let config = in_force(&bench.store).await.unwrap();
    assert!(config.is(&candidate(CONFIG).policy, &ConfigText::key(CONFIG)));

    // The same command once more changes nothing, and says so; a named version is another command.
    let done = UndoTarget::Restored {
        former: 1,
        current: 3,
    };
    for (named, expected) in [
        (None, done),
        (Some(1), done),
        (Some(2), UndoTarget::Restore(2)),
    ] {
        let target = undo_target(&bench.store, named).await.unwrap();
        assert_eq!(target, expected, "{named:?}");
    }
    let missing = undo_target(&bench.store, Some(9)).await;
    assert!(matches!(missing, Err(ConfigChangeError::NoVersion(9))));
    let versions = history(&bench.store).await.unwrap().versions;
    assert_eq!(versions[2].origin, "version 1 was restored");
    assert_eq!(versions[2].actor.as_deref(), Some("mo"));
}

fn alert(id: u64, environment: u64) -> Alert {
    Alert {
        id: AlertId::new(id),
        number: None,
        environment: EnvironmentId::new(environment),
        environment_name: format!("Customer {environment}"),
        name: "Active Directory | New admin".to_owned(),
        description: String::new(),
        priority: Slug::new("high"),
        status: Slug::new("new"),
        inspector: None,
        inspector_alias: None,
        rule: None,
        launchpoint: None,
        system: None,
        native_ticket: None,
        visible: true,
        raised_at: NOW,
        changed_at: NOW,
        observed_at: NOW,
        page: None,
    }
}

fn parked(id: u64, environment: u64) -> Link {
    let mut link = Link::new(AlertId::new(id));
    link.observed_alert = Some(alert(id, environment));
    link.parked = Some(ParkReason::Unmapped);
    link
}

/// A pair in sync whose ticket is open.
fn open(id: u64, environment: u64) -> Link {
    let mut link = Link::new(AlertId::new(id));
    let alert = alert(id, environment);
    let ticket = Ticket {
        id: TicketId::new(id + 1000),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(1),
        priority: None,
        summary: format!("[LG-{id}.k3f9xw]"),
        assigned: None,
        changed_at: NOW,
        is_dated: true,
        observed_at: NOW,
        existence: Existence::Present,
        activity: HumanActivity::None { as_of: NOW },
        handling: Handling::default(),
    };
    link.attach(ticket.id);
    let statuses = &candidate(CONFIG).policy.templates["default"].statuses;
    link.base = Some(Base::of(&alert, &ticket, statuses, None));
    link.observed_alert = Some(alert);
    link.observed_ticket = Some(ticket);
    link
}

fn of(customer: u64, alerts: usize) -> AlertsOf {
    AlertsOf {
        customer: format!("Customer {customer}"),
        alerts,
    }
}

#[tokio::test]
async fn a_plan_says_what_it_does_to_waiting_alerts_open_tickets_and_new_alerts() {
    let bench = ConfigBench::new();
    bench.put(CONFIG, VersionOrigin::Started).await;
    for link in [
        parked(1, 8802),
        parked(2, 8802),
        parked(3, 8803),
        open(4, 8801),
        open(5, 8801),
    ] {
        bench.save(&link).await;
    }

    let mapped = bench.plan(&with_customer(8802, 18)).await.effects;
    assert_eq!(mapped.released, [of(8802, 2)]);
    assert_eq!(mapped.waiting, [of(8803, 1)]);
    assert_eq!((mapped.kept.len(), mapped.changed.len()), (0, 0));
    let [route] = mapped.new_alerts.as_slice() else {
        panic!("{mapped:?}");
    };
    assert_eq!(route.customer, "Customer 8802");
    assert_eq!(route.before, "waits: not mapped");
    assert_eq!(route.after, "client 18, template default");
    assert_eq!(route.known_alerts, 2);

    let moved = CONFIG.replace("client = 17", "client = 71");
    let moved = bench.plan(&moved).await.effects;
    assert_eq!(moved.kept, [of(8801, 2)]);
    assert_eq!(moved.waiting, [of(8802, 2), of(8803, 1)]);

    let status = CONFIG.replace("open = 1,", "open = 1, new = 2,");
    let status = bench.plan(&status).await;
    assert_eq!(status.differences[0].path, "templates.default.status.new");
    assert_eq!(status.effects.kept, []);

    let comment = bench.plan(&format!("{CONFIG}# nothing else\n")).await;
    assert_eq!(comment.effects, Default::default());
}

#[test]
fn samples_get_what_they_must_or_are_named() {
    let text = format!(
        "{CONFIG}\n[[rules]]\nrule = \"*noise*\"\ntemplate = \"none\"\n\n{}",
        "[templates.urgent]\nticket_type = 6\nteam = \"NOC\"\nstatus = { open = 1, closed = 9 }\n"
    );
    let policy = candidate(&text).policy;
    let file = r#"{"samples": [
        {"name": "ordinary", "alert": {"environment": 8801}, "expect": {"template": "default", "client": 17, "ticket_type": 5}},
        {"name": "noise", "alert": {"environment": 8801, "rule": "some noise"}, "expect": {"template": "none"}},
        {"alert": {"environment": 8802}, "expect": {"template": "default"}},
        {"name": "team", "alert": {"environment": 8801}, "expect": {"team": "NOC", "client": 18}},
        {"name": "ticket", "alert": {"environment": 8801}, "expect": {"template": "none"}}
    ]}"#;
    let answer = run_samples(file, &policy).unwrap();
    assert_eq!((answer.passed, answer.failed), (2, 3));
    let said: Vec<(&str, Vec<&str>)> = answer
        .samples
        .iter()
        .map(|it| {
            let differences = it.differences.iter().map(String::as_str);
            (it.name.as_str(), differences.collect())
        })
        .collect();
    assert_eq!(
        said[2..],
        [
            (
                "sample 3",
                vec!["no ticket (the environment is not mapped)"]
            ),
            (
                "team",
                vec![
                    "client is 17, where 18 is expected",
                    "team is HaloPSA's choice, where NOC is expected"
                ]
            ),
            (
                "ticket",
                vec!["a ticket by template default, where none is expected"]
            ),
        ]
    );
    for file in [
        "",
        "{}",
        r#"{"samples": []}"#,
        r#"{"samples": [{"alert": {}}]}"#,
    ] {
        assert!(run_samples(file, &policy).is_err(), "{file:?}");
    }
}
