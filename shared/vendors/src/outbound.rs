//! The HTTP client by which both vendors are reached from this network.

use halogard_http::tls::{RootCertStore, add_pem_file, web_roots};
use halogard_http::{HttpClient, HttpClientSettings, HttpProxy};
use halogard_runtime::settings::OutboundSettings;
use secrecy::ExposeSecret as _;

use crate::VendorsError;

/// The certificates to trust: the public ones, and those of one's own.
///
/// # Errors
///
/// [`VendorsError`] names the file that cannot be used.
pub fn trusted_roots(outbound: &OutboundSettings) -> Result<RootCertStore, VendorsError> {
    let mut roots = web_roots();
    if let Some(file) = &outbound.ca_file {
        add_pem_file(&mut roots, file).map_err(|wrong| VendorsError::CaFile {
            file: file.clone(),
            wrong,
        })?;
    }
    Ok(roots)
}

/// The client: public authorities and those of one's own are trusted, other machines are reached through the proxy.
///
/// # Errors
///
/// [`VendorsError`] names the file or the proxy that cannot be used.
pub fn http_client(outbound: &OutboundSettings) -> Result<HttpClient, VendorsError> {
    let roots = trusted_roots(outbound)?;
    let proxy = outbound.proxy.as_ref().map(|url| HttpProxy {
        url: url.expose_secret().to_owned(),
        except: outbound.no_proxy.clone().unwrap_or_default(),
    });
    let settings = HttpClientSettings {
        proxy,
        ..HttpClientSettings::default()
    };
    Ok(HttpClient::new(roots, &settings)?)
}
