//! The bundle as the program puts it together, and both vendors around it.

use std::path::Path;
use std::sync::Arc;

use halogard_app::budget::{FINISH_WAIT_MAX, SharedBudget, WaitingBudget};
use halogard_app::ports::Lane;
use halogard_app::{Env, Reconciler};
use halogard_credentials::webhook_auth::{Authenticator, VaultReader};
use halogard_credentials::{CredentialCache, SecretFields, StaticVault, TTL, members};
use halogard_domain::budget::Priority;
use halogard_domain::ids::AlertId;
use halogard_domain::key::KeySecret;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::{Link, Policy};
use halogard_halopsa::{Addresses, Credentials, HaloServiceDesk};
use halogard_liongard::{Address, LiongardAlertSource, ParsedAccessKey};
use halogard_simulator::halopsa::{TicketView, WebhookAuth, WebhookSpec};
use halogard_simulator::liongard::{AlertSpec, AlertView};
use halogard_simulator::{HaloPsa, Liongard, SimClock};
use halogard_sqlite::{Store, StoreKey};
use secrecy::SecretString;
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;

use crate::captured_log::CapturedLog;
use crate::clock::{OffsetClock, ScenarioClock};
use crate::crash_point::{Component, CrashPoints, Crashed};
use crate::driver::DueTimes;
use crate::intervention::Interventions;
use crate::invariants::tickets_of;
use crate::setup::{APPLICATION, HALOPSA_SECRET, LIONGARD_SECRET, Setup, planted};
use crate::store::{ObservedStore, StoreActivity};
use crate::transport::{AnswerRewrite, RequestLog, RouterTransport};
use crate::vault::InMemoryVault;
use crate::webhook_delivery::PendingDeliveries;

/// Authenticates the webhooks of a scenario.
pub type ScenarioAuthenticator = Authenticator<VaultReader<StaticVault>, ScenarioClock>;

/// What the store seals secrets with.
const STORE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// HaloPSA, in process and under the budget.
pub type SimDesk = HaloServiceDesk<
    RouterTransport,
    WaitingBudget<SimBudget, ScenarioClock, ScenarioClock>,
    ScenarioClock,
>;

/// The request budget, in the embedded store.
pub type SimBudget = SharedBudget<Store<ScenarioClock>, ScenarioClock>;

/// Liongard, in process.
pub type SimSource = LiongardAlertSource<RouterTransport, ScenarioClock>;

/// The collaborators of a scenario's process.
pub struct ScenarioEnv;

impl Env for ScenarioEnv {
    type Desk = SimDesk;
    type Liongard = SimSource;
    type Store = ObservedStore;
    type Clock = ScenarioClock;
}

/// One life of the process: what is lost when it dies.
pub struct Process {
    /// The use cases over real parts.
    pub use_cases: Reconciler<ScenarioEnv>,
    /// The store, for assertions of the tests.
    pub store: ObservedStore,
    /// Whom webhooks are taken from.
    pub authenticator: ScenarioAuthenticator,
}

/// The whole bundle on one store, both vendors, and the clock.
pub struct Scenario {
    /// The simulated HaloPSA.
    pub halo: HaloPsa,
    /// The simulated Liongard.
    pub liongard: Liongard,
    /// The one clock.
    pub time: ScenarioClock,
    /// HaloPSA's, which may be off.
    pub halo_clock: OffsetClock,
    /// Where the process may be stopped.
    pub crash_points: CrashPoints,
    /// Every request that was made.
    pub requests: RequestLog,
    /// Answers no vendor gave.
    pub answer_rewrite: AnswerRewrite,
    /// What people do in the middle of the bundle's work.
    pub interventions: Interventions,
    /// What was seen at the store.
    pub store_activity: StoreActivity,
    /// What was logged.
    pub logs: CapturedLog,
    /// What the scenario started from.
    pub setup: Setup,
    /// Whether the scenario means to fill the dead letters.
    pub expects_dead_letters: bool,
    pub(crate) policy: Policy,
    pub(crate) excused: Vec<i64>,
    pub(crate) process: Option<Process>,
    pub(crate) due: DueTimes,
    pub(crate) pending_deliveries: PendingDeliveries,
    folder: TempDir,
    /// A new store gets another secret for its keys.
    stores_lost: u8,
    // Stays in force until the scenario is over.
    _capture: DefaultGuard,
}

impl Process {
    /// One sync cycle, and every message that is due then.
    pub async fn work_through(&self) {
        Box::pin(self.use_cases.sync_cycle()).await;
        for lane in Lane::ALL {
            loop {
                let worked = self.use_cases.process_next(lane).await;
                if worked.expect("the embedded queue works").is_empty() {
                    break;
                }
            }
        }
    }
}

