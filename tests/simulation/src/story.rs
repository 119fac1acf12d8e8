//! What happens in a run, drawn from its seed: the tenant, the bundle's shape, who does what when, and what
//! goes wrong in between.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::policy::Mode;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::Dialect;
use halogard_simulator::dialect::sets;
use halogard_simulator::halopsa::PayloadSize;
use halogard_simulator::liongard::NativeTicketing;
use halogard_tests::Setup;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::faults::Trouble;
use crate::people::{ACTS, Act};

/// Customers of the sample world.
pub const CUSTOMERS: i64 = 6;

/// The priorities of Liongard, and HaloPSA's for each.
pub const PRIORITIES: [(&str, i64); 4] = [("Critical", 1), ("High", 2), ("Medium", 3), ("Low", 4)];

/// What a caller asks for; the rest is drawn.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Alerts in the story.
    pub alerts: usize,
    /// Processes of each kind, where the bundle runs as functions.
    pub instances: u32,
    /// The tenant's dialect.
    pub dialect: Option<Dialect>,
    /// Alerts a day; the story is as long as its alerts take.
    pub per_day: Option<u32>,
    /// Whether nothing goes wrong.
    pub is_calm: bool,
}

/// The shape of the bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One process on one machine.
    Program,
    /// Functions, this many of each kind.
    Functions(u32),
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Liongard raises the alert with this number.
    Raise {
        /// Its number in the story.
        alert: usize,
        /// Its customer.
        customer: i64,
        /// Its rule.
        rule: u32,
        /// Its priority.
        priority: usize,
    },
    /// Text and priority of an alert change.
    Change(usize, usize),
    /// An alert gets a status that is in no list.
    UnknownWord(usize),
    /// An alert is closed.
    CloseAlert(usize),
    /// An alert is open again.
    RaiseAgain(usize),
    /// The cause of an alert is fixed.
    Mend(usize),
    /// Liongard shows an alert no more.
    Hide(usize),
    /// A person acts on an alert's ticket.
    Ticket(usize, Act),
    /// A person merges the ticket of one alert into that of another.
    Merge(usize, usize),
    /// A person opens a ticket with an alert's key at a customer.
    LookAlike(usize, i64),
    /// The store is copied.
    BackUp,
    /// The copy is put back.
    Restore,
    /// The machine's clock is set: ahead by this many milliseconds, or behind.
    SetClock(i64),
    /// HaloPSA's clock is set.
    SetHaloClock(i64),
    /// A customer's mapping is removed.
    Unmap(i64),
    /// A customer is mapped.
    Map(i64),
    /// Every process is replaced, as by an upgrade.
    Upgrade,
    /// The store is lost, and the bundle starts with an empty one.
    LoseStore,
    /// The operator generates a new client secret at HaloPSA: the old one is refused, and so are its tokens.
    ReplaceSecret,
    /// The operator stores the newest client secret where the bundle reads it.
    EnterSecret,
    /// A trouble begins.
    Begins(Trouble),
    /// It ends.
    Ends(Trouble),
}

/// A whole story.
#[derive(Clone, Debug)]
pub struct Story {
    /// From what it follows.
    pub seed: u64,
    /// The tenant and the operator's settings.
    pub setup: Setup,
    /// The bundle's shape.
    pub shape: Shape,
    /// Polls in a minute, where the bundle runs as functions.
    pub polls_per_minute: u32,
    /// Whether people act in the middle of the bundle's writes.
    pub intervenes: bool,
    /// When what happens, soonest first.
    pub events: Vec<(Duration, Event)>,
    /// When everything is over.
    pub span: Duration,
    /// Whether it is watched for an hour that nothing more is written.
    pub is_followed_by_silence: bool,
}

