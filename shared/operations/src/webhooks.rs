//! `webhook install`, `status`, `test` and `log`: HaloPSA's webhook, made, examined and tried.
//!
//! Installing compares what is there with what is needed and adds what is missing, so running it again, after a
//! crash or an answer that was lost, ends in the same state.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_app::Store;
use halogard_app::ports::{
    DeliveryRecord, LinkFilter, NewWebhook, OutgoingWebhook, PortError, Refusal, WebhookEvent,
    WebhookSetup,
};
use halogard_domain::message::Cause;
use halogard_domain::{FailureClass, Timestamp};
use serde::Serialize;

use crate::moment::Moment;
use crate::scan::for_each_link;

/// The name of a webhook that Halogard makes.
pub const WEBHOOK_NAME: &str = "Halogard";

/// Where webhooks are in HaloPSA.
pub const WEBHOOK_MENU: &str = "Configuration → Integrations → Webhooks";

/// The events that Halogard needs, by their numbers in HaloPSA's lookup 64. Source: a shipped product sends these
/// numbers. They overlap, and a change that is delivered twice is processed once.
pub const EVENTS: [WebhookEvent; 5] = [
    WebhookEvent {
        number: 3,
        name: "New ticket logged",
    },
    WebhookEvent {
        number: 61,
        name: "Ticket updated",
    },
    WebhookEvent {
        number: 76,
        name: "Status changed",
    },
    WebhookEvent {
        number: 39,
        name: "Ticket closed",
    },
    WebhookEvent {
        number: 1072,
        name: "Ticket deleted",
    },
];

/// The answer of `webhook status` and `webhook install`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookAnswer {
    /// What is there.
    pub state: WebhookState,
    /// What was done just now, in order.
    pub done: Vec<WebhookStep>,
    /// What is still to be done, in order.
    pub missing: Vec<WebhookStep>,
    /// The newest deliveries by HaloPSA's log, the newest first; `None` where it may not be read.
    pub deliveries: Option<Vec<DeliveryLine>>,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WebhookState {
    /// The credential may not see webhooks: a person does what is listed.
    Forbidden,
    /// No webhook has our address.
    Absent,
    /// One or more have.
    Present {
        /// The first: its name.
        name: String,
        /// Whether it sends.
        active: bool,
        /// The status of its last delivery, where HaloPSA says so.
        last_status: Option<i64>,
        /// How many webhooks have our address. Each change is delivered once for each of them.
        count: usize,
    },
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WebhookStep {
    /// Make the webhook.
    Create,
    /// Switch it on.
    Activate,
    /// Bind it to an event.
    Bind {
        /// The event's number in HaloPSA.
        number: u32,
        /// Its name.
        name: String,
    },
}

/// A delivery, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryLine {
    /// How HaloPSA names it.
    pub id: String,
    /// When it was queued.
    pub at: Option<Moment>,
    /// The event.
    pub event: Option<String>,
    /// The status of our answer.
    pub status: Option<i64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// Why there was no answer. No member of an answer is called `error`: that is what a command has that failed.
    pub no_answer: Option<String>,
}

impl DeliveryLine {
    /// Whether it is over: answered, or given up.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.status.is_some() || self.no_answer.is_some()
    }

    /// Whether the delivery was accepted.
    #[must_use]
    pub fn was_accepted(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

impl From<DeliveryRecord> for DeliveryLine {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            id: record.id,
            at: record.queued_at.map(Moment::from),
            event: record.event,
            status: record.status,
            duration_ms: record.duration_ms,
            no_answer: record.error,
        }
    }
}

/// The time that [`acted_on`] looks back.
const ACTED_ON_SINCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Journal entries of one pair that it reads.
const ENTRIES_MAX: usize = 200;

/// The changes in HaloPSA of the last seven days that workers acted on, by what announced them first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActedOn {
    /// Changes that a webhook announced.
    pub announced: usize,
    /// Changes that a sweep found, and no webhook had announced.
    pub found_by_sweep: usize,
}

