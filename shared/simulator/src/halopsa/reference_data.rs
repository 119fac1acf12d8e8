//! The service desk's configuration, as the API lists it: some lists bare, some wrapped.

use serde_json::{Value, json};

use crate::http_message::{Query, SimResponse};
use crate::world::{Agent, ClientSpec, TicketType};

use super::refusal;
use super::settings::ApiApplication;
use super::state::{AccessToken, HaloState};
use super::webhooks::EVENTS;

/// The number of the only department.
const DEPARTMENT: i64 = 1;

impl HaloState {
    /// `GET /Status`.
    pub(super) fn list_statuses(&self, query: &Query) -> SimResponse {
        let rows = self
            .world
            .service_desk
            .statuses
            .iter()
            .filter(|status| !(query.flag("excludeclosed") && status.closed))
            .filter(|status| {
                let refused = &self.settings.misconfigurations.statuses_not_allowed;
                query.number("tickettype_id").is_none() || !refused.contains(&status.id)
            });
        let row = |(place, status): (usize, &crate::world::Status)| {
            json!({
                "id": status.id, "name": status.name, "shortname": status.name, "type": 0,
                "sequence": place, "colour": "#4a90d9", "slaaction": if status.closed { "H" } else { "N" },
            })
        };
        SimResponse::ok(&rows.enumerate().map(row).collect())
    }

    /// `GET /Priority`: one row per agreement and priority.
    pub(super) fn list_priorities(&self, query: &Query) -> SimResponse {
        let sla = query.number("slaid");
        let rows = self
            .world
            .service_desk
            .priorities
            .iter()
            .filter(|row| sla.is_none_or(|sla| row.sla_id == sla));
        let row = |row: &crate::world::Priority| {
            json!({
                "id": row.id, "slaid": row.sla_id, "priorityid": row.priority_id, "name": row.name,
                "fixtime": 8.0, "fixunits": "H", "responsetime": 1.0, "ishidden": row.hidden, "colour": "#d94a4a",
            })
        };
        SimResponse::ok(&rows.map(row).collect())
    }

    /// `GET /TicketType`.
    pub(super) fn list_ticket_types(&self, query: &Query) -> SimResponse {
        let only = query.flag("can_create_only");
        let rows = self
            .world
            .service_desk
            .ticket_types
            .iter()
            .filter(|kind| !only || kind.can_create);
        SimResponse::ok(&rows.map(|kind| self.ticket_type_row(kind, false)).collect())
    }

    /// `GET /TicketType/{id}`.
    pub(super) fn one_ticket_type(&self, id: i64, query: &Query) -> SimResponse {
        match self.world.service_desk.ticket_type(id) {
            Some(kind) => {
                SimResponse::ok(&self.ticket_type_row(kind, query.flag("includedetails")))
            }
            None => refusal::not_found(404),
        }
    }

    /// A ticket type, with its fields where asked for.
    fn ticket_type_row(&self, kind: &TicketType, with_fields: bool) -> Value {
        // The summary is mandatory everywhere and therefore says nothing.
        let demanding = kind.mandatory_fields.iter().any(|name| name != "summary");
        let mut row = json!({
            "id": kind.id, "name": kind.name, "use": "ticket", "visible": true,
            "cancreate": kind.can_create, "agentscanselect": true,
            "default_sla": self.settings.misconfigurations.default_sla.unwrap_or(1),
            "default_priority": kind.default_priority, "default_team": kind.default_team,
            "initial_status": kind.initial_status, "reopenedstatus": 2, "allowall_status": true,
            "hasmandatorytechfields": demanding, "hasmandatoryuserfields": false,
            "itilrequesttype": 1, "workflow_name": "", "group_id": 1,
        });
        if with_fields {
            row["fields"] = self.fields_of(kind);
        }
        row
    }

