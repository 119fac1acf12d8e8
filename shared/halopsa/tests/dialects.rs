//! What HaloPSA's documents leave open about lists, signing in and webhooks: each plausible reading leads to
//! the same result, or to a sentence that says what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::cell::RefCell;
use std::sync::{Arc, Once};
use std::time::Duration;

use halogard_app::ports::{DialectProbe as _, ErrorCode, Refusal, SearchWithin, ServiceDesk};
use halogard_credentials::rotation::{ApplicationAdmin as _, WebhookAdmin as _, WebhookChange};
use halogard_credentials::webhook_auth::WebhookAuthKind;
use halogard_domain::FailureClass;
use halogard_domain::ids::{AlertId, HaloClientId, StatusId, TicketId, TicketTypeId};
use halogard_domain::key::{KeySecret, SignedKey};
use halogard_domain::sweep_cursor::INDEX_LAG_MAX;
use halogard_domain::{LinkKey, Timestamp};
use halogard_halopsa::wire::TicketWrite;
use halogard_halopsa::{HaloCredentialAdmin, TicketQuery, TicketState};
use secrecy::SecretString;
use serde_json::{Value, json};
use support::{
    CountingBudget, Harness, MORNING, ManualClock, ScriptedTransport, SentRequest, answer,
    answering, list, settings,
};

/// `at` as HaloPSA writes it.
fn iso(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap();
    format!("{instant:.3}")
}

/// A ticket that changed this many minutes before [`MORNING`].
fn row(id: u64, minutes: u64) -> Value {
    let at = iso(MORNING.minus(Duration::from_secs(60 * minutes)));
    json!({"id": id, "summary": "Disk", "client_id": 17, "tickettype_id": 5, "status_id": 1,
           "last_update": at, "dateoccurred": at})
}

fn key() -> SignedKey {
    KeySecret::new([7; 32]).sign(LinkKey {
        prefix: "LG".into(),
        alert: AlertId::new(7586),
        recurrence: 1,
    })
}

fn asked<'s>(sent: &'s [SentRequest], name: &str) -> Vec<Option<&'s str>> {
    sent.iter().map(|sent| sent.query_value(name)).collect()
}

#[tokio::test]
async fn every_state_is_asked_for_as_the_vendor_describes_it() {
    let table = [
        (TicketState::Any, [None, None, None]),
        (TicketState::Open, [None, Some("true"), None]),
        (TicketState::Closed, [None, None, Some("true")]),
    ];
    let names = ["includeclosed", "open_only", "closed_only"];
    for (state, expected) in table {
        let harness = answering(&[list(json!([]))]);
        let query = TicketQuery {
            state,
            ..TicketQuery::default()
        };
        harness.client.tickets(&query).await.unwrap();
        let sent = harness.only_sent();
        assert_eq!(names.map(|name| sent.query_value(name)), expected);
    }
    let harness = answering(&[list(json!([]))]);
    harness.client.learn_that_closed_are_hidden();
    let query = TicketQuery::default();
    harness.client.tickets(&query).await.unwrap();
    let sent = harness.only_sent();
    assert_eq!(sent.query_value("includeclosed"), Some("0,1"));
}

/// The checks for closed tickets begin a quarter of an hour after the first list.
const CHECK: Duration = Duration::from_secs(901);

