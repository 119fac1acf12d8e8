//! Open tickets that share the key of one alert.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use halogard_domain::ids::{AlertId, StatusId, TicketId};
use halogard_domain::key::KeySecret;
use halogard_domain::ticket::Existence;
use halogard_domain::{LinkKey, Ticket};
use halogard_operations::verify::duplicates;

use support::vendors::Tickets;
use support::{NOW, filled_store, pair, policy};

/// A ticket whose title holds the key of `alert`, signed with the secret of the filled store or with another one.
fn keyed(id: u64, alert: u64, recurrence: u32, is_ours: bool) -> Ticket {
    let secret = KeySecret::new([if is_ours { 7 } else { 8 }; KeySecret::BYTES]);
    let key = secret.sign(LinkKey {
        prefix: LinkKey::DEFAULT_PREFIX.into(),
        alert: AlertId::new(alert),
        recurrence,
    });
    Ticket {
        id: TicketId::new(id),
        summary: format!("{} Disk full", key.marker()),
        ..pair(alert, "new", 1, &policy()).observed_ticket.unwrap()
    }
}

#[tokio::test]
async fn open_tickets_that_share_a_proven_key_are_listed_with_the_one_to_keep() {
    let (store, _folder) = filled_store().await;
    let closed = Ticket {
        status: StatusId::new(9),
        ..keyed(3002, 3, 1, true)
    };
    let deleted = Ticket {
        existence: Existence::Deleted,
        ..keyed(4002, 4, 1, true)
    };
    let desk = Tickets::of([
        // The pair's own is not the oldest.
        keyed(900, 1, 1, true),
        keyed(1001, 1, 1, true),
        keyed(2001, 1, 2, true),
        // Neither is linked: the older one stays.
        keyed(2050, 50, 1, true),
        keyed(2051, 50, 1, true),
        // Nothing to do.
        keyed(1002, 2, 1, true),
        keyed(2002, 2, 1, false),
        keyed(1003, 3, 1, true),
        closed,
        keyed(1004, 4, 1, true),
        deleted,
    ]);
    let answer = duplicates(&store, &desk, NOW).await.unwrap();
    let groups: Vec<_> = answer
        .groups
        .iter()
        .map(|group| {
            let others: Vec<u64> = group.others.iter().map(|it| it.get()).collect();
            (group.alert.get(), group.keep.get(), others)
        })
        .collect();
    let expected: [(u64, u64, Vec<u64>); 2] = [(1, 1001, vec![900, 2001]), (50, 2050, vec![2051])];
    assert_eq!(groups, expected);
    assert_eq!(answer.tickets, 11);
}
