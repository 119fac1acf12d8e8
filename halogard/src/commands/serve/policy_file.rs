//! The config file, watched: a change is in force with the next poll.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use halogard_domain::Policy;
use tracing::{info, warn};

use crate::engine::PolicySource;

/// The config file, and its text when it was last looked at.
pub struct PolicyFile {
    path: PathBuf,
    text: Mutex<Option<String>>,
}

impl PolicyFile {
    /// Watches `path`, whose policy is in force now.
    pub fn new(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).ok();
        Self {
            path,
            text: Mutex::new(text),
        }
    }
}

impl PolicySource for PolicyFile {
    /// A file that cannot be read, or is wrong, changes nothing: the policy in force stays, and the
    /// log says why, once for each change.
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
                    "the config file changed and is in force"
                );
                Some(config.policy)
            }
            Err(error) => {
                warn!(%error, "the config file changed and is not usable; the former one stays in force");
                None
            }
        }
    }
}
