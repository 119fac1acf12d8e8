//! The dialect that the vendors speak in every scenario of a run.

use std::sync::OnceLock;

use halogard_simulator::Dialect;

/// The variable that names it: sets and switches as `docs/dialects.md` lists them.
pub const DIALECT_VARIABLE: &str = "HALOGARD_TEST_DIALECT";

/// The variable that thins matrices: one of this many cases is run.
pub const STRIDE_VARIABLE: &str = "HALOGARD_TEST_STRIDE";

/// Of how many cases of a matrix one is run; 1 where the variable is not set.
///
/// # Panics
///
/// When it is not a number.
pub fn stride() -> usize {
    let given = std::env::var_os(STRIDE_VARIABLE);
    let given = given.map(|stride| stride.to_string_lossy().into_owned());
    let stride = given.map_or(1, |stride| stride.parse().expect("a number of cases"));
    stride.max(1)
}

/// The dialect of this run; the reference where the variable is not set.
///
/// # Panics
///
/// When there is no such dialect.
pub fn dialect_in_force() -> Dialect {
    static DIALECT: OnceLock<Dialect> = OnceLock::new();
    DIALECT
        .get_or_init(|| {
            let named = std::env::var_os(DIALECT_VARIABLE);
            let named = named.map(|name| name.to_string_lossy().into_owned());
            named.map_or_else(Dialect::reference, |name| {
                name.parse().unwrap_or_else(|error| panic!("{error}"))
            })
        })
        .clone()
}
