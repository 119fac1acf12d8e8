//! What is uncertain about HaloPSA's API.

use std::time::Duration;

use crate::halopsa::{
    ApplicationNames, ArrayFailure, DateSearchSpelling, DeletedLists, IncludeClosed,
    SimHaloSettings, SingleAnswer, TeamReference, TitleSearch, UnaskedOrder, UntriagedWrites,
};

use super::{Change, Switch};

/// How long a ticket counts as untriaged.
const UNTRIAGED_FOR: Duration = Duration::from_secs(600);

/// The limit of a window.
fn limit(settings: &mut SimHaloSettings, requests_max: usize, seconds: u64) {
    settings.rate_limit.requests_max = requests_max;
    settings.rate_limit.window = Duration::from_secs(seconds);
}

/// The switches.
pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        name: "no-instance-info",
        fact: "whether `/InstanceInfo` shows the build",
        description: "There is no such address.",
        source: "probe output of one live tenant shows it; no document names it",
        change: Change::Halo(|it| it.build = None),
    },
    Switch {
        name: "application-ids",
        fact: "what `actionby_application_id` holds",
        description: "The client id of the application, and nothing for what a person did; not display names.",
        source: "some clients compare it with their client id; two live sources show display names, which is what the simulator does otherwise",
        change: Change::Halo(|it| it.application_names = ApplicationNames::ClientIds),
    },
    Switch {
        name: "closed-list-of-ints",
        fact: "how `includeclosed` is read",
        description: "It is a list of 0 (not closed) and 1 (closed); anything else, `true` included, is refused with 400.",
        source: "the vendor's OpenAPI file describes it so; no public client sends `true`",
        change: Change::Halo(|it| it.include_closed = IncludeClosed::ListOfInts),
    },
    Switch {
        name: "closed-only-on-request",
        fact: "whether a plain list holds closed tickets",
        description: "A list holds closed tickets only where `includeclosed` or `closed_only` asks for them.",
        source: "the parameter would need no existence otherwise; a plain list of a live tenant held both",
        change: Change::Halo(|it| it.lists_hold_closed = false),
    },
    Switch {
        name: "datesearch-ignored",
        fact: "how `datesearch` is spelt",
        description: "The spelling `dateoccured` is unknown, so `startdate` and `enddate` have no effect.",
        source: "six public clients send `dateoccurred`, the OpenAPI file has `dateoccured`",
        change: Change::Halo(|it| it.date_search = DateSearchSpelling::Corrected),
    },
    Switch {
        name: "update-until-ignored",
        fact: "whether `lastupdatetodate` filters",
        description: "It does not: a list between two times goes on to the newest change.",
        source: "in the OpenAPI file; no public client was seen to send it",
        change: Change::Halo(|it| it.filters_update_until = false),
    },
    Switch {
        name: "like-search",
        fact: "how `search_summary` compares",
        description: "As SQL Server's `LIKE`: `[LG-7586]` is a class of characters, and an open bracket matches nothing.",
        source: "not documented; HaloPSA runs on SQL Server, and no public client searches for brackets",
        change: Change::Halo(|it| it.title_search = TitleSearch::Like),
    },
    Switch {
        name: "search-open-only",
        fact: "whether `search_summary` finds closed tickets",
        description: "It finds open tickets only, whatever else is asked for.",
        source: "not documented",
        change: Change::Halo(|it| it.search_finds_closed = false),
    },
    Switch {
        name: "details-search-ignored",
        fact: "whether `search_details` searches descriptions",
        description: "It does not: the list is the same without it.",
        source: "in the OpenAPI file; no public client was seen to send it",
        change: Change::Halo(|it| it.searches_details = false),
    },
    Switch {
        name: "untriaged-dropped",
        fact: "whether writes to a ticket that has not been triaged take effect",
        description: "In a ticket's first ten minutes, until a person acts on it, notes and changes other than the status are answered with success and dropped.",
        source: "a help-desk automation on a live tenant recorded it on many tickets",
        change: Change::Halo(|it| {
            it.untriaged_writes = UntriagedWrites::Dropped {
                for_the_first: UNTRIAGED_FOR,
            };
        }),
    },
    Switch {
        name: "untriaged-late",
        fact: "whether writes to a ticket that has not been triaged take effect",
        description: "In a ticket's first ten minutes, until a person acts on it, notes and changes other than the status land three minutes after the answer.",
        source: "the same automation saw some of these writes land minutes later",
        change: Change::Halo(|it| {
            it.untriaged_writes = UntriagedWrites::Late {
                for_the_first: UNTRIAGED_FOR,
                by: Duration::from_secs(180),
            };
        }),
    },
    Switch {
        name: "actions-capped",
        fact: "how many actions a list holds without `count`",
        description: "Three, the newest, while `record_count` counts all.",
        source: "not documented; public clients always send a count",
        change: Change::Halo(|it| it.unasked_actions_max = Some(3)),
    },
    Switch {
        name: "record-count-larger",
        fact: "what `record_count` counts",
        description: "It counts seven tickets more than the agent may see, so the last page is short.",
        source: "not proved for an agent who may not see every client or team; one public client says that counts are wrong",
        change: Change::Halo(|it| it.unseen_rows = 7),
    },
    Switch {
        name: "orderdesc-one-ascending",
        fact: "what `orderdesc=1` means",
        description: "The oldest first; only `true` means the newest first.",
        source: "probe output of a production tenant of another project",
        change: Change::Halo(|it| it.one_is_true = false),
    },
    Switch {
        name: "unordered-oldest-first",
        fact: "the order of a list when none is asked for",
        description: "The oldest ticket first. The reference has the newest first, as two live tenants do.",
        source: "not documented",
        change: Change::Halo(|it| it.unasked_order = UnaskedOrder::OldestFirst),
    },
    Switch {
        name: "deleted-included",
        fact: "what `deleted=true` lists",
        description: "Deleted tickets beside the others, and the rows do not say which is which.",
        source: "the vendor's API pages say \"include deleted tickets\"",
        change: Change::Halo(|it| it.deleted_lists = DeletedLists::Included),
    },
    Switch {
        name: "limit-700-in-5-min",
        fact: "the rate limit",
        description: "700 requests in five minutes.",
        source: "another project quotes the vendor's policy so in October 2026",
        change: Change::Halo(|it| limit(it, 700, 300)),
    },
    Switch {
        name: "limit-500-in-3-min",
        fact: "the rate limit",
        description: "500 requests in three minutes.",
        source: "the vendor's Fair Use Policy",
        change: Change::Halo(|it| limit(it, 500, 180)),
    },
    Switch {
        name: "limit-60-in-1-min",
        fact: "the rate limit",
        description: "60 requests in one minute, and every answer says in `X-RateLimit-Remaining` how many are left.",
        source: "one public client is written for it",
        change: Change::Halo(|it| {
            limit(it, 60, 60);
            it.rate_limit.shows_remaining = true;
        }),
    },
    Switch {
        name: "no-limit",
        fact: "the rate limit",
        description: "None.",
        source: "the policy speaks of hosted instances only",
        change: Change::Halo(|it| it.rate_limit.requests_max = usize::MAX),
    },
    Switch {
        name: "status-clears-agent",
        fact: "whether a change of status leaves the assignment",
        description: "A change of status over the API clears the assignment.",
        source: "a help-desk automation on a live tenant saw it after some changes",
        change: Change::Halo(|it| it.status_change_unassigns = true),
    },
    Switch {
        name: "single-answer-array",
        fact: "how the answer to a write comes",
        description: "As an array of one.",
        source: "public clients read both forms",
        change: Change::Halo(|it| it.single_answer = SingleAnswer::ArrayOfOne),
    },
    Switch {
        name: "write-status-200",
        fact: "the status of a write that succeeded",
        description: "200 instead of 201.",
        source: "the OpenAPI file has 200, live clients saw 201",
        change: Change::Halo(|it| it.write_status = 200),
    },
    Switch {
        name: "float-ids",
        fact: "how ids are written in lists",
        description: "In every second row as `3.0`.",
        source: "seen by a public client",
        change: Change::Halo(|it| it.float_ids_every = 2),
    },
    Switch {
        name: "strict-update",
        fact: "what an update must name",
        description: "Without `client_id` and `tickettype_id` it is answered \"Record not found\".",
        source: "one live tenant; six other clients do without",
        change: Change::Halo(|it| it.strict_update = true),
    },
    Switch {
        name: "null-lists",
        fact: "how an empty list comes",
        description: "As `null`.",
        source: "seen by a public client",
        change: Change::Halo(|it| it.empty_list_is_null = true),
    },
    Switch {
        name: "missing-400",
        fact: "the status of a ticket that is not there",
        description: "400 instead of 404.",
        source: "public clients handle both",
        change: Change::Halo(|it| it.missing_ticket_status = 400),
    },
    Switch {
        name: "no-merged-into",
        fact: "whether a merged ticket says into which",
        description: "Tickets have no `merged_into_id`.",
        source: "in the OpenAPI file only; no public client reads it",
        change: Change::Halo(|it| it.tickets_have_merged_into = false),
    },
    Switch {
        name: "not-closed-is-null",
        fact: "what `hasbeenclosed` is before a ticket is closed",
        description: "`null` instead of `false`.",
        source: "probe output of a production tenant of another project",
        change: Change::Halo(|it| it.not_closed_is_null = true),
    },
    Switch {
        name: "rows-without-last-update",
        fact: "whether list rows have `last_update`",
        description: "They do not; the column profile of the agent leaves it out.",
        source: "columns of lists depend on a profile",
        change: Change::Halo(|it| it.rows_have_last_update = false),
    },
    Switch {
        name: "list-lag",
        fact: "when a new ticket appears in lists",
        description: "Two minutes after it was created.",
        source: "how far the index lags is not documented",
        change: Change::Halo(|it| it.list_lag = Duration::from_secs(120)),
    },
    Switch {
        name: "read-lag",
        fact: "whether a read after a write shows it",
        description: "For 45 seconds after a write over the API, reads and lists show the ticket as it was before.",
        source: "a help-desk automation on a live tenant: accepted before it is reliably read back",
        change: Change::Halo(|it| it.read_lag = Duration::from_secs(45)),
    },
    Switch {
        name: "returnall-ignored",
        fact: "what the answer to an array holds",
        description: "Only the last row, although `returnall=true` asks for all.",
        source: "one client relies on `returnall`; no other posts several",
        change: Change::Halo(|it| it.honours_returnall = false),
    },
    Switch {
        name: "array-keeps-earlier",
        fact: "what is left of an array when one item is refused",
        description: "The items before the refused one are done.",
        source: "not documented",
        change: Change::Halo(|it| it.array_failure = ArrayFailure::EarlierKept),
    },
    Switch {
        name: "team-by-id",
        fact: "how a write names a team",
        description: "By `team_id` only; the name in `team` is passed over in silence.",
        source: "two public clients write `team_id`, two write the name",
        change: Change::Halo(|it| it.team_reference = TeamReference::IdOnly),
    },
    Switch {
        name: "note-not-from-html",
        fact: "whether `note` follows from `note_html`",
        description: "An action written with `note_html` alone is read back with an empty `note`.",
        source: "not documented; most clients send both",
        change: Change::Halo(|it| it.note_follows_markup = false),
    },
    Switch {
        name: "details-html-ignored",
        fact: "whether `details_html` is kept when a ticket is created",
        description: "It is dropped; only `details` counts.",
        source: "most clients send `details`",
        change: Change::Halo(|it| it.keeps_details_html = false),
    },
    Switch {
        name: "must-assign-wording",
        fact: "the sentence that refuses to close an unassigned ticket",
        description: "It is worded differently, without \"before closing\".",
        source: "the known sentence was seen by one client",
        change: Change::Halo(|it| {
            it.assign_before_closing =
                "This Ticket cannot be moved to the selected Status while no Agent is allocated.";
        }),
    },
    Switch {
        name: "close-unassigned",
        fact: "whether a ticket must be assigned to be closed",
        description: "It need not be.",
        source: "a setting of the tenant; off on a live tenant",
        change: Change::Halo(|it| it.must_assign_to_close = false),
    },
    Switch {
        name: "note-reopens",
        fact: "whether a note reopens a closed ticket",
        description: "It does.",
        source: "a setting of the ticket type",
        change: Change::Halo(|it| it.note_reopens = true),
    },
    Switch {
        name: "reopened-is-not-closed",
        fact: "what `hasbeenclosed` is after a ticket was reopened",
        description: "`false` again.",
        source: "not documented",
        change: Change::Halo(|it| it.has_been_closed_after_reopen = false),
    },
    Switch {
        name: "parallel-creates",
        fact: "whether two creates at a time collide",
        description: "They do not.",
        source: "one client saw collisions, no other reports any",
        change: Change::Halo(|it| it.parallel_creates_fail = false),
    },
    Switch {
        name: "any-page-size",
        fact: "the largest page",
        description: "Any size is honoured.",
        source: "the OpenAPI file says 100, some clients get more",
        change: Change::Halo(|it| it.page_size_max = None),
    },
    Switch {
        name: "local-times",
        fact: "the zone of times without a zone",
        description: "Tickets and actions show the time of a zone five hours behind UTC.",
        source: "four clients take them for UTC; one speaks of local time for actions",
        change: Change::Halo(|it| it.hours_from_utc = -5),
    },
    Switch {
        name: "invalid-client-400",
        fact: "the status of `invalid_client`",
        description: "400 instead of 401.",
        source: "reports leave it open",
        change: Change::Halo(|it| it.invalid_client_status = 400),
    },
    Switch {
        name: "no-tenant",
        fact: "whether a token request names a tenant",
        description: "The instance is the MSP's own and has no tenant name.",
        source: "a published workflow product signs in so on premises",
        change: Change::Halo(|it| it.tenant = None),
    },
    Switch {
        name: "webhooks-without-admin",
        fact: "the scope that webhook endpoints need",
        description: "None beyond a token.",
        source: "no table of scopes is published",
        change: Change::Halo(|it| it.webhooks_need_admin = false),
    },
];
