//! How the simulated tenant behaves where tenants, versions and reports differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::rate_limit::{RateLimit, RefusedRequests, RetryAfter};
use crate::world::World;

use super::webhooks::{Batching, PayloadSize};

/// An API application of the type "Client ID and Secret (Services)".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiApplication {
    /// The client id.
    pub client_id: String,
    /// The name that people gave it.
    pub display_name: String,
    /// The only secret in force.
    pub client_secret: String,
    /// Scopes it may ask for.
    pub scopes: Vec<String>,
    /// The agent it works as.
    pub agent_id: i64,
}

impl ApiApplication {
    /// The application the sample tenant gives the synchronisation.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            client_id: "8d3f6a52-halogard-sync".to_owned(),
            display_name: "Halogard Sync".to_owned(),
            client_secret: "first-secret-of-the-sample".to_owned(),
            scopes: ["read:tickets", "edit:tickets", "read:customers", "admin"]
                .map(str::to_owned)
                .to_vec(),
            agent_id: 3,
        }
    }
}

/// How one object comes back, where versions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SingleAnswer {
    /// As it is.
    Object,
    /// In an array of one.
    ArrayOfOne,
}

/// What is left of an array when one of its items is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayFailure {
    /// Nothing was done.
    NothingKept,
    /// The items before the refused one were done.
    EarlierKept,
}

/// How `search_summary` compares, which the vendor does not document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TitleSearch {
    /// The text occurs in the title.
    Substring,
    /// As SQL Server's `LIKE '%…%'`: `%`, `_` and `[…]` are wildcards, and an open `[` matches nothing.
    Like,
}

/// What `actionby_application_id` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationNames {
    /// The client id of the application; nothing for a person.
    ClientIds,
    /// The display name of the application; HaloPSA's own web application for a person.
    DisplayNames,
}

/// A rule that assigns tickets that are created over the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignmentRule {
    /// The agent that new tickets get.
    pub agent_id: i64,
}

/// How `includeclosed` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncludeClosed {
    /// `true` or not.
    Flag,
    /// A list of 0 (open) and 1 (closed); anything else is refused.
    ListOfInts,
}

/// Which spelling of `datesearch` is known; another one leaves the dates without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateSearchSpelling {
    /// Either.
    Any,
    /// `dateoccurred`, as the member is spelt, but not `dateoccured`.
    Corrected,
}

/// Whether notes and assignments take effect on a ticket that has not been triaged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntriagedWrites {
    /// They land at once.
    Land,
    /// They are accepted and dropped, while the ticket is younger than this and no person acted on it.
    Dropped {
        /// How long a ticket counts as untriaged.
        for_the_first: Duration,
    },
    /// They are accepted and land later.
    Late {
        /// How long a ticket counts as untriaged.
        for_the_first: Duration,
        /// How much later.
        by: Duration,
    },
}

/// The order of a list when none is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaskedOrder {
    /// The newest ticket first.
    NewestFirst,
    /// The oldest ticket first.
    OldestFirst,
}

/// What `deleted=true` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedLists {
    /// Deleted tickets instead of the others.
    Only,
    /// Deleted tickets beside the others.
    Included,
}

/// How a write may name a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamReference {
    /// By `team`, its name, or by `team_id`.
    NameOrId,
    /// By `team_id`; `team` is passed over in silence.
    IdOnly,
}

/// How the signature of a delivery is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// `sha256=` and hexadecimal digits.
    PrefixedHex,
}

/// The words in the member `event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventNames {
    /// Those of the vendor's guide, such as "ticket closed".
    Guide,
    /// Without the word "ticket", such as "Closed".
    Short,
}

