//! How every answer looks: as text at three widths, without colour, and as JSON. What is meant to look otherwise changes
//! a file in `snapshots`; `INSTA_UPDATE=always` writes them.

mod files;
#[path = "../../shared/operations/tests/support/mod.rs"]
mod filled;
mod setup;

use std::fmt::Write as _;
use std::time::Duration;

use anstream::adapter::strip_str;
use halogard_app::ports::{
    JournalEntry, Lane, Links as _, NamedValues as _, Notifications as _, Records as _, Revision,
    WorkQueue as _, WorkSink as _, keys,
};
use halogard_domain::budget::Limit;
use halogard_domain::contact::VendorContacts;
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, TicketId};
use halogard_domain::link::{NamedFields, REFUSAL_RETRY_AFTER, RefusedWrite, WriteKind};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::notify::NotifyChannel;
use halogard_domain::pause::{Pause, PauseScope};
use halogard_domain::record::Singleton;
use halogard_domain::time::SteadyTime;
use halogard_domain::vendor::Vendor;
use halogard_domain::work::InitialState;
use halogard_domain::{Link, Slug, Timestamp};
use halogard_operations::audit::{self, AuditFilter};
use halogard_operations::bundle::{self, BundleQuestion};
use halogard_operations::dead_letters::{self, DeadLetterAction, DeadLetterFilter};
use halogard_operations::explain::explain;
use halogard_operations::inspect::{InspectAnswer, InspectedRun, InspectorFault, RunPhase};
use halogard_operations::linking;
use halogard_operations::notify::{ChannelTest, NotifyTestAnswer};
use halogard_operations::pausing;
use halogard_operations::report;
use halogard_operations::resync::{self, PairFilter, ResyncKind};
use halogard_operations::route::route;
use halogard_operations::status::{self, StatusQuestion};
use halogard_operations::subject::Subject;
use halogard_operations::transfer::Transferred;
use halogard_operations::verify::scheduled::ScheduledVerification;
use halogard_operations::verify::{duplicates, verify};
use schemars::JsonSchema;
use serde::Serialize;
use tempfile::TempDir;

use crate::commands;
use crate::commands::verify::RepairedAnswer;
use crate::page::{TextPage, json};
use crate::schemas;
use filled::vendors::{ListedAlerts, Tickets};
use filled::{NOW, StoppedClock, alert, before, filled_store, operator, pair, policy};

/// The widths at which every answer is looked at.
const WIDTHS: [u16; 3] = [60, 100, 160];

type Store = halogard_sqlite::Store<StoppedClock>;

/// Compares how `answer` looks with the file of `name`, and its JSON with its published schema.
#[track_caller]
fn looks<A: Serialize + JsonSchema>(name: &str, answer: &A, write: impl Fn(&A, &mut TextPage)) {
    schemas::check::<A>(name, &json(answer).unwrap());
    plan_looks(name, answer, write);
}

/// Compares the JSON of `answer` with the file of `name` and with its published schema, where the text is no page.
#[track_caller]
fn json_looks<A: Serialize + JsonSchema>(name: &str, answer: &A) {
    let shown = json(answer).unwrap();
    schemas::check::<A>(name, &shown);
    matches(name, &format!("JSON\n\n{shown}\n"));
}

/// Compares how a plan looks with the file of `name`: it is shown before a question and never printed as JSON.
#[track_caller]
fn plan_looks<A: Serialize>(name: &str, answer: &A, write: impl Fn(&A, &mut TextPage)) {
    let mut all = String::new();
    for width in WIDTHS {
        let mut page = TextPage::of_width(Some(width));
        write(answer, &mut page);
        let text = strip_str(page.text()).to_string();
        for line in text.lines() {
            let columns = line.chars().count();
            assert!(columns <= usize::from(width), "{name} at {width}: {line:?}");
        }
        writeln!(all, "{width} columns\n\n{}\n", text.trim_end()).unwrap();
    }
    writeln!(all, "JSON\n\n{}", json(answer).unwrap()).unwrap();
    matches(name, &all);
}