impl Story {
    /// The story of `seed`.
    #[must_use]
    pub fn from_seed(seed: u64, wishes: &Wishes) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let dialect = draw_dialect(&mut rng, wishes);
        let mode = if rng.random_bool(0.2) {
            Mode::Native
        } else {
            Mode::Managed
        };
        let shape = if rng.random_bool(0.4) {
            Shape::Program
        } else {
            Shape::Functions(wishes.instances.max(1))
        };
        let span = draw_span(&mut rng, wishes);
        let setup = draw_setup(&mut rng, seed, mode, dialect, shape);
        let mut story = Self {
            seed,
            shape,
            polls_per_minute: *[1, 1, 1, 6].choose(&mut rng).unwrap_or(&1),
            intervenes: !wishes.is_calm && rng.random_bool(0.5),
            events: Vec::new(),
            span,
            is_followed_by_silence: setup.storms.is_none(),
            setup,
        };
        story.draw_alerts(&mut rng, wishes.alerts);
        if !wishes.is_calm {
            story.draw_world(&mut rng);
            story.draw_troubles(&mut rng);
            story.draw_rarities(&mut StdRng::seed_from_u64(seed ^ 0x7a1e));
        }
        story.events.sort_by_key(|(at, _)| *at);
        story
    }

    /// The same story with only these of its events.
    #[must_use]
    pub fn with_only(&self, kept: &BTreeSet<usize>) -> Self {
        let mut story = self.clone();
        let events = self.events.iter().enumerate();
        story.events = events
            .filter(|(index, _)| kept.contains(index))
            .map(|(_, event)| *event)
            .collect();
        story
    }

    /// The alerts, and the events of each.
    fn draw_alerts(&mut self, rng: &mut StdRng, alerts: usize) {
        let is_stormy = self.setup.storms.is_some();
        let span = self.span.as_secs().max(1);
        for alert in 0..alerts {
            let (customer, rule) = if is_stormy && rng.random_bool(0.7) {
                (1, 1)
            } else {
                (
                    rng.random_range(0..CUSTOMERS),
                    rng.random_range(1..1_000_000),
                )
            };
            let mut at = rng.random_range(0..span) * 1000 + rng.random_range(0..1000);
            let raise = Event::Raise {
                alert,
                customer,
                rule,
                priority: rng.random_range(0..4),
            };
            self.add(at, raise);
            for _ in 0..rng.random_range(0..6) {
                let pauses = [1_000, 5_000, 60_000, 300_000, 3_600_000];
                let pause = pauses[rng.random_range(0..pauses.len())];
                at += rng.random_range(0..pause * 2);
                let event = draw_event(rng, alert, alerts);
                self.add(at, event);
            }
        }
    }

    /// What happens to the bundle and its surroundings.
    fn draw_world(&mut self, rng: &mut StdRng) {
        let span = u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX);
        let at = |rng: &mut StdRng| rng.random_range(0..span);
        if rng.random_bool(0.25) && span > 2_400_000 {
            let copied = rng.random_range(0..span - 2_100_000);
            let restored = rng.random_range(copied + 1_800_000..span);
            self.add(copied, Event::BackUp);
            self.add(restored, Event::Restore);
        }
        if rng.random_bool(0.3) {
            let customer = rng.random_range(0..CUSTOMERS);
            let from = at(rng);
            self.add(from, Event::Unmap(customer));
            if rng.random_bool(0.7) {
                let until = rng.random_range(from..=span);
                self.add(until, Event::Map(customer));
            }
        }
        if rng.random_bool(0.3) {
            let when = at(rng);
            self.add(when, Event::Upgrade);
        }
        if self.shape == Shape::Program && rng.random_bool(0.25) {
            let steps = [-7_200_000, -301_000, 301_000, 7_200_000, 31_536_000_000];
            let from = at(rng);
            self.add(
                from,
                Event::SetClock(steps[rng.random_range(0..steps.len())]),
            );
            let until = (from + rng.random_range(60_000..3_600_000)).min(span);
            self.add(until, Event::SetClock(0));
        }
        if rng.random_bool(0.2) {
            let steps = [-5_400_000, -90_000, 90_000, 5_400_000];
            let from = at(rng);
            self.add(
                from,
                Event::SetHaloClock(steps[rng.random_range(0..steps.len())]),
            );
            if rng.random_bool(0.5) {
                let until = rng.random_range(from..=span);
                self.add(until, Event::SetHaloClock(0));
            }
        }
    }

    /// What goes wrong.
    fn draw_troubles(&mut self, rng: &mut StdRng) {
        let span = u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX);
        for _ in 0..rng.random_range(0..5) {
            let trouble = Trouble::draw(rng);
            let from = rng.random_range(0..span);
            let lasts = trouble.lasts(rng, self.span);
            let until = from + u64::try_from(lasts.as_millis()).unwrap_or(0);
            self.add(from, Event::Begins(trouble));
            self.add(until, Event::Ends(trouble));
        }
    }

    /// What happens once in years.
    fn draw_rarities(&mut self, rng: &mut StdRng) {
        let span = u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX);
        if rng.random_bool(0.1) {
            let when = rng.random_range(0..span);
            self.add(when, Event::LoseStore);
        }
        if rng.random_bool(0.15) {
            let replaced = rng.random_range(0..span);
            let entered = replaced + rng.random_range(0..1_800_000);
            self.add(replaced, Event::ReplaceSecret);
            self.add(entered, Event::EnterSecret);
        }
    }

    fn add(&mut self, at_ms: u64, event: Event) {
        let at = Duration::from_millis(at_ms);
        self.span = self.span.max(at + Duration::from_secs(1));
        self.events.push((at, event));
    }
}

