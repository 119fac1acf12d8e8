//! What only this installation knows of itself: its credentials' ages, and whether its public address is reached.

use std::time::Duration;

use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_credentials::rotation::{AccessKeyAdmin as _, KeyInfo};
use halogard_domain::Timestamp;
use halogard_http::{certificate_days, connection_stages};
use halogard_operations::doctor::{Credential, CredentialAge, OwnFacts, PublicAddress};
use halogard_runtime::SystemClock;
use secrecy::ExposeSecret as _;
use url::Url;

use crate::opened_store::OpenedStore;
use crate::stored_credentials;

/// How long a stage of the connection to the public address may take.
const STAGE_TIMEOUT: Duration = Duration::from_secs(5);

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Everything that can be found out; what cannot is left out.
pub async fn gather<S: Store + Clone + 'static>(opened: &OpenedStore<S>) -> OwnFacts {
    OwnFacts {
        webhook_token: opened.webhook_token().await,
        credentials: credential_ages(opened).await,
        public_address: public_address(opened).await,
        scopes: requested_scopes(opened).await,
    }
}

/// The scopes that the token asks for; none where the settings are incomplete.
async fn requested_scopes<S: Store + Clone + 'static>(opened: &OpenedStore<S>) -> String {
    match opened.vendor_settings().await {
        Ok(settings) => settings.halo.scopes,
        Err(_) => String::new(),
    }
}

/// How old each credential is, and when Liongard's key ends.
async fn credential_ages<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
) -> Vec<CredentialAge> {
    let now = SystemClock.now();
    let key = key_in_use(opened).await;
    let mut ages = Vec::new();
    for (credential, name) in [
        (Credential::HaloPsa, stored_credentials::HALOPSA),
        (Credential::Liongard, stored_credentials::LIONGARD),
        (Credential::Webhook, stored_credentials::WEBHOOK),
    ] {
        let info = opened.secret_info(name).await;
        let stored_at = info.and_then(|info| info.changed_at);
        let key = key.as_ref().filter(|_| credential == Credential::Liongard);
        let since = key.and_then(|key| key.created_at).or(stored_at);
        ages.push(CredentialAge {
            credential,
            age_days: since.map(|at| now.since(at).as_secs() / DAY_SECONDS),
            days_left: key
                .and_then(|key| key.expires_at)
                .map(|end| whole_days(now, end)),
        });
    }
    ages
}

/// The access key in use, as Liongard lists it.
async fn key_in_use<S: Store + Clone + 'static>(opened: &OpenedStore<S>) -> Option<KeyInfo> {
    let (admin, pair) = opened.liongard_admin().await.ok()?;
    let keys = admin.list(&pair).await.ok()?;
    keys.into_iter().find(|key| key.id == pair.id)
}

/// Whole days from `now` to `end`; negative once it is past.
fn whole_days(now: Timestamp, end: Timestamp) -> i64 {
    let day = Duration::from_secs(DAY_SECONDS).as_millis();
    let day = i64::try_from(day).unwrap_or(i64::MAX);
    (end.as_millis() - now.as_millis()).div_euclid(day)
}

/// How far a connection to the public address of the webhook gets; `None` where there is none, and where a proxy
/// would have to make it.
async fn public_address<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
) -> Option<PublicAddress> {
    let target = opened.webhook().await.ok().filter(|it| it.is_public)?;
    let address = Url::parse(target.url.expose_secret()).ok()?;
    let outbound = opened.vendor_settings().await.ok()?.outbound;
    if outbound.proxy.is_some() {
        return None;
    }
    let host = address.host_str()?.to_owned();
    let roots = halogard_vendors::trusted_roots(&outbound).ok()?;
    let port = address.port_or_known_default()?;
    let (name, is_encrypted) = (host.clone(), address.scheme() == "https");
    let now = SystemClock.now().since(Timestamp::EPOCH);
    let tried = tokio::task::spawn_blocking(move || {
        if is_encrypted {
            return certificate_days(&name, port, STAGE_TIMEOUT, roots, now).map(Some);
        }
        let stages = connection_stages(&name, port, false, STAGE_TIMEOUT, roots);
        let failed = stages.into_iter().find_map(|(_, outcome)| outcome.err());
        failed.map_or(Ok(None), |failure| Err(failure.said))
    });
    Some(PublicAddress {
        host,
        certificate_days: tried.await.ok()?,
    })
}