#[tokio::test]
async fn closed_tickets_that_lists_hide_are_found_and_those_of_the_last_day_brought() {
    let harness = answering(&[
        list(json!([])),
        list(json!([row(7, 20)])),
        // Closed ones by themselves: one that the list should have held.
        list(json!([row(6, 30)])),
        // Those of the last day.
        list(json!([row(5, 600), row(6, 30)])),
        list(json!([row(6, 30), row(7, 20)])),
    ]);
    let desk = harness.desk();
    desk.changed_since(MORNING).await.unwrap();
    harness.advance(CHECK);
    let changes = desk.changed_since(MORNING).await.unwrap();
    let ids: Vec<u64> = changes.listings.iter().map(|it| it.id.get()).collect();
    assert_eq!(ids, [7, 5, 6]);
    harness.advance(CHECK);
    desk.changed_since(MORNING).await.unwrap();
    let sent = harness.sent();
    assert_eq!(
        asked(&sent, "includeclosed"),
        [None, None, None, None, Some("0,1")]
    );
    assert_eq!(
        asked(&sent, "closed_only"),
        [None, None, Some("true"), Some("true"), None]
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_tenant_that_lists_closed_tickets_is_asked_once_more_and_never_again() {
    let harness = answering(&[
        list(json!([])),
        list(json!([row(6, 30), row(7, 20)])),
        list(json!([row(6, 30)])),
        list(json!([])),
    ]);
    let desk = harness.desk();
    for _ in 0..3 {
        desk.changed_since(MORNING).await.unwrap();
        harness.advance(CHECK);
    }
    assert_eq!(asked(&harness.sent(), "includeclosed"), [None; 4]);
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_day_without_closed_tickets_costs_seven_requests_more() {
    let lists = 96;
    let asked_for_closed = 7;
    let harness = answering(&vec![list(json!([])); lists + asked_for_closed]);
    let desk = harness.desk();
    for _ in 0..lists {
        desk.changed_since(MORNING).await.unwrap();
        harness.advance(CHECK);
    }
    let sent = harness.sent();
    let closed_only = asked(&sent, "closed_only");
    assert_eq!(closed_only.iter().flatten().count(), asked_for_closed);
    harness.assert_all_settled();
}

#[tokio::test]
async fn nothing_follows_from_closed_tickets_that_may_not_be_indexed_or_not_be_listed() {
    let none = list(json!([]));
    for closed in [answer(200, &none.to_string()), answer(400, "\"no\""), {
        // One that changed a moment ago.
        let now = iso(MORNING.plus(CHECK));
        let row = json!({"id": 6, "last_update": now});
        answer(200, &list(json!([row])).to_string())
    }] {
        let harness = answering(&[none.clone(), none.clone()]);
        harness.next(Ok(closed));
        let desk = harness.desk();
        desk.changed_since(MORNING).await.unwrap();
        harness.advance(CHECK);
        let changes = desk.changed_since(MORNING).await.unwrap();
        assert!(changes.listings.is_empty());
        assert!(!desk.client().hides_closed());
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn a_search_by_time_ends_at_the_first_older_ticket_and_after_ten_pages() {
    let within = SearchWithin {
        client: Some(HaloClientId::new(17)),
        ticket_type: Some(TicketTypeId::new(5)),
        key_field: None,
        since: MORNING,
        unlisted: false,
    };
    let page = |from: u64, minutes: u64| {
        // Of another alert: no text is read for them.
        let of_another = |place| {
            let mut row = row(from - place, minutes);
            row["summary"] = json!("[LG-1] Disk");
            row
        };
        let rows: Vec<Value> = (0..100).map(of_another).collect();
        json!({"record_count": 100_000, "tickets": rows})
    };
    // The second page reaches back to before the request.
    let harness = answering(&[
        list(json!([])),
        page(100_000, 30),
        page(99_900, 600),
        list(json!([])),
    ]);
    harness.desk().find(&key(), &within).await.unwrap();
    let sent = harness.sent();
    let pages = asked(&sent, "page_no");
    assert_eq!(pages, [Some("1"), Some("1"), Some("2"), Some("1")]);
    assert_eq!(asked(&sent, "datesearch"), [None; 4]);
    assert_eq!(asked(&sent, "order"), [Some("id"); 4]);
    assert_eq!(sent[1].query_value("orderdesc"), Some("true"));
    harness.assert_all_settled();
    // Rows without a time do not make it read the whole tenant.
    let timeless = |from: u64| {
        let row =
            |place: u64| json!({"id": from - place, "summary": "Disk [LG-1]", "status_id": 1});
        json!({"record_count": 100_000, "tickets": (0..100).map(row).collect::<Vec<_>>()})
    };
    let pages: Vec<Value> = (0..10).map(|page| timeless(100_000 - 100 * page)).collect();
    let harness = answering(&[vec![list(json!([]))], pages, vec![list(json!([]))]].concat());
    harness.desk().find(&key(), &within).await.unwrap();
    assert_eq!(harness.sent().len(), 12);
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_search_that_stays_short_of_rows_ends() {
    let short = || json!({"record_count": 4, "tickets": []});
    let searches: Vec<Value> = (0..6).map(|_| short()).collect();
    let harness = answering(&searches);
    let desk = harness.desk();
    let within = SearchWithin {
        client: None,
        ticket_type: None,
        key_field: None,
        since: MORNING,
        unlisted: false,
    };
    let find = || async { desk.find(&key(), &within).await };
    // Again at once says nothing yet.
    for _ in 0..2 {
        assert_eq!(find().await.unwrap_err().code, ErrorCode::HalopsaShortList);
    }
    harness.advance(INDEX_LAG_MAX);
    assert_eq!(find().await.unwrap(), []);
    harness.assert_all_settled();
}

#[tokio::test]
async fn no_change_is_set_aside_because_of_its_time() {
    // A tenant that writes local times, five hours behind.
    let late = json!({"id": 7, "summary": "Disk", "client_id": 17, "tickettype_id": 5, "status_id": 9,
                      "last_update": "2026-05-02T04:00:41.043"});
    let harness = answering(&[list(json!([late]))]);
    let changes = harness.desk().changed_since(MORNING).await.unwrap();
    assert_eq!(changes.listings.len(), 1);
    let ticket = changes.listings[0].ticket.as_ref().unwrap();
    assert_eq!(ticket.status, StatusId::new(9));
    harness.assert_all_settled();
}

thread_local! {
    /// What this thread has logged.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct LinesOfThisThread;

impl std::io::Write for LinesOfThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that are logged while `work` runs, on this thread. One subscriber serves all threads: with one for
/// each, a line that another test reaches first without a subscriber may stay switched off.
async fn logged(work: impl Future<Output = ()>) -> String {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| LinesOfThisThread)
            .with_ansi(false)
            .init();
    });
    LOGGED.take();
    work.await;
    String::from_utf8(LOGGED.take()).unwrap()
}

#[tokio::test]
async fn times_that_are_whole_hours_off_are_named_once() {
    let table = [
        ("2026-05-02T09:00:01", None),
        ("2026-05-02T04:00:00", Some("minutes=-300")),
        ("2026-05-02T19:00:20", Some("minutes=600")),
        ("2026-05-02T14:30:00", Some("minutes=330")),
        ("2026-05-02T09:07:00", None),
        ("2026-05-02T08:51:00", None),
        ("2025-05-02T09:00:00", None),
    ];
    for (written, expected) in table {
        let harness = Harness::new();
        let body = json!([{"id": 1, "status_id": 1, "last_update": written}]).to_string();
        for _ in 0..2 {
            let mut dated = answer(200, &body);
            let date = "Sat, 02 May 2026 09:00:00 GMT".parse().unwrap();
            dated.headers_mut().insert("date", date);
            harness.next(Ok(dated));
        }
        let log = logged(async {
            for _ in 0..2 {
                let write = [TicketWrite::default()];
                harness.client.post_tickets(&write).await.unwrap();
            }
        })
        .await;
        let count = log.matches("local times").count();
        assert_eq!(count, usize::from(expected.is_some()), "{written}: {log}");
        assert!(
            expected.is_none_or(|it| log.contains(it)),
            "{written}: {log}"
        );
    }
}

#[tokio::test]
async fn a_tenant_that_wants_its_name_in_the_form_gets_it_there() {
    let harness = Harness::answering(&["[]", "[]"]);
    let complaint = r#"{"error":"invalid_request","error_description":"The Tenant is required"}"#;
    harness.next_token(Ok(answer(400, complaint)));
    harness.client.teams().await.unwrap();
    harness.client.sign_in().await.unwrap();
    let tokens = harness.tokens();
    let in_form = |sent: &SentRequest| {
        let form = String::from_utf8(sent.body.to_vec()).unwrap();
        (
            sent.query_value("tenant").is_some(),
            form.contains("tenant=acme"),
        )
    };
    let places: Vec<_> = tokens.iter().map(in_form).collect();
    assert_eq!(places, [(true, false), (false, true), (false, true)]);
    // Where it is wrong in both places, the first refusal is what is said.
    let harness = Harness::new();
    let unknown = r#"{"error":"invalid_request","error_description":"unknown tenant"}"#;
    harness.next_token(Ok(answer(400, unknown)));
    harness.next_token(Ok(answer(400, r#"{"error":"invalid_client"}"#)));
    let error = harness.client.teams().await.unwrap_err();
    assert!(error.to_string().contains("unknown tenant"), "{error}");
    harness.assert_all_settled();
    // A form that was not answered has shown nothing.
    let harness = Harness::answering(&["[]"]);
    harness.next_token(Ok(answer(400, complaint)));
    harness.next_token(Ok(answer(503, "")));
    harness.client.teams().await.unwrap_err();
    harness.client.teams().await.unwrap();
    let places: Vec<_> = harness.tokens().iter().map(in_form).collect();
    assert_eq!(places, [(true, false), (false, true), (true, false)]);
}

#[tokio::test]
async fn the_build_is_read_under_any_name_and_without_a_token() {
    let table = [
        (json!({"version": "2.236.133"}), Some("2.236.133")),
        (
            json!({"build_number": "2.250.32", "x": 1}),
            Some("2.250.32"),
        ),
        (json!({"app_version": " 2.250.32 "}), Some("2.250.32")),
        (json!({"version": "planted text"}), None),
        (json!({"id": 7}), None),
        (json!([]), None),
    ];
    for (body, expected) in table {
        let harness = Harness::answering(&[&body.to_string()]);
        let build = harness.desk().build().await;
        assert_eq!(build.as_deref(), expected, "{body}");
        assert_eq!(harness.only_sent().bearer(), None);
        harness.assert_all_settled();
    }
    let harness = Harness::new();
    harness.next(Ok(answer(404, "")));
    assert_eq!(harness.desk().build().await, None);
}

type Admin = HaloCredentialAdmin<Arc<ScriptedTransport>, Arc<CountingBudget>, Arc<ManualClock>>;

fn admin(harness: &Harness) -> Admin {
    HaloCredentialAdmin::new(
        settings(),
        Arc::clone(&harness.transport),
        Arc::clone(&harness.budget),
        Arc::clone(&harness.clock),
    )
}

#[tokio::test]
async fn a_token_and_a_403_prove_a_credential() {
    for (status, body, proven) in [
        (200, r#"{"id":3}"#, true),
        (403, "", true),
        (401, "", false),
        (404, "", false),
        (500, "", false),
    ] {
        let harness = Harness::new();
        harness.next(Ok(answer(status, body)));
        if status == 401 {
            harness.next(Ok(answer(status, body)));
        }
        let verified = admin(&harness)
            .verify("our-app", &SecretString::from("new"))
            .await;
        assert_eq!(verified.is_ok(), proven, "{status}");
        harness.assert_all_settled();
    }
    let harness = Harness::new();
    harness.next_token(Ok(answer(401, r#"{"error":"invalid_client"}"#)));
    let secret = SecretString::from("new");
    let refused = admin(&harness).verify("our-app", &secret).await;
    assert_eq!(refused.unwrap_err().refusal, Some(Refusal::Unauthorised));
}

/// Our webhook as HaloPSA shows it.
fn webhook() -> Value {
    json!({"id": "0b9c", "name": "Halogard", "type": 0, "method": 0, "active": true, "disabled": false,
           "url": "https://example.net/webhooks/halopsa/planted-token", "content_type": "application/json",
           "payload_type": 1.0, "authentication_type": 1, "basic_username": "halogard",
           "basic_password": "", "batch_limit": 3.0, "_warning": "planted",
           "events": [{"id": 11.0, "eventno": 76}, {"id": 12, "eventno": 78}]})
}

fn with(members: &Value) -> Value {
    let mut webhook = webhook();
    for (name, value) in members.as_object().unwrap() {
        webhook[name] = value.clone();
    }
    webhook
}

fn change(kind: WebhookAuthKind) -> WebhookChange {
    WebhookChange {
        kind,
        username: Some("halogard".into()),
        value: SecretString::from("planted-new-value"),
        kept: None,
    }
}

async fn rotate(
    harness: &Harness,
    kind: WebhookAuthKind,
) -> Result<(), halogard_app::ports::PortError> {
    let tokens = [
        SecretString::from("other"),
        SecretString::from("planted-token"),
    ];
    admin(harness).change(&tokens, &change(kind)).await
}

#[tokio::test]
async fn a_new_address_is_written_with_the_password_that_stays() {
    let shown = with(&json!({"url": "https://example.net/webhooks/halopsa/planted-new-value"}));
    let harness = answering(&[json!([webhook()]), webhook(), json!([shown]), shown.clone()]);
    let address = WebhookChange {
        kept: Some(SecretString::from("planted-password")),
        ..change(WebhookAuthKind::PathToken)
    };
    let tokens = [SecretString::from("planted-token")];
    admin(&harness).change(&tokens, &address).await.unwrap();
    let written = harness.sent()[2].json()[0].clone();
    assert_eq!(written["basic_password"], "planted-password");
    assert_eq!(written["url"], shown["url"]);
}

#[tokio::test]
async fn a_webhook_is_changed_as_a_whole_and_read_back() {
    let hmac = json!({"authentication_type": 3});
    let url = json!({"url": "https://example.net/webhooks/halopsa/planted-new-value"});
    let table = [
        (
            WebhookAuthKind::Basic,
            json!({}),
            json!("planted-new-value"),
        ),
        (WebhookAuthKind::Hmac, hmac, json!("planted-new-value")),
        // A blank that HaloPSA shows instead of a secret is not written back.
        (WebhookAuthKind::PathToken, url, Value::Null),
    ];
    for (kind, members, password) in table {
        let shown = with(&members);
        let harness = answering(&[json!([webhook()]), webhook(), json!([shown]), shown.clone()]);
        rotate(&harness, kind).await.unwrap();
        let sent = harness.sent();
        let paths: Vec<&str> = sent.iter().map(|it| it.path.as_str()).collect();
        let one = "/api/Webhook/0b9c";
        assert_eq!(paths, ["/api/Webhook", one, "/api/Webhook", one]);
        let written = sent[2].json()[0].clone();
        let mut expected = with(&members);
        for (name, value) in [
            ("payload_type", json!(1)),
            ("batch_limit", json!(3)),
            (
                "events",
                json!([{"id": 11, "eventno": 76}, {"id": 12, "eventno": 78}]),
            ),
            ("basic_password", password),
        ] {
            expected[name] = value;
        }
        let members = expected.as_object_mut().unwrap();
        members.retain(|name, value| !name.starts_with('_') && !value.is_null());
        assert_eq!(written, expected, "{kind:?}");
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn a_webhook_that_a_change_broke_is_named() {
    let table = [
        (json!({"url": ""}), "url"),
        (json!({"url": null}), "url"),
        (json!({"events": []}), "events"),
        (json!({"events": [{"id": 11}]}), "events"),
        (json!({"active": false}), "active"),
        (json!({"disabled": true}), "disabled"),
        (json!({"method": 1}), "method"),
        (json!({"authentication_type": 0}), "authentication_type"),
        (
            json!({"basic_username": "other", "name": "x"}),
            "name, basic_username",
        ),
    ];
    for (members, named) in table {
        let shown = with(&members);
        let harness = answering(&[json!([webhook()]), webhook(), json!([shown]), shown.clone()]);
        let error = rotate(&harness, WebhookAuthKind::Basic).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Permanent);
        assert_eq!(
            error.refusal, None,
            "a person need not enter the value again"
        );
        let message = error.message.unwrap().to_string();
        assert!(
            message.contains(&format!("than written: {named};")),
            "{message}"
        );
        assert!(!message.contains("planted"), "{message}");
    }
    // More about the same events is not a difference, nor another form of a number.
    let shown =
        with(&json!({"events": [{"id": 11, "name": "x"}, {"id": 12}], "type": 0.0, "new": 1}));
    let harness = answering(&[json!([webhook()]), webhook(), json!([shown]), shown.clone()]);
    rotate(&harness, WebhookAuthKind::Basic).await.unwrap();
}

#[tokio::test]
async fn an_application_without_the_scope_of_an_administrator_changes_its_webhook_where_that_is_allowed()
 {
    let refused = || Ok(answer(400, r#"{"error":"invalid_scope"}"#));
    let shown = webhook();
    let harness = answering(&[json!([webhook()]), webhook(), json!([shown]), shown.clone()]);
    harness.next_token(refused());
    rotate(&harness, WebhookAuthKind::Basic).await.unwrap();
    let tokens = harness.tokens();
    let scopes: Vec<String> = tokens
        .iter()
        .map(|it| String::from_utf8_lossy(&it.body).into_owned())
        .collect();
    assert!(scopes[0].contains("scope=admin"), "{scopes:?}");
    assert!(scopes[1].contains("scope=read%3Atickets"), "{scopes:?}");
    harness.assert_all_settled();
    // Where it is not, the scope that is missing is named.
    let harness = Harness::new();
    harness.next_token(refused());
    harness.next(Ok(answer(403, "")));
    let error = rotate(&harness, WebhookAuthKind::Basic).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::HalopsaScope);
    assert_eq!(error.refusal, Some(Refusal::Unauthorised));
}

#[tokio::test]
async fn our_webhook_is_found_where_the_list_hides_addresses() {
    let thin = |id: &str, name: &str| json!({"id": id, "name": name});
    let other = with(&json!({"id": "0001", "url": "https://example.net/elsewhere"}));
    let rows = json!([thin("0001", "Billing"), thin("0b9c", "To Halogard")]);
    let harness = answering(&[rows.clone(), webhook(), json!([webhook()]), webhook()]);
    rotate(&harness, WebhookAuthKind::Basic).await.unwrap();
    harness.assert_all_settled();
    // Under any other name as well.
    let rows = json!([thin("0001", "Billing"), thin("0b9c", "Webhook 2")]);
    let harness = answering(&[rows, other, webhook(), json!([webhook()]), webhook()]);
    rotate(&harness, WebhookAuthKind::Basic).await.unwrap();
    harness.assert_all_settled();
    // With a slash at the end of its address.
    let slashed = json!({"url": "https://example.net/webhooks/halopsa/planted-token/"});
    let slashed = with(&slashed);
    let after = with(&json!({"url": "https://example.net/webhooks/halopsa/planted-new-value/"}));
    let harness = answering(&[
        json!([slashed]),
        slashed.clone(),
        json!([after]),
        after.clone(),
    ]);
    rotate(&harness, WebhookAuthKind::PathToken).await.unwrap();
    // None of them is ours, or its id does not fit into a path.
    for rows in [json!([]), json!([thin("../Tickets", "Halogard")])] {
        let harness = answering(&[rows]);
        let error = rotate(&harness, WebhookAuthKind::Basic).await.unwrap_err();
        assert_eq!(error.refusal, Some(Refusal::NotFound));
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn a_merged_ticket_is_seen_where_halopsa_says_so_and_passed_over_where_not() {
    for into in [json!(null), json!(0), json!(""), json!(7)] {
        let mut row = row(7, 0);
        row["merged_into_id"] = into.clone();
        let harness = answering(&[row]);
        let read = harness
            .desk()
            .read(TicketId::new(7))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            read.existence,
            halogard_domain::ticket::Existence::Present,
            "{into}"
        );
    }
}

#[tokio::test]
async fn nothing_is_sent_while_halopsa_says_that_no_request_is_left() {
    let table = [
        ("0", None, Some(5)),
        ("0", Some("20"), Some(20)),
        (" 0 ", Some("9999"), Some(300)),
        ("1", None, None),
        ("449", None, None),
        ("none", None, None),
    ];
    for (remaining, pause, waits) in table {
        let harness = Harness::new();
        let mut first = answer(200, "[]");
        let headers = first.headers_mut();
        headers.insert("x-ratelimit-remaining", remaining.parse().unwrap());
        if let Some(pause) = pause {
            headers.insert("retry-after", pause.parse().unwrap());
        }
        harness.next(Ok(first));
        harness.next(Ok(answer(200, "[]")));
        harness.client.teams().await.unwrap();
        if let Some(seconds) = waits {
            let error = harness.client.teams().await.unwrap_err();
            let until = MORNING.plus(Duration::from_secs(seconds));
            assert_eq!(error.retry_at(), Some(until), "{remaining} {pause:?}");
            harness.advance(Duration::from_secs(seconds));
        }
        harness.client.teams().await.unwrap();
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn of_many_requests_that_begin_work_sixteen_are_under_way() {
    let harness = Harness::new();
    for _ in 0..60 {
        harness.next(Ok(answer(200, r#"{"record_count":0,"actions":[]}"#)));
    }
    let asked = (1..=60).map(|ticket| harness.client.actions(TicketId::new(ticket)));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(Result::is_ok));
    // A refusal of one of them finds no more than these on their way.
    assert_eq!(
        harness
            .budget
            .most
            .load(std::sync::atomic::Ordering::SeqCst),
        16
    );
    harness.assert_all_settled();
}