/// How webhooks are sent, where the guide and reports differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookForms {
    /// Whether deliveries can be signed; where not, a webhook that should sign sends no credential.
    pub can_sign: bool,
    /// How a signature is written.
    pub signature: SignatureForm,
    /// The HTTP method.
    pub method: http::Method,
    /// Whether the address gets a slash at its end.
    pub trailing_slash: bool,
    /// What every delivery carries, whatever the webhook says.
    pub payload: Option<PayloadSize>,
    /// How every webhook batches, whatever it says.
    pub batching: Option<Batching>,
    /// The words of events.
    pub event_names: EventNames,
    /// Whether a write to a webhook empties the members that it leaves out, the secret included.
    pub writes_replace: bool,
    /// Whether the list of webhooks shows their addresses; where not, only the single webhook does.
    pub list_shows_addresses: bool,
    /// Whether changes over the API lead to events as those of people do.
    pub tells_of_api_writes: bool,
}

impl Default for WebhookForms {
    /// As the guide has it, with signatures as one client verifies them.
    fn default() -> Self {
        Self {
            can_sign: true,
            signature: SignatureForm::Base64,
            method: http::Method::POST,
            trailing_slash: false,
            payload: None,
            batching: None,
            event_names: EventNames::Guide,
            writes_replace: false,
            list_shows_addresses: true,
            tells_of_api_writes: true,
        }
    }
}

/// A ticket rule of the tenant that replaces the titles of new tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleRule {
    /// The title that every new ticket gets.
    pub title: String,
    /// Whether `dont_do_rules` leaves it out.
    pub can_be_skipped: bool,
}

/// What an operator has set up in a way that hinders an integration. By default nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misconfigurations {
    /// The API's agent may do everything.
    pub agent_is_administrator: bool,
    /// Teams that the API's agent is not a member of although it works for the service desk.
    pub teams_without_agent: BTreeSet<String>,
    /// The API's agent does not see unassigned tickets of its teams.
    pub hides_unassigned: bool,
    /// The API's agent does not see tickets of other agents.
    pub hides_others: bool,
    /// Ticket types that the API's agent may not open.
    pub types_not_opened: BTreeSet<i64>,
    /// Ticket types that the API's agent may not edit.
    pub types_not_edited: BTreeSet<i64>,
    /// The SLA of ticket types, in place of the first.
    pub default_sla: Option<i64>,
    /// Statuses that no ticket type allows.
    pub statuses_not_allowed: BTreeSet<i64>,
    /// Outcomes that are not offered.
    pub hidden_outcomes: BTreeSet<i64>,
    /// Outcomes that no ticket type offers.
    pub outcomes_not_allowed: BTreeSet<i64>,
    /// Teams that are no longer used.
    pub inactive_teams: BTreeSet<String>,
    /// Teams that take no tickets.
    pub teams_without_tickets: BTreeSet<String>,
    /// Sites that are no longer served.
    pub inactive_sites: BTreeSet<i64>,
    /// The API's agent is in no department but this one.
    pub only_department: Option<i64>,
    /// Clients without a main site.
    pub clients_without_main_site: BTreeSet<i64>,
    /// Events that are bound to no webhook.
    pub events_not_bound: BTreeSet<i64>,
    /// The most characters of custom fields.
    pub field_limits: BTreeMap<i64, i64>,
}

/// How webhook deliveries go astray. Probabilities are per delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryBehaviour {
    /// Chance that a delivery is never made.
    pub lost: f64,
    /// Chance that a delivery is made twice, under the same id.
    pub duplicated: f64,
    /// Chance that a delivery waits long enough for later ones to overtake it.
    pub reordered: f64,
    /// Shortest wait before a delivery.
    pub delay_min: Duration,
    /// Longest ordinary wait before a delivery.
    pub delay_max: Duration,
    /// How long an overtaken delivery waits on top.
    pub reorder_delay: Duration,
    /// Further attempts after one that was not answered 2xx.
    pub retries: u32,
    /// Pause before each of them.
    pub retry_pause: Duration,
    /// Failures in a row after which a webhook switches itself off; 0 for never.
    pub auto_disable_attempts: u32,
}

