//! Who wrote a note: Halogard, another application, or a person.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::ids::TechnicianId;
use halogard_domain::ticket::{NoteAuthor, TicketNote};
use halogard_http::Transport;

use super::HaloServiceDesk;
use crate::wire::{ActionRow, UNASSIGNED_AGENT};

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// The technician our application acts as; asked for once. `None` where HaloPSA does not say,
    /// which leaves the application's id to identify our notes.
    pub(super) async fn acting_as(&self) -> Option<TechnicianId> {
        let ask = || async { self.client.agent_me().await.map(|me| Some(me.id)) };
        match self.acting_as.get_or_try_init(ask).await {
            Ok(known) => *known,
            Err(error) => {
                tracing::debug!(%error, "HaloPSA does not say whom the application acts as");
                None
            }
        }
    }

    /// The note a row shows.
    pub(super) fn to_note(&self, row: &ActionRow, acting_as: Option<TechnicianId>) -> TicketNote {
        TicketNote {
            id: row.id,
            author: self.author(row, acting_as),
            text: row.note.clone().unwrap_or_default(),
        }
    }

    /// Two marks identify our own notes: the application that wrote it, then the agent it wrote as.
    fn author(&self, row: &ActionRow, acting_as: Option<TechnicianId>) -> NoteAuthor {
        let application = row
            .actionby_application_id
            .as_deref()
            .map(str::trim)
            .unwrap_or_default();
        let ours = application.eq_ignore_ascii_case(&self.application)
            || self.client.is_our_application(application);
        if ours && !application.is_empty() {
            return NoteAuthor::Halogard;
        }
        // Zero and the all-zero GUID stand for "no application".
        if application
            .chars()
            .any(|character| !matches!(character, '0' | '-'))
        {
            return NoteAuthor::Integration;
        }
        let agent = row.actionby_agent_id.or(row.who_agentid);
        if agent.is_some() && agent == acting_as {
            return NoteAuthor::Halogard;
        }
        let named = row.who.as_deref().map(str::trim).unwrap_or_default();
        let by_the_system = named.is_empty() || named.eq_ignore_ascii_case("system");
        let by_an_agent = agent.is_some_and(|agent| agent != UNASSIGNED_AGENT);
        if by_an_agent || !by_the_system {
            NoteAuthor::Person
        } else {
            NoteAuthor::Integration
        }
    }
}
