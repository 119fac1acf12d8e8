//! The table keeps what the ports promise.

mod support;

use halogard_conformance::suite;
use support::DynamoDbFixture;

suite!(DynamoDbFixture: links, links_with_journal, alert_index, values, leases, records, journal, notifications, retention);
