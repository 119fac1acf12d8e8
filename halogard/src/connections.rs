//! The places for connections of one address. When every place is taken, the connection whose last request began
//! longest ago makes room for the new one, unless that is an authentic delivery: connections that are idle, or
//! whose senders are not authentic, keep no delivery out, however many they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The places for connections.
pub struct Places {
    max: usize,
    taken: Mutex<Taken>,
}

/// The places that are taken.
#[derive(Default)]
struct Taken {
    count: usize,
    /// Numbers connections in the order in which they, or their last request, began.
    next: u64,
    /// Connections that may have to make room, the one that began longest ago first.
    replaceable: BTreeMap<u64, Arc<Notify>>,
}

impl Places {
    /// Places for `max` connections.
    pub fn new(max: usize) -> Self {
        Self {
            max,
            taken: Mutex::default(),
        }
    }

    /// Takes a place. If none is free, the replaceable connection that began longest ago makes room; `None` if
    /// every connection is busy.
    pub fn take(places: &Arc<Self>) -> Option<Arc<ConnectionSlot>> {
        let mut taken = places.taken();
        if taken.count >= places.max {
            let (_, longest_ago) = taken.replaceable.pop_first()?;
            longest_ago.notify_one();
        }
        taken.count += 1;
        let make_room = Arc::new(Notify::new());
        let number = Mutex::new(Some(taken.enter(&make_room)));
        drop(taken);
        Some(Arc::new(ConnectionSlot {
            places: Arc::clone(places),
            make_room,
            number,
        }))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Enters a connection as one that begins now.
    fn enter(&mut self, make_room: &Arc<Notify>) -> u64 {
        self.next += 1;
        self.replaceable.insert(self.next, Arc::clone(make_room));
        self.next
    }
}

/// The place of one connection.
pub struct ConnectionSlot {
    places: Arc<Places>,
    /// Notified when the connection has to end.
    make_room: Arc<Notify>,
    /// Its number while it is replaceable.
    number: Mutex<Option<u64>>,
}

impl ConnectionSlot {
    /// Waits until the connection has to make room.
    pub async fn make_room(&self) {
        self.make_room.notified().await;
    }

    /// A request begins on the connection.
    pub fn begin_request(&self) {
        self.leave();
        self.enter();
    }

    /// Makes the connection the last one to make room.
    fn enter(&self) {
        *self.number() = Some(self.places.taken().enter(&self.make_room));
    }

    /// The connection does not have to make room any more.
    fn leave(&self) {
        if let Some(number) = self.number().take() {
            self.places.taken().replaceable.remove(&number);
        }
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.leave();
        self.places.taken().count -= 1;
    }
}

/// The connection on which a request came.
#[derive(Clone)]
pub struct RequestConnection(pub Arc<ConnectionSlot>);

impl RequestConnection {
    /// The connection is busy, and makes no room, until the guard is dropped.
    pub fn keep(&self) -> BusyConnection<'_> {
        self.0.leave();
        BusyConnection(&self.0)
    }
}

/// A connection with an authentic delivery.
pub struct BusyConnection<'a>(&'a ConnectionSlot);

impl Drop for BusyConnection<'_> {
    fn drop(&mut self) {
        self.0.enter();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_asked_to_leave(place: &ConnectionSlot) -> bool {
        let mut notified = std::pin::pin!(place.make_room.notified());
        notified.as_mut().enable()
    }

    #[test]
    fn the_connection_that_began_longest_ago_makes_room_and_a_busy_one_never_does() {
        let places = Arc::new(Places::new(3));
        let [first, second, third] = [(); 3].map(|()| Places::take(&places).expect("free"));
        let connection = RequestConnection(Arc::clone(&first));
        let busy = connection.keep();
        second.begin_request();
        let fourth = Places::take(&places).expect("the third makes room");
        assert!(is_asked_to_leave(&third));
        drop(third);
        let connection = RequestConnection(Arc::clone(&fourth));
        let busy_too = connection.keep();
        let fifth =
            Places::take(&places).expect("the second makes room, with its request under way");
        assert!(is_asked_to_leave(&second));
        drop(second);
        let connection_too = RequestConnection(Arc::clone(&fifth));
        let busy_as_well = connection_too.keep();
        assert!(Places::take(&places).is_none(), "all are busy");
        drop(busy_too);
        Places::take(&places).expect("the fourth makes room");
        assert!(is_asked_to_leave(&fourth));
        drop((busy, busy_as_well));
    }

    #[test]
    fn every_place_is_free_again_when_its_connection_has_ended() {
        let places = Arc::new(Places::new(2));
        let first = Places::take(&places).expect("free");
        let connection = RequestConnection(Arc::clone(&first));
        drop(connection.keep());
        drop((first, connection));
        assert_eq!(places.taken().count, 0);
        assert!(places.taken().replaceable.is_empty());
    }
}
