//! What a write asks for, and the rules it has to pass before anything is done.

use serde_json::{Map, Value};

use crate::http_message::SimResponse;
use crate::world::TicketType;

use super::refusal;
use super::state::HaloState;
use super::ticket_fields::PostedItem;

/// Members that must be integers wherever they occur.
pub(super) const NUMBERS: [&str; 16] = [
    "id",
    "client_id",
    "site_id",
    "user_id",
    "tickettype_id",
    "status_id",
    "priority_id",
    "sla_id",
    "agent_id",
    "parent_id",
    "impact",
    "urgency",
    "third_party_id",
    "source",
    "liongard_system_id",
    "team_id",
];

/// Members that are stored as they come; anything else unknown is dropped.
const LOOSE: [&str; 19] = [
    "impact",
    "urgency",
    "source",
    "category_1",
    "category_2",
    "category_3",
    "category_4",
    "supplier_reference",
    "client_reference",
    "gfialerttype",
    "third_party_id",
    "third_party_id_string",
    "liongard_system_id",
    "closure_note",
    "users_name",
    "createdfrom_id",
    "user_email",
    "reportedby",
    "estimate",
];

/// What a write does; a `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct TicketDraft {
    /// The ticket to change; `None` logs a new one.
    pub(super) id: Option<i64>,
    /// New summary.
    pub(super) summary: Option<String>,
    /// New plain text.
    pub(super) details: Option<String>,
    /// New marked-up text.
    pub(super) details_html: Option<String>,
    /// New client.
    pub(super) client_id: Option<i64>,
    /// New site.
    pub(super) site_id: Option<i64>,
    /// New end user.
    pub(super) user_id: Option<i64>,
    /// New type.
    pub(super) tickettype_id: Option<i64>,
    /// New status.
    pub(super) status_id: Option<i64>,
    /// New priority.
    pub(super) priority_id: Option<i64>,
    /// New agreement.
    pub(super) sla_id: Option<i64>,
    /// New team.
    pub(super) team: Option<String>,
    /// The same, by id.
    pub(super) team_id: Option<i64>,
    /// New agent.
    pub(super) agent_id: Option<i64>,
    /// New parent.
    pub(super) parent_id: Option<i64>,
    /// Custom fields to set.
    pub(super) custom_fields: Vec<(i64, Value)>,
    /// Assets, which replace the existing ones.
    pub(super) assets: Option<Vec<i64>>,
    /// Further members to store.
    pub(super) loose: Map<String, Value>,
    /// Whether a deleted ticket comes back.
    pub(super) recover: bool,
    /// Whether ticket rules are to be skipped.
    pub(super) skips_rules: bool,
}

impl TicketDraft {
    /// The change of status, and everything else.
    pub(super) fn split_status(self) -> (Self, Self) {
        let status = Self {
            id: self.id,
            status_id: self.status_id,
            ..Self::default()
        };
        let rest = Self {
            status_id: None,
            ..self
        };
        (status, rest)
    }
}

impl HaloState {
    /// What one item asks for, once it has passed every rule.
    pub(super) fn checked(&self, item: &PostedItem<'_>) -> Result<TicketDraft, SimResponse> {
        let draft = self.draft(item)?;
        if draft.id.is_some() {
            let named = draft.tickettype_id.is_some() && draft.client_id.is_some();
            if self.settings.strict_update && !named && !draft.recover {
                return Err(refusal::sentence(refusal::RECORD_NOT_FOUND));
            }
        } else if !item.flag("_novalidate") {
            self.check_mandatory(item, &draft)?;
        }
        self.check_references(&draft)?;
        self.check_rules(&draft)?;
        Ok(draft)
    }

    /// Reads one item.
    fn draft(&self, item: &PostedItem<'_>) -> Result<TicketDraft, SimResponse> {
        // Zero and less mean "not set" in the vendor's own calls.
        let id = |name| {
            item.number(name)
                .map(|value| value.filter(|value| *value > 0))
        };
        let fields = item.custom_fields()?.into_iter().filter_map(|entry| {
            let field = self
                .world
                .service_desk
                .custom_field(entry.id, entry.name.as_deref())?;
            Some((field.id, entry.value))
        });
        let loose = LOOSE.iter().filter_map(|name| {
            item.value(name)
                .map(|value| ((*name).to_owned(), value.clone()))
        });
        Ok(TicketDraft {
            id: id("id")?,
            summary: item.text("summary"),
            details: item.text("details"),
            details_html: item
                .text("details_html")
                .filter(|_| self.settings.keeps_details_html),
            client_id: id("client_id")?,
            site_id: id("site_id")?,
            user_id: id("user_id")?,
            tickettype_id: id("tickettype_id")?,
            status_id: id("status_id")?,
            priority_id: id("priority_id")?,
            sla_id: id("sla_id")?,
            team: item.text("team").filter(|team| !team.is_empty()),
            team_id: id("team_id")?,
            agent_id: id("agent_id")?,
            parent_id: id("parent_id")?,
            custom_fields: fields.collect(),
            assets: item.assets()?,
            loose: loose.collect(),
            recover: item.flag("_recover"),
            skips_rules: item.flag("dont_do_rules"),
        })
    }

