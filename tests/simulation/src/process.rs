//! One process of the bundle: the production use cases over real clients and the store, and the loop that
//! drives them as the program or a function does.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::budget::{FINISH_WAIT_MAX, SharedBudget, WaitingBudget};
use halogard_app::intake::{Rejection, enqueue};
use halogard_app::outcome::TaskEnd;
use halogard_app::ports::{Clock as _, Lane, LeaseOutcome, Leases as _, Outgoing, WorkSink as _};
use halogard_app::{Env, Reconciler};
use halogard_credentials::webhook_auth::{Authenticator, VaultReader, WebhookRequest};
use halogard_credentials::{CredentialCache, SecretFields, StaticVault, TTL, members};
use halogard_domain::budget::Pace;
use halogard_domain::key::KeySecret;
use halogard_domain::{Message, Policy};
use halogard_halopsa::{Addresses, Credentials, HaloServiceDesk, webhook};
use halogard_liongard::{Address, LiongardAlertSource, ParsedAccessKey};
use halogard_simulator::halopsa::{DeliveryResult, OutgoingDelivery};
use halogard_sqlite::Store;
use halogard_tests::Component;
use halogard_tests::Setup;
use halogard_tests::setup::{APPLICATION, HALOPSA_SECRET, planted};
use halogard_tests::vault::InMemoryVault;
use rand::RngExt as _;
use secrecy::SecretString;

use crate::clock::MachineClock;
use crate::scheduler::Work;
use crate::sim::{Sim, Site};
use crate::store::{SimStore, WorkSignal};
use crate::transport::SimTransport;

/// A worker with nothing to do notices new work within this time.
const NOTICES_WITHIN: Duration = Duration::from_millis(500);

/// Pause after the store itself failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// A sync cycle that broke off is repeated after this time.
const BROKEN_OFF_PAUSE: Duration = Duration::from_secs(15);

/// The longest an invocation of a function lasts.
const INVOCATION: Duration = Duration::from_secs(300);

/// The lease of the invocation that runs a sync cycle.
const CYCLE_LEASE: &str = "sync_cycle";

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything, as the program does on one machine. Its address takes webhooks.
    Program,
    /// Sync cycles, as the function for polls does.
    Poller,
    /// The urgent lane.
    Urgent,
    /// The bulk lane.
    Bulk,
    /// Inspector runs, and polls between two cycles.
    Runs,
    /// Webhooks.
    Intake,
}

impl Role {
    /// Its name in traces, and what its crash counts as.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Program => ("program", "crash: program"),
            Self::Poller => ("poller", "crash: poller"),
            Self::Urgent => ("urgent", "crash: urgent worker"),
            Self::Bulk => ("bulk", "crash: bulk worker"),
            Self::Runs => ("runs", "crash: runs worker"),
            Self::Intake => ("intake", "crash: intake"),
        }
    }
}

/// The collaborators of a process.
pub struct SimEnv<const ONE_MACHINE: bool>;

/// The budget of a process.
type Budget<const ONE_MACHINE: bool> = SharedBudget<SimStore<ONE_MACHINE>, MachineClock>;

impl<const ONE_MACHINE: bool> Env for SimEnv<ONE_MACHINE> {
    type Desk = HaloServiceDesk<
        SimTransport,
        WaitingBudget<Budget<ONE_MACHINE>, MachineClock, MachineClock>,
        MachineClock,
    >;
    type Liongard = LiongardAlertSource<SimTransport, MachineClock>;
    type Store = SimStore<ONE_MACHINE>;
    type Clock = MachineClock;
}

/// What a process is made of.
pub struct Parts {
    /// Where it runs.
    pub site: Site,
    /// What it does.
    pub role: Role,
    /// The store behind every process.
    pub store: Store<MachineClock>,
    /// When messages are due.
    pub signal: WorkSignal,
    /// Its machine's clock.
    pub clock: MachineClock,
    /// The policy in force.
    pub policy: Policy,
    /// What a new store signs its keys with.
    pub secret: u8,
    /// Where its client secret is.
    pub vault: InMemoryVault,
    /// Polls in a minute.
    pub polls_per_minute: u32,
}

/// A process whose policy can be replaced.
pub trait Configurable: Send + Sync {
    /// Puts `policy` in force.
    fn set_policy(&self, policy: Policy);
}

impl<E: Env> Configurable for Reconciler<E> {
    fn set_policy(&self, policy: Policy) {
        Self::set_policy(self, policy);
    }
}

