//! A store with something of everything, and an empty one.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

pub mod vendors;

use halogard_app::ports::{
    AlertIndex as _, Clock, JournalEntry, Links as _, NamedValues as _, QueuedState, Records as _,
    Revision, SinceQueued, keys,
};
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, StatusId, TicketId, TicketTypeId,
};
use halogard_domain::key::{Installation, KeySecret};
use halogard_domain::link::Base;
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::policy::{
    AppliedPolicy, Mapping, Mode, ParkReason, Policy, StatusMap, Template,
};
use halogard_domain::record::Singleton;
use halogard_domain::start::CustomerStarts;
use halogard_domain::sweep_cursor::SweepCursor;
use halogard_domain::ticket::{Existence, Handling, HumanActivity};
use halogard_domain::{Alert, Link, Slug, Ticket, Timestamp};
use halogard_operations::audit::{self, Operator};
use halogard_sqlite::{Store, StoreKey};
use tempfile::TempDir;

/// The time of every test.
pub const NOW: Timestamp = Timestamp::from_millis(1_777_881_600_000);

/// A clock that does not move.
#[derive(Clone)]
pub struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Who gives the commands of the tests.
pub fn operator() -> Operator {
    Operator {
        account: "ada".to_owned(),
        reason: None,
        request_digest: "1f".to_owned(),
    }
}

/// A store that nothing has used.
pub fn empty_store() -> (Store<StoppedClock>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let key = StoreKey::load_or_create(&folder.path().join("key")).unwrap();
    let store = Store::open(&folder.path().join("halogard.db"), key, StoppedClock).unwrap();
    (store, folder)
}

/// The lines of an export that an import does not change.
pub fn moved_lines(text: &str) -> Vec<&str> {
    let changed = [
        "\"header\"",
        "\"partition\":\"pause\"",
        "\"partition\":\"continuity\"",
    ];
    text.lines()
        .filter(|line| !changed.iter().any(|it| line.contains(it)))
        .collect()
}

/// A store with forty pairs (ten of them closed, ten without a ticket) and something of every kind of record.
pub async fn filled_store() -> (Store<StoppedClock>, TempDir) {
    let (store, folder) = empty_store();
    let (policy, none) = (policy(), Revision::default());
    let fingerprint = policy.fingerprint();
    let installation = Installation {
        key_secret: Some(KeySecret::new([7; KeySecret::BYTES])),
        born_at: before(9000),
    };
    store
        .save_record(&Singleton, &installation, none)
        .await
        .unwrap();
    let key = AppliedPolicy::key(fingerprint);
    let applied = AppliedPolicy {
        policy: Some(policy.clone()),
    };
    store
        .save_record(key.as_str(), &applied, none)
        .await
        .unwrap();
    let digest = i64::from_ne_bytes(fingerprint.to_ne_bytes());
    for (name, value) in [(keys::APPLIED_POLICY, digest), (keys::LAST_POLL_AT, 17)] {
        store.set_value(name, value).await.unwrap();
    }
    let mut continuity = StoreContinuity::default();
    continuity.observe_cycle(before(60));
    store
        .save_record(&Singleton, &continuity, none)
        .await
        .unwrap();
    let sweeps = SweepCursor {
        last_full_sweep: Some(before(60)),
        ..SweepCursor::default()
    };
    store.save_record(&Singleton, &sweeps, none).await.unwrap();
    let mut starts = CustomerStarts::default();
    starts.begin([EnvironmentId::new(8801)], before(7200));
    store.save_record(&Singleton, &starts, none).await.unwrap();
    let pauses = Pauses {
        pauses: vec![Pause {
            scope: PauseScope::Alert(AlertId::new(3)),
            since: before(60),
            from: None,
            until: None,
            reason: Some("maintenance".to_owned()),
        }],
    };
    store.save_record(&Singleton, &pauses, none).await.unwrap();
    let operator = operator();
    for age in [200_000, 60] {
        audit::record(
            &store,
            &operator,
            "snooze",
            "alert 3",
            "paused",
            before(age),
        )
        .await
        .unwrap();
    }
    for id in 1..=40 {
        let link = match id {
            1..=20 => pair(id, "new", 1, &policy),
            21..=30 => pair(id, "closed", 9, &policy),
            _ => {
                let mut link = Link::new(AlertId::new(id));
                link.observed_alert = Some(alert(id, "new"));
                link.parked = Some(ParkReason::Unmapped);
                link
            }
        };
        let entries = ["raised", "opened"].map(|event| JournalEntry {
            at: before(3600),
            alert: Some(link.alert),
            ticket: link.ticket,
            event: event.to_owned(),
            cause: "poll".to_owned(),
            detail: Some(format!("of {id}")),
        });
        store.save(&link, &entries, none).await.unwrap();
        if (21..=30).contains(&id) {
            let state = QueuedState {
                since_then: SinceQueued::InSync,
                ..QueuedState::new(id, before(3600))
            };
            store
                .save_index(&[(link.alert, state)].into())
                .await
                .unwrap();
        }
    }
    (store, folder)
}

/// This many seconds before [`NOW`].
pub fn before(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - seconds * 1000)
}

/// A policy with one customer and one template.
pub fn policy() -> Policy {
    let mut policy = Policy::empty(Mode::Managed);
    let statuses = StatusMap {
        open: StatusId::new(1),
        closed: StatusId::new(9),
        also_closed: [].into(),
        by_slug: [].into(),
    };
    let template = Template::new("default", TicketTypeId::new(5), statuses);
    policy.templates.insert("default".to_owned(), template);
    let environment = EnvironmentId::new(8801);
    let mapping = Mapping {
        environment,
        client: HaloClientId::new(17),
        site: None,
        template: Some("default".to_owned()),
        groups: [].into(),
    };
    policy.environments.insert(environment, mapping);
    policy
}

pub fn alert(id: u64, status: &str) -> Alert {
    Alert {
        id: AlertId::new(id),
        number: None,
        environment: EnvironmentId::new(8801),
        environment_name: "Contoso".to_owned(),
        name: format!("Active Directory | rule {id}"),
        description: "2 accounts have not signed in \u{1f512}\u{2028} \"quoted\"".to_owned(),
        priority: Slug::new("high"),
        status: Slug::new(status),
        inspector: None,
        inspector_alias: None,
        rule: None,
        launchpoint: None,
        system: None,
        native_ticket: None,
        visible: true,
        raised_at: before(7200),
        changed_at: before(3600),
        observed_at: before(60),
        page: None,
    }
}

pub fn pair(id: u64, alert_status: &str, ticket_status: u64, policy: &Policy) -> Link {
    let alert = alert(id, alert_status);
    let ticket = Ticket {
        id: TicketId::new(id + 1000),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(ticket_status),
        priority: None,
        summary: format!("[LG-{id}.k3f9xw]"),
        assigned: None,
        changed_at: before(1800),
        observed_at: before(60),
        existence: Existence::Present,
        is_dated: true,
        activity: HumanActivity::None { as_of: before(60) },
        handling: Handling::default(),
    };
    let mut link = Link::new(alert.id);
    link.attach(ticket.id);
    let statuses = &policy.templates["default"].statuses;
    link.base = Some(Base::of(&alert, &ticket, statuses, None));
    link.policy = Some(policy.fingerprint());
    link.observed_alert = Some(alert);
    link.observed_ticket = Some(ticket);
    link
}
