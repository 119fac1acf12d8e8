//! Liongard behind the ports of the use cases: alerts and inspectors.

use halogard_app::ports::{
    AlertList, AlertListing, AlertSource, Clock, EnvironmentInfo, ErrorCode, Inspectors, PortError,
    Refusal, RunProgress,
};
use halogard_credentials::CredentialError;
use halogard_domain::ids::{AlertId, LaunchpointId, TicketId};
use halogard_domain::runs::RunMark;
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Alert, FailureClass, Timestamp};
use halogard_http::{Transport, TransportError};
use http::StatusCode;

use crate::client::{Client, TaskStream};
use crate::environment_page;
use crate::error::Error;
use crate::vendor_message::says_run_under_way;
use crate::wire::{RunOutcome, TaskRow};

/// The machine name of the inspector that reads HaloPSA's tickets. Source: the vendor's library of
/// inspectors, which also numbers it 94; the name is what holds on every tenant.
const HALOPSA_INSPECTOR: &str = "halopsa-inspector";

/// Which member an alert lacks that does not say whose it is.
const NO_ENVIRONMENT: &str = "Environment.ID: it is missing";

/// Liongard as a source of alerts.
pub struct LiongardAlertSource<T, C> {
    client: Client<T>,
    clock: C,
}

impl<T: Transport, C: Clock> LiongardAlertSource<T, C> {
    /// The source behind `client`.
    pub fn new(client: Client<T>, clock: C) -> Self {
        Self { client, clock }
    }

    /// The client, for what is not the source's business.
    pub(crate) fn client(&self) -> &Client<T> {
        &self.client
    }

    /// How many runs of `launchpoint` were asked for, by its own counter.
    async fn asked_for(&self, launchpoint: LaunchpointId) -> Result<Option<u64>, PortError> {
        let row = self.client.launchpoint(launchpoint).await?;
        let count = row.and_then(|row| row.total_ad_hoc_runs);
        Ok(count.and_then(|count| u64::try_from(count).ok()))
    }

    /// Whether more runs of `launchpoint` were asked for than `before`.
    async fn counted(
        &self,
        launchpoint: LaunchpointId,
        before: u64,
    ) -> Result<RunProgress, PortError> {
        let now = self.asked_for(launchpoint).await?;
        Ok(match now {
            Some(now) if now <= before => RunProgress::NotListed,
            _ => RunProgress::Counted,
        })
    }

    /// The alert a row shows; `None` when it does not say whose it is, see [`NO_ENVIRONMENT`].
    fn to_alert(&self, row: TaskRow, observed_at: Timestamp) -> Option<Alert> {
        let environment = row.environment_id()?;
        // A time in the future is ignored: believed, it would count as newer than every change to come.
        let latest = observed_at.plus(CLOCK_AHEAD_MAX);
        let raised_at = row.created_on.filter(|at| *at <= latest);
        let changed_at = row.updated_on.filter(|at| *at <= latest);
        let changed_at = changed_at.or(raised_at).unwrap_or_default();
        let launchpoint = row.launchpoint.unwrap_or_default();
        let inspector = row.inspector.unwrap_or_default();
        let native = row
            .external_id
            .as_deref()
            .and_then(|text| text.trim().parse().ok());
        Some(Alert {
            id: row.id,
            number: row.common_id,
            environment,
            environment_name: row
                .environment
                .and_then(|known| known.name)
                .unwrap_or_default(),
            name: row
                .name
                .unwrap_or_else(|| format!("Liongard alert {}", row.id)),
            description: row.description.unwrap_or_default(),
            priority: row
                .priority
                .map(|priority| priority.slug())
                .unwrap_or_default(),
            status: row
                .status
                .map(|status| status.status_slug())
                .unwrap_or_default(),
            inspector: inspector.name,
            inspector_alias: inspector.alias,
            rule: row.rule.and_then(|rule| rule.name),
            launchpoint: launchpoint.id,
            system: launchpoint.alias,
            native_ticket: native.filter(|id| *id != 0).map(TicketId::new),
            visible: row.visible != Some(false),
            raised_at: raised_at.unwrap_or(changed_at),
            changed_at,
            observed_at,
            page: Some(environment_page(self.client.base(), environment).into()),
        })
    }
}

