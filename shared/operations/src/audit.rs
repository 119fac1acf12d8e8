//! What operators commanded, and `audit list`.

use std::collections::BTreeSet;

use halogard_app::Store;
use halogard_app::ports::{PortError, Records, SaveError};
use halogard_domain::Timestamp;
use halogard_domain::audit::{AuditDate, AuditDay, AuditEntry, digest_of};
use halogard_domain::ids::{AlertId, TicketId};
use serde::Serialize;

use crate::explain::alerts_of;
use crate::moment::Moment;
use crate::subject::Subject;

/// How often an append is repeated because another operator's came between.
const ATTEMPTS_MAX: usize = 20;

/// Who gives a command, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The account on the operator's machine.
    pub account: String,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// The digest of the request: the command line as it was given.
    pub request_digest: String,
}

impl Operator {
    /// Who gives the command, and why, in words.
    pub(crate) fn in_words(&self) -> String {
        match &self.reason {
            Some(reason) => format!("by {}: {reason}", self.account),
            None => format!("by {}", self.account),
        }
    }
}

/// What a command did, as the audit keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedAnswer {
    /// In words.
    text: String,
    /// The digest of the whole answer.
    digest: String,
}

impl AuditedAnswer {
    /// The `answer`, which `text` sums up.
    pub fn of(text: impl Into<String>, answer: &impl Serialize) -> Self {
        let whole = serde_json::to_string(answer).unwrap_or_default();
        Self {
            text: text.into(),
            digest: digest_of([whole]),
        }
    }
}

/// An answer that is no more than its words.
impl<T: AsRef<str> + ?Sized> From<&T> for AuditedAnswer {
    fn from(text: &T) -> Self {
        Self {
            text: text.as_ref().to_owned(),
            digest: digest_of([text]),
        }
    }
}

/// The answer of `audit list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditList {
    /// When it was asked.
    pub at: Moment,
    /// Whether no entry was changed or removed between two others, within the whole audit.
    pub intact: bool,
    /// The digest of the newest entry. Noted elsewhere, it shows later that nothing was removed at the end.
    pub head: String,
    /// Which commands were asked for.
    pub asked: AuditFilter,
    /// How many commands the whole audit has.
    pub total: usize,
    /// The commands that were asked for, oldest first.
    pub entries: Vec<AuditLine>,
}

/// A command that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditLine {
    /// When it was given.
    pub at: Moment,
    /// The account on the operator's machine.
    pub actor: String,
    /// The command.
    pub command: String,
    /// What it was about.
    pub subject: String,
    /// Why.
    pub reason: Option<String>,
    /// What it did.
    pub done: String,
    /// The digest of the request: the command line as it was given.
    pub request_digest: String,
    /// The digest of the answer, as JSON.
    pub answer_digest: String,
    /// The digest of this entry, chained to the one before.
    pub digest: String,
}

/// Records that `operator` gave `command` about `subject`, and what it did.
///
/// # Errors
///
/// The store failed, or the day's audit is full.
pub async fn record(
    store: &impl Records,
    operator: &Operator,
    command: &str,
    subject: &str,
    done: impl Into<AuditedAnswer>,
    now: Timestamp,
) -> Result<(), OperatorError> {
    let done = done.into();
    let date = AuditDate::of(now);
    for _ in 0..ATTEMPTS_MAX {
        let stored = store.load_record::<AuditDay>(&date).await?;
        let mut day = stored.value;
        if day.entries.is_empty() {
            day = AuditDay::after(last_digest_before(store, date).await?);
        }
        let has_room = day.append(AuditEntry {
            at: now,
            actor: operator.account.clone(),
            command: command.to_owned(),
            subject: subject.to_owned(),
            reason: operator.reason.clone(),
            done: done.text.clone(),
            request_digest: operator.request_digest.clone(),
            answer_digest: done.digest.clone(),
            digest: String::new(),
        });
        if !has_room {
            return Err(OperatorError::AuditFull);
        }
        match store.save_record(&date, &day, stored.revision).await {
            Ok(_) => return Ok(()),
            Err(SaveError::Conflict) => {}
            Err(SaveError::Store(error)) => return Err(error.into()),
        }
    }
    Err(OperatorError::Contended)
}