impl Default for DeliveryBehaviour {
    /// At once, once, in order: what the vendor promises at best. No retry, as none is documented.
    fn default() -> Self {
        Self {
            lost: 0.0,
            duplicated: 0.0,
            reordered: 0.0,
            delay_min: Duration::ZERO,
            delay_max: Duration::ZERO,
            reorder_delay: Duration::from_secs(20),
            retries: 0,
            retry_pause: Duration::from_secs(60),
            auto_disable_attempts: 0,
        }
    }
}

/// Every switch of the simulated tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct SimHaloSettings {
    /// What exists from the start; read once.
    pub world: World,
    /// API applications.
    pub applications: Vec<ApiApplication>,
    /// The build that `/InstanceInfo` shows; `None` where there is no such address.
    pub build: Option<&'static str>,
    /// The tenant's short name; a token request that names another is refused.
    pub tenant: Option<String>,
    /// Life of an access token.
    pub token_life: Duration,
    /// Status of `invalid_client`, which reports leave open: 400 or 401.
    pub invalid_client_status: u16,
    /// Requests taken per window, over the whole tenant.
    pub rate_limit: RateLimit,
    /// Whether token and authinfo requests fall under the limit.
    pub limit_covers_sign_in: bool,
    /// How the result of a write comes back.
    pub single_answer: SingleAnswer,
    /// Status of a successful write: 200 or 201.
    pub write_status: u16,
    /// What a refused item does to its array.
    pub array_failure: ArrayFailure,
    /// Whether an update without type or client is answered "Record not found".
    pub strict_update: bool,
    /// Whether a change of status through the API is accepted and not carried out, as an approval or a
    /// workflow does.
    pub keeps_status: bool,
    /// Whether a note on a closed ticket reopens it.
    pub note_reopens: bool,
    /// Whether a change of status through the API clears the assignment.
    pub status_change_unassigns: bool,
    /// Whether a create fails while another is in flight (ticket numbers race).
    pub parallel_creates_fail: bool,
    /// How long a create stays in flight, by the runtime's timer.
    pub create_takes: Duration,
    /// Whether a ticket must be assigned before it is closed.
    pub must_assign_to_close: bool,
    /// The sentence that says so.
    pub assign_before_closing: &'static str,
    /// Whether `hasbeenclosed` stays true on a reopened ticket.
    pub has_been_closed_after_reopen: bool,
    /// Whether an empty ticket list comes as `null`.
    pub empty_list_is_null: bool,
    /// Whether lists hold closed tickets without being asked to.
    pub lists_hold_closed: bool,
    /// How long after it was created a ticket appears in lists and searches.
    pub list_lag: Duration,
    /// How long after a write over the API reads still show what was there before.
    pub read_lag: Duration,
    /// How `includeclosed` is read.
    pub include_closed: IncludeClosed,
    /// What `deleted=true` lists.
    pub deleted_lists: DeletedLists,
    /// Which spelling of `datesearch` is known.
    pub date_search: DateSearchSpelling,
    /// Whether `lastupdatetodate` filters; a parameter that HaloPSA does not know is ignored.
    pub filters_update_until: bool,
    /// Whether `orderdesc=1` means what `orderdesc=true` means.
    pub one_is_true: bool,
    /// The order of a list when none is asked for.
    pub unasked_order: UnaskedOrder,
    /// Rows that `record_count` counts and no page shows, such as those of teams the agent may not see.
    pub unseen_rows: usize,
    /// Most actions that a list holds when no `count` is asked for; `record_count` counts all.
    pub unasked_actions_max: Option<usize>,
    /// Whether list rows have `last_update`.
    pub rows_have_last_update: bool,
    /// Whether tickets have `merged_into_id`.
    pub tickets_have_merged_into: bool,
    /// Whether `hasbeenclosed` is `null` until a ticket is closed.
    pub not_closed_is_null: bool,
    /// How far the times of tickets and actions, which name no zone, are from UTC.
    pub hours_from_utc: i64,
    /// What `actionby_application_id` holds.
    pub application_names: ApplicationNames,
    /// Whether `returnall=true` brings every row of a write back.
    pub honours_returnall: bool,
    /// How a write may name a team.
    pub team_reference: TeamReference,
    /// Whether the plain text of a note follows from its markup.
    pub note_follows_markup: bool,
    /// Whether `details_html` of a new ticket is kept.
    pub keeps_details_html: bool,
    /// Whether notes and assignments take effect on a ticket that has not been triaged yet.
    pub untriaged_writes: UntriagedWrites,
    /// How `search_summary` compares.
    pub title_search: TitleSearch,
    /// Whether `search_summary` finds closed tickets.
    pub search_finds_closed: bool,
    /// Whether `search_details` is carried out; a parameter that HaloPSA does not know is ignored.
    pub searches_details: bool,
    /// A rule that replaces the titles of tickets that are created over the API.
    pub title_rule: Option<TitleRule>,
    /// A rule that assigns new tickets.
    pub assignment_rule: Option<AssignmentRule>,
    /// Largest page; `None` honours any size.
    pub page_size_max: Option<usize>,
    /// Every how many list rows ids come as `3.0`; 0 for never.
    pub float_ids_every: usize,
    /// Status of a GET for a ticket that is not there: 404 or 400.
    pub missing_ticket_status: u16,
    /// Whether `/Webhook`, `/Notification` and the like need the scope `admin`.
    pub webhooks_need_admin: bool,
    /// Whether HaloPSA's own Liongard integration is on.
    pub own_liongard_integration: bool,
    /// What is set up in a way that hinders an integration.
    pub misconfigurations: Misconfigurations,
    /// How webhooks are sent.
    pub webhook_forms: WebhookForms,
    /// How deliveries go astray.
    pub delivery_behaviour: DeliveryBehaviour,
}

