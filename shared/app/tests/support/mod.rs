//! A clock set by hand, a store in memory, and both vendors with a memory and a switch to fail.

#![allow(dead_code, reason = "each test file uses its part of the bench")]

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use halogard_app::poll::{PollReport, Scope};
use halogard_app::ports::{
    AlertIndex, AlertList, AlertSource, Changes, Clock, DeadLetter, Delivery, EnvironmentInfo,
    ErrorCode, Inspectors, Journal, JournalEntry, Lane, LeaseOutcome, Leases, LinkFilter, Links,
    Notifications, Outgoing, PortError, QueuedState, Records, Revision, RunProgress, SaveError,
    SearchWithin, ServiceDesk, Stored, Swap, TicketListing, Unreadable, Values, WorkQueue,
    WorkSink,
};
use halogard_app::{Env, Reconciler};
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, NoteId, RunId, StatusId, TicketId,
    TicketTypeId,
};
use halogard_domain::message::Notification;
use halogard_domain::policy::{Mapping, Mode, StatusMap, Template};
use halogard_domain::record::Singleton;
use halogard_domain::sweep_cursor::{ChangeRange, SweepCursor};
use halogard_domain::ticket::{
    Existence, HumanActivity, NewNote, NewTicket, TicketChange, TicketNote,
};
use halogard_domain::{
    Alert, FailureClass, Link, LinkKey, Message, Policy, Record, Slug, Ticket, Timestamp,
};

pub const OPEN: StatusId = StatusId::new(1);
pub const CLOSED: StatusId = StatusId::new(9);

/// A point in time, `seconds` after the start of every test.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
}

/// The alert of a bench that is [`linked`](Bench::linked).
pub const ALERT: AlertId = AlertId::new(7586);

/// Its ticket.
pub const TICKET: TicketId = TicketId::new(4242);

/// An open alert of a customer that is mapped.
pub fn alert(id: u64) -> Alert {
    Alert {
        id: AlertId::new(id),
        number: None,
        environment: EnvironmentId::new(8801),
        environment_name: "Northwind Dental".into(),
        name: "Active Directory | New admin".into(),
        description: "somebody was made an administrator".into(),
        priority: Slug::new("high"),
        status: Slug::new("New"),
        inspector: None,
        inspector_alias: None,
        rule: None,
        launchpoint: None,
        system: None,
        native_ticket: None,
        visible: true,
        raised_at: at(-60),
        changed_at: at(-60),
        observed_at: at(-60),
        page: None,
    }
}

/// An open ticket that carries the key of `alert`.
pub fn ticket(id: u64, alert: u64, changed_at: Timestamp) -> Ticket {
    Ticket {
        id: TicketId::new(id),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: OPEN,
        priority: None,
        summary: format!("[LG-{alert}] New admin"),
        assigned: Some(true),
        changed_at,
        observed_at: changed_at,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
    }
}

/// A policy that maps the customer of [`alert`].
pub fn policy() -> Policy {
    let statuses = StatusMap {
        open: OPEN,
        closed: CLOSED,
        also_closed: [].into(),
        by_slug: [].into(),
    };
    let template = Template::new("default", TicketTypeId::new(5), statuses);
    let mut policy = Policy::empty(Mode::Managed);
    policy.templates.insert("default".into(), template);
    policy.environments.insert(
        EnvironmentId::new(8801),
        Mapping {
            environment: EnvironmentId::new(8801),
            client: HaloClientId::new(17),
            site: None,
            template: Some("default".into()),
            groups: [].into(),
        },
    );
    policy
}

/// A clock that stands still until it is moved.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("a moderate time");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// How a call ought to fail.
pub type Failure = Arc<dyn Fn() -> PortError + Send + Sync>;

/// A failure of `class` and nothing more.
pub fn failing(class: FailureClass, code: ErrorCode) -> Failure {
    Arc::new(move || PortError::new(class, code))
}

/// Fails on request, and counts how often it was asked.
#[derive(Default)]
pub struct Switch {
    failure: Mutex<Option<Failure>>,
    /// Calls that succeed before it fails.
    spared: Mutex<u32>,
    asked: Mutex<u32>,
}

