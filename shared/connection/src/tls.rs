//! How TLS is spoken.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::provider;

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS could not be set up")]
pub struct TlsError(#[from] rustls::Error);

/// How TLS is spoken with whomever `roots` vouch for: in version 1.3, and with the feature `tls12` in
/// that one too. *ring* costs no start-up entropy.
///
/// # Errors
///
/// [`TlsError`] when the set-up is refused.
pub fn tls(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(provider::lean());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