/// Compares `text` with the file of `name`.
#[track_caller]
fn matches(name: &str, text: &str) {
    // Each release has another version.
    let all = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, all);
    });
}

/// A store with something of everything, as workers and operators leave it.
async fn used_store() -> (Store, TempDir) {
    let (store, folder) = filled_store().await;
    let polled_at = before(30).as_millis();
    for (name, value) in [
        (keys::LAST_COMPLETE_POLL_AT, polled_at),
        (keys::FIRST_POLL_AT, before(90_000).as_millis()),
        (keys::ALERTS_LISTED, 41),
    ] {
        store.set_value(name, value).await.unwrap();
    }
    let mut refused = Link::new(AlertId::new(41));
    refused.observed_alert = Some(alert(41, "new"));
    refused.record_refusal(RefusedWrite {
        write: WriteKind::Open,
        fields: NamedFields::NONE,
        message: "Please select a Category for this ticket, it is mandatory for the ticket type"
            .to_owned(),
        policy_fingerprint: policy().fingerprint(),
        ticket_changed_at: None,
        at: before(600),
        retry_at: Some(before(600).plus(REFUSAL_RETRY_AFTER)),
        not_carried_out: 0,
    });
    let opened = JournalEntry {
        at: before(600),
        alert: Some(refused.alert),
        ticket: None,
        event: "write_refused".to_owned(),
        cause: "poll".to_owned(),
        detail: Some("open: Please select a Category for this ticket".to_owned()),
    };
    let none = Revision::default();
    store.save(&refused, &[opened], none).await.unwrap();
    let mut opened = pair(42, "new", 1, &policy());
    let ticket = opened.observed_ticket.clone().unwrap();
    opened.initial = Some(InitialState {
        at: before(7140),
        ..InitialState::of(&ticket)
    });
    store.save(&opened, &[], none).await.unwrap();
    let contacts = |contacts: &mut VendorContacts| {
        contacts
            .of_mut(Vendor::HaloPsa)
            .observe_answer(before(86_400));
        contacts.of_mut(Vendor::Liongard).observe_failure(
            before(900),
            "liongard.failed",
            "liongard.failed: GET /api/v1/tasks answered 503: Service Unavailable",
        );
    };
    store.update_record(&Singleton, contacts).await.unwrap();
    let credentials = |states: &mut CredentialStates| {
        let day = Duration::from_secs(24 * 3600);
        states.plan(
            "liongard",
            Some(NOW.plus(80 * day)),
            Some(NOW.plus(20 * day)),
        );
    };
    store.update_record(&Singleton, credentials).await.unwrap();
    for (kind, age) in [("ticket_changed", 40), ("new_ticket_logged", 7200)] {
        let notification = Notification {
            kind: kind.to_owned(),
            event: None,
            object: None,
            delivery: None,
            content: kind.to_owned(),
        };
        store.record(&notification, before(age)).await.unwrap();
    }
    let message = Message::reconcile_alert(AlertId::new(41), Cause::Poll);
    store.send(Lane::Bulk, &[message.into()]).await.unwrap();
    let hidden = Duration::from_secs(60);
    let taken = store.receive(Lane::Bulk, 1, hidden).await.unwrap();
    let reason = "refused: HaloPSA answered 400: Please select a Category for this ticket";
    let moved = store.dead_letter(Lane::Bulk, &taken[0].receipt, reason);
    moved.await.unwrap();
    (store, folder)
}

fn question() -> StatusQuestion {
    StatusQuestion {
        now: NOW,
        steady: SteadyTime { source: 0, at: NOW },
        limit: Limit::DEFAULT,
        serve_runs: Some(true),
    }
}

