//! Tickets that carry a key: ours, a stranger's, and those of another installation.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_simulator::Fault;
use halogard_simulator::halopsa::{TicketSpec, TitleRule, TitleSearch};
use halogard_tests::{Scenario, Setup};

use crate::{DANA, with_ticket};

/// A technician logs a ticket of a client under this title, as a mail with that subject would.
pub(crate) fn log(bundle: &Scenario, client_id: i64, summary: &str) -> i64 {
    let ticket = TicketSpec {
        client_id,
        tickettype_id: 5,
        summary: summary.to_owned(),
        details: "from an end user".to_owned(),
    };
    bundle.halo.log_ticket(DANA, &ticket).unwrap()
}

#[tokio::test]
async fn a_strangers_title_moves_no_alert_and_swallows_none() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let marker = bundle.halo.ticket(ticket).unwrap().summary;
    let copied = format!("RE: {marker}");
    let strangers = [
        log(&bundle, 18, &format!("RE: [LG-{alert}-2] call me")),
        log(&bundle, 18, &format!("[LG-{}] early bird", alert + 1)),
        log(&bundle, 18, "[LG-18446744073709551615] hello"),
        log(&bundle, 17, &copied),
    ];
    bundle.run_for(Duration::from_secs(600)).await;
    let next = bundle.raise(0, "MFA Disabled");
    bundle.run_until_quiet().await;
    let linked = async |alert: i64| {
        let link = bundle.link(alert).await.unwrap();
        link.ticket.unwrap().get()
    };
    assert_eq!(linked(alert).await, ticket.unsigned_abs());
    let own = linked(next).await;
    assert!(strangers.iter().all(|it| it.unsigned_abs() != own));
    bundle.liongard.close(alert).unwrap();
    bundle.liongard.close(next).unwrap();
    bundle.run_until_quiet().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    for stranger in strangers {
        let theirs = bundle.halo.ticket(stranger).unwrap();
        assert!(!theirs.closed && theirs.actions.len() == 1, "{theirs:#?}");
    }
    let journal = bundle.journal(alert).await;
    let reported = |word: &str| journal.iter().filter(|it| *it == word).count();
    assert_eq!(
        (reported("foreign_key"), reported("duplicate_ticket")),
        (1, 1),
        "{journal:?}"
    );
}

#[tokio::test]
async fn no_title_stops_the_first_sweep() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    for title in [
        "[LG-18446744073709551615] hello".to_owned(),
        "[LG-9223372036854775807] hello".to_owned(),
        format!("[LG-{alert}-4294967295]"),
        format!("[LG-{alert}.abcdef]"),
    ] {
        log(&bundle, 17, &title);
    }
    bundle.lose_the_store().await;
    bundle.run_until_quiet().await;
    let link = bundle.link(alert).await.unwrap();
    assert_eq!(link.ticket.unwrap().get(), ticket.unsigned_abs());
    let later = bundle.raise(1, "MFA Disabled");
    bundle.run_until_quiet().await;
    assert!(bundle.link(later).await.unwrap().ticket.is_some());
    assert_eq!(bundle.halo.stats().creates.len(), 6);
}

#[tokio::test]
async fn a_search_that_takes_brackets_for_wildcards_loses_no_ticket() {
    for lose_the_store in [false, true] {
        let mut setup = Setup::managed();
        setup.halo.title_search = TitleSearch::Like;
        let mut bundle = Scenario::start(setup).await;
        if !lose_the_store {
            bundle
                .halo
                .faults()
                .next("POST /Tickets", Fault::DropResponse);
        }
        let alert = bundle.raise(0, "Stale Privileged Accounts");
        bundle.run_until_quiet().await;
        if lose_the_store {
            bundle.lose_the_store().await;
        }
        bundle.conclude().await;
        bundle.only_ticket(alert);
        assert_eq!(bundle.halo.stats().creates.len(), 1, "{lose_the_store}");
    }
}

#[tokio::test]
async fn a_rule_that_replaces_titles_leads_to_no_second_ticket() {
    for (can_be_skipped, title) in [(true, "[LG-"), (false, "Monitoring alert")] {
        for alerts in [1, 3] {
            let mut setup = Setup::managed();
            setup.halo.title_rule = Some(TitleRule {
                title: "Monitoring alert".to_owned(),
                can_be_skipped,
            });
            let mut bundle = Scenario::start(setup).await;
            let raised: Vec<i64> = (0..alerts).map(|it| bundle.raise(it, "Rule")).collect();
            bundle.run_for(Duration::from_secs(3600)).await;
            let tickets = bundle.halo.tickets();
            assert_eq!(tickets.len(), raised.len(), "{tickets:#?}");
            assert!(tickets.iter().all(|it| it.summary.starts_with(title)));
            for alert in &raised {
                bundle.liongard.close(*alert).unwrap();
            }
            bundle.run_until_quiet().await;
            let tickets = bundle.halo.tickets();
            assert!(tickets.iter().all(|it| it.closed), "{tickets:#?}");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_under_a_replaced_title_leads_to_no_second_ticket() {
    let mut setup = Setup::managed();
    setup.halo.title_rule = Some(TitleRule {
        title: "Monitoring alert".to_owned(),
        can_be_skipped: false,
    });
    let mut bundle = Scenario::start(setup).await;
    bundle
        .halo
        .faults()
        .next("POST /Tickets", Fault::DropResponse);
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_for(Duration::from_secs(3600)).await;
    assert_eq!(bundle.halo.tickets().len(), 1);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_new_prefix_leaves_the_tickets_there_are_as_they_are() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.run_for(Duration::from_secs(600)).await;
    let mut renamed = bundle.setup.policy();
    renamed.key_prefix = "ACME".to_owned();
    bundle.set_policy(renamed);
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.halo.stats().creates.len(), 1);
}

#[tokio::test]
async fn a_lost_store_finds_tickets_under_a_former_prefix() {
    for former in [vec!["LG".to_owned()], Vec::new()] {
        let mut bundle = Scenario::managed().await;
        let (alert, ticket) = with_ticket(&mut bundle).await;
        let mut renamed = bundle.setup.policy();
        renamed.key_prefix = "ACME".to_owned();
        renamed.former_prefixes = former.clone();
        bundle.set_policy(renamed);
        bundle.run_for(Duration::from_secs(600)).await;
        bundle.lose_the_store().await;
        bundle.run_for(Duration::from_secs(3600)).await;
        let link = bundle.link(alert).await.unwrap();
        let is_first = link.ticket.unwrap().get() == ticket.unsigned_abs();
        assert_eq!(is_first, !former.is_empty(), "{former:?}");
    }
}

#[tokio::test]
async fn the_first_start_does_not_say_that_the_config_has_changed() {
    let mut bundle = Scenario::managed().await;
    bundle.run_until_quiet().await;
    let said = bundle.logs.text();
    assert!(
        said.contains("config_first_used") && !said.contains("config_changed"),
        "{said}"
    );
    let mut policy = bundle.setup.policy();
    policy.former_prefixes = vec!["OLD".to_owned()];
    bundle.set_policy(policy);
    bundle.run_for(Duration::from_secs(120)).await;
    assert!(bundle.logs.text().contains("config_changed"));
}
