//! The keys of the config file.

use crate::settings;
use crate::spec::{FreeKeyKind, KeySpec, TableSpec, ValueKind};

/// After ten years a ticket has no context left; for a longer time there is `always = true`.
const REOPEN_DAYS_MAX: u64 = 3650;

/// A day. A ticket that is still open after that needs a person.
const GRACE_SECONDS_MAX: u64 = 86_400;

/// A week. What lasts longer is not a storm.
const STORM_MINUTES_MAX: u64 = 7 * 24 * 60;

/// More tickets of one rule at one customer than anyone reads.
const STORM_TICKETS_MAX: u64 = 1_000;

/// More notes than HaloPSA shows at once.
const STORM_NOTES_MAX: u64 = 1_000;

/// Ten years. What is to be kept for longer belongs into an archive.
const RETENTION_DAYS_MAX: u64 = 3650;

/// An alert without a link that is younger never had one: no ticket of it is searched for.
const LINKS_DAYS_MIN: u64 = 30;

/// What `tickets_for` says.
const TICKETS_FOR: &str = "which already-open alerts get tickets: \"all\", \"new alerts only\", or \
                           \"since 2026-11-01\" (a day in UTC); must be chosen when more than 25 are open";

/// The whole file.
pub(crate) fn file() -> TableSpec {
    TableSpec::of([
        KeySpec::required(
            "mode",
            ValueKind::OneOf(&["managed", "native", "observe"]),
            "who opens tickets: \"managed\" (Halogard), \"native\" (Liongard's own ticketing, and \
             Halogard links and repairs), or \"observe\" (Halogard reads and reports, and never writes)",
        ),
        KeySpec::optional(
            "key_prefix",
            ValueKind::Code { chars_max: 8 },
            "prefix of the key in each ticket's title, as in [LG-7586.k3f9xw]; \"LG\" if absent. Use a \
             different one for each installation with the same HaloPSA",
        ),
        KeySpec::optional(
            "machine_applications",
            ValueKind::list(ValueKind::Text),
            "names of integrations as HaloPSA shows them, for example \"Huntress\": what they write on a ticket does not \
             count as a person's work. \"Liongard\" is one already; every other name counts as a person's",
        ),
        KeySpec::optional(
            "former_prefixes",
            ValueKind::list(ValueKind::Code { chars_max: 8 }),
            "prefixes that `key_prefix` had before; tickets that were opened under one of them are \
             still found",
        ),
        KeySpec::optional(
            "former_installations",
            ValueKind::list(ValueKind::Text),
            "ids of installations that no longer run: their tickets do not keep this installation from \
             opening its own",
        ),
        KeySpec::optional(
            "native_grace_seconds",
            ValueKind::Number {
                least: 0,
                most: GRACE_SECONDS_MAX,
            },
            "in native mode, how long Liongard's own ticketing has to close a ticket before \
             Halogard does; 600 if absent",
        ),
        KeySpec::optional(
            "settings",
            ValueKind::Table(settings::spec()),
            "settings of the process; environment variables take precedence",
        ),
        KeySpec::required(
            "templates",
            ValueKind::Table(TableSpec::of([]).others(
                FreeKeyKind::Name,
                ValueKind::Table(template()),
                "how tickets are opened and updated, under a name of your choice",
            )),
            "how tickets are opened and updated, each under a name",
        ),
        KeySpec::optional(
            "rules",
            ValueKind::list(ValueKind::Table(rule())),
            "which alert gets which template; the first matching rule applies",
        ),
        KeySpec::optional(
            "storms",
            ValueKind::Table(storms()),
            "when many alerts of one rule at one customer share a ticket; each gets its own if absent",
        ),
        KeySpec::optional(
            "retention",
            ValueKind::Table(retention()),
            "how long records are kept; a year if absent",
        ),
        KeySpec::optional(
            "notify",
            ValueKind::Table(notify()),
            "where notices go of what needs a person; nowhere if absent",
        ),
        KeySpec::optional(
            "schedule",
            ValueKind::Table(schedule()),
            "what is done by itself from time to time",
        ),
        KeySpec::optional(
            "start",
            ValueKind::Table(start()),
            "which of the alerts that are open when a customer's alerts begin to get tickets get one",
        ),
        KeySpec::optional(
            "ignore",
            ValueKind::list(ValueKind::ID),
            "Liongard environments, by id, whose alerts get no tickets and do not wait for a mapping",
        ),
        KeySpec::optional(
            "environments",
            ValueKind::list(ValueKind::Table(environment())),
            "the customers, each mapped from Liongard to HaloPSA",
        ),
    ])
}