/// The tasks of a process, and its handle.
pub struct Started {
    /// Its tasks.
    pub tasks: Vec<Work>,
    /// The process, where it has a policy.
    pub process: Option<Arc<dyn Configurable>>,
    /// Where webhooks are taken, if it takes them.
    pub intake: Option<Arc<dyn Intake>>,
}

/// Takes webhooks.
pub trait Intake: Send + Sync {
    /// The task that takes one delivery and returns its response to HaloPSA.
    fn take(&self, delivery: OutgoingDelivery) -> Work;
}

/// Starts a process.
pub fn start(setup: &Setup, parts: Parts) -> Started {
    match parts.role {
        Role::Program => program(Process::<true>::build(setup, parts)),
        _ => function(Process::<false>::build(setup, parts)),
    }
}

/// A process before its tasks begin.
struct Process<const ONE_MACHINE: bool> {
    parts: Parts,
    reconciler: Arc<Reconciler<SimEnv<ONE_MACHINE>>>,
    budget: Budget<ONE_MACHINE>,
    store: SimStore<ONE_MACHINE>,
    intake: Arc<SimIntake<ONE_MACHINE>>,
    poll_interval: Duration,
}

impl<const ONE_MACHINE: bool> Process<ONE_MACHINE> {
    fn build(setup: &Setup, parts: Parts) -> Self {
        let store = SimStore {
            site: parts.site.clone(),
            inner: parts.store.clone(),
            signal: parts.signal.clone(),
            clock: parts.clock.clone(),
        };
        let seed = parts.site.sim.core().rng.random();
        let clock = parts.clock.clone();
        let budget = SharedBudget::seeded(
            store.clone(),
            setup.limit,
            clock.clone(),
            Pace::default(),
            seed,
        );
        let desk = desk(setup, &parts, &budget, &store);
        let mut reconciler = Reconciler::<SimEnv<ONE_MACHINE>>::new(
            desk,
            alert_source(setup, &parts),
            store.clone(),
            clock.clone(),
            parts.policy.clone(),
            KeySecret::new([parts.secret; KeySecret::BYTES]),
        );
        reconciler.worker = format!("{}-{}-{seed:x}", parts.site.name, parts.site.group);
        reconciler.batch_max = setup.batch_max;
        reconciler.sweep_interval = setup.sweep_interval;
        let intake = Arc::new(SimIntake {
            site: parts.site.clone(),
            authenticator: Arc::new(authenticator(setup, clock)),
            store: store.clone(),
        });
        Self {
            parts,
            reconciler: Arc::new(reconciler),
            budget,
            store,
            intake,
            poll_interval: setup.poll_interval,
        }
    }

    /// Pauses for `span`.
    async fn pause(&self, span: Duration) {
        self.parts.site.sim.scheduler.pause(span).await;
    }

    /// Works on `lanes`, the first that has messages first, until it is stopped.
    async fn work(self: Arc<Self>, lanes: &'static [Lane], is_function: bool) {
        loop {
            let generation = self.parts.signal.generation();
            let mut worked = Ok(Vec::new());
            for lane in lanes {
                worked = Box::pin(self.reconciler.process_next(*lane)).await;
                if !matches!(&worked, Ok(none) if none.is_empty()) {
                    break;
                }
            }
            if is_function {
                self.release_permits().await;
            }
            match worked {
                Ok(none) if none.is_empty() => {
                    self.parts
                        .signal
                        .wait(&self.parts.clock, lanes, generation)
                        .await;
                    let notices = self.parts.site.sim.core().below(NOTICES_WITHIN);
                    self.pause(notices).await;
                }
                Ok(worked) => {
                    let until = worked.iter().filter_map(|it| it.pause_until).max();
                    let rest = until.map(|until| until.since(self.parts.clock.now()));
                    self.pause(rest.unwrap_or_default()).await;
                }
                Err(_) => self.pause(STORE_PAUSE).await,
            }
        }
    }

    /// What a function does before it is frozen.
    async fn release_permits(&self) {
        // Permits that are not released free themselves later.
        drop(self.budget.release_unused().await);
    }

    /// Runs sync cycles until it is stopped, as the program's loop does.
    async fn poll(self: Arc<Self>) {
        loop {
            let began = self.parts.clock.now();
            let report = Box::pin(self.reconciler.sync_cycle()).await;
            let pace = &self.reconciler.poll_pace;
            let wanted = pace.after(report.polled, self.poll_interval);
            let wanted = match report.swept {
                TaskEnd::Failed(_) => wanted.min(BROKEN_OFF_PAUSE),
                _ => wanted,
            };
            let rest = wanted.saturating_sub(self.parts.clock.now().since(began));
            self.pause(rest.max(Duration::from_secs(1))).await;
        }
    }

