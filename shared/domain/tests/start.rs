//! Day one, row by row: which already-open alerts get tickets.

mod support;

use halogard_domain::ids::EnvironmentId;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::plan::Step;
use halogard_domain::policy::ParkReason;
use halogard_domain::start::{
    Arrival, CustomerStarts, StartVerdict, TicketsFor, UNDECIDED_MAX, start_verdict,
};
use halogard_domain::{Timestamp, plan};

const BEFORE: Option<Arrival> = Some(Arrival::BeforeStart { undecided: 1 });
const FEW: Option<Arrival> = Some(Arrival::BeforeStart {
    undecided: UNDECIDED_MAX,
});
const MANY: Option<Arrival> = Some(Arrival::BeforeStart {
    undecided: UNDECIDED_MAX + 1,
});
const AFTER: Option<Arrival> = Some(Arrival::AfterStart);
const REQUESTED: Option<Arrival> = Some(Arrival::TicketRequested);

#[test]
fn the_operators_choice_and_the_alerts_arrival_decide() {
    let alert = support::alert();
    let earlier = Timestamp::from_millis(alert.raised_at.as_millis() - 1);
    let later = Timestamp::from_millis(alert.raised_at.as_millis() + 1);
    let (ticket, unknown) = (StartVerdict::Ticket, StartVerdict::NotKnown);
    let watched = StartVerdict::NoTicket(ParkReason::BeforeStart);
    let undecided = StartVerdict::NoTicket(ParkReason::StartUndecided);
    let all = Some(TicketsFor::All);
    let since = |at| Some(TicketsFor::Since(at));
    let new = Some(TicketsFor::NewAlerts);
    let rows = [
        (all, None, ticket),
        (all, MANY, ticket),
        (all, AFTER, ticket),
        (since(earlier), None, ticket),
        (since(earlier), MANY, ticket),
        (since(alert.raised_at), BEFORE, ticket),
        (since(later), BEFORE, watched),
        (since(later), AFTER, watched),
        (since(later), None, watched),
        (since(later), REQUESTED, ticket),
        (new, None, unknown),
        (new, BEFORE, watched),
        (new, MANY, watched),
        (new, AFTER, ticket),
        (new, REQUESTED, ticket),
        (None, None, unknown),
        (None, FEW, ticket),
        (None, MANY, undecided),
        (None, AFTER, ticket),
        (None, REQUESTED, ticket),
    ];
    for (choice, arrival, expected) in rows {
        let verdict = start_verdict(choice, &alert, arrival);
        assert_eq!(verdict, expected, "{choice:?}, {arrival:?}");
    }
    println!("day one: {} rows", rows.len());
}

#[test]
fn an_alert_arrives_before_or_after_its_customer_began() {
    let alert = support::alert();
    let mut starts = CustomerStarts {
        undecided: 7,
        ..CustomerStarts::default()
    };
    assert_eq!(starts.arrival(&alert), None);
    let environments = [alert.environment, EnvironmentId::new(1)];
    let later = Timestamp::from_millis(alert.raised_at.as_millis() + 1);
    assert_eq!(starts.begin(environments, later), environments.into());
    let before = Arrival::BeforeStart { undecided: 7 };
    assert_eq!(starts.arrival(&alert), Some(before));
    // A customer whose mapping was away for a while is not new.
    assert_eq!(
        starts.begin([alert.environment], alert.raised_at),
        [].into()
    );
    assert_eq!(starts.arrival(&alert), Some(before));
    assert_eq!(starts.arrival(&alert), Some(before));
    let earlier = Timestamp::from_millis(alert.raised_at.as_millis() - 1);
    starts.began.insert(alert.environment, earlier);
    assert_eq!(starts.arrival(&alert), AFTER);
}

#[test]
fn a_plan_opens_parks_or_waits_by_the_verdict() {
    let mut policy = support::policy(halogard_domain::policy::Mode::Managed);
    let now = support::at(1);
    let mut link = halogard_domain::Link::new(support::alert().id);
    link.observe_alert(support::alert());
    let steps = |link: &halogard_domain::Link, policy: &halogard_domain::Policy| {
        plan(link, link.observed_alert.as_ref(), None, policy, now)
    };
    policy.tickets_for = Some(TicketsFor::NewAlerts);
    assert!(link.lacks_arrival(&policy));
    assert!(matches!(steps(&link, &policy)[..], [Step::Wait(until)] if until > now));
    link.arrival = BEFORE;
    assert!(!link.lacks_arrival(&policy));
    let watched = [Step::Park(ParkReason::BeforeStart)];
    assert_eq!(steps(&link, &policy), watched);
    link.parked = Some(ParkReason::BeforeStart);
    assert_eq!(steps(&link, &policy), []);
    assert_eq!(pair_status(&link, &policy, now), PairStatus::WatchedOnly);

    policy.tickets_for = None;
    link.arrival = MANY;
    assert!(link.lacks_arrival(&policy), "the count may be another one");
    let waits = [Step::Park(ParkReason::StartUndecided)];
    assert_eq!(steps(&link, &policy), waits);
    link.parked = Some(ParkReason::StartUndecided);
    let parked = PairStatus::Parked(ParkReason::StartUndecided);
    assert_eq!(pair_status(&link, &policy, now), parked);

    // An alert that was over and is open again is a new one.
    link.terminal_reason = Some(halogard_domain::link::TerminalReason::NotNeeded);
    assert!(matches!(steps(&link, &policy)[..], [Step::Open(_)]));
    link.terminal_reason = None;
    for (choice, arrival) in [
        (None, REQUESTED),
        (None, FEW),
        (Some(TicketsFor::All), MANY),
    ] {
        policy.tickets_for = choice;
        link.arrival = arrival;
        assert!(matches!(steps(&link, &policy)[..], [Step::Open(_)]));
    }
}