fn template() -> TableSpec {
    TableSpec::of([
        KeySpec::required("ticket_type", ValueKind::ID, "HaloPSA ticket type, by id"),
        KeySpec::optional("team", ValueKind::Text, "HaloPSA team, by name"),
        KeySpec::optional(
            "technician",
            ValueKind::ID,
            "HaloPSA agent that new tickets are assigned to, by id",
        ),
        KeySpec::optional(
            "category",
            ValueKind::Text,
            "HaloPSA category, levels separated by \">\"",
        ),
        KeySpec::optional(
            "summary",
            ValueKind::Text,
            "title of tickets, with the placeholders {name}, {environment}, {inspector}, {rule}, \
             {system}, {priority}, {number} and {alert}; \"{name}\" if absent",
        ),
        KeySpec::optional(
            "note_outcome",
            ValueKind::ID,
            "HaloPSA outcome of Halogard's notes, by id; 7 (Internal Note) if absent",
        ),
        KeySpec::required(
            "status",
            ValueKind::Table(status()),
            "HaloPSA statuses of these tickets, by id",
        ),
        KeySpec::optional(
            "priority",
            ValueKind::Table(priority()),
            "HaloPSA priorityid for each priority of Liongard; chosen by HaloPSA if absent",
        ),
        KeySpec::optional(
            "custom_fields",
            ValueKind::Table(TableSpec::of([]).others(
                FreeKeyKind::Id,
                ValueKind::Text,
                "value of the HaloPSA custom field with this id",
            )),
            "values for HaloPSA custom fields, by the field's id; mandatory fields need one here",
        ),
        KeySpec::optional(
            "key_field",
            ValueKind::ID,
            "HaloPSA custom field that also receives the key, by id",
        ),
        KeySpec::optional(
            "close",
            ValueKind::OneOf(&["untouched", "always", "never"]),
            "whether a ticket is closed when its alert is closed: \"untouched\" (only if no person \
             has worked on it; the default), \"always\" or \"never\"",
        ),
        KeySpec::optional(
            "closing_technician",
            ValueKind::ID,
            "HaloPSA agent that unassigned tickets are assigned to when Halogard closes them, by id",
        ),
        KeySpec::optional(
            "validate",
            ValueKind::Boolean,
            "whether HaloPSA checks mandatory fields of new tickets; true if absent",
        ),
        KeySpec::optional(
            "apply_type_template",
            ValueKind::Boolean,
            "whether HaloPSA applies the default template of the ticket type to new tickets, which may \
             replace their titles; false if absent",
        ),
        KeySpec::optional(
            "apply_ticket_rules",
            ValueKind::Boolean,
            "whether HaloPSA's ticket rules run for new tickets, which may replace their titles; false if \
             absent",
        ),
        KeySpec::optional(
            "reopen",
            ValueKind::list(ValueKind::Table(reopen())),
            "whether a closed ticket is reopened when its alert is open again; the first matching \
             row applies. If absent: always if Halogard closed it, otherwise within 7 days",
        ),
        KeySpec::optional(
            "reopen_fallback",
            ValueKind::OneOf(&["new_ticket", "leave"]),
            "what happens if a closed ticket is not reopened: \"new_ticket\" (the default) or \"leave\"",
        ),
    ])
}

fn status() -> TableSpec {
    TableSpec::of([
        KeySpec::required("open", ValueKind::ID, "of new and reopened tickets"),
        KeySpec::required("closed", ValueKind::ID, "of tickets that Halogard closes"),
        KeySpec::optional(
            "also_closed",
            ValueKind::list(ValueKind::ID),
            "other statuses in which a ticket counts as closed",
        ),
    ])
    .others(
        FreeKeyKind::Slug,
        ValueKind::ID,
        "of tickets whose alert has this status in Liongard",
    )
}

