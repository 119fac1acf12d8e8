//! The write part of the live suite: makes one ticket in HaloPSA, checks the effect of each write, and closes
//! it. Shows the facts that no harmless read shows.

use std::time::Duration;

use bytes::Bytes;
use halogard_domain::dialect::REFERENCE;
use halogard_http::Transport;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::{Value, json};

/// Whether writes to a ticket that has not been triaged took effect.
const TRIAGE: &str = "whether writes to a ticket that has not been triaged take effect";
/// Whether reads lag.
const READ_LAG: &str = "whether a read after a write shows it";
/// Whether lists lag.
const LIST_LAG: &str = "when a new ticket appears in lists";
/// The form of an answer.
const ANSWER: &str = "how the answer to a write comes";
/// Its status.
const STATUS: &str = "the status of a write that succeeded";
/// What an update names.
const UPDATE: &str = "what an update must name";
/// How many rows come back.
const ARRAY: &str = "what the answer to an array holds";
/// How a team is named.
const TEAM: &str = "how a write names a team";
/// The plain text of a note.
const NOTE: &str = "whether `note` follows from `note_html`";
/// The markup of a description.
const DETAILS: &str = "whether `details_html` is kept when a ticket is created";
/// The refusal of a close.
const WORDING: &str = "the sentence that refuses to close an unassigned ticket";
/// The assignment after a change of status.
const ASSIGNMENT: &str = "whether a change of status leaves the assignment";
/// Notes on closed tickets.
const NOTE_REOPENS: &str = "whether a note reopens a closed ticket";
/// The mark of a ticket that was closed.
const REOPENED: &str = "what `hasbeenclosed` is after a ticket was reopened";

/// The facts that the write part can show.
pub const WRITTEN_FACTS: [&str; 14] = [
    TRIAGE,
    READ_LAG,
    LIST_LAG,
    ANSWER,
    STATUS,
    UPDATE,
    ARRAY,
    TEAM,
    NOTE,
    DETAILS,
    WORDING,
    ASSIGNMENT,
    NOTE_REOPENS,
    REOPENED,
];

/// Longer than reads were seen to lag.
const LAG: Duration = Duration::from_secs(60);

/// Longer than writes were seen to land late.
const LATE: Duration = Duration::from_secs(240);

/// Longer than a ticket was seen to count as untriaged.
const TRIAGED_AFTER: Duration = Duration::from_secs(660);

/// The technician of an unassigned ticket.
const UNASSIGNED: u64 = 1;

/// Where and as what the ticket is made.
#[derive(Clone, Debug)]
pub struct WriteTarget {
    /// HaloPSA's API, without a slash at its end.
    pub resource_url: String,
    /// The value of the header `Authorization`.
    pub authorization: String,
    /// The customer.
    pub client: u64,
    /// The type of ticket.
    pub ticket_type: u64,
    /// The status of an open ticket.
    pub open: u64,
    /// The status of a closed ticket.
    pub closed: u64,
    /// The kind of note.
    pub outcome: u64,
    /// Whom the ticket may be assigned to: often not the agent of the application.
    pub technician: u64,
}

/// What the write part found out.
#[derive(Clone, Debug, Default)]
pub struct WriteReport {
    /// The ticket that was made.
    pub ticket: u64,
    /// Whether it is closed now.
    pub is_closed: bool,
    /// Facts with the names of the readings that were seen.
    pub seen: Vec<(&'static str, &'static str)>,
}

/// An answer.
struct Written {
    status: u16,
    body: Value,
}

impl Written {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The record, alone or the first of a list.
    fn record(&self) -> &Value {
        self.body.get(0).unwrap_or(&self.body)
    }

    fn number(&self, name: &str) -> u64 {
        let value = &self.record()[name];
        value.as_u64().unwrap_or_else(|| whole(value))
    }
}

/// A number that came as `3.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of records are small and not negative"
)]
fn whole(value: &Value) -> u64 {
    value.as_f64().unwrap_or_default() as u64
}

/// HaloPSA, written to by hand.
struct Desk<'a, T> {
    transport: &'a T,
    target: &'a WriteTarget,
    ticket: u64,
    /// What an update must carry beside what it changes.
    identity: Value,
}

