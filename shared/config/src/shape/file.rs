//! The keys of the config file.

use crate::settings;
use crate::shape::{Key, KeyKind, Kind, Table};

/// Days after which nobody knows a ticket any more; a longer time is `always = true`.
const REOPEN_DAYS_MAX: u64 = 3650;

/// A day. Longer than that, a ticket nobody closed is for a person to look at.
const GRACE_SECONDS_MAX: u64 = 86_400;

/// A week. What goes on for longer is no storm.
const STORM_MINUTES_MAX: u64 = 7 * 24 * 60;

/// More tickets of one rule at one customer than anybody reads.
const STORM_TICKETS_MAX: u64 = 1_000;

/// More notes than HaloPSA shows at once.
const STORM_NOTES_MAX: u64 = 1_000;

/// The whole file.
pub(crate) fn file() -> Table {
    Table::of([
        Key::required(
            "mode",
            Kind::OneOf(&["managed", "native"]),
            "who creates tickets, \"managed\" (Halogard does) or \"native\" (Liongard's own \
             ticketing does, and Halogard links and repairs)",
        ),
        Key::optional(
            "key_prefix",
            Kind::Code { chars_max: 8 },
            "begins the mark in each ticket's title, as in [LG-7586]; \"LG\" when absent. Another \
             one for each installation that shares a HaloPSA",
        ),
        Key::optional(
            "native_grace_seconds",
            Kind::Number {
                least: 0,
                most: GRACE_SECONDS_MAX,
            },
            "in native mode, how long Liongard's own ticketing has to close a ticket before \
             Halogard does; 600 when absent",
        ),
        Key::optional(
            "settings",
            Kind::Table(settings::shape()),
            "settings of the process; environment variables win over them",
        ),
        Key::required(
            "templates",
            Kind::Table(Table::of([]).others(
                KeyKind::Name,
                Kind::Table(template()),
                "how tickets are made and kept, under a name of your choice",
            )),
            "how tickets are made and kept, each under a name",
        ),
        Key::optional(
            "rules",
            Kind::list(Kind::Table(rule())),
            "which alert gets which template; the first rule that fits decides",
        ),
        Key::optional(
            "storms",
            Kind::Table(storms()),
            "when many alerts of one rule at one customer share a ticket; each gets its own when absent",
        ),
        Key::optional(
            "environments",
            Kind::list(Kind::Table(environment())),
            "the customers on both sides, one to one",
        ),
    ])
}

fn template() -> Table {
    Table::of([
        Key::required("ticket_type", Kind::ID, "HaloPSA ticket type, by id"),
        Key::optional("team", Kind::Text, "HaloPSA team, by name"),
        Key::optional(
            "technician",
            Kind::ID,
            "HaloPSA agent new tickets are given to, by id",
        ),
        Key::optional(
            "category",
            Kind::Text,
            "HaloPSA category, levels joined by \">\"",
        ),
        Key::optional(
            "summary",
            Kind::Text,
            "title of tickets; {name}, {environment}, {inspector}, {rule}, {system}, {priority}, \
             {number} and {alert} are filled in; \"{name}\" when absent",
        ),
        Key::optional(
            "note_outcome",
            Kind::ID,
            "HaloPSA outcome of Halogard's notes, by id; 7 (Internal Note) when absent",
        ),
        Key::required(
            "status",
            Kind::Table(status()),
            "HaloPSA statuses of these tickets, by id",
        ),
        Key::optional(
            "priority",
            Kind::Table(priority()),
            "HaloPSA priorityid for each priority of Liongard; left to HaloPSA when absent",
        ),
        Key::optional(
            "custom_fields",
            Kind::Table(Table::of([]).others(
                KeyKind::Id,
                Kind::Text,
                "value of the HaloPSA custom field with this id",
            )),
            "values for HaloPSA custom fields, by the field's id; mandatory ones want one here",
        ),
        Key::optional(
            "key_field",
            Kind::ID,
            "HaloPSA custom field that also receives the mark, by id",
        ),
        Key::optional(
            "close",
            Kind::OneOf(&["untouched", "always", "never"]),
            "whether a ticket is closed when its alert is over: \"untouched\" (only while no \
             person has worked on it; when absent), \"always\" or \"never\"",
        ),
        Key::optional(
            "closing_technician",
            Kind::ID,
            "HaloPSA agent that unassigned tickets are given to when Halogard closes them, by id",
        ),
        Key::optional(
            "validate",
            Kind::Switch,
            "whether HaloPSA checks mandatory fields of new tickets; true when absent",
        ),
        Key::optional(
            "reopen",
            Kind::list(Kind::Table(reopen())),
            "whether a closed ticket is opened again when its alert is back; the first row that \
             fits decides. When absent: always if Halogard closed it, else within 7 days",
        ),
        Key::optional(
            "after_that",
            Kind::OneOf(&["new_ticket", "leave"]),
            "what happens when a closed ticket is not opened again: \"new_ticket\" (when absent) \
             or \"leave\"",
        ),
    ])
}

