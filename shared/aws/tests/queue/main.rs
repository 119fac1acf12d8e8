//! The queues, over the wire: what the port promises, and what only SQS can do to us.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod deaths;
mod faults;
mod handed;
mod limits;
mod sender;

use bench::OnSqs;
use halogard_conformance::suite;

suite!(OnSqs: queue);
