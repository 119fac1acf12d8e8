//! Notices to people, about the installation itself.

use std::future::Future;

use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::notify::{ChatFormat, MailPolicy, NoticeTicketPolicy};

use super::PortError;

/// A message to people. Plain text: each channel gives it the form that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeMessage {
    /// What it is about, on one line.
    pub title: String,
    /// What there is to say, a paragraph each; lines within a paragraph stay lines.
    pub paragraphs: Vec<String>,
    /// Stands in the message, so that it is found again.
    pub reference: String,
}

/// Opens tickets about the installation itself, in the operator's own client. They carry no key of an alert.
pub trait NoticeTickets: Send + Sync {
    /// Opens a ticket with `message`.
    ///
    /// Not safe to repeat: on `InDoubt` the ticket may exist.
    fn open_notice(
        &self,
        message: &NoticeMessage,
        policy: &NoticeTicketPolicy,
    ) -> impl Future<Output = Result<TicketId, PortError>> + Send;

    /// The ticket of the message with `reference`, if one was opened since `since`. Safe to repeat.
    fn find_notice(
        &self,
        reference: &str,
        since: Timestamp,
    ) -> impl Future<Output = Result<Option<TicketId>, PortError>> + Send;
}

/// Sends messages to people outside HaloPSA. A message that is sent twice does no harm.
pub trait Messenger: Send + Sync {
    /// Posts `message` to the chat.
    fn post_to_chat(
        &self,
        message: &NoticeMessage,
        format: ChatFormat,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Mails `message`.
    fn send_mail(
        &self,
        message: &NoticeMessage,
        policy: &MailPolicy,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}
