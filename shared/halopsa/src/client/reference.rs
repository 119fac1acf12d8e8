//! The tenant's configuration. It changes rarely: cache the answers for a quarter of an hour or more.

use std::marker::PhantomData;

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::ids::TicketTypeId;
use halogard_http::Transport;

use super::query::TicketTypeChoice;
use super::request::HaloRequest;
use super::{Client, decode, route};
use crate::error::Error;
use crate::wire::{
    AgentRow, ApplicationRow, AuthInfo, CategoryRow, Control, FieldInfo, InstanceInfo,
    OneOrManySeed, OutcomeRow, PriorityRow, StatusRow, TeamRow, TicketTypeRow,
};

/// Each spends one request, may be repeated, and fails as any read does.
impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// `GET /AuthInfo`: where tokens are issued. Needs no token.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn authinfo(&self) -> Result<AuthInfo, Error> {
        let call = HaloRequest::to(route::AUTH_INFO);
        let body = self.fetch_with(&call, None).await?;
        decode(&call.route, PhantomData::<AuthInfo>, &body)
    }

    /// `GET /InstanceInfo`: which build of HaloPSA answers. Needs no token.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn instance_info(&self) -> Result<InstanceInfo, Error> {
        let call = HaloRequest::to(route::INSTANCE_INFO);
        let body = self.fetch_with(&call, None).await?;
        decode(&call.route, PhantomData::<InstanceInfo>, &body)
    }

    /// `GET /Status`: the ticket statuses, or those a type of ticket allows.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn statuses(&self, of: Option<TicketTypeId>) -> Result<Vec<StatusRow>, Error> {
        let call = HaloRequest::to(route::STATUSES).with_some("tickettype_id", of);
        self.rows(&call, "statuses").await
    }

    /// `GET /Status`: the statuses in which a ticket is not closed.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn open_statuses(&self) -> Result<Vec<StatusRow>, Error> {
        let call = HaloRequest::to(route::STATUSES).with("excludeclosed", true);
        self.rows(&call, "statuses").await
    }

    /// `GET /FieldInfo`: the fields of tickets, with the options of selects.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn fields(&self) -> Result<Vec<FieldInfo>, Error> {
        let call = HaloRequest::to(route::FIELDS)
            .with("iscustomfieldsetup", true)
            .with("includevalues", true);
        self.rows(&call, "fields").await
    }

    /// `GET /Category`: the categories of tickets, of every level.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn categories(&self) -> Result<Vec<CategoryRow>, Error> {
        self.rows(&HaloRequest::to(route::CATEGORIES), "categories")
            .await
    }

    /// `GET /Priority`: one row per SLA and priority, hidden ones included.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn priorities(&self) -> Result<Vec<PriorityRow>, Error> {
        self.rows(&HaloRequest::to(route::PRIORITIES), "priorities")
            .await
    }

    /// `GET /TicketType`: the types of ticket, with whether they demand fields.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn ticket_types(
        &self,
        choice: TicketTypeChoice,
    ) -> Result<Vec<TicketTypeRow>, Error> {
        let call = HaloRequest::to(route::TICKET_TYPES).with("include_mandatory_field_check", true);
        let call = match choice {
            TicketTypeChoice::All => call.with("showall", true),
            TicketTypeChoice::Creatable => call.with("can_create_only", true),
        };
        self.rows(&call, "tickettypes").await
    }

    /// `GET /TicketType/{id}`: one type with the fields of its form for new tickets.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn ticket_type(&self, id: TicketTypeId) -> Result<TicketTypeRow, Error> {
        let call = HaloRequest::to(route::TICKET_TYPE)
            .of(id.get())
            .with("includedetails", true)
            .with("isnewticket", true);
        self.read(&call, PhantomData::<TicketTypeRow>).await
    }

    /// `GET /Team`: the teams.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn teams(&self) -> Result<Vec<TeamRow>, Error> {
        self.rows(
            &HaloRequest::to(route::TEAMS).with("showall", true),
            "teams",
        )
        .await
    }

    /// `GET /Agent`: the agents, disabled ones and those for the API included.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, Error> {
        let call = HaloRequest::to(route::AGENTS)
            .with("includeenabled", true)
            .with("includedisabled", true)
            .with("includeapiagents", true);
        self.rows(&call, "agents").await
    }

    /// `GET /Agent/me`: the agent our application acts as.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn agent_me(&self) -> Result<AgentRow, Error> {
        self.read(&HaloRequest::to(route::AGENT_ME), PhantomData::<AgentRow>)
            .await
    }

    /// `GET /Application`: the applications that may call the API. Very likely an administrator's scope.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn applications(&self) -> Result<Vec<ApplicationRow>, Error> {
        let call = HaloRequest::to(route::APPLICATIONS);
        self.rows(&call, "applications").await
    }

    /// `GET /Outcome`: the kinds of action, or those a type of ticket offers.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn outcomes(&self, of: Option<TicketTypeId>) -> Result<Vec<OutcomeRow>, Error> {
        let call = HaloRequest::to(route::OUTCOMES).with_some("tickettype_id", of);
        self.rows(&call, "outcomes").await
    }

    /// `GET /Control`: the tenant's settings. Which scope it takes is not known: a 403 says
    /// nothing about them.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn control(&self) -> Result<Control, Error> {
        let call = HaloRequest::to(route::CONTROL);
        let mut settings = self.read(&call, OneOrManySeed::<Control>::new()).await?;
        // The reader takes no empty list, so the first is there.
        Ok(settings.swap_remove(0))
    }
}
