//! A ticket that Halogard opens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{
    CustomFieldId, HaloClientId, PriorityId, SiteId, StatusId, TechnicianId, TicketTypeId,
};
use crate::key::{InstallationId, SignedKey};
use crate::render;

/// A ticket to be opened, as the template describes it: everything but its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketDraft {
    /// The customer.
    pub client: HaloClientId,
    /// The customer's site.
    pub site: Option<SiteId>,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
    /// The status it starts in.
    pub status: StatusId,
    /// The priority, if the template maps one.
    pub priority: Option<PriorityId>,
    /// The team, by name.
    pub team: Option<String>,
    /// The technician it is assigned to.
    pub technician: Option<TechnicianId>,
    /// The category path, levels separated by `>`.
    pub category: Option<String>,
    /// The title without the key.
    pub summary: String,
    /// The text without the key, safe HTML.
    pub details_html: String,
    /// Values of custom fields, among them defaults of mandatory ones.
    pub custom_fields: BTreeMap<CustomFieldId, String>,
    /// A custom field that also receives the key.
    pub key_field: Option<CustomFieldId>,
    /// Whether HaloPSA checks mandatory fields.
    pub validation: Validation,
    /// Whether HaloPSA applies the default template of the ticket type, which may replace the title.
    pub type_template: Automation,
    /// Whether HaloPSA's ticket rules run, which may replace the title.
    pub ticket_rules: Automation,
}

/// A ticket to be opened. The key is in its title, at the end of its text, and in the custom field
/// that the template names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTicket {
    /// The key by which it will be found again.
    pub key: SignedKey,
    /// Who opens it, for another installation that finds it.
    pub installation: InstallationId,
    /// Everything else.
    pub draft: TicketDraft,
}

impl NewTicket {
    /// The title.
    #[must_use]
    pub fn summary(&self) -> String {
        render::marked_summary(&self.key, &self.draft.summary)
    }

    /// The text, safe HTML.
    #[must_use]
    pub fn details_html(&self) -> String {
        render::referenced_details_html(&self.key, &self.installation, &self.draft.details_html)
    }

    /// Values of custom fields.
    #[must_use]
    pub fn custom_fields(&self) -> BTreeMap<CustomFieldId, String> {
        let mut fields = self.draft.custom_fields.clone();
        if let Some(field) = self.draft.key_field {
            fields.insert(field, self.key.to_string());
        }
        fields
    }
}

/// Whether an automation of HaloPSA applies to a ticket that Halogard opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// Halogard asks HaloPSA to leave it out.
    #[default]
    Skipped,
    /// It applies, because the operator asked for that.
    Applied,
}

/// Whether HaloPSA checks mandatory fields of a ticket that Halogard opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// Checked, as for a technician.
    #[default]
    Enforced,
    /// Not checked, because the operator asked for that.
    Skipped,
}
