//! The webhook's secret: the path token, and the credentials that authenticate a delivery.

use std::fmt;

use halogard_domain::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::kind::{WebhookAuthKind, WebhookCredential, strip_bearer};
use crate::members;
use crate::secret::SecretFields;

/// A token, key or password with fewer characters can be found by trying. 16 letters and digits are
/// 95 bits.
pub const CHARS_MIN: usize = 16;

/// Characters of a wrong value that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// What one version of the webhook's secret accepts. Built from the members of a secret, or from the
/// settings of a process after they were turned into members.
#[derive(Clone, Debug, Default)]
pub struct WebhookCredentials {
    /// Path tokens, the current one first; empty when none is set.
    pub tokens: Vec<SecretString>,
    /// Credentials: one of them must match. When there is none, the path token alone authenticates.
    pub credentials: Vec<WebhookCredential>,
    /// Whether the operator allows the path token alone on a public address.
    pub token_only_allowed: bool,
    /// When the version before this one ceases to be accepted. `None` when the secret does not say
    /// when it was created: the previous version is then accepted for as long as it exists.
    pub previous_accepted_until: Option<Timestamp>,
    /// What was corrected while the members were read.
    pub warnings: Vec<MemberWarning>,
}

/// Everything that is wrong with the members of a webhook secret. Never contains a secret value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSecretError {
    /// What is wrong, in the order of reading.
    pub faults: Vec<MemberFault>,
}

/// One member that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFault {
    /// The member.
    pub member: &'static str,
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// A member that works, though not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberWarning {
    /// The member.
    pub member: &'static str,
    /// What was corrected.
    pub what: &'static str,
}

impl std::error::Error for WebhookSecretError {}

impl fmt::Display for WebhookSecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the webhook secret cannot be used: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for MemberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.member, self.problem, self.remedy)
    }
}

impl WebhookCredentials {
    /// Reads the webhook's members. A path token may be missing: `serve` creates one.
    ///
    /// # Errors
    ///
    /// [`WebhookSecretError`] names everything that is wrong.
    pub fn from_members(fields: &SecretFields) -> Result<Self, WebhookSecretError> {
        let mut reader = MemberReader::new(fields);
        let tokens = reader.tokens();
        let mut credentials = Vec::new();
        for kind in WebhookAuthKind::ALL {
            credentials.extend(kind.credentials(&mut reader));
        }
        let MemberReader {
            faults, warnings, ..
        } = reader;
        if !faults.is_empty() {
            return Err(WebhookSecretError { faults });
        }
        Ok(Self {
            tokens,
            credentials,
            token_only_allowed: fields.flag(members::WEBHOOK_ALLOW_TOKEN_ONLY),
            previous_accepted_until: previous_accepted_until(fields),
            warnings,
        })
    }

    /// The kind that a rotation of these members replaces: the strongest one present.
    #[must_use]
    pub fn kind_of(fields: &SecretFields) -> WebhookAuthKind {
        let mut kinds = WebhookAuthKind::ALL.into_iter();
        let present = |kind: &WebhookAuthKind| fields.text(kind.member()).is_some();
        kinds.find(present).unwrap_or(WebhookAuthKind::PathToken)
    }
}

/// When the version before `current` ceases to be accepted, if `current` says when it was created.
#[must_use]
pub fn previous_accepted_until(current: &SecretFields) -> Option<Timestamp> {
    Some(current.time(members::ROTATED_AT)?.plus(current.overlap()))
}

/// The versions of the webhook's secret.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecretVersions {
    /// The version in use.
    pub current: WebhookCredentials,
    /// The next version. HaloPSA may use it before it becomes current.
    pub pending: Option<WebhookCredentials>,
    /// The version before.
    pub previous: Option<WebhookCredentials>,
}

/// The tokens and credentials of every version that is accepted at some moment.
#[derive(Clone, Debug, Default)]
pub struct AcceptedCredentials {
    /// Path tokens, the current one first.
    pub tokens: Vec<SecretString>,
    /// Credentials.
    pub credentials: Vec<WebhookCredential>,
    /// When this ceases to be right, because the overlap of the previous version ends.
    pub valid_until: Option<Timestamp>,
}

impl WebhookSecretVersions {
    /// What is accepted at `now`: the current version, the pending one, and the previous one until
    /// its overlap ends.
    ///
    /// The current version decides how strong the authentication is. If it requires a credential,
    /// another version that has none does not lower that; if it requires none, credentials of another
    /// version are not required yet.
    #[must_use]
    pub fn accepted_at(&self, now: Timestamp) -> AcceptedCredentials {
        let until = self.current.previous_accepted_until;
        let previous = self.previous.as_ref();
        let previous = previous.filter(|_| until.is_none_or(|until| now < until));
        let mut accepted = AcceptedCredentials {
            valid_until: until.filter(|_| previous.is_some()),
            ..AcceptedCredentials::default()
        };
        for version in [Some(&self.current), self.pending.as_ref(), previous]
            .into_iter()
            .flatten()
        {
            accepted.tokens.extend(version.tokens.iter().cloned());
            if !self.current.credentials.is_empty() {
                let credentials = version.credentials.iter().cloned();
                accepted.credentials.extend(credentials);
            }
        }
        accepted
    }
}

