//! The webhook's secret: made here, told to HaloPSA, and no delivery is turned away on the way.

use std::time::Duration;

use halogard_app::intake::Knock;
use halogard_app::keyring::{ByMembers, Doubt, Fields, Gate, InVault, LIFE};
use halogard_app::ports::Stage;
use halogard_app::rotate::Step;
use halogard_simulator::HaloPsa;
use halogard_simulator::halopsa::{OutgoingDelivery, WebhookAuth, WebhookSpec};
use halogard_tests::setup::planted;
use halogard_tests::vault::StrictVault;
use halogard_tests::{Bundle, Courier, Grid, Setup, Time};
use tracing::Level;

use crate::liongard::both;
use crate::office::{Office, PLACES, fields};

/// The secret's name.
const NAME: &str = "halogard/webhook";

/// The version a rotation goes to.
const NEXT: &str = "11111111-cccc-4ccc-8ccc-000000000002";

/// How deliveries prove themselves in a case.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Hmac,
    Basic,
    Address,
}

impl Kind {
    fn secret(self) -> Fields {
        let fields = fields(&[
            ("strategy", "webhook"),
            ("halopsa_webhook_token", planted::WEBHOOK_TOKEN),
        ]);
        match self {
            Self::Hmac => fields.with("halopsa_webhook_secret", planted::WEBHOOK_SECRET),
            Self::Basic => fields
                .with("halopsa_webhook_username", "halo")
                .with("halopsa_webhook_password", planted::WEBHOOK_SECRET),
            Self::Address => fields,
        }
    }

    fn at_halopsa(self) -> WebhookAuth {
        match self {
            Self::Hmac => WebhookAuth::Hmac {
                header: "X-Halo-Signature".to_owned(),
                secret: planted::WEBHOOK_SECRET.to_owned(),
            },
            Self::Basic => WebhookAuth::Basic {
                username: "halo".to_owned(),
                password: planted::WEBHOOK_SECRET.to_owned(),
            },
            Self::Address => WebhookAuth::None,
        }
    }
}

/// The gate of one process or function.
type LocalGate = Gate<InVault<StrictVault>, ByMembers, Time>;

/// A gate by the secret of `vault`.
fn gate(vault: &StrictVault, time: &Time) -> LocalGate {
    let reader = InVault::new(vault.clone(), NAME);
    Gate::new(reader, ByMembers::default(), time.clone(), LIFE)
}

/// Whether `gate` opens for `knock`, as whoever receives webhooks asks it.
async fn lets_in(gate: &LocalGate, knock: &Knock<'_>) -> bool {
    let doors = gate.doors().await.unwrap();
    if doors.delivery.opens_for(knock) {
        return true;
    }
    let doubt = if doors.know(knock.path_token) {
        Doubt::Credential
    } else {
        Doubt::Address
    };
    let newer = gate.newer_than(&doors, doubt).await;
    newer.is_some_and(|newer| newer.delivery.opens_for(knock))
}

/// A tenant that sends, a gate that lets in, and how many were let in and turned away.
struct Street {
    bundle: Bundle,
    gate: LocalGate,
    let_in: usize,
    turned_away: usize,
}

impl Street {
    async fn new(kind: Kind, vault: &StrictVault) -> Self {
        let setup = Setup {
            courier: Courier::Never,
            level: Level::INFO,
            ..Setup::managed()
        };
        let bundle = Bundle::start(setup).await;
        remove_webhooks(&bundle.halo);
        let url = format!(
            "https://bundle.example.org/webhooks/halopsa/{}",
            planted::WEBHOOK_TOKEN
        );
        let spec = WebhookSpec::to(&url, kind.at_halopsa());
        let id = bundle.halo.register_webhook(&spec);
        bundle.halo.bind_all_events(&id).unwrap();
        let gate = gate(vault, &bundle.time);
        Self {
            bundle,
            gate,
            let_in: 0,
            turned_away: 0,
        }
    }

