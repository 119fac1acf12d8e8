//! Day one of a customer: since when its alerts get tickets, and how many were already open.

use std::collections::BTreeSet;

use halogard_domain::config_history::ConfigInForce;
use halogard_domain::ids::EnvironmentId;
use halogard_domain::record::Singleton;
use halogard_domain::start::{Arrival, CustomerStarts, UNDECIDED_MAX};
use halogard_domain::{Alert, Link, Policy};
use tracing::{info, warn};

use crate::env::Env;
use crate::outcome::OperatorNotice;
use crate::ports::prelude::*;
use crate::ports::{LinkFilter, PortError, SaveError};
use crate::reconciler::Reconciler;
use crate::recovery::PAGE;

impl<E: Env> Reconciler<E> {
    /// When the alert of `link` came; `None` where its customer is not noted yet.
    pub(crate) async fn arrival_of(&self, link: &Link) -> Result<Option<Arrival>, PortError> {
        let Some(alert) = &link.observed_alert else {
            return Ok(None);
        };
        let starts = self.store.load_record::<CustomerStarts>(&Singleton).await?;
        Ok(starts.value.arrival(alert))
    }

    /// Notes that the alerts of the policy's customers get tickets from now on, unless they did before, and how
    /// many alerts wait for the operator's choice. Before a poll reads any of them.
    pub(crate) async fn begin_customers(&self) -> Result<(), PortError> {
        let fingerprint = self.policy_fingerprint();
        if self.starts.is(|starts| starts.policy == fingerprint) {
            return Ok(());
        }
        let stored = self.starts.load(&self.store).await?.value;
        if stored.policy == fingerprint {
            return Ok(());
        }
        let (policy, now) = (self.policy(), self.clock.now());
        // A customer that is set aside because its mapping has a problem has begun all the same.
        let configured = self.store.load_record::<ConfigInForce>(&Singleton).await?;
        let configured = configured.value.policy;
        let set_aside = configured.iter().flat_map(|it| it.environments.keys());
        let customers: BTreeSet<EnvironmentId> = policy
            .environments
            .keys()
            .chain(set_aside)
            .copied()
            .collect();
        let mut begun = stored;
        begun.begin(customers.iter().copied(), now);
        let undecided = self.count_undecided_links(&policy, &begun).await?;
        self.update_starts(|starts| {
            starts.begin(customers.iter().copied(), now);
            starts.undecided = undecided;
            starts.policy = fingerprint;
        })
        .await?;
        say_if_undecided(undecided);
        Ok(())
    }

    /// Notes how many alerts of a first poll wait for the operator's choice.
    pub(crate) async fn note_undecided(&self, undecided: u32) -> Result<(), PortError> {
        self.update_starts(|starts| starts.undecided = undecided)
            .await?;
        say_if_undecided(undecided);
        Ok(())
    }

    /// How many alerts that wait came before their customers' alerts got tickets, and wait for the operator's
    /// choice.
    async fn count_undecided_links(
        &self,
        policy: &Policy,
        starts: &CustomerStarts,
    ) -> Result<u32, PortError> {
        let mut count = 0;
        let mut after = None;
        loop {
            let links = self.store.list(LinkFilter::Parked, after, PAGE).await?;
            let Some(last) = links.last() else {
                return Ok(count);
            };
            after = Some(last.alert);
            let seen = links.iter().filter_map(|link| link.observed_alert.as_ref());
            let waiting = seen.filter(|alert| starts.is_undecided(alert, policy));
            count += u32::try_from(waiting.count()).unwrap_or(u32::MAX);
        }
    }

    /// Applies `change` to the customers' first days. Saves only a difference.
    async fn update_starts(
        &self,
        change: impl Fn(&mut CustomerStarts) + Send,
    ) -> Result<(), PortError> {
        match self.starts.update(&self.store, change).await {
            // Other workers keep saving, and what they save is the same.
            Ok(()) | Err(SaveError::Conflict) => Ok(()),
            Err(SaveError::Store(error)) => Err(error),
        }
    }
}

/// Counts, in a first poll, the alerts that wait for the operator's choice, and keeps the first of them back until
/// it is known whether there are too many.
#[derive(Default)]
pub(crate) struct FirstPollCount {
    /// How many there are so far.
    pub(crate) undecided: u32,
    kept_back: Vec<Alert>,
}

impl FirstPollCount {
    /// Counts `alert`, which waits for the choice. What is news goes to `queue`, once it need not be kept back.
    pub(crate) fn take(&mut self, alert: Alert, is_news: bool, queue: impl FnMut(Alert)) {
        self.undecided = self.undecided.saturating_add(1);
        self.kept_back.extend(is_news.then_some(alert));
        if self.is_too_many() {
            self.kept_back.drain(..).for_each(queue);
        }
    }

    /// Whether the operator must choose.
    pub(crate) const fn is_too_many(&self) -> bool {
        self.undecided > UNDECIDED_MAX
    }

    /// What was kept back goes to `queue`.
    pub(crate) fn end(self, queue: impl FnMut(Alert)) {
        self.kept_back.into_iter().for_each(queue);
    }
}

/// Says that the operator must choose, if so.
fn say_if_undecided(undecided: u32) {
    if undecided > UNDECIDED_MAX {
        warn!(
            undecided,
            outcome = OperatorNotice::StartUndecided.as_str(),
            "many alerts were open before their customers got tickets; none of them gets one until the config says \
             which: [start] tickets_for = \"all\", \"new alerts only\" or \"since 2026-11-01\". All others do"
        );
    } else if undecided > 0 {
        info!(
            undecided,
            "alerts that were open before their customers got tickets get tickets as well"
        );
    }
}
