//! The numbers of teams. Some tenants go by them and pass over the name in a write; where they are known, both are
//! written.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use halogard_domain::ids::TeamId;

/// Teams by their names, in small letters.
#[derive(Debug, Default)]
pub(crate) struct TeamNumbers(RwLock<BTreeMap<String, TeamId>>);

impl TeamNumbers {
    /// Replaces the teams known before; an empty list changes nothing.
    pub(crate) fn learn<'a>(&self, teams: impl IntoIterator<Item = (&'a str, TeamId)>) {
        let teams: BTreeMap<String, TeamId> = teams
            .into_iter()
            .map(|(name, id)| (comparable(name), id))
            .collect();
        if !teams.is_empty() {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = teams;
        }
    }

    /// The number of the team with this name.
    pub(crate) fn number_of(&self, name: &str) -> Option<TeamId> {
        let teams = self.0.read().unwrap_or_else(PoisonError::into_inner);
        teams.get(&comparable(name)).copied()
    }
}

/// A name in the form in which two are compared.
fn comparable(name: &str) -> String {
    name.trim().to_lowercase()
}
