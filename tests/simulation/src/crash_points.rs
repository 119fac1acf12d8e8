//! `crash-points`: the bundle stopped at every point of its main use cases, one after the other.
//!
//! A story without any trouble is run once, and every visit to a vendor or to a write of the store is
//! numbered, each on both sides. Then it is run once for each number with the process stopped there, and
//! judged as any other story.

use std::time::Duration;

use clap::Args;
use halogard_domain::policy::Mode;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::Dialect;
use halogard_tests::Setup;
use serde::Serialize;

use crate::people::Act;
use crate::run::{Outcome, run};
use crate::sim::{clock_text, print_line};
use crate::story::{Event, Shape, Story};

/// Which points are tried.
#[derive(Args)]
pub struct Options {
    /// Every point, or every n-th.
    #[arg(long, default_value_t = 1)]
    stride: usize,
    /// Stops the process a second time, this many points after the first; may be given several times.
    #[arg(long, value_delimiter = ',')]
    second: Vec<u64>,
    /// Only stories whose name contains this.
    #[arg(long, default_value = "")]
    story: String,
    /// Only where the bundle runs as functions.
    #[arg(long)]
    functions: bool,
    /// Prints everything that happens in the run with this point, or these, of the first story.
    #[arg(long, value_delimiter = ',')]
    trace: Vec<u64>,
}

/// The result of one story in one shape.
#[derive(Debug, Serialize)]
struct Tried {
    story: &'static str,
    shape: String,
    points: u64,
    runs: u64,
    failed: Vec<Vec<u64>>,
}

/// Runs every story with the process stopped at every point; whether all went well.
///
/// # Errors
///
/// The summary cannot be written.
pub fn crash_points(options: &Options) -> anyhow::Result<bool> {
    let mut tried = Vec::new();
    let shapes = [Shape::Program, Shape::Functions(1)];
    for shape in shapes.into_iter().skip(usize::from(options.functions)) {
        for script in SCRIPTS.iter().filter(|it| it.name.contains(&options.story)) {
            let story = script.story(shape);
            if !options.trace.is_empty() {
                let outcome = run(story, options.trace.clone(), true);
                report(&options.trace, &outcome);
                return Ok(outcome.violations.is_empty());
            }
            let one = try_every_point(script.name, &story, options);
            print_line(&format!(
                "{:<48} {:<14} points {:<6} runs {:<6} failed {}",
                one.story,
                one.shape,
                one.points,
                one.runs,
                one.failed.len()
            ));
            tried.push(one);
        }
    }
    print_line(&serde_json::to_string(&tried)?);
    Ok(tried.iter().all(|it| it.failed.is_empty()))
}

fn try_every_point(name: &'static str, story: &Story, options: &Options) -> Tried {
    let calm = run(story.clone(), Vec::new(), false);
    let mut tried = Tried {
        story: name,
        shape: calm.shape.clone(),
        points: calm.story_visits,
        runs: 0,
        failed: Vec::new(),
    };
    if !calm.violations.is_empty() {
        report(&[], &calm);
        tried.failed.push(Vec::new());
    }
    for first in (1..=calm.story_visits).step_by(options.stride.max(1)) {
        let seconds = options
            .second
            .iter()
            .map(|after| vec![first, first + after]);
        let cases = if options.second.is_empty() {
            vec![vec![first]]
        } else {
            seconds.collect()
        };
        for case in cases {
            let outcome = run(story.clone(), case.clone(), false);
            tried.runs += 1;
            if !outcome.violations.is_empty() {
                report(&case, &outcome);
                tried.failed.push(case);
            }
        }
    }
    tried
}

fn report(points: &[u64], outcome: &Outcome) {
    for violation in &outcome.violations {
        print_line(&format!(
            "    stopped at {points:?}: {} {}: {}",
            clock_text(violation.at),
            violation.kind,
            violation.text
        ));
    }
}

/// A story that is written down, not drawn.
struct Script {
    name: &'static str,
    /// Seconds from the beginning, and what happens.
    events: &'static [(u64, Event)],
    is_stormy: bool,
    /// A customer that is not mapped at first.
    unmapped: Option<i64>,
}

/// The alert with this number is raised, of customer 0 and a rule of its own.
const fn raise(alert: usize) -> Event {
    Event::Raise {
        alert,
        customer: 0,
        rule: 1,
        priority: 0,
    }
}

/// The main use cases.
const SCRIPTS: &[Script] = &[
    Script {
        name: "an alert is raised, changes and closes",
        events: &[
            (60, raise(0)),
            (200, Event::Change(0, 2)),
            (400, Event::CloseAlert(0)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "a technician fixes the cause and closes",
        events: &[(60, raise(0)), (300, Event::Ticket(0, Act::FixAndClose))],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "an alert returns",
        events: &[
            (60, raise(0)),
            (240, Event::CloseAlert(0)),
            (480, Event::RaiseAgain(0)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "a technician works while the alert closes",
        events: &[
            (60, raise(0)),
            (299, Event::Ticket(0, Act::Note)),
            (300, Event::CloseAlert(0)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "two tickets are merged",
        events: &[
            (60, raise(0)),
            (61, raise(1)),
            (240, Event::Merge(0, 1)),
            (400, Event::CloseAlert(0)),
            (500, Event::CloseAlert(1)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "a ticket is deleted and restored",
        events: &[
            (60, raise(0)),
            (240, Event::Ticket(0, Act::Delete)),
            (900, Event::Ticket(0, Act::Restore)),
            (1_000, Event::CloseAlert(0)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "a storm",
        events: &[
            (60, raise(0)),
            (61, raise(1)),
            (62, raise(2)),
            (63, raise(3)),
            (400, Event::CloseAlert(2)),
            (401, Event::CloseAlert(3)),
        ],
        is_stormy: true,
        unmapped: None,
    },
    Script {
        name: "the store is lost",
        events: &[
            (60, raise(0)),
            (240, Event::LoseStore),
            (300, Event::CloseAlert(0)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "a client secret is replaced",
        events: &[
            (60, raise(0)),
            (200, Event::ReplaceSecret),
            (210, Event::Change(0, 2)),
            (400, Event::EnterSecret),
            (700, Event::CloseAlert(0)),
        ],
        is_stormy: false,
        unmapped: None,
    },
    Script {
        name: "a customer is mapped later",
        events: &[(60, raise(0)), (300, Event::Map(0))],
        is_stormy: false,
        unmapped: Some(8801),
    },
];

impl Script {
    fn story(&self, shape: Shape) -> Story {
        let mut setup = Setup::speaking(Mode::Managed, Dialect::reference());
        setup.patience = match shape {
            Shape::Program => Duration::from_secs(5),
            Shape::Functions(_) => Duration::ZERO,
        };
        setup.sweep_interval = halogard_app::SWEEP_INTERVAL;
        setup.unmapped.extend(self.unmapped);
        setup.storms = self.is_stormy.then(|| StormPolicy {
            tickets_max: 2,
            summary_interval: Duration::from_secs(120),
            ..StormPolicy::default()
        });
        let events = self.events.iter();
        let events: Vec<(Duration, Event)> = events
            .map(|(at, event)| (Duration::from_secs(*at), *event))
            .collect();
        let last = events.last().map(|(at, _)| *at).unwrap_or_default();
        Story {
            seed: 1,
            setup,
            shape,
            polls_per_minute: 1,
            intervenes: false,
            events,
            span: last + Duration::from_secs(180),
            is_followed_by_silence: false,
        }
    }
}