fn priority() -> TableSpec {
    TableSpec::of([KeySpec::optional(
        "default",
        ValueKind::ID,
        "for every other priority; chosen by HaloPSA if absent",
    )])
    .others(
        FreeKeyKind::Slug,
        ValueKind::ID,
        "for alerts with this priority in Liongard",
    )
}

fn reopen() -> TableSpec {
    TableSpec::of([
        KeySpec::optional(
            "closed_by",
            ValueKind::OneOf(&["halogard", "technician", "automation"]),
            "matches tickets closed by Halogard, by a person, or by a rule of HaloPSA or another integration; \
             all if absent",
        ),
        KeySpec::optional(
            "closing_status",
            ValueKind::ID,
            "matches tickets closed with this HaloPSA status; all if absent",
        ),
        KeySpec::optional(
            "within_days",
            ValueKind::Number {
                least: 1,
                most: REOPEN_DAYS_MAX,
            },
            "reopened if closed at most this many days ago",
        ),
        KeySpec::optional(
            "always",
            ValueKind::AlwaysTrue,
            "reopened, however long ago it was closed",
        ),
        KeySpec::optional("never", ValueKind::AlwaysTrue, "not reopened"),
    ])
}

fn rule() -> TableSpec {
    TableSpec::of([
        KeySpec::optional(
            "inspector",
            ValueKind::Text,
            "Liongard inspector, by name; * matches any text",
        ),
        KeySpec::optional(
            "rule",
            ValueKind::Text,
            "Liongard alert rule, by name; * matches any text",
        ),
        KeySpec::optional(
            "priority",
            ValueKind::one_or_more(ValueKind::Text),
            "priority of the alert in Liongard, or a list of them",
        ),
        KeySpec::optional("group", ValueKind::Text, "a group of [[environments]]"),
        KeySpec::optional(
            "environments",
            ValueKind::list(ValueKind::ID),
            "Liongard environments, by id",
        ),
        KeySpec::required(
            "template",
            ValueKind::Text,
            "name of the template to use; \"none\" gives no ticket: the alert is watched",
        ),
    ])
}

fn storms() -> TableSpec {
    let minutes = |name: &str, meaning: &str| {
        let kind = ValueKind::Number {
            least: 1,
            most: STORM_MINUTES_MAX,
        };
        KeySpec::optional(name, kind, meaning)
    };
    TableSpec::of([
        KeySpec::optional(
            "enabled",
            ValueKind::Boolean,
            "whether alerts share tickets; true if absent",
        ),
        KeySpec::optional(
            "tickets_max",
            ValueKind::Number {
                least: 1,
                most: STORM_TICKETS_MAX,
            },
            "alerts of one rule at one customer that get tickets of their own within \
             `window_minutes`; the ticket of the next alert represents all that follow; 10 if absent",
        ),
        minutes(
            "window_minutes",
            "the window in which they are counted; 15 if absent",
        ),
        minutes(
            "quiet_minutes",
            "a storm ends when no alert has joined it for this long; 60 if absent",
        ),
        minutes(
            "summary_minutes",
            "least time between two notes that count the alerts; 30 if absent",
        ),
        KeySpec::optional(
            "notes_max",
            ValueKind::Number {
                least: 1,
                most: STORM_NOTES_MAX,
            },
            "the most change notes on any one ticket; 50 if absent",
        ),
    ])
}

fn retention() -> TableSpec {
    let days = |name: &str, least: u64, meaning: &str| {
        let kind = ValueKind::Number {
            least,
            most: RETENTION_DAYS_MAX,
        };
        KeySpec::optional(name, kind, meaning)
    };
    TableSpec::of([
        days(
            "links_days",
            LINKS_DAYS_MIN,
            "days after which the link of an alert and a ticket that are both closed is deleted; the \
             key in the ticket's title finds the ticket again; 365 if absent",
        ),
        days(
            "journal_days",
            1,
            "days after which an entry of the journal is deleted, at most `links_days`; 365, or \
             `links_days` if that is less, if absent",
        ),
        days(
            "dead_letters_days",
            1,
            "days after which a dead letter is deleted, on one machine; 30 if absent. On AWS the queue \
             keeps them for 14 days",
        ),
    ])
}

