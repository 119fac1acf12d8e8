//! An operator's command is killed before and after each of its writes: given again, it ends in the same state.

use halogard_app::ports::{
    Clock as _, DeadLetter, Lane, Outgoing, PortError, Records as _, WorkQueue as _, WorkSink as _,
};
use halogard_domain::config_history::VersionOrigin;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::record::Singleton;
use halogard_operations::audit::Operator;
use halogard_operations::config_changes::{self, ConfigCandidate, UndoTarget};
use halogard_operations::dead_letters::{self, DeadLetterAction, DeadLetterFilter};
use halogard_operations::inspect::{self, InspectSubject};
use halogard_operations::resync::{self, PairFilter, ResyncKind};
use halogard_operations::{linking, pausing};
use halogard_tests::{CaseMatrix, Component, CrashTiming, Scenario};

/// The rules of the alerts that the commands are about; each has a ticket.
const RULES: [&str; 2] = ["Disk Space Low", "Stale Accounts"];

/// The config whose text a stack or a store keeps.
const CONFIG: &str = r#"mode = "managed"
[templates.default]
ticket_type = 5
status = { open = 1, closed = 9 }
[[environments]]
environment = 8801
client = 17
template = "default"
"#;

/// A command that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Resync,
    Replay,
    Redrive,
    Drop,
    Unlink,
    Link,
    Snooze,
    Pause,
    Resume,
    Inspect,
    ConfigApply,
    ConfigUndo,
}

impl Given {
    const ALL: [Self; 12] = [
        Self::Resync,
        Self::Replay,
        Self::Redrive,
        Self::Drop,
        Self::Unlink,
        Self::Link,
        Self::Snooze,
        Self::Pause,
        Self::Resume,
        Self::Inspect,
        Self::ConfigApply,
        Self::ConfigUndo,
    ];
}

/// What the command leaves in the store, and what follows from it at both vendors.
#[derive(Debug, PartialEq, Eq)]
struct EndState {
    pauses: Vec<PauseScope>,
    dead_letters: usize,
    /// Whether work is queued, by lane.
    queued: [bool; Lane::ALL.len()],
    /// The tickets of each alert in the store, and the newest one at HaloPSA once all work is done.
    tickets: Vec<(Option<TicketId>, usize)>,
    runs: usize,
    config_versions: usize,
    config: Option<String>,
}

/// Two pairs in sync and a dead letter, and what `given` changes.
struct Stage {
    scenario: Scenario,
    alerts: Vec<i64>,
}

fn operator() -> Operator {
    Operator {
        account: "operator".to_owned(),
        reason: None,
        request_digest: String::new(),
    }
}

fn candidate(text: &str) -> ConfigCandidate {
    let config = halogard_config::parse("halogard.toml", text).unwrap();
    config.into()
}

fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Stage {
    async fn set_for(given: Given) -> Self {
        let mut scenario = Scenario::managed().await;
        let alerts: Vec<i64> = RULES.iter().map(|rule| scenario.raise(0, rule)).collect();
        scenario.expects_dead_letters = true;
        scenario.run_until_quiet().await;
        let mut stage = Self { scenario, alerts };
        stage
            .put_in_force(CONFIG, VersionOrigin::Applied)
            .await
            .unwrap();
        stage.dead_letter().await;
        match given {
            Given::Link => {
                stage.give(Given::Snooze).await.unwrap();
                stage.give(Given::Unlink).await.unwrap();
                stage.scenario.run_until_idle().await;
            }
            Given::Resume => stage.give(Given::Pause).await.unwrap(),
            Given::ConfigUndo => stage.give(Given::ConfigApply).await.unwrap(),
            _ => {}
        }
        stage
    }

    /// The alert that the commands name.
    fn alert(&self) -> AlertId {
        AlertId::new(self.alerts[0].unsigned_abs())
    }

    /// Puts a message about the alert into the dead letters, as a worker would.
    async fn dead_letter(&self) {
        let store = &self.scenario.process().store;
        let message = Message::reconcile_alert(self.alert(), Cause::Poll);
        let sent: Outgoing = message.into();
        store.send(Lane::Bulk, &[sent]).await.unwrap();
        let hidden = std::time::Duration::from_secs(60);
        let taken = store.receive(Lane::Bulk, 1, hidden).await.unwrap();
        let receipt = &taken[0].receipt;
        store
            .dead_letter(Lane::Bulk, receipt, "refused")
            .await
            .unwrap();
    }

    async fn put_in_force(&self, text: &str, origin: VersionOrigin) -> Result<(), String> {
        let (store, now) = (&self.scenario.process().store, self.scenario.time.now());
        let (candidate, operator) = (candidate(text), operator());
        let operator = Some(&operator);
        config_changes::put_in_force(store, &candidate, origin, operator, None, now)
            .await
            .map(drop)
            .map_err(in_words)
    }

    async fn undo_config(&self) -> Result<(), String> {
        let store = &self.scenario.process().store;
        let target = config_changes::undo_target(store, None).await;
        // A second undo puts the same text in force again.
        let (text, former) = match target.map_err(in_words)? {
            UndoTarget::Restore(number) => (Some(number), number),
            UndoTarget::Restored { former, .. } => (None, former),
        };
        let text = config_changes::text_of(store, text).await;
        let text = text.map_err(in_words)?.unwrap();
        self.put_in_force(&text, VersionOrigin::Restored(former))
            .await
    }

    async fn queue(&self, kind: ResyncKind) -> Result<(), String> {
        let (store, now) = (&self.scenario.process().store, self.scenario.time.now());
        let filter = PairFilter::default();
        let plan = resync::plan(store, &filter, kind, now).await;
        let plan = plan.map_err(in_words)?;
        let queued = resync::apply(store, &plan, &operator(), now).await;
        queued.map(drop).map_err(in_words)
    }

    async fn letters(&self, action: DeadLetterAction) -> Result<(), String> {
        let (store, now) = (&self.scenario.process().store, self.scenario.time.now());
        let plan = dead_letters::list(store, &DeadLetterFilter::default(), now).await;
        let plan = plan.map_err(in_words)?;
        let done = dead_letters::apply(store, &plan, action).await;
        done.map(drop).map_err(in_words)
    }

    async fn pause(&self, scope: PauseScope) -> Result<(), String> {
        let (store, now) = (&self.scenario.process().store, self.scenario.time.now());
        let pause = Pause {
            scope,
            since: now,
            from: None,
            until: None,
            reason: None,
        };
        let paused = pausing::pause(store, &pause, now).await;
        paused.map(drop).map_err(in_words)
    }

    /// Gives the command once.
    async fn give(&self, given: Given) -> Result<(), String> {
        let process = self.scenario.process();
        let (store, desk) = (&process.store, &process.use_cases.desk);
        let (alert, now) = (self.alert(), self.scenario.time.now());
        let operator = operator();
        match given {
            Given::Resync => self.queue(ResyncKind::Resync).await,
            Given::Replay => self.queue(ResyncKind::Replay).await,
            Given::Redrive => self.letters(DeadLetterAction::Redrive).await,
            Given::Drop => self.letters(DeadLetterAction::Drop).await,
            Given::Unlink => {
                let unlinked = linking::unlink(store, alert, &operator, now).await;
                unlinked.map(drop).map_err(in_words)
            }
            Given::Link => {
                let ticket = self.scenario.tickets_of(self.alerts[0])[0].id;
                let ticket = TicketId::new(ticket.unsigned_abs());
                let linked = linking::link(store, desk, alert, ticket, &operator, now).await;
                linked.map(drop).map_err(in_words)
            }
            Given::Snooze => self.pause(PauseScope::Alert(alert)).await,
            Given::Pause => self.pause(PauseScope::All).await,
            Given::Resume => {
                let resumed = pausing::resume(store, PauseScope::All, now).await;
                resumed.map(drop).map_err(in_words)
            }
            Given::Inspect => {
                let asked = inspect::request(store, InspectSubject::HaloPsa, now).await;
                asked.map(drop).map_err(in_words)
            }
            Given::ConfigApply => {
                let text = format!("{CONFIG}# changed\n");
                self.put_in_force(&text, VersionOrigin::Applied).await
            }
            Given::ConfigUndo => self.undo_config().await,
        }
    }

    /// What the command has left, and what follows once all work is done.
    async fn end(mut self) -> EndState {
        let store = self.scenario.process().store.clone();
        let pauses = store.load_record::<Pauses>(&Singleton).await.unwrap().value;
        let mut queued = [false; Lane::ALL.len()];
        for (lane, is_queued) in Lane::ALL.into_iter().zip(&mut queued) {
            *is_queued = store.depth(lane).await.unwrap() > 0;
        }
        let letters: Result<Vec<DeadLetter>, PortError> = store.dead_letters(100).await;
        let history = config_changes::history(&store).await.unwrap();
        let config = config_changes::text_of(&store, None).await.unwrap();
        self.scenario
            .run_for(std::time::Duration::from_secs(1800))
            .await;
        let mut tickets = Vec::new();
        for alert in &self.alerts {
            let link = self.scenario.link(*alert).await.unwrap();
            tickets.push((link.ticket, self.scenario.tickets_of(*alert).len()));
        }
        EndState {
            pauses: pauses.pauses.iter().map(|pause| pause.scope).collect(),
            dead_letters: letters.unwrap().len(),
            queued,
            tickets,
            runs: self.scenario.liongard.stats().ad_hoc_runs.values().sum(),
            config_versions: history.versions.len(),
            config,
        }
    }
}

