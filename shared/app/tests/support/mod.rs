//! A clock set by hand, a store in a temporary file, and both vendors with a memory and a switch to fail.

#![allow(dead_code, reason = "each test file uses its part of the bench")]

mod store_file;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use halogard_app::poll::{PollReport, Scope};
use halogard_app::ports::{
    AlertList, AlertListing, AlertSource, Changes, Clock, DeadLetter, DialectProbe,
    EnvironmentInfo, ErrorCode, Inspectors, KeyedPage, KeyedTicket, Lane, Links, OpeningGuard,
    PortError, Revision, RunProgress, SearchWithin, ServiceDesk, TicketListing, TicketTexts,
};
use halogard_app::{Env, Reconciler};
use halogard_domain::dialect::{DialectReport, FactReading, ProbeFindings, REFERENCE, Seen};
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, NoteId, StatusId, TicketId, TicketTypeId,
};
use halogard_domain::key::{KeySecret, SignedKey, UnverifiedKey};
use halogard_domain::policy::{Mapping, Mode, StatusMap, Template};
use halogard_domain::runs::RunMark;
use halogard_domain::sweep_cursor::{ChangeRange, KeyedListPlace, KeyedPageShape};
use halogard_domain::ticket::{
    Existence, Handling, HumanActivity, NewNote, NewTicket, NoteAuthor, TicketChange, TicketNote,
    TicketNotes,
};
use halogard_domain::{Alert, FailureClass, Link, LinkKey, Policy, Slug, Ticket, Timestamp};

pub use store_file::{QueuedMessage, StoreFile};

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

/// What the installation signs its keys with.
pub fn secret() -> KeySecret {
    KeySecret::new([7; 32])
}

/// The key of a ticket of `alert`, with its proof.
pub fn key(alert: u64, recurrence: u32) -> SignedKey {
    secret().sign(LinkKey {
        prefix: LinkKey::DEFAULT_PREFIX.to_owned(),
        alert: AlertId::new(alert),
        recurrence,
    })
}

