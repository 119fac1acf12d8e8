#![doc = include_str!("../README.md")]

mod aws;
pub mod batch;
pub mod cycle;
mod deadline;
mod deadline_aware_budget;
mod deadline_guard;
mod error;
mod instance;
mod lanes;
mod metrics;
mod platform;
mod setup;
pub mod telemetry;
mod vendors;

pub use aws::Aws;
pub use deadline::{Deadline, Reserves, deadline};
pub use deadline_aware_budget::DeadlineAwareBudget;
pub use deadline_guard::DeadlineGuard;
pub use error::FunctionError;
pub use instance::{FunctionEnv, FunctionReconciler, Instance, Invocation, NotReady};
pub use lanes::Lanes;
pub use metrics::InvocationMetrics;
pub use platform::{AppliedConfig, Platform, Resources, SecretName};
pub use setup::{SetUpError, SetUpFault};