    /// Something happens in HaloPSA, and what it sends is delivered.
    async fn news(&mut self) {
        let ticket = halogard_simulator::halopsa::NewTicket {
            client_id: 17,
            tickettype_id: 5,
            summary: "A printer is on fire".to_owned(),
            details: String::new(),
        };
        self.bundle.halo.log_ticket(12, &ticket).unwrap();
        self.bundle.time.pass(Duration::from_secs(1));
        use halogard_app::ports::Clock as _;
        let now = self.bundle.time.now().as_millis();
        let due = self.bundle.halo.take_due(now);
        assert!(!due.is_empty(), "HaloPSA sends something");
        for delivery in due {
            if self.knock(&delivery).await {
                self.let_in += 1;
            } else {
                self.turned_away += 1;
            }
        }
    }

    async fn knock(&self, delivery: &OutgoingDelivery) -> bool {
        let header = |name: &str| -> Vec<Vec<u8>> {
            let headers = delivery.headers.iter();
            let named = headers.filter(|(given, _)| given.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.clone().into_bytes()).collect()
        };
        let knock = Knock {
            path_token: delivery.url.rsplit('/').next().unwrap_or_default(),
            header: &header,
            body: &delivery.body,
        };
        lets_in(&self.gate, &knock).await
    }

    /// Time passes.
    fn wait(&self, seconds: u64) {
        self.bundle.time.pass(Duration::from_secs(seconds));
    }
}

/// Only the webhook of this test sends.
fn remove_webhooks(halo: &HaloPsa) {
    halo.remove_webhooks();
}

/// Rotates while deliveries keep coming; brings the visits the office made.
async fn rotate(kind: Kind, prepare: impl FnOnce(&Office)) -> [u64; 3] {
    let vault = StrictVault::default();
    vault.hold(NAME, "v1", &kind.secret(), true);
    let mut street = Street::new(kind, &vault).await;
    let office = Office::over(&vault);
    street.news().await;
    vault.announce(NAME, NEXT);
    prepare(&office);
    for step in Step::ALL {
        for attempt in 0.. {
            assert!(attempt < 5, "{step:?} does not succeed");
            let taken = office.attempt(&street.bundle, step, NAME, NEXT).await;
            street.news().await;
            if let Some(Ok(_)) = taken {
                break;
            }
            street.wait(20);
        }
        street.wait(15);
        street.news().await;
    }
    let visits = PLACES.map(|place| office.fuse.count(place));
    let (version, fields) = vault.look(NAME, Stage::Current).unwrap();
    assert_eq!(version, NEXT);
    assert_ne!(fields, Some(kind.secret()));
    for _ in 0..30 {
        street.wait(3600);
        street.news().await;
    }
    assert_eq!(street.turned_away, 0, "of {}", street.let_in);
    let told = format!("{:?} {}", office.told.all(), street.bundle.logs.text());
    for secret in [planted::WEBHOOK_SECRET, planted::WEBHOOK_TOKEN] {
        assert!(!told.contains(secret));
    }
    visits
}

#[test]
fn no_delivery_is_turned_away_while_the_secret_rotates_stopped_at_every_call() {
    let mut grid = Grid::new("webhook, stopped at every call of every step");
    for kind in [Kind::Hmac, Kind::Basic, Kind::Address] {
        let visits = grid
            .case(&format!("{kind:?} in peace"), rotate(kind, |_| ()))
            .unwrap_or_default();
        println!("{kind:?}: visits of the office to store, HaloPSA, Liongard: {visits:?}");
        for (place, count) in PLACES.into_iter().zip(visits) {
            for stop in (1..=count).flat_map(|at| both(place, at)) {
                let prepare = |office: &Office| office.fuse.arm(stop.0, stop.1, stop.2);
                grid.case(
                    &format!("{kind:?} stopped at {stop:?}"),
                    rotate(kind, prepare),
                );
            }
        }
    }
    grid.finish();
}

