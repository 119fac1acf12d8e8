//! The table keeps what the ports promise.

mod support;

use halogard_conformance::suite;
use support::InTable;

suite!(InTable: links, told, alert_index, marks, leases, runs, storms, sweeps, tokens, journal, notifications);
