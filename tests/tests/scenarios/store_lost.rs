//! The store is lost: what HaloPSA holds fills it again.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_simulator::halopsa::TicketEdit;
use halogard_simulator::{Fault, SimHaloSettings};
use halogard_tests::{CaseMatrix, Component, CrashTiming, Scenario, Setup, WebhookDelivery};
use tracing::Level;

use crate::{DANA, news, with_ticket};

#[tokio::test]
async fn an_empty_store_adopts_the_tickets_there_are() {
    let mut bundle = Scenario::managed().await;
    let alerts: Vec<i64> = (0..6)
        .map(|customer| bundle.raise(customer, "Rule"))
        .collect();
    bundle.run_until_quiet().await;
    bundle.lose_the_store().await;
    bundle.conclude().await;
    for alert in &alerts {
        bundle.only_ticket(*alert);
        assert_eq!(bundle.pair_status(*alert).await, Some(PairStatus::InSync));
    }
    assert_eq!(bundle.halo.stats().creates.len(), 6);
    bundle.liongard.close(alerts[0]).unwrap();
    bundle.conclude().await;
    assert!(bundle.only_ticket(alerts[0]).closed);
}

#[tokio::test]
async fn no_alert_counts_as_new_until_halopsa_was_searched() {
    let mut bundle = Scenario::managed().await;
    let (alert, _) = with_ticket(&mut bundle).await;
    for _ in 0..4 {
        bundle
            .halo
            .faults()
            .next("GET /Tickets", Fault::Gateway502Html);
    }
    bundle.lose_the_store().await;
    bundle.conclude().await;
    bundle.only_ticket(alert);
    assert_eq!(bundle.halo.stats().creates.len(), 1);
}

#[tokio::test]
async fn what_happened_meanwhile_is_caught_up_with() {
    let mut bundle = Scenario::managed().await;
    let (over, _) = with_ticket(&mut bundle).await;
    let fixed = bundle.raise(1, "MFA Disabled");
    bundle.run_until_quiet().await;
    bundle.liongard.close(over).unwrap();
    bundle.liongard.clear_condition(fixed).unwrap();
    let ticket = bundle.only_ticket(fixed).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.lose_the_store().await;
    bundle.conclude().await;
    assert!(bundle.only_ticket(over).closed);
    assert!(bundle.alert(fixed).closed);
    assert_eq!(bundle.halo.stats().creates.len(), 2);
}

#[tokio::test]
async fn the_newest_of_several_tickets_of_an_alert_is_adopted() {
    let mut bundle = Scenario::managed().await;
    let (alert, first) = with_ticket(&mut bundle).await;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(first, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle
        .time
        .advance(std::time::Duration::from_secs(9 * 24 * 3600));
    bundle.liongard.reopen(alert).unwrap();
    bundle.run_until_quiet().await;
    let second = bundle.ticket_of(alert).unwrap().id;
    bundle.lose_the_store().await;
    bundle.conclude().await;
    let link = bundle.link(alert).await.unwrap();
    assert_eq!(link.ticket.map(|id| id.get()), Some(second.unsigned_abs()));
    assert_eq!(bundle.halo.stats().creates.len(), 2);
}

/// What people do to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    /// They do nothing.
    None,
    /// They rewrite the title.
    Title,
    /// They move it to another client.
    Client,
    /// They move it to another site.
    Site,
    /// They give it another type and team.
    Kind,
    /// They close it.
    Closed,
    /// They merge it into a ticket of theirs.
    Merged,
    /// They rewrite title and description: only the entry that opened it still shows the key.
    Texts,
    /// They rewrite the title and move it to another client.
    TitleAndClient,
    /// They rewrite, move, change the type, and close.
    Everything,
    /// They rewrite the title and merge it.
    TitleAndMerged,
}

const EDITS: [Edit; 11] = [
    Edit::None,
    Edit::Title,
    Edit::Client,
    Edit::Site,
    Edit::Kind,
    Edit::Closed,
    Edit::Merged,
    Edit::Texts,
    Edit::TitleAndClient,
    Edit::Everything,
    Edit::TitleAndMerged,
];