fn notify() -> TableSpec {
    TableSpec::of([
        KeySpec::optional(
            "chat",
            ValueKind::OneOf(&["teams", "slack"]),
            "the chat that notices are posted to: \"teams\" (a Workflow's webhook) or \"slack\". Its address is the \
             secret HALOGARD_CHAT_URL",
        ),
        KeySpec::optional(
            "ticket",
            ValueKind::Table(notice_ticket()),
            "a ticket for each notice, in your own HaloPSA client",
        ),
        KeySpec::optional("mail", ValueKind::Table(mail()), "a mail for each notice"),
    ])
}

fn schedule() -> TableSpec {
    TableSpec::of([
        KeySpec::optional(
            "verify",
            ValueKind::OneOf(&["never", "daily", "weekly", "monthly"]),
            "how often both sides are compared, pair by pair; \"daily\" if absent. What differs is shown by `status`",
        ),
        KeySpec::optional(
            "health_report",
            ValueKind::OneOf(&["never", "daily", "weekly", "monthly"]),
            "how often `report health` is sent by the channels of [notify]; \"never\" if absent",
        ),
    ])
}

fn notice_ticket() -> TableSpec {
    TableSpec::of([
        KeySpec::required("client", ValueKind::ID, "your own HaloPSA client, by id"),
        KeySpec::optional(
            "site",
            ValueKind::ID,
            "its site, by id; its main site if absent",
        ),
        KeySpec::required("ticket_type", ValueKind::ID, "HaloPSA ticket type, by id"),
        KeySpec::optional(
            "status",
            ValueKind::ID,
            "HaloPSA status, by id; chosen by HaloPSA if absent",
        ),
        KeySpec::optional(
            "priority",
            ValueKind::ID,
            "HaloPSA priorityid; chosen by HaloPSA if absent",
        ),
        KeySpec::optional("team", ValueKind::Text, "HaloPSA team, by name"),
    ])
}

fn mail() -> TableSpec {
    TableSpec::of([
        KeySpec::required("server", ValueKind::Text, "the SMTP server, by name"),
        KeySpec::optional(
            "port",
            ValueKind::Number {
                least: 1,
                most: u16::MAX as u64,
            },
            "its port; 587 with \"starttls\", 465 with \"tls\" and 25 with \"none\" if absent",
        ),
        KeySpec::optional(
            "encryption",
            ValueKind::OneOf(&["starttls", "tls", "none"]),
            "\"starttls\" (the default), \"tls\" (from the first byte on), or \"none\" (only for a server on this \
             machine)",
        ),
        KeySpec::optional(
            "username",
            ValueKind::Text,
            "the account, if the server asks for one; its password is the secret HALOGARD_MAIL_PASSWORD",
        ),
        KeySpec::required("from", ValueKind::Text, "the sender's address"),
        KeySpec::required(
            "to",
            ValueKind::one_or_more(ValueKind::Text),
            "the recipient's address, or a list of them",
        ),
    ])
}

fn start() -> TableSpec {
    TableSpec::of([
        KeySpec::optional("tickets_for", ValueKind::Text, TICKETS_FOR),
        KeySpec::optional(
            "groups",
            ValueKind::Table(TableSpec::of([]).others(
                FreeKeyKind::Name,
                ValueKind::Text,
                "the same for the environments of this group",
            )),
            "the same for groups of [[environments]], by name",
        ),
    ])
}

fn environment() -> TableSpec {
    TableSpec::of([
        KeySpec::required("environment", ValueKind::ID, "Liongard environment, by id"),
        KeySpec::required("client", ValueKind::ID, "HaloPSA client, by id"),
        KeySpec::optional(
            "site",
            ValueKind::ID,
            "HaloPSA site of this client, by id; its main site if absent",
        ),
        KeySpec::optional(
            "template",
            ValueKind::Text,
            "name of the template if no rule matches",
        ),
        KeySpec::optional(
            "groups",
            ValueKind::list(ValueKind::Text),
            "names of your choice that rules may refer to",
        ),
        KeySpec::optional(
            "shared",
            ValueKind::AlwaysTrue,
            "other environments have the same client: each of them says so",
        ),
        KeySpec::optional("tickets_for", ValueKind::Text, TICKETS_FOR),
    ])
}