impl Switch {
    pub fn fail(&self, failure: Failure) {
        *self.failure.lock().expect("no panic") = Some(failure);
    }

    /// Fails when it has been asked `calls` times more.
    pub fn fail_after(&self, calls: u32, failure: Failure) {
        *self.spared.lock().expect("no panic") = calls;
        self.fail(failure);
    }

    pub fn mend(&self) {
        *self.spared.lock().expect("no panic") = 0;
        *self.failure.lock().expect("no panic") = None;
    }

    pub fn asked(&self) -> u32 {
        *self.asked.lock().expect("no panic")
    }

    fn ask(&self) -> Result<(), PortError> {
        *self.asked.lock().expect("no panic") += 1;
        let mut spared = self.spared.lock().expect("no panic");
        if *spared > 0 {
            *spared -= 1;
            return Ok(());
        }
        match &*self.failure.lock().expect("no panic") {
            Some(failure) => Err(failure()),
            None => Ok(()),
        }
    }
}

/// A service desk that holds tickets.
#[derive(Default)]
pub struct Desk {
    pub switch: Switch,
    pub tickets: Mutex<BTreeMap<TicketId, Ticket>>,
    pub listings: Mutex<Vec<TicketListing>>,
    pub since: Mutex<Vec<Timestamp>>,
    /// What the next list of changes leaves to read.
    pub range: Mutex<Option<ChangeRange>>,
    /// What was asked for of ranges.
    pub next_page: Mutex<Vec<ChangeRange>>,
}

impl ServiceDesk for Desk {
    async fn find(&self, key: &LinkKey, _: &SearchWithin) -> Result<Vec<Ticket>, PortError> {
        self.switch.ask()?;
        let tickets = self.tickets.lock().expect("no panic");
        let carries =
            |ticket: &&Ticket| LinkKey::find_in(&ticket.summary, &key.prefix).as_ref() == Some(key);
        Ok(tickets.values().filter(carries).cloned().collect())
    }

    async fn find_all_with_key(&self, prefix: &str) -> Result<Vec<Ticket>, PortError> {
        self.switch.ask()?;
        let tickets = self.tickets.lock().expect("no panic");
        let carries = |ticket: &&Ticket| LinkKey::find_in(&ticket.summary, prefix).is_some();
        Ok(tickets.values().filter(carries).cloned().collect())
    }

    async fn open(&self, new: &[NewTicket]) -> Vec<Result<Ticket, PortError>> {
        new.iter().map(|new| self.open_one(new)).collect()
    }

    async fn read(&self, id: TicketId) -> Result<Option<Ticket>, PortError> {
        self.switch.ask()?;
        Ok(self.tickets.lock().expect("no panic").get(&id).cloned())
    }

    async fn notes(&self, _: TicketId) -> Result<Vec<TicketNote>, PortError> {
        self.switch.ask().map(|()| Vec::new())
    }

    async fn change(&self, changes: &[TicketChange]) -> Vec<Result<Ticket, PortError>> {
        changes
            .iter()
            .map(|change| self.change_one(change))
            .collect()
    }

    async fn add_notes(&self, notes: &[NewNote]) -> Vec<Result<NoteId, PortError>> {
        let add = |_| self.switch.ask().map(|()| NoteId::new(2));
        notes.iter().map(add).collect()
    }

    async fn changed_since(&self, since: Timestamp) -> Result<Changes, PortError> {
        self.switch.ask()?;
        self.since.lock().expect("no panic").push(since);
        let rest = self.range.lock().expect("no panic").take();
        let listings = self.listings.lock().expect("no panic").clone();
        Ok(Changes { listings, rest })
    }

    async fn next_page(&self, range: &ChangeRange) -> Result<Changes, PortError> {
        self.switch.ask()?;
        self.next_page.lock().expect("no panic").push(range.clone());
        let pages = range.pages - 1;
        let rest = (pages > 0).then(|| ChangeRange {
            pages,
            ..range.clone()
        });
        let listings = self.listings.lock().expect("no panic").clone();
        Ok(Changes { listings, rest })
    }
}