/// Both sides, as they differ from the store: one ticket closed, one deleted, one that belongs to no pair.
async fn both_sides(store: &Store) -> (ListedAlerts, Tickets) {
    let mut alerts: Vec<_> = (1..=42).map(|id| alert(id, "new")).collect();
    for closed in &mut alerts[20..30] {
        closed.status = Slug::new("closed");
    }
    let links = store.load_many(&(1..=42).map(AlertId::new).collect()).await;
    let tickets = links
        .unwrap()
        .into_iter()
        .filter_map(|it| it.observed_ticket);
    let mut desk = Tickets::of(tickets);
    desk.0.remove(&TicketId::new(1002));
    let strayed = pair(77, "new", 1, &policy()).observed_ticket.unwrap();
    desk.0.insert(strayed.id, strayed);
    if let Some(ticket) = desk.0.get_mut(&TicketId::new(1003)) {
        ticket.status = halogard_domain::ids::StatusId::new(9);
    }
    (ListedAlerts(alerts), desk)
}

#[tokio::test]
async fn status_looks_as_before() {
    let (store, _folder) = used_store().await;
    let (source, desk) = both_sides(&store).await;
    let sides = ScheduledVerification {
        source: &source,
        desk: &desk,
    };
    sides.advance(&store, &policy(), before(600)).await.unwrap();
    let answer = status::status(&store, question()).await.unwrap();
    looks("status", &answer, commands::status::write_status);
    let answer = status::waiting(&store, NOW).await.unwrap();
    looks("status_waiting", &answer, commands::status::write_waiting);
}

#[tokio::test]
async fn explain_looks_as_before() {
    let (store, _folder) = used_store().await;
    for (name, subject) in [
        ("explain_refused", Subject::Alert(AlertId::new(41))),
        ("explain_ticket", Subject::Ticket(TicketId::new(1001))),
        ("explain_unknown", Subject::Alert(AlertId::new(9999))),
    ] {
        let answer = explain(&store, &subject, NOW).await.unwrap();
        looks(name, &answer, |answer, page| {
            commands::explain::write(answer, true, page);
        });
    }
}

#[tokio::test]
async fn verify_looks_as_before() {
    let (store, _folder) = used_store().await;
    let (source, desk) = both_sides(&store).await;
    let answer = verify(&store, &source, &desk, NOW, false).await.unwrap();
    let answer = RepairedAnswer {
        answer,
        repair: None,
    };
    looks("verify", &answer, |it, page| {
        commands::verify::write(&it.answer, page);
    });
    let answer = duplicates(&store, &desk, NOW).await.unwrap();
    looks(
        "verify_duplicates",
        &answer,
        commands::verify::write_duplicates,
    );
}

#[tokio::test]
async fn reports_look_as_before() {
    let (store, _folder) = used_store().await;
    let answer = report::pairs(&store, None, NOW).await.unwrap();
    looks("report_pairs", &answer, commands::report::write_pairs);
    let answer = report::incident(&store, before(7200), NOW, NOW).await;
    looks(
        "report_incident",
        &answer.unwrap(),
        commands::report::write_incident,
    );
    let answer = report::lag(&store, before(86_400), NOW).await.unwrap();
    looks("report_lag", &answer, commands::report::write_lag);
    let answer = report::health(&store, before(86_400), NOW, question()).await;
    looks(
        "report_health",
        &answer.unwrap(),
        commands::report::write_health,
    );
}

#[tokio::test]
async fn dead_letters_look_as_before() {
    let (store, _folder) = used_store().await;
    let all = DeadLetterFilter::default();
    let list = dead_letters::list(&store, &all, NOW).await.unwrap();
    looks("dlq_list", &list, commands::dlq::write_list);
    let shown = dead_letters::show(&store, &list.letters[0].id)
        .await
        .unwrap();
    looks("dlq_show", &shown.unwrap(), commands::dlq::write_detail);
    let done = dead_letters::apply(&store, &list, DeadLetterAction::Redrive).await;
    looks("dlq_redrive", &done.unwrap(), commands::dlq::write_done);
}

