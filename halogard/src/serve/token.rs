//! The unguessable end of the webhook's address.

use std::fmt::Write as _;

use halogard_app::ports::{Stage, Vault};
use secrecy::SecretString;

/// The secret's name in the vault.
const NAME: &str = "halopsa-webhook-token";

/// The first version.
const FIRST: &str = "1";

/// Random bytes of a token that is made here: 160 bits.
const TOKEN_BYTES: usize = 20;

/// The tokens in force: those configured, or one that is made at the first start and kept.
pub async fn in_force(
    vault: &impl Vault,
    configured: &[SecretString],
) -> anyhow::Result<Vec<SecretString>> {
    if !configured.is_empty() {
        return Ok(configured.to_vec());
    }
    if let Some(kept) = vault.read(NAME, Stage::Current).await? {
        return Ok(vec![kept.value]);
    }
    let token = SecretString::from(random()?);
    vault.put(NAME, FIRST, &token, Stage::Current).await?;
    Ok(vec![token])
}

/// A token nobody can guess.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * TOKEN_BYTES);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