    /// The type a draft falls under.
    pub(super) fn type_of(&self, draft: &TicketDraft) -> Option<&TicketType> {
        let known = draft
            .id
            .and_then(|id| self.existing(id))
            .map(|ticket| ticket.tickettype_id);
        match draft.tickettype_id.or(known) {
            Some(id) => self.world.service_desk.ticket_type(id),
            None => self.world.service_desk.ticket_types.first(),
        }
    }

    /// Refuses a new ticket that lacks a mandatory field, and names the field.
    fn check_mandatory(
        &self,
        item: &PostedItem<'_>,
        draft: &TicketDraft,
    ) -> Result<(), SimResponse> {
        let filled = |name: &str| match name {
            "details" => item.text("details").or_else(|| item.text("details_html")),
            other if other.starts_with("CF") => self
                .world
                .service_desk
                .custom_field(None, Some(other))
                .and_then(|field| draft.custom_fields.iter().find(|(id, _)| *id == field.id))
                .map(|(_, value)| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                }),
            other => item.text(other),
        };
        let mandatory = self
            .type_of(draft)
            .map(|kind| kind.mandatory_fields.as_slice());
        let missing = mandatory
            .unwrap_or_default()
            .iter()
            .find(|name| filled(name).is_none_or(|text| text.trim().is_empty() || text == "null"));
        match missing {
            Some(name) => Err(refusal::sentence(&format!(
                "Please complete the mandatory field '{name}' before saving this Ticket."
            ))),
            None => Ok(()),
        }
    }

    /// Refuses references to what does not exist.
    fn check_references(&self, draft: &TicketDraft) -> Result<(), SimResponse> {
        let setup = &self.world.service_desk;
        let known = |there: bool, column: &str| {
            if there {
                Ok(())
            } else {
                Err(refusal::unknown_reference(column))
            }
        };
        if let Some(id) = draft.id {
            let there = self
                .tickets
                .get(&id)
                .is_some_and(|ticket| !ticket.deleted || draft.recover);
            if !there {
                return Err(refusal::sentence(refusal::RECORD_NOT_FOUND));
            }
        }
        let client = |id| self.world.clients.iter().any(|client| client.id == id);
        let site = |id| self.world.clients.iter().any(|client| client.site_id == id);
        known(draft.client_id.is_none_or(client), "Areaint")?;
        known(draft.site_id.is_none_or(site), "sitenumber")?;
        known(
            draft
                .tickettype_id
                .is_none_or(|id| setup.ticket_type(id).is_some()),
            "RequestTypeNew",
        )?;
        known(
            draft.status_id.is_none_or(|id| setup.status(id).is_some()),
            "Status",
        )?;
        known(
            draft
                .priority_id
                .is_none_or(|id| setup.priority(id).is_some()),
            "seriousness",
        )?;
        known(
            draft.agent_id.is_none_or(|id| setup.agent(id).is_some()),
            "Assignedtoint",
        )?;
        known(
            draft.parent_id.is_none_or(|id| self.existing(id).is_some()),
            "FParentID",
        )
    }

    /// Refuses what a business rule forbids: an agent who takes no tickets, a type that may not be
    /// logged, a close of an unassigned ticket.
    pub(super) fn check_rules(&self, draft: &TicketDraft) -> Result<(), SimResponse> {
        let setup = &self.world.service_desk;
        if draft.id.is_none() && self.type_of(draft).is_some_and(|kind| !kind.can_create) {
            return Err(refusal::sentence(
                "You do not have permission to log Tickets of this Ticket Type.",
            ));
        }
        let agent = draft.agent_id.and_then(|id| setup.agent(id));
        if agent.is_some_and(|agent| agent.api_only || agent.disabled) {
            return Err(refusal::sentence(
                "This Agent cannot be assigned to Tickets.",
            ));
        }
        let ticket = draft.id.and_then(|id| self.existing(id));
        let assigned = draft
            .agent_id
            .or(ticket.map(|ticket| ticket.agent_id))
            .unwrap_or(1);
        let was_closed = ticket.is_some_and(|ticket| setup.is_closed(ticket.status_id));
        let closes = draft
            .status_id
            .is_some_and(|status| setup.is_closed(status))
            && !was_closed;
        if closes && assigned == 1 && self.settings.must_assign_to_close {
            return Err(refusal::sentence(self.settings.assign_before_closing));
        }
        Ok(())
    }
}
