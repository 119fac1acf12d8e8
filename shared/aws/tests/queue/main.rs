//! The queues, over the wire: what the port promises, and what only SQS can do to us.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod event_source;
mod faults;
mod fixture;
mod limits;
mod sender;
mod worker_crashes;

use fixture::SqsFixture;
use halogard_conformance::suite;

suite!(SqsFixture: queue);
