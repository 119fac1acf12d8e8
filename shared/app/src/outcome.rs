//! What processing led to, as enums. Log lines, journal entries and both kinds of metrics
//! derive from them by exhaustive matches, so a new variant does not compile until it has its word and
//! its metric.

mod cycle;

use std::time::Duration;

use halogard_domain::{Message, Timestamp};
use strum::{EnumIter, IntoEnumIterator as _};

pub use self::cycle::{SweepOutcome, SyncTask, TaskEnd};

/// The word in the journal for the end of an inspection that the pair waited for. What it led to is another entry.
pub const INSPECTION_ENDED: &str = "inspection_ended";

/// One thing a reconciliation did to a pair. Each is an entry of the pair's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter)]
pub enum Action {
    /// Opened the ticket.
    Opened,
    /// Closed the ticket.
    Closed,
    /// Reopened the ticket.
    Reopened,
    /// Added a note to the ticket.
    Noted,
    /// Set fields of the ticket.
    FieldsSet,
    /// Adopted the ticket that Liongard's own ticketing opened.
    Adopted,
    /// People merged the ticket into another one, which is the alert's ticket from then on.
    MergeFollowed,
    /// People merged the ticket into one of another customer: nothing is written to it.
    MergedAcrossClients,
    /// People undid a merge: the alert has its own ticket again.
    MergeUndone,
    /// Found the alert's ticket by its key.
    FoundByKey,
    /// Found the alert's ticket at another client, to which a person moved it: nothing is written to it.
    FoundElsewhere,
    /// Another ticket than the alert's carries its key, with the proof that this installation wrote it.
    DuplicateTicket,
    /// A ticket carries the alert's key and is not ours: a stranger's, or another installation's.
    ForeignKey,
    /// The ticket that Liongard names for the alert belongs to another client, or its title names something
    /// else: it is left alone.
    ForeignTicket,
    /// Another installation opens tickets with our application: found a ticket of it, or left the opening
    /// of one to it.
    SecondInstallation,
    /// Sent the request that opens the ticket; whether it took effect is unknown.
    OpenInDoubt,
    /// HaloPSA refused a write for good.
    WriteRefused,
    /// HaloPSA answered a change with success, and later reads show that it was not carried out.
    NotCarriedOut,
    /// The plan finds steps missing again, however often they are carried out.
    Unsettled,
    /// The policy has no client or template for the alert; it waits for one.
    Parked,
    /// The alert closed before a ticket was opened.
    NotNeeded,
    /// A person has started to work on the ticket: assigned it, or filed it under something else.
    WorkSeen,
    /// HaloPSA says that it has no such ticket. It is read again before anything follows from that.
    TicketMissing,
    /// The ticket no longer exists.
    TicketDeleted,
    /// A deleted ticket exists again, and is followed again.
    TicketRestored,
    /// Started the next ticket of a recurring alert.
    NextTicketStarted,
    /// The alert shares the ticket of its storm's leader.
    JoinedGroup,
    /// The alert leads a storm: others share its ticket.
    LeadsGroup,
    /// Requested inspector runs.
    InspectionRequested,
    /// The ticket is closed, and the inspector still finds the alert's condition.
    ConditionPersists,
}

