//! Who wrote a note: Halogard, HaloPSA itself, another application, or a person.
//!
//! HaloPSA names the application of each action by its display name, which our credential does not contain.
//! So it is learnt from what HaloPSA shows of our own writes.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::ids::TechnicianId;
use halogard_domain::ticket::{NoteAuthor, TicketNote};
use halogard_http::Transport;

use super::HaloServiceDesk;
use crate::wire::{ActionRow, UNASSIGNED_AGENT};

/// How the names of HaloPSA's own screens begin, the agents' web app among them.
const SCREENS: &str = "nethelpdesk";

/// The agent our application acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActingAgent {
    id: TechnicianId,
    /// Whether no person can sign in as this agent.
    is_for_api_only: bool,
}

/// By what our own actions are recognised.
struct OwnMarks {
    acting_as: Option<ActingAgent>,
    /// Names of our application, in small letters.
    names: BTreeSet<String>,
}

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// The agent our application acts as; asked for once. `None` where HaloPSA does not say, which leaves
    /// the application's name to identify our notes.
    async fn acting_as(&self) -> Option<ActingAgent> {
        let ask = || async {
            let me = self.client.agent_me().await?;
            Ok::<_, crate::error::Error>(Some(ActingAgent {
                id: me.id,
                is_for_api_only: me.isapiagent == Some(true),
            }))
        };
        match self.acting_as.get_or_try_init(ask).await {
            Ok(known) => *known,
            Err(error) => {
                tracing::debug!(%error, "HaloPSA does not say whom the application acts as");
                None
            }
        }
    }

    /// Learns the name of our application from the answer to a note that we wrote.
    pub(super) fn learn_own_name(&self, answer: &ActionRow) {
        if let Some(name) = named_application(answer).filter(|name| !is_screen(name)) {
            let known = self.own_names.write();
            let mut known = known.unwrap_or_else(PoisonError::into_inner);
            known.insert(name.to_lowercase());
        }
    }

    /// The notes that the rows of one ticket show.
    pub(super) async fn to_notes(&self, rows: &[ActionRow]) -> Vec<TicketNote> {
        let acting_as = self.acting_as().await;
        let known = self.own_names.read();
        let mut names = known.unwrap_or_else(PoisonError::into_inner).clone();
        names.extend(opener(rows, acting_as).map(str::to_lowercase));
        let ours = OwnMarks { acting_as, names };
        let note = |row: &ActionRow| TicketNote {
            id: row.id,
            author: self.author(row, &ours),
            text: [row.note.clone(), row.note_html.clone()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n"),
            status_after: row.new_status.filter(|status| status.get() > 0),
            written_at: row.written_at,
        };
        rows.iter().map(note).collect()
    }

    /// Who wrote `row`. What is not known to be a machine's may be a person's.
    fn author(&self, row: &ActionRow, ours: &OwnMarks) -> NoteAuthor {
        /// HaloPSA itself: a rule, an automation.
        const SYSTEM: i64 = 0;
        /// A customer's contact, who is no agent, whatever agent the entry was filed under.
        const CONTACT: i64 = 2;
        let agent = row.actionby_agent_id.or(row.who_agentid);
        let acting_as = ours
            .acting_as
            .filter(|acting_as| agent == Some(acting_as.id) && row.who_type != Some(CONTACT));
        if let Some(name) = named_application(row) {
            let is_ours = name.eq_ignore_ascii_case(&self.application)
                || self.client.is_our_application(name)
                || ours.names.contains(&name.to_lowercase());
            return match row.who_type {
                _ if is_ours => NoteAuthor::Halogard,
                Some(SYSTEM) => NoteAuthor::Automation,
                _ if is_screen(name) => NoteAuthor::Person,
                _ if acting_as.is_some_and(|it| it.is_for_api_only) => NoteAuthor::Automation,
                _ => NoteAuthor::Application(name.to_owned()),
            };
        }
        // A tenant that names our application elsewhere would name it here.
        if acting_as.is_some() && ours.names.is_empty() {
            return NoteAuthor::Halogard;
        }
        let named = row.who.as_deref().map(str::trim).unwrap_or_default();
        let by_the_system = named.is_empty() || named.eq_ignore_ascii_case("system");
        let by_an_agent = agent.is_some_and(|agent| agent != UNASSIGNED_AGENT);
        match row.who_type {
            Some(SYSTEM) => NoteAuthor::Automation,
            Some(_) => NoteAuthor::Person,
            None if by_an_agent || !by_the_system => NoteAuthor::Person,
            None => NoteAuthor::Automation,
        }
    }
}

/// The application that opened the ticket of `rows`, if it may be ours: it acted as our agent, and no
/// screen is an agent's own.
fn opener(rows: &[ActionRow], acting_as: Option<ActingAgent>) -> Option<&str> {
    /// A technician, or an application that acts as one.
    const AGENT: i64 = 1;
    let opening = rows.iter().find(|row| row.id.get() == 1)?;
    let agent = opening.actionby_agent_id.or(opening.who_agentid);
    let is_our_agent = acting_as.is_none_or(|acting_as| agent == Some(acting_as.id));
    let is_an_agent = opening.who_type.is_none_or(|kind| kind == AGENT);
    named_application(opening).filter(|name| is_our_agent && is_an_agent && !is_screen(name))
}

/// The application that a row names. Zero and the all-zero GUID mean none.
fn named_application(row: &ActionRow) -> Option<&str> {
    let name = row.actionby_application_id.as_deref()?.trim();
    let is_none = name.chars().all(|character| matches!(character, '0' | '-'));
    (!is_none).then_some(name)
}

/// Whether people act by means of this application: it is a screen of HaloPSA's own.
fn is_screen(name: &str) -> bool {
    name.get(..SCREENS.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCREENS))
}
