//! HaloPSA's error messages.
//!
//! HaloPSA has no common form for errors (a JSON string, an exception, model errors by path, an
//! OAuth error, plain text, a gateway's HTML page). The message is for
//! people: it is redacted and truncated. Only the predicates here branch on it, each tested with a
//! message that was observed.

use std::fmt;

use halogard_wire::RedactedMessage;
use serde_json::Value;

/// The members that hold a message, the most specific first.
const MESSAGE_MEMBERS: [&str; 5] = [
    "error_description",
    "Message",
    "message",
    "errorMessage",
    "error",
];

/// Parts of sentences that say that the same request may succeed later, in lower case. HaloPSA passes on
/// what its database and its connections report, with status 400 as well as 500. Source: the messages of
/// SQL Server (1205, 1222, -2, 2627 on the table of tickets) and of .NET's connections.
const PASSING: [&str; 22] = [
    "deadlock",
    "rerun the transaction",
    "timeout expired",
    "timeout period elapsed",
    "execution timeout",
    "lock request time out",
    "lock timeout",
    "timed out",
    "time-out",
    "transport-level error",
    "connection was closed",
    "connection was forcibly closed",
    "connection is broken",
    "connection pool",
    "max pool size was reached",
    "establishing a connection",
    "server was not found or was not accessible",
    "temporarily unavailable",
    "service is unavailable",
    "server is busy",
    "try again",
    // Two tickets got the same number at the same moment.
    "duplicate key in object 'dbo.faults'",
];

/// Those of them that say that the database ended the work by itself: what was not committed by then is undone,
/// and nothing of it goes on. A connection that broke says nothing of that kind. Source: as above (1205, 1222,
/// -2, 2627), and a request that got no connection from the pool.
const ROLLED_BACK: [&str; 9] = [
    "deadlock",
    "rerun the transaction",
    "timeout expired",
    "timeout period elapsed",
    "execution timeout",
    "lock request time out",
    "lock timeout",
    "max pool size was reached",
    "duplicate key in object 'dbo.faults'",
];

/// A vendor's own sentence, redacted, on one line, at most 300 characters long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorMessage(RedactedMessage);

impl VendorMessage {
    /// Reads the body of a refusal; an empty one says nothing.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        Self::read_hiding(body, &[])
    }

    /// The same, hiding `secrets` wherever they are repeated.
    pub(crate) fn read_hiding(body: &[u8], secrets: &[&str]) -> Option<Self> {
        RedactedMessage::of_body(body, secrets, message_in).map(Self)
    }

    /// The sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether HaloPSA refuses to close an unassigned ticket.
    ///
    /// Seen: "Please assign this Ticket these before closing it."
    #[must_use]
    pub fn mentions_assign_before_closing(&self) -> bool {
        let text = self.as_str().to_lowercase();
        text.contains("assign") && text.contains("before closing")
    }

    /// Whether HaloPSA does not know the record, or did not get every member an update needs.
    ///
    /// Seen: "Record not found".
    #[must_use]
    pub fn record_not_found(&self) -> bool {
        self.as_str().to_lowercase().contains("record not found")
    }

    /// Whether HaloPSA says itself that the failure will pass.
    ///
    /// Seen: "Transaction (Process ID 71) was deadlocked on lock resources with another process and has
    /// been chosen as the deadlock victim. Rerun the transaction."
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let text = self.as_str().to_lowercase();
        PASSING.iter().any(|part| text.contains(part))
    }

    /// Whether HaloPSA says that its database ended the work, so that nothing of it goes on.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        let text = self.as_str().to_lowercase();
        ROLLED_BACK.iter().any(|part| text.contains(part))
    }

    /// The missing fields that the message names.
    ///
    /// The wording varies by build, so an empty list means "unknown", not "none".
    #[must_use]
    pub fn names_missing_fields(&self) -> Vec<String> {
        let text = self.as_str();
        if let Some(column) = between(text, "the value NULL into column '", "'") {
            return vec![column.to_owned()];
        }
        listed_after_colon(text)
            .unwrap_or_else(|| text.split(['.', ';', '!']).flat_map(subjects_of).collect())
    }
}

