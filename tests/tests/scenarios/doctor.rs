//! `doctor` against a tenant with one thing wrong: it names that thing, and nothing where nothing is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::Policy;
use halogard_domain::Slug;
use halogard_domain::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketTypeId,
};
use halogard_domain::notify::NoticeTicketPolicy;
use halogard_domain::policy::{Mode, Template};
use halogard_operations::doctor::{
    self, Credential, CredentialAge, DoctorReport, Extent, Finding, Level, OwnFacts, PublicAddress,
    Urgency,
};
use halogard_simulator::halopsa::{Misconfigurations, UntriagedWrites};
use halogard_tests::setup::planted;
use halogard_tests::{Scenario, Setup};

/// The provider's own environment, which has no client of its own here.
const OWN: u64 = 8800;

/// One thing wrong.
struct Wrong {
    /// What is wrong, in the words of the table.
    what: &'static str,
    /// The check that finds it.
    check: &'static str,
    /// A part of what it says.
    names: &'static str,
    /// Makes it wrong, at the vendors or in the config.
    tenant: fn(&mut Setup),
    config: fn(&mut Policy),
    /// Makes it wrong on this machine.
    own: fn(&mut OwnFacts),
}

fn tenant(
    what: &'static str,
    check: &'static str,
    names: &'static str,
    tenant: fn(&mut Setup),
) -> Wrong {
    Wrong {
        what,
        check,
        names,
        tenant,
        config: |_| {},
        own: |_| {},
    }
}

fn config(
    what: &'static str,
    check: &'static str,
    names: &'static str,
    config: fn(&mut Policy),
) -> Wrong {
    Wrong {
        what,
        check,
        names,
        tenant: |_| {},
        config,
        own: |_| {},
    }
}

fn own(
    what: &'static str,
    check: &'static str,
    names: &'static str,
    own: fn(&mut OwnFacts),
) -> Wrong {
    Wrong {
        what,
        check,
        names,
        tenant: |_| {},
        config: |_| {},
        own,
    }
}

impl Wrong {
    /// The same, with `tenant` wrong as well.
    fn in_tenant(self, tenant: fn(&mut Setup)) -> Self {
        Self { tenant, ..self }
    }
}

/// The only template.
fn template(policy: &mut Policy) -> &mut Template {
    policy.templates.get_mut("default").unwrap()
}

/// The tenant's misconfigurations.
fn odd(setup: &mut Setup) -> &mut Misconfigurations {
    &mut setup.halo.misconfigurations
}

/// The ticket of notices, which fits the tenant before a case changes it.
fn notice(policy: &mut Policy) -> &mut NoticeTicketPolicy {
    let ticket = NoticeTicketPolicy {
        client: HaloClientId::new(17),
        site: Some(SiteId::new(21)),
        ticket_type: TicketTypeId::new(5),
        status: Some(StatusId::new(1)),
        priority: Some(PriorityId::new(3)),
        team: Some("Service Desk".to_owned()),
    };
    let notify = policy.notify.get_or_insert_default();
    notify.ticket.get_or_insert(ticket)
}

fn healthy() -> (Setup, Policy) {
    let mut setup = Setup::managed().fixing(&["close-unassigned", "foreign-external-id"]);
    setup.halo.webhooks_need_admin = false;
    let mut policy = setup.policy();
    policy.ignored_environments.insert(EnvironmentId::new(OWN));
    (setup, policy)
}

/// What a healthy installation knows of itself.
fn healthy_facts() -> OwnFacts {
    let credentials = [
        Credential::HaloPsa,
        Credential::Liongard,
        Credential::Webhook,
    ];
    OwnFacts {
        webhook_token: Some(planted::WEBHOOK_TOKEN.to_owned()),
        credentials: credentials
            .map(|credential| CredentialAge {
                credential,
                age_days: Some(100),
                days_left: Some(60),
            })
            .to_vec(),
        public_address: Some(PublicAddress {
            host: "halogard.example.com".to_owned(),
            certificate_days: Ok(Some(60)),
        }),
        scopes: doctor::scopes_needed(Mode::Managed),
    }
}