/// What may become of an alert.
fn draw_event(rng: &mut StdRng, alert: usize, alerts: usize) -> Event {
    let other = |rng: &mut StdRng| rng.random_range(0..alerts);
    match rng.random_range(0..20) {
        0..3 => Event::Change(alert, rng.random_range(0..4)),
        3 => Event::UnknownWord(alert),
        4..8 => Event::CloseAlert(alert),
        8 | 9 => Event::RaiseAgain(alert),
        10 => Event::Mend(alert),
        11 if rng.random_bool(0.3) => Event::Hide(alert),
        12 => {
            let into = other(rng);
            Event::Merge(alert, into)
        }
        13 if rng.random_bool(0.5) => Event::LookAlike(alert, rng.random_range(0..CUSTOMERS)),
        _ => Event::Ticket(alert, *ACTS.choose(rng).unwrap_or(&Act::Note)),
    }
}

fn draw_dialect(rng: &mut StdRng, wishes: &Wishes) -> Dialect {
    let drawn = match rng.random_range(0..10) {
        0..3 => "reference",
        _ => sets().choose(rng).map_or("reference", |set| set.name),
    };
    let drawn = drawn.parse().unwrap_or_default();
    wishes.dialect.clone().unwrap_or(drawn)
}

fn draw_span(rng: &mut StdRng, wishes: &Wishes) -> Duration {
    let drawn = [900, 900, 3_600, 3_600, 6 * 3_600, 24 * 3_600][rng.random_range(0..6)];
    match wishes.per_day {
        Some(per_day) => {
            let days = Duration::from_secs(24 * 3600).mul_f64(
                f64::from(u32::try_from(wishes.alerts).unwrap_or(u32::MAX)) / f64::from(per_day),
            );
            days.max(Duration::from_secs(60))
        }
        None => Duration::from_secs(drawn),
    }
}

fn draw_setup(rng: &mut StdRng, seed: u64, mode: Mode, dialect: Dialect, shape: Shape) -> Setup {
    // Native mode finds tickets by the number at the alert. Where that is of another system, it finds none.
    let dialect = match mode {
        Mode::Native | Mode::Observe => dialect.without(&["foreign-external-id"]),
        Mode::Managed => dialect,
    };
    let mut setup = Setup::speaking(mode, dialect);
    setup.seed = seed;
    setup.latency = Duration::from_millis(*[50, 150, 150, 600].choose(rng).unwrap_or(&150));
    setup.payload = *[
        PayloadSize::Small,
        PayloadSize::Full,
        PayloadSize::EventOnly,
    ]
    .choose(rng)
    .unwrap_or(&PayloadSize::Full);
    setup.patience = match shape {
        Shape::Program => Duration::from_secs(5),
        Shape::Functions(_) => Duration::ZERO,
    };
    setup.sweep_interval = *[
        Duration::ZERO,
        halogard_app::SWEEP_INTERVAL,
        halogard_app::SWEEP_INTERVAL,
    ]
    .choose(rng)
    .unwrap_or(&halogard_app::SWEEP_INTERVAL);
    if rng.random_bool(0.3) {
        setup.storms = Some(StormPolicy {
            tickets_max: 2,
            summary_interval: Duration::from_secs(600),
            quiet_after: Duration::from_secs(1_200),
            ..StormPolicy::default()
        });
    }
    if rng.random_bool(0.2) {
        setup.unmapped.insert(8801 + rng.random_range(0..CUSTOMERS));
    }
    setup.halo_ahead_ms = *[0, 0, 0, 20_000, -45_000, 5_400_000, -5_400_000]
        .choose(rng)
        .unwrap_or(&0);
    setup.liongard.native_ticketing =
        setup
            .liongard
            .native_ticketing
            .map(|usual| NativeTicketing {
                drifts: seed.is_multiple_of(2),
                ..usual
            });
    setup
}
