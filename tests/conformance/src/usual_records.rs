//! An alert and its ticket as they usually come: what benchmarks and tests of sizes store.

use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, PriorityId, StatusId, TicketId,
    TicketTypeId,
};
use halogard_domain::ticket::{Existence, Handling, HumanActivity, Ticket};
use halogard_domain::{Alert, Slug, Timestamp};

/// An open alert with a text of 900 characters.
#[must_use]
pub fn usual_alert(id: AlertId, now: Timestamp) -> Alert {
    Alert {
        id,
        number: Some("T20260105.00001".to_owned()),
        environment: EnvironmentId::new(8801),
        environment_name: "Example Manufacturing Ltd".to_owned(),
        name: "Active Directory | Privileged Users: New Admin Account Added".to_owned(),
        description: "A user was added to a privileged group. ".repeat(23),
        priority: Slug::new("high"),
        status: Slug::new("new"),
        inspector: Some("active-directory-inspector".to_owned()),
        inspector_alias: Some("Active Directory".to_owned()),
        rule: Some("Privileged Users: New Admin Account Added".to_owned()),
        launchpoint: Some(LaunchpointId::new(7701)),
        system: Some("dc01.example.local".to_owned()),
        native_ticket: None,
        visible: true,
        raised_at: now,
        changed_at: now,
        observed_at: now,
        page: Some("https://us1.app.liongard.com/#/alerts/7586".to_owned()),
    }
}

/// The open ticket of `alert`.
#[must_use]
pub fn usual_ticket(id: TicketId, alert: AlertId, now: Timestamp) -> Ticket {
    Ticket {
        id,
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(21),
        status: StatusId::new(1),
        priority: Some(PriorityId::new(2)),
        summary: format!(
            "Active Directory | Privileged Users: New Admin Account Added [LG-{alert}]"
        ),
        assigned: Some(true),
        changed_at: now,
        observed_at: now,
        is_dated: true,
        existence: Existence::Present,
        activity: HumanActivity::None { as_of: now },
        handling: Handling::default(),
    }
}
