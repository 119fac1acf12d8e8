//! Every fact that HaloPSA's documents leave open, and which function says what a probe shows of it.

use halogard_domain::dialect::{NamedReading, UncertainFact};

use super::answers::DeskAnswers;
use super::readings;

/// One fact.
type Fact = UncertainFact<DeskAnswers>;

/// Only what is written shows it.
const A_WRITE: &str = "only a write shows it";

/// Only what is delivered shows it.
const A_DELIVERY: &str = "only a delivery shows it";

/// A fact that reads show.
const fn read(
    fact: &'static str,
    source: &'static str,
    judge: fn(&DeskAnswers) -> Option<NamedReading>,
    otherwise: &'static str,
) -> Fact {
    Fact {
        fact,
        source,
        judge: Some(judge),
        otherwise,
    }
}

/// A fact that reads do not show.
const fn not_read(fact: &'static str, source: &'static str, otherwise: &'static str) -> Fact {
    Fact {
        fact,
        source,
        judge: None,
        otherwise,
    }
}

/// The facts, in the order of `docs/dialects.md`.
pub(super) const FACTS: &[Fact] = &[
    read(
        "whether `/InstanceInfo` shows the build",
        "probe output of a live tenant",
        readings::build,
        "no answer came",
    ),
    read(
        "what `actionby_application_id` holds",
        "two live sources against some clients",
        readings::application_names,
        "an entry that an application wrote shows it",
    ),
    read(
        "how `includeclosed` is read",
        "the vendor's OpenAPI file against the name",
        readings::include_closed,
        "no answer came",
    ),
    read(
        "whether a plain list holds closed tickets",
        "one live tenant",
        readings::plain_list,
        "a closed ticket among the newest shows it",
    ),
    read(
        "how `datesearch` is spelt",
        "six public clients against the OpenAPI file",
        readings::date_search,
        "there must be a ticket",
    ),
    read(
        "whether `lastupdatetodate` filters",
        "the OpenAPI file only",
        readings::update_until,
        "there must be a ticket",
    ),
    read(
        "how `search_summary` compares",
        "not documented",
        readings::search,
        "an open ticket with five letters or digits in a row in its title shows it",
    ),
    read(
        "whether `search_summary` finds closed tickets",
        "not documented",
        readings::search_closed,
        "a closed ticket with five letters or digits in a row in its title shows it",
    ),
    read(
        "whether `search_details` searches descriptions",
        "the OpenAPI file only",
        readings::search_details,
        "there must be a ticket",
    ),
    not_read(
        "whether writes to a ticket that has not been triaged take effect",
        "a help-desk automation on one live tenant",
        A_WRITE,
    ),
    read(
        "how many actions a list holds without `count`",
        "not documented; clients send a count",
        readings::actions,
        "a ticket with ten entries shows it",
    ),
    read(
        "what `record_count` counts",
        "one public client says that counts are wrong",
        readings::record_count,
        "there must be a ticket",
    ),
    read(
        "what `orderdesc=1` means",
        "probe output of a live tenant",
        readings::descending_by_one,
        "two tickets show it",
    ),
    read(
        "the order of a list when none is asked for",
        "two live tenants",
        readings::unasked_order,
        "two tickets show it",
    ),
    read(
        "what `deleted=true` lists",
        "the vendor's API pages against the name",
        readings::deleted,
        "an open ticket shows it",
    ),
    not_read(
        "the rate limit",
        "the vendor's policy, a quotation of it, and two clients differ",
        "only a refusal shows it; the request budget says which one it believes",
    ),
    not_read(
        "whether a change of status leaves the assignment",
        "a help-desk automation on one live tenant",
        A_WRITE,
    ),
    not_read(
        "how the answer to a write comes",
        "public clients read both forms",
        A_WRITE,
    ),
    not_read(
        "the status of a write that succeeded",
        "the OpenAPI file against live clients",
        A_WRITE,
    ),
    read(
        "how ids are written in lists",
        "seen by a public client",
        readings::ids,
        "two tickets show it",
    ),
    not_read(
        "what an update must name",
        "one live tenant against six clients",
        A_WRITE,
    ),
    read(
        "how an empty list comes",
        "seen by a public client",
        readings::empty_list,
        "a filter that nothing matches shows it",
    ),
    read(
        "the status of a ticket that is not there",
        "public clients handle both",
        readings::missing,
        "no answer came",
    ),
    read(
        "whether a merged ticket says into which",
        "the OpenAPI file only",
        readings::merged_into,
        "an open ticket shows it",
    ),
    read(
        "what `hasbeenclosed` is before a ticket is closed",
        "probe output of a live tenant",
        readings::not_closed,
        "a ticket that was never closed shows it",
    ),
    read(
        "whether list rows have `last_update`",
        "columns of lists depend on a profile",
        readings::last_update,
        "there must be a ticket",
    ),
    not_read(
        "when a new ticket appears in lists",
        "not documented",
        A_WRITE,
    ),
    not_read(
        "whether a read after a write shows it",
        "a help-desk automation on one live tenant",
        A_WRITE,
    ),
    not_read(
        "what the answer to an array holds",
        "one client relies on `returnall`",
        A_WRITE,
    ),
    not_read(
        "what is left of an array when one item is refused",
        "not documented",
        A_WRITE,
    ),
    not_read(
        "how a write names a team",
        "two public clients against two",
        A_WRITE,
    ),
    not_read(
        "whether `note` follows from `note_html`",
        "not documented; clients send both",
        A_WRITE,
    ),
    not_read(
        "whether `details_html` is kept when a ticket is created",
        "most clients send `details`",
        A_WRITE,
    ),
    not_read(
        "the sentence that refuses to close an unassigned ticket",
        "seen by one client",
        A_WRITE,
    ),
    read(
        "whether a ticket must be assigned to be closed",
        "a setting of the tenant",
        readings::must_assign,
        "the credential may not see the setting",
    ),
    not_read(
        "whether a note reopens a closed ticket",
        "a setting of the ticket type",
        A_WRITE,
    ),
    not_read(
        "what `hasbeenclosed` is after a ticket was reopened",
        "not documented",
        A_WRITE,
    ),
    not_read(
        "whether two creates at a time collide",
        "one client saw it",
        A_WRITE,
    ),
    read(
        "the largest page",
        "the OpenAPI file against some clients",
        readings::page_size,
        "more than a hundred tickets show it",
    ),
    read(
        "the zone of times without a zone",
        "four clients against one comment",
        readings::zone,
        "a ticket that changed in the last minutes shows it",
    ),
    not_read(
        "the status of `invalid_client`",
        "reports leave it open",
        "only a wrong secret shows it",
    ),
    read(
        "whether a token request names a tenant",
        "a published workflow product",
        readings::tenant,
        "no answer came",
    ),
    read(
        "the scope that webhook endpoints need",
        "no table of scopes is published",
        readings::webhook_scope,
        "the credential has the scope `admin`, or is refused for another reason",
    ),
    not_read(
        "how a webhook can authenticate",
        "the vendor's guide against one product",
        A_DELIVERY,
    ),
    not_read(
        "how a webhook's signature is written",
        "one shipped product",
        A_DELIVERY,
    ),
    not_read(
        "the method of a webhook",
        "a choice in the webhook's settings",
        A_DELIVERY,
    ),
    not_read(
        "the address that a webhook calls",
        "not documented",
        A_DELIVERY,
    ),
    not_read(
        "what a webhook's body holds",
        "the vendor's guide knows several sizes",
        A_DELIVERY,
    ),
    not_read(
        "whether a webhook's events wait for each other",
        "the vendor's guide names batches",
        A_DELIVERY,
    ),
    not_read(
        "the names of events",
        "a public workflow product",
        A_DELIVERY,
    ),
    not_read(
        "whether a webhook switches itself off",
        "a setting in the vendor's guide",
        A_DELIVERY,
    ),
    not_read(
        "whether a failed delivery is repeated",
        "the guide knows no retry",
        A_DELIVERY,
    ),
    not_read(
        "whether changes over the API lead to events",
        "nothing is published",
        A_DELIVERY,
    ),
    not_read(
        "what a write to a webhook leaves as it was",
        "no public client changes a webhook over the API",
        A_WRITE,
    ),
    not_read(
        "whether the list of webhooks shows addresses",
        "not documented",
        "webhooks take a scope that the daily work does not have",
    ),
    read(
        "whether unknown parameters are passed over",
        "four live sources",
        readings::unknown_parameter,
        "no answer came",
    ),
];