impl Edit {
    /// Makes the edit.
    fn make(self, bundle: &Scenario, ticket: i64) {
        let with = |does: bool| does.then_some(());
        let rewrites = matches!(
            self,
            Self::Title
                | Self::Texts
                | Self::TitleAndClient
                | Self::Everything
                | Self::TitleAndMerged
        );
        let moves = matches!(self, Self::Client | Self::TitleAndClient | Self::Everything);
        let retypes = matches!(self, Self::Kind | Self::Everything);
        let change = TicketEdit {
            summary: with(rewrites).map(|()| "Accounts to clean up".to_owned()),
            details: with(self == Self::Texts).map(|()| "Please call the customer".to_owned()),
            client_id: with(moves).map(|()| 18),
            site_id: with(self == Self::Site).map(|()| 22),
            tickettype_id: with(retypes).map(|()| 6),
            team: with(retypes).map(|()| "Infrastructure".to_owned()),
            ..TicketEdit::default()
        };
        bundle.halo.change_ticket(ticket, DANA, change).unwrap();
        if matches!(self, Self::Closed | Self::Everything) {
            bundle.halo.close_ticket(ticket, DANA).unwrap();
        }
        if matches!(self, Self::Merged | Self::TitleAndMerged) {
            let theirs = crate::identity::log(bundle, 17, "Everything about accounts");
            bundle.halo.merge_ticket(ticket, theirs, DANA).unwrap();
        }
    }
}

/// How the store is lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// A backup that is this many seconds old is restored.
    Backup(u64),
    /// The same, made before HaloPSA had listed any ticket.
    BackupOfAQuietDesk(u64),
    /// The folder is gone, and with it the secret of the proofs.
    Deleted,
    /// The same, and HaloPSA does not search texts.
    DeletedWithoutSearch,
}

/// A ticket is opened and edited, the store is lost, and no second one may come.
async fn lose_an_edited_ticket(edit: Edit, loss: Loss, lag: u64) {
    let setup = Setup::managed();
    let searches_details =
        setup.halo.searches_details && !matches!(loss, Loss::DeletedWithoutSearch);
    let mut bundle = Scenario::start(Setup {
        halo: SimHaloSettings {
            searches_details,
            list_lag: Duration::from_secs(lag),
            ..setup.halo
        },
        webhook_delivery: WebhookDelivery::Never,
        level: Level::INFO,
        ..setup
    })
    .await;
    let is_quiet = matches!(loss, Loss::BackupOfAQuietDesk(_));
    let begin = |bundle: &Scenario| {
        crate::identity::log(bundle, 17, "A printer jams");
        bundle.raise(1, "Another alert")
    };
    let before = (!is_quiet).then(|| begin(&bundle));
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(600)).await;
    let backup = bundle.back_up().await;
    let age = match loss {
        Loss::Backup(age) | Loss::BackupOfAQuietDesk(age) => age,
        _ => 900,
    };
    let earlier = before.unwrap_or_else(|| begin(&bundle));
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_for(Duration::from_secs(age / 2)).await;
    let ticket = bundle.ticket_of(alert).unwrap().id;
    crate::identity::log(&bundle, 17, "Another printer jams");
    edit.make(&bundle, ticket);
    bundle.run_for(Duration::from_secs(age / 2)).await;
    match loss {
        Loss::Backup(_) | Loss::BackupOfAQuietDesk(_) => bundle.restore(&backup).await,
        Loss::Deleted | Loss::DeletedWithoutSearch => bundle.lose_the_store().await,
    }
    bundle.run_for(Duration::from_secs(1500)).await;
    bundle
        .liongard
        .change(alert, news("SECRET of client 17", "High"))
        .unwrap();
    bundle.run_for(Duration::from_secs(600)).await;
    let is_ours = |it: &&halogard_simulator::halopsa::TicketView| {
        !it.actions.first().unwrap().application.is_empty()
    };
    let tickets = bundle.halo.tickets();
    let ours: Vec<_> = tickets.iter().filter(is_ours).collect();
    assert_eq!(ours.len(), 2, "{ours:#?}");
    let link = bundle.link(alert).await.unwrap();
    assert!(link.ticket.is_some(), "{link:#?}");
    let at_a_stranger = tickets.iter().filter(|it| it.client_id == 18);
    for action in at_a_stranger.flat_map(|it| &it.actions) {
        assert!(!action.note.contains("SECRET"), "{action:?}");
    }
    bundle.liongard.close(alert).unwrap();
    bundle.liongard.close(earlier).unwrap();
    bundle.run_for(Duration::from_secs(600)).await;
    assert!(bundle.only_ticket(earlier).closed);
}