impl ActedOn {
    /// The share of the changes that no webhook announced, in percent; `None` where there was no change.
    #[must_use]
    pub fn unannounced_percent(&self) -> Option<usize> {
        let all = self.announced + self.found_by_sweep;
        (self.found_by_sweep * 100).checked_div(all)
    }
}

/// Counts the changes in HaloPSA of the last seven days that workers acted on, as the journal has them.
///
/// # Errors
///
/// The store cannot be read.
pub async fn acted_on(store: &impl Store, now: Timestamp) -> Result<ActedOn, PortError> {
    let since = now.minus(ACTED_ON_SINCE);
    let mut changed = Vec::new();
    for_each_link(store, LinkFilter::All, |link| {
        let ticket = link.observed_ticket.as_ref();
        if ticket.is_some_and(|ticket| ticket.changed_at >= since) {
            changed.push(link.alert);
        }
    })
    .await?;
    let mut acted_on = ActedOn::default();
    for alert in changed {
        let journal = store.journal(alert, ENTRIES_MAX).await?;
        let recent = journal.iter().filter(|entry| entry.at >= since);
        // One change may lead to several entries, all at one time.
        let of_cause = |cause: &str| {
            let times = recent.clone().filter(|entry| entry.cause == cause);
            times.map(|entry| entry.at).collect::<BTreeSet<_>>().len()
        };
        acted_on.announced += of_cause(Cause::WEBHOOK);
        acted_on.found_by_sweep += of_cause(Cause::Sweep.as_str());
    }
    Ok(acted_on)
}

/// What can be wrong beside a failing vendor.
#[derive(Debug, thiserror::Error)]
pub enum WebhookSetupError {
    /// HaloPSA failed.
    #[error(transparent)]
    Vendor(#[from] PortError),
    /// The new webhook was accepted and is not listed.
    #[error(
        "HaloPSA accepted the new webhook and does not list it; run the command again, or look under {WEBHOOK_MENU}"
    )]
    NotListed,
    /// There is nothing to try.
    #[error("HaloPSA has no webhook with our address; `halogard webhook install` makes one")]
    Absent,
    /// The credential may not see webhooks.
    #[error(
        "this credential may not see HaloPSA's webhooks (scope `admin`); look under {WEBHOOK_MENU}, where a webhook \
         has a button that sends a test"
    )]
    Forbidden,
}

/// What of the webhook whose address ends in `token` is there, what is missing, and its `deliveries_max` newest
/// deliveries.
///
/// # Errors
///
/// HaloPSA failed otherwise than by forbidding it.
pub async fn status<W: WebhookSetup>(
    desk: &W,
    token: &str,
    deliveries_max: u32,
) -> Result<WebhookAnswer, PortError> {
    let Some(found) = permitted(desk.outgoing().await)? else {
        return Ok(WebhookAnswer {
            state: WebhookState::Forbidden,
            done: Vec::new(),
            missing: all_steps(),
            deliveries: None,
        });
    };
    let ours = ours(&found, token);
    let Some(first) = ours.first() else {
        return Ok(WebhookAnswer {
            state: WebhookState::Absent,
            done: Vec::new(),
            missing: all_steps(),
            deliveries: None,
        });
    };
    let bound = desk.bound_events(&first.id).await?;
    let log = permitted(desk.deliveries(&first.id, deliveries_max).await)?;
    Ok(WebhookAnswer {
        state: state_of(first, ours.len()),
        done: Vec::new(),
        missing: missing_steps(first, &bound),
        deliveries: log.map(|log| log.into_iter().map(DeliveryLine::from).collect()),
    })
}