impl Desk {
    fn open_one(&self, new: &NewTicket) -> Result<Ticket, PortError> {
        self.switch.ask()?;
        let mut tickets = self.tickets.lock().expect("no panic");
        let number = 4242 + u64::try_from(tickets.len()).expect("few tickets");
        let opened = Ticket {
            summary: new.summary.clone(),
            status: new.status,
            ..ticket(number, new.key.alert.get(), at(0))
        };
        tickets.insert(opened.id, opened.clone());
        Ok(opened)
    }

    fn change_one(&self, change: &TicketChange) -> Result<Ticket, PortError> {
        self.switch.ask()?;
        let mut tickets = self.tickets.lock().expect("no panic");
        let ticket = tickets.get_mut(&change.id).expect("a ticket to change");
        ticket.status = change.status;
        Ok(ticket.clone())
    }
}

/// A Liongard that lists alerts and runs nothing.
#[derive(Default)]
pub struct Liongard {
    pub switch: Switch,
    pub list: Mutex<AlertList>,
}

impl Liongard {
    /// Lists alerts 1 to `count` and no others.
    pub fn show(&self, count: u64) {
        self.list.lock().expect("no panic").alerts = (1..=count).map(alert).collect();
    }
}

impl AlertSource for Liongard {
    async fn list(&self) -> Result<AlertList, PortError> {
        self.switch.ask()?;
        Ok(self.list.lock().expect("no panic").clone())
    }

    async fn read(&self, id: AlertId) -> Result<Option<Alert>, PortError> {
        self.switch.ask()?;
        let list = self.list.lock().expect("no panic");
        Ok(list.alerts.iter().find(|alert| alert.id == id).cloned())
    }

    async fn environments(&self) -> Result<Vec<EnvironmentInfo>, PortError> {
        self.switch.ask().map(|()| Vec::new())
    }
}

impl Inspectors for Liongard {
    async fn halo_launchpoints(&self) -> Result<Vec<LaunchpointId>, PortError> {
        self.switch.ask().map(|()| vec![LaunchpointId::new(94)])
    }

    async fn newest_run(&self, _: LaunchpointId) -> Result<Option<RunId>, PortError> {
        self.switch.ask().map(|()| None)
    }

    async fn run(&self, _: LaunchpointId) -> Result<(), PortError> {
        self.switch.ask()
    }

    async fn progress(&self, _: LaunchpointId, _: Option<RunId>) -> Result<RunProgress, PortError> {
        self.switch.ask().map(|()| RunProgress::InProgress)
    }
}

/// A message in the queue.
#[derive(Clone, Debug)]
pub struct Item {
    pub number: u64,
    pub lane: Lane,
    pub body: String,
    pub not_before: Timestamp,
    pub received: u32,
}

/// What a store holds.
#[derive(Default)]
pub struct Contents {
    pub links: BTreeMap<AlertId, (Link, Revision)>,
    pub index: BTreeMap<AlertId, QueuedState>,
    pub marks: BTreeMap<String, i64>,
    /// Who has which right, and until when.
    pub leases: BTreeMap<String, (String, Timestamp)>,
    pub records: BTreeMap<(&'static str, String), (serde_json::Value, Revision)>,
    /// What somebody else saves of a sweep before the next save.
    pub overtake: Option<SweepCursor>,
    pub queue: Vec<Item>,
    pub dead: Vec<DeadLetter>,
    pub story: Vec<JournalEntry>,
    pub notifications: Vec<Notification>,
    sent: u64,
}

/// Everything kept, in memory.
pub struct Store {
    pub clock: Arc<ManualClock>,
    pub contents: Mutex<Contents>,
    /// The queue's `send`.
    pub sending: Switch,
    /// Everything that was sent, with its lane, call by call.
    pub sent: Mutex<Vec<(Lane, Vec<Message>)>>,
    /// Sending waits this often before it is done.
    pub slow: Mutex<u32>,
}

impl Store {
    pub fn open(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no panic")
    }

    /// Puts a body into `lane` as it is.
    pub fn put(&self, lane: Lane, body: &str) {
        let not_before = self.clock.now();
        let mut contents = self.open();
        contents.sent += 1;
        let number = contents.sent;
        contents.queue.push(Item {
            number,
            lane,
            body: body.into(),
            not_before,
            received: 0,
        });
    }

