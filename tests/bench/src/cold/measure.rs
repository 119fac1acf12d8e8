//! The measurements themselves. Programs that are compared take turns, so that whatever else the
//! machine does falls on both.

use anyhow::bail;

use super::aws::Calls;
use super::build::{BuildOutput, zip_size};
use super::events;
use super::numbers::Sample;
use super::report::{Report, Row};
use super::sandbox::{Running, Sandbox};
use super::stopwatch::{self, millis};
use super::subject::{SECRETS, Subject};

/// The function that takes webhooks.
pub const INTAKE: &str = "webhook-intake";

/// The function that works off the queue.
const WORKER: &str = "ticket-sync";

/// Starts of each program before those that count: they bring the files into the page cache.
const WARM_UPS: usize = 2;

/// Starts of each program when memory is measured; it hardly varies.
const MEMORY_RUNS: usize = 9;

/// Events in one measurement of the work an event costs.
const EVENTS: usize = 250;

/// Measurements of the work an event costs.
const ROUNDS: usize = 60;

/// The programs that are measured.
pub struct Subjects {
    /// The least a function can be.
    bare: Subject,
    /// The least an HTTP function can be.
    pub empty_http: Subject,
    /// The intake's work with the SDK's defaults.
    default_intake: Subject,
    /// A worker with the SDK's defaults.
    default_worker: Subject,
    /// A scheduled poll with the SDK's and reqwest's defaults.
    default_poll: Subject,
    functions: Vec<Subject>,
}

