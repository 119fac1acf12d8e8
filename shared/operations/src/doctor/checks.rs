//! What is checked: each check is one thing, under an id that stays.

use serde::{Serialize, Serializer};

use super::Level;

/// Whose a thing is, and so who can fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckOwner {
    /// Halogard's settings, config, or machine.
    Halogard,
    /// HaloPSA's.
    HaloPsa,
    /// Liongard's.
    Liongard,
}

impl CheckOwner {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Halogard => "Halogard",
            Self::HaloPsa => "HaloPSA",
            Self::Liongard => "Liongard",
        }
    }
}

/// How soon a person should act on a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Urgency {
    /// Work fails, or goes to the wrong customer.
    Now,
    /// Work is late, incomplete, or will fail.
    Soon,
    /// Nothing fails; it is a matter of order.
    Later,
}

impl Urgency {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Soon => "soon",
            Self::Later => "later",
        }
    }
}

impl CheckId {
    /// How soon a person should act on a finding of this `level`.
    pub(super) const fn urgency(self, level: Level) -> Option<Urgency> {
        match level {
            Level::Ok | Level::Skipped => None,
            Level::CannotTell => Some(Urgency::Later),
            Level::Problem => Some(Urgency::Now),
            Level::Warning => Some(match self {
                // One customer's alerts would be shown to another.
                Self::ClientName | Self::ClientStoredId => Urgency::Now,
                Self::AgentApiOnly
                | Self::AgentLeastRights
                | Self::ApplicationScopes
                | Self::ApplicationSingle
                | Self::TechnicianPerson
                | Self::PriorityShown
                | Self::EnvironmentActive
                | Self::OwnIntegration => Urgency::Later,
                _ => Urgency::Soon,
            }),
        }
    }
}

macro_rules! checks {
    ($($name:ident $id:literal $owner:ident $subject:literal)*) => {
        /// A check. The order is that of a report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum CheckId {
            $(#[doc = $subject] $name,)*
        }

        impl CheckId {
            /// Every check.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its id, which stays the same from version to version.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// What is so when nothing is wrong.
            #[must_use]
            pub const fn subject(self) -> &'static str {
                match self {
                    $(Self::$name => $subject,)*
                }
            }

            /// Whose the thing is.
            #[must_use]
            pub const fn owner(self) -> CheckOwner {
                match self {
                    $(Self::$name => CheckOwner::$owner,)*
                }
            }
        }
    };
}

