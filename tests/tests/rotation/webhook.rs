//! The webhook's secret: the function generates it and sets it in HaloPSA, and the intake accepts
//! every delivery meanwhile.

use std::time::Duration;

use halogard_app::ports::{Stage, Vault as _};
use halogard_credentials::rotation::RotationStep;
use halogard_credentials::webhook_auth::{AuthError, Authenticator, VaultReader, WebhookRequest};
use halogard_credentials::{SecretFields, TTL};
use halogard_domain::policy::Mode;
use halogard_simulator::halopsa::{OutgoingDelivery, WebhookAuth, WebhookSpec};
use halogard_simulator::{Dialect, HaloPsa};
use halogard_tests::dialect_in_force::dialect_in_force;
use halogard_tests::setup::planted;
use halogard_tests::vault::InMemoryVault;
use halogard_tests::{CaseMatrix, Scenario, ScenarioClock, Setup, WebhookDelivery};
use tracing::Level;

use crate::liongard::both;
use crate::rotation_function::{COMPONENTS, RotationFunction, fields};

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
    fn secret(self) -> SecretFields {
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

/// The authenticator of one process or function.
type TestAuthenticator = Authenticator<VaultReader<InMemoryVault>, ScenarioClock>;

/// An authenticator by the secret of `vault`.
fn authenticator(vault: &InMemoryVault, time: &ScenarioClock) -> TestAuthenticator {
    let reader = VaultReader::new(vault.clone(), NAME);
    Authenticator::new(reader, time.clone(), TTL).allowing_token_only()
}

/// Whether `authenticator` accepts `request` at the path that ends in `token`.
async fn is_accepted(
    authenticator: &TestAuthenticator,
    token: &str,
    request: &WebhookRequest<'_>,
) -> bool {
    let verified = async {
        let path = authenticator.verify_path(token).await?;
        authenticator.verify(&path, request).await
    };
    match verified.await {
        Ok(_) => true,
        Err(AuthError::NotAuthentic) => false,
        Err(error) => panic!("{error}"),
    }
}

/// A tenant that sends, an authenticator, and how many deliveries it accepted and rejected.
struct WebhookSender {
    bundle: Scenario,
    authenticator: TestAuthenticator,
    accepted: usize,
    rejected: usize,
}

impl WebhookSender {
    async fn new(kind: Kind, vault: &InMemoryVault) -> Self {
        Self::speaking(dialect_in_force(), kind, vault).await
    }

    async fn speaking(dialect: Dialect, kind: Kind, vault: &InMemoryVault) -> Self {
        let setup = Setup {
            webhook_delivery: WebhookDelivery::Never,
            level: Level::INFO,
            ..Setup::speaking(Mode::Managed, dialect)
        };
        let bundle = Scenario::start(setup).await;
        remove_webhooks(&bundle.halo);
        let url = format!(
            "https://bundle.example.org/webhooks/halopsa/{}",
            planted::WEBHOOK_TOKEN
        );
        let spec = WebhookSpec::to(&url, kind.at_halopsa());
        let id = bundle.halo.register_webhook(&spec);
        bundle.halo.bind_all_events(&id).unwrap();
        let authenticator = authenticator(vault, &bundle.time);
        Self {
            bundle,
            authenticator,
            accepted: 0,
            rejected: 0,
        }
    }

    /// Something happens in HaloPSA, and what it sends is delivered.
    async fn news(&mut self) {
        let ticket = halogard_simulator::halopsa::TicketSpec {
            client_id: 17,
            tickettype_id: 5,
            summary: "A printer is on fire".to_owned(),
            details: String::new(),
        };
        self.bundle.halo.log_ticket(12, &ticket).unwrap();
        self.bundle.time.advance(Duration::from_secs(1));
        use halogard_app::ports::Clock as _;
        let now = self.bundle.time.now().as_millis();
        let due = self.bundle.halo.take_due(now);
        assert!(!due.is_empty(), "HaloPSA sends something");
        for delivery in due {
            if self.request(&delivery).await {
                self.accepted += 1;
            } else {
                self.rejected += 1;
            }
        }
    }

    async fn request(&self, delivery: &OutgoingDelivery) -> bool {
        let header = |name: &str| -> Vec<Vec<u8>> {
            let headers = delivery.headers.iter();
            let named = headers.filter(|(given, _)| given.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.clone().into_bytes()).collect()
        };
        let request = WebhookRequest {
            header: &header,
            header_names: &|| {
                delivery
                    .headers
                    .iter()
                    .map(|(name, _)| name.clone())
                    .collect()
            },
            body: &delivery.body,
        };
        let token = delivery.url.trim_end_matches('/');
        let token = token.rsplit('/').next().unwrap_or_default();
        is_accepted(&self.authenticator, token, &request).await
    }

    /// Time passes.
    fn wait(&self, seconds: u64) {
        self.bundle.time.advance(Duration::from_secs(seconds));
    }
}

/// Only the webhook of this test sends.
fn remove_webhooks(halo: &HaloPsa) {
    halo.remove_webhooks();
}

/// Rotates while deliveries keep coming; brings the visits the function made.
async fn rotate(kind: Kind, prepare: impl FnOnce(&RotationFunction)) -> [u64; 3] {
    rotate_speaking(dialect_in_force(), kind, prepare).await
}

/// The same in a dialect.
async fn rotate_speaking(
    dialect: Dialect,
    kind: Kind,
    prepare: impl FnOnce(&RotationFunction),
) -> [u64; 3] {
    let vault = InMemoryVault::default();
    vault.hold(NAME, "v1", &kind.secret(), true);
    let mut street = WebhookSender::speaking(dialect, kind, &vault).await;
    let function = RotationFunction::over(&vault);
    street.news().await;
    vault.announce(NAME, NEXT);
    prepare(&function);
    for step in RotationStep::ALL {
        for attempt in 0.. {
            assert!(attempt < 5, "{step:?} does not succeed");
            let taken = function.try_step(&street.bundle, step, NAME, NEXT).await;
            street.news().await;
            if let Some(Ok(_)) = taken {
                break;
            }
            street.wait(20);
        }
        street.wait(15);
        street.news().await;
    }
    let visits = COMPONENTS.map(|place| function.crash_points.count(place));
    let (version, fields) = vault.look(NAME, Stage::Current).unwrap();
    assert_eq!(version, NEXT);
    assert_ne!(fields, Some(kind.secret()));
    for _ in 0..30 {
        street.wait(3600);
        street.news().await;
    }
    assert_eq!(street.rejected, 0, "of {}", street.accepted);
    let text = format!("{:?} {}", function.notices.all(), street.bundle.logs.text());
    for secret in [planted::WEBHOOK_SECRET, planted::WEBHOOK_TOKEN] {
        assert!(!text.contains(secret));
    }
    visits
}

#[test]
fn no_delivery_is_rejected_while_the_secret_rotates_with_a_crash_at_every_call() {
    let mut grid = CaseMatrix::new("webhook, stopped at every call of every step");
    for kind in [Kind::Hmac, Kind::Basic, Kind::Address] {
        let visits = grid
            .case(&format!("{kind:?} in peace"), rotate(kind, |_| ()))
            .unwrap_or_default();
        println!("{kind:?}: visits of the function to store, HaloPSA, Liongard: {visits:?}");
        for (place, count) in COMPONENTS.into_iter().zip(visits) {
            for stop in (1..=count).flat_map(|at| both(place, at)) {
                let prepare =
                    |function: &RotationFunction| function.crash_points.arm(stop.0, stop.1, stop.2);
                grid.case(
                    &format!("{kind:?} stopped at {stop:?}"),
                    rotate(kind, prepare),
                );
            }
        }
    }
    grid.finish();
}

/// An operator gives the webhook a new address, and its credential stays.
async fn move_address(dialect: Dialect, kind: Kind) {
    let vault = InMemoryVault::default();
    vault.hold(NAME, "v1", &kind.secret(), true);
    let mut street = WebhookSender::speaking(dialect, kind, &vault).await;
    let function = RotationFunction::over(&vault);
    let next = kind
        .secret()
        .with("halopsa_webhook_token", "planted-next-address");
    vault.announce(NAME, NEXT);
    let next = next.to_secret();
    let stored = vault.put(NAME, NEXT, &next, Stage::Pending);
    stored.await.unwrap();
    for step in [RotationStep::Set, RotationStep::Test, RotationStep::Finish] {
        let taken = function.try_step(&street.bundle, step, NAME, NEXT).await;
        taken.unwrap().unwrap();
        street.news().await;
    }
    for _ in 0..30 {
        street.wait(3600);
        street.news().await;
    }
    assert_eq!(street.rejected, 0, "of {}", street.accepted);
}

#[test]
fn no_delivery_is_rejected_where_a_write_to_a_webhook_empties_what_it_leaves_out() {
    let mut grid = CaseMatrix::new("webhook, by what a write and a list do to it");
    for dialect in [
        "webhook-write-replaces",
        "webhook-list-without-addresses",
        "webhook-write-replaces,webhook-list-without-addresses",
        // Each event of this test is sent at once.
        "worst,-webhook-batches",
    ] {
        let dialect: Dialect = dialect.parse().unwrap();
        for kind in [Kind::Hmac, Kind::Basic, Kind::Address] {
            let rotated = rotate_speaking(dialect.clone(), kind, |_| ());
            grid.case(&format!("{}, {kind:?}", dialect.name()), rotated);
        }
        for kind in [Kind::Hmac, Kind::Basic] {
            let moved = move_address(dialect.clone(), kind);
            grid.case(&format!("{}, address, {kind:?}", dialect.name()), moved);
        }
    }
    grid.finish();
}

#[tokio::test]
async fn the_old_secret_is_rejected_once_its_overlap_is_over() {
    let vault = InMemoryVault::default();
    vault.hold(NAME, "v1", &Kind::Hmac.secret(), true);
    let mut street = WebhookSender::new(Kind::Hmac, &vault).await;
    let function = RotationFunction::over(&vault);
    vault.announce(NAME, NEXT);
    for step in [
        RotationStep::Create,
        RotationStep::Test,
        RotationStep::Finish,
    ] {
        // Without `RotationStep::Set`: HaloPSA does not get the secret.
        let taken = function.try_step(&street.bundle, step, NAME, NEXT).await;
        taken.unwrap().unwrap();
    }
    street.wait(23 * 3600);
    street.news().await;
    assert_eq!(street.rejected, 0);
    street.wait(3600);
    let before = street.accepted;
    street.news().await;
    assert_eq!(street.accepted, before);
    assert!(street.rejected > 0);
}

#[tokio::test]
async fn without_the_right_to_change_webhooks_a_person_is_asked_and_both_values_are_accepted() {
    let vault = InMemoryVault::default();
    vault.hold(NAME, "v1", &Kind::Hmac.secret(), true);
    let mut street = WebhookSender::new(Kind::Hmac, &vault).await;
    street.bundle.halo.change_settings(|settings| {
        settings.applications[0]
            .scopes
            .retain(|scope| scope != "admin");
    });
    let function = RotationFunction::over(&vault);
    vault.announce(NAME, NEXT);
    let attempt = |step| function.try_step(&street.bundle, step, NAME, NEXT);
    attempt(RotationStep::Create).await.unwrap().unwrap();
    let refused = attempt(RotationStep::Set).await.unwrap();
    assert_eq!(refused, Err("rotation.action_required".to_owned()));
    let text = function.notices.all()[0].text.clone();
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
    for step in [RotationStep::Test, RotationStep::Finish] {
        let taken = function.try_step(&street.bundle, step, NAME, NEXT).await;
        taken.unwrap().unwrap();
    }
    street.wait(600);
    street.news().await;
    assert_eq!(street.rejected, 0);
}

#[tokio::test]
async fn rejected_deliveries_cause_one_read_a_minute() {
    let vault = InMemoryVault::default();
    vault.hold(NAME, "v1", &Kind::Hmac.secret(), true);
    let time = ScenarioClock::new();
    let authenticator = authenticator(&vault, &time);
    for _ in 0..600 {
        let request = WebhookRequest {
            header: &|_| Vec::new(),
            header_names: &|| Vec::new(),
            body: b"{}",
        };
        assert!(!is_accepted(&authenticator, "guess", &request).await);
        time.advance(Duration::from_millis(100));
    }
    let reads = vault.reads(NAME);
    println!("600 strange deliveries in a minute: {reads} reads of the vault");
    // Two versions at first, and all three because of the first stranger.
    assert_eq!((reads, authenticator.refreshes()), (5, 1));
    for _ in 0..3600 {
        let request = WebhookRequest {
            header: &|_| vec![b"forged".to_vec()],
            header_names: &|| Vec::new(),
            body: b"{}",
        };
        assert!(!is_accepted(&authenticator, planted::WEBHOOK_TOKEN, &request).await);
        time.advance(Duration::from_secs(1));
    }
    assert_eq!(authenticator.refreshes(), 61, "one a minute");
}
