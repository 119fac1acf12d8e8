//! A story: who raises, changes, closes and reopens what, and when.

use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::policy::Mode;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::halopsa::PayloadSize;
use halogard_simulator::liongard::{AlertChange, NativeTicketing};
use halogard_simulator::world::status_ids;
use halogard_tests::{Bundle, Setup};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tracing::Level;

/// Alerts in a story.
const ALERTS: usize = 12;

/// The alerts are raised over this time.
const RAISED_WITHIN: u64 = 900;

/// Who works at the desk.
const TECHNICIANS: [i64; 2] = [12, 13];

/// Something that happens to an alert or to its ticket.
#[derive(Clone, Copy, Debug)]
enum Act {
    Raise,
    Change,
    UnknownWord,
    CloseAlert,
    ReopenAlert,
    Note,
    Progress,
    Prioritise,
    MendAndCloseTicket,
    ResolveTicket,
    ReopenTicket,
}

/// What may happen after an alert was raised; what is said twice is twice as likely.
const ACTS: [Act; 14] = [
    Act::Change,
    Act::Change,
    Act::UnknownWord,
    Act::CloseAlert,
    Act::CloseAlert,
    Act::CloseAlert,
    Act::ReopenAlert,
    Act::Note,
    Act::Progress,
    Act::Prioritise,
    Act::MendAndCloseTicket,
    Act::MendAndCloseTicket,
    Act::ResolveTicket,
    Act::ReopenTicket,
];

/// A story and what it starts from.
pub struct Story {
    seed: u64,
    mode: Mode,
    drifts: bool,
    /// All alerts are of one rule at one customer, and share tickets.
    stormy: bool,
    latency: Duration,
    payload: PayloadSize,
    /// Seconds from the beginning, the alert it concerns, and what happens; soonest first.
    events: Vec<(u64, usize, Act)>,
}

impl Story {
    /// Writes the story of `seed`.
    pub fn write(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mode = if rng.random_bool(0.25) {
            Mode::Native
        } else {
            Mode::Managed
        };
        let payloads = [
            PayloadSize::Small,
            PayloadSize::Full,
            PayloadSize::EventOnly,
        ];
        let mut story = Self {
            seed,
            mode,
            drifts: rng.random_bool(0.5),
            latency: Duration::from_millis([0, 150, 2_000][rng.random_range(0..3)]),
            payload: *payloads.choose(&mut rng).unwrap(),
            stormy: rng.random_bool(0.4),
            events: Vec::new(),
        };
        for about in 0..ALERTS {
            let mut at = rng.random_range(0..RAISED_WITHIN);
            story.events.push((at, about, Act::Raise));
            for _ in 0..rng.random_range(0..5) {
                // Some things follow each other closely, some after a while.
                at += [1, 5, 60, 300][rng.random_range(0..4)] * rng.random_range(0..3);
                let act = *ACTS.choose(&mut rng).unwrap();
                story.events.push((at, about, act));
            }
        }
        story.events.sort_by_key(|(at, _, _)| *at);
        story
    }

    /// What the story starts from.
    pub fn setup(&self) -> Setup {
        let storms = StormPolicy {
            tickets_max: 2,
            digest_every: Duration::from_secs(600),
            calm_after: Duration::from_secs(1_200),
            ..StormPolicy::default()
        };
        let mut setup = Setup {
            seed: self.seed,
            latency: self.latency,
            payload: self.payload,
            level: Level::INFO,
            storms: self.stormy.then_some(storms),
            ..Setup::new(self.mode)
        };
        setup.liongard.native_ticketing =
            setup
                .liongard
                .native_ticketing
                .map(|usual| NativeTicketing {
                    drifts: self.drifts,
                    ..usual
                });
        setup
    }

    /// Lets it happen while the bundle works.
    pub async fn happen(&self, bundle: &mut Bundle) {
        let begin = bundle.time.now();
        let mut raised = [None; ALERTS];
        for (number, (at, about, act)) in self.events.iter().enumerate() {
            let at = begin.plus(Duration::from_secs(*at));
            bundle.run_for(at.since(bundle.time.now())).await;
            match raised[*about] {
                None => {
                    let (customers, rule) = if self.stormy {
                        (1, "Rule".to_owned())
                    } else {
                        (6, format!("Rule {about}"))
                    };
                    let customer = i64::try_from(about % customers).unwrap();
                    raised[*about] = Some(bundle.raise(customer, &rule));
                }
                Some(alert) => happen(bundle, alert, number, *act),
            }
        }
    }
}

/// Lets one event happen; what needs a ticket happens to nobody while there is none.
fn happen(bundle: &Bundle, alert: i64, number: usize, act: Act) {
    let liongard = &bundle.liongard;
    let change = |change: AlertChange| liongard.change(alert, change).unwrap();
    match act {
        Act::Raise => {}
        Act::Change => change(AlertChange {
            description: Some(format!("changed by event {number}")),
            priority: Some(["Critical", "High", "Medium", "Low"][number % 4].to_owned()),
            ..AlertChange::default()
        }),
        Act::UnknownWord => change(AlertChange {
            status: Some("Triaged by Robot".to_owned()),
            ..AlertChange::default()
        }),
        Act::CloseAlert => liongard.close(alert).unwrap(),
        Act::ReopenAlert => liongard.reopen(alert).unwrap(),
        _ => work_on_ticket(bundle, alert, TECHNICIANS[number % 2], act),
    }
}

/// A technician does something to the alert's ticket.
fn work_on_ticket(bundle: &Bundle, alert: i64, technician: i64, act: Act) {
    use halogard_simulator::halopsa::TicketChange;
    let Some(ticket) = bundle.ticket_of(alert) else {
        return;
    };
    let halo = &bundle.halo;
    let set = |change: TicketChange| halo.change_ticket(ticket.id, technician, change).unwrap();
    match act {
        Act::Note => {
            halo.add_note(ticket.id, technician, "Looking into it.")
                .unwrap();
        }
        Act::Progress if !ticket.closed => set(TicketChange {
            status_id: Some(status_ids::IN_PROGRESS),
            ..TicketChange::default()
        }),
        Act::Prioritise => set(TicketChange {
            priority_id: Some(2),
            ..TicketChange::default()
        }),
        Act::MendAndCloseTicket if !ticket.closed => {
            bundle.liongard.remedy(alert).unwrap();
            halo.close_ticket(ticket.id, technician).unwrap();
        }
        Act::ResolveTicket if !ticket.closed => set(TicketChange {
            status_id: Some(status_ids::RESOLVED),
            agent_id: Some(technician),
            ..TicketChange::default()
        }),
        Act::ReopenTicket if ticket.closed => halo.reopen_ticket(ticket.id, technician).unwrap(),
        _ => {}
    }
}