/// Liongard's list of alerts, as it arrives.
struct LiongardListing<'a, T, C> {
    source: &'a LiongardAlertSource<T, C>,
    tasks: TaskStream,
}

impl<T: Transport, C: Clock> AlertListing for LiongardListing<'_, T, C> {
    async fn next(&mut self) -> Result<Option<AlertList>, PortError> {
        let Some(tasks) = self.tasks.next().await? else {
            return Ok(None);
        };
        let observed_at = self.source.clock.now();
        let unreadable = tasks.unreadable.iter();
        let mut list = AlertList {
            unreadable: unreadable.map(|odd| format!("alert {odd}")).collect(),
            bytes: self.tasks.take_bytes(),
            ..AlertList::default()
        };
        for row in tasks.alerts {
            let (id, odd) = (row.id, row.oddities());
            match self.source.to_alert(row, observed_at) {
                Some(alert) => {
                    list.alerts.push(alert);
                    list.odd.extend(odd.map(|odd| format!("alert {odd}")));
                }
                None => list
                    .unreadable
                    .push(format!("alert {id} at {NO_ENVIRONMENT}")),
            }
        }
        Ok(Some(list))
    }
}

impl<T: Transport, C: Clock> AlertSource for LiongardAlertSource<T, C> {
    async fn list(&self) -> Result<impl AlertListing + Send, PortError> {
        let tasks = self.client.tasks().await?;
        Ok(LiongardListing {
            source: self,
            tasks,
        })
    }

    async fn read(&self, id: AlertId) -> Result<Option<Alert>, PortError> {
        let row = self.client.task(id).await?;
        let observed_at = self.clock.now();
        let Some(row) = row else { return Ok(None) };
        // Known and not usable is not the same as unknown: the caller would take it for gone.
        let alert = self.to_alert(row, observed_at).ok_or_else(|| {
            PortError::new(FailureClass::Permanent, ErrorCode::LiongardUnexpected)
                .with_message(format!("alert {id} at {NO_ENVIRONMENT}"))
        })?;
        Ok(Some(alert))
    }

    async fn environments(&self) -> Result<Vec<EnvironmentInfo>, PortError> {
        let rows = self.client.environments().await?;
        Ok(rows
            .into_iter()
            .map(|row| EnvironmentInfo {
                id: row.id,
                active: row.is_active(),
                tier: row.tier.clone().and_then(|tier| tier.kind),
                name: row.name.unwrap_or_else(|| row.id.to_string()),
            })
            .collect())
    }
}

impl<T: Transport, C: Clock> Inspectors for LiongardAlertSource<T, C> {
    async fn halo_launchpoints(&self) -> Result<Vec<LaunchpointId>, PortError> {
        let rows = self.client.launchpoints().await?;
        Ok(rows
            .into_iter()
            .filter(|row| row.runs(HALOPSA_INSPECTOR) && row.enabled != Some(false))
            .map(|row| row.id)
            .collect())
    }

    async fn newest_run(&self, launchpoint: LaunchpointId) -> Result<Option<RunMark>, PortError> {
        Ok(match self.client.timeline(launchpoint).await? {
            Some(rows) => rows.iter().map(|row| row.id).max().map(RunMark::Run),
            None => self.asked_for(launchpoint).await?.map(RunMark::AskedFor),
        })
    }

    /// A launchpoint that was neither started nor refused by name counts as started; following the
    /// run shows.
    async fn run(&self, launchpoint: LaunchpointId) -> Result<(), PortError> {
        let answer = match self.client.run_launchpoints(&[launchpoint]).await {
            Err(error) if error.message().is_some_and(says_run_under_way) => {
                return Err(PortError {
                    class: FailureClass::Permanent,
                    refusal: Some(Refusal::RunUnderWay),
                    ..PortError::from(error)
                });
            }
            answer => answer?,
        };
        match answer.refusal_of(launchpoint) {
            None => Ok(()),
            Some(refusal) => {
                let message = refusal.message.as_ref();
                let under_way = message.is_some_and(says_run_under_way);
                let text = message.map_or("no reason given", |message| message.as_str());
                let error = PortError::new(FailureClass::Permanent, ErrorCode::LiongardRunRefused);
                Err(PortError {
                    refusal: under_way.then_some(Refusal::RunUnderWay),
                    ..error.with_message(text)
                })
            }
        }
    }

