//! Sets of switches: plausible tenants.

use super::{Switch, switches};

/// The switches of one tenant.
#[derive(Clone, Copy, Debug)]
pub struct DialectSet {
    /// Its name on the command line.
    pub name: &'static str,
    /// Which tenant it is.
    pub description: &'static str,
    /// The names of its switches.
    names: &'static [&'static str],
}

impl DialectSet {
    /// Its switches.
    pub fn switches(&self) -> impl Iterator<Item = &'static Switch> + use<'_> {
        let all = switches();
        let names = self.names.iter();
        names.filter_map(move |name| all.iter().find(|switch| switch.name == *name).copied())
    }
}

/// Every set.
#[must_use]
pub const fn sets() -> &'static [DialectSet] {
    SETS
}

/// The sets.
const SETS: &[DialectSet] = &[
    DialectSet {
        name: "reference",
        description: "what the documents and most reports say: no switch",
        names: &[],
    },
    DialectSet {
        name: "strict",
        description: "refuses whatever may be refused",
        names: &[
            "closed-list-of-ints",
            "limit-60-in-1-min",
            "strict-update",
            "missing-400",
            "must-assign-wording",
            "invalid-client-400",
            "single-answer-array",
            "webhook-basic-only",
            "webhook-auto-disable",
            "record-slash-404",
            "missing-alert-404",
            "run-refused-while-running",
        ],
    },
    DialectSet {
        name: "on-premises",
        description: "an instance of the MSP's own, some versions behind",
        names: &[
            "no-instance-info",
            "no-tenant",
            "no-limit",
            "update-until-ignored",
            "like-search",
            "details-search-ignored",
            "single-answer-array",
            "write-status-200",
            "null-lists",
            "float-ids",
            "returnall-ignored",
            "array-keeps-earlier",
            "any-page-size",
            "parallel-creates",
            "webhook-basic-only",
            "webhook-not-for-api",
            "webhooks-without-admin",
            "redirect-every-get",
        ],
    },
    DialectSet {
        name: "observed-a",
        description: "the live tenant behind a published help-desk automation",
        names: &[
            "closed-list-of-ints",
            "untriaged-dropped",
            "read-lag",
            "status-clears-agent",
            "close-unassigned",
            "team-by-id",
            "note-not-from-html",
            "limit-500-in-3-min",
            "webhook-event-only",
        ],
    },
    DialectSet {
        name: "observed-b",
        description: "the large live tenant whose probe output is published",
        names: &[
            "closed-list-of-ints",
            "limit-700-in-5-min",
            "orderdesc-one-ascending",
            "not-closed-is-null",
            "datesearch-ignored",
            "single-answer-array",
            "write-status-200",
            "webhook-batches",
            "records-as-objects",
            "timeline-unfiltered",
        ],
    },
    DialectSet {
        name: "worst",
        description: "every reading that makes work harder, at the same time",
        names: &[
            "no-instance-info",
            "closed-list-of-ints",
            "datesearch-ignored",
            "like-search",
            "search-open-only",
            "untriaged-late",
            "actions-capped",
            "record-count-larger",
            "orderdesc-one-ascending",
            "unordered-oldest-first",
            "deleted-included",
            "limit-60-in-1-min",
            "status-clears-agent",
            "single-answer-array",
            "write-status-200",
            "float-ids",
            "strict-update",
            "null-lists",
            "missing-400",
            "no-merged-into",
            "not-closed-is-null",
            "rows-without-last-update",
            "list-lag",
            "read-lag",
            "returnall-ignored",
            "array-keeps-earlier",
            "team-by-id",
            "note-not-from-html",
            "details-html-ignored",
            "must-assign-wording",
            "reopened-is-not-closed",
            "webhook-hmac-prefixed",
            "webhook-put",
            "webhook-trailing-slash",
            "webhook-event-only",
            "webhook-batches",
            "webhook-short-names",
            "webhook-auto-disable",
            "webhook-retries",
            "webhook-write-replaces",
            "webhook-list-without-addresses",
            "tasks-in-lower-data",
            "closed-alerts-unlisted",
            "record-slash-404",
            "missing-alert-404",
            "reserved-words",
            "foreign-external-id",
            "timeline-unfiltered",
            "run-answer-empty",
            "run-without-exit-code",
            "run-refused-while-running",
            "relative-redirects",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_names_switches_that_exist_one_for_each_fact() {
        for set in SETS {
            let switches: Vec<_> = set.switches().collect();
            assert_eq!(switches.len(), set.names.len(), "{}", set.name);
            let mut facts: Vec<_> = switches.iter().map(|switch| switch.fact).collect();
            facts.sort_unstable();
            facts.dedup();
            assert_eq!(facts.len(), switches.len(), "{}", set.name);
        }
    }
}
