//! Clocks that can also sleep: the machine's, and an accelerated one.

use std::future::Future;
use std::time::Duration;

use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use halogard_runtime::SystemClock;
use halogard_simulator::SimClock;
use tokio::time::Instant;

/// A clock that can also sleep.
pub trait SleepClock: Clock + Clone + 'static {
    /// Sleeps for `pause` of this clock's time.
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()> + Send;
}

impl SleepClock for SystemClock {
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// A clock that runs `speed` times as fast as the machine's. The demo and both simulated vendors
/// share one, so five minutes of a rolling window pass in seconds and are five minutes to all of them.
#[derive(Clone, Copy, Debug)]
pub struct AcceleratedClock {
    began: Instant,
    began_at: Timestamp,
    speed: u32,
}

impl AcceleratedClock {
    /// A clock that shows the machine's time now and runs faster from here.
    pub fn starting_now(speed: u32) -> Self {
        Self {
            began: Instant::now(),
            began_at: SystemClock.now(),
            speed: speed.max(1),
        }
    }
}

impl Clock for AcceleratedClock {
    fn now(&self) -> Timestamp {
        self.began_at.plus(self.began.elapsed() * self.speed)
    }
}

impl SimClock for AcceleratedClock {
    fn now_millis(&self) -> i64 {
        self.now().as_millis()
    }
}

impl SleepClock for AcceleratedClock {
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause / self.speed).await;
    }
}