impl Subjects {
    /// Says how each program is started.
    ///
    /// # Errors
    ///
    /// The events cannot be made.
    pub fn prepare(
        workshop: &BuildOutput,
        sandbox: &Sandbox,
        functions: &[&'static str],
    ) -> anyhow::Result<Self> {
        let subject = |name, program, events, expected| Subject {
            name,
            program,
            events,
            expected,
            asks: match name {
                INTAKE => Some("AmazonSQS.SendMessageBatch"),
                WORKER | "inspector-poll" => Some("DynamoDB_20120810.UpdateItem"),
                "secret-rotation" => Some("secretsmanager.DescribeSecret"),
                "default-poll" => Some("DynamoDB_20120810.PutItem"),
                _ => None,
            },
            environment: sandbox.environment(),
        };
        let peer = |name, events, expected| subject(name, workshop.peer(name), events, expected);
        let deliveries = events::deliveries()?;
        let one_message = vec![events::quiet_message()?];
        let all_done = r#""batchItemFailures":[]"#;
        let functions = functions.iter().map(|&name| {
            let (events, expected) = match name {
                INTAKE => (deliveries.clone(), r#""statusCode":200"#),
                WORKER => (one_message.clone(), all_done),
                "secret-rotation" => (vec![rotation()], ""),
                _ => (vec![events::turn()], ""),
            };
            subject(name, workshop.function(name), events, expected)
        });
        Ok(Self {
            functions: functions.collect(),
            bare: peer("bare", vec![events::turn()], "200"),
            empty_http: peer("empty-http", deliveries.clone(), r#""statusCode":200"#),
            default_intake: peer("default-intake", deliveries.clone(), r#""statusCode":200"#),
            default_worker: peer("default-worker", one_message.clone(), all_done),
            default_poll: peer("default-poll", vec![events::turn()], "queued"),
        })
    }

    /// The function of this name, if it is measured.
    pub fn function(&self, name: &str) -> Option<&Subject> {
        self.functions.iter().find(|subject| subject.name == name)
    }

    /// Every program that is started for its start.
    fn started(&self) -> Vec<&Subject> {
        let peers = [
            &self.bare,
            &self.default_intake,
            &self.default_worker,
            &self.default_poll,
        ];
        peers.into_iter().chain(&self.functions).collect()
    }
}

/// A step of rotation that reads the secret and tries it out.
fn rotation() -> Vec<u8> {
    let (_, secret) = SECRETS[0];
    events::rotation_step(secret, "testSecret")
}

/// The measurements of one program's starts.
#[derive(Default)]
struct Starts {
    init: Sample,
    total: Sample,
    cpu: Sample,
    calls: Option<Calls>,
}

/// From nothing to the first request for an event, and on to the first answer.
///
/// # Errors
///
/// A program does not start or does not answer.
pub fn starts(
    sandbox: &Sandbox,
    subjects: &Subjects,
    runs: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let subjects_in_turn = subjects.started();
    let mut seen: Vec<Starts> = subjects_in_turn.iter().map(|_| Starts::default()).collect();
    for run in 0..WARM_UPS + runs {
        let mut turn: Vec<_> = subjects_in_turn.iter().zip(&mut seen).collect();
        if run % 2 == 1 {
            turn.reverse();
        }
        for (subject, starts) in turn {
            let (running, stamps) = sandbox.start(subject, 1)?;
            let calls = sandbox.aws.calls()?;
            if let Some(asked) = subject.asks
                && !calls.by_operation.contains_key(asked)
            {
                bail!(
                    "{} never called {asked}; it deferred its work",
                    subject.name
                );
            }
            if run >= WARM_UPS {
                let started = running.process.started;
                starts.init.push(millis(stamps.first_next - started));
                starts.total.push(millis(stamps.last_answer - started));
                starts.cpu.push(millis(running.process.cpu()?));
            }
            starts.calls = Some(calls);
        }
    }
    for (subject, starts) in subjects_in_turn.iter().zip(&seen) {
        if let Some(calls) = &starts.calls {
            report.notes.push(format!(
                "{}: start and first event call {}, over {} TLS connections",
                subject.name,
                calls.in_words(),
                calls.connections
            ));
        }
    }
    let of = |name: &str| {
        let place = subjects_in_turn
            .iter()
            .position(|subject| subject.name == name);
        place.and_then(|place| seen.get(place))
    };
    let (Some(bare), Some(intake_peer), Some(worker_peer), Some(poll_peer)) = (
        of("bare"),
        of("default-intake"),
        of("default-worker"),
        of("default-poll"),
    ) else {
        return Ok(());
    };
    for (name, starts) in [
        ("default-intake", intake_peer),
        ("default-worker", worker_peer),
        ("default-poll", poll_peer),
    ] {
        let what = format!("init, {name}");
        report.rows.push(Row::compared(
            what,
            "ms",
            &starts.init,
            ("bare", &bare.init),
        ));
    }
    for subject in &subjects.functions {
        let Some(starts) = of(subject.name) else {
            continue;
        };
        let bar = if subject.name == INTAKE { 2.0 } else { 2.4 };
        let what = format!("init, {}", subject.name);
        let row = Row::compared(what, "ms", &starts.init, ("bare", &bare.init));
        let met = row.ratio() <= bar;
        report
            .rows
            .push(row.asked(format!("≤ {bar:.1} × bare"), met));
    }
    for subject in &subjects.functions {
        let Some(starts) = of(subject.name) else {
            continue;
        };
        let peer = match subject.name {
            INTAKE => ("default-intake", intake_peer),
            "inspector-poll" => ("default-poll", poll_peer),
            _ => ("default-worker", worker_peer),
        };
        let (peer, theirs) = peer;
        let what = format!("cold total, {}", subject.name);
        let row = Row::compared(what, "ms", &starts.total, (peer, &theirs.total));
        let met = row.ratio() <= 0.25;
        let words = "≤ 1/4 of the SDK's defaults".to_owned();
        report.rows.push(row.asked(words, met));
        // How long the start takes where a function gets a part of a core only.
        let what = format!("cold CPU, {}", subject.name);
        let row = Row::compared(what, "ms", &starts.cpu, (peer, &theirs.cpu));
        report.rows.push(row);
    }
    Ok(())
}

/// The size of each upload, and the number of crates in the intake.
///
/// # Errors
///
/// A program is not there.
pub fn sizes(
    workshop: &BuildOutput,
    subjects: &Subjects,
    report: &mut Report,
) -> anyhow::Result<()> {
    for subject in &subjects.functions {
        let bar = if subject.name == INTAKE { 2.4 } else { 3.5 };
        let size = zip_size(&subject.program)?;
        let row = Row::alone(format!("zip, {}", subject.name), "MB", &Sample::of(size));
        report
            .rows
            .push(row.asked(format!("≤ {bar:.1} MB"), size <= bar));
    }
    let mut peers = Vec::new();
    for peer in [
        &subjects.bare,
        &subjects.empty_http,
        &subjects.default_intake,
        &subjects.default_worker,
        &subjects.default_poll,
    ] {
        peers.push(format!("{} {:.2} MB", peer.name, zip_size(&peer.program)?));
    }
    report
        .notes
        .push(format!("zip of the peers: {}", peers.join(", ")));
    if let Some(intake) = subjects.function(INTAKE) {
        let (all, linked) = workshop.crates(intake.name)?;
        report.notes.push(format!(
            "crates of {}: {all} by `cargo tree -e normal`, {linked} of them no compiler macros",
            intake.name
        ));
    }
    Ok(())
}

/// The most memory held, after an event of usual size.
///
/// # Errors
///
/// A program does not start or does not answer.
pub fn memory(sandbox: &Sandbox, subjects: &Subjects, report: &mut Report) -> anyhow::Result<()> {
    let ten = events::ten_messages()?;
    for subject in subjects.functions.iter().chain([
        &subjects.bare,
        &subjects.default_intake,
        &subjects.default_worker,
        &subjects.default_poll,
    ]) {
        let works_batches = [WORKER, "default-worker"].contains(&subject.name);
        let events = match works_batches {
            true => vec![ten.clone()],
            false => subject.events.clone(),
        };
        let with_events = Subject {
            name: subject.name,
            program: subject.program.clone(),
            events,
            expected: subject.expected,
            asks: subject.asks,
            environment: subject.environment.clone(),
        };
        let mut peaks = Sample::default();
        for _ in 0..MEMORY_RUNS {
            let (running, _) = sandbox.start(&with_events, 1)?;
            sandbox.aws.calls()?;
            peaks.push(running.process.peak_memory()?);
        }
        let (event, bar) = match subject.name {
            INTAKE => ("20 kB", Some(7.5)),
            "default-intake" => ("20 kB", None),
            WORKER => ("10 messages", Some(10.0)),
            "default-worker" => ("10 messages", None),
            "bare" | "default-poll" => ("1 event", None),
            _ => ("1 event", Some(10.0)),
        };
        let row = Row::alone(
            format!("peak memory, {}, {event}", subject.name),
            "MB",
            &peaks,
        );
        let peak = peaks.summary().median;
        report.rows.push(match bar {
            Some(bar) => row.asked(format!("≤ {bar} MB"), peak <= bar),
            None => row,
        });
    }
    Ok(())
}

/// The measurements of one program's work, event by event.
#[derive(Default)]
struct Work {
    cpu: Sample,
    rate: Sample,
}

impl Work {
    /// Lets the program handle some events and records time and processor time.
    #[expect(clippy::cast_precision_loss, reason = "some hundred events")]
    fn note(&mut self, running: &Running) -> anyhow::Result<()> {
        let (before, from) = (running.process.cpu()?, stopwatch::now());
        let seen = running.work(EVENTS)?;
        let wall = millis(seen.last_answer - from) / EVENTS as f64;
        let cpu = running.process.cpu()?.saturating_sub(before);
        self.cpu.push(millis(cpu) / EVENTS as f64);
        self.rate.push(1000.0 / wall);
        Ok(())
    }
}

/// What accepted and refused deliveries cost, beside the same work with the SDK's defaults and an HTTP function that
/// does nothing.
///
/// # Errors
///
/// A program does not start or does not answer.
#[expect(clippy::cast_precision_loss, reason = "some hundred events")]
pub fn work(
    sandbox: &Sandbox,
    intake: &Subject,
    subjects: &Subjects,
    report: &mut Report,
) -> anyhow::Result<()> {
    let refused_events = |events| Subject {
        name: intake.name,
        program: intake.program.clone(),
        events,
        expected: r#""statusCode":401"#,
        asks: None,
        environment: intake.environment.clone(),
    };
    let without_token = refused_events(events::unauthenticated_deliveries()?);
    let wrongly_signed = refused_events(events::forged_deliveries()?);
    let (accepting, _) = sandbox.start(intake, EVENTS)?;
    let (refusing, _) = sandbox.start(&without_token, EVENTS)?;
    let (detecting, _) = sandbox.start(&wrongly_signed, EVENTS)?;
    let (with_defaults, _) = sandbox.start(&subjects.default_intake, EVENTS)?;
    let (idle, _) = sandbox.start(&subjects.empty_http, EVENTS)?;
    let calls_for = |running: &Running| {
        let before = sandbox.aws.calls()?.total();
        running.work(EVENTS)?;
        anyhow::Ok(sandbox.aws.calls()?.total() - before)
    };
    let for_accepted = calls_for(&accepting)?;
    let for_refused = calls_for(&refusing)? + calls_for(&detecting)?;

    let programs = [&accepting, &refusing, &detecting, &with_defaults, &idle];
    let mut works: [Work; 5] = Default::default();
    for round in 0..ROUNDS {
        let mut turn: Vec<_> = programs.iter().zip(&mut works).collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for (running, work) in turn {
            work.note(running)?;
        }
    }
    sandbox.aws.calls()?;
    let [accepted, unauthenticated, forged, by_default, nothing] = works;

    let what = format!("own CPU per accepted event, {INTAKE}");
    let peer = ("default-intake", &by_default.cpu);
    let row = Row::compared(what, "ms", &accepted.cpu, peer);
    let met = row.ratio() <= 0.7;
    let words = "≤ 0.7 of the SDK's defaults".to_owned();
    report.rows.push(row.asked(words, met));

    let what = format!("accepted events per second, {INTAKE}");
    let peer = ("default-intake", &by_default.rate);
    report
        .rows
        .push(Row::compared(what, "/s", &accepted.rate, peer));

    let what = format!("AWS calls for {EVENTS} accepted events");
    let row = Row::alone(what, "", &Sample::of(for_accepted as f64));
    let words = "one each".to_owned();
    report
        .rows
        .push(row.asked(words, for_accepted == EVENTS as u64));

    let what = format!("AWS calls for {} refused events", 2 * EVENTS);
    let row = Row::alone(what, "", &Sample::of(for_refused as f64));
    report
        .rows
        .push(row.asked("none".to_owned(), for_refused == 0));

    for (kind, work) in [("unauthenticated", &unauthenticated), ("forged", &forged)] {
        let what = format!("own CPU per {kind} event, {INTAKE}");
        let peer = ("empty-http", &nothing.cpu);
        report.rows.push(Row::compared(what, "ms", &work.cpu, peer));
    }
    Ok(())
}
