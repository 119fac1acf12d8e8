//! The environment variables of this process.

/// The variable `name` of this process, if it is text.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the functions' own names, which are no settings an operator writes"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
