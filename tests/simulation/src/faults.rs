//! What may go wrong, how often and when.

use std::time::Duration;

use halogard_simulator::halopsa::DeliveryBehaviour;
use halogard_simulator::{Fault, FaultRate};
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::sim::Sim;

/// Chances of faults between the bundle and what it uses, each per call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// The process stops.
    pub crash: f64,
    /// The store refuses a call because there are too many.
    pub store_throttled: f64,
    /// The store carries a write out, and its answer is lost.
    pub store_answer_lost: f64,
    /// A message is queued twice.
    pub queue_doubled: f64,
    /// A message comes late, and so out of order.
    pub queue_delayed: f64,
    /// A message is delivered again while it is processed.
    pub queue_redelivered: f64,
    /// A request ends after thirty seconds without an answer.
    pub timed_out: f64,
    /// A request takes seconds.
    pub slow: f64,
    /// A row of a list has an odd member.
    pub odd_row: f64,
}

/// A kind of fault that lasts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Answers are lost, late, refused or odd, at this many per thousand each.
    WrongAnswers(u32),
    /// Requests time out or are slow, at this many per thousand.
    SlowNetwork(u32),
    /// HaloPSA cannot be reached.
    HaloAway,
    /// HaloPSA's gateway answers with a page.
    HaloGateway,
    /// Liongard cannot be reached.
    LiongardAway,
    /// HaloPSA does not accept the credential.
    CredentialRevoked,
    /// Others use the account's limit: most requests are refused.
    LimitUsedByOthers,
    /// Lists have odd rows.
    OddRows,
    /// The store throttles and loses answers, at this many per thousand.
    Store(u32),
    /// The queue doubles, delays and repeats, at this many per thousand.
    Queue(u32),
    /// Processes stop, once in this many visits.
    Crashes(u32),
    /// Webhooks are lost, doubled, late and out of order.
    Webhooks {
        /// All of them are lost.
        all_lost: bool,
    },
}

impl Trouble {
    /// A kind, drawn.
    pub fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..16) {
            0 | 1 => Self::WrongAnswers([2, 5, 10, 30][rng.random_range(0..4)]),
            2 => Self::SlowNetwork([10, 50][rng.random_range(0..2)]),
            3 => Self::HaloAway,
            4 => Self::HaloGateway,
            5 => Self::LiongardAway,
            6 => Self::CredentialRevoked,
            7 => Self::LimitUsedByOthers,
            8 => Self::OddRows,
            9 | 10 => Self::Store([5, 20, 50][rng.random_range(0..3)]),
            11 | 12 => Self::Queue([20, 100, 300][rng.random_range(0..3)]),
            13 | 14 => Self::Crashes([200, 1000, 4000][rng.random_range(0..3)]),
            _ => Self::Webhooks {
                all_lost: rng.random_bool(0.3),
            },
        }
    }

    /// How long it lasts.
    pub fn lasts(self, rng: &mut StdRng, span: Duration) -> Duration {
        let hour = Duration::from_secs(3600);
        let day = 24 * hour;
        match self {
            Self::HaloAway | Self::HaloGateway | Self::LiongardAway if rng.random_bool(0.15) => day,
            Self::HaloAway | Self::HaloGateway | Self::LiongardAway => {
                Duration::from_secs(rng.random_range(30..1800))
            }
            Self::CredentialRevoked => hour,
            Self::LimitUsedByOthers => Duration::from_secs(rng.random_range(60..1200)),
            _ => span.mul_f64(rng.random_range(0.2..1.0)),
        }
    }

    /// What the run counts it as, where nothing else does.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::HaloAway | Self::HaloGateway => Some("vendor: HaloPSA away"),
            Self::LiongardAway => Some("vendor: Liongard away"),
            Self::CredentialRevoked => Some("vendor: credential revoked"),
            Self::LimitUsedByOthers => Some("vendor: others use the limit"),
            Self::Webhooks { .. } => Some("webhook: go astray"),
            _ => None,
        }
    }
}

