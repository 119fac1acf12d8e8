//! Which hosts may receive the key.

use halogard_wire::input::is_loopback;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use url::{Origin, Url};

use crate::error::RedirectRefusal;

/// A second name of each instance, to which Liongard may redirect. Source: the vendor's own
/// PowerShell module.
const API_PREFIX: &str = "api.";

/// Whether requests to `url` are encrypted or stay on this machine.
pub(crate) fn is_encrypted_or_loopback(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether an answer with `status` says "ask there, in the same words". 303 does not: it says
/// "done, look there".
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Where a redirect leads to, and whether we go.
pub(crate) struct Hop {
    /// The host, for people; none when the redirect names no target.
    pub(crate) to_host: Option<String>,
    /// The target, or why we do not go.
    pub(crate) target: Result<Url, RedirectRefusal>,
}

/// Reads the target of a redirect that `asked` was answered with; it may be relative. The key may
/// go to the host of `base` and to its second name, on the same port, and nowhere else.
pub(crate) fn hop(base: &Url, asked: &Url, headers: &HeaderMap) -> Hop {
    let location = headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok());
    let Some(target) = location.and_then(|location| asked.join(location.trim()).ok()) else {
        return Hop {
            to_host: None,
            target: Err(RedirectRefusal::NoTarget),
        };
    };
    let to_host = target.host_str().map(str::to_owned);
    let target = if !is_allowed_host(base, &target) {
        Err(RedirectRefusal::OtherHost)
    } else if !is_encrypted_or_loopback(&target) {
        Err(RedirectRefusal::NotEncrypted)
    } else if !is_same_port(base, &target) {
        Err(RedirectRefusal::OtherHost)
    } else {
        Ok(target)
    };
    Hop { to_host, target }
}

/// Whether `target` names the host of `base`, or its second name, and carries no credentials.
fn is_allowed_host(base: &Url, target: &Url) -> bool {
    let (Some(own), Some(other)) = (base.host_str(), target.host_str()) else {
        return false;
    };
    let is_second_name = || !is_loopback(base) && other.strip_prefix(API_PREFIX) == Some(own);
    target.username().is_empty()
        && target.password().is_none()
        && (own == other || is_second_name())
}

/// Whether both have the same port; another one is another service.
fn is_same_port(base: &Url, target: &Url) -> bool {
    base.port_or_known_default() == target.port_or_known_default()
}

/// The address without path, query and credentials.
pub(crate) fn origin_of(url: &Url) -> Option<Url> {
    match url.origin() {
        origin @ Origin::Tuple(..) => Url::parse(&origin.ascii_serialization()).ok(),
        Origin::Opaque(_) => None,
    }
}
