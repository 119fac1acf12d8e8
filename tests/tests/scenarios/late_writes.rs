//! Changes that HaloPSA accepts and carries out late, or never.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::Mode;
use halogard_simulator::Dialect;
use halogard_simulator::halopsa::{TicketEdit, UntriagedWrites};
use halogard_simulator::liongard::AlertChange;
use halogard_tests::{Scenario, Setup, WebhookDelivery};

use crate::{DANA, with_ticket};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What HaloPSA does with changes of a ticket that no person has worked on.
const TREATMENTS: [UntriagedWrites; 6] = [
    UntriagedWrites::Late {
        for_the_first: DAY,
        by: MINUTE,
    },
    UntriagedWrites::Late {
        for_the_first: DAY,
        by: Duration::from_secs(4 * 60),
    },
    UntriagedWrites::Late {
        for_the_first: DAY,
        by: Duration::from_secs(10 * 60),
    },
    UntriagedWrites::Late {
        for_the_first: DAY,
        by: Duration::from_secs(2 * 3600),
    },
    UntriagedWrites::Dropped {
        for_the_first: Duration::from_secs(10 * 60),
    },
    UntriagedWrites::Dropped {
        for_the_first: Duration::from_secs(3 * 3600),
    },
];

/// A bundle whose HaloPSA treats changes so.
async fn treating(writes: UntriagedWrites, webhook_delivery: WebhookDelivery) -> Scenario {
    let mut setup = Setup {
        webhook_delivery,
        ..Setup::managed().fixing(&["untriaged-dropped", "untriaged-late"])
    };
    setup.halo.untriaged_writes = writes;
    Scenario::start(setup).await
}

/// Lowers the priority of the alert, which asks for priority 4.
fn lower(bundle: &Scenario, alert: i64) {
    let low = AlertChange {
        priority: Some("Low".to_owned()),
        ..AlertChange::default()
    };
    bundle.liongard.change(alert, low).unwrap();
}

/// Times that the journal of `alert` has `event`.
async fn journaled(bundle: &Scenario, alert: i64, event: &str) -> usize {
    let events = bundle.journal(alert).await;
    events.iter().filter(|it| *it == event).count()
}

#[tokio::test]
async fn a_change_that_lands_late_is_made_and_is_no_persons_work() {
    let mut cases = 0;
    for writes in TREATMENTS {
        for webhooks in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
            let mut bundle = treating(writes, webhooks).await;
            let (alert, ticket) = with_ticket(&mut bundle).await;
            lower(&bundle, alert);
            bundle.run_for(until_made(writes)).await;
            let shown = bundle.halo.ticket(ticket).unwrap();
            assert_eq!(shown.priority_id, 4, "{writes:?}, {webhooks:?}");
            assert_eq!(
                bundle.pair_status(alert).await,
                Some(PairStatus::InSync),
                "{writes:?}, {webhooks:?}"
            );
            let is_dropped = matches!(writes, UntriagedWrites::Dropped { .. });
            let found = journaled(&bundle, alert, "not_carried_out").await;
            assert_eq!(
                found > 0,
                is_dropped || is_later_than_reads(writes),
                "{writes:?}"
            );
            bundle.liongard.close(alert).unwrap();
            bundle.conclude().await;
            assert!(bundle.halo.ticket(ticket).unwrap().closed, "{writes:?}");
            cases += 1;
        }
    }
    println!("{cases} cases");
}

/// After how long a change is there at the latest, however late or often it is made.
fn until_made(writes: UntriagedWrites) -> Duration {
    match writes {
        UntriagedWrites::Dropped { for_the_first } if for_the_first > HOUR => 9 * HOUR,
        _ => 3 * HOUR,
    }
}

/// Whether changes land when reads no longer lag.
fn is_later_than_reads(writes: UntriagedWrites) -> bool {
    matches!(writes, UntriagedWrites::Late { by, .. } if by > 5 * MINUTE)
}