impl Scenario {
    /// Builds both vendors and starts the bundle.
    pub async fn start(setup: Setup) -> Self {
        let (logs, capture) = CapturedLog::begin(setup.level);
        let time = ScenarioClock::new();
        let halo_clock = OffsetClock::new(time.sim_clock(), setup.halo_ahead_ms);
        let clock: Arc<dyn SimClock> = Arc::new(halo_clock.clone());
        let halo = HaloPsa::new(setup.halo.clone(), clock, setup.seed);
        let clock: Arc<dyn SimClock> = Arc::new(time.sim_clock());
        let liongard = Liongard::new(setup.liongard.clone(), clock, setup.seed);
        liongard.connect(halo.clone());
        register_webhook(&halo, &setup);
        let mut bundle = Self {
            policy: setup.policy(),
            pending_deliveries: PendingDeliveries::new(setup.webhook_delivery),
            halo,
            halo_clock,
            liongard,
            crash_points: CrashPoints::default(),
            requests: RequestLog::default(),
            answer_rewrite: AnswerRewrite::default(),
            interventions: Interventions::default(),
            store_activity: StoreActivity::default(),
            logs,
            expects_dead_letters: false,
            excused: Vec::new(),
            process: None,
            due: DueTimes::starting(&time),
            time,
            setup,
            folder: folder(),
            stores_lost: 0,
            _capture: capture,
        };
        Box::pin(bundle.start_process()).await;
        bundle
    }

    /// [`Scenario::start`] with everything as usual.
    pub async fn managed() -> Self {
        Self::start(Setup::managed()).await
    }

    /// The same in native mode.
    pub async fn native() -> Self {
        Self::start(Setup::native()).await
    }

    /// The process dies, and is started again on the same store.
    pub async fn crash(&mut self) {
        self.process = None;
        self.start_process().await;
    }

    /// The process dies, its store is lost, and it is started again with an empty one.
    pub async fn lose_the_store(&mut self) {
        self.process = None;
        self.folder = folder();
        self.stores_lost += 1;
        self.start_process().await;
    }

    /// The process is stopped, its store is copied, and it is started again.
    pub async fn back_up(&mut self) -> TempDir {
        self.process = None;
        let backup = folder();
        copy_files(self.folder.path(), backup.path());
        self.start_process().await;
        backup
    }

    /// The process is stopped, its store is replaced by a copy, and it is started again.
    pub async fn restore(&mut self, backup: &TempDir) {
        self.process = None;
        self.folder = folder();
        copy_files(backup.path(), self.folder.path());
        self.start_process().await;
    }

