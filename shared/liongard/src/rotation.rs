//! Access keys behind the port that a rotation knows.

use halogard_app::ports::{ErrorCode, PortError};
use halogard_credentials::rotation::{AccessKeyAdmin, KeyInfo, KeyPair, NewKey};
use halogard_domain::FailureClass;
use halogard_http::Transport;

use crate::wire::{AccessKeyRow, KeyLifetime};
use crate::{AccessKey, Client};

impl<T: Transport + Clone> AccessKeyAdmin for Client<T> {
    async fn list(&self, with: &KeyPair) -> Result<Vec<KeyInfo>, PortError> {
        let rows = self.with_key(key(with)).access_keys().await?;
        let there = rows.into_iter().filter(|row| row.deleted_on.is_none());
        Ok(there.map(info).collect())
    }

    async fn create(&self, with: &KeyPair, life_days: Option<u16>) -> Result<NewKey, PortError> {
        let life = life(life_days)?;
        let made = self.with_key(key(with)).create_access_key(life).await?;
        Ok(NewKey {
            pair: KeyPair {
                id: made.id,
                secret: made.secret,
            },
            expires_at: made.expires_on,
        })
    }

    async fn verify(&self, key_pair: &KeyPair) -> Result<(), PortError> {
        self.with_key(key(key_pair)).task_count().await?;
        Ok(())
    }

    async fn delete(&self, with: &KeyPair, id: &str) -> Result<(), PortError> {
        Ok(self.with_key(key(with)).delete_access_key(id).await?)
    }
}

/// Both halves, as the client knows them.
fn key(pair: &KeyPair) -> AccessKey {
    AccessKey {
        id: pair.id.clone(),
        secret: pair.secret.clone(),
    }
}

/// A row without what only the API says.
fn info(row: AccessKeyRow) -> KeyInfo {
    KeyInfo {
        id: row.id,
        created_at: row.created_on,
        last_used_at: row.last_used_on,
        expires_at: row.expires_on,
        only_installs: row.is_agent_install_key == Some(true),
    }
}

/// The word the API takes for a number of days.
fn life(days: Option<u16>) -> Result<KeyLifetime, PortError> {
    match days {
        None => Ok(KeyLifetime::Unlimited),
        Some(30) => Ok(KeyLifetime::Days30),
        Some(90) => Ok(KeyLifetime::Days90),
        Some(180) => Ok(KeyLifetime::Days180),
        Some(360) => Ok(KeyLifetime::Days360),
        Some(days) => Err(
            PortError::new(FailureClass::Permanent, ErrorCode::LiongardUnexpected).with_message(
                format!(
                    "a key cannot live {days} days; write 30, 90, 180, 360 or \"Unlimited\" as \
             liongard_access_key_days"
                ),
            ),
        ),
    }
}
