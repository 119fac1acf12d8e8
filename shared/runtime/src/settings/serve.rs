//! How the process itself runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use halogard_domain::runs;
use url::{Host, Url};

use super::info::SettingInfo;
use super::{FromSettings, SettingValues, SettingsReader};

const DAY_SECONDS: u64 = 86_400;

/// A person waits for the ticket of an alert. Liongard allows two thousand requests in five minutes, and a poll
/// is one of them; HaloPSA is asked for nothing by a poll that finds nothing.
pub(super) const POLL_INTERVAL_SECONDS: SettingInfo = SettingInfo::count(
    "POLL_INTERVAL_SECONDS",
    "seconds",
    (1, DAY_SECONDS),
    10,
    "least time between two polls of Liongard; a list of more than 1 MB is polled less often. From 10 on, HaloPSA is \
     swept every 300 only",
);

/// The domain says why.
pub(super) const INSPECTOR_MIN_INTERVAL_SECONDS: SettingInfo = SettingInfo::count(
    "INSPECTOR_MIN_INTERVAL_SECONDS",
    "seconds",
    (1, DAY_SECONDS),
    runs::MIN_INTERVAL.as_secs(),
    "least time between two runs of the same Liongard inspector",
);

/// A key is valid for weeks at least and is rotated when a third of that time has passed, so a day late
/// is soon enough. Each check is one request to Liongard.
pub(super) const LIONGARD_KEY_CHECK_SECONDS: SettingInfo = SettingInfo::count(
    "LIONGARD_KEY_CHECK_SECONDS",
    "seconds",
    (1, 7 * DAY_SECONDS),
    DAY_SECONDS,
    "time between two checks of Liongard's access key in the vault, which is rotated before it expires",
);

/// In the working directory, where `config init` writes it.
pub const CONFIG: SettingInfo = SettingInfo::text(
    "HALOGARD_CONFIG",
    "the config file",
    "`halogard config init` writes one",
)
.or("halogard.toml");

/// Beside the config file, and hidden: it is not meant to be edited.
pub(super) const DATA_DIR: SettingInfo = SettingInfo::text(
    "HALOGARD_DATA_DIR",
    "the folder of the embedded store",
    "name a folder that may be written",
)
.or(".halogard");

/// This machine only. An operator who wants to be reached from outside sets it, or uses a proxy.
pub(super) const LISTEN: SettingInfo = SettingInfo::text(
    "HALOGARD_LISTEN",
    "the address on which webhooks are received",
    "write an address and a port",
)
.or("127.0.0.1:8787");

/// Where the proxy in front of the process is reached. Only for printing: the process answers on every name.
pub(super) const PUBLIC_URL: SettingInfo = SettingInfo::text(
    "HALOGARD_PUBLIC_URL",
    "the address that HaloPSA calls, of the proxy in front of `serve`: shown with the webhook's path",
    "write the beginning of the address, such as https://halogard.example.com",
);

/// This machine only: what is measured is of no concern to senders of webhooks. The port is the one that
/// OpenTelemetry's exporter for Prometheus uses.
pub(super) const METRICS_LISTEN: SettingInfo = SettingInfo::text(
    "HALOGARD_METRICS_LISTEN",
    "the address of `/metrics` and `/readyz`; `off` for none, or the address of the webhooks",
    "write an address and a port, or `off`",
)
.or("127.0.0.1:9464");

/// How the process itself runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// Where webhooks are received.
    pub listen: SocketAddr,
    /// The beginning of the addresses that HaloPSA calls, without a slash at the end; `None` when no proxy is
    /// named.
    pub public_url: Option<String>,
    /// Where metrics and readiness are served; `None` if nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The folder of the embedded store.
    pub data_dir: PathBuf,
    /// The config file.
    pub config: PathBuf,
    /// Time between two polls.
    pub poll_interval: Duration,
    /// Least time between two runs of the same inspector.
    pub inspector_min_interval: Duration,
    /// Time between two checks of Liongard's access key.
    pub key_check_interval: Duration,
}