    /// Runs a sync cycle a minute, as the function on a schedule does.
    async fn poll_on_schedule(self: Arc<Self>) {
        let minute = Duration::from_secs(60);
        loop {
            let began = self.parts.site.sim.scheduler.now();
            self.invocation().await;
            let next = (began.div_euclid(60_000) + 1) * 60_000;
            let late = self.parts.site.sim.core().below(minute / 20);
            self.parts.site.sim.scheduler.pause_until(next).await;
            self.pause(late).await;
        }
    }

    /// One invocation of the function for polls.
    async fn invocation(&self) {
        let began = self.parts.clock.now();
        let worker = &self.reconciler.worker;
        let until = began.plus(INVOCATION);
        let lease = self.store.acquire_lease(CYCLE_LEASE, worker, until).await;
        if matches!(lease, Ok(LeaseOutcome::HeldByOther { .. })) {
            return;
        }
        let report = Box::pin(self.reconciler.sync_cycle()).await;
        if report.is_complete() {
            let count = self.parts.polls_per_minute.max(1);
            let interval = Duration::from_secs(60) / count;
            let further: Vec<Outgoing> = (1..count)
                .map(|number| began.plus(interval * number))
                .map(|due| Outgoing {
                    message: Message::poll_at(due),
                    not_before: Some(due),
                })
                .collect();
            if !further.is_empty() {
                // The next cycle polls as well.
                drop(self.store.send(Lane::Runs, &further).await);
            }
        }
        self.release_permits().await;
        // A lease that is not released expires.
        drop(self.store.release_lease(CYCLE_LEASE, worker).await);
    }
}

/// The program: recovery, then three loops side by side.
fn program(process: Process<true>) -> Started {
    let process = Arc::new(process);
    let handle = Arc::clone(&process.reconciler);
    let intake = Arc::clone(&process.intake);
    let started: Work = Box::pin(async move {
        while process.reconciler.recover_claims().await.is_err() {
            process.pause(STORE_PAUSE).await;
        }
        let tickets = Arc::clone(&process).work(&[Lane::Urgent, Lane::Bulk], false);
        let runs = Arc::clone(&process).work(&[Lane::Runs], false);
        let polls = Arc::clone(&process).poll();
        futures_util::future::join3(Box::pin(tickets), Box::pin(runs), Box::pin(polls)).await;
    });
    Started {
        tasks: vec![started],
        process: Some(handle),
        intake: Some(intake),
    }
}

/// A function.
fn function(process: Process<false>) -> Started {
    let process = Arc::new(process);
    let handle = Arc::clone(&process.reconciler);
    let intake = Arc::clone(&process.intake);
    let task: Option<Work> = match process.parts.role {
        Role::Poller => Some(Box::pin(process.poll_on_schedule())),
        Role::Urgent => Some(Box::pin(process.work(&[Lane::Urgent], true))),
        Role::Bulk => Some(Box::pin(process.work(&[Lane::Bulk], true))),
        Role::Runs => Some(Box::pin(process.work(&[Lane::Runs], true))),
        Role::Intake | Role::Program => None,
    };
    let takes_webhooks = task.is_none();
    Started {
        tasks: task.into_iter().collect(),
        process: Some(handle),
        intake: takes_webhooks.then_some(intake as Arc<dyn Intake>),
    }
}

/// Where webhooks arrive.
#[derive(Clone)]
struct SimIntake<const ONE_MACHINE: bool> {
    site: Site,
    authenticator: Arc<Authenticator<VaultReader<StaticVault>, MachineClock>>,
    store: SimStore<ONE_MACHINE>,
}

impl<const ONE_MACHINE: bool> SimIntake<ONE_MACHINE> {
    /// Takes one delivery as the HTTP server and the function do.
    async fn receive(&self, delivery: &OutgoingDelivery) -> Result<usize, Rejection> {
        let header = |name: &str| -> Vec<Vec<u8>> {
            let named = delivery
                .headers
                .iter()
                .filter(|(given, _)| given.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.clone().into_bytes()).collect()
        };
        let names = || delivery.headers.iter().map(|it| it.0.clone()).collect();
        let request = WebhookRequest {
            header: &header,
            header_names: &names,
            body: &delivery.body,
        };
        let path = delivery.url.trim_end_matches('/');
        let token = path.rsplit('/').next().unwrap_or_default();
        let now = self.store.clock.now();
        let path = self.authenticator.verify_path(token).await?;
        let verified = self.authenticator.verify(&path, &request).await?;
        let messages = webhook::parse(verified.body, now)?;
        enqueue(&self.store, messages).await
    }
}

