//! The rotation function, in process: a process of its own beside the bundle, which may be stopped
//! at any call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use halogard_app::ports::{NamedValues, PortError, Stage};
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::{Notice, NoticeKind, Notifier, Rotation, RotationStep};
use halogard_halopsa::{Addresses, Credentials, HaloCredentialAdmin};
use halogard_liongard::{AccessKey, Address};
use halogard_tests::scenario::SimBudget;
use halogard_tests::setup::{APPLICATION, planted};
use halogard_tests::transport::{RequestLog, RouterTransport};
use halogard_tests::vault::InMemoryVault;
use halogard_tests::{Component, CrashPoints, CrashTiming, Scenario, ScenarioClock};
use secrecy::SecretString;

/// What stops the function: where, at which visit, on which side.
pub type Stop = (Component, u64, CrashTiming);

/// The places at which the function may be stopped.
pub const COMPONENTS: [Component; 3] = [Component::Store, Component::HaloPsa, Component::Liongard];

/// The rotation as the function runs it.
pub type ScenarioRotation = Rotation<
    InMemoryVault,
    HaloCredentialAdmin<RouterTransport, SimBudget, ScenarioClock>,
    halogard_liongard::Client<RouterTransport>,
    InMemoryValues,
    SentNotices,
    ScenarioClock,
>;

/// The process that rotates.
pub struct RotationFunction {
    /// Where it may be stopped.
    pub crash_points: CrashPoints,
    /// What it asked the vendors.
    pub calls: RequestLog,
    /// The notices it sent.
    pub notices: SentNotices,
    notes: InMemoryValues,
    vault: InMemoryVault,
    budget: OnceLock<SimBudget>,
}

impl RotationFunction {
    /// An function over the secrets of `vault`.
    pub fn over(vault: &InMemoryVault) -> Self {
        let crash_points = CrashPoints::default();
        Self {
            notes: InMemoryValues {
                marks: Arc::default(),
                crash_points: crash_points.clone(),
            },
            vault: vault.through(&crash_points),
            budget: OnceLock::new(),
            crash_points,
            calls: RequestLog::default(),
            notices: SentNotices::default(),
        }
    }

    /// Takes `step`, as often as it takes; a process that is stopped is started again. Brings the
    /// errors on the way; the last try is without.
    pub async fn run_until_ok(
        &self,
        bundle: &mut Scenario,
        step: RotationStep,
        name: &str,
        version: &str,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        for _ in 0..5 {
            match self.try_step(bundle, step, name, version).await {
                Some(Ok(_)) => return errors,
                Some(Err(error)) => errors.push(error),
                None => errors.push("stopped".to_owned()),
            }
            bundle.run_for(std::time::Duration::from_secs(20)).await;
        }
        panic!("{} does not succeed: {errors:#?}", step.as_str());
    }

