//! Which event a notification reports.

use halogard_domain::message::Notification;

/// The events HaloPSA is asked to report, and what they are to us.
///
/// The wording is lower-case text that a build may change or translate, so a ticket in the body
/// counts for more than the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A ticket was changed, closed or deleted: its pair is reconciled.
    TicketChanged,
    /// A ticket was logged: it may be one whose answer we lost.
    NewTicketLogged,
    /// A site came: it may be named in a mapping.
    SiteCreated,
    /// A site changed.
    SiteUpdated,
    /// A site went: a mapping may name it.
    SiteDeleted,
    /// A user came.
    UserCreated,
    /// A user changed.
    UserUpdated,
    /// A user went.
    UserDeleted,
    /// An invoice came.
    InvoiceCreated,
    /// An invoice changed.
    InvoiceUpdated,
    /// An invoice went.
    InvoiceDeleted,
    /// A test of the webhook, which no record is about.
    Test,
    /// Any other event; recorded and counted.
    Unknown,
}

impl EventKind {
    /// Reads the event's name, and where that says nothing, whether there is a ticket in the body.
    #[must_use]
    pub fn of(event: Option<&str>, has_ticket: bool) -> Self {
        let name = event.unwrap_or_default().to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let subject = |created, updated, deleted| {
            if has(&["creat", "new", "added", "logged"]) {
                created
            } else if has(&["delet", "remov"]) {
                deleted
            } else if has(&["updat", "chang", "edit"]) {
                updated
            } else {
                Self::Unknown
            }
        };
        // A ticket's event may name a user or site as well ("ticket updated by user").
        if has(&["ticket"]) || has_ticket {
            if has(&["new ticket", "logged", "ticket created"]) {
                Self::NewTicketLogged
            } else {
                Self::TicketChanged
            }
        } else if has(&["site"]) {
            subject(Self::SiteCreated, Self::SiteUpdated, Self::SiteDeleted)
        } else if has(&["invoice"]) {
            subject(
                Self::InvoiceCreated,
                Self::InvoiceUpdated,
                Self::InvoiceDeleted,
            )
        } else if has(&["user"]) {
            subject(Self::UserCreated, Self::UserUpdated, Self::UserDeleted)
        } else if name.split_whitespace().any(|word| word == "test") {
            Self::Test
        } else {
            Self::Unknown
        }
    }

    /// The kind as one word, for counts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TicketChanged => "ticket_changed",
            Self::NewTicketLogged => "new_ticket_logged",
            Self::SiteCreated => "site_created",
            Self::SiteUpdated => "site_updated",
            Self::SiteDeleted => "site_deleted",
            Self::UserCreated => "user_created",
            Self::UserUpdated => "user_updated",
            Self::UserDeleted => "user_deleted",
            Self::InvoiceCreated => "invoice_created",
            Self::InvoiceUpdated => "invoice_updated",
            Self::InvoiceDeleted => "invoice_deleted",
            Self::Test => "webhook_test",
            Self::Unknown => Notification::UNKNOWN,
        }
    }

    /// Whether a pair may be concerned.
    #[must_use]
    pub const fn concerns_ticket(self) -> bool {
        matches!(self, Self::TicketChanged | Self::NewTicketLogged)
    }
}

#[cfg(test)]
mod tests {
    use halogard_domain::site_reports::SiteChange;

    use super::*;

    #[test]
    fn the_kinds_of_a_site_are_those_that_reports_of_sites_know() {
        for (kind, change) in [
            (EventKind::SiteCreated, Some(SiteChange::Created)),
            (EventKind::SiteUpdated, Some(SiteChange::Updated)),
            (EventKind::SiteDeleted, Some(SiteChange::Deleted)),
            (EventKind::UserDeleted, None),
            (EventKind::TicketChanged, None),
        ] {
            assert_eq!(SiteChange::of_kind(kind.as_str()), change, "{kind:?}");
        }
    }
}
