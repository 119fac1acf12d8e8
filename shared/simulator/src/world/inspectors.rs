//! What Liongard inspects: kinds of inspectors and where each is configured.

use super::MSP_ENVIRONMENT;
use super::customers::EnvironmentSpec;

/// The machine name of the inspector that copies ticket states onto alerts.
pub const HALOPSA_INSPECTOR: &str = "halopsa-inspector";

/// A kind of inspector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspector {
    /// Its id in the vendor's library.
    pub id: i64,
    /// Its machine name.
    pub name: String,
    /// What people call it.
    pub alias: String,
}

/// One configured inspector and the system it inspects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launchpoint {
    /// Its id.
    pub id: i64,
    /// What people call it.
    pub alias: String,
    /// The kind of inspector.
    pub inspector_id: i64,
    /// The environment it belongs to.
    pub environment_id: i64,
    /// The system it inspects.
    pub system_id: i64,
    /// Whether it may run.
    pub enabled: bool,
}

impl Launchpoint {
    /// The launchpoint that inspects HaloPSA, in the MSP's own environment.
    pub(super) fn halopsa() -> Self {
        Self {
            id: 500,
            alias: "Harbour Street HaloPSA".to_owned(),
            inspector_id: 94,
            environment_id: MSP_ENVIRONMENT,
            system_id: 9000,
            enabled: true,
        }
    }
}

/// The kinds in use; ids as in the vendor's library where they are known.
pub(super) fn inspectors() -> Vec<Inspector> {
    let kind = |id, name: &str, alias: &str| Inspector {
        id,
        name: name.to_owned(),
        alias: alias.to_owned(),
    };
    vec![
        kind(8, "microsoft-365-inspector", "Microsoft 365"),
        kind(13, "active-directory-inspector", "Active Directory"),
        kind(25, "windows-inspector", "Windows Server"),
        kind(38, "sonicwall-inspector", "SonicWall"),
        kind(94, HALOPSA_INSPECTOR, "HaloPSA"),
    ]
}

/// One launchpoint per customer and kind; the firewall's is switched off at every seventh.
pub(super) fn launchpoints_of(environment: &EnvironmentSpec, offset: i64) -> Vec<Launchpoint> {
    let kinds = [(8, "M365"), (13, "AD"), (25, "Server"), (38, "Firewall")];
    let first = 501 + offset * 4;
    (first..)
        .zip(kinds)
        .map(|(id, (inspector_id, what))| Launchpoint {
            id,
            alias: format!("{} {what}", environment.name),
            inspector_id,
            environment_id: environment.id,
            system_id: id + 8500,
            enabled: inspector_id != 38 || offset % 7 != 6,
        })
        .collect()
}
