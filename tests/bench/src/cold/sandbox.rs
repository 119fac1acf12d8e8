//! Everything around a function: AWS, both vendors, an authority, a folder.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::authority::CertificateAuthority;
use super::aws::Aws;
use super::events;
use super::process::Process;
use super::runtime_api::{RuntimeApi, Seen};
use super::subject::{self, SECRETS, Subject};
use super::vendors::{Pair, Vendors};

/// Time a function may take for what it is given; beyond it something hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Everything around a function.
pub struct Sandbox {
    /// The AWS stand-in.
    pub aws: Aws,
    /// The authority of this run.
    pub authority: CertificateAuthority,
    vendors: Vendors,
    folder: TempDir,
    started: Cell<u64>,
}

/// A function that has started and waits.
pub struct Running {
    /// The process.
    pub process: Process,
    /// What it takes its events from.
    api: RuntimeApi,
    // Go with it.
    _vendors: Pair,
}

impl Sandbox {
    /// Builds the sandbox.
    ///
    /// # Errors
    ///
    /// A server cannot be started.
    pub fn build() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = CertificateAuthority::make(folder.path())?;
        let vendors = Vendors::prepare()?;
        let webhook = json!({
            "halopsa_webhook_token": events::PATH_TOKEN,
            "halopsa_webhook_secret": events::SIGNING_SECRET,
            "strategy": "webhook",
        });
        let values = [
            webhook,
            Vendors::halopsa_secret(),
            Vendors::liongard_secret(),
        ];
        let secrets: BTreeMap<String, Value> = SECRETS
            .iter()
            .map(|(_, id)| (*id).to_owned())
            .zip(values)
            .collect();
        let aws = Aws::start(authority.server.clone(), secrets)?;
        for item in vendors.items()? {
            aws.seed(item);
        }
        Ok(Self {
            aws,
            authority,
            vendors,
            folder,
            started: Cell::new(0),
        })
    }

    /// What every program is started with.
    pub fn environment(&self) -> Vec<(String, String)> {
        subject::environment(&self.aws, &self.authority)
    }

    /// Starts `subject` with `count` events ready, and waits until it has answered them.
    ///
    /// # Errors
    ///
    /// It did not answer as expected, or asked AWS for what the stand-in does not know.
    pub fn start(&self, subject: &Subject, count: usize) -> anyhow::Result<(Running, Seen)> {
        self.aws.reset();
        let api = RuntimeApi::start(subject.events.clone(), subject.expected)?;
        api.allow(count);
        let vendors = self.vendors.start()?;
        let mut environment = subject.environment.clone();
        environment.extend(vendors.settings());
        environment.push(("AWS_LAMBDA_RUNTIME_API".to_owned(), api.address()));
        let number = self.started.replace(self.started.get() + 1);
        let log = self.folder.path().join(format!("{number}.log"));
        let mut process = Process::start(&subject.program, &environment, log)?;
        let seen = api
            .wait(DEADLINE)
            .and_then(|seen| process.must_live().map(|()| seen));
        match seen {
            Ok(seen) => {
                let running = Running {
                    process,
                    api,
                    _vendors: vendors,
                };
                Ok((running, seen))
            }
            Err(error) => {
                let error = match self.aws.calls() {
                    Ok(_) => error,
                    Err(of_aws) => error.context(of_aws.to_string()),
                };
                Err(process.explain(error).context(subject.name))
            }
        }
    }
}

impl Running {
    /// Makes `count` more events available, and waits until they are answered.
    ///
    /// # Errors
    ///
    /// They are not answered as expected.
    pub fn work(&self, count: usize) -> anyhow::Result<Seen> {
        self.api.allow(count);
        let seen = self.api.wait(DEADLINE);
        seen.map_err(|error| self.process.explain(error))
    }
}
