//! Where AWS is and as whom we speak to it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use halogard_connection::TlsConnector;
use secrecy::SecretString;

use crate::endpoint::Endpoint;
use crate::roots;

/// Region, credentials and, away from AWS itself, address and further roots.
pub struct Access {
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    endpoint: Option<Endpoint>,
    ca_bundle: Option<String>,
    /// Made at the first connection: a start should not wait for what an event may not need.
    tls: Mutex<Option<TlsConnector>>,
}

/// As whom a request is signed. Lambda ends a process before the credentials it was started with
/// run out, so they are read once.
pub(crate) struct Credentials {
    /// Names the key; not a secret by itself.
    pub(crate) key_id: String,
    /// What signs.
    pub(crate) secret: SecretString,
    /// Goes with a key that does not last.
    pub(crate) session_token: Option<SecretString>,
}

/// Why we do not know how to reach AWS. Names variables, never their values.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A variable is not there.
    #[error("{name} is missing; Lambda sets it, elsewhere set it by hand")]
    Missing {
        /// The environment variable.
        name: &'static str,
    },
    /// The endpoint is no address.
    #[error(
        "AWS_ENDPOINT_URL is no web address; write it as http://127.0.0.1:4566, or leave it out"
    )]
    NoAddress,
    /// The endpoint is plain HTTP and not on this machine.
    #[error("AWS_ENDPOINT_URL is plain http, which is accepted for this machine only; use https")]
    Plain,
}

impl Access {
    /// Reads the variables through `get`, which maps a name to its value.
    ///
    /// `AWS_REGION` (or `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`. The file that the last one names is
    /// read at the first connection.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or wrong.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, AccessError> {
        let optional = |name| {
            let value: Option<String> = get(name);
            value
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let required = |name| optional(name).ok_or(AccessError::Missing { name });
        Ok(Self {
            region: optional("AWS_REGION")
                .or_else(|| optional("AWS_DEFAULT_REGION"))
                .ok_or(AccessError::Missing { name: "AWS_REGION" })?,
            credentials: Credentials {
                key_id: required("AWS_ACCESS_KEY_ID")?,
                secret: required("AWS_SECRET_ACCESS_KEY")?.into(),
                session_token: optional("AWS_SESSION_TOKEN").map(SecretString::from),
            },
            endpoint: optional("AWS_ENDPOINT_URL")
                .map(|text| Endpoint::parse(&text))
                .transpose()?,
            ca_bundle: optional("AWS_CA_BUNDLE"),
            tls: Mutex::new(None),
        })
    }

    /// Where `service` is.
    pub(crate) fn endpoint_of(&self, service: &str) -> Endpoint {
        match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Endpoint::of_aws(service, &self.region),
        }
    }

    /// What opens TLS connections; made once.
    ///
    /// # Errors
    ///
    /// What is wrong with the file of further roots, as a sentence.
    pub(crate) fn tls(&self) -> Result<TlsConnector, String> {
        let mut kept = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = &*kept {
            return Ok(connector.clone());
        }
        let connector = roots::connector(self.ca_bundle.as_deref())?;
        *kept = Some(connector.clone());
        Ok(connector)
    }
}

impl fmt::Debug for Access {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
