//! What an invocation came to, as metrics.

use halogard_app::ports::Unreadable;
use halogard_app::process::Processed;
use halogard_domain::Message;
use halogard_domain::message::Cause;
use halogard_runtime::metrics::Metrics;

use crate::instance::NotReady;

/// Counts of one invocation. Each is a metric; those that stayed zero are not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvocationMetrics {
    /// Tickets opened.
    pub tickets_opened: u64,
    /// Pairs closed because their alert is over.
    pub alerts_closed: u64,
    /// Changes of tickets that came back as news and said nothing more than the pair knew.
    pub echoes: u64,
    /// Webhooks that were worked off before.
    pub duplicates: u64,
    /// Writes of which it is not known whether they took effect.
    pub in_doubt: u64,
    /// Looks that broke off because HaloPSA or Liongard asked for fewer requests, or the budget was
    /// spent.
    pub throttled: u64,
    /// Messages put among the dead letters.
    pub dead_lettered: u64,
    /// Invocations that did nothing, because no config was applied.
    pub not_configured: u64,
    /// Invocations that did nothing, because settings, secrets or the config could not be had.
    pub set_up_failed: u64,
}

impl InvocationMetrics {
    /// Counts what became of `message`: everything that was done, not only the last of it.
    pub fn count(&mut self, message: &Result<Message, Unreadable>, processed: &Processed) {
        for word in processed.words() {
            self.count_word(message, word);
        }
    }

    fn count_word(&mut self, message: &Result<Message, Unreadable>, word: &str) {
        let counter = match word {
            "opened" => &mut self.tickets_opened,
            "closed" => &mut self.alerts_closed,
            "duplicate" => &mut self.duplicates,
            "in_sync" if is_news_of_a_ticket(message) => &mut self.echoes,
            "in_doubt" => &mut self.in_doubt,
            "throttled" | "budget_exhausted" => &mut self.throttled,
            "unreadable" | "refused" | "failed" | "attempts_exhausted" => &mut self.dead_lettered,
            _ => return,
        };
        *counter += 1;
    }

    /// Counts an invocation in which nothing can be done.
    pub const fn defer_all(&mut self, why: &NotReady) {
        match why {
            NotReady::NotConfigured => self.not_configured += 1,
            NotReady::Config(_) | NotReady::SetUp(_) => self.set_up_failed += 1,
        }
    }

    /// The metrics of `function`.
    #[must_use]
    pub fn metrics(&self, function: &'static str) -> Metrics {
        let counts = [
            ("TicketsOpened", self.tickets_opened),
            ("AlertsClosed", self.alerts_closed),
            ("Echoes", self.echoes),
            ("Duplicates", self.duplicates),
            ("InDoubt", self.in_doubt),
            ("Throttled", self.throttled),
            ("DeadLettered", self.dead_lettered),
            ("NotConfigured", self.not_configured),
            ("SetUpFailed", self.set_up_failed),
        ];
        counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .fold(Metrics::new(function), |metrics, (name, count)| {
                metrics.count(name, count)
            })
    }
}

/// Whether a webhook or a sweep said that a ticket has changed.
fn is_news_of_a_ticket(message: &Result<Message, Unreadable>) -> bool {
    matches!(
        message,
        Ok(Message::ReconcileTicket {
            cause: Cause::Webhook { .. } | Cause::Sweep,
            ..
        })
    )
}

#[cfg(test)]
mod tests {
    use halogard_domain::ids::AlertId;

    use super::*;

    #[test]
    fn a_look_that_opened_and_closed_counts_as_both() {
        let message = Ok(Message::reconcile_alert(AlertId::new(7586), Cause::Poll));
        let mut metrics = InvocationMetrics::default();
        let processed = Processed {
            outcome: "closed",
            actions: vec!["opened", "noted", "closed"],
            pause_until: None,
        };
        metrics.count(&message, &processed);
        // It closed, and then the queue could not be told.
        let processed = Processed {
            outcome: "throttled",
            actions: vec!["closed"],
            pause_until: None,
        };
        metrics.count(&message, &processed);
        let expected = InvocationMetrics {
            tickets_opened: 1,
            alerts_closed: 2,
            throttled: 1,
            ..InvocationMetrics::default()
        };
        assert_eq!(metrics, expected);
    }
}
