//! Checks what only the caller knows: its credentials' ages and its public address.

use halogard_domain::words::counted;

use super::{CheckId, DoctorReport, OwnFacts};

/// A credential that ends within this many days must be replaced now: notices of a rotation begin as long before.
const ENDS_SOON_DAYS: i64 = 21;

/// A credential that is older is replaced as a precaution.
const OLD_DAYS: u64 = 365;

/// A certificate is renewed a month before its end, so something is wrong when this many days are left.
const CERTIFICATE_DAYS_MIN: u32 = 14;

/// A credential of this installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The secret of HaloPSA's application.
    HaloPsa,
    /// The access key of Liongard.
    Liongard,
    /// What authenticates HaloPSA's webhook.
    Webhook,
}

impl Credential {
    /// What people call it.
    const fn words(self) -> &'static str {
        match self {
            Self::HaloPsa => "HaloPSA's client secret",
            Self::Liongard => "Liongard's access key",
            Self::Webhook => "the webhook's secret",
        }
    }

    /// The command that replaces it.
    const fn command(self) -> &'static str {
        match self {
            Self::HaloPsa => "halogard rotate halopsa",
            Self::Liongard => "halogard rotate liongard",
            Self::Webhook => "halogard rotate webhook",
        }
    }
}

/// How old a credential is, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialAge {
    /// Which one.
    pub credential: Credential,
    /// For how many days it has been the same; `None` where that is not known.
    pub age_days: Option<u64>,
    /// The days until it ends; `None` where it does not end, or that is not known.
    pub days_left: Option<i64>,
}

/// The public address of the webhook, as this machine reached it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    /// Its host.
    pub host: String,
    /// For how many days its certificate is trusted, `None` for an address without encryption; or why no connection
    /// came about.
    pub certificate_days: Result<Option<u32>, String>,
}

/// Checks them.
pub(super) fn check(own: &OwnFacts, report: &mut DoctorReport) {
    for age in &own.credentials {
        credential(*age, report);
    }
    if let Some(address) = &own.public_address {
        public_address(address, report);
    }
}

fn credential(age: CredentialAge, report: &mut DoctorReport) {
    report.done(CheckId::CredentialAge);
    let (words, command) = (age.credential.words(), age.credential.command());
    let thing = match (age.days_left, age.age_days) {
        (Some(left), _) if left <= ENDS_SOON_DAYS => {
            format!("{words} ends in {}", counted(left, "day"))
        }
        (_, Some(days)) if days > OLD_DAYS => {
            format!("{words} has been the same for {}", counted(days, "day"))
        }
        _ => return,
    };
    report.warning(
        CheckId::CredentialAge,
        thing,
        format!("`{command}` replaces it"),
    );
}

fn public_address(address: &PublicAddress, report: &mut DoctorReport) {
    let host = &address.host;
    let days = match &address.certificate_days {
        Ok(days) => days,
        Err(said) => {
            // From outside the result may differ, so it is not a problem yet.
            return report.warning(
                CheckId::PublicAddress,
                format!("the public address {host} cannot be reached from this machine: {said}"),
                "check HALOGARD_PUBLIC_URL, the name's address, the firewall, and that the proxy in front of `serve` \
                 runs; docs/network.md shows what HaloPSA needs",
            );
        }
    };
    report.done(CheckId::PublicAddress);
    match days {
        Some(days) if *days < CERTIFICATE_DAYS_MIN => report.warning(
            CheckId::Certificate,
            format!("the certificate of {host} is valid for {}", counted(*days, "more day")),
            "renew it, and see why it was not renewed by itself: HaloPSA delivers nothing to an address whose \
             certificate has ended",
        ),
        Some(days) => report.ok(
            CheckId::Certificate,
            format!(
                "the certificate of {host} is valid for {} at least",
                counted(*days, "more day")
            ),
        ),
        None => {}
    }
}