fn status() -> Table {
    Table::of([
        Key::required(
            "open",
            Kind::ID,
            "of new tickets, and of those opened again",
        ),
        Key::required("closed", Kind::ID, "of tickets Halogard closes"),
        Key::optional(
            "also_closed",
            Kind::list(Kind::ID),
            "others in which a ticket counts as closed",
        ),
    ])
    .others(
        KeyKind::Word,
        Kind::ID,
        "of tickets whose alert has this status in Liongard",
    )
}

fn priority() -> Table {
    Table::of([Key::optional(
        "default",
        Kind::ID,
        "for every other priority; left to HaloPSA when absent",
    )])
    .others(
        KeyKind::Word,
        Kind::ID,
        "for alerts with this priority in Liongard",
    )
}

fn reopen() -> Table {
    Table::of([
        Key::optional(
            "closed_by",
            Kind::OneOf(&["halogard", "technician"]),
            "fits tickets closed by Halogard, or by anybody else; any when absent",
        ),
        Key::optional(
            "closing_status",
            Kind::ID,
            "fits tickets closed with this HaloPSA status; any when absent",
        ),
        Key::optional(
            "within_days",
            Kind::Number {
                least: 1,
                most: REOPEN_DAYS_MAX,
            },
            "opened again if it was closed at most this many days ago",
        ),
        Key::optional(
            "always",
            Kind::Chosen,
            "opened again, however long ago it was closed",
        ),
        Key::optional("never", Kind::Chosen, "not opened again"),
    ])
}

fn rule() -> Table {
    Table::of([
        Key::optional(
            "inspector",
            Kind::Text,
            "Liongard inspector, by name; * stands for any text",
        ),
        Key::optional(
            "rule",
            Kind::Text,
            "Liongard alert rule, by name; * stands for any text",
        ),
        Key::optional(
            "priority",
            Kind::one_or_more(Kind::Text),
            "priority of the alert in Liongard, or a list of them",
        ),
        Key::optional("group", Kind::Text, "a group of [[environments]]"),
        Key::optional(
            "environments",
            Kind::list(Kind::ID),
            "Liongard environments, by id",
        ),
        Key::required("template", Kind::Text, "name of the template to use"),
    ])
}

fn storms() -> Table {
    let minutes = |name: &str, meaning: &str| {
        let kind = Kind::Number {
            least: 1,
            most: STORM_MINUTES_MAX,
        };
        Key::optional(name, kind, meaning)
    };
    Table::of([
        Key::optional(
            "enabled",
            Kind::Switch,
            "whether alerts share tickets; true when absent",
        ),
        Key::optional(
            "tickets_max",
            Kind::Number {
                least: 1,
                most: STORM_TICKETS_MAX,
            },
            "alerts of one rule at one customer that get tickets of their own window_minutes; the \
             next one's ticket stands for all that follow; 10 when absent",
        ),
        minutes(
            "window_minutes",
            "the time in which they are counted; 15 when absent",
        ),
        minutes(
            "quiet_minutes",
            "a storm is over when no alert joined it for so long; 60 when absent",
        ),
        minutes(
            "summary_minutes",
            "the least time between two notes that count the alerts; 30 when absent",
        ),
        Key::optional(
            "notes_max",
            Kind::Number {
                least: 1,
                most: STORM_NOTES_MAX,
            },
            "the most notes about changes on any one ticket; 50 when absent",
        ),
    ])
}

fn environment() -> Table {
    Table::of([
        Key::required("environment", Kind::ID, "Liongard environment, by id"),
        Key::required("client", Kind::ID, "HaloPSA client, by id"),
        Key::optional(
            "site",
            Kind::ID,
            "HaloPSA site of this client, by id; its main site when absent",
        ),
        Key::optional(
            "template",
            Kind::Text,
            "name of the template when no rule fits",
        ),
        Key::optional(
            "groups",
            Kind::list(Kind::Text),
            "names of your choice that rules may ask for",
        ),
    ])
}