impl FromSettings for ServeSettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let listen = take_listen(reader);
        let public_url = take_public_url(reader);
        let metrics_listen = take_metrics_listen(reader);
        let data_dir = reader.required(&DATA_DIR);
        let config = reader.required(&CONFIG);
        let poll_interval = reader.seconds(&POLL_INTERVAL_SECONDS);
        let inspector_min_interval = reader.seconds(&INSPECTOR_MIN_INTERVAL_SECONDS);
        let key_check_interval = reader.seconds(&LIONGARD_KEY_CHECK_SECONDS);
        Some(Self {
            listen: listen?,
            public_url: public_url?,
            metrics_listen: metrics_listen?,
            data_dir: data_dir?.into(),
            config: config?.into(),
            poll_interval: poll_interval?,
            inspector_min_interval: inspector_min_interval?,
            key_check_interval: key_check_interval?,
        })
    }
}

impl SettingValues {
    /// The config file, which is needed before the other settings: it may contain some of them.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        SettingsReader::new(self)
            .optional(&CONFIG)
            .unwrap_or_default()
            .into()
    }
}

fn take_listen(reader: &mut SettingsReader<'_>) -> Option<SocketAddr> {
    let text = reader.required(&LISTEN)?;
    let address = parse_address(&text);
    if address.is_none() {
        let wrong = format!("is {}", reader.shown(&LISTEN, &text));
        let remedy = "write an address and a port, such as 127.0.0.1:8787, or 0.0.0.0:8787 for \
                      every network of this machine";
        reader.refuse(&LISTEN, &wrong, remedy);
    }
    address
}

/// The outer `None` is a fault, the inner one means that none is named.
fn take_public_url(reader: &mut SettingsReader<'_>) -> Option<Option<String>> {
    let Some(text) = reader.optional(&PUBLIC_URL) else {
        return Some(None);
    };
    let found = public_url(&text);
    if found.is_none() {
        let wrong = format!("is {}", reader.shown(&PUBLIC_URL, &text));
        let remedy = "write the beginning of the address, such as https://halogard.example.com: https, a \
                      name, perhaps a port and a folder; without the webhook's path, which holds a secret";
        reader.refuse(&PUBLIC_URL, &wrong, remedy);
    }
    found.map(Some)
}

/// `text` as the beginning of an address: https without another scheme, http on this machine only, no slash at
/// the end.
fn public_url(text: &str) -> Option<String> {
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let url = Url::parse(&whole).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_fit = (url.scheme() == "https" || (url.scheme() == "http" && is_loopback))
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !url.path().contains("/webhooks/");
    is_fit.then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// The outer `None` is a fault, the inner one means that nothing is served.
fn take_metrics_listen(reader: &mut SettingsReader<'_>) -> Option<Option<SocketAddr>> {
    let text = reader.required(&METRICS_LISTEN)?;
    if text.eq_ignore_ascii_case("off") {
        return Some(None);
    }
    let address = parse_address(&text);
    if address.is_none() {
        let wrong = format!("is {}", reader.shown(&METRICS_LISTEN, &text));
        let remedy = "write an address and a port, such as 127.0.0.1:9464, or `off`";
        reader.refuse(&METRICS_LISTEN, &wrong, remedy);
    }
    address.map(Some)
}

/// An address and a port; `localhost` is IPv4.
fn parse_address(text: &str) -> Option<SocketAddr> {
    if let Some(port) = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok())
    {
        return Some((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_the_beginning_of_one() {
        for (pasted, expected) in [
            (
                "https://halogard.example.com",
                "https://halogard.example.com",
            ),
            ("halogard.example.com/", "https://halogard.example.com"),
            (
                "Halogard.Example.com:8443",
                "https://halogard.example.com:8443",
            ),
            (
                "https://example.com/halogard/",
                "https://example.com/halogard",
            ),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("http://[::1]:8787/", "http://[::1]:8787"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(public_url(pasted).as_deref(), Some(expected), "{pasted}");
        }
        for pasted in [
            "http://halogard.example.com",
            "ftp://halogard.example.com",
            "https://",
            "https://a b",
            "https://user:secret@example.com",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "https://example.com/webhooks/halopsa/secret",
        ] {
            assert_eq!(public_url(pasted), None, "{pasted}");
        }
    }
}