async fn examined(setup: Setup, policy: &Policy, facts: &OwnFacts) -> DoctorReport {
    let bundle = Scenario::start(setup).await;
    bundle.raise(0, "Stale Privileged Accounts");
    let process = bundle.process();
    let (desk, liongard) = (&process.use_cases.desk, &process.use_cases.liongard);
    doctor::check(desk, liongard, policy, facts, Extent::Everything).await
}

fn wrong(report: &DoctorReport) -> Vec<&Finding> {
    let found = report.findings.iter();
    found
        .filter(|finding| finding.level >= Level::Warning)
        .collect()
}

/// Everything an operator may get wrong.
fn everything_wrong() -> Vec<Wrong> {
    vec![
        tenant(
            "the client secret is another",
            "halopsa.credential",
            "",
            |s| {
                "other".clone_into(&mut s.halo.applications[0].client_secret);
            },
        ),
        tenant("the client id is another", "halopsa.credential", "", |s| {
            "other".clone_into(&mut s.halo.applications[0].client_id);
        }),
        tenant(
            "the application lacks read:tickets",
            "halopsa.credential",
            "scope",
            |s| {
                s.halo.applications[0]
                    .scopes
                    .retain(|scope| scope != "read:tickets");
            },
        ),
        tenant(
            "the application lacks edit:tickets",
            "halopsa.credential",
            "scope",
            |s| {
                s.halo.applications[0]
                    .scopes
                    .retain(|scope| scope != "edit:tickets");
            },
        ),
        tenant(
            "the application lacks read:customers",
            "halopsa.credential",
            "scope",
            |s| {
                s.halo.applications[0]
                    .scopes
                    .retain(|scope| scope != "read:customers");
            },
        ),
        tenant(
            "the API agent is disabled",
            "halopsa.agent.enabled",
            "Halogard API",
            |s| {
                agent(s, 3).disabled = true;
            },
        ),
        tenant(
            "the application acts as a person",
            "halopsa.agent.api_only",
            "a person's agent",
            |s| {
                agent(s, 3).api_only = false;
            },
        ),
        tenant(
            "the API agent is an administrator",
            "halopsa.agent.least_rights",
            "administrator",
            |s| {
                odd(s).agent_is_administrator = true;
            },
        ),
        tenant(
            "the application may ask for everything",
            "halopsa.application.scopes",
            "may ask for `all`",
            |s| {
                s.halo.applications[0].scopes.push("all".to_owned());
            },
        ),
        own(
            "the token asks for everything",
            "halopsa.application.scopes",
            "HALOPSA_SCOPES",
            |own| {
                "all:standard".clone_into(&mut own.scopes);
            },
        ),
        tenant(
            "another application acts as the API agent",
            "halopsa.application.single",
            "\"Backup Reports\"",
            |s| {
                let mut other = s.halo.applications[0].clone();
                "another".clone_into(&mut other.client_id);
                "Backup Reports".clone_into(&mut other.display_name);
                s.halo.applications.push(other);
            },
        ),
        tenant(
            "an application of an earlier set-up is left",
            "halopsa.application.single",
            "\"Halogard test\"",
            |s| {
                let mut other = s.halo.applications[0].clone();
                "another".clone_into(&mut other.client_id);
                "Halogard test".clone_into(&mut other.display_name);
                other.agent_id = 4;
                s.halo.applications.push(other);
            },
        ),
        tenant(
            "the API agent is not in the department of the team",
            "halopsa.agent.departments",
            "department (number 1)",
            |s| {
                odd(s).only_department = Some(2);
            },
        ),
        tenant(
            "the API agent may not open the type",
            "halopsa.agent.ticket_types",
            "open tickets of type 5",
            |s| {
                odd(s).types_not_opened.insert(5);
            },
        ),
        tenant(
            "the API agent may not edit the type",
            "halopsa.agent.ticket_types",
            "edit tickets of type 5",
            |s| {
                odd(s).types_not_edited.insert(5);
            },
        ),
        tenant(
            "the API agent is not in the team",
            "halopsa.agent.teams",
            "\"Service Desk\"",
            |s| {
                odd(s).teams_without_agent.insert("Service Desk".to_owned());
            },
        ),
        tenant(
            "the API agent does not see unassigned tickets",
            "halopsa.agent.unassigned",
            "unassigned",
            |s| {
                odd(s).hides_unassigned = true;
            },
        ),
        tenant(
            "the API agent does not see other agents' tickets",
            "halopsa.agent.others",
            "other agents",
            |s| {
                odd(s).hides_others = true;
            },
        ),
        config(
            "the ticket type does not exist",
            "halopsa.ticket_type.usable",
            "ticket type 99",
            |p| {
                template(p).ticket_type = TicketTypeId::new(99);
            },
        ),
        config(
            "`open` does not exist",
            "halopsa.status.exists",
            "status 77 as `open`",
            |p| {
                template(p).statuses.open = StatusId::new(77);
            },
        ),
        config(
            "`closed` does not exist",
            "halopsa.status.exists",
            "status 77 as `closed`",
            |p| {
                template(p).statuses.closed = StatusId::new(77);
            },
        ),
        config(
            "a status of `also_closed` does not exist",
            "halopsa.status.exists",
            "status 77 as `also_closed`",
            |p| {
                template(p).statuses.also_closed.insert(StatusId::new(77));
            },
        ),
        config(
            "the status of a word does not exist",
            "halopsa.status.exists",
            "status 77 as `in_progress`",
            |p| {
                let map = &mut template(p).statuses.by_slug;
                map.insert(Slug::new("in_progress"), StatusId::new(77));
            },
        ),
        config(
            "`open` and `closed` are swapped",
            "halopsa.status.meaning",
            "as `open`",
            |p| {
                let map = &mut template(p).statuses;
                std::mem::swap(&mut map.open, &mut map.closed);
            },
        ),
        config(
            "`closed` is not a closed status",
            "halopsa.status.meaning",
            "as `closed`",
            |p| {
                template(p).statuses.closed = StatusId::new(3);
            },
        ),
        config(
            "`open` is a closed status",
            "halopsa.status.meaning",
            "as `open`",
            |p| {
                template(p).statuses.open = StatusId::new(8);
            },
        ),
        config(
            "`also_closed` holds an open status",
            "halopsa.status.meaning",
            "as `also_closed`",
            |p| {
                template(p).statuses.also_closed.insert(StatusId::new(2));
            },
        ),
        config(
            "the status of an open word is a closed one",
            "halopsa.status.meaning",
            "as `in_progress`",
            |p| {
                let map = &mut template(p).statuses.by_slug;
                map.insert(Slug::new("in_progress"), StatusId::new(9));
            },
        ),
        tenant(
            "the type does not allow the closed status",
            "halopsa.status.allowed",
            "\"Closed\"",
            |s| {
                odd(s).statuses_not_allowed.insert(9);
            },
        ),
        tenant(
            "the type does not allow the open status",
            "halopsa.status.allowed",
            "\"New\"",
            |s| {
                odd(s).statuses_not_allowed.insert(1);
            },
        ),
        tenant(
            "a status was deleted in HaloPSA",
            "halopsa.status.exists",
            "status 2 as `in_progress`",
            |s| {
                s.halo.world.service_desk.statuses.retain(|it| it.id != 2);
            },
        ),
        config(
            "a priority does not exist",
            "halopsa.priority.exists",
            "priority 42",
            |p| {
                let map = &mut template(p).priorities.by_slug;
                map.insert(Slug::new("critical"), PriorityId::new(42));
            },
        ),
        config(
            "the default priority does not exist",
            "halopsa.priority.exists",
            "priority 42",
            |p| {
                template(p).priorities.default = Some(PriorityId::new(42));
            },
        ),
        config(
            "a priority is hidden",
            "halopsa.priority.shown",
            "\"Planned\"",
            |p| {
                template(p).priorities.default = Some(PriorityId::new(5));
            },
        ),
        tenant(
            "a priority is not of the type's SLA",
            "halopsa.priority.sla",
            "priority 1",
            |s| {
                let of_first = |it: &halogard_simulator::world::Priority| {
                    it.sla_id == 1 && it.priority_id == 1
                };
                s.halo
                    .world
                    .service_desk
                    .priorities
                    .retain(|it| !of_first(it));
            },
        ),
        config(
            "`critcal` instead of `critical`",
            "halogard.priority.words",
            "did you mean `critical`",
            |p| {
                let map = &mut template(p).priorities.by_slug;
                let critical = map.remove(&Slug::new("critical")).unwrap();
                map.insert(Slug::new("critcal"), critical);
            },
        ),
        config(
            "a priority without an entry and without a default",
            "halogard.priority.words",
            "low",
            |p| {
                let map = &mut template(p).priorities;
                map.by_slug.remove(&Slug::new("low"));
                map.default = None;
            },
        ),
        config(
            "the outcome of notes does not exist",
            "halopsa.outcome.usable",
            "note outcome 99",
            |p| {
                template(p).outcome = OutcomeId::new(99);
            },
        ),
        tenant(
            "the outcome of notes is hidden",
            "halopsa.outcome.usable",
            "\"Internal Note\"",
            |s| {
                odd(s).hidden_outcomes.insert(7);
            },
        ),
        tenant(
            "the type does not offer the outcome of notes",
            "halopsa.outcome.allowed",
            "\"Internal Note\"",
            |s| {
                odd(s).outcomes_not_allowed.insert(7);
            },
        ),
        config(
            "the team does not exist",
            "halopsa.team.usable",
            "\"Servce Desk\"",
            |p| {
                template(p).team = Some("Servce Desk".to_owned());
            },
        ),
        tenant(
            "the team was renamed",
            "halopsa.team.usable",
            "\"Service Desk\"",
            |s| {
                "Help Desk".clone_into(&mut s.halo.world.service_desk.teams[0].name);
            },
        ),
        tenant(
            "the team is inactive",
            "halopsa.team.usable",
            "\"Service Desk\"",
            |s| {
                odd(s).inactive_teams.insert("Service Desk".to_owned());
            },
        ),
        tenant(
            "the team takes no tickets",
            "halopsa.team.usable",
            "takes no tickets",
            |s| {
                odd(s)
                    .teams_without_tickets
                    .insert("Service Desk".to_owned());
            },
        ),
        tenant(
            "the team has no members",
            "halopsa.team.members",
            "not the first team of any agent",
            |s| {
                for id in [12, 13] {
                    "Projects".clone_into(&mut agent(s, id).team);
                }
            },
        ),
        config(
            "the agent for new tickets does not exist",
            "halopsa.technician.usable",
            "agent 99",
            |p| {
                template(p).technician = Some(TechnicianId::new(99));
            },
        ),
        config(
            "the agent for new tickets has left",
            "halopsa.technician.usable",
            "who is disabled",
            |p| {
                template(p).technician = Some(TechnicianId::new(15));
            },
        ),
        config(
            "the agent for new tickets is an API agent",
            "halopsa.technician.person",
            "API-only",
            |p| {
                template(p).technician = Some(TechnicianId::new(4));
            },
        ),
        config(
            "the closing technician does not exist",
            "halopsa.technician.usable",
            "agent 99",
            |p| {
                template(p).closing_technician = Some(TechnicianId::new(99));
            },
        ),
        config(
            "the closing technician has left",
            "halopsa.technician.usable",
            "\"Left Lastyear\"",
            |p| {
                template(p).closing_technician = Some(TechnicianId::new(15));
            },
        ),
        config(
            "no closing technician is named",
            "halogard.closing_technician",
            "closes assigned tickets only",
            |p| {
                template(p).closing_technician = None;
            },
        ),
        config(
            "the category does not exist",
            "halopsa.category.exists",
            "\"Infrastrcture\"",
            |p| {
                template(p).category = Some("Infrastrcture".to_owned());
            },
        ),
        config(
            "a custom field does not exist",
            "halopsa.field.exists",
            "custom field 999",
            |p| {
                let fields = &mut template(p).custom_fields;
                fields.insert(CustomFieldId::new(999), "x".to_owned());
            },
        ),
        config(
            "the value of a select is not one of its options",
            "halopsa.field.value",
            "not one of its options",
            |p| {
                let fields = &mut template(p).custom_fields;
                fields.insert(CustomFieldId::new(165), "Netwrk".to_owned());
            },
        ),
        Wrong {
            what: "the value of a field is too long",
            check: "halopsa.field.value",
            names: "longer than 5 characters",
            tenant: |s| odd(s).field_limits = BTreeMap::from([(166, 5)]),
            config: |p| {
                let fields = &mut template(p).custom_fields;
                fields.insert(CustomFieldId::new(166), "PO-2026-11".to_owned());
            },
            own: |_| {},
        },
        config(
            "`key_field` does not exist",
            "halopsa.field.exists",
            "key_field 999",
            |p| {
                template(p).key_field = Some(CustomFieldId::new(999));
            },
        ),
        config(
            "`key_field` is a select",
            "halopsa.field.key",
            "\"Impact area\"",
            |p| {
                template(p).key_field = Some(CustomFieldId::new(165));
            },
        ),
        tenant(
            "a mandatory field has no value",
            "halopsa.field.mandatory",
            "\"Purchase order\"",
            |s| {
                let types = &mut s.halo.world.service_desk.ticket_types;
                let alert = types.iter_mut().find(|it| it.id == 5).unwrap();
                alert.mandatory_fields.push("CFPurchaseOrder".to_owned());
            },
        ),
        tenant(
            "HaloPSA's own Liongard integration is on",
            "halopsa.integration.own",
            "own Liongard",
            |s| {
                s.halo.own_liongard_integration = true;
            },
        ),
        config(
            "a mapped client does not exist",
            "halopsa.client.exists",
            "client 917",
            |p| {
                mapping(p, 8801).client = HaloClientId::new(917);
                mapping(p, 8801).site = None;
            },
        ),
        tenant(
            "a mapped client is inactive",
            "halopsa.client.active",
            "inactive client",
            |s| {
                client(s, 17).inactive = true;
            },
        ),
        config(
            "an environment is mapped to another customer's client",
            "halogard.mapping.names",
            "is \"Alder Creek",
            |p| {
                p.environments.remove(&EnvironmentId::new(8802));
                p.ignored_environments.insert(EnvironmentId::new(8802));
                mapping(p, 8801).client = HaloClientId::new(18);
                mapping(p, 8801).site = None;
            },
        ),
        tenant(
            "a client carries another environment's id",
            "halopsa.client.stored_id",
            "environment 8803",
            |s| {
                client(s, 17).liongard_id = Some(8803);
            },
        ),
        config(
            "a site is not the client's",
            "halopsa.site.usable",
            "names site 999",
            |p| {
                mapping(p, 8801).site = Some(SiteId::new(999));
            },
        ),
        config(
            "a mapped client has no main site and its mapping names none",
            "halopsa.client.main_site",
            "no main site",
            |p| {
                mapping(p, 8801).site = None;
            },
        )
        .in_tenant(|s| {
            odd(s).clients_without_main_site.insert(17);
        }),
        config(
            "the main site of a mapped client is inactive and its mapping names none",
            "halopsa.client.main_site_active",
            "main site 21",
            |p| {
                mapping(p, 8801).site = None;
            },
        )
        .in_tenant(|s| {
            odd(s).inactive_sites.insert(21);
        }),
        tenant(
            "the webhook is not bound to the closing of tickets",
            "halopsa.webhook.events",
            "Ticket closed (39)",
            |s| {
                odd(s).events_not_bound.insert(39);
            },
        ),
        own(
            "the access key of Liongard ends soon",
            "halogard.credentials.age",
            "access key ends in 9 days",
            |own| {
                own.credentials[1].days_left = Some(9);
            },
        ),
        own(
            "the client secret of HaloPSA was not replaced for more than a year",
            "halogard.credentials.age",
            "client secret has been the same for 400 days",
            |own| {
                own.credentials[0].age_days = Some(400);
            },
        ),
        own(
            "the public address cannot be reached",
            "halogard.public_url.reachable",
            "halogard.example.com",
            |own| {
                let refused = Err("connection refused".to_owned());
                own.public_address.as_mut().unwrap().certificate_days = refused;
            },
        ),
        own(
            "the certificate of the public address ends soon",
            "halogard.public_url.certificate",
            "3 more days",
            |own| {
                own.public_address.as_mut().unwrap().certificate_days = Ok(Some(3));
            },
        ),
        tenant(
            "a site is inactive",
            "halopsa.site.usable",
            "which is inactive",
            |s| {
                odd(s).inactive_sites.insert(21);
            },
        ),
        config(
            "a mapped environment does not exist",
            "liongard.environment.exists",
            "environment 9999",
            |p| {
                let mut other = p.environments[&EnvironmentId::new(8801)].clone();
                p.environments.remove(&other.environment);
                p.ignored_environments.insert(other.environment);
                other.environment = EnvironmentId::new(9999);
                p.environments.insert(other.environment, other);
            },
        ),
        tenant(
            "a mapped environment is not in use",
            "liongard.environment.active",
            "environment 8801",
            |s| {
                let all = &mut s.liongard.world.environments;
                all.iter_mut().find(|it| it.id == 8801).unwrap().visible = false;
            },
        ),
        config(
            "an environment in use is not mapped",
            "halogard.mapping.complete",
            "1 active environment is",
            |p| {
                p.environments.remove(&EnvironmentId::new(8806));
            },
        ),
        config(
            "an environment can get no template",
            "halogard.mapping.template",
            "environment 8801",
            |p| {
                mapping(p, 8801).template = None;
            },
        ),
        tenant(
            "the access key's secret is another",
            "liongard.credential",
            "",
            |s| {
                "other".clone_into(&mut s.liongard.access_keys[0].secret);
            },
        ),
        tenant(
            "there is no HaloPSA inspector",
            "liongard.inspector.single",
            "0 enabled",
            |s| {
                s.liongard.world.launchpoints.retain(|it| it.id != 500);
            },
        ),
        tenant(
            "the HaloPSA inspector is switched off",
            "liongard.inspector.single",
            "0 enabled",
            |s| {
                inspector(s).enabled = false;
            },
        ),
        tenant(
            "there are two HaloPSA inspectors",
            "liongard.inspector.single",
            "2 enabled",
            |s| {
                let mut second = inspector(s).clone();
                second.id = 9500;
                s.liongard.world.launchpoints.push(second);
            },
        ),
        config(
            "the client of notices does not exist",
            "halopsa.notice.client",
            "client 999",
            |p| {
                notice(p).client = HaloClientId::new(999);
            },
        ),
        config(
            "the client of notices is inactive",
            "halopsa.notice.client",
            "which is inactive",
            |p| {
                let ticket = notice(p);
                ticket.client = HaloClientId::new(30);
                ticket.site = None;
            },
        )
        .in_tenant(|s| {
            let mut other = client(s, 17).clone();
            other.id = 30;
            other.name = "Provider".to_owned();
            other.inactive = true;
            s.halo.world.clients.push(other);
        }),
        config(
            "the site of notices is another client's",
            "halopsa.notice.client",
            "site 22",
            |p| {
                notice(p).site = Some(SiteId::new(22));
            },
        ),
        config(
            "the ticket type of notices does not exist",
            "halopsa.notice.ticket",
            "ticket type 99",
            |p| {
                notice(p).ticket_type = TicketTypeId::new(99);
            },
        ),
        config(
            "the status of notices is a closed one",
            "halopsa.notice.ticket",
            "status 9",
            |p| {
                notice(p).status = Some(StatusId::new(9));
            },
        ),
        config(
            "the priority of notices does not exist",
            "halopsa.notice.ticket",
            "priority 99",
            |p| {
                notice(p).priority = Some(PriorityId::new(99));
            },
        ),
        config(
            "the team of notices does not exist",
            "halopsa.notice.ticket",
            "\"Operations\"",
            |p| {
                notice(p).team = Some("Operations".to_owned());
            },
        ),
        config(
            "native mode without native ticketing",
            "liongard.alerts.native",
            "names a ticket",
            |p| {
                p.mode = Mode::Native;
            },
        ),
    ]
}

