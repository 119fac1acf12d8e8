//! Liongard's alerts as they were listed.

use halogard_wire::UnreadableRow;

use super::list_reader::Arrived;
use super::task::TaskRow;

/// Alerts, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// The readable ones, in Liongard's order.
    pub alerts: Vec<TaskRow>,
    /// The others. Their alerts are neither gone nor closed.
    pub unreadable: Vec<UnreadableRow>,
}

impl From<Arrived<TaskRow>> for Tasks {
    fn from(arrived: Arrived<TaskRow>) -> Self {
        Self {
            alerts: arrived.rows,
            unreadable: arrived.unreadable,
        }
    }
}