impl<T: Transport> Desk<'_, T> {
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Written {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.target.resource_url))
            .header(AUTHORIZATION, &self.target.authorization)
            .header(CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request.body(body).expect("a request");
        let answer = self.transport.send(request).await.expect("HaloPSA answers");
        Written {
            status: answer.status().as_u16(),
            body: serde_json::from_slice(answer.body()).unwrap_or_default(),
        }
    }

    async fn get(&self, path: &str) -> Written {
        self.send(Method::GET, path, None).await
    }

    async fn read(&self) -> Written {
        let path = format!("/Tickets/{}?includedetails=true", self.ticket);
        self.get(&path).await
    }

    /// Sets members of the ticket.
    async fn update(&self, members: Value) -> Written {
        let mut item = json!({ "id": self.ticket });
        for part in [&self.identity, &members] {
            for (name, value) in part.as_object().into_iter().flatten() {
                item[name] = value.clone();
            }
        }
        self.send(Method::POST, "/Tickets", Some(json!([item])))
            .await
    }

    async fn add_notes(&self, notes: &[&str]) -> Written {
        let items = notes.iter().map(|note| {
            json!({
                "ticket_id": self.ticket, "outcome_id": self.target.outcome, "note_html": format!("<p>{note}</p>"),
                "hiddenfromuser": true, "sendemail": false,
            })
        });
        let items = Value::Array(items.collect());
        self.send(Method::POST, "/Actions?returnall=true", Some(items))
            .await
    }
}

/// Makes the ticket, looks, and closes it. `pause` waits.
///
/// # Panics
///
/// When HaloPSA does not answer, or does not make the ticket.
pub async fn write_part<T: Transport>(
    transport: &T,
    target: &WriteTarget,
    pause: impl AsyncFn(Duration),
) -> WriteReport {
    let mut desk = Desk {
        transport,
        target,
        ticket: 0,
        identity: json!({}),
    };
    let mut report = WriteReport::default();
    create(&mut desk, &mut report).await;
    let is_untriaged = update(&mut desk, &mut report, &pause).await;
    if is_untriaged {
        pause(TRIAGED_AFTER).await;
    }
    notes(&desk, &mut report, &pause).await;
    close(&desk, &mut report, &pause).await;
    report.ticket = desk.ticket;
    report
}

