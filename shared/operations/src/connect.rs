//! `connect`: how far a connection to each vendor gets, and what to do next.
//!
//! The stages before HTTP are tried by the caller, which knows the network. What answers, and whether it accepts the
//! credential, is asked through the ports.

use halogard_app::ports::{
    AlertListing as _, AlertSource, DialectProbe, PortError, Refusal, ServiceDeskCatalog,
};
use halogard_domain::policy::Mode;
use halogard_domain::words::counted;
use serde::Serialize;

use crate::doctor::spent_budget;

/// A stage of a connection, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConnectStage {
    /// The address is one.
    Address,
    /// The name of the host is resolved.
    Name,
    /// The host takes connections.
    Tcp,
    /// Its certificate is trusted.
    Tls,
    /// It answers requests.
    Http,
    /// What answers is the vendor.
    Vendor,
    /// It accepts the credential and its scopes.
    Credential,
}

impl ConnectStage {
    /// As a line begins.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Name => "name",
            Self::Tcp => "connection",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::Vendor => "vendor",
            Self::Credential => "credential",
        }
    }

    /// What to do when it fails and nothing more is known.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Address => {
                "give the host that you sign in at, as acme.halopsa.com or us1.app.liongard.com"
            }
            Self::Name => {
                "check the spelling of the host, and that this machine resolves names (docs/network.md)"
            }
            Self::Tcp => {
                "allow this machine to connect to the host by the port of its address; a firewall or a content filter \
                 may block it (docs/network.md)"
            }
            Self::Tls => {
                "set HALOGARD_CA_FILE to trust a private authority, or a filter that opens \
                 TLS; check this machine's clock"
            }
            Self::Http => {
                "try again; if it persists, check the vendor's status page, and whether a content filter answers"
            }
            Self::Vendor => "check the address: something else answers there",
            Self::Credential => "check id and secret; each is shown only once, when it is created",
        }
    }
}

/// The result of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageLine {
    /// Which one.
    pub stage: ConnectStage,
    /// Whether it is passed.
    pub passed: bool,
    /// What was seen.
    pub said: String,
    /// What to do; empty where it is passed.
    pub remedy: String,
}

impl StageLine {
    /// A stage that is passed.
    #[must_use]
    pub fn passed(stage: ConnectStage, said: impl Into<String>) -> Self {
        Self {
            stage,
            passed: true,
            said: said.into(),
            remedy: String::new(),
        }
    }

    /// A stage that failed.
    #[must_use]
    pub fn failed(stage: ConnectStage, said: impl Into<String>, remedy: &str) -> Self {
        Self {
            stage,
            passed: false,
            said: said.into(),
            remedy: remedy.to_owned(),
        }
    }
}

/// How far the connection to a vendor gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorConnection {
    /// The vendor.
    pub vendor: &'static str,
    /// The address that is really asked.
    pub address: String,
    /// The stages; if one failed, it is the last.
    pub stages: Vec<StageLine>,
}

impl VendorConnection {
    /// Whether every stage is passed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        let last = self.stages.last();
        last.is_some_and(|it| it.passed && it.stage == ConnectStage::Credential)
    }

    /// Whether the vendor answered, but did not accept the credential.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let last = self.stages.last();
        last.is_some_and(|it| !it.passed && it.stage == ConnectStage::Credential)
    }
}

/// Asks HaloPSA who the credential is: the stages from HTTP on.
pub async fn halopsa_stages<D: ServiceDeskCatalog + DialectProbe>(desk: &D) -> Vec<StageLine> {
    let build = desk.build().await;
    let seen = build.map_or_else(
        || "HaloPSA answers".to_owned(),
        |build| format!("HaloPSA, build {build}"),
    );
    match desk.identity().await {
        Ok(agent) => answered(seen, format!("accepted; it acts as {}", agent.name)),
        Err(error) => stages_of(&error, seen),
    }
}

/// Asks Liongard for its environments: the stages from HTTP on.
pub async fn liongard_stages<L: AlertSource>(liongard: &L) -> Vec<StageLine> {
    let seen = "Liongard answers".to_owned();
    match liongard.environments().await {
        Ok(environments) => {
            let active = environments.iter().filter(|it| it.active).count();
            answered(
                seen,
                format!("accepted; it sees {}", counted(active, "environment")),
            )
        }
        Err(error) => stages_of(&error, seen),
    }
}

/// The stages of a vendor that accepts the credential.
fn answered(seen: String, accepted: String) -> Vec<StageLine> {
    vec![
        StageLine::passed(ConnectStage::Http, ""),
        StageLine::passed(ConnectStage::Vendor, seen),
        StageLine::passed(ConnectStage::Credential, accepted),
    ]
}

