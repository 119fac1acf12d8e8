//! Whose fault a failed inspection is, by what it said.

use halogard_domain::runs::RunEnd;
use serde::Serialize;

/// Whose fault a failed inspection seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InspectorFault {
    /// Liongard did not start it.
    NotStarted,
    /// The credential that the inspector itself uses.
    Credential,
    /// A right that the inspector's credential lacks.
    Right,
    /// The inspected system did not answer.
    Unreachable,
    /// The inspected system asked for fewer requests.
    Throttled,
    /// It took too long.
    Timeout,
    /// What was said does not show it.
    Unknown,
}

/// Words by which a fault is known, in small letters; the first that occurs decides.
const WORDS: [(InspectorFault, &[&str]); 5] = [
    (
        InspectorFault::Throttled,
        &["429", "too many requests", "rate limit"],
    ),
    (
        InspectorFault::Credential,
        &[
            "invalid_client",
            "invalid_grant",
            "401",
            "unauthorized",
            "unauthorised",
            "credential",
            "client secret",
            "password",
            "access token",
            "authentication",
        ],
    ),
    (
        InspectorFault::Right,
        &["403", "forbidden", "permission", "access denied", "scope"],
    ),
    (
        InspectorFault::Timeout,
        &["timed out", "timeout", "time out", "did not end within"],
    ),
    (
        InspectorFault::Unreachable,
        &[
            "enotfound",
            "econnrefused",
            "econnreset",
            "ehostunreach",
            "getaddrinfo",
            "unreachable",
            "502",
            "503",
            "504",
            "certificate",
        ],
    ),
];

impl InspectorFault {
    /// The fault of a run that ended as `end`; `None` when it succeeded.
    #[must_use]
    pub fn of_end(end: &RunEnd) -> Option<Self> {
        let said = end.said.as_deref()?;
        Some(if end.not_started {
            Self::NotStarted
        } else {
            Self::of(said)
        })
    }

    /// The fault that `said`, an exit message, shows.
    #[must_use]
    pub fn of(said: &str) -> Self {
        let said = said.to_lowercase();
        let shows = |word: &str| {
            if !word.bytes().all(|byte| byte.is_ascii_digit()) {
                return said.contains(word);
            }
            // A number counts alone, not within a longer one.
            said.split(|letter: char| !letter.is_ascii_alphanumeric())
                .any(|part| part == word)
        };
        let mut known = WORDS.into_iter();
        let found = known.find(|(_, words)| words.iter().any(|word| shows(word)));
        found.map_or(Self::Unknown, |(fault, _)| fault)
    }

    /// The fault in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotStarted => "Liongard did not start the inspection",
            Self::Credential => {
                "Liongard's own credential for the inspected system, not Halogard's"
            }
            Self::Right => "a right that Liongard's own credential lacks, not Halogard's",
            Self::Unreachable => "the inspected system did not answer Liongard",
            Self::Throttled => "the inspected system asked Liongard for fewer requests",
            Self::Timeout => "the inspection took too long",
            Self::Unknown => "its message does not show whose fault it is",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotStarted => {
                "in Liongard open Admin > Inspectors: the launchpoint must exist and be enabled, and the role of \
                 Halogard's access key must be allowed to run it"
            }
            Self::Credential => {
                "in Liongard open Admin > Inspectors > the launchpoint, enter the credential anew, and test it there"
            }
            Self::Right => {
                "give the account of Liongard's inspector the right that its message names, in the inspected system"
            }
            Self::Unreachable => {
                "look whether the inspected system runs, and whether Liongard or its agent may reach it"
            }
            Self::Throttled => {
                "let other integrations of the inspected system ask less, or run the inspection later"
            }
            Self::Timeout | Self::Unknown => {
                "in Liongard open Admin > Inspectors > the launchpoint > Timeline: the log of the run says more"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_messages_show_whose_fault_it_is() {
        for (said, fault) in [
            (
                "exit code 1: Request failed with status code 401",
                InspectorFault::Credential,
            ),
            (
                "exit code 1: {\"error\":\"invalid_client\"}",
                InspectorFault::Credential,
            ),
            (
                "exit code 2: Client Secret has expired",
                InspectorFault::Credential,
            ),
            ("exit code 1: 403 Forbidden", InspectorFault::Right),
            (
                "exit code 1: missing scope read:tickets",
                InspectorFault::Right,
            ),
            (
                "exit code 1: getaddrinfo ENOTFOUND acme.halopsa.com",
                InspectorFault::Unreachable,
            ),
            (
                "exit code 1: 503 Service Unavailable",
                InspectorFault::Unreachable,
            ),
            ("exit code 1: HTTP 429", InspectorFault::Throttled),
            (
                "no exit code: ETIMEDOUT, connection timed out",
                InspectorFault::Timeout,
            ),
            ("exit code 40312", InspectorFault::Unknown),
            ("exit code 1", InspectorFault::Unknown),
            ("", InspectorFault::Unknown),
        ] {
            assert_eq!(InspectorFault::of(said), fault, "{said}");
        }
    }
}