/// A new ticket: the answer, what is kept of it, and whether lists have it at once.
async fn create<T: Transport>(desk: &mut Desk<'_, T>, report: &mut WriteReport) {
    let target = desk.target;
    let kind = desk
        .get(&format!("/TicketType/{}", target.ticket_type))
        .await;
    let usual = kind.record()["default_team"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let teams = desk.get("/Team?showall=true").await;
    let rows = teams.body.get("teams").unwrap_or(&teams.body).clone();
    let names = rows.as_array().into_iter().flatten();
    let other = names
        .filter_map(|team| team["name"].as_str())
        .find(|name| *name != usual)
        .map(str::to_owned);
    let mut item = json!({
        "client_id": target.client, "tickettype_id": target.ticket_type, "summary": "Halogard live check",
        "details_html": "<p>A check of this API. It closes itself.</p>",
    });
    if let Some(team) = &other {
        item["team"] = json!(team);
    }
    let made = desk
        .send(Method::POST, "/Tickets", Some(json!([item])))
        .await;
    assert!(
        made.is_success(),
        "no ticket was made: {} {}",
        made.status,
        made.body
    );
    desk.ticket = made.number("id");
    let seen = &mut report.seen;
    seen.push((STATUS, either(made.status == 201, "write-status-200")));
    seen.push((ANSWER, either(made.body.is_object(), "single-answer-array")));
    let newest = "/Tickets?pageinate=true&page_size=50&page_no=1&order=id&orderdesc=true";
    let listed = desk.get(newest).await;
    let rows = listed.body["tickets"].as_array().into_iter().flatten();
    let numbers: Vec<u64> = rows.map(|row| whole(&row["id"])).collect();
    if listed.is_success() {
        seen.push((LIST_LAG, either(numbers.contains(&desk.ticket), "list-lag")));
    }
    let read = desk.read().await;
    if read.is_success() {
        let text = format!(
            "{}{}",
            read.record()["details"],
            read.record()["details_html"]
        );
        seen.push((
            DETAILS,
            either(text.contains("check of this API"), "details-html-ignored"),
        ));
        if let Some(team) = other {
            let is_named = read.record()["team"].as_str() == Some(team.as_str());
            seen.push((TEAM, either(is_named, "team-by-id")));
        }
    }
}

/// A change of the title: what it must name, and when it shows. Says whether the ticket counts as untriaged.
async fn update<T: Transport>(
    desk: &mut Desk<'_, T>,
    report: &mut WriteReport,
    pause: &impl AsyncFn(Duration),
) -> bool {
    const TITLE: &str = "Halogard live check, changed";
    let change = || json!({ "summary": TITLE });
    let mut answer = desk.update(change()).await;
    let is_enough = answer.is_success();
    if !is_enough {
        desk.identity = json!({
            "client_id": desk.target.client, "tickettype_id": desk.target.ticket_type,
        });
        answer = desk.update(change()).await;
    }
    if answer.is_success() {
        report
            .seen
            .push((UPDATE, either(is_enough, "strict-update")));
    }
    let shows = async || desk.read().await.record()["summary"] == TITLE;
    if shows().await {
        report.seen.push((READ_LAG, REFERENCE));
        report.seen.push((TRIAGE, REFERENCE));
        return false;
    }
    pause(LAG).await;
    if shows().await {
        report.seen.push((READ_LAG, "read-lag"));
        report.seen.push((TRIAGE, REFERENCE));
        return false;
    }
    pause(LATE).await;
    let landed = shows().await;
    let triage = if landed {
        "untriaged-late"
    } else {
        "untriaged-dropped"
    };
    report.seen.push((TRIAGE, triage));
    true
}

/// Two notes in one request.
async fn notes<T: Transport>(
    desk: &Desk<'_, T>,
    report: &mut WriteReport,
    pause: &impl AsyncFn(Duration),
) {
    let answer = desk.add_notes(&["First note", "Second note"]).await;
    if !answer.is_success() {
        return;
    }
    let rows = answer.body.as_array().map_or(1, Vec::len);
    report
        .seen
        .push((ARRAY, either(rows == 2, "returnall-ignored")));
    pause(LAG).await;
    let path = format!(
        "/Actions?ticket_id={}&count=100&includehtmlnote=true",
        desk.ticket
    );
    let listed = desk.get(&path).await;
    let mut rows = listed.body["actions"].as_array().into_iter().flatten();
    let is_ours = |row: &&Value| {
        row["note_html"]
            .as_str()
            .is_some_and(|note| note.contains("First note"))
    };
    if let Some(ours) = rows.find(is_ours) {
        let has_text = ours["note"]
            .as_str()
            .is_some_and(|note| !note.trim().is_empty());
        report
            .seen
            .push((NOTE, either(has_text, "note-not-from-html")));
    }
}

/// Closing without and with an assignment, a note on the closed ticket, reopening, and the end.
async fn close<T: Transport>(
    desk: &Desk<'_, T>,
    report: &mut WriteReport,
    pause: &impl AsyncFn(Duration),
) {
    let (open, closed) = (desk.target.open, desk.target.closed);
    let is_closed = async || desk.read().await.number("status_id") == closed;
    let status = |status: u64| json!({ "status_id": status });
    if desk.read().await.number("agent_id") == UNASSIGNED {
        let answer = desk.update(status(closed)).await;
        if answer.is_success() {
            desk.update(status(open)).await;
            pause(LAG).await;
        } else {
            let said = answer.body.to_string().to_lowercase();
            let is_known = said.contains("assign") && said.contains("before closing");
            report
                .seen
                .push((WORDING, either(is_known, "must-assign-wording")));
        }
    }
    let technician = desk.target.technician;
    desk.update(json!({ "agent_id": technician })).await;
    pause(LAG).await;
    let was_assigned = desk.read().await.number("agent_id") == technician;
    let answer = desk.update(status(closed)).await;
    let knows_lag = report.seen.iter().any(|(fact, _)| *fact == READ_LAG);
    if answer.is_success() && !knows_lag {
        report
            .seen
            .push((READ_LAG, either(is_closed().await, "read-lag")));
    }
    pause(LAG).await;
    if was_assigned && is_closed().await {
        let is_left = desk.read().await.number("agent_id") == technician;
        report
            .seen
            .push((ASSIGNMENT, either(is_left, "status-clears-agent")));
    }
    if is_closed().await {
        desk.add_notes(&["A note after the end"]).await;
        pause(LAG).await;
        report
            .seen
            .push((NOTE_REOPENS, either(is_closed().await, "note-reopens")));
        desk.update(status(open)).await;
        pause(LAG).await;
        let mark = desk.read().await.record()["hasbeenclosed"].clone();
        report
            .seen
            .push((REOPENED, either(mark == true, "reopened-is-not-closed")));
    }
    let end = json!({ "status_id": closed, "agent_id": technician });
    desk.update(end).await;
    pause(LAG).await;
    report.is_closed = is_closed().await;
}

/// The reference's reading, or the other one.
const fn either(is_reference: bool, other: &'static str) -> &'static str {
    if is_reference { REFERENCE } else { other }
}
