//! Looking at one pair: load what is known, plan, carry out, remember.

pub(crate) mod gather;
mod steps;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Cause;
use halogard_domain::standing::{Standing, standing};
use halogard_domain::{Alert, FailureClass, Link, LinkKey, Policy, Ticket, Timestamp, plan};

use self::gather::Gather;
use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Entry, PortError, Revision, SaveError, TicketDesk};

/// What a look at a pair led to.
#[derive(Debug)]
pub enum Looked {
    /// Nothing is missing any more, or nothing was, such as for an echo of our own write.
    Done,
    /// There is something to wait for; not a failure.
    Later(Timestamp),
    /// The desk refused a write for good; why, in its own words.
    Refused(String),
    /// It concerns no pair of ours.
    NotOurs,
}

/// Why a look broke off.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// A port failed; its class says what may follow.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Somebody else kept writing the same pair.
    #[error("somebody else kept writing this pair")]
    Contended,
    /// Planning after carrying out the plan still found something to do.
    #[error("the plan for this pair does not settle")]
    Unsettled,
}

impl From<SaveError> for LookError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict => Self::Contended,
            SaveError::Store(error) => Self::Port(error),
        }
    }
}

/// How often a look starts over because somebody else wrote the pair meanwhile.
pub(crate) const CONTENTIONS_MAX: usize = 5;

/// How often a pair is planned in one look: the longest way is claim, find, open, agree, run.
const ROUNDS_MAX: usize = 8;

/// The cause of a look that follows an inspector's run.
const RUN_ENDED: &str = Cause::RunEnded { succeeded: true }.word();

/// One pair under our hands.
struct Hold<'a> {
    link: Link,
    revision: Revision,
    /// The link as it is stored, to save changes only.
    stored: Option<Link>,
    policy: &'a Policy,
    /// The looks whose writes go out together with this one's.
    gather: &'a Gather,
    cause: &'static str,
    did: Vec<&'static str>,
    story: Vec<Entry>,
}

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Looks at an alert and its ticket; adds a word for each thing it does to `did`, however it ends.
    /// Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`LookError`]; nothing is lost by repeating the look later.
    pub(crate) async fn look_at_alert(
        &self,
        alert: AlertId,
        news: Option<&Alert>,
        cause: &Cause,
        gather: &Gather,
        did: &mut Vec<&'static str>,
    ) -> Result<Looked, LookError> {
        let policy = self.policy();
        for _ in 0..CONTENTIONS_MAX {
            let mut hold = self.take_hold(alert, &policy, gather, cause).await?;
            if let Some(news) = news {
                hold.link.hear_alert(news.clone());
            } else if hold.link.alert_seen.is_none() || matches!(cause, Cause::RunEnded { .. }) {
                match self.liongard.read(alert).await? {
                    Some(alert) => hold.link.hear_alert(alert),
                    None if hold.link.alert_seen.is_none() => return Ok(Looked::NotOurs),
                    // No longer listed is not closed.
                    None => {}
                }
            }
            if *cause == Cause::Operator {
                hold.link.refused = None;
            }
            if let (Cause::RunEnded { .. }, Some(follow)) = (cause, &mut hold.link.follow) {
                follow.ended = follow.asked.min(follow.ended + 1);
            }
            match self.pursue(hold, did).await {
                Err(LookError::Contended) => {}
                settled => return settled,
            }
        }
        Err(LookError::Contended)
    }

    /// Looks at a ticket and its alert, as was asked for at `asked_at`; adds a word for each thing it
    /// does to `did`, however it ends. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`LookError`]; nothing is lost by repeating the look later.
    pub(crate) async fn look_at_ticket(
        &self,
        ticket: TicketId,
        news: Option<&Ticket>,
        cause: &Cause,
        asked_at: Timestamp,
        gather: &Gather,
        did: &mut Vec<&'static str>,
    ) -> Result<Looked, LookError> {
        let policy = self.policy();
        for _ in 0..CONTENTIONS_MAX {
            let Some(alert) = self.store.owner(ticket).await? else {
                return self.adopt_marked(ticket, news, &policy, did).await;
            };
            let mut hold = self.take_hold(alert, &policy, gather, cause).await?;
            if hold.link.ticket != Some(ticket) {
                // An earlier ticket of the alert: its story is over.
                return Ok(Looked::NotOurs);
            }
            match news {
                Some(news) => hold.link.hear_ticket(news.clone()),
                None if hold.has_read_since(asked_at, cause) => {}
                None => self.read_ticket(&mut hold, ticket).await?,
            }
            match self.pursue(hold, did).await {
                Err(LookError::Contended) => {}
                settled => return settled,
            }
        }
        Err(LookError::Contended)
    }

    /// A ticket nobody remembers, but which may carry our key: the store was lost, or the answer to
    /// its opening was.
    async fn adopt_marked(
        &self,
        id: TicketId,
        news: Option<&Ticket>,
        policy: &Policy,
        did: &mut Vec<&'static str>,
    ) -> Result<Looked, LookError> {
        let Some(ticket) = news.filter(|news| news.id == id) else {
            return Ok(Looked::NotOurs);
        };
        let Some(key) = LinkKey::find_in(&ticket.summary, &policy.key_prefix) else {
            return Ok(Looked::NotOurs);
        };
        if !self.adopt(&key, ticket, policy).await? {
            return Ok(Looked::NotOurs);
        }
        did.push("found");
        Ok(Looked::Done)
    }

    /// Makes `ticket`, which carries `key`, the ticket of its alert, unless that has one. Safe to
    /// repeat.
    pub(crate) async fn adopt(
        &self,
        key: &LinkKey,
        ticket: &Ticket,
        policy: &Policy,
    ) -> Result<bool, LookError> {
        // It writes nothing to the desk.
        let gather = Gather::of(1, 1);
        for _ in 0..CONTENTIONS_MAX {
            let mut hold = self
                .take_hold(key.alert, policy, &gather, &Cause::Sweep)
                .await?;
            let known = hold.link.ticket.is_some() && hold.link.recurrence >= key.recurrence;
            let newer_needed = hold.link.recurrence > key.recurrence;
            if known || newer_needed {
                return Ok(false);
            }
            hold.link.recurrence = key.recurrence;
            hold.link.attach(ticket.id);
            hold.link.hear_ticket(ticket.clone());
            hold.tell(self.clock.now(), "found", None);
            match self.keep(&mut hold).await {
                Err(LookError::Contended) => {}
                other => return other.map(|()| true),
            }
        }
        Err(LookError::Contended)
    }

    /// Loads the pair of `alert`.
    async fn take_hold<'a>(
        &self,
        alert: AlertId,
        policy: &'a Policy,
        gather: &'a Gather,
        cause: &Cause,
    ) -> Result<Hold<'a>, LookError> {
        let stored = self.store.load(alert).await?;
        let revision = stored
            .as_ref()
            .map_or(Revision::default(), |stored| stored.revision);
        let stored = stored.map(|stored| stored.value);
        let link = stored.clone().unwrap_or_else(|| Link::new(alert));
        let cause = cause.word();
        let mut hold = Hold {
            link,
            revision,
            stored,
            policy,
            gather,
            cause,
            did: Vec::new(),
            story: Vec::new(),
        };
        self.hear_crowd(&mut hold).await?;
        Ok(hold)
    }

    /// Plans and carries out until nothing is missing.
    async fn pursue(
        &self,
        mut hold: Hold<'_>,
        did: &mut Vec<&'static str>,
    ) -> Result<Looked, LookError> {
        let outcome = self.rounds(&mut hold).await;
        did.append(&mut hold.did);
        // Whatever happened, what was learnt is kept; a conflict here means to start over.
        self.keep(&mut hold).await?;
        outcome
    }

    /// Plans and carries out; what is learnt stays in `hold`.
    async fn rounds(&self, hold: &mut Hold<'_>) -> Result<Looked, LookError> {
        for _ in 0..ROUNDS_MAX {
            hold.release_if_mapped();
            let (alert, ticket) = (hold.link.alert_seen.clone(), hold.link.ticket_seen.clone());
            let now = self.clock.now();
            let steps = plan(
                &hold.link,
                alert.as_ref(),
                ticket.as_ref(),
                hold.policy,
                now,
            );
            if steps.is_empty() {
                hold.tell_if_liongard_did_not_follow(now);
                return Ok(Looked::Done);
            }
            for step in steps {
                match self.carry_out(step, hold).await? {
                    steps::Next::GoOn => {}
                    steps::Next::PlanAgain => break,
                    steps::Next::Leave(looked) => return Ok(looked),
                }
            }
        }
        Err(LookError::Unsettled)
    }

    /// Stores the pair with what is to be told of it, if there is anything new.
    async fn keep(&self, hold: &mut Hold<'_>) -> Result<(), LookError> {
        if hold.stored.as_ref() != Some(&hold.link) || !hold.story.is_empty() {
            let (link, story) = (&hold.link, &hold.story);
            hold.revision = self.store.save(link, story, hold.revision).await?;
            hold.stored = Some(hold.link.clone());
            hold.story.clear();
        }
        Ok(())
    }
}

