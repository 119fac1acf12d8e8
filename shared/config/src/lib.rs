#![doc = include_str!("../README.md")]

mod check;
mod difference;
mod edit;
mod fields;
mod findings;
mod load;
mod policy;
mod problem;
mod schema;
mod settings;
mod source;
mod spec;
mod starter;
mod suggestion;
mod syntax;
mod table_path;

use std::collections::BTreeMap;

use halogard_domain::Policy;

use crate::fields::Fields;
use crate::findings::Findings;
use crate::source::SourceText;

pub use difference::{ConfigDifference, differences};
pub use edit::{CustomerEntries, CustomerEntry, EditError, with_customers, with_settings};
pub use load::{FILE_BYTES_MAX, LoadError, load};
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use starter::{starter, starter_without_customers};
pub use suggestion::nearest;

/// A checked config file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The operator's policy.
    pub policy: Policy,
    /// Settings in the file, by the names of their environment variables.
    pub settings: BTreeMap<String, String>,
    /// What is valid but probably not intended.
    pub warnings: Vec<Problem>,
    /// The text of the file.
    pub text: String,
}

/// Parses and checks `text`. `source_name` is its name in problems.
///
/// # Errors
///
/// Everything that is wrong with the file: if it is not TOML, the positions where it is not;
/// otherwise all keys and values that are missing, unknown or contradictory, in the order of the
/// file.
pub fn parse(source_name: &str, text: &str) -> Result<Config, Problems> {
    let source = SourceText::new(source_name, text);
    let file = syntax::read(&source)?;
    let mut findings = Findings::new(&source);
    check::file(file.get_ref(), &spec::file(), &mut findings);
    let fields = Fields::of_file(file.get_ref());
    let policy = policy::read(&fields, &mut findings);
    let settings = settings::read(&fields);
    let (errors, warnings) = findings.finish();
    match policy {
        Some(policy) if errors.is_empty() => Ok(Config {
            policy,
            settings,
            warnings,
            text: text.to_owned(),
        }),
        _ => Err(Problems::new(errors)),
    }
}
