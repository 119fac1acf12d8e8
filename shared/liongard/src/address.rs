//! The address of a Liongard, from what an operator pasted.
//!
//! Each tenant lives on an instance, `https://us1.app.liongard.com`. People paste its name, its
//! host, the address of a page or of the API; all of that leads to the same origin. A missing
//! scheme once stopped another product's connector for a day.

use halogard_domain::ids::EnvironmentId;
use halogard_wire::input::{is_loopback, split_schemes, trimmed};
use url::Url;

use crate::origin::origin_of;

/// The domain below which instances live.
const INSTANCE_DOMAIN: &str = "app.liongard.com";

/// Hosts of Liongard's that are not an instance.
const NO_INSTANCE: [&str; 5] = [
    INSTANCE_DOMAIN,
    "liongard.com",
    "www.liongard.com",
    "docs.liongard.com",
    "support.liongard.com",
];

/// Where a Liongard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host and port; the path is `/`.
    pub origin: Url,
    /// The corrections made, one note each, for the operator.
    pub normalizations: Vec<String>,
}

/// Why a text leads to no address. Says what is wrong, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiongardAddressError {
    /// There is nothing to read.
    #[error("LIONGARD_URL is empty; give the address you sign in at, as us1.app.liongard.com")]
    Empty,
    /// It cannot be read as an address.
    #[error("LIONGARD_URL is not an address; give one like https://us1.app.liongard.com")]
    NotAnAddress,
    /// It is neither `https` nor `http`.
    #[error("LIONGARD_URL must begin with https://")]
    OtherScheme,
    /// It is plain `http`, to somewhere else than this machine.
    #[error(
        "LIONGARD_URL begins with http://, which would send the access key in the open; write \
         https:// (http:// is for this machine only)"
    )]
    NotEncrypted,
    /// It holds a user name or password.
    #[error("LIONGARD_URL holds a user name or password; leave out what stands before the @")]
    WithCredentials,
    /// It is a host of Liongard's, and names no instance.
    #[error(
        "LIONGARD_URL names no instance; give the host you sign in at, as us1.app.liongard.com"
    )]
    NoInstance,
}

impl Address {
    /// Reads what was pasted.
    ///
    /// # Errors
    ///
    /// [`LiongardAddressError`] when the text cannot be normalizations.
    pub fn read(pasted: &str) -> Result<Self, LiongardAddressError> {
        let mut normalizations = Vec::new();
        let mut note = |what: &str| normalizations.push(format!("LIONGARD_URL: {what}"));
        let text = trimmed(pasted);
        if text.is_empty() {
            return Err(LiongardAddressError::Empty);
        }
        if text != pasted {
            note("removed blanks or quotes around it");
        }
        let (schemes, rest) = split_schemes(text);
        match schemes.as_slice() {
            [] if rest.contains("://") => return Err(LiongardAddressError::OtherScheme),
            [] | [_] => {}
            _ => note("removed a second scheme"),
        }
        let url = host_in(&schemes, rest, &mut note)?;
        if rest.trim_end_matches('/').contains(['/', '\\', '?', '#']) {
            note("left out what stands after the host");
        }
        let origin = origin_of(&url).ok_or(LiongardAddressError::NotAnAddress)?;
        Ok(Self {
            origin,
            normalizations,
        })
    }
}

/// The host in `rest`, as a whole address, with the path still on it.
fn host_in(
    schemes: &[&str],
    rest: &str,
    note: &mut impl FnMut(&str),
) -> Result<Url, LiongardAddressError> {
    let is_plain = !schemes.is_empty() && schemes.iter().all(|scheme| *scheme == "http");
    let mut url =
        Url::parse(&format!("https://{rest}")).map_err(|_| LiongardAddressError::NotAnAddress)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LiongardAddressError::WithCredentials);
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    if is_loopback(&url) {
        return on_this_machine(schemes, is_plain, rest, note);
    }
    if is_plain {
        return Err(LiongardAddressError::NotEncrypted);
    }
    if NO_INSTANCE.contains(&host.as_str()) {
        return Err(LiongardAddressError::NoInstance);
    }
    let dotless = host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let whole = if dotless && url.port().is_none() {
        note("took the word for the name of an instance");
        format!("{host}.{INSTANCE_DOMAIN}")
    } else if let Some(instance) = instance_of_api_host(&host) {
        note("removed api. before the instance");
        instance.to_owned()
    } else {
        if schemes.is_empty() {
            note("put https:// before it");
        }
        host
    };
    url.set_host(Some(&whole))
        .map_err(|_| LiongardAddressError::NotAnAddress)?;
    Ok(url)
}

/// An address on this machine: a stand-in, which speaks plain `http` unless it says otherwise.
fn on_this_machine(
    schemes: &[&str],
    is_plain: bool,
    rest: &str,
    note: &mut impl FnMut(&str),
) -> Result<Url, LiongardAddressError> {
    if schemes.is_empty() {
        note("put http:// before it, since it is this machine");
    }
    let scheme = if is_plain || schemes.is_empty() {
        "http"
    } else {
        "https"
    };
    Url::parse(&format!("{scheme}://{rest}")).map_err(|_| LiongardAddressError::NotAnAddress)
}

/// `us1.app.liongard.com` of `api.us1.app.liongard.com`, which has other paths.
fn instance_of_api_host(host: &str) -> Option<&str> {
    let instance = host.strip_prefix("api.")?;
    let name = instance.strip_suffix(INSTANCE_DOMAIN)?.strip_suffix('.')?;
    (!name.is_empty()).then_some(instance)
}

/// The page of a customer in Liongard's web application, for links.
///
/// The form was seen in one client only, so a link may lead astray.
#[must_use]
pub fn environment_page(origin: &Url, environment: EnvironmentId) -> Url {
    let mut page = origin.clone();
    page.set_path(&format!("/environments/{environment}"));
    page
}
