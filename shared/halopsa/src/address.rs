//! The two addresses of a HaloPSA, from what an operator pasted.
//!
//! HaloPSA's own page shows a resource server (`https://acme.halopsa.com/api`), an authorisation
//! server (`https://acme.halopsa.com/auth`) and a tenant. People paste the host alone, the address
//! of their browser, or one swapped with the other; all of that leads to the same two.

use halogard_wire::input::{is_loopback, split_schemes, trimmed};
use url::Url;

/// The setting of the first address, as an operator writes it.
const RESOURCE_SETTING: &str = "HALOPSA_RESOURCE_URL";

/// The setting of the second.
const AUTH_SETTING: &str = "HALOPSA_AUTH_URL";

/// Last parts of a path that belong to one of the two addresses, or to one of their endpoints.
const KNOWN_TAILS: [&str; 4] = ["api", "auth", "token", "authinfo"];

/// The two addresses of a HaloPSA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where its API is; ends in `/api`.
    pub resource: Url,
    /// Where its tokens are issued; ends in `/auth`.
    pub auth: Url,
    /// The corrections made, one note each, for the operator.
    pub normalizations: Vec<String>,
}

/// Why a text leads to no address. Says which setting, what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HaloAddressError {
    /// There is nothing to read.
    #[error("{setting} is empty; give the address of your HaloPSA, as acme.halopsa.com")]
    Empty {
        /// The setting.
        setting: &'static str,
    },
    /// It cannot be read as an address.
    #[error("{setting} is not an address; give one like https://acme.halopsa.com/api")]
    NotAnAddress {
        /// The setting.
        setting: &'static str,
    },
    /// It is neither `https` nor `http`.
    #[error("{setting} must begin with https://")]
    OtherScheme {
        /// The setting.
        setting: &'static str,
    },
    /// It is plain `http`, to somewhere else than this machine.
    #[error(
        "{setting} begins with http://, which would send the secret in the open; \
         write https:// (http:// is for this machine only)"
    )]
    NotEncrypted {
        /// The setting.
        setting: &'static str,
    },
    /// It holds a user name or password.
    #[error("{setting} holds a user name or password; leave out what stands before the @")]
    WithCredentials {
        /// The setting.
        setting: &'static str,
    },
}

impl Addresses {
    /// Reads what was pasted: the resource server or just the host, and the authorisation server
    /// if it is another.
    ///
    /// # Errors
    ///
    /// [`HaloAddressError`] when a text cannot be normalizations.
    pub fn read(resource: &str, auth: Option<&str>) -> Result<Self, HaloAddressError> {
        let mut normalizations = Vec::new();
        let resource = base_of(resource, RESOURCE_SETTING, "api", &mut normalizations)?;
        let auth = match auth.filter(|text| !trimmed(text).is_empty()) {
            Some(text) => base_of(text, AUTH_SETTING, "auth", &mut normalizations)?,
            None => resource.clone(),
        };
        Ok(Self {
            resource: under(resource, "api"),
            auth: under(auth, "auth"),
            normalizations,
        })
    }
}

/// `base` with `part` at the end of its path.
fn under(mut base: Url, part: &str) -> Url {
    let path = format!("{}/{part}", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

/// The address in `pasted` without the parts that say which of the two it is.
fn base_of(
    pasted: &str,
    setting: &'static str,
    own_tail: &str,
    normalizations: &mut Vec<String>,
) -> Result<Url, HaloAddressError> {
    let mut note = |what: &str| normalizations.push(format!("{setting}: {what}"));
    let text = trimmed(pasted);
    if text.is_empty() {
        return Err(HaloAddressError::Empty { setting });
    }
    if text != pasted {
        note("removed blanks or quotes around it");
    }
    let (schemes, rest) = split_schemes(text);
    match schemes.as_slice() {
        [] if rest.contains("://") => return Err(HaloAddressError::OtherScheme { setting }),
        [] | [_] => {}
        _ => note("removed a second https://"),
    }
    let is_plain = !schemes.is_empty() && schemes.iter().all(|scheme| *scheme == "http");
    let parse = |scheme: &str| {
        Url::parse(&format!("{scheme}://{rest}"))
            .map_err(|_| HaloAddressError::NotAnAddress { setting })
    };
    let mut url = parse(if is_plain { "http" } else { "https" })?;
    if schemes.is_empty() {
        if is_loopback(&url) {
            // A stand-in, which speaks plain http unless it says otherwise.
            url = parse("http")?;
            note("put http:// before it, since it is this machine");
        } else {
            note("put https:// before it");
        }
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(HaloAddressError::NotAnAddress { setting });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HaloAddressError::WithCredentials { setting });
    }
    if is_plain && !is_loopback(&url) {
        return Err(HaloAddressError::NotEncrypted { setting });
    }
    if url.host_str().is_some_and(|host| !rest.starts_with(host)) {
        note("wrote the host in lower case");
    }
    if url.query().is_some() || url.fragment().is_some() {
        url.set_query(None);
        url.set_fragment(None);
        note("left out what stands after ? or #; a tenant belongs into HALOPSA_TENANT");
    }
    shorten_path(&mut url, own_tail, &mut note);
    Ok(url)
}

/// Takes the known parts off the end of the path; what is left is where an on-premises HaloPSA
/// may live.
fn shorten_path(url: &mut Url, own_tail: &str, note: &mut impl FnMut(&str)) {
    let path = url.path().to_owned();
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut tails = Vec::new();
    while let Some(last) = parts.last()
        && KNOWN_TAILS
            .iter()
            .any(|tail| last.eq_ignore_ascii_case(tail))
    {
        tails.push((*last).to_owned());
        parts.pop();
    }
    match tails.as_slice() {
        [] => note(&format!("added /{own_tail} at its end")),
        [only] if only == own_tail => {}
        _ => note(&format!("replaced its last part by /{own_tail}")),
    }
    if path.len() > 1 && path.ends_with('/') || path.contains("//") {
        note("removed slashes at its end");
    }
    url.set_path(&parts.join("/"));
}
