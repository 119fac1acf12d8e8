//! Prints the JSON schema of the config file: `cargo run -p halogard-config --example schema >
//! docs/halogard.schema.json`.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", halogard_config::schema())
}