    /// Every field of a ticket type; `technew` is 2 where it is mandatory on a new ticket.
    fn fields_of(&self, kind: &TicketType) -> Value {
        let stock = [
            (1, "summary"),
            (2, "details"),
            (3, "category_1"),
            (4, "impact"),
            (5, "urgency"),
            (6, "supplier_reference"),
        ];
        let stock = stock.map(|(id, name)| (id, name.to_owned(), name.to_owned(), 0, false));
        let custom = self.world.service_desk.custom_fields.iter();
        let custom = custom.map(|field| {
            (
                field.id,
                field.name.clone(),
                field.label.clone(),
                field.kind,
                true,
            )
        });
        let row = |(place, (id, name, label, field_kind, custom)): (
            usize,
            (i64, String, String, i64, bool),
        )| {
            let mandatory = kind.mandatory_fields.contains(&name);
            json!({
                "id": kind.id * 1000 + id, "rtid": kind.id, "fieldid": id, "fieldname": name,
                "seq": place, "groupid": 1, "technew": if mandatory { 2 } else { 1 }, "techdetail": 1,
                "techaction": 0, "endusernew": 0, "enduserdetail": 0, "enduseraction": 0,
                "visibility_conditions": [],
                "fieldinfo": {
                    "id": id, "name": name, "label": label, "type": field_kind, "custom": i32::from(custom),
                    "mandatory": mandatory, "values": [],
                },
            })
        };
        stock
            .into_iter()
            .chain(custom)
            .enumerate()
            .map(row)
            .collect()
    }

    /// `GET /Outcome`: all, or those that a type of ticket offers.
    pub(super) fn list_outcomes(&self, query: &Query) -> SimResponse {
        let odd = &self.settings.misconfigurations;
        let is_of_a_type = query.number("tickettype_id").is_some();
        let is_offered = |outcome: &&crate::world::OutcomeSpec| {
            !is_of_a_type || !odd.outcomes_not_allowed.contains(&outcome.id)
        };
        let row = |outcome: &crate::world::OutcomeSpec| {
            json!({
                "id": outcome.id, "outcome": outcome.name, "buttonname": outcome.name,
                "labellong": outcome.name,
                "hidden": odd.hidden_outcomes.contains(&outcome.id), "systemid": 0, "newstatus": -1,
                "hidefromuser": outcome.hidden_from_user, "mustaddnote": false, "mustassign": false,
                "sendemail": outcome.id == 5,
            })
        };
        let outcomes = self.world.service_desk.outcomes.iter();
        SimResponse::ok(&outcomes.filter(is_offered).map(row).collect())
    }

    /// `GET /Team`.
    pub(super) fn list_teams(&self) -> SimResponse {
        let odd = &self.settings.misconfigurations;
        let row = |team: &crate::world::Team| {
            json!({
                "id": team.id, "name": team.name, "department_id": DEPARTMENT,
                "inactive": odd.inactive_teams.contains(&team.name),
                "forrequests": !odd.teams_without_tickets.contains(&team.name), "foropps": false, "forprojects": team.id == 2,
            })
        };
        SimResponse::ok(&self.world.service_desk.teams.iter().map(row).collect())
    }

    /// `GET /Agent`.
    pub(super) fn list_agents(&self, query: &Query) -> SimResponse {
        let search = query.text("search").unwrap_or_default().to_lowercase();
        let rows = self.world.service_desk.agents.iter().filter(|agent| {
            (!agent.api_only || query.flag("includeapiagents"))
                && (!agent.disabled || query.flag("includedisabled"))
                && (agent.id != 1 || query.flag("includeunassigned"))
                && agent.name.to_lowercase().contains(&search)
        });
        SimResponse::ok(&rows.map(|agent| self.agent_row(agent)).collect())
    }

    /// `GET /Agent/{id}`.
    pub(super) fn one_agent(&self, id: i64) -> SimResponse {
        match self.world.service_desk.agent(id) {
            Some(agent) => SimResponse::ok(&self.agent_row(agent)),
            None => refusal::not_found(404),
        }
    }

    /// `GET /Agent/me`: the agent the application works as.
    pub(super) fn own_agent(&self, token: &AccessToken) -> SimResponse {
        let Some(agent) = self.world.service_desk.agent(token.author.agent_id) else {
            return refusal::not_found(404);
        };
        let mut row = self.agent_row(agent);
        let odd = &self.settings.misconfigurations;
        row["is_admin"] = json!(odd.agent_is_administrator);
        let teams = self.world.service_desk.teams.iter();
        row["teams"] = teams
            .filter(|team| !odd.teams_without_agent.contains(&team.name))
            .map(|team| {
                json!({
                    "team_id": team.id, "team_name": team.name, "is_manager": false,
                    "unassigned_access": !odd.hides_unassigned, "otheragent_access": !odd.hides_others,
                    "fortickets": true,
                })
            })
            .collect();
        row["tickettypes"] = self
            .world
            .service_desk
            .ticket_types
            .iter()
            .map(|kind| {
                json!({
                    "tickettype_id": kind.id, "canview": true, "role_name": "API",
                    "cancreate": kind.can_create && !odd.types_not_opened.contains(&kind.id),
                    "canedit": !odd.types_not_edited.contains(&kind.id),
                })
            })
            .collect();
        let department = odd.only_department.unwrap_or(DEPARTMENT);
        row["departments"] = json!([{ "department_id": department, "department_name": "Support" }]);
        row["clients"] = json!([]);
        row["claims"] = json!([]);
        row["workday_timezone"] = json!("UTC");
        SimResponse::ok(&row)
    }

