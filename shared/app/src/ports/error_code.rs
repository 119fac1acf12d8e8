//! The code of a port's error.

use std::fmt;

use halogard_domain::vendor::Vendor;

/// What went wrong, as a stable word for logs, metrics and alarms. The prefix names the component that
/// failed. What may follow is the error's [`FailureClass`](halogard_domain::FailureClass).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Liongard's list of alerts is suddenly much shorter.
    AlertsShrunk,
    /// The request budget has no permit.
    BudgetExhausted,
    /// The request budget has permits only for work that has begun.
    BudgetReserved,
    /// The store of the request budget failed.
    BudgetStore,
    /// The right to open a ticket ended before the request was sent.
    ClaimExpired,
    /// No version of a credential can be had.
    CredentialsUnavailable,
    /// HaloPSA does not accept the credential.
    HalopsaCredential,
    /// HaloPSA answered with a server error.
    HalopsaFailed,
    /// HaloPSA did not answer a request that was sent.
    HalopsaNoAnswer,
    /// HaloPSA has no webhook with our address.
    HalopsaNoWebhook,
    /// HaloPSA accepted a change and did not carry it out.
    HalopsaNotDone,
    /// The ticket has changed since its change was planned; nothing was written.
    HalopsaOutdated,
    /// HaloPSA answered with a redirect.
    HalopsaRedirected,
    /// HaloPSA refused a request.
    HalopsaRefused,
    /// HaloPSA refused a scope.
    HalopsaScope,
    /// HaloPSA listed fewer rows than it announced.
    HalopsaShortList,
    /// HaloPSA does not know the tenant.
    HalopsaTenant,
    /// HaloPSA asked for fewer requests.
    HalopsaThrottled,
    /// Another process is refreshing HaloPSA's token.
    HalopsaTokenPending,
    /// HaloPSA's answer has an unexpected form.
    HalopsaUnexpected,
    /// HaloPSA accepted a write, and its answer does not show what was written.
    HalopsaUnrecognised,
    /// HaloPSA cannot be reached; nothing was sent.
    HalopsaUnreachable,
    /// The invocation has too little time left for a call.
    InvocationDeadline,
    /// Liongard does not accept the access key.
    LiongardCredential,
    /// Liongard answered with a server error.
    LiongardFailed,
    /// Liongard did not answer a request that was sent.
    LiongardNoAnswer,
    /// Liongard answered with a redirect.
    LiongardRedirected,
    /// Liongard refused a request.
    LiongardRefused,
    /// Liongard refused to start an inspector.
    LiongardRunRefused,
    /// Liongard asked for fewer requests.
    LiongardThrottled,
    /// Liongard's answer has an unexpected form.
    LiongardUnexpected,
    /// Liongard cannot be reached; nothing was sent.
    LiongardUnreachable,
    /// A chat or a mail server did not take a notice.
    NoticeRefused,
    /// A channel of notices is not set up: its secret is missing or unusable.
    NoticeUnconfigured,
    /// A chat or a mail server cannot be reached, or did not answer.
    NoticeUnreachable,
    /// Another worker kept writing the link of a pair.
    PairContended,
    /// The message is no longer in flight.
    QueueNotInFlight,
    /// The queue did not accept a message.
    QueueNotTaken,
    /// A message is too large for the queue.
    QueueTooLarge,
    /// There are too many dead letters to search.
    QueueTooManyDeadLetters,
    /// The queue failed.
    QueueUnavailable,
    /// The secret does not exist or has no value.
    SecretMissing,
    /// The secret cannot be read now.
    SecretUnavailable,
    /// The secret's members do not make a credential.
    SecretUnusable,
    /// The store denied access.
    StoreDenied,
    /// The store failed.
    StoreFailed,
    /// A request to the store is invalid.
    StoreInvalidRequest,
    /// The settings name no queue for the lane.
    StoreNoQueue,
    /// A stored record cannot be decoded.
    StoreRecord,
    /// The store refused a request.
    StoreRefused,
    /// The store asked for fewer requests.
    StoreThrottled,
    /// A record is too large for the store.
    StoreTooLarge,
    /// A list of the store does not end.
    StoreTooManyPages,
    /// The store cannot be reached.
    StoreUnreachable,
    /// Other workers kept writing the same storm.
    StormContended,
    /// The notification topic failed.
    TopicFailed,
    /// The vault failed.
    VaultFailed,
    /// The worker that was to send a batch was cancelled.
    WriteBatchUnanswered,
}