fn agent(setup: &mut Setup, id: i64) -> &mut halogard_simulator::world::Agent {
    let agents = &mut setup.halo.world.service_desk.agents;
    agents.iter_mut().find(|it| it.id == id).unwrap()
}

fn client(setup: &mut Setup, id: i64) -> &mut halogard_simulator::world::ClientSpec {
    let clients = &mut setup.halo.world.clients;
    clients.iter_mut().find(|it| it.id == id).unwrap()
}

fn mapping(policy: &mut Policy, id: u64) -> &mut halogard_domain::policy::Mapping {
    policy
        .environments
        .get_mut(&EnvironmentId::new(id))
        .unwrap()
}

fn inspector(setup: &mut Setup) -> &mut halogard_simulator::world::Launchpoint {
    let all = &mut setup.liongard.world.launchpoints;
    all.iter_mut().find(|it| it.id == 500).unwrap()
}

#[tokio::test]
async fn doctor_names_nothing_where_nothing_is_wrong() {
    let (setup, mut policy) = healthy();
    for has_notices in [false, true] {
        if has_notices {
            notice(&mut policy);
        }
        let mut report = examined(setup.clone(), &policy, &healthy_facts()).await;
        assert_eq!(wrong(&report), Vec::<&Finding>::new());
        report.complete();
        let checked = report.findings.iter();
        let of_notices = checked.filter(|it| it.id.as_str().starts_with("halopsa.notice."));
        let made = of_notices.filter(|it| it.level == Level::Ok).count();
        assert_eq!(made, 2 * usize::from(has_notices), "{report:#?}");
    }
}

