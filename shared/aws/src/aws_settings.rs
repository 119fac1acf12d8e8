//! Where AWS is and as whom we speak to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use halogard_http::{BuildError, HttpClient, HttpClientSettings};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

use crate::http::Http;

/// The authorities that sign for AWS; see `roots/README.md`.
const ROOTS: [&[u8]; 5] = [
    include_bytes!("../roots/amazon-root-ca-1.pem"),
    include_bytes!("../roots/amazon-root-ca-2.pem"),
    include_bytes!("../roots/amazon-root-ca-3.pem"),
    include_bytes!("../roots/amazon-root-ca-4.pem"),
    include_bytes!("../roots/starfield-services-root-g2.pem"),
];

/// Time a connection may take. Within a region it takes a few milliseconds; a name that resolves
/// to an unused address should not use up an invocation.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time one attempt may take, the connection included. The slowest call we make, a page of 1 MB,
/// takes well under a second. A queue's long poll must be shorter than this.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time a call may take with all its attempts and the pauses between them: less than half of the
/// shortest function timeout, so that a failure can still be reported.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);

/// Largest answer read, in bytes. The largest a service gives is a batch of items: 16 MiB.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Attempts of one call, the first included. A lost packet or a moment's throttle is got over;
/// whatever lasts longer goes back to the queue, which waits without being billed.
const ATTEMPTS_MAX: u32 = 3;

/// Pause before the second attempt at the most; it doubles, and chance decides how much of it is
/// waited.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Region, credentials and, away from AWS itself, address and further roots.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    region: String,
    credentials: Credentials,
    endpoint: Option<Url>,
    /// FIPS-validated endpoints.
    use_fips: bool,
    /// Endpoints that IPv6 reaches too.
    use_dual_stack: bool,
    client: HttpClient,
}

/// Why we do not know how to reach AWS.
#[derive(Debug, thiserror::Error)]
pub enum AwsSettingsError {
    /// A setting is missing.
    #[error("{name} is missing; Lambda sets it, elsewhere set it by hand")]
    Missing {
        /// The environment variable.
        name: &'static str,
    },
    /// A switch is neither on nor off.
    #[error("{name} is neither true nor false; write one of them, or leave it out")]
    Switch {
        /// The environment variable.
        name: &'static str,
    },
    /// The endpoint is not an address.
    #[error(
        "AWS_ENDPOINT_URL is not a web address; write it as http://127.0.0.1:4566, or leave it out"
    )]
    NoAddress,
    /// The endpoint is plain HTTP and not on this machine.
    #[error("AWS_ENDPOINT_URL is plain http, which is accepted for this machine only; use https")]
    Plain,
    /// The file of further roots cannot be read.
    #[error("AWS_CA_BUNDLE names {}, which cannot be read", path.display())]
    NoBundle {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file of further roots holds none, or something else.
    #[error(
        "AWS_CA_BUNDLE names {}, which is not a list of certificates in PEM form",
        path.display()
    )]
    BadBundle {
        /// The file.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] BuildError),
}

impl AwsSettings {
    /// Reads the settings through `get`, which maps a variable's name to its value.
    ///
    /// `AWS_REGION` (or `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`, `AWS_USE_FIPS_ENDPOINT`,
    /// `AWS_USE_DUALSTACK_ENDPOINT`. Credentials are read once: Lambda ends a process before those it was started with run out.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or wrong, never its value.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, AwsSettingsError> {
        let optional = |name| get(name).filter(|value: &String| !value.trim().is_empty());
        let required = |name| optional(name).ok_or(AwsSettingsError::Missing { name });
        let region = match optional("AWS_REGION") {
            Some(region) => region,
            None => optional("AWS_DEFAULT_REGION")
                .ok_or(AwsSettingsError::Missing { name: "AWS_REGION" })?,
        };
        let switch = |name| match optional(name) {
            None => Ok(false),
            Some(text) => text
                .trim()
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| AwsSettingsError::Switch { name }),
        };
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let endpoint = optional("AWS_ENDPOINT_URL")
            .map(|text| endpoint(&text))
            .transpose()?;
        let mut roots = built_in_roots();
        if let Some(path) = optional("AWS_CA_BUNDLE") {
            add_roots_of(Path::new(&path), &mut roots)?;
        }
        let settings = HttpClientSettings {
            connect_timeout: CONNECT_TIMEOUT,
            total_timeout: CALL_TIMEOUT,
            write_timeout: CALL_TIMEOUT,
            answer_limit_bytes: ANSWER_BYTES_MAX,
            ..HttpClientSettings::default()
        };
        Ok(Self {
            region,
            credentials,
            endpoint,
            use_fips: switch("AWS_USE_FIPS_ENDPOINT")?,
            use_dual_stack: switch("AWS_USE_DUALSTACK_ENDPOINT")?,
            client: HttpClient::new(roots, &settings)?,
        })
    }

    /// What every client of an AWS service is built from. All of them share their connections.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .use_fips(self.use_fips)
            .use_dual_stack(self.use_dual_stack)
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .http_client(Http(self.client.clone()))
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS_MAX)
                    .with_initial_backoff(FIRST_PAUSE),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(CALL_TIMEOUT)
                    .build(),
            )
            // Answers are read whole and are small; the attempt's time limit covers one that stalls.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(endpoint.as_str());
        }
        config.build()
    }
}

/// The address in `text`, if it may be used.
fn endpoint(text: &str) -> Result<Url, AwsSettingsError> {
    let url = Url::parse(text.trim()).map_err(|_| AwsSettingsError::NoAddress)?;
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_this_machine(&host) => Ok(url),
        ("http", Some(_)) => Err(AwsSettingsError::Plain),
        _ => Err(AwsSettingsError::NoAddress),
    }
}

/// Whether `host` is a loopback address or its name.
fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The authorities that sign for AWS, and no others.
fn built_in_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for pem in ROOTS {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
    }
    roots
}

/// Adds the certificates in the file at `path`, which are some and can be used.
fn add_roots_of(path: &Path, roots: &mut RootCertStore) -> Result<(), AwsSettingsError> {
    let bytes = fs::read(path).map_err(|source| AwsSettingsError::NoBundle {
        path: path.to_owned(),
        source,
    })?;
    let bad = || AwsSettingsError::BadBundle {
        path: path.to_owned(),
    };
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|_| bad())?;
        roots.add(certificate).map_err(|_| bad())?;
    }
    if roots.len() == before {
        return Err(bad());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roots_are_five_and_whole() {
        assert_eq!(built_in_roots().len(), 5);
    }
}