impl ErrorCode {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlertsShrunk => "alerts.shrunk",
            Self::BudgetExhausted => "budget.exhausted",
            Self::BudgetReserved => "budget.reserved",
            Self::BudgetStore => "budget.store",
            Self::ClaimExpired => "claim.expired",
            Self::CredentialsUnavailable => "credentials.unavailable",
            Self::HalopsaCredential => "halopsa.credential",
            Self::HalopsaFailed => "halopsa.failed",
            Self::HalopsaNoAnswer => "halopsa.no_answer",
            Self::HalopsaNoWebhook => "halopsa.no_webhook",
            Self::HalopsaNotDone => "halopsa.not_done",
            Self::HalopsaOutdated => "halopsa.outdated",
            Self::HalopsaRedirected => "halopsa.redirected",
            Self::HalopsaRefused => "halopsa.refused",
            Self::HalopsaScope => "halopsa.scope",
            Self::HalopsaShortList => "halopsa.short_list",
            Self::HalopsaTenant => "halopsa.tenant",
            Self::HalopsaThrottled => "halopsa.throttled",
            Self::HalopsaTokenPending => "halopsa.token_pending",
            Self::HalopsaUnexpected => "halopsa.unexpected",
            Self::HalopsaUnrecognised => "halopsa.unrecognised",
            Self::HalopsaUnreachable => "halopsa.unreachable",
            Self::InvocationDeadline => "invocation.deadline",
            Self::LiongardCredential => "liongard.credential",
            Self::LiongardFailed => "liongard.failed",
            Self::LiongardNoAnswer => "liongard.no_answer",
            Self::LiongardRedirected => "liongard.redirected",
            Self::LiongardRefused => "liongard.refused",
            Self::LiongardRunRefused => "liongard.run_refused",
            Self::LiongardThrottled => "liongard.throttled",
            Self::LiongardUnexpected => "liongard.unexpected",
            Self::LiongardUnreachable => "liongard.unreachable",
            Self::NoticeRefused => "notice.refused",
            Self::NoticeUnconfigured => "notice.unconfigured",
            Self::NoticeUnreachable => "notice.unreachable",
            Self::PairContended => "pair.contended",
            Self::QueueNotInFlight => "queue.not_in_flight",
            Self::QueueNotTaken => "queue.not_taken",
            Self::QueueTooLarge => "queue.too_large",
            Self::QueueTooManyDeadLetters => "queue.too_many_dead_letters",
            Self::QueueUnavailable => "queue.unavailable",
            Self::SecretMissing => "secret.missing",
            Self::SecretUnavailable => "secret.unavailable",
            Self::SecretUnusable => "secret.unusable",
            Self::StoreDenied => "store.denied",
            Self::StoreFailed => "store.failed",
            Self::StoreInvalidRequest => "store.invalid_request",
            Self::StoreNoQueue => "store.no_queue",
            Self::StoreRecord => "store.record",
            Self::StoreRefused => "store.refused",
            Self::StoreThrottled => "store.throttled",
            Self::StoreTooLarge => "store.too_large",
            Self::StoreTooManyPages => "store.too_many_pages",
            Self::StoreUnreachable => "store.unreachable",
            Self::StormContended => "storm.contended",
            Self::TopicFailed => "topic.failed",
            Self::VaultFailed => "vault.failed",
            Self::WriteBatchUnanswered => "write_batch.unanswered",
        }
    }

    /// The vendor that the word names; none where the failure is Halogard's own.
    #[must_use]
    pub fn vendor(self) -> Option<Vendor> {
        let (area, _) = self.as_str().split_once('.')?;
        Vendor::from_word(area)
    }

    /// Whether a vendor's answer has an unexpected form.
    #[must_use]
    pub const fn is_unexpected_answer(self) -> bool {
        matches!(self, Self::HalopsaUnexpected | Self::LiongardUnexpected)
    }

    /// Whether a vendor does not accept the credential, or what goes with it.
    #[must_use]
    pub const fn is_credential_refused(self) -> bool {
        matches!(
            self,
            Self::HalopsaCredential
                | Self::HalopsaTenant
                | Self::HalopsaScope
                | Self::LiongardCredential
        )
    }

    /// Whether a vendor cannot be reached.
    #[must_use]
    pub const fn is_vendor_unreachable(self) -> bool {
        matches!(self, Self::HalopsaUnreachable | Self::LiongardUnreachable)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