impl Action {
    /// The word in logs, metrics and the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Noted => "noted",
            Self::FieldsSet => "fields_set",
            Self::Adopted => "adopted",
            Self::MergeFollowed => "merge_followed",
            Self::MergedAcrossClients => "merged_across_clients",
            Self::MergeUndone => "merge_undone",
            Self::FoundByKey => "found_by_key",
            Self::FoundElsewhere => "found_elsewhere",
            Self::DuplicateTicket => "duplicate_ticket",
            Self::ForeignKey => "foreign_key",
            Self::ForeignTicket => "foreign_ticket",
            Self::SecondInstallation => "second_installation",
            Self::OpenInDoubt => "open_in_doubt",
            Self::WriteRefused => "write_refused",
            Self::NotCarriedOut => "not_carried_out",
            Self::Unsettled => "unsettled",
            Self::Parked => "parked",
            Self::NotNeeded => "not_needed",
            Self::WorkSeen => "work_seen",
            Self::TicketMissing => "ticket_missing",
            Self::TicketDeleted => "ticket_deleted",
            Self::TicketRestored => "ticket_restored",
            Self::NextTicketStarted => "next_ticket_started",
            Self::JoinedGroup => "joined_group",
            Self::LeadsGroup => "leads_group",
            Self::InspectionRequested => "inspection_requested",
            Self::ConditionPersists => "condition_persists",
        }
    }

    /// Every action.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The action with this word, as the journal keeps it.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::all().find(|action| action.as_str() == word)
    }

    /// The action as a sentence without its subject, Halogard.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Opened => "opened the ticket",
            Self::Closed => "closed the ticket",
            Self::Reopened => "reopened the ticket",
            Self::Noted => "added a note to the ticket",
            Self::FieldsSet => "set fields of the ticket",
            Self::Adopted => "linked the ticket that Liongard opened",
            Self::MergeFollowed => {
                "people merged the ticket into another one, which is followed now"
            }
            Self::MergedAcrossClients => "people merged the ticket into one of another customer",
            Self::MergeUndone => "people undid the merge",
            Self::FoundByKey => "found the ticket by its key",
            Self::FoundElsewhere => "found the ticket at another client; nothing is written to it",
            Self::DuplicateTicket => "another ticket carries the alert's key",
            Self::ForeignKey => "a ticket that is not ours carries the alert's key",
            Self::ForeignTicket => "Liongard names a ticket that does not belong to the alert",
            Self::SecondInstallation => "another installation opens tickets, too",
            Self::OpenInDoubt => "requested a ticket; HaloPSA did not answer",
            Self::WriteRefused => "HaloPSA refused a write",
            Self::NotCarriedOut => "HaloPSA accepted a change and did not carry it out",
            Self::Unsettled => "found the same steps missing again after it had carried them out",
            Self::Parked => "opened no ticket",
            Self::NotNeeded => "the alert was closed before a ticket was opened",
            Self::WorkSeen => "a person began to work on the ticket",
            Self::TicketMissing => "HaloPSA did not find the ticket",
            Self::TicketDeleted => "the ticket was deleted",
            Self::TicketRestored => "the ticket exists again",
            Self::NextTicketStarted => "began the next ticket of the alert",
            Self::JoinedGroup => "joined a storm, whose ticket it shares",
            Self::LeadsGroup => "leads a storm: other alerts share its ticket",
            Self::InspectionRequested => "requested an inspection",
            Self::ConditionPersists => "inspected again, and the condition still holds",
        }
    }
}

/// How the processing of one message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The pair was changed and is now in sync; the actions say how.
    Done,
    /// The pair was in sync already, for instance because our own write came back as a webhook.
    InSync,
    /// The message concerns no pair of ours.
    NotOurs,
    /// The pair has to wait for a time; not a failure.
    Waiting,
    /// An operator has paused it; the message waits.
    Paused,
    /// HaloPSA refused a write for good.
    Refused,
    /// The webhook was processed before.
    Duplicate,
    /// A webhook about something other than a ticket was recorded in the journal, or the form of one was kept.
    NotificationRecorded,
    /// No inspector run is wanted or in progress any more.
    RunAdvanced,
    /// An inspector run is in progress or due later.
    RunInProgress,
    /// Liongard's alerts were polled.
    Polled,
    /// Liongard's alerts were polled a moment ago; the message waits.
    PollDeferred,
    /// A poll that began later, or another message that waits, covers the wake-up.
    PollCovered,
    /// The message's body cannot be decoded.
    Unreadable,
    /// Another worker kept writing the same record.
    Conflict,
    /// The request budget has no permit.
    BudgetExhausted,
    /// The request budget has permits only for work that has begun.
    BudgetReserved,
    /// A vendor asked for fewer requests.
    Throttled,
    /// A vendor does not accept the credential.
    Unauthorized,
    /// A failure without effect; the message is retried.
    Transient,
    /// A write may or may not have taken effect; it is looked up before it is repeated.
    InDoubt,
    /// A vendor's answer has an unexpected form; the message is retried a few times.
    Unexpected,
    /// A failure that no retry can fix.
    Failed,
    /// The last attempt failed.
    AttemptsExhausted,
}