#[test]
fn an_edited_ticket_is_found_again_whatever_became_of_it_and_of_the_store() {
    let mut grid = CaseMatrix::new("an edited ticket, and a store that is lost");
    for edit in EDITS {
        for (loss, lag) in [
            (Loss::Backup(700), 0),
            (Loss::Backup(700), 240),
            (Loss::Backup(3600), 0),
            (Loss::BackupOfAQuietDesk(700), 0),
            (Loss::BackupOfAQuietDesk(700), 240),
            (Loss::BackupOfAQuietDesk(3600), 0),
            (Loss::Deleted, 0),
            (Loss::DeletedWithoutSearch, 0),
        ] {
            let label = format!("{edit:?}, {loss:?}, lists lag {lag} s");
            grid.case(&label, lose_an_edited_ticket(edit, loss, lag));
        }
    }
    grid.finish();
}

/// Two sweeps, and the four minutes after which a ticket that was found may be closed.
const ADOPTED_AND_CLOSED_WITHIN: Duration = Duration::from_secs(15 * 60);

/// A copy of the store is put back that knows neither the alert's ticket nor that the alert was closed since,
/// and the process stops at its `ordinal`th write from then on.
async fn stop_while_a_sweep_adopts(ordinal: u64, timing: CrashTiming) {
    let mut bundle = Scenario::start(Setup {
        level: Level::INFO,
        ..Setup::managed()
    })
    .await;
    bundle.run_until_quiet().await;
    let backup = bundle.back_up().await;
    let alert = bundle.raise(0, "MFA Disabled");
    bundle.run_for(Duration::from_secs(900)).await;
    bundle.only_ticket(alert);
    bundle.liongard.close(alert).unwrap();
    bundle.restore(&backup).await;
    // The poll sees the closed alert before a sweep shows its ticket.
    bundle
        .halo
        .faults()
        .next("GET /Tickets", Fault::Gateway502Html);
    bundle.run_for(Duration::from_secs(5)).await;
    let visits = bundle.crash_points.count(Component::Store);
    bundle
        .crash_points
        .arm(Component::Store, visits + ordinal, timing);
    bundle.run_for(ADOPTED_AND_CLOSED_WITHIN).await;
    assert!(
        bundle.only_ticket(alert).closed,
        "the ticket of a closed alert stays open"
    );
    bundle.conclude().await;
}

#[test]
fn a_process_that_stops_while_a_sweep_adopts_a_ticket_delays_its_closing_by_minutes_only() {
    let mut grid = CaseMatrix::new("stopped while a sweep adopts");
    for ordinal in 1..=24 {
        for timing in [CrashTiming::Before, CrashTiming::After] {
            let outcome = stop_while_a_sweep_adopts(ordinal, timing);
            grid.case(&format!("write {ordinal}, {timing:?}"), outcome);
        }
    }
    grid.finish();
}

#[tokio::test]
async fn a_restored_store_finds_the_own_alert_of_a_ticket_into_which_a_known_one_was_merged() {
    for webhook_delivery in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
        let mut bundle = Scenario::start(Setup {
            webhook_delivery,
            ..Setup::managed().fixing(&["no-merged-into"])
        })
        .await;
        let known = bundle.raise(0, "Before the copy");
        bundle.run_until_quiet().await;
        bundle.run_for(Duration::from_secs(600)).await;
        let backup = bundle.back_up().await;
        let unknown = bundle.raise(0, "After the copy");
        bundle.run_for(Duration::from_secs(600)).await;
        let ticket = bundle.ticket_of(unknown).unwrap().id;
        let merged = bundle.ticket_of(known).unwrap().id;
        bundle.halo.merge_ticket(merged, ticket, DANA).unwrap();
        bundle.excuse(known);
        bundle.run_for(Duration::from_secs(3600)).await;

        bundle.restore(&backup).await;
        // The merged ticket is read before any list shows the ticket into which it was merged.
        let faults = bundle.halo.faults();
        faults.next("GET /Tickets", Fault::Gateway502Html);
        faults.next("GET /Tickets", Fault::Gateway502Html);
        bundle
            .halo
            .add_note(merged, DANA, "Merged, see there")
            .unwrap();
        bundle.run_for(Duration::from_secs(1500)).await;
        bundle
            .liongard
            .change(unknown, news("It goes on", "High"))
            .unwrap();
        bundle.run_for(Duration::from_secs(3600)).await;
        let tickets = bundle.halo.tickets();
        assert_eq!(tickets.len(), 2, "{webhook_delivery:?}: {tickets:#?}");
        let links = [bundle.link(known).await, bundle.link(unknown).await];
        let linked = links.map(|link| link.unwrap().ticket.unwrap().get());
        let ticket = u64::try_from(ticket).unwrap();
        assert_eq!(linked, [ticket, ticket], "{webhook_delivery:?}");
    }
}

