//! Another installation that opens tickets with our application: recognising it, and sharing its ticket.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::adoption::{AdoptionVerdict, StoreHistory};
use halogard_domain::continuity::{Rival, StoreContinuity};
use halogard_domain::key::{InstallationId, Reference};
use halogard_domain::record::Singleton;
use halogard_domain::ticket::NoteAuthor;

use super::{Adoption, PairSession, ReconcileError};
use crate::env::Env;
use crate::outcome::Action;
use crate::ports::KeyedTicket;
use crate::ports::prelude::*;
use crate::reconciler::Reconciler;

/// Limits the requests that ask whether another installation opened a ticket: anyone can write titles.
#[derive(Default)]
pub(crate) struct RivalChecks(Mutex<VecDeque<Timestamp>>);

impl RivalChecks {
    /// Tickets that are asked about in any [`Self::WINDOW`].
    const MOST: usize = 10;

    /// See [`Self::MOST`].
    const WINDOW: Duration = Duration::from_secs(300);

    /// Whether one more may be asked about at `now`.
    fn admit(&self, now: Timestamp) -> bool {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|at| now.is_within(Self::WINDOW, *at));
        let admits = made.len() < Self::MOST;
        if admits {
            made.push_back(now);
        }
        admits
    }
}

impl<E: Env> Reconciler<E> {
    /// Links the ticket of another installation to an alert that has none: one ticket is enough, whichever
    /// installation goes on.
    pub(super) async fn share_with_rival(
        &self,
        found: &KeyedTicket,
        reported: Adoption,
        session: &mut PairSession<'_>,
    ) -> Result<(), ReconcileError> {
        let is_rivals = reported == Adoption::Reported(Action::SecondInstallation);
        if is_rivals
            && session.link.ticket.is_none()
            && self.verdict(found, StoreHistory::New, session).await? == AdoptionVerdict::Ours
        {
            session.adopt(found);
            session.record(self.clock.now(), Action::FoundByKey, None);
        }
        Ok(())
    }

    /// Whether another installation opened `found` with our application, after this store knew every ticket
    /// of its predecessor. Remembers it if so.
    pub(super) async fn is_by_another_installation(
        &self,
        found: &KeyedTicket,
    ) -> Result<bool, ReconcileError> {
        let ticket = found.ticket.id;
        let continuity = self
            .store
            .load_record::<StoreContinuity>(&Singleton)
            .await?;
        let now = self.clock.now();
        if found.key.proof.is_none()
            || !continuity.value.may_show_a_rival(ticket)
            || !self.rival_checks.admit(now)
        {
            return Ok(false);
        }
        let Some(opening) = self.opening_note(ticket).await? else {
            return Ok(false);
        };
        if opening.author != NoteAuthor::Halogard {
            return Ok(false);
        }
        let prefix = &found.key.key.prefix;
        let mut references = Reference::all_in(&opening.text, prefix);
        if references.is_empty()
            && let Some(texts) = self.desk.read_texts(ticket).await?
        {
            let details = texts.details.iter();
            references.extend(details.flat_map(|text| Reference::all_in(text, prefix)));
        }
        let same = |it: &Reference| it.key.key == found.key.key;
        let reference = references.into_iter().find(same);
        let installation = reference.and_then(|it| it.installation);
        let own = self.identity().await?.id;
        // A person may have changed the proof in a title of ours.
        if installation.as_ref() == Some(&own) {
            return Ok(false);
        }
        let former = &self.policy().former_installations;
        let is_former = |id: &InstallationId| former.iter().any(|it| it == id.as_str());
        if installation.as_ref().is_some_and(is_former) {
            return Ok(false);
        }
        let rival = Rival {
            installation,
            ticket,
            seen_at: now,
        };
        self.update_continuity(|continuity| continuity.observe_rival(rival.clone(), former))
            .await?;
        Ok(true)
    }
}