/// The stages up to the one that `error` belongs to.
fn stages_of(error: &PortError, seen: String) -> Vec<StageLine> {
    let failed_at = match error.refusal {
        Some(Refusal::Unauthorised | Refusal::Forbidden) => ConnectStage::Credential,
        _ if error.code.is_vendor_unreachable() || error.retry_at.is_some() => ConnectStage::Http,
        _ => ConnectStage::Vendor,
    };
    if let Some(reason) = spent_budget(error) {
        // Nothing is known of the vendor, so nothing it was given is to blame.
        let remedy =
            "run the command again then: workers of this installation use the budget at the moment";
        return vec![StageLine::failed(ConnectStage::Http, reason, remedy)];
    }
    let mut stages = Vec::new();
    for (stage, said) in [
        (ConnectStage::Http, String::new()),
        (ConnectStage::Vendor, seen),
        (ConnectStage::Credential, String::new()),
    ] {
        if stage == failed_at {
            let remedy = error.remedy.unwrap_or(stage.remedy());
            stages.push(StageLine::failed(stage, error.chain(), remedy));
            break;
        }
        stages.push(StageLine::passed(stage, said));
    }
    stages
}

/// Whether Liongard's own ticketing opens tickets: open alerts name some. `None` when there is no open alert.
///
/// # Errors
///
/// The list of alerts cannot be read.
pub async fn native_ticketing<L: AlertSource>(liongard: &L) -> Result<Option<bool>, PortError> {
    let (mut open, mut named) = (0_usize, 0_usize);
    let mut listing = liongard.list().await?;
    while let Some(part) = listing.next().await? {
        for alert in part.alerts.iter().filter(|it| !it.is_closed()) {
            open += 1;
            named += usize::from(alert.native_ticket.is_some());
        }
    }
    Ok((open > 0).then_some(named > 0))
}

/// The mode that fits what was seen of Liongard's own ticketing.
#[must_use]
pub const fn advised_mode(native_ticketing: Option<bool>) -> Mode {
    match native_ticketing {
        Some(true) => Mode::Native,
        Some(false) | None => Mode::Managed,
    }
}

/// What is worth doing in both systems before the first ticket.
pub const RECOMMENDATIONS: &[&str] = &[
    "HaloPSA: an API-only agent of its own, called Halogard, for its application (Configuration → Teams & Agents → \
     Agents): what it writes is then known to be Halogard's; `halogard doctor --print-permissions` lists its rights",
    "HaloPSA: a ticket type of its own, called Liongard (Configuration → Tickets → Ticket Types): no mandatory field, the \
     statuses and the SLA of the template, no automatic closing, no mails to end users",
    "Liongard: in managed mode its own alert templates must not also send to HaloPSA (Admin → Actionable Alerts → \
     Templates → Destination)",
];

/// The other product whose host `host` is, where the name says so.
#[must_use]
pub fn product_of(host: &str) -> Option<&'static str> {
    const HOSTS: [(&str, &str); 5] = [
        ("liongard.com", "Liongard"),
        ("halopsa.com", "HaloPSA"),
        ("haloitsm.com", "HaloPSA"),
        ("haloservicedesk.com", "HaloPSA"),
        ("haloservicesolutions.com", "HaloPSA"),
    ];
    let host = host.to_ascii_lowercase();
    let found = HOSTS.into_iter().find(|(domain, _)| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    found.map(|(_, product)| product)
}

/// The tenant that the name of a hosted HaloPSA shows.
#[must_use]
pub fn tenant_of(host: &str) -> Option<String> {
    (product_of(host) == Some("HaloPSA"))
        .then(|| host.split('.').next().map(str::to_owned))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_shows_which_product_it_belongs_to() {
        for (host, product, tenant) in [
            ("acme.halopsa.com", Some("HaloPSA"), Some("acme")),
            ("ACME.HaloITSM.com", Some("HaloPSA"), Some("ACME")),
            ("us1.app.liongard.com", Some("Liongard"), None),
            ("liongard.com", Some("Liongard"), None),
            ("psa.acme.example", None, None),
            ("nothalopsa.com", None, None),
        ] {
            assert_eq!(product_of(host), product, "{host}");
            assert_eq!(tenant_of(host).as_deref(), tenant, "{host}");
        }
    }

    #[test]
    fn what_liongards_own_ticketing_does_decides_the_mode() {
        assert_eq!(advised_mode(Some(true)), Mode::Native);
        assert_eq!(advised_mode(Some(false)), Mode::Managed);
        assert_eq!(advised_mode(None), Mode::Managed);
    }
}
