//! What must hold at the end of every scenario, judged from what the vendors hold.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use halogard_app::ports::{DeadLetter, WorkQueue as _};
use halogard_domain::pair_status::PairStatus;
use halogard_domain::{Link, LinkKey, Message};
use halogard_simulator::halopsa::TicketView;
use halogard_simulator::liongard::AlertView;

use crate::driver::POLL_INTERVAL;
use crate::scenario::Scenario;
use crate::setup::planted;
use crate::transport::LoggedRequest;

/// More dead letters than any scenario leaves behind.
const DEAD_LETTERS_MAX: usize = 10_000;

/// The tickets of an alert, oldest first: those that carry its key, and the one Liongard's own
/// ticketing made. Deleted and merged ones do not count.
#[must_use]
pub fn tickets_of(alert: &AlertView, tickets: &[TicketView]) -> Vec<TicketView> {
    let mine = |ticket: &&TicketView| {
        let there = !ticket.deleted && ticket.merged_into_id == 0;
        let marked = key_of(ticket).is_some_and(|key| key.alert.get() == alert.id.unsigned_abs());
        there && (marked || alert.external_id == Some(ticket.id))
    };
    tickets.iter().filter(mine).cloned().collect()
}

/// The key in a ticket's title.
fn key_of(ticket: &TicketView) -> Option<LinkKey> {
    LinkKey::find_in(&ticket.summary, LinkKey::DEFAULT_PREFIX)
}

/// Whether a person has worked on a ticket.
fn touched(ticket: &TicketView) -> bool {
    let mut actions = ticket.actions.iter();
    ticket.edited_by_person || actions.any(|action| action.application.is_empty())
}

/// Whether the two sides of a pair may stay as they are.
fn agree(alert: &AlertView, ticket: &TicketView) -> bool {
    match (alert.closed, ticket.closed) {
        (true, true) | (false, false) => true,
        // Left to the technician who works on it.
        (true, false) => touched(ticket),
        // Closed in HaloPSA, and the condition still holds. Liongard must have received the closing
        // of a ticket it made itself; the bundle must have noticed a cleared condition.
        (false, true) => alert.external_id.is_none() && !alert.condition_cleared && touched(ticket),
    }
}

impl Scenario {
    /// Works until nothing is left to do, then checks everything that must hold.
    ///
    /// # Panics
    ///
    /// When something does not.
    pub async fn conclude(&mut self) {
        self.run_until_quiet().await;
        self.check().await;
    }

