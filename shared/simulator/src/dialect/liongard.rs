//! What is uncertain about Liongard's API.

use crate::halopsa::SingleAnswer;
use crate::liongard::{ExternalIds, RedirectLocation, Redirects, ReservedWords, RunAnswer};

use super::{Change, Switch};

/// The switches.
pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        name: "tasks-in-data",
        fact: "the form of the list of alerts",
        description: "An object with the list in `Data`.",
        source: "a client in production reads `Data`, `data` or the bare list",
        change: Change::Liongard(|it| it.tasks_envelope = Some("Data")),
    },
    Switch {
        name: "tasks-in-lower-data",
        fact: "the form of the list of alerts",
        description: "An object with the list in `data`.",
        source: "a client in production reads `Data`, `data` or the bare list",
        change: Change::Liongard(|it| it.tasks_envelope = Some("data")),
    },
    Switch {
        name: "closed-alerts-unlisted",
        fact: "whether the list of alerts holds closed ones",
        description: "It does not: a closed alert is found by its id only.",
        source: "inferred: one client looks for a closed status in what it lists; the specification names no filter",
        change: Change::Liongard(|it| it.lists_closed_alerts = false),
    },
    Switch {
        name: "record-slash-404",
        fact: "whether a single record may be read with a slash at the end",
        description: "With the slash it is 404.",
        source: "the vendor's own code uses slashes for collections only",
        change: Change::Liongard(|it| it.records_take_slash = false),
    },
    Switch {
        name: "missing-alert-404",
        fact: "how an alert that does not exist is answered",
        description: "404 instead of an empty list.",
        source: "not documented",
        change: Change::Liongard(|it| it.missing_alert_is_empty = false),
    },
    Switch {
        name: "reserved-words",
        fact: "the machine's words for statuses",
        description: "`Reserved` is not the beginning of `Name`: `done` for \"Closed - Complete\".",
        source: "the only published value is `new`",
        change: Change::Liongard(|it| it.reserved_words = ReservedWords::Unrelated),
    },
    Switch {
        name: "foreign-external-id",
        fact: "what `ExternalID` of an alert holds",
        description: "A number from elsewhere, which may be that of another customer's ticket.",
        source: "no public client reads it; an instance may have been connected to another system before",
        change: Change::Liongard(|it| it.external_ids = ExternalIds::Unrelated),
    },
    Switch {
        name: "timeline-unfiltered",
        fact: "whether `conditions[]` filters the timeline",
        description: "It does not: the timeline holds the runs of the whole instance, hundreds of other inspectors among them.",
        source: "in the OpenAPI file only; the vendor's own module sends another form and filters again",
        change: Change::Liongard(|it| {
            it.timeline_filters = false;
            it.foreign_runs = 300;
        }),
    },
    Switch {
        name: "run-answer-empty",
        fact: "the answer to a request for runs",
        description: "An empty object.",
        source: "the lists are described by one project and the OpenAPI file",
        change: Change::Liongard(|it| it.run_answer = RunAnswer::Empty),
    },
    Switch {
        name: "run-without-exit-code",
        fact: "how a run that has ended shows it",
        description: "By `FinishedAt` and the status \"Finished\"; `ExitCode` stays `null`.",
        source: "the members are in the OpenAPI file only",
        change: Change::Liongard(|it| it.runs_have_exit_code = false),
    },
    Switch {
        name: "run-refused-while-running",
        fact: "whether a running inspector may be started again",
        description: "It is refused: \"Launchpoint is already running\".",
        source: "not documented",
        change: Change::Liongard(|it| it.busy_message = Some("Launchpoint is already running")),
    },
    Switch {
        name: "redirect-every-get",
        fact: "which requests are redirected to a slash at the end",
        description: "Every GET, and collections whatever the method.",
        source: "the vendor's documentation says every call",
        change: Change::Liongard(|it| it.redirects = Redirects::EveryGet),
    },
    Switch {
        name: "no-redirects",
        fact: "which requests are redirected to a slash at the end",
        description: "None.",
        source: "several public clients call without a slash",
        change: Change::Liongard(|it| it.redirects = Redirects::Off),
    },
    Switch {
        name: "relative-redirects",
        fact: "how a redirect names its target",
        description: "By its path alone.",
        source: "not documented",
        change: Change::Liongard(|it| it.redirect_location = RedirectLocation::Relative),
    },
    Switch {
        name: "records-as-objects",
        fact: "how a single record comes",
        description: "As an object instead of an array of one.",
        source: "the OpenAPI file has arrays, clients read objects",
        change: Change::Liongard(|it| it.single_answer = SingleAnswer::Object),
    },
];
