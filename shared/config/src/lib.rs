#![doc = include_str!("../README.md")]

mod check;
mod fields;
mod findings;
mod load;
mod nearest;
mod place;
mod policy;
mod problem;
mod schema;
mod settings;
mod shape;
mod source;
mod starter;
mod syntax;

use std::collections::BTreeMap;

use halogard_domain::Policy;

use crate::fields::Fields;
use crate::findings::Findings;
use crate::source::Source;

pub use load::{FILE_BYTES_MAX, LoadError, load};
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use starter::starter;

/// What a config file says, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the operator decided.
    pub policy: Policy,
    /// Settings the file names, by the names of their environment variables.
    pub settings: BTreeMap<String, String>,
    /// What works but is hardly meant.
    pub warnings: Vec<Problem>,
}

/// Reads `text`; `source_name` is what problems call it.
///
/// # Errors
///
/// Everything that is wrong with it: if it is not TOML, the places where it is not; otherwise all
/// keys and values that are missing, unknown or contradictory, in the order of the file.
pub fn parse(source_name: &str, text: &str) -> Result<Config, Problems> {
    let source = Source::new(source_name, text);
    let file = syntax::read(&source)?;
    let mut findings = Findings::new(&source);
    check::file(file.get_ref(), &shape::file(), &mut findings);
    let fields = Fields::of_file(file.get_ref());
    let policy = policy::read(&fields, &mut findings);
    let settings = settings::read(&fields);
    let (errors, warnings) = findings.finish();
    match policy {
        Some(policy) if errors.is_empty() => Ok(Config {
            policy,
            settings,
            warnings,
        }),
        _ => Err(Problems::new(errors)),
    }
}
