//! What the tenant offers, to check a config against.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{
    ClientInfo, Clock, MandatoryField, Named, PortError, Refusal, RequestBudget,
    ServiceDeskCatalog, TicketTypeInfo,
};
use halogard_domain::ids::{
    HaloClientId, OutcomeId, PriorityId, SiteId, StatusId, TechnicianId, TicketTypeId,
};
use halogard_http::Transport;

use crate::client::{ClientQuery, TicketTypeChoice};
use crate::service_desk::HaloServiceDesk;
use crate::wire::FieldRow;

/// A record with its name, or its number where it has none.
fn named<Id: std::fmt::Display>(id: Id, name: Option<String>, active: bool) -> Named<Id> {
    let name = name.unwrap_or_else(|| id.to_string());
    Named { id, name, active }
}

impl<T: Transport, B: RequestBudget, C: Clock> ServiceDeskCatalog for HaloServiceDesk<T, B, C> {
    const ENABLE_TECHNICIAN: &'static str =
        "enable it under Configuration → Teams & Agents → Agents";

    /// Signs in anew, so that a secret or scope that no longer holds shows now, then asks who we
    /// are.
    async fn identity(&self) -> Result<Named<TechnicianId>, PortError> {
        self.client().sign_in().await?;
        let me = self.client().agent_me().await?;
        Ok(named(me.id, me.name, me.isdisabled != Some(true)))
    }

    async fn build(&self) -> Option<String> {
        let info = self.client().instance_info().await.ok()?;
        info.build().map(str::to_owned)
    }

    async fn statuses(&self) -> Result<Vec<Named<StatusId>>, PortError> {
        let rows = self.client().statuses(None).await?;
        Ok(rows
            .into_iter()
            .map(|row| named(row.id, row.name, true))
            .collect())
    }

    /// One row per SLA and priority comes; each priority is named once.
    async fn priorities(&self) -> Result<Vec<Named<PriorityId>>, PortError> {
        let rows = self.client().priorities().await?;
        let shown = rows.into_iter().filter(|row| row.ishidden != Some(true));
        let distinct: BTreeMap<_, _> = shown.map(|row| (row.priorityid, row.name)).collect();
        Ok(distinct
            .into_iter()
            .map(|(id, name)| named(id, name, true))
            .collect())
    }

    async fn ticket_types(&self) -> Result<Vec<Named<TicketTypeId>>, PortError> {
        let rows = self.client().ticket_types(TicketTypeChoice::All).await?;
        Ok(rows
            .into_iter()
            .map(|row| named(row.id, row.name, row.cancreate != Some(false)))
            .collect())
    }

    async fn ticket_type(&self, id: TicketTypeId) -> Result<Option<TicketTypeInfo>, PortError> {
        match self.client().ticket_type(id).await {
            Ok(row) => Ok(Some(TicketTypeInfo {
                name: row.name.unwrap_or_else(|| id.to_string()),
                mandatory: row.fields.iter().filter_map(mandatory).collect(),
                allowed_statuses: BTreeSet::new(),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn teams(&self) -> Result<Vec<String>, PortError> {
        let rows = self.client().teams().await?;
        let active = rows.into_iter().filter(|row| row.inactive != Some(true));
        Ok(active.filter_map(|row| row.name).collect())
    }

    async fn technicians(&self) -> Result<Vec<Named<TechnicianId>>, PortError> {
        let rows = self.client().agents().await?;
        Ok(rows
            .into_iter()
            .map(|row| named(row.id, row.name, row.isdisabled != Some(true)))
            .collect())
    }

    async fn outcomes(&self) -> Result<Vec<Named<OutcomeId>>, PortError> {
        let rows = self.client().outcomes(None).await?;
        let known = rows
            .into_iter()
            .filter_map(|row| Some((row.id?, row.outcome, row.hidden)));
        Ok(known
            .map(|(id, name, hidden)| named(id, name, hidden != Some(true)))
            .collect())
    }

    async fn clients(&self) -> Result<Vec<ClientInfo>, PortError> {
        let query = ClientQuery {
            includeinactive: true,
            ..ClientQuery::default()
        };
        let rows = self.client().clients(&query).await?.rows;
        Ok(rows
            .into_iter()
            .map(|row| ClientInfo {
                id: row.id,
                name: row.name.unwrap_or_else(|| row.id.to_string()),
                active: row.inactive != Some(true),
                stored_environment: row.liongardid,
            })
            .collect())
    }

    async fn sites(&self, client: HaloClientId) -> Result<Vec<Named<SiteId>>, PortError> {
        let rows = self.client().sites(client).await?.rows;
        Ok(rows
            .into_iter()
            .map(|row| named(row.id, row.name, row.inactive != Some(true)))
            .collect())
    }

    async fn must_assign_to_close(&self) -> Result<Option<bool>, PortError> {
        match self.client().control().await.map_err(PortError::from) {
            Ok(control) => Ok(control.mustassigntoclose),
            Err(error) if error.refusal == Some(Refusal::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How the API name of a custom field begins. Source: a shipped product that lists them.
const CUSTOM: &str = "CF";

/// A custom field that a new ticket must carry, as far as the row says so. The number that means
/// "required" on a screen is not documented, so the field's own mark is what counts; standard
/// fields, and those shown only under conditions, are left to HaloPSA's own error message.
fn mandatory(row: &FieldRow) -> Option<MandatoryField> {
    let info = row.fieldinfo.as_ref()?;
    let custom = info
        .name
        .as_deref()
        .is_some_and(|name| name.starts_with(CUSTOM));
    let asked = custom && info.mandatory == Some(true) && !row.is_conditional;
    let id = info.id.or(row.fieldid).filter(|id| *id > 0 && asked)?;
    let name = info
        .label
        .clone()
        .or_else(|| info.name.clone())
        .or_else(|| row.fieldname.clone());
    Some(MandatoryField {
        id,
        name: name.unwrap_or_else(|| id.to_string()),
    })
}