    /// Puts another policy in force, as a changed config file does.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy.clone();
        self.process().use_cases.set_policy(policy);
    }

    /// The process as it lives.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the process lives")
    }

    /// Starts the process, as often as it takes to come up.
    pub(crate) async fn start_process(&mut self) {
        loop {
            self.crash_points.reset();
            let life = self.build();
            let recovered = self
                .crash_points
                .until_crash(Box::pin(life.use_cases.recover_claims()))
                .await
                .map(|recovered| recovered.expect("the store is in order"));
            self.due.restart(&self.time);
            match recovered {
                Ok(_) => {
                    self.process = Some(life);
                    return;
                }
                Err(Crashed) => drop(life),
            }
        }
    }

    /// Puts the parts together, as the program's start does.
    fn build(&self) -> Process {
        self.build_in(self.folder.path(), self.stores_lost)
    }

    /// Another installation with the same vendors and the same config, on a store of its own in `folder`.
    pub async fn second_installation(&self, folder: &TempDir) -> Process {
        let process = self.build_in(folder.path(), u8::MAX);
        let recovered = process.use_cases.recover_claims().await;
        recovered.expect("the store is in order");
        process
    }

    /// The parts over the store in `folder`, which signs with a secret made of `secret` if it is new.
    fn build_in(&self, folder: &Path, secret: u8) -> Process {
        let key = StoreKey::from_text(STORE_KEY).expect("a key in base64");
        let path = folder.join("halogard.db");
        let inner = Store::open(&path, key, self.time.clone()).expect("the store opens");
        inner.requeue_in_flight().expect("the store is in order");
        let store = ObservedStore {
            inner: inner.clone(),
            activity: self.store_activity.clone(),
            crash_points: self.crash_points.clone(),
            time: self.time.clone(),
        };
        let budget = SharedBudget::new(inner.clone(), self.setup.limit, self.time.clone());
        let desk = self.desk(budget, &inner);
        let mut use_cases = Reconciler::<ScenarioEnv>::new(
            desk,
            self.source(),
            store.clone(),
            self.time.clone(),
            self.policy.clone(),
            KeySecret::new([secret; KeySecret::BYTES]),
        );
        use_cases.batch_max = self.setup.batch_max;
        use_cases.sweep_interval = self.setup.sweep_interval;
        let webhook = SecretFields::default().with(members::WEBHOOK_TOKEN, planted::WEBHOOK_TOKEN);
        let webhook = if self.setup.halo.webhook_forms.can_sign {
            webhook.with(members::WEBHOOK_HMAC_KEY, planted::WEBHOOK_SECRET)
        } else {
            webhook
                .with(members::WEBHOOK_USERNAME, planted::WEBHOOK_USERNAME)
                .with(members::WEBHOOK_PASSWORD, planted::WEBHOOK_SECRET)
        };
        let webhook = VaultReader::new(StaticVault::new(webhook), "webhook");
        let authenticator = Authenticator::new(webhook, self.time.clone(), TTL);
        Process {
            use_cases,
            store,
            authenticator,
        }
    }

    /// The client of HaloPSA.
    fn desk(&self, budget: SimBudget, store: &Store<ScenarioClock>) -> SimDesk {
        let addresses = Addresses::read("https://harbourstreet.halopsa.com", None)
            .expect("an address of HaloPSA");
        let settings = halogard_halopsa::HaloClientSettings {
            resource_url: addresses.resource,
            auth_url: addresses.auth,
            tenant: self.setup.halo.tenant.clone(),
            credentials: Credentials {
                client_id: APPLICATION.to_owned(),
                client_secret: SecretString::from(planted::CLIENT_SECRET),
                idle_client_id: None,
            },
            scopes: "read:tickets edit:tickets read:customers".to_owned(),
        };
        let line = self.line(Component::HaloPsa, self.halo.router());
        let (time, patience) = (self.time.clone(), self.setup.patience);
        let mut budget = WaitingBudget::new(budget, time.clone(), time, patience);
        if !patience.is_zero() {
            budget = budget.finishing_within(FINISH_WAIT_MAX);
        }
        let mut client = halogard_halopsa::Client::new(settings, line, budget, self.time.clone())
            .with_shared_tokens(Arc::new(store.clone()));
        if let Some(ring) = self.ring(HALOPSA_SECRET) {
            client = client.with_source(ring);
        }
        HaloServiceDesk::new(client, self.time.clone(), APPLICATION.to_owned())
    }

    /// The client of Liongard.
    fn source(&self) -> SimSource {
        let id = self.setup.liongard.access_keys.first();
        let id = id.map(|key| key.id.clone()).unwrap_or_default();
        let key =
            ParsedAccessKey::read(&id, &SecretString::from(planted::KEY_SECRET)).expect("a key");
        let address = Address::read("https://us1.app.liongard.com").expect("an address");
        let settings = halogard_liongard::LiongardClientSettings {
            base: address.origin,
            key: key.key,
        };
        let line = self.line(Component::Liongard, self.liongard.router());
        let mut client = halogard_liongard::Client::new(settings, line);
        if let Some(ring) = self.ring(LIONGARD_SECRET) {
            client = client.with_source(ring);
        }
        LiongardAlertSource::new(client, self.time.clone())
    }

    /// A secret as this life of the process reads it, where the scenario has a vault.
    fn ring(&self, name: &str) -> Option<Arc<CredentialCache<InMemoryVault, ScenarioClock>>> {
        let vault = self.setup.vault.clone()?;
        Some(Arc::new(CredentialCache::new(
            vault,
            self.time.clone(),
            name,
        )))
    }

    /// The request budget as another process shares it.
    #[must_use]
    pub fn budget(&self) -> SimBudget {
        let store = self.process().store.inner.clone();
        SharedBudget::new(store, self.setup.limit, self.time.clone())
    }

    /// HaloPSA for work that no one waits for, which leaves what is reserved to other work.
    #[must_use]
    pub fn bulk_desk(&self) -> SimDesk {
        let budget = self.budget().with_priority(Priority::Bulk);
        self.desk(budget, &self.process().store.inner)
    }

    /// The way to one vendor for another process, which has a crash_points of its own and whose calls are
    /// kept apart.
    #[must_use]
    pub fn transport_to(
        &self,
        place: Component,
        crash_points: &CrashPoints,
        requests: &RequestLog,
    ) -> RouterTransport {
        let router = match place {
            Component::HaloPsa => self.halo.router(),
            Component::Liongard | Component::Store => self.liongard.router(),
        };
        RouterTransport {
            crash_points: crash_points.clone(),
            calls: requests.clone(),
            ..self.line(place, router)
        }
    }

    /// The way to one vendor.
    fn line(&self, place: Component, router: axum::Router) -> RouterTransport {
        RouterTransport {
            place,
            router,
            time: self.time.clone(),
            crash_points: self.crash_points.clone(),
            calls: self.requests.clone(),
            answer_rewrite: self.answer_rewrite.clone(),
            interventions: self.interventions.clone(),
            latency: self.setup.latency,
        }
    }
}

