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

use super::{PairSession, ReconcileError};
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
    /// Links the ticket of another installation to an alert that has none: one ticket is enough. The other
    /// installation keeps it in sync, and this one writes nothing to it.
    pub(super) async fn share_with_rival(
        &self,
        found: &KeyedTicket,
        session: &mut PairSession<'_>,
    ) -> Result<(), ReconcileError> {
        if let Some(rival) = session.seen_rival.take()
            && session.link.ticket.is_none()
            && self.verdict(found, StoreHistory::New, session).await? == AdoptionVerdict::Ours
        {
            session.adopt(found);
            session.link.rival = Some(rival);
            session.record(self.clock.now(), Action::FoundByKey, None);
        }
        Ok(())
    }

    /// The other installation that opened `found` with our application, after this store knew every ticket of its
    /// predecessor; `None` where it was not another one, or nothing says so. Remembers it.
    pub(super) async fn installation_of(
        &self,
        found: &KeyedTicket,
    ) -> Result<Option<InstallationId>, ReconcileError> {
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
            return Ok(None);
        }
        let Some(opening) = self.opening_note(ticket).await? else {
            return Ok(None);
        };
        if opening.author != NoteAuthor::Halogard {
            return Ok(None);
        }
        let prefix = &found.key.key.prefix;
        let mut references = Reference::all_in(&opening.text, prefix);
        if references.is_empty()
            && let Some(texts) = self.desk.read_texts(ticket).await?
        {
            let details = texts.details.iter();
            references.extend(details.flat_map(|text| Reference::all_in(text, prefix)));
        }
        // Ours stands at the end, after what the alert says. A key that was pasted into the title says nothing.
        let reference = references
            .pop()
            .filter(|it| it.key.key.alert == found.key.key.alert);
        let Some(installation) = reference.and_then(|it| it.installation) else {
            return Ok(None);
        };
        let own = self.identity().await?.id;
        let former = &self.policy().former_installations;
        let is_former = former.iter().any(|id| id == installation.as_str());
        // A person may have changed the proof in a title of ours.
        if installation == own || is_former {
            return Ok(None);
        }
        let rival = Rival {
            installation: Some(installation.clone()),
            ticket,
            seen_at: now,
        };
        self.update_continuity(|continuity| continuity.observe_rival(rival.clone(), former))
            .await?;
        Ok(Some(installation))
    }
}