    /// Settles the message with `receipt`, if it is there.
    fn settle(&self, receipt: &str, settle: impl FnOnce(&mut Contents, usize)) {
        let mut contents = self.open();
        let found = contents
            .queue
            .iter()
            .position(|item| item.number.to_string() == receipt);
        if let Some(at) = found {
            settle(&mut contents, at);
        }
    }
}

impl WorkSink for Store {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        while std::mem::replace(&mut *self.slow.lock().expect("no panic"), 0) > 0 {
            tokio::task::yield_now().await;
        }
        self.sending.ask()?;
        for outgoing in messages {
            self.put(
                lane,
                &serde_json::to_string(&outgoing.message).expect("it is written"),
            );
        }
        let messages = messages
            .iter()
            .map(|outgoing| outgoing.message.clone())
            .collect();
        self.sent.lock().expect("no panic").push((lane, messages));
        Ok(())
    }
}

impl WorkQueue for Store {
    async fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, PortError> {
        let now = self.clock.now();
        let mut contents = self.open();
        let due = contents
            .queue
            .iter_mut()
            .filter(|item| item.lane == lane && item.not_before <= now);
        Ok(due
            .take(max)
            .map(|item| {
                item.received += 1;
                item.not_before = now.plus(visibility);
                Delivery {
                    message: serde_json::from_str(&item.body).map_err(|error| Unreadable {
                        body: item.body.clone(),
                        reason: error.to_string(),
                    }),
                    receipt: item.number.to_string(),
                    receive_count: item.received,
                    sent_at: now,
                }
            })
            .collect())
    }

    async fn ack(&self, _: Lane, receipt: &str) -> Result<(), PortError> {
        self.settle(receipt, |contents, at| drop(contents.queue.remove(at)));
        Ok(())
    }

    async fn defer(&self, _: Lane, receipt: &str, until: Timestamp) -> Result<(), PortError> {
        self.settle(receipt, |contents, at| {
            contents.queue[at].not_before = until;
            contents.queue[at].received -= 1;
        });
        Ok(())
    }

    async fn retry(&self, _: Lane, receipt: &str, until: Timestamp) -> Result<(), PortError> {
        self.settle(receipt, |contents, at| {
            contents.queue[at].not_before = until
        });
        Ok(())
    }

    async fn dead_letter(&self, lane: Lane, receipt: &str, reason: &str) -> Result<(), PortError> {
        let at = self.clock.now();
        self.settle(receipt, |contents, place| {
            let item = contents.queue.remove(place);
            contents.dead.push(DeadLetter {
                id: item.number.to_string(),
                lane,
                body: item.body,
                reason: reason.into(),
                at,
                receive_count: item.received,
            });
        });
        Ok(())
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        Ok(self.open().dead.iter().take(limit).cloned().collect())
    }

    async fn dead_letter_count(&self) -> Result<u64, PortError> {
        Ok(self.open().dead.len() as u64)
    }

    async fn redrive(&self, _: &str) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn depth(&self, lane: Lane) -> Result<u64, PortError> {
        let waiting = self
            .open()
            .queue
            .iter()
            .filter(|item| item.lane == lane)
            .count();
        Ok(u64::try_from(waiting).expect("few messages"))
    }
}

impl Links for Store {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        let found = self.open().links.get(&alert).cloned();
        Ok(found.map(|(value, revision)| Stored { value, revision }))
    }

    async fn owner(&self, ticket: TicketId) -> Result<Option<AlertId>, PortError> {
        let contents = self.open();
        let mut links = contents.links.values().map(|(link, _)| link);
        let owner = links
            .find(|link| link.ticket == Some(ticket) || link.earlier_tickets.contains(&ticket));
        Ok(owner.map(|link| link.alert))
    }

    async fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let mut contents = self.open();
        let current = contents
            .links
            .get(&link.alert)
            .map_or(Revision(0), |(_, at)| *at);
        if current != revision {
            return Err(SaveError::Conflict);
        }
        let next = Revision(revision.0 + 1);
        contents.links.insert(link.alert, (link.clone(), next));
        contents.story.extend_from_slice(entries);
        Ok(next)
    }

    async fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, PortError> {
        let contents = self.open();
        let links = contents.links.values().map(|(link, _)| link);
        Ok(links
            .filter(|link| after.is_none_or(|after| link.alert > after))
            .filter(|link| match filter {
                LinkFilter::All => true,
                LinkFilter::Parked => link.parked.is_some(),
                LinkFilter::Refused => link.refused.is_some(),
                LinkFilter::Claimed => link.is_claimed(),
            })
            .take(limit)
            .cloned()
            .collect())
    }
}

