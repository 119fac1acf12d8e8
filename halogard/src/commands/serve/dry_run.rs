//! `serve --dry-run`: which tickets the first poll would open.

use std::process::ExitCode;

use halogard_app::ports::Clock as _;
use halogard_domain::start::UNDECIDED_MAX;
use halogard_domain::words::{agreeing, counted};
use halogard_operations::day_one::{self, DayOneAnswer};
use halogard_runtime::SystemClock;

use crate::connect::NetworkReconciler;
use crate::page::{self, Cell, Mood, TextPage};

/// Prints what the open alerts would get.
pub(super) async fn run(
    reconciler: &NetworkReconciler<SystemClock>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (store, liongard) = (&reconciler.store, &reconciler.liongard);
    let (policy, now) = (reconciler.policy(), SystemClock.now());
    let answer = day_one::preview(store, liongard, &policy, now).await?;
    page::print(&answer, json, write_page)?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the answer on a page.
pub fn write_page(answer: &DayOneAnswer, page: &mut TextPage) {
    let rows = answer.customers.iter().map(|it| {
        let count = |count: usize, mood| match count {
            0 => Cell::new("-", Mood::Dim),
            count => Cell::new(count.to_string(), mood),
        };
        vec![
            it.environment.to_string().into(),
            it.customer.clone().into(),
            count(it.would_open, Mood::Good),
            count(it.undecided, Mood::Caution),
            count(it.watched, Mood::Plain),
            count(it.waiting, Mood::Caution),
            count(it.have_ticket, Mood::Plain),
            it.oldest
                .map(|at| at.to_string())
                .unwrap_or_default()
                .into(),
        ]
    });
    let headings = [
        "environment",
        "customer",
        "tickets",
        "to be chosen",
        "watched",
        "wait",
        "have one",
        "oldest alert",
    ];
    page.rows(&headings, rows.collect());
    page.line(format!(
        "{}: {} would be opened",
        counted(answer.open_alerts, "open alert"),
        counted(answer.would_open, "ticket")
    ));
    if answer.must_choose {
        page.line(Cell::new(
            format!(
                "{} {} no ticket until the config says which of them do, because they are more than \
                 {UNDECIDED_MAX}: [start] tickets_for = \"all\", \"new alerts only\" or \"since 2026-11-01\"",
                counted(answer.undecided, "alert"),
                agreeing(answer.undecided, "gets", "get")
            ),
            Mood::Caution,
        ));
    }
}
