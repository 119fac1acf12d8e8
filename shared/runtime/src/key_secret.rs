//! The secret of a new installation.

use halogard_domain::key::KeySecret;

/// The operating system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system has no random numbers")]
pub struct NoRandomness(#[source] getrandom::Error);

/// A random secret. It is the installation's if its store has none yet.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn random_key_secret() -> Result<KeySecret, NoRandomness> {
    let mut bytes = [0; KeySecret::BYTES];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(KeySecret::new(bytes))
}
