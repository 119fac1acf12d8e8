//! Notices to people: of what needs one, by the channels that the config names, once for each cause; and the report of
//! the installation's health, once for each day, week or month.

mod scheduled_report;

use std::collections::BTreeSet;

use halogard_app::Store;
use halogard_app::ports::{
    ErrorCode, Messenger, NoticeMessage, NoticeTickets, PortError, Records, SaveError,
};
use halogard_domain::ids::TicketId;
use halogard_domain::notify::{
    DueNotice, NoticeLog, NotifyChannel, NotifyPolicy, ObservedCause, SAID_CHARS_MAX,
};
use halogard_domain::pause::Pauses;
use halogard_domain::policy::Mode;
use halogard_domain::record::Singleton;
use halogard_domain::render::truncate;
use halogard_domain::vendor::Vendor;
use halogard_domain::{FailureClass, Policy, Timestamp};
use serde::Serialize;
use tracing::{info, warn};

use crate::moment::Moment;
use crate::status::{self, StatusProblem};

use scheduled_report::ScheduledReport;

/// How often a result is recorded again because another process wrote between.
const ATTEMPTS_MAX: usize = 10;

/// What a round of notices did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeRound {
    /// Notices that were sent.
    pub sent: usize,
    /// Notices that were not; they are tried again.
    pub failed: usize,
}

/// How a notice ended, as the log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeOutcome {
    /// It was sent.
    Sent,
    /// It was not sent, and is tried again.
    Failed,
}

impl NoticeOutcome {
    /// Every outcome.
    pub const ALL: [Self; 2] = [Self::Sent, Self::Failed];

    /// The word in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "notice_sent",
            Self::Failed => "notice_failed",
        }
    }
}

/// The answer of `notify test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotifyTestAnswer {
    /// When it was asked.
    pub at: Moment,
    /// The channels that are configured.
    pub channels: Vec<ChannelTest>,
}

/// Whether a channel works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelTest {
    /// The channel.
    pub channel: NotifyChannel,
    /// Whether it took the message.
    pub works: bool,
    /// The ticket that was opened.
    pub ticket: Option<TicketId>,
    /// What is wrong, and what to do.
    pub wrong: Option<String>,
}

/// How notices leave the installation.
pub struct NoticeRoutes<'a, D, M> {
    /// HaloPSA.
    pub desk: &'a D,
    /// Chat and mail.
    pub messenger: &'a M,
}

impl<D: NoticeTickets, M: Messenger> NoticeRoutes<'_, D, M> {
    /// Sends a notice of each cause that needs one at `now`, by the channels that `policy` names. A channel that fails
    /// holds up no other, and is tried again in a later round.
    ///
    /// # Errors
    ///
    /// The store failed. Nothing is lost: the next round finds the same causes.
    pub async fn send_due(
        &self,
        store: &impl Store,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<NoticeRound, PortError> {
        let mut round = NoticeRound::default();
        let Some(notify) = &policy.notify else {
            return Ok(round);
        };
        let pauses = store.load_record::<Pauses>(&Singleton).await?.value;
        let mut channels = notify.channels();
        if policy.mode == Mode::Observe || pauses.of_vendor(Vendor::HaloPsa, now).is_some() {
            // Nothing is written to HaloPSA.
            channels.remove(&NotifyChannel::Ticket);
        }
        let problems = status::current_problems(store, now).await?;
        let cadence = policy.schedule.health_report;
        let report = cadence.and_then(|cadence| ScheduledReport::due(cadence, now));
        let causes = causes(&problems, report);
        for notice in begin(store, &causes, &channels, now).await? {
            let problem = problems.iter().find(|it| it.cause == notice.cause);
            let message = match (problem, report) {
                (Some(problem), _) => message_of(problem, &notice),
                (None, Some(report)) => report.message(store, notice.reference(), now).await?,
                (None, None) => continue,
            };
            let sent = self.deliver(&message, &notice, notify).await;
            if record(store, &notice, sent, now).await? {
                round.sent += 1;
            } else {
                round.failed += 1;
            }
        }
        Ok(round)
    }

    /// Answers `notify test` at `now`: sends a message by each channel that `policy` names.
    pub async fn test(&self, policy: &Policy, now: Timestamp) -> NotifyTestAnswer {
        let mut answer = NotifyTestAnswer {
            at: now.into(),
            channels: Vec::new(),
        };
        let Some(notify) = &policy.notify else {
            return answer;
        };
        for channel in notify.channels() {
            let notice = DueNotice {
                cause: "test".to_owned(),
                since: now,
                channel,
                doubtful_since: None,
            };
            let message = NoticeMessage {
                title: "Halogard: a test of its notices".to_owned(),
                paragraphs: vec![
                    "`halogard notify test` sent this. Notices of what needs a person arrive in the same way."
                        .to_owned(),
                ],
                reference: notice.reference(),
            };
            let sent = if channel == NotifyChannel::Ticket && policy.mode == Mode::Observe {
                Err(
                    PortError::new(FailureClass::Permanent, ErrorCode::NoticeUnconfigured)
                        .with_message("`mode = \"observe\"` writes nothing to HaloPSA"),
                )
            } else {
                self.deliver(&message, &notice, notify).await
            };
            answer.channels.push(ChannelTest {
                channel,
                works: sent.is_ok(),
                wrong: sent.as_ref().err().map(said),
                ticket: sent.ok().flatten(),
            });
        }
        answer
    }

    /// Sends `message` by the channel of `notice`; returns the ticket, if it is one.
    async fn deliver(
        &self,
        message: &NoticeMessage,
        notice: &DueNotice,
        notify: &NotifyPolicy,
    ) -> Result<Option<TicketId>, PortError> {
        match notice.channel {
            NotifyChannel::Ticket => {
                let Some(policy) = &notify.ticket else {
                    return Ok(None);
                };
                if let Some(since) = notice.doubtful_since
                    && let Some(open) = self.desk.find_notice(&message.reference, since).await?
                {
                    return Ok(Some(open));
                }
                self.desk.open_notice(message, policy).await.map(Some)
            }
            NotifyChannel::Chat => {
                if let Some(format) = notify.chat {
                    self.messenger.post_to_chat(message, format).await?;
                }
                Ok(None)
            }
            NotifyChannel::Mail => {
                if let Some(policy) = &notify.mail {
                    self.messenger.send_mail(message, policy).await?;
                }
                Ok(None)
            }
        }
    }
}

