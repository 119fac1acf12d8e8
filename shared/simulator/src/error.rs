//! Why an action on the simulators failed.

/// An action on a simulator failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// There is no such ticket, or it was deleted.
    #[error("there is no ticket {0}")]
    NoSuchTicket(i64),
    /// There is no such ticket status.
    #[error("there is no ticket status {0}")]
    NoSuchStatus(i64),
    /// There is no such agent.
    #[error("there is no agent {0}")]
    NoSuchAgent(i64),
    /// There is no such API application.
    #[error("there is no API application {0}")]
    NoSuchApplication(String),
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    NoSuchWebhook(String),
    /// There is no such alert.
    #[error("there is no alert {0}")]
    NoSuchAlert(i64),
    /// There is no such environment.
    #[error("there is no environment {0}")]
    NoSuchEnvironment(i64),
    /// The environment has no launchpoint of that inspector.
    #[error("environment {environment} has no launchpoint of inspector {inspector}")]
    NoSuchInspector {
        /// The environment.
        environment: i64,
        /// The inspector's name.
        inspector: String,
    },
    /// The simulated vendor itself refused, in its own words.
    #[error("refused: {0}")]
    Refused(String),
}
