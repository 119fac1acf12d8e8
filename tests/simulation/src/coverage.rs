//! What really happened in a run: each fault, each act and each branch that the simulation is meant to
//! reach. One that is never reached tests nothing.

use std::collections::BTreeMap;

/// How often each thing happened, by its name.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// It happened.
    pub fn reached(&mut self, what: &str) {
        self.add(what, 1);
    }

    /// It happened `times`.
    pub fn add(&mut self, what: &str, times: u64) {
        match self.0.get_mut(what) {
            Some(count) => *count += times,
            None => {
                self.0.insert(what.to_owned(), times);
            }
        }
    }

    /// Adds what happened in another run.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// Everything, in order.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

/// What a long run reaches at least once. The run fails if it does not.
pub const EXPECTED: &[&str] = &[
    "crash: program",
    "crash: poller",
    "crash: urgent worker",
    "crash: bulk worker",
    "crash: runs worker",
    "crash: intake",
    "crash: before a request",
    "crash: after a request",
    "crash: around a store access",
    "store: throttled",
    "store: answer lost",
    "queue: doubled",
    "queue: delayed",
    "queue: delivered again while processed",
    "request: timed out before its effect",
    "request: timed out after its effect",
    "request: slow",
    "list: odd row",
    "intervention: just before a write",
    "webhook: delivered",
    "webhook: refused for a while",
    "webhook: intake down",
    "clock: step of the machine",
    "clock: HaloPSA's set",
    "store: restored from a backup",
    "store: lost",
    "credential: replaced",
    "policy: mapping removed",
    "policy: mapping added",
    "vendor: HaloPSA away",
    "vendor: Liongard away",
    "vendor: credential revoked",
    "vendor: others use the limit",
    "journal: opened",
    "journal: found_by_key",
    "ticket: closed by the bundle",
    "ticket: reopened by the bundle",
    "note: written by the bundle",
    "person: acts before the ticket is a minute old",
    "person: merged",
    "person: deleted",
    "person: restored",
    "person: moved to another client",
    "person: renamed",
    "person: closed",
    "person: reopened",
    "person: opens a ticket with our key",
    "rule: closed a ticket",
    "alert: closed",
    "alert: raised again",
    "alert: unknown word",
    "end: left to the technician",
    "end: resolved in HaloPSA only",
    "end: parked",
    "end: shares a ticket",
    "end: ticket deleted",
];