#[tokio::test]
async fn a_change_that_never_lands_is_tried_five_times_in_a_day_and_waits_visibly() {
    let writes = UntriagedWrites::Dropped {
        for_the_first: 100 * DAY,
    };
    let mut bundle = treating(writes, WebhookDelivery::Prompt).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    lower(&bundle, alert);
    bundle.run_for(30 * HOUR).await;
    assert_eq!(journaled(&bundle, alert, "not_carried_out").await, 5);
    let writes = bundle.writes();
    bundle.run_for(7 * HOUR).await;
    assert_eq!(bundle.writes(), writes, "no further attempt");
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
    let refused = bundle.link(alert).await.unwrap().refused.remove(0);
    assert!(
        refused.message.contains("the priority stayed"),
        "{}",
        refused.message
    );
    let letters = bundle.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    bundle.expects_dead_letters = true;
    // A technician works on the ticket: HaloPSA takes changes from now on.
    bundle.halo.add_note(ticket, DANA, "Triaged.").unwrap();
    bundle.run_for(2 * HOUR).await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, 4);
    bundle.conclude().await;
}

#[tokio::test]
async fn a_person_who_undoes_our_change_is_never_overruled() {
    let mut cases = 0;
    // What was dropped cannot be undone, and what has not landed lands after the act.
    let rows: [(UntriagedWrites, &[u64]); 3] = [
        (UntriagedWrites::Land, &[10, 90, 280, 400, 1200]),
        (TREATMENTS[0], &[90, 280, 400, 1200]),
        (TREATMENTS[4], &[10, 90, 170]),
    ];
    for (writes, moments) in rows {
        for after in moments {
            for webhooks in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
                let mut bundle = treating(writes, webhooks).await;
                let (alert, ticket) = with_ticket(&mut bundle).await;
                let before = bundle.halo.ticket(ticket).unwrap().priority_id;
                lower(&bundle, alert);
                bundle.run_for(Duration::from_secs(120 + after)).await;
                let undone = TicketEdit {
                    priority_id: Some(before),
                    ..TicketEdit::default()
                };
                bundle.halo.change_ticket(ticket, DANA, undone).unwrap();
                let writes_before = bundle.writes();
                bundle.run_for(2 * HOUR).await;
                let context = format!("{writes:?}, after {after} s, {webhooks:?}");
                assert_eq!(bundle.writes(), writes_before, "{context}");
                let shown = bundle.halo.ticket(ticket).unwrap().priority_id;
                assert_eq!(shown, before, "{context}");
                cases += 1;
            }
        }
    }
    println!("{cases} cases");
}

#[tokio::test]
async fn what_the_answer_to_an_array_leaves_out_is_no_refusal_while_reads_lag() {
    let dialect: Dialect = "returnall-ignored,read-lag".parse().unwrap();
    for webhooks in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
        let mut bundle = Scenario::start(Setup {
            webhook_delivery: webhooks,
            ..Setup::speaking(Mode::Managed, dialect.clone())
        })
        .await;
        let alerts: Vec<i64> = (0..12)
            .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
            .collect();
        bundle.run_until_quiet().await;
        alerts.iter().for_each(|alert| lower(&bundle, *alert));
        bundle.run_until_quiet().await;
        for alert in &alerts {
            assert_eq!(bundle.only_ticket(*alert).priority_id, 4, "{webhooks:?}");
            bundle.liongard.close(*alert).unwrap();
        }
        bundle.run_until_quiet().await;
        for alert in &alerts {
            assert!(bundle.only_ticket(*alert).closed, "{webhooks:?}");
            bundle.liongard.reopen(*alert).unwrap();
        }
        bundle.conclude().await;
        for alert in &alerts {
            assert!(!bundle.only_ticket(*alert).closed, "{webhooks:?}");
            for refused in ["write_refused", "not_carried_out"] {
                assert_eq!(journaled(&bundle, *alert, refused).await, 0, "{refused}");
            }
        }
    }
}