impl Hold<'_> {
    /// Notes what was done, for the outcome and for the story.
    fn tell(&mut self, at: Timestamp, what: &'static str, detail: Option<String>) {
        self.did.push(what);
        self.story.push(Entry {
            at,
            alert: Some(self.link.alert),
            ticket: self.link.ticket,
            what: what.to_owned(),
            cause: self.cause.to_owned(),
            detail,
        });
    }

    /// Shows a difference that stays: Liongard has looked again, and still finds the condition.
    fn tell_if_liongard_did_not_follow(&mut self, now: Timestamp) {
        let looked_again = self.cause == RUN_ENDED && self.did.is_empty();
        if looked_again && standing(&self.link, self.policy, now) == Standing::ResolvedInPsaOnly {
            let detail = "resolved in PSA, still open in Liongard".to_owned();
            self.tell(now, "resolved_in_psa_only", Some(detail));
        }
    }

    /// Whether the ticket was read after a webhook asked for it: a storm of them about one ticket
    /// costs one read, not one each.
    fn has_read_since(&self, asked_at: Timestamp, cause: &Cause) -> bool {
        let seen = self.link.ticket_seen.as_ref();
        matches!(cause, Cause::Webhook { .. }) && seen.is_some_and(|seen| seen.seen_at > asked_at)
    }

    /// A parked alert is released as soon as the policy has a place for it.
    fn release_if_mapped(&mut self) {
        let mapped = self
            .link
            .alert_seen
            .as_ref()
            .is_some_and(|alert| self.policy.choose(alert).is_ok());
        if mapped {
            self.link.parked = None;
        }
    }
}

/// Whether an error leaves open what happened to a write.
fn in_doubt(error: &PortError) -> bool {
    error.class == FailureClass::InDoubt
}
