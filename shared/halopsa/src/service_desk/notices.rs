//! Tickets about the installation itself.

use halogard_app::ports::{Clock, NoticeMessage, NoticeTickets, PortError, RequestBudget};
use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::notify::NoticeTicketPolicy;
use halogard_domain::render::{escape_html, truncate};
use halogard_http::Transport;

use super::{HaloServiceDesk, unrecognised};
use crate::wire::TicketWrite;

/// Characters of the message's title in that of the ticket: with the reference, as many as HaloPSA keeps.
const TITLE_CHARS_MAX: usize = 200;

impl<T: Transport, B: RequestBudget, C: Clock> NoticeTickets for HaloServiceDesk<T, B, C> {
    async fn open_notice(
        &self,
        message: &NoticeMessage,
        policy: &NoticeTicketPolicy,
    ) -> Result<TicketId, PortError> {
        let team = policy.team.as_deref();
        let write = TicketWrite {
            tickettype_id: Some(policy.ticket_type),
            client_id: Some(policy.client),
            site_id: policy.site,
            summary: Some(title(message)),
            details: Some(message.paragraphs.join("\n\n")),
            details_html: Some(html(message)),
            status_id: policy.status,
            priority_id: policy.priority,
            team: policy.team.clone(),
            team_id: team.and_then(|team| self.team_numbers().number_of(team)),
            // It may replace the title, and the reference is in the title.
            donotapplytemplateintheapi: Some(true),
            ..TicketWrite::default()
        };
        let rows = self.client.post_tickets(&[write]).await?;
        rows.last().map(|row| row.id).ok_or_else(unrecognised)
    }

    async fn find_notice(
        &self,
        reference: &str,
        since: Timestamp,
    ) -> Result<Option<TicketId>, PortError> {
        let opened = self.list_opened_since(since).await?;
        let shows = |summary: &str| summary.contains(reference);
        let mut found = opened.iter().filter(|listing| {
            let ticket = listing.ticket.as_ref();
            ticket.is_some_and(|ticket| shows(&ticket.summary))
        });
        Ok(found.next().map(|listing| listing.id))
    }
}

/// The title. A reference is no key of an alert: it has no brackets around it.
fn title(message: &NoticeMessage) -> String {
    let title = truncate(&message.title, TITLE_CHARS_MAX);
    format!("{title} ({})", message.reference)
}

/// The text, safe HTML.
fn html(message: &NoticeMessage) -> String {
    let paragraphs = message.paragraphs.iter().map(|paragraph| {
        let lines: Vec<String> = paragraph.lines().map(escape_html).collect();
        format!("<p>{}</p>", lines.join("<br>"))
    });
    paragraphs.collect()
}
