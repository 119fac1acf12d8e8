//! The rotation function, in process: a process of its own beside the bundle, which may be stopped
//! at any call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use halogard_app::keyring::Fields;
use halogard_app::ports::{Marks, PortError, Stage};
use halogard_app::rotate::{Notice, NoticeKind, Notices, Rotation, Step};
use halogard_connect::Issuers;
use halogard_halopsa::{Addresses, Credentials, Exchange};
use halogard_liongard::{AccessKey, Address};
use halogard_tests::bundle::SimBudget;
use halogard_tests::setup::{APPLICATION, planted};
use halogard_tests::transport::{Calls, RouterTransport};
use halogard_tests::vault::StrictVault;
use halogard_tests::{Bundle, Fuse, Moment, Place, Time};
use secrecy::SecretString;

/// What stops the office: where, at which visit, on which side.
pub type Stop = (Place, u64, Moment);

/// The places at which the office may be stopped.
pub const PLACES: [Place; 3] = [Place::Store, Place::HaloPsa, Place::Liongard];

/// The rotation as the function runs it.
pub type OfficeRotation =
    Rotation<StrictVault, Issuers<RouterTransport, SimBudget, Time>, Notebook, Told, Time>;

/// The process that rotates.
pub struct Office {
    /// Where it may be stopped.
    pub fuse: Fuse,
    /// What it asked the vendors.
    pub calls: Calls,
    /// What it told people.
    pub told: Told,
    notes: Notebook,
    vault: StrictVault,
    budget: OnceLock<SimBudget>,
}

impl Office {
    /// An office over the secrets of `vault`.
    pub fn over(vault: &StrictVault) -> Self {
        let fuse = Fuse::default();
        Self {
            notes: Notebook {
                marks: Arc::default(),
                fuse: fuse.clone(),
            },
            vault: vault.through(&fuse),
            budget: OnceLock::new(),
            fuse,
            calls: Calls::default(),
            told: Told::default(),
        }
    }

    /// Takes `step`, as often as it takes; a process that is stopped is started again. Brings the
    /// errors on the way; the last try is without.
    pub async fn insist(
        &self,
        bundle: &mut Bundle,
        step: Step,
        name: &str,
        version: &str,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        for _ in 0..5 {
            match self.attempt(bundle, step, name, version).await {
                Some(Ok(_)) => return errors,
                Some(Err(error)) => errors.push(error),
                None => errors.push("stopped".to_owned()),
            }
            bundle.run_for(std::time::Duration::from_secs(20)).await;
        }
        panic!("{} does not succeed: {errors:#?}", step.word());
    }

    /// Takes `step` once. `None` when the process was stopped over it.
    pub async fn attempt(
        &self,
        bundle: &Bundle,
        step: Step,
        name: &str,
        version: &str,
    ) -> Option<Result<&'static str, String>> {
        self.fuse.mend();
        let rotation = self.rotation(bundle);
        let taken = self.fuse.while_alive(rotation.step(step, name, version));
        match taken.await {
            Ok(Ok(turned)) => Some(Ok(turned.word())),
            Ok(Err(error)) => Some(Err(error.error_type().to_owned())),
            Err(_stopped) => None,
        }
    }

    /// The daily look at what was replaced.
    pub async fn retire(
        &self,
        bundle: &Bundle,
        name: &str,
    ) -> Result<halogard_app::rotate::Retired, String> {
        self.fuse.mend();
        let retired = self.rotation(bundle).retire(name).await;
        retired.map_err(|error| error.chain())
    }

    /// The use case over the office's parts.
    pub fn rotation(&self, bundle: &Bundle) -> OfficeRotation {
        Rotation {
            vault: self.vault.clone(),
            vendors: self.issuers(bundle),
            marks: self.notes.clone(),
            notices: self.told.clone(),
            clock: bundle.time.clone(),
        }
    }

    /// Both vendors, with the credentials that are current now.
    fn issuers(&self, bundle: &Bundle) -> Issuers<RouterTransport, SimBudget, Time> {
        let text = |name: &str, member: &str, usual: &str| {
            let current = self.vault.look(name, Stage::Current);
            let fields = current.and_then(|(_, fields)| fields).unwrap_or_default();
            fields.text(member).unwrap_or(usual).to_owned()
        };
        let halo = halogard_tests::setup::HALOPSA_SECRET;
        let client_id = text(halo, "halopsa_client_id", APPLICATION);
        let client_secret = text(halo, "halopsa_client_secret", planted::CLIENT_SECRET);
        let addresses = Addresses::read("https://harbourstreet.halopsa.com", None).unwrap();
        let settings = halogard_halopsa::HttpClientSettings {
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
        let exchange = Exchange::new(
            settings,
            bundle.line_of(Place::HaloPsa, &self.fuse, &self.calls),
            self.budget.get_or_init(|| bundle.budget()).clone(),
            bundle.time.clone(),
        );
        let address = Address::read("https://us1.app.liongard.com").unwrap();
        let key = AccessKey {
            id: "unused".to_owned(),
            secret: SecretString::from("unused"),
        };
        let liongard = halogard_liongard::Client::new(
            halogard_liongard::HttpClientSettings {
                base: address.origin,
                key,
            },
            bundle.line_of(Place::Liongard, &self.fuse, &self.calls),
        );
        Issuers::new(exchange, liongard)
    }
}

/// What the office remembers between two calls.
#[derive(Clone)]
pub struct Notebook {
    marks: Arc<Mutex<BTreeMap<String, i64>>>,
    fuse: Fuse,
}

impl Marks for Notebook {
    async fn mark(&self, name: &str) -> Result<Option<i64>, PortError> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(marks.get(name).copied())
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), PortError> {
        let work = async {
            let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.insert(name.to_owned(), value);
        };
        self.fuse.guard(Place::Store, work).await;
        Ok(())
    }
}

/// What people were told.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<Vec<Notice>>>);

impl Told {
    /// All of it.
    pub fn all(&self) -> Vec<Notice> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }

    /// How often something of this kind was told.
    pub fn count(&self, kind: NoticeKind) -> usize {
        self.all()
            .iter()
            .filter(|notice| notice.kind == kind)
            .count()
    }
}

impl Notices for Told {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(notice.clone());
        Ok(())
    }
}

/// Members of a secret.
pub fn fields(members: &[(&str, &str)]) -> Fields {
    let members = members.iter();
    members.fold(Fields::default(), |fields, (name, value)| {
        fields.with(name, value)
    })
}

/// How often `what` stands in the log.
pub fn logged(bundle: &Bundle, what: &str) -> usize {
    bundle.logs.text().matches(what).count()
}

/// A message that could not be worked off because of a credential.
pub const WORK_WAITED: &str = "a credential is not accepted; work waits";

/// A refusal that made the secret be read again, and brought another version.
pub const REFRESHED: &str = "another version of it is used";