/// The digest of the newest entry of the days before `date`; empty when there is none.
async fn last_digest_before(store: &impl Records, date: AuditDate) -> Result<String, PortError> {
    let dates = store.active_records::<AuditDay>().await?;
    let Some(newest) = dates.into_iter().filter(|it| *it < date).max() else {
        return Ok(String::new());
    };
    let day = store.load_record::<AuditDay>(&newest).await?.value;
    Ok(day.last_digest().to_owned())
}

/// Which commands are meant. Every condition that is present must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditFilter {
    /// Given then or later.
    pub since: Option<Moment>,
    /// Given before.
    pub until: Option<Moment>,
    /// Given by this account.
    pub actor: Option<String>,
    /// About these alerts or tickets.
    pub about: Option<AuditedPair>,
}

/// The names under which commands may be about a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditedPair {
    /// Its alert; several if a ticket has them.
    pub alerts: BTreeSet<AlertId>,
    /// Its ticket, and the alert's former ones.
    pub tickets: BTreeSet<TicketId>,
}

impl AuditedPair {
    /// The pair of `subject`, as the store links it now. What the store does not know is meant by its own name.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn of(store: &impl Store, subject: &Subject) -> Result<Self, PortError> {
        let alerts = alerts_of(store, subject).await?;
        let mut tickets = BTreeSet::new();
        if let Subject::Ticket(ticket) = subject {
            tickets.insert(*ticket);
        }
        for link in store.load_many(&alerts).await? {
            tickets.extend(link.ticket);
            tickets.extend(link.earlier_tickets);
        }
        Ok(Self { alerts, tickets })
    }

    /// Whether `text` names the pair.
    fn is_named_in(&self, text: &str) -> bool {
        let named = Self::named_in(text);
        !self.alerts.is_disjoint(&named.alerts) || !self.tickets.is_disjoint(&named.tickets)
    }

    /// The alerts and tickets that `text` names: `#4242`, `ticket 4242`, `alert 7586`, `alerts 1, 2 and 3`.
    fn named_in(text: &str) -> Self {
        let mut named = Self::default();
        let between = |letter: char| letter.is_whitespace() || ",;:()".contains(letter);
        let words = text.split(between).filter(|word| !word.is_empty());
        let mut words = words.peekable();
        let mut kind = "";
        while let Some(word) = words.next() {
            // `alerts 1, 2, 3, 4, 5 and 37 more` does not name alert 37.
            let counts = words.peek() == Some(&"more");
            match (word.parse(), kind) {
                (Ok(_), _) if counts => {}
                (Ok(id), "alert") => named.alerts.extend(AlertId::storable(id)),
                (Ok(id), "ticket") => named.tickets.extend(TicketId::storable(id)),
                (Ok(_), _) => {}
                (Err(_), _) if word == "and" => {}
                (Err(_), _) => {
                    let ticket = word.strip_prefix('#').and_then(|id| id.parse().ok());
                    named.tickets.extend(ticket.and_then(TicketId::storable));
                    kind = word.strip_suffix('s').unwrap_or(word);
                }
            }
        }
        named
    }
}

impl AuditFilter {
    fn is_met_by(&self, entry: &AuditEntry) -> bool {
        let is_about = |pair: &AuditedPair| {
            let mut texts = [&entry.subject, &entry.done].into_iter();
            texts.any(|text| pair.is_named_in(text))
        };
        let is_by = |actor: &String| entry.actor == *actor;
        self.since.is_none_or(|since| entry.at >= since.0)
            && self.until.is_none_or(|until| entry.at < until.0)
            && self.actor.as_ref().is_none_or(is_by)
            && self.about.as_ref().is_none_or(is_about)
    }
}