impl AlertIndex for Store {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, QueuedState>, PortError> {
        Ok(self.open().index.clone())
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, QueuedState>) -> Result<(), PortError> {
        self.open().index.extend(entries);
        Ok(())
    }
}

impl Leases for Store {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        let now = self.clock.now();
        let mut contents = self.open();
        match contents.leases.get(name) {
            Some((other, until)) if other != holder && *until > now => {
                Ok(LeaseOutcome::HeldByOther { until: *until })
            }
            _ => {
                contents.leases.insert(name.into(), (holder.into(), until));
                Ok(LeaseOutcome::Acquired)
            }
        }
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        let mut contents = self.open();
        if contents
            .leases
            .get(name)
            .is_some_and(|lease| lease.0 == holder)
        {
            contents.leases.remove(name);
        }
        Ok(())
    }
}

impl Values for Store {
    async fn value(&self, name: &str) -> Result<Option<i64>, PortError> {
        Ok(self.open().marks.get(name).copied())
    }

    async fn set_value(&self, name: &str, value: i64) -> Result<(), PortError> {
        self.open().marks.insert(name.into(), value);
        Ok(())
    }
}

impl Contents {
    /// The sweep cursor.
    pub fn swept(&self) -> SweepCursor {
        let key = record_key::<SweepCursor>(&Singleton);
        let found = self.records.get(&key).cloned().unwrap_or_default();
        serde_json::from_value(found.0).unwrap_or_default()
    }
}

impl Records for Store {
    async fn load_record<T: Record>(&self, key: &T::Key) -> Result<Stored<T>, PortError> {
        let found = self.open().records.get(&record_key::<T>(key)).cloned();
        let (body, revision) = found.unwrap_or_default();
        let value = serde_json::from_value(body).unwrap_or_default();
        Ok(Stored { value, revision })
    }

    async fn swap_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        let mut contents = self.open();
        let key = record_key::<T>(key);
        if T::PARTITION == SweepCursor::PARTITION
            && let Some(faster) = contents.overtake.take()
        {
            let stored = contents.records.entry(key.clone()).or_default();
            *stored = (
                serde_json::to_value(faster).unwrap(),
                Revision(stored.1.0 + 1),
            );
        }
        let (body, newest) = contents.records.get(&key).cloned().unwrap_or_default();
        if newest != revision {
            return Ok(Swap::Conflict(Stored {
                value: serde_json::from_value(body).unwrap_or_default(),
                revision: newest,
            }));
        }
        let next = Revision(revision.0 + 1);
        let body = serde_json::to_value(record).unwrap();
        contents.records.insert(key, (body, next));
        Ok(Swap::Stored(next))
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        let contents = self.open();
        let of_type = contents.records.iter();
        let of_type = of_type.filter(|((partition, _), _)| *partition == T::PARTITION);
        let active = of_type.filter(|(_, (body, _))| {
            let record: T = serde_json::from_value(body.clone()).unwrap();
            record.is_active()
        });
        Ok(active
            .filter_map(|((_, key), _)| key.parse().ok())
            .collect())
    }
}

fn record_key<T: Record>(key: &T::Key) -> (&'static str, String) {
    (T::PARTITION, key.to_string())
}

impl Journal for Store {
    async fn append(&self, entries: &[JournalEntry]) -> Result<(), PortError> {
        self.open().story.extend_from_slice(entries);
        Ok(())
    }

