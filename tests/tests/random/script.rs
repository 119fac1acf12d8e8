//! A script: who raises, changes, closes and reopens which alert or ticket, and when.

use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::policy::Mode;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::halopsa::PayloadSize;
use halogard_simulator::liongard::{AlertChange, NativeTicketing};
use halogard_simulator::world::status_ids;
use halogard_tests::{Scenario, Setup};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tracing::Level;

/// Alerts in a script.
const ALERTS: usize = 12;

/// The alerts are raised over this time.
const RAISED_WITHIN: u64 = 900;

/// Who works at the desk.
const TECHNICIANS: [i64; 2] = [12, 13];

/// Something that happens to an alert or to its ticket.
#[derive(Clone, Copy, Debug)]
enum Event {
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
const EVENTS: [Event; 14] = [
    Event::Change,
    Event::Change,
    Event::UnknownWord,
    Event::CloseAlert,
    Event::CloseAlert,
    Event::CloseAlert,
    Event::ReopenAlert,
    Event::Note,
    Event::Progress,
    Event::Prioritise,
    Event::MendAndCloseTicket,
    Event::MendAndCloseTicket,
    Event::ResolveTicket,
    Event::ReopenTicket,
];

/// The events of a run and its setup.
pub struct Script {
    seed: u64,
    mode: Mode,
    drifts: bool,
    /// All alerts are of one rule at one customer, and share tickets.
    stormy: bool,
    latency: Duration,
    payload: PayloadSize,
    /// Seconds from the beginning, the alert it concerns, and what happens; soonest first.
    events: Vec<(u64, usize, Event)>,
}

impl Script {
    /// Generates the script of `seed`.
    pub fn from_seed(seed: u64) -> Self {
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
        let mut script = Self {
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
            script.events.push((at, about, Event::Raise));
            for _ in 0..rng.random_range(0..5) {
                // Some things follow each other closely, some after a while.
                at += [1, 5, 60, 300][rng.random_range(0..4)] * rng.random_range(0..3);
                let act = *EVENTS.choose(&mut rng).unwrap();
                script.events.push((at, about, act));
            }
        }
        script.events.sort_by_key(|(at, _, _)| *at);
        script
    }

    /// The setup of the run.
    pub fn setup(&self) -> Setup {
        let storms = StormPolicy {
            tickets_max: 2,
            summary_interval: Duration::from_secs(600),
            quiet_after: Duration::from_secs(1_200),
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
    pub async fn apply(&self, bundle: &mut Scenario) {
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
                Some(alert) => apply(bundle, alert, number, *act),
            }
        }
    }
}

/// Applies one event; an event that needs a ticket does nothing while there is none.
fn apply(bundle: &Scenario, alert: i64, number: usize, act: Event) {
    let liongard = &bundle.liongard;
    let change = |change: AlertChange| liongard.change(alert, change).unwrap();
    match act {
        Event::Raise => {}
        Event::Change => change(AlertChange {
            description: Some(format!("changed by event {number}")),
            priority: Some(["Critical", "High", "Medium", "Low"][number % 4].to_owned()),
            ..AlertChange::default()
        }),
        Event::UnknownWord => change(AlertChange {
            status: Some("Triaged by Robot".to_owned()),
            ..AlertChange::default()
        }),
        Event::CloseAlert => liongard.close(alert).unwrap(),
        Event::ReopenAlert => liongard.reopen(alert).unwrap(),
        _ => work_on_ticket(bundle, alert, TECHNICIANS[number % 2], act),
    }
}

/// A technician does something to the alert's ticket.
fn work_on_ticket(bundle: &Scenario, alert: i64, technician: i64, act: Event) {
    use halogard_simulator::halopsa::TicketEdit;
    let Some(ticket) = bundle.ticket_of(alert) else {
        return;
    };
    let halo = &bundle.halo;
    let set = |change: TicketEdit| halo.change_ticket(ticket.id, technician, change).unwrap();
    match act {
        Event::Note => {
            halo.add_note(ticket.id, technician, "Looking into it.")
                .unwrap();
        }
        Event::Progress if !ticket.closed => set(TicketEdit {
            status_id: Some(status_ids::IN_PROGRESS),
            ..TicketEdit::default()
        }),
        Event::Prioritise => set(TicketEdit {
            priority_id: Some(2),
            ..TicketEdit::default()
        }),
        Event::MendAndCloseTicket if !ticket.closed => {
            bundle.liongard.clear_condition(alert).unwrap();
            halo.close_ticket(ticket.id, technician).unwrap();
        }
        Event::ResolveTicket if !ticket.closed => set(TicketEdit {
            status_id: Some(status_ids::RESOLVED),
            agent_id: Some(technician),
            ..TicketEdit::default()
        }),
        Event::ReopenTicket if ticket.closed => halo.reopen_ticket(ticket.id, technician).unwrap(),
        _ => {}
    }
}
