//! One running Halogard: from its start to its orderly or sudden end.

use std::path::Path;
use std::sync::Arc;

use halogard_app::budget::FINISH_WAIT_MAX;
use halogard_app::ports::{Lane, WorkQueue};
use halogard_domain::runs::MIN_INTERVAL;
use halogard_halopsa::webhook::FirstBodies;
use halogard_runtime::settings::{self, SettingValues, Settings};
use halogard_simulator::{ServerHandle, serve_on_loopback};
use halogard_sqlite::Store;

use super::SWEEP_INTERVAL;
use super::vendors::SimulatedVendors;
use crate::body_memory::BodyMemory;
use crate::clock::AcceleratedClock;
use crate::commands::serve::webhook_auth;
use crate::connect::{self, NetworkEnv, PermitWait};
use crate::data_folder;
use crate::engine::{Engine, EngineShared, FixedPolicy};
use crate::http::{self, HttpState};
use crate::refusals::RefusalLog;

/// The running Halogard.
pub struct DemoInstance {
    engine: Engine<NetworkEnv<AcceleratedClock>>,
    server: ServerHandle,
    store: Store<AcceleratedClock>,
}

impl DemoInstance {
    /// Starts on the store in `folder`, as `serve` would.
    pub async fn begin(
        simulated: &SimulatedVendors,
        folder: &Path,
        clock: AcceleratedClock,
    ) -> anyhow::Result<Self> {
        let (settings, _) = settings::read::<Settings>(&SettingValues::of(simulated.settings()))?;
        let store = data_folder::open_store(folder, clock)?;
        let shared = EngineShared::default();
        let policy = simulated.config.policy.clone();
        let metrics = Arc::clone(&shared.metrics);
        let mut reconciler = connect::build_reconciler(
            &settings,
            None,
            &store,
            clock,
            policy,
            metrics,
            PermitWait {
                finish_wait: FINISH_WAIT_MAX,
                switch: &shared.stop,
            },
        )?
        .reconciler;
        reconciler.inspector_min_interval = MIN_INTERVAL;
        reconciler.sweep_interval = SWEEP_INTERVAL;
        store.requeue_in_flight()?;
        reconciler.recover_claims().await?;
        let poll_interval = settings.serve.poll_interval;
        let engine = Engine::start(reconciler, poll_interval, FixedPolicy, shared.clone());
        let authenticator = webhook_auth::authenticator(&store, &settings.webhook, clock);
        let front = HttpState {
            store: store.clone(),
            clock,
            authenticator,
            work_signal: shared.work_signal,
            metrics: shared.metrics,
            health: shared.health,
            bodies: BodyMemory::default(),
            first_bodies: FirstBodies::new(),
            refusals: RefusalLog::default(),
        };
        let front = Arc::new(front);
        let router = http::public_router(&front).merge(http::private_router(&front));
        let server = serve_on_loopback(router).await?;
        simulated.send_webhooks_to(&server.base_url())?;
        Ok(Self {
            engine,
            server,
            store,
        })
    }

    /// Where it listens.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Whether no ticket work waits.
    pub async fn is_idle(&self) -> anyhow::Result<bool> {
        let urgent = self.store.depth(Lane::Urgent).await?;
        let bulk = self.store.depth(Lane::Bulk).await?;
        Ok(urgent == 0 && bulk == 0)
    }

    /// Stops in good order.
    pub async fn stop(self) {
        self.server.end().await;
        self.engine.stop().await;
    }

    /// Stops in the middle of its work, as a killed process would.
    pub async fn crash(self) {
        self.server.end().await;
        self.engine.crash().await;
    }
}