/// What gives rise to a notice now: each of `problems`, and the report that is due.
fn causes(problems: &[StatusProblem], report: Option<ScheduledReport>) -> BTreeSet<ObservedCause> {
    let problems = problems.iter().map(|problem| ObservedCause {
        name: problem.cause.clone(),
        is_certain: false,
    });
    let report = report.map(|report| ObservedCause {
        name: report.cause(),
        is_certain: true,
    });
    problems.chain(report).collect()
}

/// Takes in the causes of the present and begins the deliveries that are due. Of several processes one does: the
/// others find what it has begun.
async fn begin(
    store: &impl Records,
    causes: &BTreeSet<ObservedCause>,
    channels: &BTreeSet<NotifyChannel>,
    now: Timestamp,
) -> Result<Vec<DueNotice>, PortError> {
    let stored = store.load_record::<NoticeLog>(&Singleton).await?;
    let mut log = stored.value.clone();
    log.observe(causes, now);
    let due = log.begin(channels, now);
    if log == stored.value {
        return Ok(due);
    }
    match store.save_record(&Singleton, &log, stored.revision).await {
        Ok(_) => Ok(due),
        Err(SaveError::Conflict) => Ok(Vec::new()),
        Err(SaveError::Store(error)) => Err(error),
    }
}

/// Records and logs the end of `notice`; says whether it was sent.
async fn record(
    store: &impl Records,
    notice: &DueNotice,
    sent: Result<Option<TicketId>, PortError>,
    now: Timestamp,
) -> Result<bool, PortError> {
    match &sent {
        Ok(ticket) => info!(
            reason = notice.cause,
            channel = notice.channel.as_str(),
            ticket_id = ticket.map(TicketId::get),
            outcome = NoticeOutcome::Sent.as_str(),
            "a notice was sent"
        ),
        Err(error) => warn!(
            reason = notice.cause,
            channel = notice.channel.as_str(),
            error_type = error.code.as_str(),
            message = said(error),
            outcome = NoticeOutcome::Failed.as_str(),
            "a notice was not sent; it is tried again"
        ),
    }
    for _ in 0..ATTEMPTS_MAX {
        let stored = store.load_record::<NoticeLog>(&Singleton).await?;
        let mut log = stored.value.clone();
        match &sent {
            Ok(_) => log.sent(notice, now),
            Err(error) => log.failed(notice, error.class, said(error), now),
        }
        match store.save_record(&Singleton, &log, stored.revision).await {
            Ok(_) => break,
            Err(SaveError::Conflict) => {}
            Err(SaveError::Store(error)) => return Err(error),
        }
    }
    Ok(sent.is_ok())
}

/// The notice of `problem`.
fn message_of(problem: &StatusProblem, notice: &DueNotice) -> NoticeMessage {
    NoticeMessage {
        title: format!("Halogard: {}", problem.what),
        paragraphs: vec![
            format!("{}.", problem.what),
            format!("What to do: {}.", problem.remedy),
            format!(
                "Seen since {}. No further notice of this is sent until it has ended.",
                Moment(notice.since)
            ),
        ],
        reference: notice.reference(),
    }
}

/// What went wrong, for people.
fn said(error: &PortError) -> String {
    let remedy = error.remedy.map(|remedy| format!("; {remedy}"));
    let said = format!("{}{}", error.chain(), remedy.unwrap_or_default());
    truncate(&said, SAID_CHARS_MAX)
}