/// A technician pastes the key of `theirs` into the title of the ticket of `ours`, before its own key or in its
/// place; the store is lost, and no alert may get a second ticket.
async fn paste_a_key(loss: Loss, keeps_own: bool, ours_is_newer: bool) {
    let mut bundle = Scenario::start(Setup {
        level: Level::INFO,
        ..Setup::managed()
    })
    .await;
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(600)).await;
    let backup = bundle.back_up().await;
    let first = bundle.raise(0, "MFA Disabled");
    bundle.run_for(Duration::from_secs(60)).await;
    let second = bundle.raise(0, "Domain administrator added");
    bundle.run_for(Duration::from_secs(400)).await;
    let (ours, theirs) = if ours_is_newer {
        (second, first)
    } else {
        (first, second)
    };
    let title = |alert| bundle.only_ticket(alert).summary;
    let (own, other) = (title(ours), title(theirs));
    let pasted = if keeps_own {
        format!("see {other} / {own}")
    } else {
        other
    };
    let ticket = bundle.only_ticket(ours).id;
    let change = TicketEdit {
        summary: Some(pasted),
        ..TicketEdit::default()
    };
    bundle.halo.change_ticket(ticket, DANA, change).unwrap();
    bundle.run_for(Duration::from_secs(400)).await;
    let opened = bundle.halo.tickets().len();
    match loss {
        Loss::Backup(_) | Loss::BackupOfAQuietDesk(_) => bundle.restore(&backup).await,
        Loss::Deleted | Loss::DeletedWithoutSearch => bundle.lose_the_store().await,
    }
    bundle.run_for(Duration::from_secs(1800)).await;
    assert_eq!(bundle.halo.tickets().len(), opened, "a second ticket");
    let link = bundle.link(ours).await.unwrap();
    assert_eq!(link.ticket.unwrap().get(), ticket.unsigned_abs());
    let link = bundle.link(theirs).await.unwrap();
    assert_ne!(link.ticket.unwrap().get(), ticket.unsigned_abs());
}

#[test]
fn a_key_that_was_pasted_into_the_title_of_another_alerts_ticket_leads_to_no_second_one() {
    let mut grid = CaseMatrix::new("a pasted key, and a store that is lost");
    for loss in [Loss::Backup(0), Loss::Deleted] {
        for keeps_own in [true, false] {
            for ours_is_newer in [true, false] {
                let label =
                    format!("{loss:?}, keeps its own: {keeps_own}, is newer: {ours_is_newer}");
                grid.case(&label, paste_a_key(loss, keeps_own, ours_is_newer));
            }
        }
    }
    grid.finish();
}

/// A person deletes the ticket of an alert that stays open, and the store is put back to before that, or lost: what
/// forgets that there was a ticket cannot know that it was deleted.
#[tokio::test]
async fn an_alert_whose_ticket_was_deleted_gets_one_more_and_no_third_after_a_loss() {
    for loss in [Loss::Backup(0), Loss::Deleted] {
        let mut bundle = Scenario::managed().await;
        bundle.raise(1, "Another alert");
        bundle.run_until_quiet().await;
        bundle.run_for(Duration::from_secs(600)).await;
        let backup = bundle.back_up().await;
        let alert = bundle.raise(0, "Stale Privileged Accounts");
        bundle.run_until_quiet().await;
        let ticket = bundle.only_ticket(alert).id;
        bundle.halo.delete_ticket(ticket, DANA).unwrap();
        bundle.run_for(Duration::from_secs(3600)).await;
        assert!(bundle.tickets_of(alert).is_empty(), "{loss:?}");
        match loss {
            Loss::Deleted => bundle.lose_the_store().await,
            _ => bundle.restore(&backup).await,
        }
        bundle.run_for(Duration::from_secs(3 * 3600)).await;
        bundle.conclude().await;
        assert_ne!(bundle.only_ticket(alert).id, ticket, "{loss:?}");
        assert_eq!(bundle.halo.stats().creates.len(), 3, "{loss:?}");
    }
}
