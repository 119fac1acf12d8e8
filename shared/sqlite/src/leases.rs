//! Rights that one worker at a time may hold.

use halogard_app::ports::{Clock, LEASE_MAX, LeaseOutcome, Leases, PortError};
use halogard_domain::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> Leases for Store<C> {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        let now = self.now();
        let leased = self
            .write(Durability::ProcessKill, |db| {
                let taken: Option<(String, i64)> = db
                    .prepare_cached("SELECT holder, until FROM leases WHERE name = ?1")?
                    .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((other, until)) = taken
                    && other != holder
                    && until > now.as_millis()
                    && until <= now.plus(LEASE_MAX).as_millis()
                {
                    return Ok(LeaseOutcome::HeldByOther {
                        until: Timestamp::from_millis(until),
                    });
                }
                db.prepare_cached(
                    "INSERT OR REPLACE INTO leases (name, holder, until) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![name, holder, until.as_millis()])?;
                Ok::<_, StoreError>(LeaseOutcome::Acquired)
            })
            .await?;
        Ok(leased)
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.write(Durability::ProcessKill, |db| {
            db.prepare_cached("DELETE FROM leases WHERE name = ?1 AND holder = ?2")?
                .execute([name, holder])?;
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(())
    }
}
