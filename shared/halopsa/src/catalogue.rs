//! What the tenant offers, to check a config against.

use std::collections::BTreeSet;

use halogard_app::ports::{
    ApplicationInfo, ClientInfo, Clock, FieldKind, MainSite, MandatoryField, Named, OwnAgent,
    PortError, PriorityInfo, Refusal, RequestBudget, ServiceDeskCatalog, SiteInfo, StatusInfo,
    TeamInfo, TeamMembership, TechnicianInfo, TenantSettings, TicketField, TicketTypeInfo,
    TypeRight, WebhookInfo,
};
use halogard_domain::ids::{
    CustomFieldId, HaloClientId, OutcomeId, SiteId, StatusId, TicketTypeId,
};
use halogard_http::Transport;

use crate::client::{ClientQuery, TicketTypeChoice};
use crate::service_desk::HaloServiceDesk;
use crate::wire::{FieldRow, TeamRow};

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
    async fn identity(&self) -> Result<OwnAgent, PortError> {
        self.client().sign_in().await?;
        let me = self.client().agent_me().await?;
        let teams = me.teams.into_iter();
        let types = me.tickettypes.into_iter();
        let departments = me.departments.into_iter();
        Ok(OwnAgent {
            id: me.id,
            active: me.isdisabled != Some(true),
            name: me.name.unwrap_or_else(|| me.id.to_string()),
            is_api_only: me.isapiagent,
            is_administrator: me.is_admin,
            teams: teams
                .filter_map(|row| {
                    Some(TeamMembership {
                        team: row.team_name?,
                        sees_unassigned: row.unassigned_access,
                        sees_others: row.otheragent_access,
                    })
                })
                .collect(),
            departments: departments.filter_map(|row| row.department_id).collect(),
            ticket_types: types
                .filter_map(|row| {
                    Some(TypeRight {
                        ticket_type: row.tickettype_id?,
                        may_create: row.cancreate,
                        may_edit: row.canedit,
                    })
                })
                .collect(),
        })
    }

    /// A second request leaves closed statuses out: no member of a row says it. Where it is not understood,
    /// both lists are the same.
    async fn statuses(&self) -> Result<Vec<StatusInfo>, PortError> {
        let rows = self.client().statuses(None).await?;
        let open = self.client().open_statuses().await.ok();
        let open: Option<BTreeSet<StatusId>> =
            open.map(|rows| rows.into_iter().map(|row| row.id).collect());
        let open = open.filter(|open| open.len() < rows.len());
        Ok(rows
            .into_iter()
            .map(|row| StatusInfo {
                id: row.id,
                name: row.name.unwrap_or_else(|| row.id.to_string()),
                is_closed: open.as_ref().map(|open| !open.contains(&row.id)),
            })
            .collect())
    }

    async fn allowed_statuses(&self, of: TicketTypeId) -> Result<BTreeSet<StatusId>, PortError> {
        let rows = self.client().statuses(Some(of)).await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    async fn priorities(&self) -> Result<Vec<PriorityInfo>, PortError> {
        let rows = self.client().priorities().await?;
        Ok(rows
            .into_iter()
            .map(|row| PriorityInfo {
                id: row.priorityid,
                name: row.name.unwrap_or_else(|| row.priorityid.to_string()),
                sla: row.slaid,
                shown: row.ishidden != Some(true),
            })
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
                sla: row.default_sla,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn teams(&self) -> Result<Vec<TeamInfo>, PortError> {
        let rows = self.client().teams().await?;
        self.team_numbers()
            .learn(rows.iter().filter_map(TeamRow::numbered));
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(TeamInfo {
                    name: row.name?,
                    active: row.inactive != Some(true),
                    takes_tickets: row.forrequests != Some(false),
                    department: row.department_id.filter(|id| *id > 0),
                })
            })
            .collect())
    }

    async fn technicians(&self) -> Result<Vec<TechnicianInfo>, PortError> {
        let rows = self.client().agents().await?;
        Ok(rows
            .into_iter()
            .map(|row| TechnicianInfo {
                id: row.id,
                active: row.isdisabled != Some(true),
                is_api_only: row.isapiagent == Some(true),
                name: row.name.unwrap_or_else(|| row.id.to_string()),
                team: row.team,
            })
            .collect())
    }

    async fn allowed_outcomes(&self, of: TicketTypeId) -> Result<BTreeSet<OutcomeId>, PortError> {
        let rows = self.client().outcomes(Some(of)).await?;
        Ok(rows.into_iter().filter_map(|row| row.id).collect())
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
                main_site: main_site(row.main_site_id),
            })
            .collect())
    }

    async fn sites(&self, of: Option<HaloClientId>) -> Result<Vec<SiteInfo>, PortError> {
        let rows = self.client().sites(of).await?.rows;
        Ok(rows
            .into_iter()
            .map(|row| SiteInfo {
                id: row.id,
                name: row.name.unwrap_or_else(|| row.id.to_string()),
                client: row.client_id,
                active: row.inactive != Some(true),
            })
            .collect())
    }

    async fn applications(&self) -> Result<Option<Vec<ApplicationInfo>>, PortError> {
        let rows = match self.client().applications().await.map_err(PortError::from) {
            Ok(rows) => rows,
            Err(error) if error.refusal == Some(Refusal::Forbidden) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_own = |id: &String| self.client().is_our_application(id);
        let rows = rows.into_iter();
        Ok(Some(
            rows.map(|row| ApplicationInfo {
                is_own: row.client_id.as_ref().is_some_and(is_own),
                name: row.display_name.unwrap_or_default(),
                agent: row.loginas_agent_id,
                active: row.inactive != Some(true),
                scopes: row.scopes.into_iter().filter_map(|it| it.name).collect(),
            })
            .collect(),
        ))
    }

    async fn fields(&self) -> Result<Vec<TicketField>, PortError> {
        let rows = self.client().fields().await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let id = row.id?;
                let label = row.label.or(row.name);
                Some(TicketField {
                    id: CustomFieldId::new(id),
                    name: label.unwrap_or_else(|| id.to_string()),
                    kind: row.kind.and_then(kind_of),
                    characters_max: row.characterlimit.filter(|limit| *limit > 0),
                    options: row.values.into_iter().filter_map(|it| it.name).collect(),
                })
            })
            .collect())
    }

    async fn categories(&self) -> Result<Vec<String>, PortError> {
        let rows = self.client().categories().await?;
        Ok(rows.into_iter().filter_map(|row| row.value).collect())
    }

    async fn tenant_settings(&self) -> Result<Option<TenantSettings>, PortError> {
        match self.client().control().await.map_err(PortError::from) {
            Ok(control) => Ok(Some(TenantSettings {
                must_assign_to_close: control.mustassigntoclose,
                has_own_integration: control.halointegrator_liongard,
            })),
            Err(error) if error.refusal == Some(Refusal::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn webhooks(&self) -> Result<Option<Vec<WebhookInfo>>, PortError> {
        let rows = match self.client().webhooks().await.map_err(PortError::from) {
            Ok(rows) => rows,
            Err(error) if error.refusal == Some(Refusal::Forbidden) => return Ok(None),
            Err(error) => return Err(error),
        };
        let rows = rows.into_iter();
        Ok(Some(
            rows.map(|row| WebhookInfo {
                id: row.id,
                name: row.name.unwrap_or_default(),
                url: row.url.unwrap_or_default(),
                active: row.active != Some(false) && row.disabled != Some(true),
            })
            .collect(),
        ))
    }

    async fn webhook_events(&self, id: &str) -> Result<Option<Vec<i64>>, PortError> {
        let bound = self.client().notifications(id).await;
        match bound.map_err(PortError::from) {
            Ok(bound) => Ok(Some(
                bound.rows.iter().filter_map(|row| row.eventno).collect(),
            )),
            Err(error) if error.refusal == Some(Refusal::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The main site that a client names.
fn main_site(id: Option<i64>) -> MainSite {
    match id.map(u64::try_from) {
        None => MainSite::Unknown,
        Some(Ok(id)) if id > 0 => MainSite::Site(SiteId::new(id)),
        Some(_) => MainSite::Absent,
    }
}

/// What a field of this type holds: 0 is text, 1 a memo, 2 a single select.
const fn kind_of(number: i64) -> Option<FieldKind> {
    match number {
        0 | 1 => Some(FieldKind::Text),
        2 => Some(FieldKind::Select),
        _ => None,
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