    /// An agent.
    fn agent_row(&self, agent: &Agent) -> Value {
        let address = agent.name.to_lowercase().replace(' ', ".");
        json!({
            "id": agent.id, "name": agent.name, "email": format!("{address}@harbourstreet.example"),
            "isdisabled": agent.disabled, "is_agent": true, "team": agent.team,
            "isapiagent": agent.api_only, "is_admin": false,
        })
    }

    /// `GET /Application`: without their secrets.
    pub(super) fn list_applications(&self) -> SimResponse {
        let row = |(id, application): (usize, &ApiApplication)| {
            let scopes = application.scopes.iter();
            let scopes: Vec<Value> = scopes.map(|name| json!({ "name": name })).collect();
            json!({
                "id": id.to_string(), "clientId": application.client_id,
                "displayName": application.display_name, "grant_type": "client_credentials",
                "loginas_agent_id": application.agent_id, "inactive": false, "scopes": scopes,
            })
        };
        let applications = self.settings.applications.iter().enumerate();
        SimResponse::ok(&applications.map(row).collect())
    }

    /// `GET /Client`.
    pub(super) fn list_clients(&self, query: &Query) -> SimResponse {
        let search = query.text("search").unwrap_or_default().to_lowercase();
        let found: Vec<&ClientSpec> = self
            .world
            .clients
            .iter()
            .filter(|client| {
                (!client.inactive || query.flag("includeinactive"))
                    && client.name.to_lowercase().contains(&search)
            })
            .collect();
        let rows = found.iter().map(|client| self.client_row(client)).collect();
        self.wrapped("clients", found.len(), rows, query)
    }

    /// `GET /Client/{id}`.
    pub(super) fn one_client(&self, id: i64) -> SimResponse {
        match self.world.clients.iter().find(|client| client.id == id) {
            Some(client) => SimResponse::ok(&self.client_row(client)),
            None => refusal::not_found(404),
        }
    }

    /// `GET /Site`; the client's id comes as a floating number, as the vendor's schema has it.
    pub(super) fn list_sites(&self, query: &Query) -> SimResponse {
        let client_id = query.number("client_id");
        let found: Vec<&ClientSpec> = self
            .world
            .clients
            .iter()
            .filter(|client| client_id.is_none_or(|id| id <= 0 || client.id == id))
            .collect();
        let rows = found.iter().map(|client| self.site_row(client)).collect();
        self.wrapped("sites", found.len(), rows, query)
    }

    /// `GET /Site/{id}`.
    pub(super) fn one_site(&self, id: i64) -> SimResponse {
        match self
            .world
            .clients
            .iter()
            .find(|client| client.site_id == id)
        {
            Some(client) => SimResponse::ok(&self.site_row(client)),
            None => refusal::not_found(404),
        }
    }

    /// A client.
    fn client_row(&self, client: &ClientSpec) -> Value {
        let odd = &self.settings.misconfigurations;
        let main_site = match odd.clients_without_main_site.contains(&client.id) {
            true => 0,
            false => client.site_id,
        };
        json!({
            "id": client.id, "name": client.name, "toplevel_id": 1, "toplevel_name": "Customers",
            "inactive": client.inactive, "colour": "#2c6e49", "main_site_id": main_site,
            "customfields": [], "liongardid": client.liongard_id.unwrap_or(0),
        })
    }

    /// A client's site.
    fn site_row(&self, client: &ClientSpec) -> Value {
        let odd = &self.settings.misconfigurations;
        json!({
            "id": client.site_id, "name": "Main", "client_id": as_float(client.id),
            "client_name": client.name,
            "inactive": client.inactive || odd.inactive_sites.contains(&client.site_id),
        })
    }