    /// A scheduled run that happened to start meanwhile is not ours.
    async fn progress(
        &self,
        launchpoint: LaunchpointId,
        after: Option<RunMark>,
    ) -> Result<RunProgress, PortError> {
        let after = match after {
            Some(RunMark::AskedFor(before)) => return self.counted(launchpoint, before).await,
            Some(RunMark::Run(run)) => Some(run),
            None => None,
        };
        let Some(rows) = self.client.timeline(launchpoint).await? else {
            return Ok(RunProgress::Counted);
        };
        let asked_for = rows.iter().filter(|row| row.ad_hoc != Some(false));
        let ours = match after {
            Some(after) => asked_for
                .filter(|row| row.id > after)
                .min_by_key(|row| row.id),
            // Nothing is known from before, so only the newest can be ours.
            None => asked_for.max_by_key(|row| row.id),
        };
        Ok(match ours.map(|row| row.outcome()) {
            None => RunProgress::NotListed,
            Some(RunOutcome::Underway) => RunProgress::InProgress,
            Some(RunOutcome::Succeeded) => RunProgress::Succeeded,
            Some(RunOutcome::Failed { exit_code, message }) => {
                let message = message.map_or_else(String::new, |message| format!(": {message}"));
                let code = exit_code.map_or_else(
                    || "no exit code".to_owned(),
                    |code| format!("exit code {code}"),
                );
                RunProgress::Failed(format!("{code}{message}"))
            }
        })
    }
}

/// What an operator does when Liongard refuses the access key.
const COMPARE_KEY: &str = "compare LIONGARD_ACCESS_KEY_ID and LIONGARD_ACCESS_KEY_SECRET with the key under your \
     profile → Account Settings → Access Tokens, and LIONGARD_URL with the address you sign in at; \
     create a new key if the secret is lost";

/// What an operator does when Liongard does not answer.
const CHECK_URL: &str =
    "check LIONGARD_URL (such as us1.app.liongard.com) and that this machine can reach it";

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Transport {
                source: TransportError::NotSent { .. },
                ..
            } => ErrorCode::LiongardUnreachable,
            Error::Transport { .. } => ErrorCode::LiongardNoAnswer,
            Error::Unauthorised { .. }
            | Error::Credential(
                CredentialError::Refused { .. } | CredentialError::Unusable { .. },
            ) => ErrorCode::LiongardCredential,
            Error::Credential(CredentialError::Vault { .. }) => ErrorCode::VaultFailed,
            Error::Redirected { .. } => ErrorCode::LiongardRedirected,
            Error::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
                ErrorCode::LiongardThrottled
            }
            Error::Status { status, .. } if status.is_server_error() => ErrorCode::LiongardFailed,
            Error::Status { .. } => ErrorCode::LiongardRefused,
            Error::Request { .. } | Error::Body { .. } => ErrorCode::LiongardUnexpected,
        };
        let refusal = match &error {
            Error::Unauthorised { .. } => Some(Refusal::Unauthorised),
            Error::Credential(source) => source.refusal(),
            _ if error.is_forbidden() => Some(Refusal::Forbidden),
            _ if error.status() == Some(StatusCode::NOT_FOUND) => Some(Refusal::NotFound),
            _ => None,
        };
        let remedy = match &refusal {
            Some(Refusal::Unauthorised) => COMPARE_KEY,
            _ => CHECK_URL,
        };
        Self {
            class: error.class(),
            code,
            remedy: Some(remedy),
            message: error.message().map(|message| message.as_str().into()),
            retry_at: None,
            refusal,
            source: Some(std::sync::Arc::new(error)),
        }
    }
}