impl Default for SimHaloSettings {
    /// A hosted stock tenant with the newest reported limit: 450 requests in five minutes.
    fn default() -> Self {
        Self {
            world: World::default(),
            applications: vec![ApiApplication::sample()],
            build: Some("2.236.133"),
            tenant: Some("harbourstreet".to_owned()),
            token_life: Duration::from_secs(3600),
            invalid_client_status: 401,
            rate_limit: RateLimit {
                requests_max: 450,
                window: Duration::from_secs(300),
                refused: RefusedRequests::NotCounted,
                retry_after: RetryAfter::Absent,
                shows_remaining: false,
            },
            limit_covers_sign_in: true,
            single_answer: SingleAnswer::Object,
            write_status: 201,
            array_failure: ArrayFailure::NothingKept,
            strict_update: false,
            keeps_status: false,
            note_reopens: false,
            status_change_unassigns: false,
            parallel_creates_fail: true,
            create_takes: Duration::ZERO,
            must_assign_to_close: true,
            assign_before_closing: super::refusal::ASSIGN_BEFORE_CLOSING,
            has_been_closed_after_reopen: true,
            empty_list_is_null: false,
            lists_hold_closed: true,
            list_lag: Duration::ZERO,
            read_lag: Duration::ZERO,
            include_closed: IncludeClosed::Flag,
            deleted_lists: DeletedLists::Only,
            date_search: DateSearchSpelling::Any,
            filters_update_until: true,
            one_is_true: true,
            unasked_order: UnaskedOrder::NewestFirst,
            unseen_rows: 0,
            unasked_actions_max: None,
            rows_have_last_update: true,
            tickets_have_merged_into: true,
            not_closed_is_null: false,
            hours_from_utc: 0,
            application_names: ApplicationNames::DisplayNames,
            honours_returnall: true,
            team_reference: TeamReference::NameOrId,
            note_follows_markup: true,
            keeps_details_html: true,
            untriaged_writes: UntriagedWrites::Land,
            title_search: TitleSearch::Substring,
            search_finds_closed: true,
            searches_details: true,
            title_rule: None,
            assignment_rule: None,
            page_size_max: Some(100),
            float_ids_every: 0,
            missing_ticket_status: 404,
            webhooks_need_admin: true,
            own_liongard_integration: false,
            misconfigurations: Misconfigurations::default(),
            webhook_forms: WebhookForms::default(),
            delivery_behaviour: DeliveryBehaviour::default(),
        }
    }
}