/// Where a command is killed: at its nth write, or its nth request to HaloPSA.
type Kill = (Component, u64, CrashTiming);

/// The end without a kill, and every point at which one is possible.
async fn in_peace(given: Given) -> (EndState, Vec<Kill>) {
    let stage = Box::pin(Stage::set_for(given)).await;
    let points = stage.scenario.crash_points.clone();
    let components = [Component::Store, Component::HaloPsa];
    let before = components.map(|component| points.count(component));
    stage.give(given).await.unwrap();
    let mut kills = Vec::new();
    for (component, before) in components.into_iter().zip(before) {
        for ordinal in before + 1..=points.count(component) {
            for timing in [CrashTiming::Before, CrashTiming::After] {
                kills.push((component, ordinal, timing));
            }
        }
    }
    (stage.end().await, kills)
}

/// The end where the command is killed once and given again.
async fn killed(given: Given, (component, ordinal, timing): Kill) -> EndState {
    let stage = Box::pin(Stage::set_for(given)).await;
    let points = stage.scenario.crash_points.clone();
    points.arm(component, ordinal, timing);
    let ended = points.until_crash(Box::pin(stage.give(given))).await;
    assert!(ended.is_err(), "it was not killed: {ended:?}");
    points.reset();
    // It may say that there is nothing left to do.
    stage.give(given).await.unwrap_or_default();
    stage.end().await
}

#[test]
fn a_command_that_is_killed_at_any_write_is_given_again_and_ends_in_the_same_state() {
    let mut grid = CaseMatrix::new("killed commands");
    for given in Given::ALL {
        let peace = grid.case(&format!("{given:?} in peace"), in_peace(given));
        let Some((expected, kills)) = peace else {
            continue;
        };
        assert!(!kills.is_empty(), "{given:?} writes nothing");
        for kill in kills {
            let label = format!("{given:?} killed at {kill:?}");
            if let Some(found) = grid.case(&label, killed(given, kill)) {
                grid.case(&label, async { assert_eq!(found, expected) });
            }
        }
    }
    grid.finish();
}