    /// [`Scenario::conclude`] without waiting first.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub async fn check(&mut self) {
        let problems = self.disagreements().await;
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        self.expect_at_most_one_ticket_per_alert();
        self.expect_no_window_over_the_limit();
        self.expect_no_further_writes().await;
        let letters = self.dead_letters().await;
        assert!(
            self.expects_dead_letters || letters.is_empty(),
            "unexpected dead letters: {letters:#?}"
        );
        self.expect_no_secret(&letters);
    }

    /// Everything in which the two sides differ and should not: one sentence each.
    pub async fn disagreements(&self) -> Vec<String> {
        let tickets = self.halo.tickets();
        let dead_lettered = self.dead_lettered_alerts().await;
        let mut problems = Vec::new();
        for alert in self.liongard.alerts() {
            if self.excused.contains(&alert.id) {
                continue;
            }
            let own = tickets_of(&alert, &tickets);
            match own.last() {
                Some(ticket) if agree(&alert, ticket) => {}
                // Open for the others that share it.
                Some(ticket) if !ticket.closed && self.leads_open_alerts(alert.id).await => {}
                Some(ticket) => problems.push(format!(
                    "alert {} is {:?}, remedied: {}; its ticket {} is closed: {}, touched: {}; {:?}",
                    alert.id,
                    alert.status,
                    alert.condition_cleared,
                    ticket.id,
                    ticket.closed,
                    touched(ticket),
                    self.link(alert.id).await,
                )),
                None if alert.closed || !alert.visible || dead_lettered.contains(&alert.id) => {}
                None => match self.pair_status(alert.id).await {
                    Some(PairStatus::Parked(_) | PairStatus::InStorm) => {}
                    other => problems.push(format!("alert {} is lost: {other:?}", alert.id)),
                },
            }
        }
        problems
    }

    /// Whether alerts that are open share the ticket of `alert`.
    async fn leads_open_alerts(&self, alert: i64) -> bool {
        let link = self.link(alert).await;
        let lead = link.as_ref().and_then(Link::leader_state);
        lead.is_some_and(|lead| lead.summary.open > 0)
    }

    /// Alerts that ended among the dead letters, with a reason.
    async fn dead_lettered_alerts(&self) -> BTreeSet<i64> {
        let letters = self.dead_letters().await;
        let with_reason = letters.iter().filter(|letter| !letter.reason.is_empty());
        with_reason
            .filter_map(|letter| serde_json::from_str(&letter.body).ok())
            .filter_map(|message| match message {
                Message::ReconcileAlert { alert, .. } => i64::try_from(alert.get()).ok(),
                _ => None,
            })
            .collect()
    }

    /// A hash of everything that happened: requests and answers, journal entries, and the state of
    /// both vendors.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for call in self.requests.all() {
            let LoggedRequest {
                place,
                at,
                method,
                target,
                body,
                status,
            } = call;
            (place, at, method.as_str(), target, &body[..], status).hash(&mut hasher);
        }
        format!("{:?}", self.store_activity.journal()).hash(&mut hasher);
        format!("{:?}", self.halo.tickets()).hash(&mut hasher);
        format!("{:?}", self.liongard.alerts()).hash(&mut hasher);
        hasher.finish()
    }

    /// The messages no worker could process.
    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let letters = self.process().store.dead_letters(DEAD_LETTERS_MAX).await;
        letters.expect("the store works")
    }

    /// No key is in two tickets, and no alert has two open ones.
    fn expect_at_most_one_ticket_per_alert(&self) {
        let tickets = self.halo.tickets();
        let mut by_key: BTreeMap<LinkKey, Vec<i64>> = BTreeMap::new();
        for ticket in tickets.iter().filter(|ticket| !ticket.deleted) {
            if let Some(key) = key_of(ticket) {
                by_key.entry(key).or_default().push(ticket.id);
            }
        }
        for (key, ids) in by_key {
            assert_eq!(ids.len(), 1, "{key} is in tickets {ids:?}");
        }
        for alert in self.liongard.alerts() {
            let own = tickets_of(&alert, &tickets);
            let open: Vec<i64> = own
                .iter()
                .filter(|ticket| !ticket.closed)
                .map(|ticket| ticket.id)
                .collect();
            assert!(open.len() <= 1, "alert {} has {open:?} open", alert.id);
        }
    }

    /// HaloPSA counted no window above the limit.
    fn expect_no_window_over_the_limit(&self) {
        let most = self.halo.stats().traffic.window_max;
        let limit = usize::try_from(self.setup.limit.requests_max).unwrap_or(usize::MAX);
        assert!(
            most <= limit,
            "{most} requests in a window of 300 s, {limit} allowed"
        );
    }

    /// Two more reads of both sides lead to nothing: our own writes are not news.
    async fn expect_no_further_writes(&mut self) {
        let before = (self.writes(), self.liongard.stats().ad_hoc_runs);
        let rounds = self.due.whole_rounds;
        while self.due.whole_rounds < rounds + 2 {
            self.run_for(POLL_INTERVAL).await;
        }
        let after = (self.writes(), self.liongard.stats().ad_hoc_runs);
        assert_eq!(before, after, "something was written although all is quiet");
    }

    /// Nothing that was planted stands where people look.
    fn expect_no_secret(&self, letters: &[DeadLetter]) {
        let mut secrets: Vec<String> = planted::ALL.map(str::to_owned).to_vec();
        secrets.extend(self.requests.bearers());
        let journal = format!("{:?}", self.store_activity.journal());
        let reasons: String = letters
            .iter()
            .map(|letter| letter.reason.as_str())
            .collect();
        let places = [
            ("the log", self.logs.text()),
            ("the journal", journal),
            ("a dead letter's reason", reasons),
        ];
        for secret in secrets {
            for (place, text) in &places {
                let found = text.find(&secret).map(|at| {
                    let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                    text[from..].lines().next().unwrap_or_default().to_owned()
                });
                assert!(found.is_none(), "{secret} is in {place}: {found:?}");
            }
        }
    }
}
