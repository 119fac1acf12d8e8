//! Where notices to people go.

use std::net::IpAddr;

use halogard_domain::ids::{HaloClientId, PriorityId, SiteId, StatusId, TicketTypeId};
use halogard_domain::notify::{
    ChatFormat, MailEncryption, MailPolicy, NoticeTicketPolicy, NotifyPolicy,
};
use halogard_domain::policy::Mode;
use toml::Spanned;

use crate::fields::Fields;
use crate::findings::Findings;

/// The settings of the table; `None` if it is absent or names no channel.
pub(super) fn read(
    file: &Fields<'_>,
    mode: Mode,
    findings: &mut Findings<'_>,
) -> Option<Box<NotifyPolicy>> {
    let fields = file.table("notify")?;
    let ticket = fields.table("ticket");
    if let Some(ticket) = ticket.as_ref().filter(|_| mode == Mode::Observe) {
        findings.error(
            ticket.span(),
            "a notice is no ticket in the mode \"observe\", which writes nothing; use `chat` or [notify.mail]",
        );
    }
    let policy = NotifyPolicy {
        ticket: ticket.and_then(|ticket| read_ticket(&ticket)),
        chat: fields.text("chat").and_then(|chat| chat_of(chat.get_ref())),
        mail: fields
            .table("mail")
            .and_then(|mail| read_mail(&mail, findings)),
    };
    if policy == NotifyPolicy::default() {
        return None;
    }
    Some(Box::new(policy))
}

fn chat_of(word: &str) -> Option<ChatFormat> {
    match word {
        "teams" => Some(ChatFormat::Teams),
        "slack" => Some(ChatFormat::Slack),
        _ => None,
    }
}

fn read_ticket(fields: &Fields<'_>) -> Option<NoticeTicketPolicy> {
    let number = |key| fields.number(key).map(Spanned::into_inner);
    Some(NoticeTicketPolicy {
        client: HaloClientId::new(number("client")?),
        site: number("site").map(SiteId::new),
        ticket_type: TicketTypeId::new(number("ticket_type")?),
        status: number("status").map(StatusId::new),
        priority: number("priority").map(PriorityId::new),
        team: fields.text("team").map(|team| team.into_inner().to_owned()),
    })
}

fn read_mail(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<MailPolicy> {
    let encryption = fields.text("encryption").map(Spanned::into_inner);
    let encryption = match encryption {
        Some("tls") => MailEncryption::Tls,
        Some("none") => MailEncryption::None,
        _ => MailEncryption::StartTls,
    };
    let server = fields.text("server");
    if let Some(server) = &server
        && encryption == MailEncryption::None
        && !is_this_machine(server.get_ref())
    {
        findings.error(
            &fields.span_of("encryption"),
            "mail without encryption goes to this machine only, such as \"localhost\"; use \"starttls\" or \"tls\"",
        );
    }
    let from = fields.text("from");
    let to = fields.texts("to");
    for address in from.iter().chain(&to) {
        if !is_address(address.get_ref()) {
            findings.error(
                &address.span(),
                "this is no mail address; write one such as \"desk@example.com\"",
            );
        }
    }
    let port = fields.number("port").map(Spanned::into_inner);
    Some(MailPolicy {
        server: server?.into_inner().to_owned(),
        port: port.and_then(|port| port.try_into().ok()),
        encryption,
        username: fields
            .text("username")
            .map(|name| name.into_inner().to_owned()),
        from: from?.into_inner().to_owned(),
        to: to.iter().map(|to| (*to.get_ref()).to_owned()).collect(),
    })
}

/// Whether `text` has the form of a mail address. Whether it exists, only a mail shows.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
        && !text.contains(['<', '>', ',', ';'])
}

/// Whether `server` is the machine that sends the mail.
fn is_this_machine(server: &str) -> bool {
    server == "localhost"
        || server
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}