/// Answers `audit list` at `now`: the commands that meet `filter`. The chain is checked from its beginning.
///
/// # Errors
///
/// The store cannot be read.
pub async fn list(
    store: &impl Records,
    filter: &AuditFilter,
    now: Timestamp,
) -> Result<AuditList, PortError> {
    let mut dates = store.active_records::<AuditDay>().await?;
    dates.sort_unstable();
    let mut entries = Vec::new();
    let mut total = 0;
    let mut intact = true;
    let mut head: Option<String> = None;
    for date in dates {
        let day = store.load_record::<AuditDay>(&date).await?.value;
        // A day that has expired since it was listed.
        if day.entries.is_empty() {
            continue;
        }
        intact &= day.is_intact() && head.as_ref().is_none_or(|head| *head == day.before);
        head = Some(day.last_digest().to_owned());
        total += day.entries.len();
        entries.extend(day.entries.into_iter().filter(|it| filter.is_met_by(it)));
    }
    Ok(AuditList {
        at: now.into(),
        intact,
        head: head.unwrap_or_default(),
        asked: filter.clone(),
        total,
        entries: entries.into_iter().map(line).collect(),
    })
}

/// An entry as it is shown.
fn line(entry: AuditEntry) -> AuditLine {
    AuditLine {
        at: entry.at.into(),
        actor: entry.actor,
        command: entry.command,
        subject: entry.subject,
        reason: entry.reason,
        done: entry.done,
        request_digest: entry.request_digest,
        answer_digest: entry.answer_digest,
        digest: entry.digest,
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
    /// Other commands kept writing the same record.
    #[error("other commands kept writing the same record; try again")]
    Contended,
    /// The audit of the day is full.
    #[error("the audit log is full for today (limit: 1,000 commands); retry after midnight UTC")]
    AuditFull,
    /// There are too many pauses.
    #[error("too many pauses are in force; pause a customer instead of its alerts")]
    TooManyPauses,
    /// There is no such alert.
    #[error("Halogard has no record of alert {0}")]
    UnknownAlert(halogard_domain::ids::AlertId),
    /// The alert has another ticket.
    #[error("alert {alert} has ticket #{ticket} already; unlink it first")]
    HasTicket {
        /// The alert.
        alert: halogard_domain::ids::AlertId,
        /// Its ticket.
        ticket: halogard_domain::ids::TicketId,
    },
    /// The ticket belongs to another alert.
    #[error("ticket #{ticket} belongs to alert {owner}; unlink it there first")]
    TicketTaken {
        /// The ticket.
        ticket: halogard_domain::ids::TicketId,
        /// The alert.
        owner: halogard_domain::ids::AlertId,
    },
    /// HaloPSA knows no such ticket.
    #[error("there is no ticket #{0} in HaloPSA, or it was deleted")]
    NoSuchTicket(halogard_domain::ids::TicketId),
    /// It is not known whose tickets the alert may have.
    #[error(
        "the config maps the customer of alert {0} to no client, so it is not known whose ticket it may have; \
         `halogard map` suggests the client"
    )]
    NoClient(halogard_domain::ids::AlertId),
    /// The ticket is another customer's.
    #[error(
        "ticket #{ticket} belongs to client {found} of HaloPSA, and alert {alert} of {customer} to client {client}; \
         nothing was linked"
    )]
    OtherClient {
        /// The alert.
        alert: halogard_domain::ids::AlertId,
        /// Its customer, as Liongard names it.
        customer: String,
        /// The client that the config maps the customer to.
        client: halogard_domain::ids::HaloClientId,
        /// The ticket.
        ticket: halogard_domain::ids::TicketId,
        /// The client that the ticket belongs to.
        found: halogard_domain::ids::HaloClientId,
    },
    /// The alert has no ticket.
    #[error("alert {0} has no ticket")]
    NoTicket(halogard_domain::ids::AlertId),
    /// A worker is opening the alert's ticket.
    #[error("a ticket for alert {0} is being opened or searched for; try again in some minutes")]
    Claimed(halogard_domain::ids::AlertId),
}

impl From<SaveError> for OperatorError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict => Self::Contended,
            SaveError::Store(error) => error.into(),
        }
    }
}
