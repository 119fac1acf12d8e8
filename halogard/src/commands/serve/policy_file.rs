//! Watches the config file: a change is active from the next sync cycle.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use halogard_domain::Policy;
use tracing::{info, warn};

use crate::engine::PolicySource;

/// The config file, and its text when it was last read.
pub struct PolicyFile {
    path: PathBuf,
    text: Mutex<Option<String>>,
}

impl PolicyFile {
    /// Watches `path`, whose policy is active now.
    pub fn new(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).ok();
        Self {
            path,
            text: Mutex::new(text),
        }
    }
}

impl PolicySource for PolicyFile {
    /// A file that cannot be read, or is wrong, changes nothing: the active policy stays, and the
    /// reason is logged once for each change.
    fn changed(&self) -> Option<Policy> {
        let text = std::fs::read_to_string(&self.path).ok();
        let mut known = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == text {
            return None;
        }
        known.clone_from(&text);
        match halogard_config::load(&self.path) {
            Ok(config) => {
                info!(
                    outcome = "config_changed",
                    "the config file changed and is active"
                );
                Some(config.policy)
            }
            Err(error) => {
                warn!(%error, "the config file changed and is invalid; the former config stays active");
                None
            }
        }
    }
}
