//! The steps through the real SDK against a Secrets Manager as strict as its reference, and over
//! HTTP against both simulated vendors.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::Client;
use halogard_app::ports::{
    BudgetError, NamedValues, Permit, PermitOutcome, PortError, RequestBudget, Stage, Vault as _,
};
use halogard_aws::{AwsSettings, SecretsManager};
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::{Notice, Notifier, Rotation, RotationStep};
use halogard_emulator::{REGION, SECRET_ACCESS_KEY, StrictSecretsManager};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, SettingValues};
use halogard_simulator::halopsa::ApiApplication;
use halogard_simulator::liongard::AccessKeySpec;
use halogard_simulator::{
    HaloPsa, Liongard, ServerHandle, SimHaloSettings as SimHalo,
    SimLiongardSettings as SimLiongard, SystemSimClock, World, serve_on_loopback,
};
use halogard_vendors::{HaloAdmin, LiongardAdmin, VendorSettings, credential_admins};

/// The version that is rotated to: a token, as Secrets Manager wants them.
const NEXT: &str = "22222222-2222-4222-8222-222222222222";

/// A budget that allows everything.
#[derive(Clone)]
struct Plenty;

impl RequestBudget for Plenty {
    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.take().await
    }

    async fn take(&self) -> Result<Permit, BudgetError> {
        Ok(Permit { slot: 0 })
    }

    async fn settle(&self, _permit: Permit, _seen: PermitOutcome) -> Result<(), BudgetError> {
        Ok(())
    }
}

