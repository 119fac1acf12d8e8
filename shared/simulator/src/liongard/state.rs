//! Everything one instance remembers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Value, json};

use crate::halopsa::HaloPsa;
use crate::rng::SeededRng;
use crate::world::{EnvironmentSpec, Inspector, Launchpoint, World};

use super::access_keys::SimAccessKey;
use super::alert::SimAlert;
use super::runs::{Run, RunResult};
use super::settings::SimLiongardSettings;

/// The instance's memory.
pub(super) struct LiongardState {
    pub(super) settings: SimLiongardSettings,
    /// Environments, inspectors and launchpoints.
    pub(super) world: World,
    /// The position of each environment in the world's list.
    environment_places: HashMap<i64, usize>,
    /// The position of each launchpoint in the world's list.
    launchpoint_places: HashMap<i64, usize>,
    /// The connected HaloPSA.
    pub(super) halo: Option<HaloPsa>,
    /// Alerts by id.
    pub(super) alerts: BTreeMap<i64, SimAlert>,
    /// Runs by id of their timeline entry.
    pub(super) runs: BTreeMap<i64, Run>,
    /// How the next runs end, before the setting counts again.
    pub(super) next_results: VecDeque<RunResult>,
    /// Access keys, revoked ones included.
    pub(super) keys: Vec<SimAccessKey>,
    /// How many alerts the list still holds, while it is cut.
    pub(super) list_truncated_to: Option<usize>,
    /// When the instance was created.
    pub(super) born_at: i64,
    /// All chance.
    pub(super) rng: SeededRng,
}

impl LiongardState {
    /// An instance whose launchpoints have each run once, the day before.
    pub(super) fn new(settings: SimLiongardSettings, seed: u64, now: i64) -> Self {
        let world = settings.world.clone();
        let keys = settings
            .access_keys
            .iter()
            .map(|spec| SimAccessKey::of(spec, now))
            .collect();
        let mut state = Self {
            settings,
            environment_places: places(world.environments.iter().map(|spec| spec.id)),
            launchpoint_places: places(world.launchpoints.iter().map(|spec| spec.id)),
            world,
            halo: None,
            alerts: BTreeMap::new(),
            runs: BTreeMap::new(),
            next_results: VecDeque::new(),
            keys,
            list_truncated_to: None,
            born_at: now,
            rng: SeededRng::seeded(seed),
        };
        state.add_past_runs(now);
        state
    }

    /// The environment with this id.
    pub(super) fn environment(&self, id: i64) -> Option<&EnvironmentSpec> {
        self.world
            .environments
            .get(*self.environment_places.get(&id)?)
    }

    /// Adds an environment.
    pub(super) fn add_environment(&mut self, spec: EnvironmentSpec) {
        self.environment_places
            .insert(spec.id, self.world.environments.len());
        self.world.environments.push(spec);
    }

    /// The inspector with this id.
    pub(super) fn inspector(&self, id: i64) -> Option<&Inspector> {
        self.world
            .inspectors
            .iter()
            .find(|inspector| inspector.id == id)
    }

    /// The launchpoint with this id.
    pub(super) fn launchpoint(&self, id: i64) -> Option<&Launchpoint> {
        self.world
            .launchpoints
            .get(*self.launchpoint_places.get(&id)?)
    }

    /// An environment as other records embed it.
    pub(super) fn embedded_environment(&self, id: i64) -> Value {
        let name = self
            .environment(id)
            .map_or("", |environment| environment.name.as_str());
        json!({ "ID": id, "Name": name, "Status": 1, "Tier": "Core" })
    }

    /// An inspector as other records embed it.
    pub(super) fn embedded_inspector(&self, id: i64) -> Value {
        self.inspector(id).map_or(Value::Null, |inspector| {
            json!({ "ID": inspector.id, "Name": inspector.name, "Alias": inspector.alias })
        })
    }
}

/// Where each id stands.
fn places(ids: impl Iterator<Item = i64>) -> HashMap<i64, usize> {
    ids.enumerate().map(|(place, id)| (id, place)).collect()
}