#[tokio::test]
async fn doctor_names_each_of_more_than_sixty_misconfigurations_and_its_remedy() {
    let all = everything_wrong();
    assert!(all.len() >= 60, "{}", all.len());
    let mut failures = Vec::new();
    let mut found_by_check: BTreeMap<&str, usize> = BTreeMap::new();
    let mut table = String::from(
        "# What doctor finds\n\nEach row was switched on alone at a simulated tenant; `halogard doctor` named it, this \
         remedy, and nothing else.\nMade by the test \
         `doctor_names_each_of_more_than_sixty_misconfigurations_and_its_remedy`.\n\n\
         | Wrong | Check | Level | Doctor says | Fix | Whose | Urgency |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in &all {
        let (mut setup, mut policy) = healthy();
        (row.tenant)(&mut setup);
        (row.config)(&mut policy);
        let mut facts = healthy_facts();
        (row.own)(&mut facts);
        let report = examined(setup, &policy, &facts).await;
        let found = wrong(&report);
        let all_of_it = found.iter().all(|it| it.id.as_str() == row.check);
        let named = found.iter().find(|it| {
            let said = format!("{} {}", it.thing, it.remedy);
            said.contains(row.names) && !it.remedy.is_empty()
        });
        let (Some(named), true) = (named, all_of_it) else {
            failures.push(format!("{}: {found:#?}", row.what));
            continue;
        };
        *found_by_check.entry(row.check).or_default() += 1;
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(
            table,
            "| {} | `{}` | {} | {} | {} | {} | {} |",
            row.what,
            row.check,
            named.level.as_str(),
            cell(&named.thing),
            cell(&named.remedy),
            named.owner.as_str(),
            named.urgency.map_or("", Urgency::as_str)
        )
        .unwrap();
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        all.len(),
        failures.join("\n")
    );
    println!(
        "{} misconfigurations, found by {} checks",
        all.len(),
        found_by_check.len()
    );
    as_in_docs("doctor.md", &table);
}