#[tokio::test]
async fn commands_that_change_something_look_as_before() {
    let (store, _folder) = used_store().await;
    let pause = Pause {
        scope: PauseScope::Customer(EnvironmentId::new(8801)),
        since: NOW,
        from: None,
        until: Some(NOW.plus(Duration::from_secs(7200))),
        reason: Some("the customer moves to another building".to_owned()),
    };
    let answer = pausing::pause(&store, &pause, NOW).await.unwrap();
    looks("pause", &answer, commands::pause::write);
    let filter = PairFilter {
        customer: Some("Contoso".to_owned()),
        ..PairFilter::default()
    };
    let plan = resync::plan(&store, &filter, ResyncKind::Resync, NOW).await;
    let plan = plan.unwrap();
    plan_looks("resync_plan", &plan, commands::resync::write_plan);
    let queued = resync::apply(&store, &plan, &operator(), NOW)
        .await
        .unwrap();
    looks("resync", &queued, commands::resync::write_queued);
    let unlinked = linking::unlink(&store, AlertId::new(1), &operator(), NOW)
        .await
        .unwrap();
    looks("unlink", &unlinked, commands::link::write);
    let moved = Transferred {
        exported_at: Some(NOW.into()),
        pairs: 42,
        entries: 83,
        records: 12,
        lines: 140,
        queued: 20,
    };
    looks("export", &moved, |answer, page| {
        commands::transfer::write("exported", answer, page);
    });
}

#[tokio::test]
async fn what_operators_did_looks_as_before() {
    let (store, _folder) = used_store().await;
    let all = AuditFilter::default();
    let answer = audit::list(&store, &all, NOW).await.unwrap();
    looks("audit_list", &answer, commands::audit::write);
    let question = BundleQuestion {
        status: question(),
        recipient: Some(Vendor::HaloPsa),
        secrets: Vec::new(),
        doctor: None,
    };
    let mut answer = bundle::bundle(&store, question).await.unwrap();
    // What the files hold has tests of its own.
    answer.files.values_mut().for_each(|text| text.truncate(40));
    looks("support_bundle", &answer, commands::support_bundle::write);
}

#[test]
fn answers_of_vendors_and_channels_look_as_before() {
    let answer = InspectAnswer {
        at: NOW.into(),
        requested_at: before(120).into(),
        runs: vec![
            InspectedRun {
                target: "halopsa".to_owned(),
                phase: RunPhase::Failed,
                started_at: Some(before(100).into()),
                said: Some("401 Unauthorized: invalid_client".to_owned()),
                fault: Some(InspectorFault::of("401 Unauthorized: invalid_client")),
            },
            InspectedRun {
                target: LaunchpointId::new(55).to_string(),
                phase: RunPhase::Succeeded,
                started_at: Some(before(90).into()),
                said: None,
                fault: None,
            },
        ],
        alerts: vec![AlertId::new(41)],
        tickets: vec![TicketId::new(1041)],
    };
    looks("inspect", &answer, commands::inspect::write);
    let test = |channel, wrong: Option<&str>, ticket| ChannelTest {
        channel,
        works: wrong.is_none(),
        ticket,
        wrong: wrong.map(str::to_owned),
    };
    let answer = NotifyTestAnswer {
        at: NOW.into(),
        channels: vec![
            test(NotifyChannel::Ticket, None, Some(TicketId::new(4711))),
            test(
                NotifyChannel::Chat,
                Some("notice.refused: no_service"),
                None,
            ),
        ],
    };
    looks("notify_test", &answer, commands::notify::write);
    let answer = route(&alert(1, "new"), &policy());
    looks("route", &answer, commands::route::write_page);
    let unmapped = halogard_domain::Alert {
        environment: EnvironmentId::new(9),
        ..alert(1, "new")
    };
    looks(
        "route_unmapped",
        &route(&unmapped, &policy()),
        commands::route::write_page,
    );
}

/// Colours are escapes that are dropped where they are not wanted: nothing else says what they say.
#[test]
fn without_colour_the_text_is_the_same() {
    let mut page = TextPage::of_width(Some(60));
    page.line(crate::page::Cell::new("fine", crate::page::Mood::Good));
    let text = page.text().to_owned();
    assert!(text.contains('\u{1b}'), "{text:?}");
    assert_eq!(strip_str(&text).to_string(), "fine\n");
    let at: Timestamp = NOW;
    assert!(at > before(1));
}