/// Reads webhook members and collects everything that is wrong with them.
pub(super) struct MemberReader<'a> {
    fields: &'a SecretFields,
    faults: Vec<MemberFault>,
    warnings: Vec<MemberWarning>,
}

impl<'a> MemberReader<'a> {
    const fn new(fields: &'a SecretFields) -> Self {
        Self {
            fields,
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The path tokens.
    fn tokens(&mut self) -> Vec<SecretString> {
        let kind = WebhookAuthKind::PathToken;
        let fits_a_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        let tokens = self.values(kind);
        if tokens
            .iter()
            .any(|token| !token.expose_secret().chars().all(fits_a_path))
        {
            self.refuse(
                kind.member(),
                "has characters that do not fit into an address",
                "use letters, digits, `-`, `_`, `.` and `~` only",
            );
        }
        tokens
    }

    /// The current and the previous value of `kind`; too short a value is a fault.
    pub(super) fn values(&mut self, kind: WebhookAuthKind) -> Vec<SecretString> {
        let current = self.value(kind.member());
        let previous = self.value(kind.previous_member());
        if current.is_none() && previous.is_some() {
            self.refuse(
                kind.previous_member(),
                "is set without a current value",
                "set the current value too, or remove this one",
            );
        }
        current.into_iter().chain(previous).collect()
    }

    /// One secret value.
    fn value(&mut self, member: &'static str) -> Option<SecretString> {
        let value = SecretString::from(self.text(member)?);
        self.check_length(member, &value);
        Some(value)
    }

    /// Refuses a value that can be guessed.
    fn check_length(&mut self, member: &'static str, value: &SecretString) {
        if value.expose_secret().chars().count() < CHARS_MIN {
            let problem = format!("has fewer than {CHARS_MIN} characters");
            let remedy = format!("use {CHARS_MIN} random characters or more, or it can be guessed");
            self.refuse(member, &problem, &remedy);
        }
    }

    /// The text of a member; a member of another type is a fault.
    fn text(&mut self, member: &'static str) -> Option<&'a str> {
        if self.fields.has_other_type(member) {
            self.refuse(member, "is not a text", "put the value in quotes");
        }
        self.fields.text(member)
    }

    /// The name of a header, without the colon that is often copied along.
    pub(super) fn header(&mut self, member: &'static str, default: &str) -> String {
        let Some(text) = self.text(member) else {
            return default.to_owned();
        };
        let name = text.trim_end_matches([':', ' ']);
        if name != text {
            self.warn(member, "the colon after the name was removed");
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            let shown: String = text.escape_debug().take(SHOWN_CHARS_MAX).collect();
            let problem = format!("is `{shown}`");
            let remedy = format!("write the name of a header, such as {default}");
            self.refuse(member, &problem, &remedy);
        }
        name.to_owned()
    }

    /// The user name of HTTP Basic, which needs a password and the other way round.
    pub(super) fn username(&mut self, has_password: bool) -> Option<String> {
        const REMEDY: &str = "write the value that is entered at the webhook in HaloPSA";
        let username = self.text(members::WEBHOOK_USERNAME);
        if username.is_none() && has_password {
            self.refuse(
                members::WEBHOOK_USERNAME,
                "is missing, though there is a password",
                REMEDY,
            );
        }
        if username.is_some() && !has_password {
            self.refuse(
                members::WEBHOOK_PASSWORD,
                "is missing, though there is a user name",
                REMEDY,
            );
        }
        if username.is_some_and(|name| name.contains(':')) {
            self.refuse(
                members::WEBHOOK_USERNAME,
                "has a colon",
                "choose another one: HTTP Basic cannot carry it",
            );
        }
        username.map(str::to_owned)
    }

    /// A bearer token without the scheme that is often copied along.
    pub(super) fn without_scheme(&mut self, token: SecretString) -> SecretString {
        let (token, removed) = strip_bearer(token);
        if removed {
            self.warn(
                members::WEBHOOK_BEARER,
                "the word Bearer before the token was removed",
            );
            self.check_length(members::WEBHOOK_BEARER, &token);
        }
        token
    }

    fn refuse(&mut self, member: &'static str, problem: &str, remedy: &str) {
        self.faults.push(MemberFault {
            member,
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    fn warn(&mut self, member: &'static str, what: &'static str) {
        let warning = MemberWarning { member, what };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}
