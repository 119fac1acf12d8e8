//! One round over both sides, within one invocation.

use std::time::Duration;

use halogard_app::ports::{Clock as _, Marks as _, PortError};
use halogard_app::round::Round;
use halogard_domain::Timestamp;
use halogard_runtime::metrics::Metrics;
use tracing::{info, warn};

use crate::error::FunctionError;
use crate::instance::{FunctionBundle, Instance, NotReady};
use crate::platform::Platform;
use crate::tally::Tally;

/// The mark that holds when the last whole round began: whatever happened on either side before it
/// has been seen.
pub const MARK_WHOLE_ROUND_AT: &str = "whole_round_at";

/// How a round went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounded {
    /// What it came to; `None` when it was cut off.
    pub round: Option<Round>,
    /// How far behind we are: the age of the last whole round; `None` before the first.
    pub lag: Option<Duration>,
}

/// Makes one round, in an invocation that ends at `deadline`. A part that fails or is cut off keeps
/// its watermark, so the next round reads the same again. `None` when no config was applied yet.
///
/// # Errors
///
/// Nothing can be done at all.
pub async fn make<P: Platform>(
    instance: &Instance<P>,
    function: &'static str,
    deadline: Timestamp,
) -> Result<Option<Rounded>, FunctionError> {
    let invocation = instance.begin(deadline).await?;
    let ground = &invocation.ground;
    let now = ground.clock.now();
    let bundle = match &invocation.bundle {
        Ok(bundle) => bundle,
        Err(why) => {
            let mut tally = Tally::default();
            tally.put_off(why);
            crate::telemetry::print(&tally.metrics(function), now);
            return match invocation.bundle {
                Err(NotReady::NotConfigured) | Ok(_) => {
                    NotReady::NotConfigured.tell();
                    Ok(None)
                }
                Err(why) => Err(why.into()),
            };
        }
    };
    invocation.watch.work_for(None);
    let left = invocation.watch.left(now);
    let round = tokio::time::timeout(left, Box::pin(bundle.round()))
        .await
        .ok();
    let lag = lag::<P>(bundle, now, round).await;
    ground.hand_back().await;
    let rounded = Rounded { round, lag };
    let metrics = ground.with_budget(rounded.tell(function));
    crate::telemetry::print(&metrics, ground.clock.now());
    Ok(Some(rounded))
}

/// How far behind we are after a round that began at `began`.
async fn lag<P: Platform>(
    bundle: &FunctionBundle<P>,
    began: Timestamp,
    round: Option<Round>,
) -> Option<Duration> {
    let behind = |since: Timestamp| bundle.clock.now().since(since);
    if !round.is_some_and(Round::is_whole) {
        let mark = bundle.store.mark(MARK_WHOLE_ROUND_AT).await;
        return known(mark)
            .flatten()
            .map(Timestamp::from_millis)
            .map(behind);
    }
    let set = bundle
        .store
        .set_mark(MARK_WHOLE_ROUND_AT, began.as_millis())
        .await;
    known(set).map(|()| behind(began))
}

/// The answer of the marks, if there is one. Without it nobody is told how far behind we are, which
/// rings the alarm as well, and nothing else is lost.
fn known<T>(answer: Result<T, PortError>) -> Option<T> {
    if let Err(error) = &answer {
        warn!(
            error_type = error.error_type,
            reason = error.chain(),
            "the time of the last whole round could not be kept or read"
        );
    }
    answer.ok()
}

impl Rounded {
    /// Writes the line of a round; says its metrics.
    fn tell(self, function: &'static str) -> Metrics {
        match self.round {
            Some(round) => info!(
                swept = round.swept,
                polled = round.polled,
                runs_seen_to = round.runs_seen_to,
                released = round.released,
                lag_seconds = self.lag.map(|lag| lag.as_secs()),
                outcome = if round.is_whole() {
                    "whole"
                } else {
                    "broken_off"
                },
                "made a round"
            ),
            None => warn!(
                lag_seconds = self.lag.map(|lag| lag.as_secs()),
                outcome = "cut_off",
                "a round took longer than the invocation; the next one reads the same again"
            ),
        }
        let metrics = Metrics::new(function);
        match self.lag {
            Some(lag) => metrics.seconds("PollLagSeconds", lag.as_secs_f64()),
            None => metrics,
        }
    }
}