impl Outcome {
    /// The word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::InSync => "in_sync",
            Self::NotOurs => "not_ours",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Refused => "refused",
            Self::Duplicate => "duplicate",
            Self::NotificationRecorded => "notification_recorded",
            Self::RunAdvanced => "run_advanced",
            Self::RunInProgress => "run_in_progress",
            Self::Polled => "polled",
            Self::PollDeferred => "poll_deferred",
            Self::PollCovered => "poll_covered",
            Self::Unreadable => "unreadable",
            Self::Conflict => "conflict",
            Self::BudgetExhausted => "budget_exhausted",
            Self::BudgetReserved => "budget_reserved",
            Self::Throttled => "throttled",
            Self::Unauthorized => "unauthorized",
            Self::Transient => "transient",
            Self::InDoubt => "in_doubt",
            Self::Unexpected => "unexpected",
            Self::Failed => "failed",
            Self::AttemptsExhausted => "attempts_exhausted",
        }
    }
}

/// How an inspector run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InspectionOutcome {
    /// Liongard accepted the request to start it.
    Started,
    /// Another run is under way; this one is requested again.
    Blocked,
    /// Other runs are under way all the time; the alerts are reconciled without a run.
    BlockedTooLong,
    /// Liongard refused to start it.
    Refused,
    /// It finished.
    Succeeded,
    /// Liongard says that it failed.
    Failed,
    /// It was not listed in time after it was requested.
    NotListed,
    /// It did not finish in time.
    TimedOut,
}

impl InspectionOutcome {
    /// The word in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "run_started",
            Self::Blocked => "run_blocked",
            Self::BlockedTooLong => "run_blocked_too_long",
            Self::Refused => "run_refused",
            Self::Succeeded => "run_succeeded",
            Self::Failed => "run_failed",
            Self::NotListed => "run_not_listed",
            Self::TimedOut => "run_timed_out",
        }
    }
}

/// A condition outside any one message that operators search the log for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperatorNotice {
    /// Liongard's alerts could not be read several times in a row.
    PollsFailing,
    /// Another config is in force.
    ConfigChanged,
    /// A store is used with a config for the first time.
    ConfigFirstUsed,
    /// A changed config does not fit both vendors; the former one stays in force.
    ConfigRefused,
    /// Many alerts were open before their customers got tickets, and the config does not say which of them get one.
    StartUndecided,
}

impl OperatorNotice {
    /// The word in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PollsFailing => "polls_failing",
            Self::ConfigChanged => "config_changed",
            Self::ConfigFirstUsed => "config_first_used",
            Self::ConfigRefused => "config_refused",
            Self::StartUndecided => "start_undecided",
        }
    }
}

/// How long a change on one side took to have its effect on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// From the time at which Liongard raised the alert until its ticket was opened.
    AlertToTicket(Duration),
    /// From the time at which the ticket changed in HaloPSA until inspector runs were requested.
    TicketToInspection(Duration),
}

impl Lag {
    /// The lag of the change that `message` reports, if `actions` have just had its effect. A message
    /// without a snapshot does not say when the change was made.
    pub(crate) fn of(message: &Message, actions: &[Action], now: Timestamp) -> Option<Self> {
        match message {
            Message::ReconcileAlert { snapshot, .. } => {
                let raised_at = snapshot.as_ref()?.raised_at;
                actions
                    .contains(&Action::Opened)
                    .then(|| Self::AlertToTicket(now.since(raised_at)))
            }
            Message::ReconcileTicket { snapshot, .. } => {
                let changed_at = snapshot.as_ref()?.changed_at;
                actions
                    .contains(&Action::InspectionRequested)
                    .then(|| Self::TicketToInspection(now.since(changed_at)))
            }
            Message::AdvanceRun { .. }
            | Message::Poll { .. }
            | Message::RecordNotification { .. }
            | Message::KeepWebhookSample { .. } => None,
        }
    }
}

/// How processing one message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// How its processing ended.
    pub outcome: Outcome,
    /// What was done to the pair, in order.
    pub actions: Vec<Action>,
    /// How long the change that it reported took to have its effect, if it had it now.
    pub lag: Option<Lag>,
    /// Nothing in this lane can be done before this time.
    pub pause_until: Option<Timestamp>,
}

impl Processed {
    /// The words under which metrics count the message: every action, and the outcome unless the
    /// actions say it all.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let outcome = match self.outcome {
            Outcome::Done => None,
            other => Some(other.as_str()),
        };
        self.actions
            .iter()
            .map(|action| action.as_str())
            .chain(outcome)
    }
}
