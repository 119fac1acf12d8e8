//! How a secret is rotated, named in the secret.

use super::RotateError;
use crate::{SecretFields, members};
use halogard_app::ports::Stage;

/// How a secret is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The current key creates its successor by API.
    LiongardAccessKey,
    /// One application: a person generates its secret, and the old one stops working at once.
    HaloPsaApplication,
    /// Two applications that alternate: a person generates the secret of the idle one.
    HaloPsaTwoApplications,
    /// The webhook's secret: created here and sent to HaloPSA.
    Webhook,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::LiongardAccessKey,
        Self::HaloPsaApplication,
        Self::HaloPsaTwoApplications,
        Self::Webhook,
    ];

    /// Its name in the secret.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiongardAccessKey => "liongard-access-key",
            Self::HaloPsaApplication => "halopsa-application",
            Self::HaloPsaTwoApplications => "halopsa-two-applications",
            Self::Webhook => "webhook",
        }
    }

    /// The strategy of the secret `name` with these members.
    ///
    /// # Errors
    ///
    /// [`RotateError::BadValue`] when it names none that is known.
    pub fn of(name: &str, fields: &SecretFields) -> Result<Self, RotateError> {
        let word = fields.text(members::STRATEGY).unwrap_or_default();
        let mut all = Self::ALL.into_iter();
        all.find(|strategy| strategy.as_str() == word)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                let why = match fields.text(members::STRATEGY) {
                    None => format!("the member strategy is missing; write one of {known}"),
                    Some(_) => format!("the member strategy names none; write one of {known}"),
                };
                RotateError::BadValue {
                    name: name.to_owned(),
                    stage: Stage::Current,
                    why,
                }
            })
    }
}
