//! The collaborators of a reconciler, as one type parameter.

use crate::ports::{
    AlertIndex, AlertSource, Clock, DialectProbe, Inspectors, Journal, Leases, Links, NamedValues,
    Notifications, Pruning, Records, ServiceDesk, WorkQueue,
};

/// The environment of a [`Reconciler`](crate::Reconciler): which types it uses for HaloPSA, Liongard, the
/// store and the clock. It holds no value and is not a process environment; it is one type parameter in
/// place of four. Each program and each test has one implementation.
pub trait Env: Send + Sync + 'static {
    /// HaloPSA's tickets.
    type Desk: ServiceDesk + DialectProbe + 'static;
    /// Liongard's alerts and inspectors.
    type Liongard: Liongard + 'static;
    /// Pairs, queue, journal and everything else that outlives the process.
    type Store: Store + 'static;
    /// The time.
    type Clock: Clock + 'static;
}

/// Everything that is stored between two reconciliations.
pub trait Store:
    Links + AlertIndex + NamedValues + Leases + Records + WorkQueue + Journal + Notifications + Pruning
{
}

impl<S> Store for S where
    S: Links
        + AlertIndex
        + NamedValues
        + Leases
        + Records
        + WorkQueue
        + Journal
        + Notifications
        + Pruning
{
}

/// Liongard, as the reconciler needs it.
pub trait Liongard: AlertSource + Inspectors + DialectProbe {}

impl<L: AlertSource + Inspectors + DialectProbe> Liongard for L {}