#[tokio::test]
async fn the_old_secret_lets_nothing_in_once_its_overlap_is_over() {
    let vault = StrictVault::default();
    vault.hold(NAME, "v1", &Kind::Hmac.secret(), true);
    let mut street = Street::new(Kind::Hmac, &vault).await;
    let office = Office::over(&vault);
    vault.announce(NAME, NEXT);
    for step in [Step::Create, Step::Test, Step::Finish] {
        // Nobody tells HaloPSA.
        let taken = office.attempt(&street.bundle, step, NAME, NEXT).await;
        taken.unwrap().unwrap();
    }
    street.wait(23 * 3600);
    street.news().await;
    assert_eq!(street.turned_away, 0);
    street.wait(3600);
    let before = street.let_in;
    street.news().await;
    assert_eq!(street.let_in, before);
    assert!(street.turned_away > 0);
}

#[tokio::test]
async fn without_the_right_to_change_webhooks_a_person_is_asked_and_both_values_are_let_in() {
    let vault = StrictVault::default();
    vault.hold(NAME, "v1", &Kind::Hmac.secret(), true);
    let mut street = Street::new(Kind::Hmac, &vault).await;
    street.bundle.halo.change_settings(|settings| {
        settings.applications[0]
            .scopes
            .retain(|scope| scope != "admin");
    });
    let office = Office::over(&vault);
    vault.announce(NAME, NEXT);
    let attempt = |step| office.attempt(&street.bundle, step, NAME, NEXT);
    attempt(Step::Create).await.unwrap().unwrap();
    let refused = attempt(Step::Set).await.unwrap();
    assert_eq!(refused, Err("rotation.person_needed".to_owned()));
    let text = office.told.all()[0].text.clone();
    for part in [
        "Configuration → Integrations → Webhooks",
        "halopsa_webhook_secret",
    ] {
        assert!(text.contains(part), "{text}");
    }
    street.news().await;
    let (_, pending) = vault.look(NAME, Stage::Pending).unwrap();
    let pasted = pending
        .unwrap()
        .text("halopsa_webhook_secret")
        .unwrap()
        .to_owned();
    remove_webhooks(&street.bundle.halo);
    let url = format!(
        "https://bundle.example.org/webhooks/halopsa/{}",
        planted::WEBHOOK_TOKEN
    );
    let by_hand = WebhookAuth::Hmac {
        header: "X-Halo-Signature".to_owned(),
        secret: pasted,
    };
    let id = street
        .bundle
        .halo
        .register_webhook(&WebhookSpec::to(&url, by_hand));
    street.bundle.halo.bind_all_events(&id).unwrap();
    street.news().await;
    for step in [Step::Test, Step::Finish] {
        let taken = office.attempt(&street.bundle, step, NAME, NEXT).await;
        taken.unwrap().unwrap();
    }
    street.wait(600);
    street.news().await;
    assert_eq!(street.turned_away, 0);
}

#[tokio::test]
async fn a_stranger_who_knocks_all_day_costs_few_reads() {
    let vault = StrictVault::default();
    vault.hold(NAME, "v1", &Kind::Hmac.secret(), true);
    let time = Time::new();
    let gate = gate(&vault, &time);
    for _ in 0..600 {
        let knock = Knock {
            path_token: "guess",
            header: &|_| Vec::new(),
            body: b"{}",
        };
        assert!(!lets_in(&gate, &knock).await);
        time.pass(Duration::from_millis(100));
    }
    let reads = vault.reads(NAME);
    println!("600 strange deliveries in a minute: {reads} reads of the vault");
    // Two versions at first, and all three because of the first stranger.
    assert_eq!((reads, gate.refreshes()), (5, 1));
    for _ in 0..3600 {
        let knock = Knock {
            path_token: planted::WEBHOOK_TOKEN,
            header: &|_| vec![b"forged".to_vec()],
            body: b"{}",
        };
        assert!(!lets_in(&gate, &knock).await);
        time.pass(Duration::from_secs(1));
    }
    assert_eq!(gate.refreshes(), 61, "one a minute");
}