    /// `GET /Category`: every level of every path.
    pub(super) fn list_categories(&self) -> SimResponse {
        let row = |(id, path): (i64, &String)| json!({ "id": id, "value": path, "type_id": 1 });
        SimResponse::ok(
            &(1..)
                .zip(&self.world.service_desk.categories)
                .map(row)
                .collect(),
        )
    }

    /// A list in its wrapper, a page of it where asked for.
    fn wrapped(&self, name: &str, total: usize, rows: Vec<Value>, query: &Query) -> SimResponse {
        if !query.flag("pageinate") {
            return SimResponse::ok(&json!({ "record_count": total, name: rows }));
        }
        let positive = |name: &str| {
            query
                .number(name)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|n| *n > 0)
        };
        let most = self.settings.page_size_max.unwrap_or(usize::MAX);
        let page_size = positive("page_size").unwrap_or(50).min(most);
        let page_no = positive("page_no").unwrap_or(1);
        let rows: Vec<Value> = rows
            .into_iter()
            .skip((page_no - 1).saturating_mul(page_size))
            .take(page_size)
            .collect();
        SimResponse::ok(
            &json!({ "page_no": page_no, "page_size": page_size, "record_count": total, name: rows }),
        )
    }

    /// `GET /Control`: the tenant's settings, as far as anyone asks.
    pub(super) fn control(&self) -> SimResponse {
        SimResponse::ok(&json!({
            "app_version": "2.228.1",
            "mustassigntoclose": self.settings.must_assign_to_close,
            "nextfaultidcalculationmethod": if self.settings.parallel_creates_fail { 0 } else { 1 },
            "halointegrator_liongard": self.settings.own_liongard_integration,
            "halointegrator_liongard_lastsync": crate::wire_time::HALO_NO_DATE,
            "halointegrator_liongard_lasterror": "",
        }))
    }

    /// `GET /Lookup?lookupid=`.
    pub(super) fn lookup(&self, query: &Query) -> SimResponse {
        let lookup_id = query.number("lookupid");
        let levels = [(1, "High"), (2, "Medium"), (3, "Low")];
        let entries: Vec<(i64, &str)> = match lookup_id {
            Some(64) => EVENTS.to_vec(),
            Some(12 | 27) => levels.to_vec(),
            Some(22) => vec![(0, "Manual"), (1, "Email"), (15, "API")],
            _ => vec![],
        };
        let row =
            |(id, name): &(i64, &str)| json!({ "id": id, "lookupid": lookup_id, "name": name });
        SimResponse::ok(&entries.iter().map(row).collect())
    }

    /// `GET /FieldInfo`.
    pub(super) fn list_fields(&self) -> SimResponse {
        let row = |field: &crate::world::CustomField| {
            let values: Vec<Value> = (1..)
                .zip(&field.options)
                .map(|(id, name): (i64, &String)| json!({ "id": id, "name": name }))
                .collect();
            json!({
                "id": field.id, "name": field.name, "label": field.label, "type": field.kind,
                "custom": 1, "inputtype": 0,
                "characterlimit": self.settings.misconfigurations.field_limits.get(&field.id).unwrap_or(&0), "regex": "", "values": values, "mandatory": false,
            })
        };
        SimResponse::ok(
            &self
                .world
                .service_desk
                .custom_fields
                .iter()
                .map(row)
                .collect(),
        )
    }

    /// `GET /SLA`.
    pub(super) fn list_slas(&self) -> SimResponse {
        SimResponse::ok(&json!([{ "id": 1, "name": "Standard" }, { "id": 2, "name": "Premium" }]))
    }

    /// `GET /Users`: one general user per client.
    pub(super) fn list_users(&self, query: &Query) -> SimResponse {
        let client_id = query.number("client_id");
        let rows: Vec<Value> = self
            .world
            .clients
            .iter()
            .filter(|client| client_id.is_none_or(|id| id <= 0 || client.id == id))
            .map(|client| {
                json!({
                    "id": client.id + 70, "name": "General User", "emailaddress": "",
                    "client_id": client.id, "client_name": client.name, "site_id": as_float(client.site_id), "inactive": false,
                })
            })
            .collect();
        self.wrapped("users", rows.len(), rows, query)
    }
}

/// An id written as `17.0`.
fn as_float(id: i64) -> Value {
    json!(id)
        .as_f64()
        .map_or(Value::Null, |number| json!(number))
}