/// Values and notices in memory.
#[derive(Clone, Default)]
struct Memory {
    marks: Arc<Mutex<BTreeMap<String, i64>>>,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl NamedValues for Memory {
    async fn values(&self) -> Result<BTreeMap<String, i64>, PortError> {
        Ok(self.marks.lock().unwrap().clone())
    }

    async fn set_values(&self, values: &[(&str, i64)]) -> Result<(), PortError> {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        self.marks.lock().unwrap().extend(values);
        Ok(())
    }
}

impl Notifier for Memory {
    async fn notify(&self, notice: &Notice) -> Result<(), PortError> {
        self.notices.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

/// Both vendors on loopback, and a strict Secrets Manager.
struct Fixture {
    _service: StrictSecretsManager,
    client: Client,
    vault: SecretsManager,
    halo: HaloPsa,
    liongard: Liongard,
    memory: Memory,
    addresses: [String; 2],
    _servers: [ServerHandle; 2],
}

impl Fixture {
    async fn start() -> Self {
        let world = World::sample(2);
        let clock = Arc::new(SystemSimClock);
        let halo = HaloPsa::new(
            SimHalo {
                world: world.clone(),
                ..SimHalo::default()
            },
            clock.clone(),
            1,
        );
        let settings = SimLiongard {
            world,
            ..SimLiongard::default()
        };
        let liongard = Liongard::new(settings, clock, 2);
        let servers = [
            serve_on_loopback(halo.router()).await.unwrap(),
            serve_on_loopback(liongard.router()).await.unwrap(),
        ];
        let service = StrictSecretsManager::start().await.unwrap();
        let endpoint = service.endpoint();
        let access = AwsSettings::read(|name| match name {
            "AWS_REGION" => Some(REGION.to_owned()),
            "AWS_ACCESS_KEY_ID" => Some("000000000000".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(SECRET_ACCESS_KEY.to_owned()),
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            _ => None,
        });
        let config = access.unwrap().sdk_config();
        Self {
            client: Client::new(&config),
            vault: SecretsManager::new(&config),
            _service: service,
            halo,
            liongard,
            memory: Memory::default(),
            addresses: servers
                .each_ref()
                .map(|server| server.base_url().to_string()),
            _servers: servers,
        }
    }

    /// Makes a secret with a first value, and starts a rotation of it.
    async fn secret(&self, name: &str, value: &SecretFields) {
        use secrecy::ExposeSecret as _;
        let value = value.to_secret();
        let made = self.client.create_secret().name(name);
        let made = made.secret_string(value.expose_secret()).send().await;
        made.unwrap();
        self.begin(name, NEXT).await;
    }

    /// Starts a rotation to `version`.
    async fn begin(&self, name: &str, version: &str) {
        let started = self
            .client
            .rotate_secret()
            .secret_id(name)
            .client_request_token(version)
            .rotation_lambda_arn("arn:aws:lambda:eu-central-1:000000000000:function:rotation")
            .send()
            .await;
        started.unwrap();
    }

    /// The use case as the function has it.
    fn rotation(
        &self,
    ) -> Rotation<
        SecretsManager,
        HaloAdmin<Plenty, SystemClock>,
        LiongardAdmin,
        Memory,
        Memory,
        SystemClock,
    > {
        let [halo, liongard] = &self.addresses;
        let application = ApiApplication::sample();
        let key = AccessKeySpec::sample();
        let environment = SettingValues::of([
            ("HALOPSA_RESOURCE_URL", halo.as_str()),
            ("HALOPSA_TENANT", "harbourstreet"),
            ("HALOPSA_CLIENT_ID", &application.client_id),
            ("HALOPSA_CLIENT_SECRET", &application.client_secret),
            ("LIONGARD_URL", liongard),
            ("LIONGARD_ACCESS_KEY_ID", &key.id),
            ("LIONGARD_ACCESS_KEY_SECRET", &key.secret),
        ]);
        let (settings, _) = settings::read::<VendorSettings>(&environment).unwrap();
        let admins = credential_admins(&settings, Plenty, &SystemClock);
        let (halopsa, liongard) = admins.unwrap();
        Rotation {
            vault: self.vault.clone(),
            halopsa,
            liongard,
            values: self.memory.clone(),
            notifier: self.memory.clone(),
            clock: SystemClock,
        }
    }

    /// The members in a stage.
    async fn fields(&self, name: &str, stage: Stage) -> Option<SecretFields> {
        let found = self.vault.read(name, stage).await.unwrap()?;
        Some(SecretFields::parse(&found.value).unwrap())
    }
}

/// Members of a secret.
fn fields(members: &[(&str, &str)]) -> SecretFields {
    let members = members.iter();
    members.fold(SecretFields::default(), |all, (name, value)| {
        all.with(name, value)
    })
}

#[tokio::test]
async fn an_access_key_rotates_over_the_wire_each_step_taken_twice() {
    let fixture = Fixture::start().await;
    let key = AccessKeySpec::sample();
    let first = fields(&[
        ("strategy", "liongard-access-key"),
        ("liongard_access_key_id", &key.id),
        ("liongard_access_key_secret", &key.secret),
    ]);
    fixture.secret("halogard/liongard", &first).await;
    let rotation = fixture.rotation();
    for (step, did, again) in [
        (RotationStep::Create, "created", "already_pending"),
        (RotationStep::Set, "nothing_to_do", "nothing_to_do"),
        (RotationStep::Test, "tested", "tested"),
        (RotationStep::Finish, "finished", "already_current"),
    ] {
        for wanted in [did, again] {
            let turned = rotation.step(step, "halogard/liongard", NEXT).await;
            assert_eq!(turned.unwrap().as_str(), wanted, "{step:?}");
        }
    }
    let current = fixture
        .fields("halogard/liongard", Stage::Current)
        .await
        .unwrap();
    let previous = fixture
        .fields("halogard/liongard", Stage::Previous)
        .await
        .unwrap();
    assert_eq!(previous, first);
    let id = current.text("liongard_access_key_id").unwrap().to_owned();
    assert_eq!(fixture.liongard.valid_keys(), [key.id, id]);
    assert!(fixture.memory.notices.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_operators_secret_is_taken_up_over_the_wire_and_nothing_is_invented() {
    let fixture = Fixture::start().await;
    let application = ApiApplication::sample();
    let value = |secret: &str| {
        fields(&[
            ("strategy", "halopsa-application"),
            ("halopsa_client_id", &application.client_id),
            ("halopsa_client_secret", secret),
        ])
    };
    let name = "halogard/halopsa";
    fixture
        .secret(name, &value(&application.client_secret))
        .await;
    let rotation = fixture.rotation();
    let asked = rotation
        .step(RotationStep::Create, name, NEXT)
        .await
        .unwrap_err();
    assert_eq!(asked.error_type(), "rotation.action_required");
    assert!(fixture.fields(name, Stage::Pending).await.is_none());
    let early = rotation
        .step(RotationStep::Finish, name, NEXT)
        .await
        .unwrap_err();
    assert_eq!(early.error_type(), "rotation.no_value");
    assert_eq!(fixture.memory.notices.lock().unwrap().len(), 2);

    // Stored under the version Secrets Manager waits for, before Save is pressed.
    let pasted = value("generated-by-hand").to_secret();
    fixture
        .vault
        .put(name, NEXT, &pasted, Stage::Pending)
        .await
        .unwrap();
    let unsaved = rotation
        .step(RotationStep::Test, name, NEXT)
        .await
        .unwrap_err();
    assert!(
        unsaved.chain().contains("press Save"),
        "{}",
        unsaved.chain()
    );
    let saved = fixture
        .halo
        .replace_secret(&application.client_id, "generated-by-hand");
    saved.unwrap();
    for step in RotationStep::ALL {
        rotation.step(step, name, NEXT).await.unwrap();
    }
    assert_eq!(
        fixture.fields(name, Stage::Current).await,
        Some(value("generated-by-hand"))
    );
}

#[tokio::test]
async fn what_the_template_refuses_is_refused_over_the_wire() {
    let fixture = Fixture::start().await;
    let rotation = fixture.rotation();
    let missing = rotation
        .step(RotationStep::Create, "halogard/none", NEXT)
        .await;
    assert_eq!(missing.unwrap_err().error_type(), "rotation.no_secret");
    let value = fields(&[
        ("strategy", "webhook"),
        ("halopsa_webhook_token", "a-token-of-more-than-16"),
    ]);
    fixture.secret("halogard/webhook", &value).await;
    let unknown = "33333333-3333-4333-8333-333333333333";
    let refused = rotation
        .step(RotationStep::Create, "halogard/webhook", unknown)
        .await;
    assert_eq!(
        refused.unwrap_err().error_type(),
        "rotation.unknown_version"
    );
}