/// Puts exactly the troubles in `lasting` in force.
pub fn apply(sim: &Sim, lasting: &[Trouble]) {
    let mut rates = Rates::default();
    let (mut halo, mut liongard) = (Vec::new(), Vec::new());
    let mut webhooks = DeliveryBehaviour::default();
    let thousandth = |share: u32| f64::from(share) / 1000.0;
    for trouble in lasting {
        match *trouble {
            Trouble::WrongAnswers(share) => {
                halo.extend(wrong_answers(thousandth(share)));
                liongard.extend(wrong_answers(thousandth(share)));
            }
            Trouble::SlowNetwork(share) => {
                rates.timed_out = thousandth(share) / 2.0;
                rates.slow = thousandth(share);
            }
            Trouble::HaloAway => halo.insert(0, always(Fault::RefuseConnection)),
            Trouble::HaloGateway => halo.insert(0, always(Fault::Gateway502Html)),
            Trouble::LiongardAway => liongard.insert(0, always(Fault::RefuseConnection)),
            Trouble::CredentialRevoked => halo.insert(0, always(Fault::ExpireToken)),
            Trouble::LimitUsedByOthers => halo.push(FaultRate {
                fault: Fault::Status429 { retry_after: None },
                probability: 0.7,
                route: None,
            }),
            Trouble::OddRows => rates.odd_row = 0.05,
            Trouble::Store(share) => {
                rates.store_throttled = thousandth(share);
                rates.store_answer_lost = thousandth(share) / 2.0;
            }
            Trouble::Queue(share) => {
                rates.queue_doubled = thousandth(share);
                rates.queue_delayed = thousandth(share);
                rates.queue_redelivered = thousandth(share);
            }
            Trouble::Crashes(every) => rates.crash = 1.0 / f64::from(every),
            Trouble::Webhooks { all_lost } => {
                webhooks = DeliveryBehaviour {
                    lost: if all_lost { 1.0 } else { 0.2 },
                    duplicated: 0.2,
                    reordered: 0.3,
                    delay_max: Duration::from_secs(40),
                    ..DeliveryBehaviour::default()
                };
            }
        }
    }
    sim.halo.faults().set_random(halo);
    sim.liongard.faults().set_random(liongard);
    sim.halo.change_settings(|settings| {
        let kept = &settings.delivery_behaviour;
        settings.delivery_behaviour = DeliveryBehaviour {
            retries: kept.retries,
            auto_disable_attempts: 0,
            ..webhooks
        };
    });
    let mut core = sim.core();
    core.rates = rates;
    for name in lasting.iter().filter_map(|trouble| trouble.name()) {
        core.coverage.reached(name);
    }
}

/// Strikes every request.
const fn always(fault: Fault) -> FaultRate {
    FaultRate {
        fault,
        probability: 1.0,
        route: None,
    }
}

/// Every kind of wrong answer, each at `share`.
fn wrong_answers(share: f64) -> Vec<FaultRate> {
    let throttle = Fault::Status429 {
        retry_after: Some("11".to_owned()),
    };
    let kinds = [
        (Fault::DropResponse, 1.5),
        (Fault::RefuseConnection, 1.0),
        (throttle, 0.5),
        (Fault::Status500, 1.0),
        (Fault::Status500AfterEffect, 1.5),
        (Fault::Gateway404Html, 0.5),
        (Fault::Gateway502Html, 0.5),
        (Fault::Gateway504Html, 0.5),
        (Fault::Gateway504AfterEffect, 1.0),
        (Fault::TruncatedBody, 1.0),
        (Fault::UnexpectedJson, 0.5),
        (Fault::ExpireToken, 0.3),
    ];
    kinds
        .into_iter()
        .map(|(fault, weight)| FaultRate {
            fault,
            probability: share * weight,
            route: None,
        })
        .collect()
}
