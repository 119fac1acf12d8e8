//! Secrets, their versions and labels.

use std::collections::{BTreeMap, BTreeSet};

/// The label of the version in use.
pub const CURRENT: &str = "AWSCURRENT";

/// The label of the version before it.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// The label of the version that a rotation prepares.
pub const PENDING: &str = "AWSPENDING";

/// Every secret, by name.
#[derive(Debug, Default)]
pub struct Secrets(pub BTreeMap<String, Secret>);

impl Secrets {
    /// The secret that `id` names: its name or its ARN.
    pub fn find(&mut self, id: &str) -> Option<(&str, &mut Secret)> {
        let mut all = self
            .0
            .iter_mut()
            .map(|(name, secret)| (name.as_str(), secret));
        all.find(|(name, _)| *name == id || arn(name) == id)
    }
}

/// The ARN of the secret `name`. The real service appends six random characters.
pub fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf")
}

/// One secret.
#[derive(Debug, Default)]
pub struct Secret {
    /// The token it was made with.
    pub made_with: String,
    /// Its versions by id. Those without labels are deprecated: the service deletes them when it sees
    /// fit; this one never does.
    pub versions: BTreeMap<String, Version>,
    /// The function that rotates it, once one was named.
    pub rotated_by: Option<String>,
    /// Whether it is rotated on a schedule. `None` before that was ever set up.
    pub rotates: Option<bool>,
}

/// One version of a secret.
#[derive(Debug, Default)]
pub struct Version {
    /// The value; `None` while a rotation has only announced the version.
    pub value: Option<SecretValue>,
    /// Its labels. One label is on one version at a time.
    pub labels: BTreeSet<String>,
}

/// The value of a version: text, or bytes in their base64 form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretValue {
    /// `SecretString`.
    Text(String),
    /// `SecretBinary`.
    Binary(String),
}

impl Secret {
    /// The version that has `label`.
    pub fn labelled(&self, label: &str) -> Option<&str> {
        let mut all = self.versions.iter();
        let found = all.find(|(_, version)| version.labels.contains(label));
        found.map(|(id, _)| id.as_str())
    }

    /// Puts `label` on version `to`, which exists, and takes it off the previous version.
    ///
    /// UpdateSecretVersionStage and PutSecretValue: "If this action results in" moving AWSCURRENT, the
    /// version it was removed from gets AWSPREVIOUS.
    pub fn move_label(&mut self, label: &str, to: &str) {
        let from = self.labelled(label).map(str::to_owned);
        if from.as_deref() == Some(to) {
            return;
        }
        self.remove_label(label);
        if let Some(version) = self.versions.get_mut(to) {
            version.labels.insert(label.to_owned());
        }
        if let Some(from) = from.filter(|_| label == CURRENT) {
            self.move_label(PREVIOUS, &from);
        }
    }

    /// Takes `label` off whatever has it.
    pub fn remove_label(&mut self, label: &str) {
        for version in self.versions.values_mut() {
            version.labels.remove(label);
        }
    }
}