/// Makes what is missing of the webhook whose address ends in `token`.
///
/// # Errors
///
/// [`WebhookSetupError`]. What was done before stays, and the next run continues from there.
pub async fn install<W: WebhookSetup>(
    desk: &W,
    token: &str,
    new: &NewWebhook,
) -> Result<WebhookAnswer, WebhookSetupError> {
    let Some(mut found) = permitted(desk.outgoing().await)? else {
        return Ok(status(desk, token, 0).await?);
    };
    let mut done = Vec::new();
    if ours(&found, token).is_empty() {
        match desk.create(new).await {
            // Whether it was made is looked up.
            Err(error) if error.class != FailureClass::InDoubt => return Err(error.into()),
            _ => done.push(WebhookStep::Create),
        }
        found = desk.outgoing().await?;
    }
    let ours = ours(&found, token);
    let first = ours.first().ok_or(WebhookSetupError::NotListed)?;
    let bound = desk.bound_events(&first.id).await?;
    for step in missing_steps(first, &bound) {
        match &step {
            WebhookStep::Create => {}
            WebhookStep::Activate => desk.activate(&first.id, &new.authentication).await?,
            WebhookStep::Bind { number, .. } => {
                if let Some(event) = EVENTS.iter().find(|event| event.number == *number) {
                    desk.bind(&first.id, *event).await?;
                }
            }
        }
        done.push(step);
    }
    let mut answer = status(desk, token, 5).await?;
    answer.done = done;
    Ok(answer)
}

/// Has HaloPSA try the webhook whose address ends in `token`; the answer's `deliveries` may not hold the test yet.
///
/// # Errors
///
/// [`WebhookSetupError`].
pub async fn send_test<W: WebhookSetup>(desk: &W, token: &str) -> Result<(), WebhookSetupError> {
    let Some(found) = permitted(desk.outgoing().await)? else {
        return Err(WebhookSetupError::Forbidden);
    };
    let ours = ours(&found, token);
    let first = ours.first().ok_or(WebhookSetupError::Absent)?;
    Ok(desk.send_test(&first.id).await?)
}

/// The newest delivery of `now` that is over and was not recorded in `before`.
#[must_use]
pub fn new_delivery<'a>(
    before: &[DeliveryLine],
    now: &'a [DeliveryLine],
) -> Option<&'a DeliveryLine> {
    now.iter()
        .find(|line| line.is_over() && !before.iter().any(|known| known.id == line.id))
}

/// What `answer` holds, or `None` where the credential may not.
fn permitted<T>(answer: Result<T, PortError>) -> Result<Option<T>, PortError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(
                error.refusal,
                Some(Refusal::Forbidden | Refusal::Unauthorised)
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a webhook to `url` sends to the address that ends in `token`.
pub(crate) fn leads_here(url: &str, token: &str) -> bool {
    url.trim_end_matches('/').rsplit('/').next() == Some(token)
}

/// The webhooks whose address ends in `token`, those that send first.
fn ours<'a>(found: &'a [OutgoingWebhook], token: &str) -> Vec<&'a OutgoingWebhook> {
    let mut ours: Vec<&OutgoingWebhook> = found
        .iter()
        .filter(|it| leads_here(&it.url, token))
        .collect();
    ours.sort_by_key(|it| !it.active);
    ours
}

fn state_of(first: &OutgoingWebhook, count: usize) -> WebhookState {
    WebhookState::Present {
        name: first.name.clone(),
        active: first.active,
        last_status: first.last_status,
        count,
    }
}

/// Everything, where nothing is there.
fn all_steps() -> Vec<WebhookStep> {
    std::iter::once(WebhookStep::Create)
        .chain(EVENTS.iter().map(bind))
        .collect()
}

/// What `webhook` lacks, which is bound to the events `bound`.
fn missing_steps(webhook: &OutgoingWebhook, bound: &[i64]) -> Vec<WebhookStep> {
    let activate = (!webhook.active).then_some(WebhookStep::Activate);
    let unbound = EVENTS
        .iter()
        .filter(|event| !bound.contains(&i64::from(event.number)))
        .map(bind);
    activate.into_iter().chain(unbound).collect()
}

fn bind(event: &WebhookEvent) -> WebhookStep {
    WebhookStep::Bind {
        number: event.number,
        name: event.name.to_owned(),
    }
}