/// An open ticket that carries the key of `alert`.
pub fn ticket(id: u64, alert: u64, changed_at: Timestamp) -> Ticket {
    Ticket {
        id: TicketId::new(id),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: OPEN,
        priority: None,
        summary: format!("{} New admin", key(alert, 1).marker()),
        assigned: Some(true),
        changed_at,
        observed_at: changed_at,
        is_dated: true,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
        handling: Handling::default(),
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

/// A clock that moves only when a test moves it.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Sets the clock back.
    pub fn set_back(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).expect("a moderate time");
        self.0.fetch_sub(millis, Ordering::SeqCst);
    }

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

    pub fn repair(&self) {
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

/// What a person does to a ticket at the moment at which a change of it comes.
#[derive(Clone, Copy)]
pub struct Crossing {
    pub edit: fn(&mut Ticket),
    /// Whether the change takes effect before it.
    pub after: bool,
    /// Whether the answer to the change is lost.
    pub is_unanswered: bool,
}

/// A service desk that holds tickets.
#[derive(Default)]
pub struct Desk {
    /// The time of reads.
    pub clock: OnceLock<Arc<ManualClock>>,
    /// How long each answer takes.
    pub takes: Mutex<Duration>,
    pub switch: Switch,
    /// What it shows to a probe.
    pub probed: Box<Probed>,
    pub tickets: Mutex<BTreeMap<TicketId, Ticket>>,
    /// What was searched for.
    pub searches: Mutex<Vec<(SignedKey, SearchWithin)>>,
    /// Whether the desk accepts new tickets and shows none.
    pub shows_nothing: Mutex<bool>,
    /// Requests that open a ticket.
    pub opens: Mutex<u32>,
    /// Who opened tickets, where HaloPSA shows that.
    pub opened_by: Mutex<BTreeMap<TicketId, NoteAuthor>>,
    /// The texts of the entries that opened tickets.
    pub entries: Mutex<BTreeMap<TicketId, String>>,
    pub listings: Mutex<Vec<TicketListing>>,
    pub since: Mutex<Vec<Timestamp>>,
    /// What the next list of changes leaves to read.
    pub range: Mutex<Option<ChangeRange>>,
    /// What was asked for of ranges.
    pub next_page: Mutex<Vec<ChangeRange>>,
    /// How often reading a ticket waits before it is done.
    pub slow_reads: Mutex<u32>,
    /// How often a write waits once it has taken effect.
    pub slow_writes: Mutex<u32>,
    /// Whether tickets are opened one by one, as after a refused array.
    pub opens_one_by_one: Mutex<bool>,
    /// Notes that were added.
    pub added_notes: Mutex<Vec<String>>,
    /// What a person does to a ticket next, when a change of it comes.
    pub crossing: Mutex<Option<Crossing>>,
    /// Whether it answers changes with success and does not make them.
    pub drops_changes: Mutex<bool>,
    /// How changes fail.
    pub change_switch: Switch,
    /// Changes that were made.
    pub changes: Mutex<Vec<TicketChange>>,
    /// What its clock shows, if that is not what ours does.
    pub desk_time: Mutex<Option<Timestamp>>,
    /// Whether it does not say what its clock shows.
    pub hides_its_time: Mutex<bool>,
    /// Tickets that it was asked to list by their numbers.
    pub looked_for: Mutex<Vec<BTreeSet<TicketId>>>,
    /// Tickets in the list of deleted ones.
    pub deleted: Mutex<BTreeSet<TicketId>>,
    /// Pages of the list of all keyed tickets that were read.
    pub keyed_pages: Mutex<Vec<u32>>,
    /// What another worker does while the next page is read.
    pub meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl ServiceDesk for Desk {
    async fn find(
        &self,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        self.ask()?;
        let mut searches = self.searches.lock().expect("no panic");
        searches.push((key.clone(), *within));
        let tickets = self.tickets.lock().expect("no panic");
        let keyed = |ticket: &Ticket| {
            let mut keys = UnverifiedKey::all_in(&ticket.summary, &key.key.prefix).into_iter();
            let ours = keys.find(|shown| shown.key == key.key)?;
            Some(KeyedTicket {
                ticket: ticket.clone(),
                key: ours,
            })
        };
        Ok(tickets.values().filter_map(keyed).collect())
    }

    async fn list_keyed(
        &self,
        prefix: &str,
        place: Option<&KeyedListPlace>,
    ) -> Result<KeyedPage, PortError> {
        const ROWS: usize = 100;
        self.ask()?;
        let tickets = self.tickets.lock().expect("no panic");
        let page_no = place.map_or(1, KeyedListPlace::page);
        self.keyed_pages.lock().expect("no panic").push(page_no);
        let before = usize::try_from(page_no - 1).expect("few pages") * ROWS;
        let page: Vec<&Ticket> = tickets.values().skip(before).take(ROWS).collect();
        let shape = KeyedPageShape {
            received: u64::try_from(page.len()).expect("a page"),
            count: u64::try_from(tickets.len()).ok(),
            first_row: page.first().map(|ticket| ticket.id),
        };
        let rest = match place {
            None => KeyedListPlace::after_first_page(shape),
            Some(place) => place.after(shape),
        };
        let rest = rest.expect("the list ends");
        let is_read_again = place.is_none() && rest.is_some();
        let carries = |ticket: &Ticket| LinkKey::find_in(&ticket.summary, prefix).is_some();
        let tickets = page.into_iter().filter(|it| carries(it) && !is_read_again);
        Ok(KeyedPage {
            tickets: tickets.cloned().collect(),
            rest,
        })
    }

    async fn find_in_texts(&self, _text: &str) -> Result<Option<Vec<TicketListing>>, PortError> {
        self.ask()?;
        Ok(Some(Vec::new()))
    }

    async fn opened_since(&self, _since: Timestamp) -> Result<Vec<TicketListing>, PortError> {
        self.ask()?;
        Ok(self.listings.lock().expect("no panic").clone())
    }

    async fn read_texts(&self, id: TicketId) -> Result<Option<TicketTexts>, PortError> {
        let ticket = self.read(id).await?;
        Ok(ticket.map(|ticket| TicketTexts {
            ticket,
            details: Vec::new(),
            fields: Vec::new(),
        }))
    }

    async fn open(
        &self,
        new: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> Vec<Result<Ticket, PortError>> {
        let one_by_one = *self.opens_one_by_one.lock().expect("no panic");
        let size = if one_by_one { 1 } else { new.len() };
        let mut opened = Vec::new();
        for array in new.chunks(size) {
            let keys: Vec<&LinkKey> = array.iter().map(|new| &new.key.key).collect();
            let admission = guard.admit(&keys).await;
            self.pass();
            for (new, admitted) in array.iter().zip(admission.admitted) {
                opened.push(if admitted {
                    self.open_one(new)
                } else {
                    Err(PortError::not_admitted())
                });
            }
            wait(&self.slow_writes).await;
        }
        opened
    }

    async fn read(&self, id: TicketId) -> Result<Option<Ticket>, PortError> {
        let asked_at = self.clock.get().map(|clock| clock.now());
        self.ask()?;
        wait(&self.slow_reads).await;
        let mut found = self.tickets.lock().expect("no panic").get(&id).cloned();
        if let (Some(ticket), Some(asked_at)) = (&mut found, asked_at) {
            ticket.observed_at = asked_at;
        }
        Ok(found)
    }

    async fn listed(&self, ids: &BTreeSet<TicketId>) -> Result<Vec<TicketListing>, PortError> {
        self.ask()?;
        self.looked_for.lock().expect("no panic").push(ids.clone());
        let tickets = self.tickets.lock().expect("no panic");
        let shown = ids.iter().filter_map(|id| tickets.get(id));
        let row = |ticket: &Ticket| TicketListing {
            id: ticket.id,
            changed_at: Some(ticket.changed_at),
            ticket: Some(ticket.clone()),
        };
        Ok(shown.map(row).collect())
    }

    async fn is_marked_deleted(&self, id: TicketId) -> Result<bool, PortError> {
        self.ask()?;
        Ok(self.deleted.lock().expect("no panic").contains(&id))
    }

    async fn notes(&self, ticket: TicketId) -> Result<TicketNotes, PortError> {
        self.ask()?;
        self.find_ticket(ticket)?;
        let opened_by = self.opened_by.lock().expect("no panic");
        let entries = self.entries.lock().expect("no panic");
        let opening = |author: &NoteAuthor| TicketNote {
            id: NoteId::new(1),
            author: author.clone(),
            text: entries.get(&ticket).cloned().unwrap_or_default(),
            status_after: None,
            written_at: None,
        };
        let notes: Vec<_> = opened_by.get(&ticket).map(opening).into_iter().collect();
        Ok(TicketNotes {
            notes,
            is_whole: true,
        })
    }

    async fn change(&self, changes: &[TicketChange]) -> Vec<Result<Ticket, PortError>> {
        self.pass();
        let changed = changes.iter().map(|change| self.change_one(change));
        let changed = changed.collect();
        wait(&self.slow_writes).await;
        changed
    }

    async fn add_notes(&self, notes: &[NewNote]) -> Vec<Result<NoteId, PortError>> {
        self.pass();
        let add = |note: &NewNote| {
            self.switch.ask()?;
            self.find_ticket(note.ticket)?;
            let mut added = self.added_notes.lock().expect("no panic");
            added.push(note.html.clone());
            Ok(NoteId::new(2))
        };
        let added = notes.iter().map(add).collect();
        wait(&self.slow_writes).await;
        added
    }

    fn desk_time(&self) -> Option<Timestamp> {
        if *self.hides_its_time.lock().expect("no panic") {
            return None;
        }
        let set = *self.desk_time.lock().expect("no panic");
        set.or_else(|| Some(self.clock.get()?.now()))
    }

    async fn changed_since(&self, since: Timestamp) -> Result<Changes, PortError> {
        self.ask()?;
        self.since.lock().expect("no panic").push(since);
        let rest = self.range.lock().expect("no panic").take();
        let listings = self.listings.lock().expect("no panic").clone();
        Ok(Changes {
            listings,
            rest,
            ..Changes::default()
        })
    }

    async fn next_page(&self, range: &ChangeRange) -> Result<Changes, PortError> {
        self.ask()?;
        self.next_page.lock().expect("no panic").push(range.clone());
        if let Some(act) = self.meanwhile.lock().expect("no panic").take() {
            act();
        }
        let pages = range.pages - 1;
        let rest = (pages > 0).then(|| ChangeRange {
            pages,
            ..range.clone()
        });
        let listings = self.listings.lock().expect("no panic").clone();
        Ok(Changes {
            listings,
            rest,
            ..Changes::default()
        })
    }
}

/// Lets other work go on as often as `times` says.
async fn wait(times: &Mutex<u32>) {
    let times = std::mem::take(&mut *times.lock().expect("no panic"));
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

impl Desk {
    /// One request, which takes its time.
    fn ask(&self) -> Result<(), PortError> {
        self.pass();
        self.switch.ask()
    }

    /// Lets the time pass that an answer takes.
    fn pass(&self) {
        if let Some(clock) = self.clock.get() {
            clock.pass(*self.takes.lock().expect("no panic"));
        }
    }

    fn open_one(&self, new: &NewTicket) -> Result<Ticket, PortError> {
        self.switch.ask()?;
        *self.opens.lock().expect("no panic") += 1;
        if *self.shows_nothing.lock().expect("no panic") {
            let code = ErrorCode::HalopsaUnrecognised;
            return Err(PortError::new(FailureClass::InDoubt, code));
        }
        let mut tickets = self.tickets.lock().expect("no panic");
        let number = 4242 + u64::try_from(tickets.len()).expect("few tickets");
        let opened = Ticket {
            summary: new.summary(),
            status: new.draft.status,
            ..ticket(number, new.key.key.alert.get(), at(0))
        };
        tickets.insert(opened.id, opened.clone());
        Ok(opened)
    }

    /// Refuses what is about a ticket that is not there.
    fn find_ticket(&self, ticket: TicketId) -> Result<(), PortError> {
        if self.tickets.lock().expect("no panic").contains_key(&ticket) {
            return Ok(());
        }
        let mut gone = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaRefused);
        gone.refusal = Some(halogard_app::ports::Refusal::NotFound);
        Err(gone)
    }

    fn change_one(&self, change: &TicketChange) -> Result<Ticket, PortError> {
        self.switch.ask()?;
        self.change_switch.ask()?;
        self.find_ticket(change.id)?;
        let mut tickets = self.tickets.lock().expect("no panic");
        let ticket = tickets.get_mut(&change.id).expect("a ticket to change");
        if *self.drops_changes.lock().expect("no panic") {
            return Ok(Ticket {
                status: change.status.unwrap_or(ticket.status),
                priority: change.priority.or(ticket.priority),
                observed_at: self.clock.get().map_or(ticket.observed_at, |it| it.now()),
                ..ticket.clone()
            });
        }
        let crossing = self.crossing.lock().expect("no panic").take();
        if let Some(Crossing {
            edit, after: false, ..
        }) = crossing
        {
            edit(ticket);
        }
        ticket.status = change.status.unwrap_or(ticket.status);
        ticket.priority = change.priority.or(ticket.priority);
        ticket.changed_at = ticket.changed_at.plus(Duration::from_millis(1));
        if let Some(now) = self.clock.get().map(|clock| clock.now()) {
            ticket.changed_at = ticket.changed_at.max(now);
        }
        if let Some(Crossing {
            edit, after: true, ..
        }) = crossing
        {
            edit(ticket);
        }
        self.changes.lock().expect("no panic").push(change.clone());
        if crossing.is_some_and(|it| it.is_unanswered) {
            return Err(PortError::new(
                FailureClass::InDoubt,
                ErrorCode::HalopsaNoAnswer,
            ));
        }
        let mut answer = ticket.clone();
        answer.observed_at = answer.observed_at.max(answer.changed_at);
        Ok(answer)
    }
}

/// A Liongard that lists alerts and runs nothing.
#[derive(Default)]
pub struct Liongard {
    pub switch: Switch,
    pub list: Mutex<AlertList>,
    /// Alerts that no list names, and that are found by their ids.
    pub unlisted: Mutex<Vec<Alert>>,
    /// Alerts that were read by their ids.
    pub reads: Mutex<Vec<u64>>,
    /// How reads by id fail.
    pub read_switch: Switch,
    /// The alerts whose reads fail; all of them where none is named.
    pub unreadable: Mutex<BTreeSet<u64>>,
    /// After how many parts the list breaks off, if it does.
    pub breaks_off_after: Mutex<Option<usize>>,
    /// How long each part of the list takes to arrive, by this clock.
    pub slow: OnceLock<(Arc<ManualClock>, Duration)>,
}

/// A list of a few alerts at a time.
struct ListOfParts {
    list: Option<AlertList>,
    breaks_off_after: Option<usize>,
    parts: usize,
    slow: Option<(Arc<ManualClock>, Duration)>,
}

impl AlertListing for ListOfParts {
    async fn next(&mut self) -> Result<Option<AlertList>, PortError> {
        const PART: usize = 3;
        if let Some((clock, part_takes)) = &self.slow {
            clock.pass(*part_takes);
        }
        if self.breaks_off_after == Some(self.parts) {
            return Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::LiongardNoAnswer,
            ));
        }
        self.parts += 1;
        let Some(mut list) = self.list.take() else {
            return Ok(None);
        };
        if list.alerts.len() > PART {
            let rest = list.alerts.split_off(PART);
            self.list = Some(AlertList {
                alerts: rest,
                ..AlertList::default()
            });
        }
        Ok(Some(list))
    }
}

impl Liongard {
    /// Lists alerts 1 to `count` and no others.
    pub fn show(&self, count: u64) {
        self.list.lock().expect("no panic").alerts = (1..=count).map(alert).collect();
    }

    /// Finds `alert` by its id only.
    pub fn unlist(&self, alert: Alert) {
        let mut list = self.list.lock().expect("no panic");
        list.alerts.retain(|it| it.id != alert.id);
        let mut unlisted = self.unlisted.lock().expect("no panic");
        unlisted.retain(|it| it.id != alert.id);
        unlisted.push(alert);
    }

    /// The alerts that were read by their ids since this was asked last.
    pub fn reads(&self) -> Vec<u64> {
        std::mem::take(&mut *self.reads.lock().expect("no panic"))
    }
}

/// What a vendor shows to a probe.
#[derive(Default)]
pub struct Probed {
    /// Its build.
    pub build: Mutex<Option<String>>,
    /// How often it was probed.
    pub times: Mutex<u32>,
    /// The reports that it was asked to follow.
    pub followed: Mutex<Vec<DialectReport>>,
}

impl Probed {
    fn probe(&self) -> ProbeFindings {
        *self.times.lock().expect("no panic") += 1;
        let seen = Seen::As {
            reading: REFERENCE.into(),
            meaning: "as documented".into(),
        };
        ProbeFindings {
            facts: vec![FactReading {
                fact: "the order of a list".into(),
                source: "a document".into(),
                seen,
            }],
            ..ProbeFindings::default()
        }
    }
}

impl DialectProbe for Desk {
    async fn probe(&self) -> ProbeFindings {
        self.probed.probe()
    }

    async fn build(&self) -> Option<String> {
        self.probed.build.lock().expect("no panic").clone()
    }

    fn follow(&self, report: &DialectReport) {
        let mut followed = self.probed.followed.lock().expect("no panic");
        followed.push(report.clone());
    }
}

impl DialectProbe for Liongard {
    async fn probe(&self) -> ProbeFindings {
        ProbeFindings::default()
    }

    async fn build(&self) -> Option<String> {
        None
    }

    fn follow(&self, _: &DialectReport) {}
}

impl AlertSource for Liongard {
    async fn list(&self) -> Result<impl AlertListing + Send, PortError> {
        self.switch.ask()?;
        let list = self.list.lock().expect("no panic").clone();
        let breaks_off_after = *self.breaks_off_after.lock().expect("no panic");
        Ok(ListOfParts {
            list: Some(list),
            breaks_off_after,
            parts: 0,
            slow: self.slow.get().cloned(),
        })
    }

    async fn read(&self, id: AlertId) -> Result<Option<Alert>, PortError> {
        self.reads.lock().expect("no panic").push(id.get());
        self.switch.ask()?;
        let unreadable = self.unreadable.lock().expect("no panic").clone();
        if unreadable.is_empty() || unreadable.contains(&id.get()) {
            self.read_switch.ask()?;
        }
        let list = self.list.lock().expect("no panic");
        let unlisted = self.unlisted.lock().expect("no panic");
        let mut known = list.alerts.iter().chain(unlisted.iter());
        Ok(known.find(|alert| alert.id == id).cloned())
    }

    async fn environments(&self) -> Result<Vec<EnvironmentInfo>, PortError> {
        self.switch.ask().map(|()| Vec::new())
    }
}

impl Inspectors for Liongard {
    async fn halo_launchpoints(&self) -> Result<Vec<LaunchpointId>, PortError> {
        self.switch.ask().map(|()| vec![LaunchpointId::new(94)])
    }

    async fn newest_run(&self, _: LaunchpointId) -> Result<Option<RunMark>, PortError> {
        self.switch.ask().map(|()| None)
    }

    async fn run(&self, _: LaunchpointId) -> Result<(), PortError> {
        self.switch.ask()
    }

    async fn progress(
        &self,
        _: LaunchpointId,
        _: Option<RunMark>,
    ) -> Result<RunProgress, PortError> {
        self.switch.ask().map(|()| RunProgress::InProgress)
    }
}

/// The collaborators of a test.
pub struct TestEnv;

impl Env for TestEnv {
    type Desk = Desk;
    type Liongard = Liongard;
    type Store = halogard_sqlite::Store<Arc<ManualClock>>;
    type Clock = Arc<ManualClock>;
}

/// The bundle with everything around it.
pub struct Bench {
    pub reconciler: Reconciler<TestEnv>,
    pub clock: Arc<ManualClock>,
    /// The file of its store.
    pub file: Arc<StoreFile>,
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
        let saved = bench.reconciler.store.save(&link, &[], Revision(0));
        saved.await.expect("the first save");
        bench
    }

    /// Polls a list of alerts 1 to `count`.
    pub async fn poll(&self, count: u64) -> Result<PollReport, PortError> {
        self.reconciler.liongard.show(count);
        self.reconciler.poll_alerts(Scope::Changed).await
    }

    /// Lets `time` pass, and polls once more, comparing everything.
    pub async fn full_poll_after(&self, time: Duration) -> PollReport {
        self.clock.pass(time);
        let polled = self.reconciler.poll_alerts(Scope::All).await;
        polled.expect("the list can be read")
    }

    pub fn new() -> Self {
        let clock = Arc::new(ManualClock(AtomicI64::new(at(0).as_millis())));
        let (store, file) = StoreFile::create(&clock);
        let desk = Desk::default();
        desk.clock.get_or_init(|| Arc::clone(&clock));
        let reconciler = Reconciler::<TestEnv>::new(
            desk,
            Liongard::default(),
            store,
            Arc::clone(&clock),
            policy(),
            secret(),
        );
        Self {
            reconciler,
            clock,
            file: Arc::new(file),
        }
    }

    /// A bench whose store is known to hold everything: the desk was swept and has no ticket of ours.
    pub async fn swept() -> Self {
        let bench = Self::new();
        let swept = bench.reconciler.sweep_tickets().await;
        swept.expect("the desk works");
        bench
    }

    /// Another process on the same store, which would give a new installation the secret `new_secret`.
    pub fn beside(&self, new_secret: KeySecret) -> Reconciler<TestEnv> {
        Reconciler::<TestEnv>::new(
            Desk::default(),
            Liongard::default(),
            self.reconciler.store.clone(),
            Arc::clone(&self.clock),
            policy(),
            new_secret,
        )
    }

    /// The only message in the queue.
    pub fn only_item(&self) -> QueuedMessage {
        let mut queue = self.file.queue();
        assert_eq!(queue.len(), 1, "one message was expected");
        queue.remove(0)
    }

    /// The only dead letter.
    pub fn only_dead(&self) -> DeadLetter {
        let mut letters = self.file.dead_letters();
        assert_eq!(letters.len(), 1, "one dead letter was expected");
        letters.remove(0)
    }

    /// Works off everything that is due, at most 20 messages of each lane; returns their outcomes.
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
