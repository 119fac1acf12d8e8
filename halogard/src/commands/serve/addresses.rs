//! The addresses on which the process listens, and what is printed about them.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use halogard_runtime::settings::ServeSettings;
use secrecy::ExposeSecret as _;

use super::token::WebhookAddress;
use crate::output::{self, DIM, GOOD};

/// The addresses of the process, bound.
pub(super) struct ServeAddresses {
    pub(super) public: TcpListener,
    pub(super) private: Option<TcpListener>,
    /// Whether metrics are served on the public address, because the settings say so.
    pub(super) is_shared: bool,
}

impl ServeAddresses {
    /// Binds both before anything else is done, so that a wrong one is reported at once.
    pub(super) fn bind(settings: &ServeSettings) -> anyhow::Result<Self> {
        let bind = |address: SocketAddr, setting: &str| {
            let bound = TcpListener::bind(address).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            bound.with_context(|| {
                format!("cannot listen on {address}; choose another address with {setting}")
            })
        };
        let is_shared =
            settings.metrics_listen == Some(settings.listen) && settings.listen.port() != 0;
        let public = bind(settings.listen, "HALOGARD_LISTEN")?;
        let private = settings.metrics_listen.filter(|_| !is_shared);
        let private = private.map(|address| bind(address, "HALOGARD_METRICS_LISTEN"));
        Ok(Self {
            public,
            private: private.transpose()?,
            is_shared,
        })
    }
}

/// Prints the addresses and what the operator does next.
pub(super) fn announce(
    webhook: &WebhookAddress,
    addresses: &ServeAddresses,
    public_url: Option<&str>,
) {
    let (Some(token), Ok(address)) = (&webhook.token, addresses.public.local_addr()) else {
        return;
    };
    output::announcement(&format!("{GOOD}listening{GOOD:#} on http://{address}"));
    if let Some(Ok(private)) = addresses.private.as_ref().map(TcpListener::local_addr) {
        output::announcement(&format!("metrics on http://{private}/metrics"));
    }
    if output::is_terminal() {
        let token = token.expose_secret();
        let base = public_url.map_or_else(|| format!("http://{address}"), str::to_owned);
        output::result("paste this URL into HaloPSA (Configuration → Integrations → Webhooks):");
        output::result(&format!("  {base}/webhooks/halopsa/{token}"));
        output::result(&format!("{DIM}wake-up for Liongard's own webhooks:{DIM:#}"));
        output::result(&format!("  {base}/webhooks/liongard/{token}"));
    } else {
        // A service's output is a log that others may read.
        output::announcement(
            "`halogard webhook url` prints the webhook's URL, which holds a secret token",
        );
    }
    if address.ip().is_loopback() && public_url.is_none() {
        output::announcement(&format!(
            "{DIM}HaloPSA must reach it: put an https proxy in front of it and name its address in \
             HALOGARD_PUBLIC_URL{DIM:#}"
        ));
    }
    if webhook.is_token_only {
        output::caution(
            "deliveries are authenticated by their address alone; set HALOPSA_WEBHOOK_USERNAME and _PASSWORD \
             to those of the webhook (authentication: Basic), or HALOPSA_WEBHOOK_SECRET to its key (HMAC)",
        );
    }
}