/// What a scenario does and checks.
impl Scenario {
    /// Liongard raises a critical alert for the customer with this index; returns its id.
    pub fn raise(&self, customer: i64, rule: &str) -> i64 {
        let text = format!(
            "{rule}, reported by {} <{}>",
            planted::PERSON,
            planted::MAIL
        );
        let spec = AlertSpec::new(8801 + customer, rule, &text);
        self.liongard.raise(&spec).expect("such a customer")
    }

    /// The alert as Liongard has it.
    #[must_use]
    pub fn alert(&self, id: i64) -> AlertView {
        self.liongard.alert(id).expect("such an alert")
    }

    /// The tickets of an alert as HaloPSA has them, oldest first, without deleted ones.
    #[must_use]
    pub fn tickets_of(&self, alert: i64) -> Vec<TicketView> {
        tickets_of(&self.alert(alert), &self.halo.tickets())
    }

    /// The newest ticket of an alert.
    #[must_use]
    pub fn ticket_of(&self, alert: i64) -> Option<TicketView> {
        self.tickets_of(alert).pop()
    }

    /// The one ticket of an alert.
    ///
    /// # Panics
    ///
    /// When there is none, or another one.
    pub fn only_ticket(&self, alert: i64) -> TicketView {
        let mut tickets = self.tickets_of(alert);
        assert_eq!(tickets.len(), 1, "tickets of alert {alert}: {tickets:#?}");
        tickets.remove(0)
    }

    /// What the store remembers of an alert.
    pub async fn link(&self, alert: i64) -> Option<Link> {
        use halogard_app::ports::Links as _;
        let id = AlertId::new(alert.unsigned_abs());
        let stored = self.process().store.load(id).await;
        stored.expect("the store is in order").map(|it| it.value)
    }

    /// How a pair stands.
    pub async fn pair_status(&self, alert: i64) -> Option<PairStatus> {
        use halogard_app::ports::Clock as _;
        let link = self.link(alert).await?;
        Some(pair_status(&link, &self.policy, self.time.now()))
    }

    /// The journal entries of an alert, in order.
    pub async fn journal(&self, alert: i64) -> Vec<String> {
        use halogard_app::ports::Journal as _;
        let id = AlertId::new(alert.unsigned_abs());
        let entries = self.process().store.journal(id, 1000).await;
        let entries = entries.expect("the store reads");
        entries.into_iter().map(|entry| entry.event).collect()
    }

    /// The notes on a ticket that we wrote, as plain text.
    #[must_use]
    pub fn our_notes(&self, ticket: i64) -> Vec<String> {
        let ticket = self.halo.ticket(ticket).expect("such a ticket");
        let ours = ticket.actions.into_iter().skip(1);
        ours.filter(|action| action.application == APPLICATION && action.outcome == "Internal Note")
            .map(|action| action.note)
            .collect()
    }

    /// What we wrote at HaloPSA so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        let writes = self.halo.stats().writes;
        writes
            .get(APPLICATION)
            .map_or(0, |kinds| kinds.values().sum())
    }

    /// Runs we asked Liongard for, by launchpoint.
    #[must_use]
    pub fn runs_of(&self, launchpoint: i64) -> usize {
        let runs = self.liongard.stats().ad_hoc_runs;
        runs.get(&launchpoint).copied().unwrap_or_default()
    }

    /// Both sides of this alert need not agree at the end: the scenario is about why.
    pub fn excuse(&mut self, alert: i64) {
        self.excused.push(alert);
    }
}

/// Has HaloPSA send its webhooks, signed where it can sign.
///
/// # Panics
///
/// Never: the webhook was just registered.
pub fn register_webhook(halo: &HaloPsa, setup: &Setup) {
    let secret = planted::WEBHOOK_SECRET.to_owned();
    let auth = if setup.halo.webhook_forms.can_sign {
        WebhookAuth::Hmac {
            header: "X-Halo-Signature".to_owned(),
            secret,
        }
    } else {
        WebhookAuth::Basic {
            username: planted::WEBHOOK_USERNAME.to_owned(),
            password: secret,
        }
    };
    let url = format!(
        "https://bundle.example.org/webhooks/halopsa/{}",
        planted::WEBHOOK_TOKEN
    );
    let spec = WebhookSpec {
        payload: setup.payload,
        ..WebhookSpec::to(&url, auth)
    };
    let id = halo.register_webhook(&spec);
    halo.bind_all_events(&id).expect("it was just registered");
}

/// Copies every file of one folder to another.
fn copy_files(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("the folder is there") {
        let file = file.expect("the folder can be read");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("the file is copied");
    }
}

/// A folder for the store, in memory where the system has such a place: thousands of stores are
/// opened, and what a disk withstands is tested elsewhere.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a folder for the store")
}