    async fn journal(&self, alert: AlertId, limit: usize) -> Result<Vec<JournalEntry>, PortError> {
        let contents = self.open();
        let about = contents
            .story
            .iter()
            .filter(|entry| entry.alert == Some(alert));
        Ok(about.take(limit).cloned().collect())
    }
}

impl Notifications for Store {
    async fn is_known(&self, asked: &Notification, _: Timestamp) -> Result<bool, PortError> {
        Ok(self.open().notifications.iter().any(|known| {
            known.content == asked.content
                || (asked.delivery.is_some() && known.delivery == asked.delivery)
        }))
    }

    async fn record(&self, notification: &Notification, _: Timestamp) -> Result<(), PortError> {
        self.open().notifications.push(notification.clone());
        Ok(())
    }

    async fn counts(&self) -> Result<Vec<(String, u64)>, PortError> {
        let mut counts = BTreeMap::new();
        for known in &self.open().notifications {
            *counts.entry(known.kind.clone()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }
}

/// The collaborators of a test.
pub struct TestEnv;

impl Env for TestEnv {
    type Desk = Desk;
    type Liongard = Liongard;
    type Store = Store;
    type Clock = Arc<ManualClock>;
}

/// The bundle with everything around it.
pub struct Bench {
    pub reconciler: Reconciler<TestEnv>,
    pub clock: Arc<ManualClock>,
}

impl Bench {
    /// A bench whose alert 7586 has ticket 4242, which the desk holds in `status`.
    pub async fn linked(status: Ticket) -> Self {
        let bench = Self::new();
        bench
            .reconciler
            .desk
            .tickets
            .lock()
            .unwrap()
            .insert(status.id, status);
        let mut link = Link::new(ALERT);
        link.attach(TICKET);
        link.observe_alert(alert(ALERT.get()));
        link.observe_ticket(ticket(4242, 7586, at(-30)));
        bench
            .reconciler
            .store
            .open()
            .links
            .insert(ALERT, (link, Revision(1)));
        bench
    }

    /// Polls a list of alerts 1 to `count`.
    pub async fn poll(&self, count: u64) -> Result<PollReport, PortError> {
        self.reconciler.liongard.show(count);
        self.reconciler.poll_alerts(Scope::Changed).await
    }

    pub fn new() -> Self {
        let clock = Arc::new(ManualClock(AtomicI64::new(at(0).as_millis())));
        let store = Store {
            clock: Arc::clone(&clock),
            contents: Mutex::default(),
            sending: Switch::default(),
            sent: Mutex::default(),
            slow: Mutex::default(),
        };
        let reconciler = Reconciler::<TestEnv>::new(
            Desk::default(),
            Liongard::default(),
            store,
            Arc::clone(&clock),
            policy(),
        );
        Self { reconciler, clock }
    }

    /// What was sent to `lane` so far.
    pub fn sent_to(&self, lane: Lane) -> Vec<Message> {
        let sent = self.reconciler.store.sent.lock().expect("no panic");
        let of_lane = sent.iter().filter(|(to, _)| *to == lane);
        of_lane.flat_map(|(_, messages)| messages.clone()).collect()
    }

    /// The only message in the queue.
    pub fn only_item(&self) -> Item {
        let contents = self.reconciler.store.open();
        assert_eq!(contents.queue.len(), 1, "one message was expected");
        contents.queue[0].clone()
    }

    /// The only dead letter.
    pub fn only_dead(&self) -> DeadLetter {
        let contents = self.reconciler.store.open();
        assert_eq!(contents.dead.len(), 1, "one dead letter was expected");
        contents.dead[0].clone()
    }

    /// Works off everything that is due, at most 20 messages of each lane; says what became of them.
    pub async fn process_all(&self) -> Vec<&'static str> {
        let mut outcomes = VecDeque::new();
        for lane in Lane::ALL {
            for _ in 0..20 {
                let processed = self
                    .reconciler
                    .process_next(lane)
                    .await
                    .expect("the queue works");
                if processed.is_empty() {
                    break;
                }
                outcomes.extend(processed.iter().filter_map(|it| it.words().last()));
            }
        }
        outcomes.into()
    }
}