checks! {
    Config "halogard.config" Halogard "the config file is valid"
    Settings "halogard.settings" Halogard "the settings are complete"
    Store "halogard.store" Halogard "the store can be opened"
    CredentialAge "halogard.credentials.age" Halogard "no credential is old or ends soon"
    PublicAddress "halogard.public_url.reachable" Halogard "the public address of the webhook can be reached"
    Certificate "halogard.public_url.certificate" Halogard "the certificate of the public address is valid for weeks"
    Clock "halogard.clock" Halogard "this machine's clock agrees with those of both vendors"
    HaloPsaCredential "halopsa.credential" HaloPsa "HaloPSA answers and accepts the credential and its scopes"
    HaloPsaBuild "halopsa.build" HaloPsa "HaloPSA says which build it is"
    AgentEnabled "halopsa.agent.enabled" HaloPsa "the agent of the application is enabled"
    AgentApiOnly "halopsa.agent.api_only" HaloPsa "the agent exists for the API only"
    AgentLeastRights "halopsa.agent.least_rights" HaloPsa "the agent is not an administrator"
    ApplicationScopes "halopsa.application.scopes" HaloPsa "the application asks for no scope that allows everything"
    ApplicationSingle "halopsa.application.single" HaloPsa "no other application acts as the agent"
    AgentDepartments "halopsa.agent.departments" HaloPsa "the agent belongs to the departments of the teams that get tickets"
    AgentTicketTypes "halopsa.agent.ticket_types" HaloPsa "the agent may open and edit tickets of each type"
    AgentTeams "halopsa.agent.teams" HaloPsa "the agent is a member of the teams that get tickets"
    AgentUnassigned "halopsa.agent.unassigned" HaloPsa "the agent sees unassigned tickets"
    AgentOthers "halopsa.agent.others" HaloPsa "the agent sees tickets of other agents"
    TypeUsable "halopsa.ticket_type.usable" HaloPsa "each ticket type exists and can be opened"
    StatusExists "halopsa.status.exists" HaloPsa "each status exists"
    StatusMeaning "halopsa.status.meaning" HaloPsa "open statuses are open and closed ones are closed"
    StatusAllowed "halopsa.status.allowed" HaloPsa "each status is allowed for its ticket type"
    PriorityExists "halopsa.priority.exists" HaloPsa "each priority exists"
    PriorityShown "halopsa.priority.shown" HaloPsa "each priority is in use"
    PrioritySla "halopsa.priority.sla" HaloPsa "each priority belongs to the SLA of its ticket type"
    PriorityWords "halogard.priority.words" Halogard "each priority of Liongard is named as Liongard names it"
    OutcomeUsable "halopsa.outcome.usable" HaloPsa "the outcome of notes exists and is offered"
    OutcomeAllowed "halopsa.outcome.allowed" HaloPsa "the outcome of notes is offered by its ticket type"
    TeamUsable "halopsa.team.usable" HaloPsa "each team exists, is active and takes tickets"
    TeamMembers "halopsa.team.members" HaloPsa "each team has members who can work"
    TechnicianUsable "halopsa.technician.usable" HaloPsa "each agent that gets tickets exists and is enabled"
    TechnicianPerson "halopsa.technician.person" HaloPsa "each agent that gets tickets is a person"
    ClosingTechnician "halogard.closing_technician" Halogard "unassigned tickets can be closed"
    CategoryExists "halopsa.category.exists" HaloPsa "each category exists"
    FieldExists "halopsa.field.exists" HaloPsa "each custom field exists"
    FieldValue "halopsa.field.value" HaloPsa "the value of each custom field fits it"
    FieldKey "halopsa.field.key" HaloPsa "the field for the key takes text"
    FieldMandatory "halopsa.field.mandatory" HaloPsa "mandatory fields have values"
    OwnIntegration "halopsa.integration.own" HaloPsa "HaloPSA's own Liongard integration does not write as well"
    WebhookPresent "halopsa.webhook.present" HaloPsa "HaloPSA has a webhook with our address"
    WebhookActive "halopsa.webhook.active" HaloPsa "the webhook is active"
    WebhookSingle "halopsa.webhook.single" HaloPsa "one webhook has our address"
    WebhookEvents "halopsa.webhook.events" HaloPsa "the webhook is bound to every event that is needed"
    DialectTimes "halopsa.dialect.times" HaloPsa "HaloPSA writes times in UTC"
    DialectLastUpdate "halopsa.dialect.last_update" HaloPsa "lists of tickets show when a ticket changed"
    ProbeOpen "halopsa.probe.open" HaloPsa "a test ticket can be opened (only with --probe-writes)"
    ProbeNote "halopsa.probe.note" HaloPsa "a note can be added to the test ticket"
    ProbeUnassigned "halopsa.probe.unassigned" HaloPsa "lists show the test ticket while it is unassigned"
    ProbeOthers "halopsa.probe.others" HaloPsa "lists show the test ticket while it is another agent's"
    ProbeClose "halopsa.probe.close" HaloPsa "the test ticket can be closed"
    ProbeEditClosed "halopsa.probe.edit_closed" HaloPsa "the test ticket can be changed after it was closed"
    LiongardCredential "liongard.credential" Liongard "Liongard answers and accepts the access key"
    EnvironmentExists "liongard.environment.exists" Liongard "each mapped environment exists"
    EnvironmentActive "liongard.environment.active" Liongard "each mapped environment is in use"
    EnvironmentMapped "halogard.mapping.complete" Halogard "every environment in use is mapped or ignored"
    ClientExists "halopsa.client.exists" HaloPsa "each mapped client exists"
    ClientActive "halopsa.client.active" HaloPsa "each mapped client is in use"
    ClientName "halogard.mapping.names" Halogard "each environment and its client have like names"
    ClientStoredId "halopsa.client.stored_id" HaloPsa "no client carries the id of another environment"
    ClientMainSite "halopsa.client.main_site" HaloPsa "each mapped client has a main site, or its mapping names one"
    MainSiteActive "halopsa.client.main_site_active" HaloPsa "the main site of each mapped client is in use"
    SiteUsable "halopsa.site.usable" HaloPsa "each mapped site is the client's own and in use"
    NoticeClient "halopsa.notice.client" HaloPsa "the client of notices exists and is in use, and the site is its own"
    NoticeTicket "halopsa.notice.ticket" HaloPsa "ticket type, status, priority and team of notices are offered"
    TemplateChosen "halogard.mapping.template" Halogard "each mapped environment can get a template"
    InspectorSingle "liongard.inspector.single" Liongard "one HaloPSA inspector is enabled"
    InspectorRun "liongard.inspector.run" Liongard "the last run of the HaloPSA inspector did its work"
    AlertWords "liongard.alerts.words" Liongard "the statuses of alerts are known"
    AlertReadable "liongard.alerts.readable" Liongard "an alert of the list is found by its number"
    NativeTickets "liongard.alerts.native" Liongard "in native mode alerts name their tickets"
}

/// The schema of its text.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for CheckId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_check_has_an_id_of_its_own_that_begins_with_a_group() {
        let ids: BTreeSet<&str> = CheckId::ALL.iter().map(|check| check.as_str()).collect();
        assert_eq!(ids.len(), CheckId::ALL.len());
        for id in ids {
            let group = id.split('.').next().unwrap_or_default();
            assert!(["halogard", "halopsa", "liongard"].contains(&group), "{id}");
        }
    }
}