impl fmt::Display for VendorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether `body` has a form in which HaloPSA itself refuses: a sentence as a JSON string, an
/// exception, or the problem its framework describes. Gateways answer with HTML, with nothing, or with
/// JSON of their own; and a framework that knows no such route says nothing about a record.
pub(crate) fn is_own_form(body: &[u8]) -> bool {
    /// What a framework says of a route that it does not know.
    const ABOUT_A_ROUTE: [&str; 3] = ["http resource", "route", "controller"];
    let text = match serde_json::from_slice(body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(members)) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let is_problem = members.contains_key("status") && members.contains_key("title");
            let found = text("Message").or_else(|| text("title").filter(|_| is_problem));
            found.unwrap_or_default().to_owned()
        }
        _ => return false,
    };
    let text = text.to_lowercase();
    !text.trim().is_empty() && !ABOUT_A_ROUTE.iter().any(|phrase| text.contains(phrase))
}

/// The sentence in a JSON body, if one of its known forms holds one.
fn message_in(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => MESSAGE_MEMBERS
            .iter()
            .find_map(|name| {
                members
                    .get(*name)?
                    .as_str()
                    .filter(|text| !text.trim().is_empty())
            })
            .map(str::to_owned)
            .or_else(|| {
                members.iter().find_map(|(path, errors)| {
                    let text = errors.as_array()?.first()?.as_str()?;
                    Some(format!("{path}: {text}"))
                })
            }),
        Value::Array(items) => items.first().and_then(message_in),
        _ => None,
    }
}

/// The text between `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    let (inner, _) = rest.split_once(close)?;
    (!inner.is_empty()).then_some(inner)
}

/// The names in "the following fields are required: Details, Category and Impact".
fn listed_after_colon(text: &str) -> Option<Vec<String>> {
    let (before, after) = text.split_once(": ")?;
    let before = before.to_lowercase();
    ["required", "mandatory", "missing"]
        .iter()
        .find(|word| before.contains(**word))?;
    let list = after
        .split(['.', ';'])
        .next()
        .unwrap_or_default()
        .replace(" and ", ", ");
    let names: Vec<String> = list.split(',').filter_map(field_name).collect();
    (!names.is_empty()).then_some(names)
}

/// The names in "Details and Category are required" or "Please enter a Category".
fn subjects_of(clause: &str) -> Vec<String> {
    /// How a clause about a missing field ends.
    const ENDINGS: [&str; 9] = [
        " is required",
        " are required",
        " is mandatory",
        " are mandatory",
        " must be entered",
        " must be provided",
        " must be selected",
        " cannot be empty",
        " cannot be blank",
    ];
    /// How one begins.
    const BEGINNINGS: [&str; 4] = [
        "Please enter ",
        "Please select ",
        "Please specify ",
        "Please provide ",
    ];
    let clause = clause.trim();
    let subject = ENDINGS
        .iter()
        .find_map(|ending| clause.split_once(ending).map(|(subject, _)| subject))
        .or_else(|| {
            BEGINNINGS
                .iter()
                .find_map(|beginning| clause.strip_prefix(beginning))
        });
    let Some(subject) = subject else {
        return Vec::new();
    };
    let subject = subject.rsplit(": ").next().unwrap_or(subject);
    subject
        .replace(" and ", ", ")
        .split(',')
        .filter_map(field_name)
        .collect()
}

/// A field's name without articles, quotes and the words around it; nothing if what is left reads
/// like a sentence.
fn field_name(text: &str) -> Option<String> {
    /// More words than this are not a name.
    const WORDS_MAX: usize = 4;
    let mut name = text.trim().trim_matches(['\'', '"', ':', '.']);
    for article in [
        "The ",
        "the ",
        "An ",
        "an ",
        "A ",
        "a ",
        "value for ",
        "field ",
        "Field ",
    ] {
        name = name.strip_prefix(article).unwrap_or(name);
    }
    let name = name
        .strip_suffix(" field")
        .unwrap_or(name)
        .trim_matches(['\'', '"', ' ']);
    (!name.is_empty() && name.split_whitespace().count() <= WORDS_MAX).then(|| name.to_owned())
}