    /// Takes `step` once. `None` when the process was stopped over it.
    pub async fn try_step(
        &self,
        bundle: &Scenario,
        step: RotationStep,
        name: &str,
        version: &str,
    ) -> Option<Result<&'static str, String>> {
        self.crash_points.reset();
        let rotation = self.rotation(bundle);
        let taken = self
            .crash_points
            .until_crash(rotation.step(step, name, version));
        match taken.await {
            Ok(Ok(turned)) => Some(Ok(turned.as_str())),
            Ok(Err(error)) => Some(Err(error.error_type().to_owned())),
            Err(_stopped) => None,
        }
    }

    /// The daily check of what was replaced.
    pub async fn delete_expired(
        &self,
        bundle: &Scenario,
        name: &str,
    ) -> Result<halogard_credentials::rotation::CleanupReport, String> {
        self.crash_points.reset();
        let retired = self.rotation(bundle).delete_expired(name).await;
        retired.map_err(|error| error.chain())
    }

    /// The use case over the function's parts.
    pub fn rotation(&self, bundle: &Scenario) -> ScenarioRotation {
        let (halopsa, liongard) = self.credential_admins(bundle);
        Rotation {
            vault: self.vault.clone(),
            halopsa,
            liongard,
            values: self.notes.clone(),
            notifier: self.notices.clone(),
            clock: bundle.time.clone(),
        }
    }

    /// Both vendors, with the credentials that are current now.
    fn credential_admins(
        &self,
        bundle: &Scenario,
    ) -> (
        HaloCredentialAdmin<RouterTransport, SimBudget, ScenarioClock>,
        halogard_liongard::Client<RouterTransport>,
    ) {
        let text = |name: &str, member: &str, usual: &str| {
            let current = self.vault.look(name, Stage::Current);
            let fields = current.and_then(|(_, fields)| fields).unwrap_or_default();
            fields.text(member).unwrap_or(usual).to_owned()
        };
        let halo = halogard_tests::setup::HALOPSA_SECRET;
        let client_id = text(halo, "halopsa_client_id", APPLICATION);
        let client_secret = text(halo, "halopsa_client_secret", planted::CLIENT_SECRET);
        let addresses = Addresses::read("https://harbourstreet.halopsa.com", None).unwrap();
        let settings = halogard_halopsa::HaloClientSettings {
            resource_url: addresses.resource,
            auth_url: addresses.auth,
            tenant: bundle.setup.halo.tenant.clone(),
            credentials: Credentials {
                client_id,
                client_secret: SecretString::from(client_secret),
                idle_client_id: None,
            },
            scopes: "read:tickets edit:tickets read:customers".to_owned(),
        };
        let exchange = HaloCredentialAdmin::new(
            settings,
            bundle.transport_to(Component::HaloPsa, &self.crash_points, &self.calls),
            self.budget.get_or_init(|| bundle.budget()).clone(),
            bundle.time.clone(),
        );
        let address = Address::read("https://us1.app.liongard.com").unwrap();
        let key = AccessKey {
            id: "unused".to_owned(),
            secret: SecretString::from("unused"),
        };
        let liongard = halogard_liongard::Client::new(
            halogard_liongard::LiongardClientSettings {
                base: address.origin,
                key,
            },
            bundle.transport_to(Component::Liongard, &self.crash_points, &self.calls),
        );
        (exchange, liongard)
    }
}

/// What the function remembers between two calls.
#[derive(Clone)]
pub struct InMemoryValues {
    marks: Arc<Mutex<BTreeMap<String, i64>>>,
    crash_points: CrashPoints,
}

impl NamedValues for InMemoryValues {
    async fn values(&self) -> Result<BTreeMap<String, i64>, PortError> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(marks.clone())
    }

    async fn set_values(&self, values: &[(&str, i64)]) -> Result<(), PortError> {
        let work = async {
            let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.extend(
                values
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), *value)),
            );
        };
        self.crash_points.guard(Component::Store, work).await;
        Ok(())
    }
}

/// The notices the function sent to people.
#[derive(Clone, Debug, Default)]
pub struct SentNotices(Arc<Mutex<Vec<Notice>>>);

impl SentNotices {
    /// All notices.
    pub fn all(&self) -> Vec<Notice> {
        let notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.clone()
    }

    /// Number of notices of this kind.
    pub fn count(&self, kind: NoticeKind) -> usize {
        self.all()
            .iter()
            .filter(|notice| notice.kind == kind)
            .count()
    }
}

impl Notifier for SentNotices {
    async fn notify(&self, notice: &Notice) -> Result<(), PortError> {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push(notice.clone());
        Ok(())
    }
}

/// Members of a secret.
pub fn fields(members: &[(&str, &str)]) -> SecretFields {
    let members = members.iter();
    members.fold(SecretFields::default(), |fields, (name, value)| {
        fields.with(name, value)
    })
}

/// How often `what` is in the log.
pub fn logged(bundle: &Scenario, what: &str) -> usize {
    bundle.logs.text().matches(what).count()
}

/// A message that the worker could not process because of a credential.
pub const CREDENTIAL_REJECTED_LOG: &str = "credential not accepted; work is paused";

/// A refusal that made the secret be read again, and brought another version.
pub const CREDENTIAL_REFRESHED_LOG: &str = "another version of it is used";
