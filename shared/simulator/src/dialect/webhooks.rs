//! What is uncertain about HaloPSA's webhooks.

use crate::halopsa::{Batching, EventNames, PayloadSize, SignatureForm};

use super::{Change, Switch};

/// The switches.
pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        name: "webhook-basic-only",
        fact: "how a webhook can authenticate",
        description: "With HTTP Basic or not at all; a webhook that should sign sends no credential.",
        source: "three editions of the vendor's guide list nothing else",
        change: Change::Halo(|it| it.webhook_forms.can_sign = false),
    },
    Switch {
        name: "webhook-hmac-hex",
        fact: "how a webhook's signature is written",
        description: "In hexadecimal digits instead of base64.",
        source: "one shipped product verifies base64; the guide does not say",
        change: Change::Halo(|it| it.webhook_forms.signature = SignatureForm::Hex),
    },
    Switch {
        name: "webhook-hmac-prefixed",
        fact: "how a webhook's signature is written",
        description: "As `sha256=` and hexadecimal digits.",
        source: "the usual form of other products; the guide does not say",
        change: Change::Halo(|it| it.webhook_forms.signature = SignatureForm::PrefixedHex),
    },
    Switch {
        name: "webhook-put",
        fact: "the method of a webhook",
        description: "PUT.",
        source: "a choice in the webhook's settings",
        change: Change::Halo(|it| it.webhook_forms.method = http::Method::PUT),
    },
    Switch {
        name: "webhook-trailing-slash",
        fact: "the address that a webhook calls",
        description: "With a slash at its end.",
        source: "not documented",
        change: Change::Halo(|it| it.webhook_forms.trailing_slash = true),
    },
    Switch {
        name: "webhook-event-only",
        fact: "what a webhook's body holds",
        description: "Ids and the name of the event, without the ticket.",
        source: "one of the sizes in the vendor's guide",
        change: Change::Halo(|it| it.webhook_forms.payload = Some(PayloadSize::EventOnly)),
    },
    Switch {
        name: "webhook-batches",
        fact: "whether a webhook's events wait for each other",
        description: "They are sent together after thirty seconds, as an array.",
        source: "batching is in the vendor's guide, its form is not",
        change: Change::Halo(|it| {
            it.webhook_forms.batching = Some(Batching {
                same_event_only: false,
                delay_seconds: 30,
                events_max: 0,
            });
        }),
    },
    Switch {
        name: "webhook-short-names",
        fact: "the names of events",
        description: "Without the word \"ticket\": \"Closed\", \"Status changed\".",
        source: "a table in a public workflow product",
        change: Change::Halo(|it| it.webhook_forms.event_names = EventNames::Short),
    },
    Switch {
        name: "webhook-auto-disable",
        fact: "whether a webhook switches itself off",
        description: "After three failures in a row.",
        source: "a setting in the vendor's guide",
        change: Change::Halo(|it| it.delivery_behaviour.auto_disable_attempts = 3),
    },
    Switch {
        name: "webhook-retries",
        fact: "whether a failed delivery is repeated",
        description: "Twice, a minute apart.",
        source: "the guide knows no retry; a setting of some versions names attempts",
        change: Change::Halo(|it| it.delivery_behaviour.retries = 2),
    },
    Switch {
        name: "webhook-not-for-api",
        fact: "whether changes over the API lead to events",
        description: "They do not: events tell of what people and rules do.",
        source: "nothing is published",
        change: Change::Halo(|it| it.webhook_forms.tells_of_api_writes = false),
    },
    Switch {
        name: "webhook-write-replaces",
        fact: "what a write to a webhook leaves as it was",
        description: "Nothing: members that it leaves out get their defaults, and the secret is emptied.",
        source: "no public client changes a webhook over the API; one deletes it and creates another",
        change: Change::Halo(|it| it.webhook_forms.writes_replace = true),
    },
    Switch {
        name: "webhook-list-without-addresses",
        fact: "whether the list of webhooks shows addresses",
        description: "It does not; a single webhook does.",
        source: "the parameters of the list are known, its columns are not",
        change: Change::Halo(|it| it.webhook_forms.list_shows_addresses = false),
    },
];
