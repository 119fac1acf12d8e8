//! Numbers that only Liongard's wire knows.

use std::fmt;

/// Makes a newtype of the number the vendor uses.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Wraps the number the vendor uses.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number the vendor uses.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A kind of inspector. Numbers differ by tenant for all we know: resolve by name.
    InspectorId
);
id!(
    /// A rule that raises alerts.
    RuleId
);
