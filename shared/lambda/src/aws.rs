//! The AWS resources of a deployed function.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Delivery, Lane, PortError, Records as _};
use halogard_aws::{AwsSettings, QueueUrls, Received, SecretsManager, Store, StoreNames};
use halogard_domain::Timestamp;
use halogard_domain::config_history::ConfigInForce;
use halogard_domain::record::Singleton;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{SETTINGS, SettingValues, SettingsReader};

use crate::lanes::Lanes;
use crate::platform::{
    AppliedConfig, HALOPSA_SECRET, LIONGARD_SECRET, Platform, Resources, SecretName,
};
use crate::setup::{SetUpError, SetUpFault};
use crate::vendors;

/// The remedy for a missing variable.
const TEMPLATE: &str = "deploy the stack's template, which sets it";

/// The variable with the table's name.
const TABLE: &str = "HALOGARD_TABLE";

/// The variables with the URLs of each lane's queues: for work and for dead letters.
const QUEUES: [(Lane, &str, &str); 3] = [
    (Lane::Urgent, "URGENT_QUEUE_URL", "URGENT_DEAD_LETTERS_URL"),
    (Lane::Bulk, "BULK_QUEUE_URL", "BULK_DEAD_LETTERS_URL"),
    (Lane::Runs, "RUNS_QUEUE_URL", "RUNS_DEAD_LETTERS_URL"),
];

/// The variables that name the secrets with the vendors' credentials.
const SECRETS: [&str; 2] = [HALOPSA_SECRET, LIONGARD_SECRET];

/// The setting with the least time between two starts of the same inspector.
const INSPECTOR_MIN_INTERVAL: &str = "INSPECTOR_MIN_INTERVAL_SECONDS";

/// The variable with the polls of Liongard in the minute of a sync cycle.
const POLLS_PER_MINUTE: &str = "POLLS_PER_MINUTE";

/// DynamoDB, SQS and Secrets Manager, as the function's variables name them.
pub struct Aws<G> {
    get: G,
}

impl Aws<fn(&str) -> Option<String>> {
    /// The resources that this process's environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::of(halogard_runtime::settings::variable)
    }
}

impl<G: Fn(&str) -> Option<String>> Aws<G> {
    /// The resources that the variables read by `get` name.
    #[must_use]
    pub const fn of(get: G) -> Self {
        Self { get }
    }

    /// The variable of this name; a blank one counts as missing.
    fn variable(&self, variable: &'static str, faults: &mut Vec<SetUpFault>) -> Option<String> {
        let value = (self.get)(variable).filter(|value| !value.trim().is_empty());
        if value.is_none() {
            faults.push(SetUpFault::Variable {
                variable,
                remedy: TEMPLATE,
            });
        }
        value
    }

    /// The names of table and queues.
    fn names(&self, faults: &mut Vec<SetUpFault>) -> StoreNames {
        let table = self.variable(TABLE, faults).unwrap_or_default();
        let mut queues = BTreeMap::new();
        for (lane, work, dead_letters) in QUEUES {
            let work = self.variable(work, faults);
            let dead_letters = self.variable(dead_letters, faults);
            if let Some(work) = work {
                queues.insert(lane, QueueUrls { work, dead_letters });
            }
        }
        StoreNames { table, queues }
    }

    /// The polls of Liongard in a minute; one where the template names none.
    fn polls_per_minute(&self) -> u32 {
        let text = (self.get)(POLLS_PER_MINUTE);
        let number = text.and_then(|text| text.trim().parse().ok());
        number.unwrap_or(1).clamp(1, 60)
    }

    /// The plain settings.
    fn settings(&self) -> SettingValues {
        let names = SETTINGS.iter().map(|info| info.name);
        SettingValues::of(names.filter_map(|name| Some((name, (self.get)(name)?))))
    }
}

impl<G: Fn(&str) -> Option<String> + Send + Sync + 'static> Platform for Aws<G> {
    type Store = Store<SystemClock>;
    type Vault = SecretsManager;
    type Clock = SystemClock;

    fn resources(&self) -> Result<Resources<Self>, SetUpError> {
        let mut faults = Vec::new();
        let names = self.names(&mut faults);
        let secrets = SECRETS
            .into_iter()
            .filter_map(|variable| {
                let name = self.variable(variable, &mut faults)?;
                Some(SecretName { variable, name })
            })
            .collect();
        let settings = self.settings();
        let inspector_min_interval = interval(&settings, &mut faults);
        let limit = vendors::limit(&settings)
            .map_err(|wrong| faults.extend(wrong))
            .ok();
        let access = AwsSettings::read(&self.get)
            .map_err(|wrong| faults.push(wrong.into()))
            .ok();
        let (Some(access), Some(limit), true) = (access, limit, faults.is_empty()) else {
            return Err(SetUpError::of(faults));
        };
        let lanes = names.queues.iter();
        let lanes = Lanes::of(lanes.map(|(lane, urls)| (*lane, urls.work.as_str())));
        let config = access.sdk_config();
        let store = Store::new(&config, names, SystemClock);
        Ok(Resources {
            budget: SharedBudget::new(store.clone(), limit, SystemClock),
            store,
            vault: SecretsManager::new(&config),
            clock: SystemClock,
            settings,
            secrets,
            lanes,
            inspector_min_interval,
            polls_per_minute: self.polls_per_minute(),
        })
    }

    async fn receive(
        &self,
        store: &Store<SystemClock>,
        lane: Lane,
        record: SqsMessage,
    ) -> Result<Option<Delivery>, PortError> {
        store.deliver(lane, received(record)).await
    }

    async fn applied_config(
        &self,
        store: &Store<SystemClock>,
    ) -> Result<Option<AppliedConfig>, PortError> {
        let stored = store.load_record::<ConfigInForce>(&Singleton).await?;
        Ok(stored.value.policy.map(|policy| AppliedConfig {
            revision: stored.revision.0,
            policy,
        }))
    }
}

/// A record of an event as the store takes it. What is missing counts as empty: the event source leaves
/// nothing out.
fn received(record: SqsMessage) -> Received {
    let system = |name: &str| record.attributes.get(name)?.parse::<i64>().ok();
    let receive_count = system("ApproximateReceiveCount").and_then(|count| count.try_into().ok());
    let sent_at = system("SentTimestamp").unwrap_or_default();
    let attributes = record.message_attributes.into_iter();
    Received {
        receive_count: receive_count.unwrap_or(1),
        sent: Timestamp::from_millis(sent_at),
        id: record.message_id.unwrap_or_default(),
        handle: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
        attributes: attributes
            .filter_map(|(name, attribute)| Some((name, attribute.string_value?)))
            .collect(),
    }
}

/// The least time between two starts of the same inspector.
fn interval(settings: &SettingValues, faults: &mut Vec<SetUpFault>) -> Duration {
    let mut reader = SettingsReader::new(settings);
    let info = SETTINGS
        .iter()
        .find(|info| info.name == INSPECTOR_MIN_INTERVAL);
    let seconds = info.and_then(|info| reader.seconds(info));
    faults.extend(reader.finish().0.into_iter().map(SetUpFault::Setting));
    seconds.unwrap_or(halogard_domain::runs::MIN_INTERVAL)
}