#[tokio::test]
async fn the_write_probe_names_what_the_agent_may_not_do_and_closes_its_ticket() {
    type Change = fn(&mut Setup);
    // What is wrong, the problem it is, and how many checks cannot tell.
    let cases: [(&str, Option<&str>, usize, Change); 8] = [
        ("nothing is wrong", None, 0, |_| {}),
        (
            "unassigned tickets are hidden",
            Some("halopsa.probe.unassigned"),
            0,
            |s| odd(s).hides_unassigned = true,
        ),
        (
            "tickets of others are hidden",
            Some("halopsa.probe.others"),
            0,
            |s| odd(s).hides_others = true,
        ),
        ("both are hidden", None, 2, |s| {
            odd(s).hides_unassigned = true;
            odd(s).hides_others = true;
        }),
        ("lists show new tickets late", None, 2, |s| {
            s.halo.list_lag = Duration::from_secs(120);
        }),
        ("lists show changes late", None, 1, |s| {
            s.halo.read_lag = Duration::from_secs(45);
        }),
        ("an assignment takes effect late", None, 1, |s| {
            s.halo.untriaged_writes = UntriagedWrites::Late {
                for_the_first: Duration::from_secs(600),
                by: Duration::from_secs(180),
            };
        }),
        (
            "the type may not be opened",
            Some("halopsa.probe.open"),
            0,
            |s| {
                s.halo.applications[0]
                    .scopes
                    .retain(|scope| scope != "edit:tickets");
            },
        ),
    ];
    for (what, check, unknown, change) in &cases {
        let (mut setup, policy) = healthy();
        // A case says itself when something is late.
        setup.halo.list_lag = Duration::ZERO;
        setup.halo.read_lag = Duration::ZERO;
        setup.halo.untriaged_writes = UntriagedWrites::Land;
        change(&mut setup);
        let bundle = Scenario::start(setup).await;
        let desk = &bundle.process().use_cases.desk;
        let mut report = DoctorReport::default();
        let client = HaloClientId::new(17);
        let now = bundle.process().use_cases.clock.now();
        let template = &policy.templates["default"];
        doctor::probe_writes(desk, template, client, now, &mut report).await;
        let problems: Vec<&str> = report.problems().map(|it| it.id.as_str()).collect();
        assert_eq!(problems, Vec::from_iter(*check), "{what}: {report:#?}");
        let findings = report.findings.iter();
        let cannot_tell = findings.filter(|it| it.level == Level::CannotTell);
        assert_eq!(cannot_tell.count(), *unknown, "{what}: {report:#?}");
        let tickets = bundle.halo.tickets();
        let open = tickets.iter().filter(|it| it.status_id != 9).count();
        assert_eq!(open, 0, "{what}: {tickets:#?}");
        let opened = usize::from(*check != Some("halopsa.probe.open"));
        assert_eq!(tickets.len(), opened, "{what}");
        report.complete();
        let made = report
            .findings
            .iter()
            .filter(|it| it.id.as_str().starts_with("halopsa.probe.") && it.level == Level::Ok);
        let expected = match check {
            None => 6 - unknown,
            Some("halopsa.probe.open") => 0,
            Some(_) => 5,
        };
        assert_eq!(made.count(), expected, "{what}: {report:#?}");
    }
    println!("{} write probes", cases.len());
}

#[test]
fn the_document_of_permissions_is_that_of_the_checks() {
    as_in_docs("permissions.md", &doctor::permissions_document());
}

/// Compares with a file in `docs/`; writes it with `UPDATE_DOCS=1`.
fn as_in_docs(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        kept, text,
        "docs/{name} is made by this test: run it with UPDATE_DOCS=1"
    );
}

#[test]
fn every_check_that_the_requirements_name_exists() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/requirements.md");
    let text = std::fs::read_to_string(file).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let is_check = |name: &&str| {
        let group = name.split('.').next().unwrap_or_default();
        ["halogard", "halopsa", "liongard"].contains(&group) && name.contains('.')
    };
    let named: Vec<&str> = quoted.filter(is_check).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in &named {
        let group = name.trim_end_matches(".*");
        assert_eq!(DoctorReport::near_groups(group), None, "{name}");
    }
    println!("{} references to checks", named.len());
}