impl<const ONE_MACHINE: bool> Intake for SimIntake<ONE_MACHINE> {
    fn take(&self, delivery: OutgoingDelivery) -> Work {
        let this = self.clone();
        Box::pin(async move {
            let taken = this.receive(&delivery).await;
            let (status, what) = match taken {
                Ok(_) => (200, "webhook: delivered"),
                Err(Rejection::NotQueued(_)) => (503, "webhook: refused for a while"),
                Err(_) => (401, "webhook: not accepted"),
            };
            let sim = &this.site.sim;
            sim.core().coverage.reached(what);
            sim.note(this.site.name, what, &delivery.id);
            sim.halo
                .record_delivery(&delivery, &DeliveryResult::answered(status));
        })
    }
}

/// Whom webhooks are taken from.
fn authenticator(
    setup: &Setup,
    clock: MachineClock,
) -> Authenticator<VaultReader<StaticVault>, MachineClock> {
    let fields = SecretFields::default().with(members::WEBHOOK_TOKEN, planted::WEBHOOK_TOKEN);
    let fields = if setup.halo.webhook_forms.can_sign {
        fields.with(members::WEBHOOK_HMAC_KEY, planted::WEBHOOK_SECRET)
    } else {
        fields
            .with(members::WEBHOOK_USERNAME, planted::WEBHOOK_USERNAME)
            .with(members::WEBHOOK_PASSWORD, planted::WEBHOOK_SECRET)
    };
    let reader = VaultReader::new(StaticVault::new(fields), "webhook");
    Authenticator::new(reader, clock, TTL)
}

/// The client of HaloPSA.
fn desk<const ONE_MACHINE: bool>(
    setup: &Setup,
    parts: &Parts,
    budget: &Budget<ONE_MACHINE>,
    store: &SimStore<ONE_MACHINE>,
) -> <SimEnv<ONE_MACHINE> as Env>::Desk {
    let addresses =
        Addresses::read("https://harbourstreet.halopsa.com", None).expect("an address of HaloPSA");
    let settings = halogard_halopsa::HaloClientSettings {
        resource_url: addresses.resource,
        auth_url: addresses.auth,
        tenant: setup.halo.tenant.clone(),
        credentials: Credentials {
            client_id: APPLICATION.to_owned(),
            client_secret: SecretString::from(planted::CLIENT_SECRET),
            idle_client_id: None,
        },
        scopes: "read:tickets edit:tickets read:customers".to_owned(),
    };
    let clock = parts.clock.clone();
    let mut waiting =
        WaitingBudget::new(budget.clone(), clock.clone(), clock.clone(), setup.patience);
    if !setup.patience.is_zero() {
        waiting = waiting.finishing_within(FINISH_WAIT_MAX);
    }
    let line = line(setup, &parts.site, Component::HaloPsa);
    let client = halogard_halopsa::Client::new(settings, line, waiting, clock.clone())
        .with_shared_tokens(Arc::new(store.clone()))
        .with_source(Arc::new(CredentialCache::new(
            parts.vault.clone(),
            clock.clone(),
            HALOPSA_SECRET,
        )));
    HaloServiceDesk::new(client, clock, APPLICATION.to_owned())
}

/// The client of Liongard.
fn alert_source(setup: &Setup, parts: &Parts) -> LiongardAlertSource<SimTransport, MachineClock> {
    let id = setup.liongard.access_keys.first();
    let id = id.map(|key| key.id.clone()).unwrap_or_default();
    let key = ParsedAccessKey::read(&id, &SecretString::from(planted::KEY_SECRET)).expect("a key");
    let address = Address::read("https://us1.app.liongard.com").expect("an address");
    let settings = halogard_liongard::LiongardClientSettings {
        base: address.origin,
        key: key.key,
    };
    let line = line(setup, &parts.site, Component::Liongard);
    LiongardAlertSource::new(
        halogard_liongard::Client::new(settings, line),
        parts.clock.clone(),
    )
}

/// The way to one vendor.
fn line(setup: &Setup, site: &Site, place: Component) -> SimTransport {
    let Sim { halo, liongard, .. } = &site.sim;
    SimTransport {
        site: site.clone(),
        place,
        router: match place {
            Component::HaloPsa => halo.router(),
            Component::Liongard | Component::Store => liongard.router(),
        },
        latency: setup.latency,
    }
}
